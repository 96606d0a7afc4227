"""Processes that can be killed: what they are asked, when they are ended, and that none outlives its parent."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError, ServiceBusy
from gateway.formats.isolated import Answer, opened, receive, send
from gateway.formats.isolation import Declined, Isolation, Stopped

WORK = """
    import os, sys, time
    from gateway.formats.isolated import Answer, Refused, opened

    def echo(descriptor, arguments):
        stream = opened(descriptor)
        yield Answer({"said": arguments["say"], "pid": os.getpid()}, (stream.read(), b"", b"more"))

    def tail(descriptor, arguments):
        stream = opened(descriptor)
        stream.seek(-3, 2)
        yield Answer({"kind": type(stream).__name__}, (stream.read(),))

    def refuse(descriptor, arguments):
        yield Answer({})
        raise Refused("is not wanted")

    def fail(descriptor, arguments):
        raise KeyError("secret")

    def sleep(descriptor, arguments):
        yield Answer({"before": True})
        time.sleep(60)

    def spin(descriptor, arguments):
        yield Answer({"pid": os.getpid()})
        while True:
            pass

    def devour(descriptor, arguments):
        held = []
        while True:
            held.append(bytes(1 << 20))

    def look(descriptor, arguments):
        try:
            with open(arguments["path"], "wb") as file:
                file.write(b"x" * 10)
            wrote = True
        except OSError:
            wrote = False
        yield Answer({"environment": sorted(os.environ), "wrote": wrote, "files": len(os.listdir("/proc/self/fd"))})

    OPERATIONS = {f.__name__: f for f in (echo, tail, refuse, fail, sleep, spin, devour, look)}
"""


@pytest.fixture(scope="module")
def module():
    """The name of a module with work, where the processes find it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "isolated_test_work.py").write_text(textwrap.dedent(WORK))
        sys.path.insert(0, folder)
        yield "isolated_test_work"
        sys.path.remove(folder)


@pytest.fixture
def work(module):
    return Isolation(module, processes=1, seconds=1.0, memory=256 << 20, waiting=1)


@pytest.fixture
def document():
    with tempfile.TemporaryFile() as file:
        file.write(b"octets")
        file.flush()
        yield file


def is_running(pid: int) -> bool:
    """Whether a process exists that is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ends_soon(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_answers_come_with_their_octets_and_the_process_stays(work, document):
    """The file is lent by its descriptor, whose position is left alone; two calls have one process."""
    document.seek(4)
    (first,) = work.run("echo", {"say": "ș"}, document.fileno())
    (second,) = work.run("echo", {"say": None}, document.fileno())
    assert first == Answer({"said": "ș", "pid": first.fields["pid"]}, (b"octets", b"", b"more"))
    assert second.fields == {"said": None, "pid": first.fields["pid"]}
    assert first.fields["pid"] != os.getpid()
    assert document.tell() == 4


def test_octets_of_every_size_arrive_in_their_order():
    """Large ones go alone and small ones together; what was announced otherwise is no message."""
    blobs = [b"", b"a" * 70_000, b"bc", b"", b"d" * 65_536, b"e" * 65_537, b"f" * 200_000, b""]
    near, far = socket.socketpair()
    with near, far:
        threading.Thread(target=send, args=(far, {"said": 1}, blobs), daemon=True).start()
        assert receive(near, 1 << 20) == ({"said": 1}, blobs)
        text = b'{"blobs": [3, 4]}'
        far.sendall(struct.pack(">II", len(text), 6) + text + b"abcdef")
        with pytest.raises(ValueError, match="announced"):
            receive(near, 1 << 20)


def test_large_files_are_read_by_position(work):
    """In pieces and never whole."""
    with tempfile.TemporaryFile() as file:
        file.seek(5 << 20)
        file.write(b"end")
        file.flush()
        (answer,) = work.run("tail", {}, file.fileno())
        assert answer == Answer({"kind": "BufferedReader"}, (b"end",))
        with opened(file.fileno()) as stream:
            stream.seek(-1, 2)
            assert stream.read() == b"d"
            with pytest.raises(ValueError):
                stream.seek(-1)


def test_a_refusal_crosses_with_its_reason(work, document):
    """And the process stays."""
    (before,) = work.run("echo", {"say": 1}, document.fileno())
    with pytest.raises(Declined) as caught:
        work.run("refuse", {}, document.fileno())
    assert caught.value.reason == "is not wanted"
    (after,) = work.run("echo", {"say": 1}, document.fileno())
    assert before == after


def test_a_failure_says_nothing_of_the_content(work, document):
    """An exception that nobody foresaw is no text for anybody."""
    with pytest.raises(Stopped) as caught:
        work.run("fail", {}, document.fileno())
    assert caught.value.reason == "cannot be read"


@pytest.mark.parametrize("name", ["sleep", "spin"])
def test_work_that_takes_too_long_is_ended_and_its_first_answers_are_kept(work, document, name):
    """By the clock, whether it computes or waits; the next call has another process."""
    began = time.monotonic()
    with pytest.raises(Stopped, match="cannot be read within 1 seconds") as caught:
        work.run(name, {}, document.fileno())
    assert time.monotonic() - began < 3
    assert len(caught.value.answers) == 1
    (answer,) = work.run("echo", {"say": 1}, document.fileno())
    if name == "spin":
        assert ends_soon(caught.value.answers[0].fields["pid"])
        assert answer.fields["pid"] != caught.value.answers[0].fields["pid"]


def test_work_that_takes_too_much_memory_is_ended(work, document):
    """Within its address space; the next call works."""
    with pytest.raises(Stopped, match="too much memory"):
        work.run("devour", {}, document.fileno())
    assert work.run("echo", {"say": 1}, document.fileno())


def test_a_process_that_is_killed_at_work_says_so_and_is_replaced(module, document):
    """By the system or an operator, in the middle."""
    patient = Isolation(module, processes=1, seconds=30.0)
    problems: list[Stopped] = []

    def ask() -> None:
        try:
            patient.run("sleep", {}, document.fileno())
        except Stopped as problem:
            problems.append(problem)

    (idle,) = patient.run("echo", {"say": 1}, document.fileno())
    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.2)
    os.kill(idle.fields["pid"], signal.SIGKILL)
    thread.join(5)
    (problem,) = problems
    assert problem.reason == "could not be read, because the process that read it was ended"
    assert len(problem.answers) == 1
    assert patient.run("echo", {"say": 1}, document.fileno())


def test_the_process_has_no_secrets_and_writes_nothing(work, document, monkeypatch, tmp_path):
    """Neither the environment's settings nor more files than its own, and no file of its making grows."""
    monkeypatch.setenv("GATEWAY_HSM_PIN", "1234")
    (answer,) = work.run("look", {"path": str(tmp_path / "x")}, document.fileno())
    assert "GATEWAY_HSM_PIN" not in answer.fields["environment"]
    assert answer.fields["wrote"] is False
    assert answer.fields["files"] <= 7


def test_more_callers_than_may_wait_are_sent_away(work, document):
    """One works, one waits, the third is told when to come again; the one that waited is served."""
    outcomes: list[object] = []

    def ask(name: str) -> None:
        try:
            outcomes.append(work.run(name, {"say": 1}, document.fileno()))
        except (ServiceBusy, Stopped) as problem:
            outcomes.append(problem)

    work.run("echo", {"say": 1}, document.fileno())
    threads = [threading.Thread(target=ask, args=(name,)) for name in ("sleep", "echo", "echo")]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join(10)
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds[0] == "ServiceBusy"
    assert min(kinds[1:]) in ("Stopped", "ServiceBusy")
    assert outcomes[0].retry_after_s == 1


def test_several_threads_share_several_processes(module, document):
    """Every caller has its own answer."""
    pool = Isolation(module, processes=2, seconds=10.0)
    said: list[int] = []

    def ask(number: int) -> None:
        for _ in range(20):
            (answer,) = pool.run("echo", {"say": number}, document.fileno())
            assert answer.fields["said"] == number
            said.append(answer.fields["pid"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(said) == 120
    assert 1 <= len(set(said)) <= 2


def test_a_process_is_replaced_after_many_uses(module, document):
    """So that what leaks does not add up."""
    pool = Isolation(module, processes=1, uses=2)
    pids = [pool.run("echo", {"say": 1}, document.fileno())[0].fields["pid"] for _ in range(4)]
    assert pids[0] == pids[1]
    assert pids[2] == pids[3]
    assert pids[1] != pids[2]


def test_a_fork_has_processes_of_its_own(module, document):
    """What the parent started is not the child's to use or to end (gunicorn forks its workers)."""
    pool = Isolation(module, processes=1)
    (before,) = pool.run("echo", {"say": 1}, document.fileno())
    child = os.fork()
    if child == 0:
        try:
            (answer,) = pool.run("echo", {"say": 1}, document.fileno())
            os._exit(0 if answer.fields["pid"] != before.fields["pid"] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    (after,) = pool.run("echo", {"say": 1}, document.fileno())
    assert after.fields["pid"] == before.fields["pid"]


def test_letting_go_ends_the_processes(module, document):
    """Without a word: the object is forgotten."""
    pool = Isolation(module)
    pid = pool.run("echo", {"say": 1}, document.fileno())[0].fields["pid"]
    assert is_running(pid)
    del pool
    assert ends_soon(pid)


PARENT = """
    import sys, tempfile, threading, time
    from gateway.formats.isolation import Isolation
    pool = Isolation("isolated_test_work", seconds=60.0)
    file = tempfile.TemporaryFile()
    (answer,) = pool.run("echo", {"say": 1}, file.fileno())
    print(answer.fields["pid"], flush=True)
    if sys.argv[1] == "at work":
        threading.Thread(target=pool.run, args=("spin", {}, file.fileno()), daemon=True).start()
    time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize(("state", "ending"), [("idle", "killed"), ("at work", "killed"), ("idle", "ended")])
def test_no_process_outlives_its_parent(module, state, ending):
    """However the parent ends, and whatever the process does at that time."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), state, "0.1" if ending == "ended" else "60"],
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        pid = int(parent.stdout.readline())
        if ending == "killed":
            time.sleep(0.3)
            assert is_running(pid)
            parent.kill()
        parent.wait(10)
        assert ends_soon(pid)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


@pytest.mark.parametrize("name", ["no_such_module_at_all", "json"])
def test_work_that_cannot_be_imported_is_a_configuration_error(name, document):
    """Told with its cause, and told again at the next call."""
    broken = Isolation(name, processes=1)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"does not start: (ModuleNotFound|Attribute)Error"):
            broken.run("echo", {}, document.fileno())


def test_an_interpreter_that_is_missing_is_a_configuration_error(module, document, monkeypatch):
    """Nothing can be started there."""
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(ConfigurationError, match="no process can be started"):
        Isolation(module).run("echo", {}, document.fileno())
