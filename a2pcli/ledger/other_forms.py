"""What the database cannot compare by itself at the moment of the claim: other numbers of a phone, other spellings
of a sender.

A message's own address is asked about in the query that finds it (``refusals``). Here the few whose phone has other
numbers (``addresses.phone.same_phone``), and those with an opt-out from some sender, are asked about in Python: two
small queries a claim, none where nobody is concerned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy.engine import Connection

from a2pcli.addresses.phone.same_phone import has_other_forms, same_phone_forms
from a2pcli.dataclass import dataclass
from a2pcli.ledger import consents, optouts
from a2pcli.ledger.records import Run
from a2pcli.reasons import Reason

_PIECE = 5_000
"""Addresses in one look; SQLite binds at most 32,766 values in a statement."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that may be claimed. ``sender`` is its own, where it is not the run's; ``named``: its address has an
    opt-out from some sender. ``consent_until``: when the consent that allows it ends, in UTC milliseconds."""

    id: int
    address: str
    sender: str | None
    named: bool
    consent_until: int | None = None


def refused(
    connection: Connection, run: Run, candidates: Iterable[Candidate], parameters: Mapping[str, Any], now: int
) -> dict[int, Reason]:
    """Those of the candidates who said no under another number of their phone, or to the sender as it is spelt here.

    ``parameters`` are those of ``refusals.parameters``, with ``binds``.
    """
    asked = {
        one.id: (one, same_phone_forms(one.address))
        for one in candidates
        if one.named or has_other_forms(one.address)
    }
    asked = {id: (one, forms) for id, (one, forms) in asked.items() if one.named or len(forms) > 1}
    if not asked:
        return {}
    addresses = list({form for _, forms in asked.values() for form in forms})
    found: dict[int, Reason] = {}
    if parameters["consent_binds"]:
        _took_back(connection, asked, addresses, parameters, now, found)
    if parameters["binds"]:
        _opted_out(connection, run, asked, addresses, now, found)
    return found


def refused_of_plan(
    connection: Connection, run: Run, candidates: Iterable[Candidate], parameters: Mapping[str, Any], now: int
) -> dict[int, Reason]:
    """Those of the candidates who may not be messaged any more, under whatever number, from whichever sender.

    As ``refused``, for messages that nothing happened to yet: what the conditions of ``refusals`` ask of rows is asked
    here, by their addresses.
    """
    asked = {
        one.id: (one, same_phone_forms(one.address) if has_other_forms(one.address) else (one.address,))
        for one in candidates
    }
    if not asked:
        return {}
    addresses = list({form for _, forms in asked.values() for form in forms})
    found: dict[int, Reason] = {}
    if parameters["consent_binds"]:
        _took_back(connection, asked, addresses, parameters, now, found, whole=True)
    if parameters["binds"]:
        _opted_out(connection, run, asked, addresses, now, found)
    return found


def _opted_out(
    connection: Connection,
    run: Run,
    asked: Mapping[int, tuple[Candidate, tuple[str, ...]]],
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
        if any(optouts.concerns(entry, run, one.sender) for entry in mine):
            found[id] = Reason.OPTED_OUT


def _took_back(
    connection: Connection,
    asked: Mapping[int, tuple[Candidate, tuple[str, ...]]],
    addresses: list[str],
    parameters: Mapping[str, Any],
    now: int,
    found: dict[int, Reason],
    *,
    whole: bool = False,
) -> None:
    """Find who took consent back; ``whole``: also under the very number, and whose consent has ended by itself."""
    programme, channel = parameters["programme"], parameters["channel"]
    since = parameters["consent_as_of"]
    changed = {
        address
        for some in _pieces(addresses)
        for address in consents.withdrawn_since_plan(connection, some, programme, channel, since)
    }
    for id, (one, forms) in asked.items():
        ended = whole and one.consent_until is not None and one.consent_until <= now
        if not ended and not (changed and changed.intersection(forms if whole else forms[1:])):
            continue
        if not consents.allowing(connection, forms[0], programme, channel, now):
            found[id] = Reason.NO_CONSENT


def _pieces(addresses: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(addresses), _PIECE):
        yield addresses[start : start + _PIECE]
