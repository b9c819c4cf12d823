"""The framed pipe between a child process and its parent, from the child's side. Standard library only.

A frame is one byte that names the operation, the payload's length as a little-endian uint32, and the payload.
Workers start in tens of milliseconds because they import this and their engine, and never Pipecat or asyncio.
"""

import json
import os
import select
import signal
import struct
from collections.abc import Callable
from io import FileIO
from typing import Any

HEADER = struct.Struct("<cI")

READY = b"R"
"""Child to parent: it is idle. The first frame of all, and the answer to RESET."""
RESET = b"X"
"""Parent to child: drop whatever is under way and answer READY."""
REFUSED = b"!"
"""Child to parent: the request cannot be done; the payload says why. Before READY: the child cannot start."""
DONE = b"D"
"""Child to parent: the request is finished."""

START, AUDIO, END, TEXT = b"S", b"A", b"E", b"T"
"""Recognition: an utterance starts, audio of it, its end; and the text so far, or the final one."""
SPEAK = b"P"
"""Synthesis, answered by AUDIO frames and DONE."""

LONGEST = 1 << 24
"""No frame is longer, in bytes: a length beyond it means that the stream is out of step."""


class Pipe:
    """The child's end: frames from its parent come in on stdin, answers go out on stdout."""

    def __init__(self) -> None:
        # The C libraries print to file descriptor 1 when something goes wrong: it must not be the pipe.
        self._in, self._out = FileIO(os.dup(0), "rb"), FileIO(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1):
            os.dup2(nothing, descriptor)

    def receive(self) -> tuple[bytes, bytes] | None:
        """Wait for the next frame; None when the parent has closed the pipe or is gone."""
        header = self._read(HEADER.size)
        if len(header) < HEADER.size:
            return None
        operation, length = HEADER.unpack(header)
        payload = self._read(length)
        return (operation, payload) if len(payload) == length else None

    def send(self, operation: bytes, payload: bytes = b"") -> None:
        """Write one frame, waiting while the parent is not reading."""
        frame = memoryview(HEADER.pack(operation, len(payload)) + payload)
        while frame:
            frame = frame[self._out.write(frame) or 0 :]

    def waiting(self) -> bool:
        """Say whether the parent has sent something, or is gone: work under way should stop."""
        return bool(select.select([self._in], [], [], 0)[0])

    def _read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length and (piece := self._in.read(length - len(data))):
            data += piece
        return bytes(data)


def speak_on_request(pipe: Pipe, say: Callable[[dict[str, Any]], bool]) -> None:
    """Answer a parent's SPEAK and RESET frames until it closes the pipe.

    Args:
        pipe: The child's end.
        say: Speaks a request; False when the parent wanted something else before its end. Raises ValueError
            with the reason when the request cannot be done.
    """
    pipe.send(READY)
    while frame := pipe.receive():
        operation, payload = frame
        if operation == RESET:
            pipe.send(READY)
        elif operation == SPEAK:
            try:
                finished = say(json.loads(payload))
            except ValueError as error:
                pipe.send(REFUSED, str(error).encode())
            else:
                if finished:
                    pipe.send(DONE)


def run(serve: Callable[[Pipe], None]) -> None:
    """Run a worker until its parent closes the pipe. A failure is told to the parent before the process ends.

    Args:
        serve: Takes the pipe, sends READY when it can work, and returns when `receive` gives None.
    """
    # Ctrl-C and a service manager's TERM go to every process of the group; the parent decides when calls end.
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    pipe = Pipe()
    try:
        serve(pipe)
    except BrokenPipeError:
        pass
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the parent is told, whatever it is
        pipe.send(REFUSED, f"{type(error).__name__}: {error}".encode())
        raise SystemExit(1) from None
