"""People who were erased: a keyed hash of each stays on the suppression list, so that they are never messaged again.

The hash is HMAC-SHA256 (RFC 2104) of the number in E.164, under a key that is not in the ledger: without the
key, all numbers of a country could be tried in an hour. The key is the variable ``A2PCLI_ERASURE_KEY``; without
it, a random key in a file beside the SQLite ledger, for its owner alone. Without the key, nobody can tell who was
erased, so a ledger that holds such hashes refuses to plan or send without its key, or with another one.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, insert, or_, select
from sqlalchemy.engine import URL, Connection

from a2pcli.addresses.phone.same_phone import same_phone_forms
from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger.erased_people import MARK, RULE, Erased, ErasureKey, is_hash
from a2pcli.ledger.faults import shown
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.tables import about, suppressions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

KEY_VARIABLE = "A2PCLI_ERASURE_KEY"
SHORTEST_KEY = 16
"""Characters; the entropy of typed keys is seldom higher than their length suggests."""

_CHECK = "erasure-key"
_IS_THERE = f"SELECT 1 FROM about WHERE name = '{_CHECK}'"
_CHECKED = b"a2pcli: the key of the erased"


def is_hash_in(column: Any) -> Any:
    """Return the condition that a column of addresses holds a hash. Not a range, because PostgreSQL may sort
    punctuation by locale."""
    return column.like(f"{MARK}%")


def _of_erased(now: int) -> Any:
    c = suppressions.c
    return and_(is_hash_in(c.address), c.lifted_at.is_(None), or_(c.until_at.is_(None), c.until_at > now))


def exist(connection: Connection) -> bool:
    """Whether anybody was ever erased, according to one row of a small table."""
    return connection.exec_driver_sql(_IS_THERE).first() is not None


def everybody(connection: Connection) -> Erased:
    """Return all erased people. Raises ``LedgerError`` if there are any and their key is missing."""
    if not exist(connection):
        return Erased()
    query = select(suppressions.c.address).where(_of_erased(now_ms()))
    hashes = frozenset(connection.execute(query).scalars())
    return Erased(needed_key(connection), hashes) if hashes else Erased()


def erased_among(connection: Connection, addresses: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which of the addresses were erased; see ``Erased.among``."""
    return everybody(connection).among(addresses)


def erased_of(connection: Connection, addresses: list[str]) -> frozenset[str]:
    """Return those of a few addresses that were erased, looked up by hash; used when claiming."""
    if not addresses or not exist(connection):
        return frozenset()
    key = needed_key(connection)
    by_hash = {key.hash_of(form): address for address in addresses for form in same_phone_forms(address)}
    c = suppressions.c
    held = and_(c.lifted_at.is_(None), or_(c.until_at.is_(None), c.until_at > now_ms()))
    query = select(c.address).where(c.address.in_(list(by_hash)), held)
    return frozenset(by_hash[found] for found in connection.execute(query).scalars())


def also_hashed(connection: Connection, address: str) -> list[str]:
    """Return every form of the address, with its hash if there are erased people: any of them may be on the list."""
    forms = list(same_phone_forms(address))
    if is_hash(address) or not exist(connection):
        return forms
    key = needed_key(connection)
    return [*forms, *map(key.hash_of, forms)]


def hash_for_audit(connection: Connection, address: str) -> str | None:
    """Return the keyed hash by which the audit trail names a person; None if this ledger has no key."""
    key = find_key(connection.engine.url, create=True)
    return None if key is None else key.hash_of(address)


def needed_key(connection: Connection, *, create: bool = False) -> ErasureKey:
    """Return the key of this ledger's hashes; with ``create``, create or register it if there is none yet.

    Raises ``LedgerError`` if there is none, or if it is not the one the hashes were made with.
    """
    url = connection.engine.url
    key = find_key(url, create=create)
    if key is None:
        raise LedgerError(_no_key(url))
    check = hmac.digest(key.secret, _CHECKED, "sha256").hex()
    noted = connection.execute(select(about.c.value).where(about.c.name == _CHECK)).scalar()
    if noted is None and create:
        connection.execute(insert(about).values(name=_CHECK, value=check))
    elif noted is not None and not hmac.compare_digest(noted, check):
        if create and not _any_hash(connection):
            connection.execute(delete(about).where(about.c.name == _CHECK))
            connection.execute(insert(about).values(name=_CHECK, value=check))
            return key
        problem = Problem(
            "the erasure key is not the one that was used for this ledger's erased people",
            path=shown(url),
            hint=f"set {KEY_VARIABLE} to that key, or unset it if the key is in a file beside the ledger",
            code="erasure-key",
        )
        raise LedgerError(problem)
    return key


def _any_hash(connection: Connection) -> bool:
    query = select(func.count()).select_from(suppressions).where(is_hash_in(suppressions.c.address))
    return bool(connection.execute(query).scalar())


def _no_key(url: URL) -> Problem:
    if url.get_backend_name() == "sqlite":
        hint = f"restore the file {key_file(url)}, or set {KEY_VARIABLE}"
    else:
        hint = f"set {KEY_VARIABLE}: a ledger on a server has no key file"
    return Problem(
        "the erasure key is missing, so erased people cannot be recognised",
        path=shown(url),
        hint=hint,
        code="erasure-key",
    )


def key_file(url: URL) -> Path:
    """Return the path of a SQLite ledger's key file, used if no variable is set."""
    return Path(f"{url.database}-erasure-key")


def find_key(url: URL, *, create: bool) -> ErasureKey | None:
    """Return the key from the variable, else from the file beside a SQLite ledger (created with ``create``), else
    None."""
    given = os.environ.get(KEY_VARIABLE)
    if given:
        if len(given) < SHORTEST_KEY:
            text = f"{KEY_VARIABLE} is too short: use at least {SHORTEST_KEY} characters"
            raise LedgerError(Problem(text, code="erasure-key"))
        return ErasureKey(given.encode("utf-8", "surrogateescape"))
    if url.get_backend_name() != "sqlite":
        return None
    path = key_file(url)
    try:
        if not path.exists():
            if not create:
                return None
            _make(path)
        return ErasureKey(path.read_text("ascii").strip().encode())
    except (OSError, UnicodeDecodeError) as error:
        why = (getattr(error, "strerror", None) or "not a key file").lower()
        problem = Problem(f"the erasure key cannot be read: {why}", path=str(path), code="erasure-key")
        raise LedgerError(problem) from error


def _make(path: Path) -> None:
    """Create a key file, readable by its owner only; atomic, and never replacing an existing one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first
    except OSError:  # a file system without hard links
        if not path.exists():
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


__all__ = ["MARK", "RULE", "Erased", "ErasureKey", "is_hash"]


def suppress(connection: Connection, hash: str, now: int) -> bool:
    """Add the hash of an erased address to the suppression list permanently; return False if it is already there."""
    c = suppressions.c
    held = and_(c.address == hash, c.scope == "everything", c.lifted_at.is_(None))
    if connection.execute(select(func.count()).select_from(suppressions).where(held)).scalar():
        return False
    values = {"address": hash, "scope": "everything", "scope_value": "", "source": "erasure", "added_at": now}
    connection.execute(insert(suppressions).values(values))
    return True
