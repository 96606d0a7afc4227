"""
The inside of ``isolation``: one process that works on hostile documents, and what is spoken on its line.

A message is a JSON object with octets after it; a request may bring one open file. The process is limited in memory
and CPU, may write no file, has no network code, and ends when its line or its parent does.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import logging
import os
import resource
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NoReturn

OUT_OF_MEMORY = 12
"""Exit code of a process that had no memory left to say so."""

_HEAD = struct.Struct(">II")
_LARGEST_TEXT = 16 * 1024 * 1024
_LARGEST_REQUEST = 16 * 1024 * 1024
_READ_AT_ONCE = 4 * 1024 * 1024
_BUFFER = 128 * 1024
_SENT_ALONE = 64 * 1024  # octets from which a blob is not copied beside others
_SHARE_SPENT = 0.5  # of its memory that a process may have used once; a fresh one is better then
_POLL_MS = 1000
TOO_MUCH_MEMORY = "needs too much memory to be read"


class Refused(Exception):
    """Raised by the work to refuse a document; *reason* is plain English without content, and crosses the line."""

    def __init__(self, reason: str) -> None:
        """*reason* for the caller."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """*fields* that JSON can carry, and *blobs* of octets."""

    fields: dict[str, Any]
    blobs: tuple[bytes, ...] = ()


Operation = Callable[[int, Mapping[str, Any]], Iterator[Answer]]
"""Takes a descriptor to read by position, and arguments; answers as often as it likes."""


def send(line: socket.socket, message: dict[str, Any], blobs: Sequence[bytes], descriptor: int | None = None) -> None:
    """Write one message, with *descriptor* lent beside it. Raises ``OSError``."""
    text = json.dumps({**message, "blobs": [len(blob) for blob in blobs]}).encode()
    head = _HEAD.pack(len(text), sum(len(blob) for blob in blobs))
    if descriptor is None:
        line.sendall(head)
    else:
        socket.send_fds(line, [head], [descriptor])
    small = [text]
    for blob in blobs:
        if len(blob) > _SENT_ALONE:
            line.sendall(b"".join(small))
            line.sendall(blob)
            small = []
        else:
            small.append(blob)
    line.sendall(b"".join(small))


def receive(line: socket.socket, most: int) -> tuple[dict[str, Any], list[bytes]]:
    """Read one message of at most *most* octets. Raises ``OSError``, ``EOFError``, ``ValueError``."""
    return _body(line, _exactly(line, _HEAD.size), most)


def _receive_request(line: socket.socket) -> tuple[dict[str, Any], int]:
    """A request and the descriptor that came with it, which is now ours to close."""
    head, descriptors, _, _ = socket.recv_fds(line, _HEAD.size, 1)
    if not head or not descriptors:
        raise EOFError
    head += _exactly(line, _HEAD.size - len(head))
    message, _ = _body(line, head, _LARGEST_REQUEST)
    return message, descriptors[0]


def _body(line: socket.socket, head: bytes, most: int) -> tuple[dict[str, Any], list[bytes]]:
    text_length, blob_length = _HEAD.unpack(head)
    if text_length > _LARGEST_TEXT or blob_length > most:
        raise ValueError("message too large")
    message = json.loads(_exactly(line, text_length))
    lengths = [int(length) for length in message.pop("blobs")]
    if min(lengths, default=0) < 0 or sum(lengths) != blob_length:
        raise ValueError("not the octets that were announced")
    blobs: list[bytes] = []
    while len(blobs) < len(lengths):
        if lengths[len(blobs)] > _SENT_ALONE:
            blobs.append(_exactly(line, lengths[len(blobs)]))
            continue
        together = list(takewhile(lambda length: length <= _SENT_ALONE, lengths[len(blobs) :]))
        octets, start = _exactly(line, sum(together)), 0
        for length in together:
            blobs.append(octets[start : start + length])
            start += length
    return message, blobs


def _exactly(line: socket.socket, length: int) -> bytes:
    if length <= _SENT_ALONE:
        return _in_pieces(line, length)
    octets = bytearray(length)
    view, filled = memoryview(octets), 0
    while filled < length:
        count = line.recv_into(view[filled:])
        if not count:
            raise EOFError
        filled += count
    return bytes(octets)


def _in_pieces(line: socket.socket, length: int) -> bytes:
    pieces = []
    while length:
        piece = line.recv(length)
        if not piece:
            raise EOFError
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


class _ByPosition(io.RawIOBase):
    """An open file read from a position of our own, for its descriptor is shared with somebody who reads it too."""

    def __init__(self, descriptor: int, size: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("before the beginning")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def opened(descriptor: int) -> io.BytesIO | io.BufferedReader:
    """The file of *descriptor* as a stream: small ones from memory, large ones in pieces. The descriptor stays open."""
    size = os.fstat(descriptor).st_size
    if size <= _READ_AT_ONCE:
        return io.BytesIO(os.pread(descriptor, size, 0))
    return io.BufferedReader(_ByPosition(descriptor, size), _BUFFER)


def serve(details: Mapping[str, Any]) -> NoReturn:
    """Be the process: import the work, then answer until the line or the parent ends."""
    line = socket.socket(fileno=details["line"])
    _limit_once(details["memory"])
    logging.disable(logging.CRITICAL)
    try:
        operations: Mapping[str, Operation] = importlib.import_module(details["module"]).OPERATIONS
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent tells the operator
        send(line, {"error": f"{type(error).__name__}: {error}"}, ())
        os._exit(1)
    _forbid_writing()
    threading.Thread(target=_watch, args=(details["line"], details["parent"]), daemon=True).start()
    gc.collect()
    gc.freeze()
    gc.disable()  # a request's garbage is collected when it is answered
    least = _most_used()
    try:
        send(line, {"ready": True}, ())
        while True:
            request, descriptor = _receive_request(line)
            _limit_cpu(details["seconds"])
            try:
                ending = _work(line, operations, request, descriptor)
            finally:
                os.close(descriptor)
            send(line, {**ending, "spent": _most_used() > max(least, details["memory"] * _SHARE_SPENT)}, ())
            gc.collect()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except (OSError, EOFError, ValueError):
        os._exit(0)


def _work(
    line: socket.socket, operations: Mapping[str, Operation], request: Mapping[str, Any], descriptor: int
) -> dict[str, Any]:
    try:
        for answer in operations[request["run"]](descriptor, request["arguments"]):
            send(line, {"answer": answer.fields}, answer.blobs)
    except Refused as refusal:
        return {"refused": refusal.reason}
    except MemoryError:
        return {"failed": TOO_MUCH_MEMORY}
    except Exception:  # noqa: BLE001 - hostile documents break parsers in many ways; none of them is an answer
        return {"failed": "cannot be read"}
    return {"end": True}


def _limit_once(memory: int) -> None:
    sys.setrecursionlimit(1000)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard))


def _forbid_writing() -> None:
    """Only now: importing may write its cache."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _limit_cpu(seconds: float) -> None:
    """Grant *seconds* more CPU from now; the kernel ends the process after them."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime + seconds) + 1, hard))


def _most_used() -> int:
    """Octets that were resident at most; a new process begins with its parent's figure."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _watch(line: int, parent: int) -> NoReturn:
    """End the process as soon as nobody listens, in the middle of its work too."""
    poll = select.poll()
    poll.register(line, getattr(select, "POLLRDHUP", 0))  # POLLHUP is always told
    while not poll.poll(_POLL_MS) and os.getppid() == parent:
        pass
    os._exit(0)
