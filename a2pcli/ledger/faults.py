"""What a database says when it fails, put into plain words, with what to do about it; and what it ended through
no fault of its own is made again."""

from __future__ import annotations

import errno
import functools
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from a2pcli.errors import LedgerError, LedgerUnavailable, Problem
from a2pcli.ledger.cipher import error_name, is_of_sqlcipher
from a2pcli.ledger.server_faults import kind_of

P = ParamSpec("P")
R = TypeVar("R")

_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM")
"""Errors that may pass if the caller waits. A read-only file, a missing folder or damage need a person."""

_NO_ROOM = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE}
)
"""The same for errors of the operating system."""

# By the prefix of SQLite's own name for the error (https://sqlite.org/rescode.html): message, hint, code.
_SQLITE: tuple[tuple[str, str, str, str], ...] = (
    (
        "SQLITE_BUSY",
        "another program is writing to the ledger and did not finish in time",
        "wait for it or close it, then run the same command again",
        "ledger-locked",
    ),
    ("SQLITE_LOCKED", "the ledger is locked", "run the same command again", "ledger-locked"),
    ("SQLITE_PROTOCOL", "the ledger is locked", "run the same command again", "ledger-locked"),
    (
        "SQLITE_NOMEM",
        "there is not enough memory",
        "close other programs, then run the same command again",
        "memory",
    ),
    (
        "SQLITE_READONLY",
        "the ledger cannot be written: the file or its folder is read-only",
        "make the file and its folder writable, or choose another ledger",
        "ledger-read-only",
    ),
    (
        "SQLITE_CANTOPEN",
        "the ledger cannot be opened",
        "check that its folder exists and is writable",
        "ledger-cannot-open",
    ),
    (
        "SQLITE_FULL",
        "the disk is full; the last change was not saved",
        "free some space, then run the same command again",
        "ledger-disk-full",
    ),
    (
        "SQLITE_IOERR",
        "the disk failed, or is full, while the ledger was read or written",
        "check the disk and its free space, then run the same command again",
        "ledger-disk",
    ),
    (
        "SQLITE_CORRUPT",
        "the ledger is damaged",
        "keep the file; restore a backup, or try the `.recover` command of sqlite3 on a copy",
        "ledger-damaged",
    ),
    (
        "SQLITE_NOTADB",
        "this file is not a ledger",
        "choose another file; a2pcli never overwrites files of other programs",
        "ledger-not-a-database",
    ),
)

_HARMLESS = frozenset(
    (
        "host",
        "hostaddr",
        "port",
        "user",
        "dbname",
        "options",
        "sslmode",
        "connect_timeout",
        "target_session_attrs",
    )
)
"""Query parameters of a URL that may be shown; any other could be a secret, even under a misspelt name."""


def shown(url: URL) -> str:
    """Return the ledger's name for display: the path of a file, or the URL without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    hidden = {name: "***" for name in url.query if name not in _HARMLESS}
    plain = url.set(drivername="postgresql").update_query_dict(hidden)
    return plain.render_as_string(hide_password=True)


def in_plain_words(error: BaseException, url: URL) -> LedgerError:
    """Return a ``LedgerError`` that explains the driver's error; ``LedgerUnavailable`` if waiting may help.

    The driver's text is never shown, because it may contain values.
    """
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig
    if isinstance(cause, sqlite3.Error) or is_of_sqlcipher(cause):
        return _of_sqlite(cause, shown(url))
    if url.get_backend_name() == "sqlite" or not _is_of_psycopg(cause):
        return LedgerError(_unknown(type(cause).__name__, url))
    return _of_postgres(cause, url)


def is_passing(error: OSError) -> bool:
    """Whether waiting may help with an operating system error: disk full, too many open files, busy device."""
    return error.errno in _NO_ROOM


def _of_sqlite(error: BaseException, path: str) -> LedgerError:
    name = error_name(error)
    kind = LedgerUnavailable if name.startswith(_PASSING) else LedgerError
    for prefix, message, hint, code in _SQLITE:
        if name.startswith(prefix):
            return kind(Problem(message, path=path, hint=hint, code=code))
    return LedgerError(
        Problem(f"the ledger failed ({name or type(error).__name__})", path=path, code="ledger")
    )


def _of_postgres(error: BaseException, url: URL) -> LedgerError:
    state = getattr(error, "sqlstate", None) or ""
    kind = kind_of(state, str(error)) if state or _is_of_connecting(error) else None
    if kind is None:
        return LedgerError(_unknown(f"SQLSTATE {state}" if state else type(error).__name__, url))
    problem = Problem(kind.message, path=shown(url), hint=kind.hint, code=kind.code)
    return LedgerUnavailable(problem) if kind.passes else LedgerError(problem)


def _is_of_psycopg(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "psycopg"


def _is_of_connecting(error: BaseException) -> bool:
    """Whether an error without SQLSTATE is about connecting, a lost connection or an option of the URL."""
    return type(error).__name__ in (
        "OperationalError",
        "ProgrammingError",
        "ConnectionTimeout",
        "InterfaceError",
    )


def _unknown(what: str, url: URL) -> Problem:
    hint = "A2PCLI_DEBUG=1 shows more"
    return Problem(f"the ledger failed ({what})", path=shown(url), hint=hint, code="ledger")


@contextmanager
def plainly(url: URL) -> Iterator[None]:
    """Raise errors of the driver or SQLAlchemy in this block as ``LedgerError``."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise in_plain_words(error, url) from error
    except Exception as error:
        # psycopg and sqlcipher3 are imported only if used, so their errors are recognised by module.
        if _is_of_psycopg(error) or is_of_sqlcipher(error):
            raise in_plain_words(error, url) from error
        raise


class HasUrl(Protocol):
    """An object that knows the URL of its database."""

    @property
    def url(self) -> URL:
        """The ledger's SQLAlchemy URL."""
        ...


def translates_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a method of an object with a ``url``: its database errors are raised as ``LedgerError``."""

    @functools.wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        owner: HasUrl = args[0]  # type: ignore[assignment]
        with plainly(owner.url):
            return method(*args, **kwargs)

    return wrapped


Result = TypeVar("Result")

RETRIES = 16
"""How often a transaction is retried when PostgreSQL ends it to resolve a deadlock."""


def retrying(work: Callable[[], Result]) -> Result:
    """Run a whole transaction again if PostgreSQL rolled it back to resolve a deadlock."""
    for attempt in range(RETRIES + 1):
        try:
            return work()
        except (OperationalError, LedgerError) as error:
            if not _is_deadlock(error) or attempt == RETRIES:
                raise
            # Out of step with the other transaction, and more so each time: both may be slow.
            time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))
    raise AssertionError("unreachable")


def _is_deadlock(error: BaseException | None) -> bool:
    """Whether the error is, or was caused by, PostgreSQL ending a transaction to resolve a deadlock."""
    while error is not None:
        if isinstance(error, OperationalError):
            return getattr(error.orig, "sqlstate", None) in ("40P01", "40001")
        error = error.__cause__
    return False
