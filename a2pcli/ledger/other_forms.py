"""What the database cannot compare by itself at the moment of the claim: other numbers of a phone, other spellings
of a sender.

A message's own address is asked about in the query that finds it (``refusals``). Here the few whose phone has other
numbers (``addresses.phone.same_phone``), and those with an opt-out from some sender, are asked about in Python: two
small queries a claim, none where nobody is concerned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import OTHERS, forms_of, has_other_forms
from a2pcli.ledger import consents, optouts
from a2pcli.ledger.records import Run
from a2pcli.reasons import Reason

_PIECE = 5_000
"""Maximum number of addresses in one query; SQLite binds at most 32,766 values in a statement."""


class Candidate(NamedTuple):
    """A message that may be claimed. ``sender`` is its own, if it differs from the run's; ``named``: its address has
    an opt-out from some sender. ``consent_until`` is when the consent that allows it ends (UTC ms)."""

    id: int
    address: str
    sender: str | None
    named: bool
    consent_until: int | None = None
    others: tuple[str, ...] = ()
    """The person's other addresses: an opt-out from everything, or the programme, applies to all of a person's
    addresses."""


def refused(
    connection: Connection, run: Run, candidates: Iterable[Candidate], parameters: Mapping[str, Any], now: int
) -> dict[int, Reason]:
    """Return the candidates who opted out under another form of their phone number, or from the sender in another
    spelling.

    ``parameters`` are those of ``refusals.parameters``, with ``binds``.
    """
    asked = {
        one.id: (one, forms_of(one.address))
        for one in candidates
        if one.named or one.others or has_other_forms(one.address)
    }
    asked = {
        id: (one, forms) for id, (one, forms) in asked.items() if one.named or one.others or len(forms) > 1
    }
    if not asked:
        return {}
    addresses = _addresses(asked)
    found: dict[int, Reason] = {}
    if parameters["consent_binds"]:
        _took_back(connection, asked, addresses, parameters, now, found)
    if parameters["binds"]:
        _opted_out(connection, run, asked, addresses, now, found)
    return found


def refused_of_plan(
    connection: Connection, run: Run, candidates: Iterable[Candidate], parameters: Mapping[str, Any], now: int
) -> dict[int, Reason]:
    """Return the candidates who may no longer be messaged, under any form of their address.

    Like ``refused``, for messages without attempts: what ``refusals`` checks on rows is checked here by address.
    """
    asked = {
        one.id: (one, forms_of(one.address) if has_other_forms(one.address) else (one.address,))
        for one in candidates
    }
    if not asked:
        return {}
    addresses = _addresses(asked)
    found: dict[int, Reason] = {}
    if parameters["consent_binds"]:
        _took_back(connection, asked, addresses, parameters, now, found, whole=True)
    if parameters["binds"]:
        _opted_out(connection, run, asked, addresses, now, found)
    return found


_Asked: TypeAlias = "Mapping[int, tuple[Candidate, tuple[str, ...]]]"


def _addresses(asked: _Asked) -> list[str]:
    """Return every address to look up: each person's own in all forms, and the others."""
    found: set[str] = set()
    for one, forms in asked.values():
        found.update(forms)
        for other in one.others:
            found.update(forms_of(other))
    return list(found)


def others_of(column: str | None) -> tuple[str, ...]:
    """Return the other addresses of a row, from the form in which a plan stores them."""
    return tuple(column.split(OTHERS)) if column else ()


def _opted_out(
    connection: Connection,
    run: Run,
    asked: _Asked,
    addresses: list[str],
    now: int,
    found: dict[int, Reason],
) -> None:
    entries: dict[str, list[Any]] = {}
    for some in _pieces(addresses):
        for entry in optouts.of_addresses(connection, some, now):
            entries.setdefault(entry.address, []).append(entry)
    for id, (one, forms) in asked.items() if entries else ():
        mine = (entry for form in forms for entry in entries.get(form, ()))
        theirs = (
            entry
            for other in one.others
            for form in forms_of(other)
            for entry in entries.get(form, ())
            if entry.scope in optouts.OF_THE_PERSON
        )
        if any(optouts.concerns(entry, run, one.sender) for entry in chain(mine, theirs)):
            found[id] = Reason.OPTED_OUT


def _took_back(
    connection: Connection,
    asked: _Asked,
    addresses: list[str],
    parameters: Mapping[str, Any],
    now: int,
    found: dict[int, Reason],
    *,
    whole: bool = False,
) -> None:
    """Find who withdrew consent; with ``whole``, also under the address itself, and whose consent has expired."""
    programme, channel = parameters["programme"], parameters["channel"]
    since = parameters["consent_as_of"]
    changed = {
        address
        for some in _pieces(addresses)
        for address in consents.withdrawn_since_plan(connection, some, programme, channel, since)
    }
    for id, (one, forms) in asked.items():
        if changed and any(
            _gone(connection, other, changed, programme, channel, now) for other in one.others
        ):
            found[id] = Reason.NO_CONSENT
            continue
        ended = whole and one.consent_until is not None and one.consent_until <= now
        if not ended and not (changed and changed.intersection(forms if whole else forms[1:])):
            continue
        if not consents.allowing(connection, forms[0], programme, channel, now):
            found[id] = Reason.NO_CONSENT


def _gone(
    connection: Connection, other: str, changed: Collection[str], programme: str, channel: str, now: int
) -> bool:
    """Whether consent was withdrawn by another address and not given again by it."""
    took_back = any(form in changed for form in forms_of(other))
    return took_back and not consents.allowing(connection, other, programme, channel, now)


def _pieces(addresses: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(addresses), _PIECE):
        yield addresses[start : start + _PIECE]
