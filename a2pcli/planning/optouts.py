"""The suppression list in a plan: who opted out of everything, of a programme or channel, or of one sender."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone.same_phone import same_phone_keys
from a2pcli.errors import Problem, Severity
from a2pcli.frame import Frame
from a2pcli.ledger import erased_people
from a2pcli.ledger.sender_names import sender_key, sender_scope
from a2pcli.planning.frames import Keys, among, drop
from a2pcli.planning.people import BY_OTHER, NOBODY, among_others, any_other
from a2pcli.planning.spec import CompiledSpec, no_keys
from a2pcli.reasons import Reason

if TYPE_CHECKING:  # the ledger itself is used by the main process only
    from a2pcli.ledger.store import Ledger

RULE = "optout"


def suppressed(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude people on the suppression list, and erased people."""
    people, listed = frame["@person"].to_numpy(), compiled.spec.people
    drop(frame, among(people, listed.suppressed), Reason.OPTED_OUT, "from every message", RULE)
    _by_other(frame, listed.suppressed, "from every message")
    if listed.erased.hashes:
        _leave_out_erased(frame, listed.erased)
    for words, keys, whole in listed.suppressed_in:
        drop(frame, among(people, keys), Reason.OPTED_OUT, words, RULE)
        if whole:
            _by_other(frame, keys, words)


def _by_other(frame: Frame, people: Keys, words: str) -> None:
    """Exclude rows whose other addresses opted out."""
    drop(frame, among_others(frame, people), Reason.OPTED_OUT, f"{words}, {BY_OTHER}", RULE)


def _leave_out_erased(frame: Frame, people: erased_people.Erased) -> None:
    """Exclude erased people, and remove their addresses from the plan: the row is identified by its line only."""
    gone = people.among(frame["@address"]) | any_other(frame, people.among)
    if not gone.any():
        return
    drop(frame, gone, Reason.OPTED_OUT, "was erased", erased_people.RULE)
    nothing_left = (
        ("@address", None),
        ("@spelling", None),
        ("@others", None),
        ("@cell", None),
        ("@person", NOBODY),
    )
    for column, nothing in nothing_left:
        values = frame[column]
        frame[column] = pc.if_else(pa.array(gone), pa.scalar(nothing, values.type), values)


def suppressed_by_sender(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude people who opted out of this sender: the row's own, else the campaign's."""
    listed = compiled.spec.people.suppressed_for
    if not listed:
        return
    people = frame["@person"].to_numpy()
    common = sender_scope(compiled.spec.sender, compiled.spec.gateway)
    own = pc.fill_null(frame["@sender"], common) if "@sender" in frame else None
    if compiled.spec.route is not None and compiled.spec.sender is None:
        _suppressed_by_route(frame, compiled, compiled.spec.route.route.gateways)
    for sender in [common] if own is None else pc.unique(own).to_pylist():
        key = sender_key(sender)
        if key not in listed:
            continue
        where = among(people, listed[key])
        if own is not None:
            where = where & pc.equal(own, sender).to_numpy(zero_copy_only=False)
        drop(frame, where, Reason.OPTED_OUT, f"from messages by {sender}", RULE)


def _suppressed_by_route(frame: Frame, compiled: CompiledSpec, gateways: Sequence[str]) -> None:
    """Exclude people who opted out of the own sender of a gateway of the route, whichever would send to them."""
    people = frame["@person"].to_numpy()
    unnamed = pc.is_null(frame["@sender"]).to_numpy(zero_copy_only=False)
    for gateway in gateways:
        scope = sender_scope(None, gateway)
        members = compiled.spec.people.suppressed_for.get(sender_key(scope))
        if members is not None:
            drop(frame, among(people, members) & unnamed, Reason.OPTED_OUT, f"from messages by {scope}", RULE)


def suppressed_sets(
    ledger: Ledger, *, purpose: str, programme: str, channel: str, now: int
) -> tuple[Keys, tuple[tuple[str, Keys, bool], ...], dict[str, Keys]]:
    """Return who is suppressed: from everything; from this programme or channel (wording, people, and whether a
    person's other addresses count); and by sender (``sender_key``)."""
    from a2pcli.ledger.optouts import CHANNEL, EVERYTHING, PROGRAMME, SENDER, binds

    if not binds(purpose):
        return no_keys(), (), {}
    found = {
        scope: np.unique(same_phone_keys(people)) for scope, people in ledger.optouts.people(now).items()
    }
    narrower = tuple(
        (f"from the {scope} {value}", found[scope, value], scope == PROGRAMME)
        for scope, value in ((PROGRAMME, programme), (CHANNEL, channel))
        if (scope, value) in found
    )
    senders: dict[str, Keys] = {}
    for (scope, value), numbers in found.items():
        if scope == SENDER:  # entries may spell the same sender differently
            senders[sender_key(value)] = np.union1d(senders.get(sender_key(value), no_keys()), numbers)
    return found[EVERYTHING, ""], narrower, senders


def stale_lists(ledger: Ledger, days: int, now: int) -> tuple[Problem, ...]:
    """Return a warning for each imported do-not-contact list that is older than ``days``."""
    return tuple(
        Problem(
            f"the do-not-contact list '{one.name}' is {one.days_old(now)} days old",
            hint="import its newest version: a2pcli optout import FILE --list NAME --as-of DATE",
            severity=Severity.WARNING,
            code="old-list",
        )
        for one in ledger.optouts.lists()
        if one.days_old(now) > days
    )
