"""What ``a2pcli ledger`` does: write the ledger anew under another key, or none."""

from __future__ import annotations

import os
from pathlib import Path

from a2pcli.cli.ledger_option import ledger_and_key
from a2pcli.cli.output import say
from a2pcli.errors import LedgerError, Problem, UsageError
from a2pcli.ledger.cipher import (
    KEY_VARIABLE,
    NEW_KEY_VARIABLE,
    LedgerKey,
    convert,
    from_environment,
    is_plain,
    key_from,
)
from a2pcli.ledger.engine import create_file, ledger_url
from a2pcli.ledger.store import Ledger


def encrypt_ledger(ledger: str | None) -> None:
    """A plain ledger becomes an encrypted one."""
    path, key = _place_and_key(ledger)
    if not is_plain(path):
        raise UsageError(Problem("this ledger is encrypted already", path=str(path)))
    _is_a_ledger(path, None)
    _convert(path, None, key, "encrypt")
    say(f"{path} is encrypted: from now on every command needs its key")


def decrypt_ledger(ledger: str | None) -> None:
    """An encrypted ledger becomes a plain one."""
    path, key = _place_and_key(ledger)
    _is_encrypted(path)
    _is_a_ledger(path, key)
    _convert(path, key, None, "decrypt")
    say(f"{path} is not encrypted any more; unset {KEY_VARIABLE}, or take ledger_key: out of the settings")


def rekey_ledger(ledger: str | None) -> None:
    """An encrypted ledger gets another key."""
    path, key = _place_and_key(ledger)
    _is_encrypted(path)
    new = key_from(os.environ.get(NEW_KEY_VARIABLE))
    if new is None:
        raise UsageError(Problem("there is no new key", hint=f"put it into {NEW_KEY_VARIABLE}"))
    _is_a_ledger(path, key)
    _convert(path, key, new, "rekey")
    say(f"{path} has the new key: put it into {KEY_VARIABLE}")


def _place_and_key(ledger: str | None) -> tuple[Path, LedgerKey]:
    place, text = ledger_and_key(ledger, Path.cwd())
    url = ledger_url(place)
    if url.get_backend_name() != "sqlite":
        raise LedgerError(
            Problem(
                "a2pcli cannot encrypt a ledger on a PostgreSQL server",
                hint="encrypt the server's disks",
                code="ledger-key",
            )
        )
    create_file(url, create=False)
    key = key_from(text) or from_environment()
    if key is None:
        hint = f"put it into {KEY_VARIABLE}; `openssl rand -hex 32` makes a good one"
        raise UsageError(Problem("there is no key", hint=hint))
    return Path(url.database or ""), key


def _is_encrypted(path: Path) -> None:
    if is_plain(path):
        raise UsageError(Problem("this ledger is not encrypted", path=str(path)))


def _is_a_ledger(path: Path, key: LedgerKey | None) -> None:
    """Whether it opens at all, and as a ledger of ours; its schema is brought up to date on the way."""
    _open(path, key).close()


def _convert(path: Path, old: LedgerKey | None, new: LedgerKey | None, word: str) -> None:
    convert(path, old, new)
    with _open(path, new) as store:
        store.record(f"ledger.{word}")


def _open(path: Path, key: LedgerKey | None) -> Ledger:
    """Open with this very key, whatever the environment says."""
    return Ledger.open_with(str(path), key)
