"""
``./gw fuzz verify``: spoiled signature files at the readers of XML and PDF.

Structured: good files changed where it may matter: bytes, numbers, names, whole parts moved, doubled, dropped or taken
from another file, and revisions appended to PDFs. Raw (atheris): the same files as a beginning, led by coverage. What
must hold of every answer is ``verify_targets``'s. A finding is written as a file that ``--again FILE`` throws once more.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.verify_targets import TARGETS, in_time

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 120_000
SECONDS_OF_ONE = 30

_TOKENS = {
    "xml": (
        b"<", b"</", b"/>", b"<!---->", b"<![CDATA[", b"]]>", b"<!DOCTYPE a [", b"&amp;", b"&#65;", b"&a;", b' Id="a"',
        b' URI="#a"', b' URI=""', b'URI="file:///etc/passwd"', b"xmlns:ds=", b"<ds:Object/>", b"<ds:Transforms>",
        b"http://www.w3.org/TR/1999/REC-xslt-19991116", b"http://www.w3.org/2000/09/xmldsig#hmac-sha1", b"\xef\xbb\xbf",
        b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", b"xml:id=", b"\0",
    ),
    "pdf": (
        b"/ByteRange", b"/Contents", b"/Type /Sig", b"/V", b"/Kids [1 0 R]", b"/FT /Sig", b"obj", b"endobj", b"<<",
        b">>", b"stream\n", b"endstream", b"xref", b"trailer", b"startxref\n0\n%%EOF\n", b"%", b"(", b")", b"[", b"]",
        b"null", b"-1", b"0 0 R", b"1 0 R", b"99999999999", b"/DSS", b"/Perms", b"/Encrypt", b"/Prev 0", b"\r", b"\0",
    ),
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Throw; print kind, inputs, seed, seconds and what was found. Exit 1 where something was found."""
    options = argparse.ArgumentParser(
        prog="gw fuzz verify", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument("what", nargs="?", choices=tuple(TARGETS), help="one of them alone")
    options.add_argument("--seconds", type=int, metavar="N", help="for each kind (30, where nothing else is said)")
    options.add_argument("--inputs", type=int, metavar="N", help="of each kind; with --seconds, whichever ends first")
    options.add_argument("--seed", type=int, metavar="S", help="to throw the same again; without it a fresh one")
    options.add_argument("--kind", choices=("structured", "raw"), help="one kind alone")
    options.add_argument("--again", type=Path, metavar="FILE", help="throw a finding once more, and nothing else")
    given = options.parse_args(arguments)
    chosen = [given.what] if given.what else list(TARGETS)
    if given.again is not None:
        return again(given.again, chosen)
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1, 2**31)
    seconds = given.seconds if given.seconds or given.inputs else 30
    found = 0
    for what in chosen:
        if given.kind != "raw":
            found += structured(what, given.inputs, seconds, seed)
        if given.kind != "structured":
            found += raw(what, given.inputs, seconds, seed)
    return 1 if found else 0


def say(what, kind, inputs, seed, seconds, found, more=""):
    """One line for each kind."""
    print(f"{what} {kind}: {inputs} inputs, seed {seed}, {seconds:.0f} seconds, found {found}{more}", flush=True)


def structured(what, inputs, seconds, seed):
    """Good files changed; how many showed something. It goes on after a finding, up to ten."""
    target, found, done, believed, began = TARGETS[what](), 0, 0, 0, time.monotonic()
    chance = random.Random(seed)
    while (inputs is None or done < inputs) and (seconds is None or time.monotonic() - began < seconds):
        data = changed(what, target.samples, chance)
        done += 1
        try:
            with in_time():
                believed += target.check(data)
        except Exception as finding:  # noqa: BLE001 - whatever it is, it is what was looked for
            found += 1
            print(f"{what} structured: {type(finding).__name__}: {finding}: {kept(what, data)}", file=sys.stderr)
            if found == 10:
                break
    say(what, "structured", done, seed, time.monotonic() - began, found, f", {believed} as good as before")
    return found


def kept(what, data):
    """The file that a finding is written to."""
    with tempfile.NamedTemporaryFile(prefix="finding-", suffix=f".{what}", delete=False) as file:
        file.write(data)
    return file.name


def again(path, chosen):
    """Throw one file once more."""
    data = path.read_bytes()
    for what in chosen:
        with in_time():
            print(f"{what}: {'as good as before' if TARGETS[what]().check(data) else 'not believed'}")
    return 0


def changed(what, samples, chance):
    """One good file with one to six changes."""
    data = bytearray(chance.choice(samples))
    ways = [flip, number, token, drop, double, swap, splice, fill]
    if what == "pdf":
        ways += [append, contents, stretch, flip]
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        chance.choice(ways)(data, chance, samples, _TOKENS[what])
        del data[LONGEST:]
    return bytes(data)


def _place(data, chance):
    """Anywhere, but half of the time beside what is not hexadecimal or base64 by the thousand."""
    if chance.random() < 0.5:
        marks = [found.start() for found in re.finditer(rb"[</ ][A-Za-z]", data)]
        if marks:
            return chance.choice(marks) + chance.randrange(12)
    return chance.randrange(len(data) + 1)


def flip(data, chance, _samples, _tokens):
    """Another byte."""
    at = _place(data, chance)
    if at < len(data):
        data[at] = chance.choice((data[at] ^ 1 << chance.randrange(8), chance.randrange(256), 0x20, 0x30))


def number(data, chance, _samples, _tokens):
    """Another number of the same length, or of another."""
    found = [one for one in re.finditer(rb"\d+", data) if one.end() - one.start() < 12]
    if found:
        one = chance.choice(found)
        value = int(one[0]) + chance.choice((-1, 1, 2, 100, -int(one[0]), 1 << 31, 10**10))
        text = b"%d" % value
        data[one.start() : one.end()] = text.rjust(len(one[0]), b"0") if chance.random() < 0.7 else text


def token(data, chance, _samples, tokens):
    """A word of the language, put in or over."""
    at, word = _place(data, chance), chance.choice(tokens)
    data[at : at + (len(word) if chance.random() < 0.5 else 0)] = word


def drop(data, chance, _samples, _tokens):
    """Less of it."""
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 8, 64, 1024, len(data)))]


def double(data, chance, _samples, _tokens):
    """A part twice."""
    at, size = _place(data, chance), chance.choice((1, 16, 200, 2000))
    data[at:at] = data[at : at + size]


def swap(data, chance, _samples, _tokens):
    """A part somewhere else."""
    at, to, size = _place(data, chance), _place(data, chance), chance.choice((4, 40, 400, 4000))
    part = bytes(data[at : at + size])
    del data[at : at + size]
    data[to:to] = part


def splice(data, chance, samples, _tokens):
    """A part of another good file."""
    other = chance.choice(samples)
    at, start, size = _place(data, chance), _place(other, chance), chance.choice((16, 256, 4096))
    data[at : at + chance.choice((0, size))] = other[start : start + size]


def fill(data, chance, _samples, _tokens):
    """A stretch of one byte."""
    at, size = _place(data, chance), chance.choice((1, 3, 30, 300))
    data[at : at + size] = bytes((chance.choice((0, 0x20, 0x30, 0x41, 0xFF)),)) * min(size, max(0, len(data) - at))


def append(data, chance, _samples, tokens):
    """A revision by hand that replaces some object with some other, or with words."""
    bodies = re.findall(rb"\d+ 0 obj\s*(.*?)\s*endobj", data, re.DOTALL) or [b"null"]
    numbers = [int(one) for one in re.findall(rb"(\d+) 0 obj", data)] or [1]
    previous = (re.findall(rb"startxref\s+(\d+)", data) or [b"0"])[-1]
    root = (re.findall(rb"/Root (\d+ \d+ R)", data) or [b"1 0 R"])[-1]
    replaced, body = chance.choice([*numbers, max(numbers) + 1]), bytearray(chance.choice(bodies)[:2000])
    for _ in range(chance.randrange(3)):
        chance.choice((flip, number, token, drop))(body, chance, (), tokens)
    start = len(data)
    data += b"%d 0 obj\n%s\nendobj\n" % (replaced, bytes(body))
    place = len(data)
    data += b"xref\n%d 1\n%010d 00000 n \n" % (replaced, chance.choice((start, start, chance.randrange(start + 1))))
    size = max(replaced, *numbers) + 1
    data += b"trailer\n<</Size %d/Root %s/Prev %s>>\nstartxref\n%d\n%%%%EOF\n" % (size, root, previous, place)


def contents(data, chance, _samples, _tokens):
    """Other digits in the signature's Contents."""
    found = re.search(rb"/Contents <([0-9a-f]{64,})", bytes(data))
    if found:
        at = chance.randrange(found.start(1), min(found.end(1), found.start(1) + 3000))
        data[at : at + 1] = b"%x" % chance.randrange(16)


def stretch(data, chance, _samples, _tokens):
    """Another ByteRange in the same room."""
    found = list(re.finditer(rb"/ByteRange \[([\d ]+)\] *", data))
    if found:
        one = chance.choice(found)
        numbers = [int(text) for text in one[1].split()]
        for _ in range(chance.choice((1, 2))):
            numbers[chance.randrange(len(numbers))] += chance.choice((-1, 1, -100, 100, 1000, len(data)))
        text = b"/ByteRange [" + b" ".join(b"%d" % value for value in numbers) + b"]"
        data[one.start() : one.end()] = text.ljust(one.end() - one.start())


def raw(what, inputs, seconds, seed):
    """Bytes led by coverage, in a process of their own; how many findings it ended with."""
    if importlib.util.find_spec("atheris") is None:
        print(f"{what} raw: not run, for atheris is not installed")
        return 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus, findings = Path(folder) / "corpus", Path(folder) / "finding-"
        corpus.mkdir()
        command = [
            sys.executable, "-m", "tests.fuzz.verify_raw", what, str(corpus), f"-artifact_prefix={findings}",
            f"-seed={seed}", f"-max_len={LONGEST}", f"-timeout={SECONDS_OF_ONE}", "-rss_limit_mb=3000",
            "-print_final_stats=1",
        ]  # fmt: skip
        command += [f"-runs={inputs}"] if inputs else []
        command += [f"-max_total_time={seconds}"] if seconds else []
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        text = done.stderr.decode("utf-8", "replace")
        counted = re.findall(r"number_of_executed_units: *(\d+)", text) or re.findall(r"^#(\d+)", text, re.MULTILINE)
        found = [kept(what, path.read_bytes()) for path in sorted(Path(folder).glob("finding-*"))]
        if done.returncode and not found:
            print(text[-3000:], file=sys.stderr)
        for path in found:
            print(f"{what} raw: {path}\n{text[-2000:]}", file=sys.stderr)
    failed = len(found) or int(bool(done.returncode))
    say(what, "raw", counted[-1] if counted else 0, seed, time.monotonic() - began, failed)
    return failed
