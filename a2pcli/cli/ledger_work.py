"""What ``a2pcli ledger`` does: make one, accept one, write it anew under another key, or none."""

from __future__ import annotations

import os
from pathlib import Path

from a2pcli.cli.ledger_option import is_missing, known_ledgers, ledger_and_key
from a2pcli.cli.terminal.output import print_json, say
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
from a2pcli.ledger.core import make
from a2pcli.ledger.engine import is_there, ledger_url, missing
from a2pcli.ledger.faults import shown
from a2pcli.ledger.store import Ledger


def create_ledger(ledger: str | None, *, as_json: bool) -> None:
    """A new ledger where there is none, or an empty file. A person decided: what was there before is forgotten."""
    place, text = ledger_and_key(ledger, Path.cwd())
    url = ledger_url(place)
    known = known_ledgers(Path.cwd(), None)
    if url.get_backend_name() == "sqlite":
        _nothing_in_the_way(Path(url.database or ""))
        make(url, key_from(text) or from_environment())
    elif _opens(place, text):
        raise UsageError(Problem("there is a ledger already", path=shown(url), code="ledger-exists"))
    with Ledger.open(place, key=text) as store:
        store.record("ledger.create")
        if known is not None:
            known.start_over(url)
            known.note(store)
    _told(as_json, shown(url), "created", f"made the ledger {shown(url)}")
    if known is None:
        say("there are no settings here that name it: give --ledger, or set A2PCLI_LEDGER")


def _nothing_in_the_way(path: Path) -> None:
    """Refuse to make a ledger over one, or beside the log of one that is gone: it would become part of the new one."""
    if path.exists() and path.stat().st_size:
        raise UsageError(
            Problem("there is a ledger, or another file, already", path=str(path), code="ledger-exists")
        )
    for word in ("-wal", "-journal", "-shm"):
        log = Path(f"{path}{word}")
        if not log.exists():
            continue
        if log.stat().st_size and word != "-shm":
            text = "this file holds the newest entries of the ledger that is gone"
            hint = "put it beside that ledger under its name, or move it away if the ledger is lost; then try again"
            raise LedgerError(Problem(text, path=str(log), hint=hint, code="ledger-gone"))
        log.unlink()


def _opens(place: str, key: str | None) -> bool:
    try:
        Ledger.open(place, create=False, key=key).close()
    except LedgerError as error:
        if is_missing(error):
            return False
        raise
    return True


def accept_ledger(ledger: str | None, *, as_json: bool) -> None:
    """From now on the project's ledger is this one."""
    place, text = ledger_and_key(ledger, Path.cwd())
    known = known_ledgers(Path.cwd(), None)
    with Ledger.open(place, create=False, key=text) as store:
        if known is None:
            hint = "run it in the project's folder"
            raise UsageError(
                Problem("there are no settings here, so no project that remembers ledgers", hint=hint)
            )
        before = known.wrong(store, None)
        store.record("ledger.accept", None, {"why": before.code} if before else None)
        known.accept(store)
        _told(as_json, store.name, "accepted", f"{store.name} is this project's ledger from now on")


def encrypt_ledger(ledger: str | None, *, as_json: bool) -> None:
    """A plain ledger becomes an encrypted one."""
    path, key = _place_and_key(ledger)
    if not is_plain(path):
        raise UsageError(Problem("this ledger is encrypted already", path=str(path)))
    _is_a_ledger(path, None)
    _convert(path, None, key, "encrypt")
    _told(as_json, str(path), "encrypted", f"{path} is encrypted: from now on every command needs its key")


def decrypt_ledger(ledger: str | None, *, as_json: bool) -> None:
    """An encrypted ledger becomes a plain one."""
    path, key = _place_and_key(ledger)
    _is_encrypted(path)
    _is_a_ledger(path, key)
    _convert(path, key, None, "decrypt")
    text = f"{path} is not encrypted any more; unset {KEY_VARIABLE}, or take ledger_key: out of the settings"
    _told(as_json, str(path), "decrypted", text)


def rekey_ledger(ledger: str | None, *, as_json: bool) -> None:
    """An encrypted ledger gets another key."""
    path, key = _place_and_key(ledger)
    _is_encrypted(path)
    new = key_from(os.environ.get(NEW_KEY_VARIABLE))
    if new is None:
        raise UsageError(Problem("there is no new key", hint=f"put it into {NEW_KEY_VARIABLE}"))
    _is_a_ledger(path, key)
    _convert(path, key, new, "rekey")
    _told(as_json, str(path), "rekeyed", f"{path} has the new key: put it into {KEY_VARIABLE}")


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
    if not is_there(url):
        raise missing(url)
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


def _told(as_json: bool, ledger: str, done: str, text: str) -> None:
    """Say what was done, as a document or as a sentence."""
    if as_json:
        print_json({"ledger": ledger, "done": done})
    else:
        say(text)
