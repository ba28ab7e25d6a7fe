"""What ``a2pcli optout`` does with numbers that people name: add, remove, check, list."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.cli.ledger_option import open_ledger, settings_from
from a2pcli.cli.output import print_json, printable, say, show
from a2pcli.cli.run_choice import existing_ledger
from a2pcli.contacts.phones import PhonePolicy, normalise
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.records import Suppression
from a2pcli.reasons import SENTENCES
from a2pcli.reporting.values import iso, local

if TYPE_CHECKING:
    from a2pcli.cli.listing import Listing

EVERYTHING, SENDER = "everything", "sender"


def scope_of(sender: str | None) -> tuple[str, str]:
    """The scope and its value that ``--sender`` means."""
    if sender is not None and not sender.strip():
        raise UsageError(Problem("--sender is empty", hint="leave it out to suppress every message"))
    return (SENDER, sender.strip()) if sender else (EVERYTHING, "")


def user() -> str:
    """Who sits at this terminal, for the list's history."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown user"


def policy(region: str | None) -> PhonePolicy:
    """How numbers are read: as widely as can be, since suppressing one number too many does no harm."""
    return PhonePolicy(
        region=region or settings_from(Path.cwd()).settings.region,
        allow_fictional=True,
        allow_fixed_line=True,
    )


def _read(cells: Sequence[str], region: str | None) -> tuple[list[str], list[Problem]]:
    """The numbers in E.164, each once, and a problem for every cell that is none."""
    asked = policy(region)
    numbers: dict[str, None] = {}
    problems = []
    for cell in cells:
        result = normalise(cell, asked)
        if result.number is not None:
            numbers[result.number] = None
            continue
        why = result.detail or (SENTENCES[result.reason] if result.reason else "not a number")
        hint = None
        if asked.region is None and not cell.strip().startswith("+"):
            hint = "write it with + and the country's code, or give --region"
        # The last digits are enough to know one's own typing again.
        problems.append(Problem(f"…{printable(cell.strip()[-4:])}: {why}", hint=hint, code="number"))
    return list(numbers), problems


def add_numbers(
    cells: Sequence[str],
    sender: str | None,
    reason: str | None,
    source: str | None,
    region: str | None,
    ledger: str | None,
    *,
    as_json: bool,
) -> None:
    """Add what can be read; raises ``UsageError`` afterwards for what cannot."""
    scope, value = scope_of(sender)
    numbers, problems = _read(cells, region)
    added: dict[str, bool] = {}
    if numbers:
        with open_ledger(ledger, Path.cwd()) as store:
            for number in numbers:
                added[number] = store.suppress(
                    number,
                    scope=scope,
                    scope_value=value,
                    source=source or f"by hand ({user()})",
                    reason=reason,
                )
    if as_json:
        print_json(
            {
                "added": [number for number, new in added.items() if new],
                "already": [number for number, new in added.items() if not new],
                "refused": [problem.message for problem in problems],
            }
        )
    else:
        for number, new in added.items():
            whose = f"messages from {sender}" if sender else "every message"
            say(f"{number} is suppressed for {whose}" if new else f"{number} was on the list already")
    if problems:
        raise UsageError(*problems)


def remove_numbers(
    cells: Sequence[str],
    sender: str | None,
    by: str | None,
    region: str | None,
    ledger: str | None,
    *,
    as_json: bool,
) -> None:
    """Lift what can be read; raises ``UsageError`` afterwards for what cannot."""
    scope, value = scope_of(sender)
    numbers, problems = _read(cells, region)
    lifted = dict.fromkeys(numbers, 0)
    wanted = scope if sender else None
    with existing_ledger(ledger) as store:
        if store is not None:
            for number in numbers:
                lifted[number] = store.lift(number, scope=wanted, scope_value=value, by=by or user())
    if as_json:
        print_json(
            {
                "removed": [number for number, count in lifted.items() if count],
                "not_listed": [number for number, count in lifted.items() if not count],
                "refused": [problem.message for problem in problems],
            }
        )
    else:
        for number, count in lifted.items():
            say(f"{number} may be messaged again" if count else f"{number} was not on the list")
    if problems:
        raise UsageError(*problems)


def check_number(
    cell: str, sender: str | None, region: str | None, ledger: str | None, *, as_json: bool
) -> None:
    """Say whether one number is suppressed."""
    scope_of(sender)
    numbers, problems = _read([cell], region)
    if problems:
        raise UsageError(*problems)
    (number,) = numbers
    with existing_ledger(ledger) as store:
        entries = store.suppressions_of(number) if store else []
    held = [entry for entry in entries if entry.lifted_at is None]
    found = [entry for entry in held if entry.scope == EVERYTHING or entry.scope_value == sender]
    senders = sorted({entry.scope_value for entry in held if entry.scope == SENDER})
    if as_json:
        print_json(
            {
                "number": number,
                "suppressed": bool(found),
                "sender": sender,
                "senders": senders,
                "entries": [document(entry) for entry in entries],
            }
        )
        return
    for line in _sentences(number, found, senders, sender):
        print(printable(line))
    if entries:
        show(_listing(reversed(entries), lifted=True))


def _sentences(
    number: str, found: Sequence[Suppression], senders: Sequence[str], sender: str | None
) -> Iterator[str]:
    if found:
        whose = f"for messages from {sender}" if found[0].scope == SENDER else "for every message"
        yield f"{number} is suppressed {whose}, since {local(found[0].added_at)}"
    elif senders:
        yield f"{number} is suppressed for messages from {', '.join(senders)} only"
    else:
        yield f"{number} is not on the list"


def document(entry: Suppression) -> dict[str, Any]:
    """An entry for JSON."""
    return {
        "number": entry.address,
        "scope": entry.scope,
        "sender": entry.scope_value or None,
        "source": entry.source,
        "reason": entry.reason,
        "added_at": iso(entry.added_at),
        "lifted_at": iso(entry.lifted_at),
        "lifted_by": entry.lifted_by,
    }


def list_all(limit: int | None, ledger: str | None, *, lifted: bool, as_json: bool) -> None:
    """Show the newest entries."""
    with existing_ledger(ledger) as store:
        count = store.suppression_count() if store else 0
        entries: Iterable[Suppression] = store.suppressions(lifted=lifted, newest=True) if store else ()
        entries = islice(entries, limit)
        if as_json:
            _write_list(count, entries)
            return
        entries = list(entries)
    if not entries:
        say("the list is empty: `a2pcli optout add NUMBER` puts a number on it")
        return
    show(_listing(entries, lifted=lifted))
    held = sum(entry.lifted_at is None for entry in entries)
    if count > held:
        say(f"… and {count - held:,} more; --all shows every one")


def _write_list(count: int, entries: Iterable[Suppression]) -> None:
    """One document, written entry by entry: the list may hold a million."""
    sys.stdout.write(f'{{\n  "count": {count},\n  "suppressions": [')
    separator = "\n    "
    for entry in entries:
        sys.stdout.write(separator + json.dumps(document(entry)))
        separator = ",\n    "
    sys.stdout.write("\n  ]\n}\n" if separator.startswith(",") else "]\n}\n")
    sys.stdout.flush()


def _listing(entries: Iterable[Suppression], *, lifted: bool) -> Listing:
    from a2pcli.cli.listing import Listing

    rows = [tuple(map(printable, _cells(entry)))[: 6 if lifted else 5] for entry in entries]
    columns = ("number", "since", "for", "source", "reason", "lifted")[: 6 if lifted else 5]
    return Listing(columns, rows, lead=2, whole=frozenset({"number", "since"}))


def _cells(entry: Suppression) -> Iterator[str]:
    yield entry.address
    yield local(entry.added_at)
    yield entry.scope_value or "every message"
    yield entry.source
    yield entry.reason or ""
    yield "" if entry.lifted_at is None else f"lifted {local(entry.lifted_at)} by {entry.lifted_by}"
