"""Processes forked from one that has imported everything: see ``ready.py``. To be used where a test needs a process, to
kill it or to give it a terminal, but not what Python does before a program begins."""

from __future__ import annotations

import atexit
import fcntl
import inspect
import json
import os
import select
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pexpect.fdpexpect import fdspawn

CAN_FORK = hasattr(os, "pidfd_open")


@cache
def _ready() -> socket.socket:
    """Where jobs are sent; the process is started by the first one, and ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("ready.py"))], stdin=theirs)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class Forked(subprocess.Popen[Any]):
    """A ``Popen`` of a Python function: ``args`` is ``[module:function, *arguments]``."""

    def _execute_child(self, *given: Any) -> None:
        how = inspect.signature(subprocess.Popen._execute_child).bind(self, *given).arguments  # type: ignore[attr-defined]
        call, *arguments = how["args"]
        job = {
            "call": call,
            "arguments": arguments,
            "cwd": str(how["cwd"] or Path.cwd()),
            "env": dict(os.environ if how["env"] is None else how["env"]),
            "path": sys.path,
            "session": how["start_new_session"],
        }
        streams = zip((how["p2cread"], how["c2pwrite"], how["errwrite"]), range(3), strict=True)
        reading, writing = os.pipe()
        self._told = reading
        files = [own if given == -1 else given for given, own in streams]
        socket.send_fds(_ready(), [json.dumps(job).encode()], [*files, writing])
        os.close(writing)
        self._child_created = True
        self.pid = int(os.read(self._told, 12))
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(how[pipe] for pipe in pipes))  # type: ignore[attr-defined]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self._wait(None)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(os.read(self._told, 12))
            os.close(self._told)
        return self.returncode


def begin(*arguments: str, **how: Any) -> subprocess.Popen[Any]:
    """``a2pcli ARGUMENTS`` as a process; ``how`` is as for ``Popen``."""
    if CAN_FORK:
        return Forked(["ready:command", *arguments], **how)
    return subprocess.Popen([sys.executable, "-m", "a2pcli", *arguments], **how)


class InTerminal(fdspawn):
    """``a2pcli ARGUMENTS`` in a terminal of its own, to be spoken to as ``pexpect.spawn`` is."""

    def __init__(
        self, folder: Path, arguments: Sequence[str], environ: Mapping[str, str], columns: int
    ) -> None:
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        self.process = begin(*arguments, cwd=folder, env=environ, start_new_session=True, **streams)
        os.close(theirs)
        super().__init__(ours, encoding="utf-8", timeout=60)

    def sendintr(self) -> None:
        """Press Ctrl-C."""
        self.send("\x03")

    def sendeof(self) -> None:
        """Press Ctrl-D."""
        self.send("\x04")

    def close(self, force: bool = False) -> None:
        """Close the terminal, and wait for the command; with ``force`` it is killed."""
        super().close()
        if force:
            self.process.kill()
        self.exitstatus = self.process.wait(60)


def run(
    *arguments: str, timeout: float = 120, input: Any = None, **how: Any
) -> subprocess.CompletedProcess[Any]:
    """``a2pcli ARGUMENTS`` as a process, to its end; ``how`` is as for ``subprocess.run``."""
    if how.pop("capture_output", False):
        how |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        how["stdin"] = subprocess.PIPE
    with begin(*arguments, **how) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
