"""What ``a2pcli audit`` does: show the trail, and see whether it holds."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from a2pcli.cli.run_choice import existing_ledger
from a2pcli.cli.terminal.output import print_json, printable, say, show
from a2pcli.errors import LedgerError, Problem, UsageError
from a2pcli.ledger.audit import Entry, Verified
from a2pcli.reporting.values import iso, local

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger

NOTHING = Verified(0, 0, None, ())
SHORTEST_HEAD = 12


def show_entries(limit: int | None, ledger: str | None, *, as_json: bool) -> None:
    """The newest entries."""
    from a2pcli.cli.screens.listing import Listing

    with existing_ledger(ledger) as store:
        entries = list(islice(store.audit_entries(), limit)) if store else []
    if as_json:
        print_json({"entries": [document(entry) for entry in entries]})
        return
    if not entries:
        say("the audit trail is empty")
        return
    columns = ("no", "when", "who", "what", "to", "detail")
    rows = [tuple(map(printable, _cells(entry))) for entry in entries]
    show(Listing(columns, rows, lead=4, whole=frozenset({"no", "when", "what"}), right=frozenset({"no"})))
    if entries[-1].number > 1:
        say(f"… and {entries[-1].number - 1:,} more; --all shows every one")


def document(entry: Entry) -> dict[str, Any]:
    """An entry for JSON."""
    return {
        "number": entry.number,
        "at": iso(entry.at),
        "who": entry.who,
        "host": entry.host,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.facts,
        "previous": entry.previous,
        "hash": entry.hash,
    }


def _cells(entry: Entry) -> tuple[str, ...]:
    subject = entry.subject or ""
    short = subject[:13] + "…" if subject.startswith("#") else subject
    facts = ", ".join(f"{name} {_plain(value)}" for name, value in entry.facts.items() if name != "hashes")
    return str(entry.number), local(entry.at), f"{entry.who}@{entry.host}", entry.action, short, facts


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_plain(one)}" for name, one in value.items())
    if isinstance(value, str):
        return (
            value[:12] if len(value) == 64 and value.isalnum() else value
        )  # a digest is known by its beginning
    return json.dumps(value)


def verify_trail(head: str | None, ledger: str | None, *, as_json: bool) -> None:
    """Say whether the trail holds; raises ``LedgerError`` where it does not."""
    with existing_ledger(ledger) as store:
        found = NOTHING if store is None else store.audit_trail(_whole(store, head))
        name = None if store is None else store.name
    if as_json:
        broken = [{"entry": one.number, "problem": one.what} for one in found.broken]
        print_json(
            {"sound": found.sound, "entries": found.entries, "head": found.head, "number": found.last,
             "broken": broken}
        )  # fmt: skip
    if found.broken:
        raise LedgerError(
            *(
                Problem(f"entry {one.number}: {one.what}", path=name, code="audit-broken")
                for one in found.broken
            )
        )
    if as_json:
        return
    if not found.entries:
        say("the audit trail is empty: nothing to verify")
        return
    entries = "1 entry" if found.entries == 1 else f"{found.entries:,} entries"
    print(f"the audit trail holds: {entries}")
    print(f"head: entry {found.last}, {found.head}")
    if head is None:
        say(
            "note the head elsewhere; `a2pcli audit verify --head HASH` then shows a trail that was cut or made anew"
        )


def _whole(store: Ledger, head: str | None) -> str | None:
    """The whole hash where only its beginning was noted."""
    if head is None:
        return None
    head = head.strip().lower().rstrip("….")
    if len(head) < SHORTEST_HEAD or set(head) - set("0123456789abcdef"):
        hint = f"`a2pcli audit verify` prints it; its first {SHORTEST_HEAD} characters are enough"
        raise UsageError(Problem("--head is no hash of an entry", hint=hint))
    return next((entry.hash for entry in store.audit_entries() if entry.hash.startswith(head)), head)
