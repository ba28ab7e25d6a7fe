"""The root of every error a user can cause or meet, the problem it is made of, and the exit codes.

Only ``cli`` prints or exits. Everything below raises an ``A2PError`` that carries its exit status
and one ``Problem`` for each thing to mend, so that all of them are shown at once, in file order.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from enum import IntEnum, StrEnum

from a2pcli.dataclass import dataclass


class ExitStatus(IntEnum):
    """The one place that gives a number to the way a command ended."""

    OK = 0
    """Success: nothing left to send, or the rest is held until permitted hours."""
    INTERNAL = 1
    """Bug in a2pcli."""
    USAGE = 2
    """Invalid command line."""
    INVALID = 3
    """Invalid file: campaign, settings, contacts, rate card; or a damaged ledger."""
    FINISHED_WITH_FAILURES = 4
    """Some messages were rejected or are unknown; or nothing is left to send, but some rows cannot be messaged."""
    GATEWAY = 5
    """The gateway is unavailable; the run is paused and can be resumed."""
    REFUSED = 6
    """Over budget, or not confirmed."""
    BUSY = 7
    """Another process is sending this run."""
    LEDGER_UNAVAILABLE = 8
    """The ledger or the disk is unavailable; run the same command again."""
    INTERRUPTED = 130
    """Interrupted with Ctrl-C."""
    OUTPUT_CLOSED = 141
    """The output was closed early (`| head`)."""


class Severity(StrEnum):
    """An error stops the command; a warning costs money or trust and does not. A note is no fault at all: it says
    how something was understood, and fails nothing, ``check --strict`` neither."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: where it is, what is wrong, what to do.

    ``line`` and ``column`` count from 1. ``code`` is a stable kebab-case name for scripts and tests.
    """

    message: str
    path: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR
    code: str = "invalid"

    @property
    def place(self) -> str:
        """``file:line:column``, as far as known."""
        parts = [str(part) for part in (self.path, self.line, self.column) if part is not None]
        return ":".join(parts)

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        if self.severity is not Severity.ERROR:
            word = str(self.severity)
            text = f"{self.place}: {word}: {self.message}" if self.place else f"{word}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


def how_to_install(extra: str) -> str:
    """Return the hint for a missing extra of a2pcli: the command that installs it."""
    return f'pip install "a2pcli[{extra}]"'


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems sorted by file, line and column; those without a place come first."""
    return tuple(sorted(problems, key=lambda p: (p.path or "", p.line or 0, p.column or 0)))


class A2PError(Exception):
    """Something the user can act on. Never raised bare: choose a subclass, which fixes the exit status."""

    exit_status: ExitStatus = ExitStatus.INTERNAL

    def __init__(self, *problems: Problem | str) -> None:
        self.problems: tuple[Problem, ...] = tuple(
            problem if isinstance(problem, Problem) else Problem(problem) for problem in problems
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(A2PError):
    """The command line asks for something impossible or contradictory."""

    exit_status = ExitStatus.USAGE


class InvalidInput(A2PError):
    """A campaign, settings, contacts or rate-card file is wrong, or cannot be read."""

    exit_status = ExitStatus.INVALID


class LedgerError(A2PError):
    """The ledger cannot be opened, read or written, and a person must mend that (newer version, wrong password)."""

    exit_status = ExitStatus.INVALID


class LedgerUnavailable(LedgerError):
    """The ledger cannot be used right now: locked, full disk, no server. Later the same command may succeed."""

    exit_status = ExitStatus.LEDGER_UNAVAILABLE


class NoRoom(A2PError):
    """A disk or a quota is full. With room made, the same command may succeed."""

    exit_status = ExitStatus.LEDGER_UNAVAILABLE


def is_no_room(error: OSError) -> bool:
    """Whether the system says that a disk or a quota is full, or that a file has reached its limit."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def not_written(error: OSError, path: str, code: str = "cannot-write") -> A2PError:
    """The error about a file that a command could not write: ``NoRoom`` on a full disk, else ``InvalidInput``."""
    message = f"cannot write: {(error.strerror or str(error) or type(error).__name__).lower()}"
    if is_no_room(error):
        return NoRoom(
            Problem(message, path, hint="free some space, then run the same command again", code=code)
        )
    return InvalidInput(Problem(message, path, code=code))


class GatewayUnusable(A2PError):
    """The gateway cannot be used: unreachable, refused the account, out of credit."""

    exit_status = ExitStatus.GATEWAY


class Refused(A2PError):
    """The budget is exceeded, or the action was not confirmed."""

    exit_status = ExitStatus.REFUSED


class RunBusy(A2PError):
    """Another process is sending this run."""

    exit_status = ExitStatus.BUSY


class SenderLost(RunBusy):
    """Another process took over the run that this one was sending."""
