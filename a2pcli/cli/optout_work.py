"""What ``a2pcli optout`` does with numbers that people name: add, remove, check, list."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.cli.auditing import opted_out
from a2pcli.cli.ledger_option import ledger_to_record, number_settings
from a2pcli.cli.own_senders import is_own, own_numbers
from a2pcli.cli.run_choice import existing_ledger
from a2pcli.cli.scopes import Scope, day_text, scope_of, until_of
from a2pcli.cli.terminal.output import print_json, print_json_list, printable, say, show
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.records import Suppression, now_ms
from a2pcli.reasons import SENTENCES
from a2pcli.reporting.values import iso, local

if TYPE_CHECKING:
    from a2pcli.cli.screens.listing import Listing
    from a2pcli.contacts.phone_types import PhonePolicy
    from a2pcli.ledger.lists import ImportedList

ScopeOptions = tuple[str | None, str | None]
"""``--scope`` and ``--sender`` as they were given."""


def user() -> str:
    """Who sits at this terminal, for the list's history."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "unknown user"


def policy(region: str | None) -> PhonePolicy:
    """How numbers are read: as widely as can be, since suppressing one number too many does no harm."""
    from a2pcli.contacts.any_number import any_policy

    return any_policy(region or number_settings(Path.cwd()).settings.region)


def read_numbers(cells: Sequence[str], region: str | None) -> tuple[list[str], list[Problem]]:
    """The numbers in E.164, each once, and a problem for every cell that is none."""
    from a2pcli.contacts.any_number import DOUBTFUL, any_number

    asked = policy(region)
    numbers: dict[str, None] = {}
    problems = []
    for cell in cells:
        result = any_number(cell, asked.region)
        if result.number is not None:
            numbers[result.number] = None
            if result.detail == DOUBTFUL:
                say(f"warning: {result.number} is {DOUBTFUL}")
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
    scope_options: ScopeOptions,
    until: str | None,
    reason: str | None,
    source: str | None,
    region: str | None,
    ledger: str | None,
    *,
    as_json: bool,
) -> None:
    """Add what can be read; raises ``UsageError`` afterwards for what cannot."""
    scope, until_at = scope_of(*scope_options), until_of(until, now_ms())
    settings = number_settings(Path.cwd())
    numbers, problems = read_numbers(cells, region or settings.settings.region)
    added: dict[str, bool] = {}
    if numbers:
        with ledger_to_record(ledger, Path.cwd()) as store:
            own = own_numbers(settings, store)
            for number in numbers:
                if is_own(number, own):
                    say(f"{number} is a sender of your own: no campaign will message it")
                added[number] = store.suppress(
                    number,
                    scope=scope.kind,
                    scope_value=scope.value,
                    source=source or f"by hand ({user()})",
                    reason=reason,
                    until_at=until_at,
                )
            opted_out(store, "optout.add", [one for one, new in added.items() if new], scope)
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
            end = f" until {local(until_at)}" if until_at else ""
            say(
                f"{number} is suppressed for {scope.words}{end}"
                if new
                else f"{number} was on the list already"
            )
    if problems:
        raise UsageError(*problems)


def remove_numbers(
    cells: Sequence[str],
    scope_options: ScopeOptions,
    by: str | None,
    region: str | None,
    ledger: str | None,
    *,
    as_json: bool,
) -> None:
    """Lift what can be read; raises ``UsageError`` afterwards for what cannot."""
    scope = scope_of(*scope_options)
    numbers, problems = read_numbers(cells, region)
    lifted = dict.fromkeys(numbers, 0)
    wanted = scope.kind if any(scope_options) else None
    with existing_ledger(ledger) as store:
        if store is not None:
            for number in numbers:
                lifted[number] = store.lift(number, scope=wanted, scope_value=scope.value, by=by or user())
            opted_out(store, "optout.remove", [one for one, count in lifted.items() if count], scope)
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
    cell: str,
    scopes: Sequence[str],
    sender: str | None,
    region: str | None,
    ledger: str | None,
    *,
    as_json: bool,
) -> None:
    """Say whether one number is suppressed: from everything, or in one of the scopes."""
    asked = [scope_of(text) for text in scopes] + ([scope_of(None, sender)] if sender is not None else [])
    numbers, problems = read_numbers([cell], region)
    if problems:
        raise UsageError(*problems)
    (number,) = numbers
    with existing_ledger(ledger) as store:
        entries = store.suppressions_of(number) if store else []
    now = now_ms()
    held = [entry for entry in entries if entry.holds(now)]
    wanted = {one.key for one in (Scope(), *asked)}
    found = [entry for entry in held if Scope(entry.scope, entry.scope_value).key in wanted]
    narrower = sorted({str(Scope(entry.scope, entry.scope_value)) for entry in held if entry.scope_value})
    if as_json:
        print_json(
            {
                "number": number,
                "suppressed": bool(found),
                "asked": [str(scope) for scope in asked],
                "scopes": narrower,
                "entries": [document(entry, now) for entry in entries],
            }
        )
        return
    for line in _sentences(number, found, held):
        print(printable(line))
    if entries:
        show(_listing(reversed(entries), now, ended=True))


def _sentences(number: str, found: Sequence[Suppression], held: Sequence[Suppression]) -> Iterator[str]:
    if found:
        one = found[0]
        end = f", until {local(one.until_at)}" if one.until_at else ""
        words = Scope(one.scope, one.scope_value).words
        yield f"{number} is suppressed for {words}, since {local(one.added_at)}{end}"
    elif held:
        words = ", ".join(Scope(entry.scope, entry.scope_value).words for entry in held)
        yield f"{number} is suppressed for {words} only"
    else:
        yield f"{number} is not on the list"


def document(entry: Suppression, now: int) -> dict[str, Any]:
    """An entry for JSON. ``sender`` is the scope's value where the scope is a sender."""
    return {
        "number": entry.address,
        "scope": entry.scope,
        "scope_value": entry.scope_value or None,
        "sender": entry.scope_value if entry.scope == "sender" else None,
        "holds": entry.holds(now),
        "source": entry.source,
        "reason": entry.reason,
        "added_at": iso(entry.added_at),
        "until": iso(entry.until_at),
        "list": entry.list_name,
        "as_of": iso(entry.as_of),
        "lifted_at": iso(entry.lifted_at),
        "lifted_by": entry.lifted_by,
    }


def list_all(limit: int | None, ledger: str | None, *, lifted: bool, as_json: bool) -> None:
    """Show the newest entries."""
    now = now_ms()
    with existing_ledger(ledger) as store:
        count = store.suppression_count(now) if store else 0
        entries: Iterable[Suppression] = (
            store.suppressions(lifted=lifted, newest=True, now=now) if store else ()
        )
        lists = store.optout_lists() if store else []
        entries = islice(entries, limit)
        if as_json:
            _write_list(count, lists, entries, now)
            return
        entries = list(entries)
    if not entries:
        say("the list is empty: `a2pcli optout add NUMBER` puts a number on it")
        return
    show(_listing(entries, now, ended=lifted))
    for one in lists:
        say(f"list {one.name}: as of {day_text(one.as_of)}, imported {local(one.imported_at)}")
    held = sum(entry.holds(now) for entry in entries)
    if count > held:
        say(f"… and {count - held:,} more; --all shows every one")


def _write_list(count: int, lists: Sequence[ImportedList], entries: Iterable[Suppression], now: int) -> None:
    """One document, written entry by entry: the list may hold a million."""
    imported = [
        {"name": one.name, "as_of": iso(one.as_of), "imported_at": iso(one.imported_at)} for one in lists
    ]
    head = {"count": count, "lists": imported}
    print_json_list(head, "suppressions", (document(entry, now) for entry in entries))


def _listing(entries: Iterable[Suppression], now: int, *, ended: bool) -> Listing:
    from a2pcli.cli.screens.listing import Listing

    shown = 7 if ended else 6
    rows = [tuple(map(printable, _cells(entry, now)))[:shown] for entry in entries]
    columns = ("number", "since", "for", "until", "source", "reason", "ended")[:shown]
    return Listing(columns, rows, lead=2, whole=frozenset({"number", "since"}))


def _cells(entry: Suppression, now: int) -> Iterator[str]:
    source = entry.source
    if entry.list_name:
        source += f", list {entry.list_name}" + (f" as of {day_text(entry.as_of)}" if entry.as_of else "")
    yield entry.address
    yield local(entry.added_at)
    yield Scope(entry.scope, entry.scope_value).words
    yield local(entry.until_at) if entry.until_at else "for good"
    yield source
    yield entry.reason or ""
    if entry.lifted_at is not None:
        yield f"lifted {local(entry.lifted_at)} by {entry.lifted_by}"
    else:
        yield "" if entry.holds(now) else "its date passed"
