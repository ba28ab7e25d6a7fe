"""The audit trail knows the digests of plans: those that are there get their entries.

Plans without digests, of version 0.1, get none: an entry says up to which run there may be such plans.

Frozen: later changes of the tables are migrations of their own.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_audit = sa.table(
    "audit",
    *(sa.column(name) for name in ("number", "at", "who", "host", "action", "subject", "detail")),
    *(sa.column(name) for name in ("previous", "hash")),
)
_runs = sa.table("runs", *(sa.column(name) for name in ("number", "id", "digest", "summary")))
_LOCK = 0x61327063_00000002


def upgrade() -> None:
    """Add entries to the trail; nothing that is there changes."""
    connection = op.get_bind()
    found = connection.execute(sa.select(_runs).order_by(_runs.c.number)).mappings().all()
    if not found:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    _append(connection, "ledger.upgrade", None, {"last_run": found[-1]["number"]})
    for run in found:
        digests = json.loads(run["summary"] or "{}").get("digests")
        if isinstance(digests, dict):
            whole = json.dumps(digests, sort_keys=True, separators=(",", ":"))
            hashed = hashlib.sha256(whole.encode()).hexdigest()
            _append(connection, "plan.make", run["id"], {"digest": run["digest"], "digests": hashed})


def _append(connection: sa.Connection, action: str, subject: str | None, detail: dict[str, Any]) -> None:
    query = sa.select(_audit.c.number, _audit.c.hash).order_by(_audit.c.number.desc()).limit(1)
    last = connection.execute(query).first()
    entry = {
        "number": 1 if last is None else last.number + 1,
        "at": time.time_ns() // 1_000_000,
        "who": _user(),
        "host": _storable(socket.gethostname()),
        "action": action,
        "subject": subject,
        "detail": json.dumps(detail, sort_keys=True),
        "previous": "0" * 64 if last is None else last.hash,
    }
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    connection.execute(sa.insert(_audit).values(**entry, hash=hashlib.sha256(text.encode()).hexdigest()))


def _user() -> str:
    try:
        return _storable(getpass.getuser())
    except (KeyError, OSError, ImportError):
        return "unknown user"


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
