"""A list of files is answered row by row, whatever one of them is or does."""

from __future__ import annotations

import csv
import json
import os

import pytest

from gateway.commands import row_workers
from gateway.commands.manifest_rows import ManifestRow, RowUnusable, detached_contents, hashlib_name
from gateway.commands.row_workers import RowLimits, RowWorkers
from gateway.commands.scoring import agrees, reading_of
from gateway.commands.verification import TrustChoice, VerificationChoice
from gateway.demo import documents
from gateway.sandbox.layout import open_sandbox

KEYS = {"id", "valid", "indication", "sub_indication", "reasons", "signatures"}
SIGNATURE_KEYS = {
    "kind", "crypto_valid", "structure_valid", "trusted", "policy_met", "indication", "sub_indication", "level",
    "signer", "certificate_sha256", "signed_at", "covers_whole_document", "modified_after_signing", "qualification",
    "reasons",
}  # fmt: skip


@pytest.fixture
def folder(places, tmp_path):
    """A folder with a signed PDF, one that was spoilt, and one that is not signed."""
    sandbox = open_sandbox(places.sandbox_folder)
    signed = documents.signed_by_a_stranger(documents.letter("TEST", ["x"]), sandbox.stranger(), None)
    (tmp_path / "signed.pdf").write_bytes(signed)
    (tmp_path / "spoilt.pdf").write_bytes(signed.replace(b"%PDF-1.", b"%PDF-2.", 1))
    (tmp_path / "plain.pdf").write_bytes(documents.letter("TEST", ["x"]))
    return tmp_path


def manifest_of(folder, *rows, columns=("id", "file", "format", "detached", "expected", "reliability")):
    file = folder / "manifest.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    return file


def verify(run, folder, manifest, *more):
    out = folder / "out.jsonl"
    code, said, err = run(
        "verify", "--manifest", manifest, "--jsonl", out, "--trust", "self", "--jobs", "2", *more,
        "--config", folder / "none.toml", config=False,
    )  # fmt: skip
    return code, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()], said, err


def test_every_row_has_its_line_in_order_also_what_cannot_be_read(run, folder):
    os.mkfifo(folder / "pipe")
    (folder / "photo").write_bytes(b"\x89PNG")
    manifest = manifest_of(
        folder,
        {"id": "007", "file": "signed.pdf", "format": "pades"},
        {"id": "", "file": "signed.pdf", "format": "whatever"},
        {"id": " ș\n,", "file": "spoilt.pdf"},
        {"id": "4", "file": "plain.pdf"},
        {"id": "5", "file": "nowhere.pdf"},
        {"id": "6", "file": "pipe"},
        {"id": "7", "file": "."},
        {"id": "8", "file": "signed.pdf", "detached": "[{"},
        {"id": "9", "file": "signed.pdf", "detached": '[{"name": "a", "file": "nowhere"}]'},
        {"id": "10", "file": "photo"},
        {"id": "11", "file": ""},
        {"id": "12", "file": "signed.pdf", "format": "xades"},
    )
    code, lines, _, err = verify(run, folder, manifest)
    assert code == 0
    assert [line["id"] for line in lines] == ["007", "", " ș\n,", *map(str, range(4, 13))]
    assert all(set(line) == KEYS for line in lines)
    assert all(set(signature) == SIGNATURE_KEYS for line in lines for signature in line["signatures"])
    assert [line["valid"] for line in lines] == [True, True, *[False] * 10]
    assert lines[2]["signatures"][0]["crypto_valid"] is False
    assert [line["reasons"][0] for line in lines[3:]] == [
        "not-signed", "file-missing", "file-missing", "file-missing", "row-not-usable", "file-missing",
        "unknown-format", "row-not-usable", "unreadable",
    ]  # fmt: skip
    assert [lines[4][name] for name in ("indication", "sub_indication")] == ["INDETERMINATE", None]
    assert "12/12" in err


def test_rows_with_too_few_and_too_many_fields_are_answered(run, folder):
    manifest = folder / "odd.csv"
    manifest.write_text("id,file,format\na,signed.pdf\nb,signed.pdf,pades,x,y\n", encoding="utf-8")
    assert [line["valid"] for line in verify(run, folder, manifest)[1]] == [True, True]


def test_an_identifier_that_is_no_utf8_is_given_back(run, folder):
    manifest = folder / "bytes.csv"
    manifest.write_bytes(b"\xef\xbb\xbfid,file\n\xff\xfe,signed.pdf\n")
    assert verify(run, folder, manifest)[1][0]["id"] == "\udcff\udcfe"


def test_an_empty_list_is_answered_with_nothing(run, folder):
    assert verify(run, folder, manifest_of(folder))[:2] == (0, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [("id,path\n1,x\n", "has no column file"), ("", "has no column id"), ("file\nx\n", "has no column id")],
)
def test_a_list_without_its_columns_is_wrong_usage(run, tmp_path, text, said):
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    code, _, err = run("verify", "--manifest", tmp_path / "list.csv", "--jsonl", "out", "--trust", "self", config=False)
    assert (code, said in err) == (2, True)


def test_options_that_do_not_go_with_a_list_are_named(run, folder):
    manifest = manifest_of(folder)
    assert "needed with --manifest" in run("verify", "--manifest", manifest)[2]
    assert "names the files itself" in run("verify", "--manifest", manifest, "--jsonl", "out", "x.pdf")[2]
    code, _, err = run("verify", "--manifest", folder / "none.csv", "--jsonl", "out", "--trust", "self")
    assert (code, "none.csv: cannot be read" in err) == (2, True)


def test_settings_that_cannot_be_used_stop_the_run_before_it_begins(run, folder):
    manifest = manifest_of(folder, {"id": "1", "file": "signed.pdf"})
    code, _, err = run(
        "verify", "--manifest", manifest, "--jsonl", "out", "--config", folder / "none.toml", config=False
    )
    assert (code, "none.toml: cannot be read" in err) == (2, True)


def test_comparison_counts_and_names_every_difference(run, folder):
    manifest = manifest_of(
        folder,
        {"id": "a", "file": "signed.pdf", "format": "pades", "expected": "yes", "reliability": "A"},
        {"id": "b", "file": "spoilt.pdf", "format": "pades", "expected": "no", "reliability": "A"},
        {"id": "c", "file": "signed.pdf", "format": "pades", "expected": "no", "reliability": "B"},
        {"id": "d", "file": "plain.pdf", "format": "pades", "expected": "yes", "reliability": "B"},
    )
    code, _, said, _ = verify(run, folder, manifest, "--compare")
    assert code == 0
    assert "1 of 2 (50.0 %)" in said
    differing = [line.split()[0] for line in said.splitlines() if " expected " in line]
    assert differing == ["c", "d"]


HOLDS = {"crypto_valid": True, "structure_valid": None}
BROKEN = {"crypto_valid": True, "structure_valid": False}


@pytest.mark.parametrize(
    ("signatures", "reading"),
    [([], "no"), ([HOLDS], "yes"), ([HOLDS, HOLDS], "yes"), ([HOLDS, BROKEN], "mixed"), ([BROKEN], "no"),
     ([{"crypto_valid": None, "structure_valid": True}], "no")],
)  # fmt: skip
def test_a_row_reads_as_good_only_when_every_signature_holds(signatures, reading):
    facts = {"signatures": signatures}
    assert reading_of(facts) == reading
    assert agrees("yes", facts) is (reading == "yes")
    assert agrees("no", facts) is agrees("reject", facts) is (reading != "yes")


def detached(folder, text):
    return detached_contents(ManifestRow("1", str(folder), {"detached": text}))


def test_detached_contents_are_files_digests_or_the_signatures_own_word(tmp_path):
    (tmp_path / "data").write_bytes(b"signed")
    contents, as_stated = detached(
        tmp_path,
        '[{"name": "a", "file": "data"}, {"name": "", "digest_algorithm": "SHA-512", "digest_hex": "00ff"},'
        ' {"digest": "as stated by the signature"}]',
    )
    assert as_stated
    assert [content.name for content in contents] == ["a", None]
    with contents[0].open() as stream:
        assert stream.read() == b"signed"
    assert (contents[1].digest_algorithm, contents[1].digest) == ("sha512", b"\0\xff")
    assert detached(tmp_path, " ") == ([], False)


@pytest.mark.parametrize(
    "text",
    ["{", "{}", "[1]", '[{"name": 1, "file": "x"}]', '[{"name": "x"}]', "[" * 100_000,
     '[{"digest_algorithm": "SHA256", "digest_hex": "xyz"}]', '[{"file": "a\\u0000b"}]', '[{"file": ""}]'],
)  # fmt: skip
def test_detached_contents_that_are_none_are_refused(tmp_path, text):
    with pytest.raises(RowUnusable) as caught:
        detached(tmp_path, text)
    assert caught.value.key.value == "row-not-usable"


@pytest.mark.parametrize(
    ("written", "name"),
    [("SHA256", "sha256"), ("sha-1", "sha1"), ("SHA3-256", "sha3_256"), ("SHA3_512", "sha3_512"), ("SHA384", "sha384")],
)
def test_algorithms_have_hashlibs_names(written, name):
    assert hashlib_name(written) == name


# ------------------------------------------------------------------ processes


SELF = VerificationChoice("none.toml", None, TrustChoice.SELF, None)


def answers_of(limits, rows, monkeypatch, program, tmp_path):
    """What comes of *rows* when the process that answers them is *program*."""
    script = tmp_path / "worker.py"
    script.write_text(program, encoding="utf-8")
    start = row_workers.subprocess.Popen

    def started(command, **more):
        return start([command[0], str(script), command[-1]], **more)

    monkeypatch.setattr(row_workers.subprocess, "Popen", started)
    found = {}
    RowWorkers(SELF, limits).run(rows, found.__setitem__)
    return [found[index] for index in range(len(rows))]


PROGRAM = """
import json, os, sys, time
details = json.loads(sys.argv[1])
out = os.fdopen(details["answers"], "w")
print(json.dumps({"ready": True}), file=out, flush=True)
for line in os.fdopen(details["rows"], "rb"):
    row = json.loads(line)
    if row["id"] == "hang":
        if not os.fork():
            time.sleep(3600)
        os.wait()
    if row["id"] == "die":
        os.kill(os.getpid(), 11)
    if row["id"] == "babble":
        print("{not json", file=out, flush=True)
        continue
    print(json.dumps({"facts": {"id": row["id"], "valid": True, "pid": os.getpid()}}), file=out, flush=True)
"""


def rows_of(*identifiers):
    return [ManifestRow(one, "/", {"file": "x"}) for one in identifiers]


def test_a_row_that_hangs_or_crashes_is_answered_and_the_others_go_on(monkeypatch, tmp_path):
    limits = RowLimits(1, 2.0, 1 << 31)
    found = answers_of(limits, rows_of("1", "hang", "2", "die", "3", "babble", "4"), monkeypatch, PROGRAM, tmp_path)
    assert [one["id"] for one in found] == ["1", "hang", "2", "die", "3", "babble", "4"]
    assert [one["valid"] for one in found] == [True, False, True, False, True, False, True]
    assert [found[index]["reasons"] for index in (1, 3, 5)] == [
        ["out-of-time"],
        ["reader-stopped"],
        ["reader-stopped"],
    ]
    assert len({found[index]["pid"] for index in (0, 2, 4, 6)}) == 4


GREEDY = """
import sys
from gateway.commands import row_worker
answer = row_worker.answer_row
row_worker.answer_row = lambda operation, row: bytearray(1 << 33) if row.identifier == "greedy" else answer(operation, row)
sys.exit(row_worker.main(sys.argv[1:]))
"""


def test_a_row_that_eats_memory_is_answered_and_the_others_go_on(monkeypatch, tmp_path):
    found = answers_of(RowLimits(1, 60.0, 1 << 31), rows_of("1", "greedy", "2"), monkeypatch, GREEDY, tmp_path)
    assert [one["reasons"] for one in found] == [["file-missing"], ["reader-stopped"], ["file-missing"]]
