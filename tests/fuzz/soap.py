"""
``./gw fuzz soap``: messages at the SOAP front door, made by rules and raw.

Structured (Hypothesis): messages that are valid by the contract arrive as they were meant, and any change to one has a
clean fault or the right answer. Raw (atheris): bytes led by coverage of our own reader, beginning with the samples.
What must hold of every answer is ``soap_house``'s. A finding is written as a file that ``--again FILE`` throws once more.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hypothesis
from hypothesis import strategies as st

from tests.fuzz.soap_house import ACTION, CANARY, Finding, FuzzHouse
from tests.soap.messages import ACTION_HEADER, envelope
from tests.soap.test_batches import messages as batches
from tests.soap.test_properties import Writer, requests

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 500
"""Structured inputs between two looks at the clock."""

LONGEST = 20_000
SECONDS_OF_ONE = 20
"""What one raw input may take: far more than any does, for machines that others use too."""

_TOKENS = (
    "<", "</", "/>", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE a [", "<!ENTITY a 'b'>", "&a;", "&#0;", "&#x41;",
    "&amp;", "<?x?>", "xmlns=", "xmlns:i=", 'i:nil="true"', 'i:type="', 'href="#a"', "https://msign.gov.md", "====",
    "s:mustUnderstand=", "<Contents>", "<SignContent>", "<Content>", "<CorrelationID>", "<MultipleSignatures>", "<Name>",
    "<Name/>", "<VerificationContent>", "<Signature>", "<ExpectedSigner>", "<requestID>", "\xff\xfe", "\ufeff",
)  # fmt: skip


def main(arguments):
    """Throw; print kind, inputs, seed, seconds and what was found. Exit 1 where something was found."""
    options = argparse.ArgumentParser(
        prog="gw fuzz soap", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument("--seconds", type=int, metavar="N", help="for each kind (30, where nothing else is said)")
    options.add_argument("--inputs", type=int, metavar="N", help="of each kind; with --seconds, whichever ends first")
    options.add_argument("--seed", type=int, metavar="S", help="to throw the same again; without it a fresh one")
    options.add_argument("--kind", choices=("structured", "raw"), help="one kind alone")
    options.add_argument("--again", type=Path, metavar="FILE", help="throw a raw finding once more, and nothing else")
    given = options.parse_args(arguments)
    if given.again is not None:
        return again(given.again)
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1, 2**31)
    seconds = given.seconds if given.seconds or given.inputs else 30
    found = 0
    if given.kind != "raw":
        found += structured(given.inputs, seconds, seed)
    if given.kind != "structured":
        found += raw(given.inputs, seconds, seed)
    return 1 if found else 0


def say(kind, inputs, seed, seconds, found):
    """One line for each kind."""
    print(f"{kind}: {inputs} inputs, seed {seed}, {seconds:.0f} seconds, found {found}", flush=True)


def structured(inputs, seconds, seed):
    """Messages made by rules; how many of them showed something."""
    began, done = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        house = FuzzHouse(folder)
        while (inputs is None or done < inputs) and (seconds is None or time.monotonic() - began < seconds):
            size = min(AT_ONCE, inputs - done) if inputs is not None else AT_ONCE
            thrown = [0]
            try:
                _some(house, size, seed + done, thrown)
            except Exception as finding:  # noqa: BLE001 - whatever it is, it is what was looked for
                print(f"structured, seed {seed + done}: {type(finding).__name__}: {finding}", file=sys.stderr)
                for note in getattr(finding, "__notes__", ()):
                    print(note, file=sys.stderr)
                say("structured", done + thrown[0], seed, time.monotonic() - began, 1)
                return 1
            done += thrown[0]
    say("structured", done, seed, time.monotonic() - began, 0)
    return 0


def _some(house, size, seed, thrown):
    """*size* messages by *seed*; *thrown* counts them."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=size,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        print_blob=False,
    )
    @hypothesis.given(st.data())
    def throw(data):
        thrown[0] += 1
        one(house, data)

    throw()


def one(house, data):
    """One structured message. Raises ``Finding``."""
    strict = data.draw(st.booleans())
    match data.draw(st.integers(0, 3)):
        case 0:
            valid(house, data, strict=strict)
        case 1:
            body, operation = data.draw(batches())
            house.knock(body, strict=strict, twice=True, action=ACTION + operation)
        case 2:
            body, operation = data.draw(batches())
            house.knock(damaged(data, body), strict=strict, twice=True, action=ACTION + operation)
        case 3:
            body, _ = message(data)
            house.knock(damaged(data, body), strict=strict, step=data.draw(st.sampled_from([0, 0, 1, 7])))


def message(data):
    """A valid message, and what it means."""
    posted = data.draw(requests())
    written = Writer(data.draw).request(posted)
    return envelope(written, data.draw(st.sampled_from(["", ACTION_HEADER]))), posted


def valid(house, data, *, strict):
    """A valid message in some encoding arrives as it was meant."""
    body, posted = message(data)
    body = body.decode().encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))
    answer = house.knock(body, strict=strict, twice=True, action=f"{ACTION}PostSignRequest")
    if answer.status != 200:
        raise Finding(f"a valid message was refused: {answer.reason}")
    (arrived,) = house.doors[strict].operations.posted
    fields = ("content_type", "short_description", "description", "signature_reason", "expected_signer")
    for field in fields:
        if getattr(arrived, field) != getattr(posted, field):
            raise Finding(f"{field} arrived otherwise than it was meant")


PIECES = st.sampled_from([token.encode() for token in _TOKENS]) | st.binary(max_size=4) | st.just(CANARY.encode())


def damaged(data, body):
    """*body* with some pieces put in, taken out, doubled or moved: of bytes, or of whole elements."""
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        tags = [found.span() for found in re.finditer(rb"<[^<>]*>", changed)]
        if tags and data.draw(st.booleans()):
            begin = data.draw(st.sampled_from(tags))[0]
            end = data.draw(st.sampled_from(tags))[1]
        else:
            begin = data.draw(st.integers(0, len(changed)))
            end = begin + data.draw(st.integers(0, 20))
        begin, end = min(begin, end), max(begin, end)
        piece = bytes(changed[begin:end])
        match data.draw(st.integers(0, 3)):
            case 0:
                changed[begin:end] = data.draw(PIECES)
            case 1:
                del changed[begin:end]
            case 2:
                changed[end:end] = piece
            case 3:
                del changed[begin:end]
                at = data.draw(st.integers(0, len(changed)))
                changed[at:at] = piece
    return bytes(changed[:LONGEST])


def raw(inputs, seconds, seed):
    """Raw bytes; how many of them showed something. Says so where atheris is not to be had."""
    if importlib.util.find_spec("atheris") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        print(f"raw: not run, for atheris is not installed; it has no wheel for Python {version} on this machine")
        return 0
    with tempfile.TemporaryDirectory(prefix="fuzz-corpus-") as folder:
        corpus, artifacts = Path(folder) / "corpus", Path(folder) / "found"
        artifacts.mkdir()
        plant(corpus)
        tokens = Path(folder) / "tokens"
        tokens.write_text("".join(f'"{_escaped(token)}"\n' for token in _TOKENS), encoding="ascii")
        began = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.soap_raw",
            f"-seed={seed}",
            f"-max_len={LONGEST}",
            f"-dict={tokens}",
        ]
        command += [
            f"-timeout={SECONDS_OF_ONE}",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={artifacts}/",
            "-verbosity=0",
        ]
        command += [f"-runs={inputs if inputs is not None else -1}", f"-max_total_time={seconds or 0}"]
        command += ["-print_final_stats=1"]
        done = subprocess.run(
            [*command, str(corpus)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        counted = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
        found = sorted(artifacts.iterdir())
        if done.returncode and not found:
            print(output[-3000:], file=sys.stderr)
        for path in found:
            kept = Path(f"fuzz-soap-{path.name}")
            kept.write_bytes(path.read_bytes())
            print(output[-3000:], file=sys.stderr)
            print(f"raw: kept as {kept}; look at it with: ./gw fuzz soap --again {kept}", file=sys.stderr)
        failed = len(found) or (1 if done.returncode else 0)
        say("raw", int(counted.group(1)) if counted else 0, seed, time.monotonic() - began, failed)
        return failed


def again(file):
    """A raw input once more."""
    command = [sys.executable, "-m", "tests.fuzz.soap_raw", str(file.resolve())]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


def plant(corpus):
    """The project's sample messages, in some of the ways in which they can be sent."""
    corpus.mkdir()
    for path in sorted((ROOT / "samples" / "messages").glob("*.request.xml")):
        text = path.read_text(encoding="utf-8")
        for how, body in ((64, text.encode()), (65, text.encode()), (36, text.encode("utf-16-le"))):
            (corpus / f"{path.stem}-{how}").write_bytes(bytes([how]) + body)


def _escaped(token):
    """As libFuzzer's dictionaries write bytes."""
    return "".join(f"\\x{byte:02x}" for byte in token.encode("latin-1" if token == "\xff\xfe" else "utf-8"))
