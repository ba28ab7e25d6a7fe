"""A SQLite ledger that is encrypted at rest, by SQLCipher (https://www.zetetic.net/sqlcipher/design/).

The whole file and its write-ahead log are encrypted page by page (AES-256, HMAC-SHA512), so nothing but the key
opens them, and no query changes. The key comes from the environment and is kept nowhere. 64 hex digits are taken
as the key itself; anything else is a passphrase, from which SQLCipher's own way makes the key (PBKDF2-HMAC-SHA512,
256,000 rounds with the file's salt): once a process here, not once a connection, since it takes 0.15 s.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy.engine import URL

from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerError, LedgerUnavailable, Problem, how_to_install
from a2pcli.ledger.files import draft_of, flush_file, flush_folder

KEY_VARIABLE = "A2PCLI_LEDGER_KEY"
NEW_KEY_VARIABLE = "A2PCLI_LEDGER_NEW_KEY"

PLAIN = b"SQLite format 3\0"
"""The first bytes of an unencrypted SQLite file (https://sqlite.org/fileformat.html)."""

_ROUNDS = 256_000
_PAGE = 4096
_RAW = re.compile(r"[0-9A-Fa-f]{64}")


@dataclass(frozen=True, slots=True)
class LedgerKey:
    """The key of an encrypted ledger. Its repr hides it."""

    text: str

    def pragma(self, salt: bytes) -> str:
        """Return the statement that gives the key to a connection; ``salt`` is the first 16 bytes of the file."""
        raw = self.text if _RAW.fullmatch(self.text) else _derived(self.text, salt)
        return f"PRAGMA key = \"x'{raw}{salt.hex()}'\""

    def __repr__(self) -> str:
        return "LedgerKey(...)"


@functools.lru_cache(maxsize=8)
def _derived(passphrase: str, salt: bytes) -> str:
    secret = passphrase.encode("utf-8", "surrogateescape")
    return hashlib.pbkdf2_hmac("sha512", secret, salt, _ROUNDS, 32).hex()


def key_from(text: str | None) -> LedgerKey | None:
    """Return the key for a given text; None for none. Raises ``LedgerError`` if it is too short."""
    if not text:
        return None
    if len(text) < 8:
        hint = f"`openssl rand -hex 32` creates a good one; put it into {KEY_VARIABLE}"
        raise LedgerError(
            Problem("the ledger's key is too short: use at least 8 characters", hint=hint, code="ledger-key")
        )
    return LedgerKey(text)


def from_environment() -> LedgerKey | None:
    """Return the key in ``A2PCLI_LEDGER_KEY``."""
    return key_from(os.environ.get(KEY_VARIABLE))


def driver() -> ModuleType:
    """Return SQLCipher's driver. Raises ``LedgerError`` if it is not installed."""
    try:
        from sqlcipher3 import dbapi2
    except ImportError as error:
        hint = how_to_install("encryption")
        problem = Problem(
            "an encrypted ledger needs the package sqlcipher3", hint=hint, code="ledger-no-driver"
        )
        raise LedgerError(problem) from error
    module: ModuleType = dbapi2
    return module


def is_of_sqlcipher(thing: object) -> bool:
    """Whether a connection or an error belongs to SQLCipher."""
    return type(thing).__module__.partition(".")[0] == "sqlcipher3"


def unlock(connection: Any, key: LedgerKey, salt: bytes) -> None:
    """Give the key to a connection of SQLCipher's driver, before any other statement; see ``salt_of``."""
    connection.execute("PRAGMA cipher_log_level = NONE").fetchall()  # it would write to stderr
    connection.execute(key.pragma(salt)).fetchall()


def salt_of(path: Path) -> bytes:
    """Return the file's salt; a new one if the file does not exist yet."""
    try:
        with path.open("rb") as file:
            found = file.read(16)
    except FileNotFoundError:
        found = b""
    return found if len(found) == 16 else os.urandom(16)


def is_plain(path: Path) -> bool:
    """Whether a file is an unencrypted SQLite database."""
    with path.open("rb") as file:
        return file.read(len(PLAIN)) == PLAIN


def examine(url: URL, key: LedgerKey | None) -> None:
    """Raise ``LedgerError`` if the key does not fit the ledger: missing, wrong, or not needed."""
    if url.get_backend_name() != "sqlite":
        if key is not None:
            hint = f"unset {KEY_VARIABLE}, and encrypt the server's disks"
            text = "a2pcli cannot encrypt a ledger on a PostgreSQL server"
            raise LedgerError(Problem(text, hint=hint, code="ledger-key"))
        return
    path = Path(url.database or "")
    try:
        info = path.stat()
        if not info.st_size or not stat.S_ISREG(info.st_mode):
            return
        plain = is_plain(path)
    except OSError:
        return  # opening it will report the cause
    if key is None:
        if not plain and info.st_size % _PAGE == 0:
            raise LedgerError(_needs_key(path))
        return
    if plain:
        hint = f"encrypt it with `a2pcli ledger encrypt`, or unset {KEY_VARIABLE}"
        text = "a key is set, but this ledger is not encrypted"
        raise LedgerError(Problem(text, path=str(path), hint=hint, code="ledger-not-encrypted"))
    _try(path, key)


def _needs_key(path: Path) -> Problem:
    return Problem(
        "this file is an encrypted ledger, or not a ledger",
        path=str(path),
        hint=f"set {KEY_VARIABLE} to its key, or choose another ledger",
        code="ledger-encrypted",
    )


def _try(path: Path, key: LedgerKey) -> None:
    module = driver()
    connection = module.connect(str(path), timeout=30)
    try:
        unlock(connection, key, salt_of(path))
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except module.OperationalError:
        return  # locked, or a disk error: opening it will report that
    except module.DatabaseError as error:
        problem = Problem(
            "the key does not open this ledger: it is the wrong key, or the file is not a ledger",
            path=str(path),
            hint=f"check {KEY_VARIABLE}",
            code="ledger-wrong-key",
        )
        raise LedgerError(problem) from error
    finally:
        connection.close()


def convert(
    path: Path,
    old: LedgerKey | None,
    new: LedgerKey | None,
    *,
    wait: float = 5.0,
    record: Callable[[Path], None] = lambda _draft: None,
) -> None:
    """Rewrite the ledger under another key, or unencrypted; the new file replaces the old one when it is complete.

    ``record`` gets the new file before that, to write what was done into it; if it fails, the old file stays. Raises
    ``LedgerError`` if another program has the ledger open. The old file's disk blocks are only freed, so until they
    are overwritten their content can be recovered from the disk.
    """
    module = driver()
    draft = draft_of(path)
    connection = module.connect(str(path), timeout=wait, isolation_level=None)
    try:
        connection.execute("PRAGMA cipher_log_level = NONE").fetchall()
        if old is not None:
            connection.execute(old.pragma(salt_of(path))).fetchall()
        _alone(connection, module, path)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        salt = os.urandom(16)
        secret = "''" if new is None else new.pragma(salt).partition(" = ")[2]
        connection.execute(f"ATTACH DATABASE ? AS converted KEY {secret}", (str(draft),)).fetchall()
        connection.execute("SELECT sqlcipher_export('converted')").fetchall()
        for mark in ("application_id", "user_version"):
            number = connection.execute(f"PRAGMA main.{mark}").fetchone()[0]
            connection.execute(f"PRAGMA converted.{mark} = {int(number)}").fetchall()
        connection.execute("DETACH DATABASE converted").fetchall()
        record(draft)
        flush_file(draft)
        draft.replace(path)
        flush_folder(path.parent)
    finally:
        connection.close()
        draft.unlink(missing_ok=True)


def _alone(connection: Any, module: ModuleType, path: Path) -> None:
    """Move the write-ahead log into the file, and keep all other programs out of it."""
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        (kind,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except module.OperationalError:
        kind = ""
    if kind != "delete":
        hint = "close the other programs that use it, then run the same command again"
        text = "another program has the ledger open"
        raise LedgerUnavailable(Problem(text, path=str(path), hint=hint, code="ledger-locked"))


_WORDS: tuple[tuple[str, str], ...] = (
    ("database is locked", "SQLITE_BUSY"),
    ("table is locked", "SQLITE_LOCKED"),
    ("readonly database", "SQLITE_READONLY"),
    ("unable to open database", "SQLITE_CANTOPEN"),
    ("is full", "SQLITE_FULL"),
    ("disk I/O error", "SQLITE_IOERR"),
    ("malformed", "SQLITE_CORRUPT"),
    ("not a database", "SQLITE_NOTADB"),
)


def error_name(error: BaseException) -> str:
    """Return SQLite's name of an error (https://sqlite.org/rescode.html). SQLCipher's driver provides only its text."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") or ""
    return next((name for words, name in _WORDS if words in str(error)), "")
