"""The bench of signing names every row that it has to measure, once, in the words of the table."""

import ast
from pathlib import Path

BENCH = Path(__file__).parents[2] / "benchmarks" / "sign.py"
TABLE = (
    "XAdES-B RSA-2048 written, share of raw rate",
    "XAdES-B RSA-2048 written and read back, share of raw rate",
    "XAdES-B P-256 written, share of raw rate",
    "XAdES-B P-256 on SoftHSM2, one batch of 100 with its unwrap (PIN stretching aside), share of its raw rate",
    "100 XAdES-T with a TSA that answers after 20 ms, multiple of limit",
    "1000 XAdES-T with the same TSA, multiple of limit",
    "PAdES-B of 20 KB, multiple of limit",
    "PAdES-B of 50 MB with few objects, multiple of limit",
    "PAdES-B of 50 MB with 85 000 objects, multiple of limit",
    "PAdES-B of 50 MB, added peak memory in MB",
    "100 PAdES-T of 20 KB with the same TSA, multiple of limit",
    "worst timed row against EU DSS doing equal work (memory and SoftHSM2 rows aside), our time ÷ its time",
)


def tree():
    return ast.parse(BENCH.read_text(encoding="utf-8"))


def works():
    (given,) = (
        node.value
        for node in tree().body
        if isinstance(node, ast.Assign) and [target.id for target in node.targets if hasattr(target, "id")] == ["WORKS"]
    )
    return ast.literal_eval(given)


def called(name):
    return [
        node
        for node in ast.walk(tree())
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", None)) == name
    ]


def test_every_row_of_the_table_is_named_once_and_in_its_order():
    assert tuple(works().values()) == TABLE


def test_every_name_is_measured_once():
    """What is given to the methods that measure, and the rows that are made under a name of their own."""
    names = [call.args[0].value for call in (*called("hashes"), *called("large_document"))]
    names += [call.args[0].value for call in called("_multiple") if isinstance(call.args[0], ast.Constant)]
    numbers = {"BATCH": 100, "MOST": 1000}
    names += [
        f"xades-t-{getattr(call.args[0], 'value', None) or numbers[call.args[0].id]}"
        for call in called("stamped_hashes")
    ]
    names += [
        node.slice.value
        for node in ast.walk(tree())
        if isinstance(node, ast.Subscript)
        and getattr(node.value, "id", None) == "WORKS"
        and isinstance(node.slice, ast.Constant)
    ]
    assert sorted(names) == sorted(works())
