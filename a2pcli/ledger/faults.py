"""What a database says when it fails, put into plain words, with what to do about it."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger.cipher import error_name, is_of_sqlcipher

P = ParamSpec("P")
R = TypeVar("R")

# By the prefix of SQLite's own name for the error (https://sqlite.org/rescode.html): message, hint, code.
_SQLITE: tuple[tuple[str, str, str, str], ...] = (
    (
        "SQLITE_BUSY",
        "another program is writing to the ledger and did not finish in time",
        "wait for it, or end it; then run the same command again",
        "ledger-locked",
    ),
    ("SQLITE_LOCKED", "the ledger is locked", "run the same command again", "ledger-locked"),
    (
        "SQLITE_READONLY",
        "the ledger cannot be written: the file or its folder is read-only",
        "make the file and its folder writable, or name another ledger",
        "ledger-read-only",
    ),
    (
        "SQLITE_CANTOPEN",
        "the ledger cannot be opened",
        "check that its folder exists and that you may write there",
        "ledger-cannot-open",
    ),
    (
        "SQLITE_FULL",
        "the disk is full; what was not written counts as not done",
        "make room, then run the same command again",
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
        "keep the file, and restore it from a backup, or try the `.recover` command of sqlite3 on a copy",
        "ledger-damaged",
    ),
    (
        "SQLITE_NOTADB",
        "this file is not a ledger",
        "name another file; a2pcli never overwrites a file that is not its own",
        "ledger-not-a-database",
    ),
)

# By the words of libpq's message or the server's SQLSTATE.
_POSTGRES: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        ("28P01", "28000", "password authentication failed", "no password supplied"),
        "the server refused the user or the password",
        "check the user and the password of the ledger's URL",
        "ledger-refused",
    ),
    (
        ("3D000", "does not exist"),
        "the database does not exist on the server",
        "create it (`createdb NAME`), or check its name in the ledger's URL",
        "ledger-no-database",
    ),
    (
        ("53100", "No space left"),
        "the server's disk is full; what was not written counts as not done",
        "make room, then run the same command again",
        "ledger-disk-full",
    ),
    (
        ("42501", "25006", "permission denied"),
        "the user may not write to the ledger",
        "grant the user rights on the schema, or name another ledger",
        "ledger-read-only",
    ),
    (
        ("55P03", "57014", "lock timeout"),
        "another program holds the ledger and did not finish in time",
        "wait for it, then run the same command again",
        "ledger-locked",
    ),
    (
        ("53300",),
        "the server has no connection left",
        "end other programs that use it, or raise its max_connections",
        "ledger-no-server",
    ),
    (
        (
            "refused",
            "timeout",
            "could not translate",
            "failed to resolve",
            "No such file",
            "closed the connection",
            "could not connect",
            "connection failed",
            "57P01",
            "57P02",
            "57P03",
            "terminating",
            "connection is lost",
            "connection is closed",
        ),
        "the server does not answer, or hung up",
        "check the host and port of the ledger's URL, and that the server runs",
        "ledger-no-server",
    ),
)


def shown(url: URL) -> str:
    """The ledger's name for people: the path of a file, or the URL without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def in_plain_words(error: BaseException, url: URL) -> LedgerError:
    """The ``LedgerError`` that says what the driver's error means. Never shows a password or a value."""
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig
    if isinstance(cause, sqlite3.Error) or is_of_sqlcipher(cause):
        return LedgerError(_of_sqlite(cause, shown(url)))
    return LedgerError(_of_postgres(cause, url))


def _of_sqlite(error: BaseException, path: str) -> Problem:
    name = error_name(error)
    for prefix, message, hint, code in _SQLITE:
        if name.startswith(prefix):
            return Problem(message, path=path, hint=hint, code=code)
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return Problem(f"the ledger failed: {text}", path=path, code="ledger")


def _of_postgres(error: BaseException, url: URL) -> Problem:
    text = str(error)
    state = getattr(error, "sqlstate", None) or ""
    for signs, message, hint, code in _POSTGRES:
        if any(sign == state or (len(sign) > 5 and sign in text) for sign in signs):
            return Problem(message, path=shown(url), hint=hint, code=code)
    first = text.splitlines()[0] if text else type(error).__name__
    if url.password:
        first = first.replace(str(url.password), "***")
    return Problem(f"the ledger failed: {first}", path=shown(url), code="ledger")


@contextmanager
def plainly(url: URL) -> Iterator[None]:
    """Turn what the driver or SQLAlchemy raises in this block into a ``LedgerError``."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise in_plain_words(error, url) from error
    except Exception as error:
        # psycopg and sqlcipher3 are not imported unless they are used: their errors are known by where they come from.
        if type(error).__module__.partition(".")[0] == "psycopg" or is_of_sqlcipher(error):
            raise in_plain_words(error, url) from error
        raise


class HasUrl(Protocol):
    """Whatever knows which database it speaks to."""

    @property
    def url(self) -> URL:
        """The ledger's URL."""
        ...


def speaks_plainly(method: Callable[P, R]) -> Callable[P, R]:
    """A method whose database errors come out as ``LedgerError``; its object has a ``url``."""

    @functools.wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        owner: HasUrl = args[0]  # type: ignore[assignment]
        with plainly(owner.url):
            return method(*args, **kwargs)

    return wrapped
