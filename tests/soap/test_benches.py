"""The common form of benches: what a row says, what is written, and which sections of the page stay."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

BENCHES = Path(__file__).parents[2] / "benchmarks"
KEYS = ["work", "measured", "unit", "reference", "reference_measured", "ratio", "reach", "holds"]


@pytest.fixture(scope="module")
def run():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(BENCHES), *sys.path])
        spec = importlib.util.spec_from_file_location("benches_run", BENCHES / "run.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
        sys.modules.pop("tables", None)


def row(run, **changed):
    given = {"work": "a", "measured": 3.0, "unit": "ms", "reference": "x.y", "reference_measured": 1.5, "reach": 2.0}
    return run.Row(**{**given, **changed})


@pytest.mark.parametrize(
    ("changed", "ratio", "holds"),
    [
        ({}, 2.0, True),
        ({"measured": 3.0001}, 2.0000667, False),
        ({"measured": 0.9, "reference_measured": 1.0, "reach": 0.9, "at_least": True, "share": True}, 0.9, True),
        ({"measured": 0.89, "reference_measured": 1.0, "reach": 0.9, "at_least": True, "share": True}, 0.89, False),
        ({"measured": 7.0, "reference_measured": 1.0, "unit": "MB", "reach": 8.0, "absolute": True}, 7.0, True),
        ({"measured": 8.1, "reference_measured": 100.0, "unit": "MB", "reach": 8.0, "absolute": True}, 0.081, False),
    ],
)
def test_a_row_holds_by_what_it_is_judged_by(run, changed, ratio, holds):
    written = row(run, **changed).as_json()
    assert list(written) == KEYS
    assert written["ratio"] == pytest.approx(ratio)
    assert written["holds"] is holds


def test_a_file_of_rows_holds_a_list_of_objects(run, tmp_path):
    run.write_json(tmp_path / "rows", [row(run), row(run, work="b")])
    assert [one["work"] for one in json.loads((tmp_path / "rows").read_text())] == ["a", "b"]
    assert run.read_json(tmp_path / "rows")[0] == row(run).as_json()


def test_the_table_says_what_was_measured_and_against_what(run):
    table = run.markdown_rows([row(run, work="a | b"), row(run, unit="MB", absolute=True, measured=0.01234)])
    assert table.splitlines()[2:] == [
        "| a / b | 3.00 ms | 1.50 ms: x.y | ×2.00 | ≤ ×2 | yes |",
        "| a | 0.0123 MB | 1.50 MB: x.y | ×0.00823 | ≤ 2 MB | yes |",
    ]


def test_every_module_that_measures_is_a_bench(run):
    found = run.benches()
    assert {"job", "soap"} <= set(found)
    assert not {"run", "tables"} & set(found)


def test_the_page_keeps_what_is_no_benchs(run):
    former = "# Old\n\nby hand\n\n## B\n\nold b\n\n## Fuzzing\n\nfigures\n\n## The machine\n\nold\n"
    page = run.page(former, ["## A\n\nnew a\n", "## B\n\nnew b\n"])
    assert list(run.sections(page)) == ["The machine", "A", "B", "Fuzzing"]
    assert "new b" in page
    assert "old" not in page.lower().replace("threshold", "")
    assert page.endswith("## Fuzzing\n\nfigures\n")
    assert run.page(page, []).count("new b") == 1


def test_a_section_says_how_to_measure_it_again(run):
    class Bench:
        """Something."""

        TITLE = "A bench"

    text = run.section("it", Bench, [row(run)])
    assert text.startswith("## A bench\n\n`./gw bench it [--json FILE]`\n\nSomething.\n\n| work |")
