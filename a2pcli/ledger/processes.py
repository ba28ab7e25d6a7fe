"""Processes as the ledger remembers them: by number, machine and moment of their start, so that one that has ended is
told from one that lives."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from pathlib import Path

from a2pcli.dataclass import dataclass

_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def steady() -> float:
    """Return seconds of a clock that is never set, and that continues during sleep if the system provides one."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class Process:
    """A process as the ledger stores it. ``proof`` distinguishes it from a later one with the same number."""

    pid: int
    host: str
    proof: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def has_ended(self) -> bool:
        """Whether the process has certainly ended."""
        here = myself()
        if self.proof:
            if _machine_of(self.proof) != _machine_of(here.proof):
                return False
        elif self.host != here.host or os.name != "posix":
            return False
        return not _lives(self.pid) or (bool(self.proof) and _proof(self.pid) not in ("", self.proof))

    @property
    def is_known_to_live(self) -> bool:
        """Whether the process is certainly alive, however long it has been silent."""
        return bool(self.proof) and _proof(self.pid) == self.proof


@cache
def _machine() -> str:
    """Return this boot of this machine and its process namespace; empty if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return ""


def _machine_of(proof: str) -> str:
    return proof.rpartition("/")[0]


def _proof(pid: int) -> str:
    """Return the machine and the process's start time; empty if they cannot be read, or it has ended."""
    if not _machine():
        return ""
    try:
        # After the name in brackets, which may contain anything: state, 18 numbers, then the start time.
        state, *rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    if state in "ZXx":
        return f"{_machine()}/ended"
    return f"{_machine()}/{rest[18]}"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def myself() -> Process:
    """Return this process."""
    pid = os.getpid()
    return Process(pid, socket.gethostname()[:64], _proof(pid))
