"""The suppression list in a plan: who opted out of everything, of a programme or channel, or of one sender."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone.same_phone import same_phone_keys
from a2pcli.errors import Problem, Severity
from a2pcli.frame import Frame
from a2pcli.ledger import erased_people
from a2pcli.ledger.sender_names import sender_key, sender_scope
from a2pcli.planning.frames import Keys, among, drop
from a2pcli.planning.job import Compiled, no_keys
from a2pcli.planning.people import NOBODY, number_keys
from a2pcli.reasons import Reason

if TYPE_CHECKING:  # the ledger itself is the main process's
    from a2pcli.ledger.store import Ledger

RULE = "optout"


def suppressed(frame: Frame, job: Compiled) -> None:
    """Nobody who said no."""
    people, listed = frame["@person"].to_numpy(), job.job.people
    drop(frame, among(people, listed.suppressed), Reason.OPTED_OUT, "from every message", RULE)
    if listed.erased.hashes:
        _leave_out_erased(frame, listed.erased)
    for words, keys in listed.suppressed_in:
        drop(frame, among(people, keys), Reason.OPTED_OUT, words, RULE)


def _leave_out_erased(frame: Frame, people: erased_people.Erased) -> None:
    """Who was erased gets nothing, and the plan does not learn their number anew: the row is known by its line."""
    gone = people.among(frame["@number"])
    if not gone.any():
        return
    drop(frame, gone, Reason.OPTED_OUT, "was erased", erased_people.RULE)
    for column, nothing in (("@number", None), ("@cell", None), ("@person", NOBODY)):
        values = frame[column]
        frame[column] = pc.if_else(pa.array(gone), pa.scalar(nothing, values.type), values)


def suppressed_by_sender(frame: Frame, job: Compiled) -> None:
    """Nobody who said no to this sender: the row's own, else the campaign's."""
    listed = job.job.people.suppressed_for
    if not listed:
        return
    people = _people(frame)
    common = sender_scope(job.job.sender, job.job.gateway)
    own = pc.fill_null(frame["@sender"], common) if "@sender" in frame else None
    for sender in [common] if own is None else pc.unique(own).to_pylist():
        key = sender_key(sender)
        if key not in listed:
            continue
        where = among(people, listed[key])
        if own is not None:
            where = where & pc.equal(own, sender).to_numpy(zero_copy_only=False)
        drop(frame, where, Reason.OPTED_OUT, f"from messages by {sender}", RULE)


def _people(frame: Frame) -> npt.NDArray[np.int64]:
    people: npt.NDArray[np.int64] = number_keys(frame["@number"])
    return people


def suppressed_sets(
    ledger: Ledger, *, purpose: str, programme: str, channel: str, now: int
) -> tuple[Keys, tuple[tuple[str, Keys], ...], dict[str, Keys]]:
    """Who is suppressed: from everything; from this programme or channel, in words; and by sender (``sender_key``)."""
    from a2pcli.ledger.optouts import CHANNEL, EVERYTHING, PROGRAMME, SENDER, binds

    if not binds(purpose):
        return no_keys(), (), {}
    found = {
        scope: np.unique(same_phone_keys(numbers))
        for scope, numbers in ledger.suppressed_numbers(now).items()
    }
    narrower = tuple(
        (f"from the {scope} {value}", found[scope, value])
        for scope, value in ((PROGRAMME, programme), (CHANNEL, channel))
        if (scope, value) in found
    )
    senders: dict[str, Keys] = {}
    for (scope, value), numbers in found.items():
        if scope == SENDER:  # however each entry spells it
            senders[sender_key(value)] = np.union1d(senders.get(sender_key(value), no_keys()), numbers)
    return found[EVERYTHING, ""], narrower, senders


def stale_lists(ledger: Ledger, days: int, now: int) -> tuple[Problem, ...]:
    """A warning for each imported do-not-contact list that is of a day longer ago than ``days``."""
    return tuple(
        Problem(
            f"the do-not-contact list '{one.name}' is {one.days_old(now)} days old",
            hint="import its newest state: a2pcli optout import FILE --list NAME --as-of DATE",
            severity=Severity.WARNING,
            code="old-list",
        )
        for one in ledger.optout_lists()
        if one.days_old(now) > days
    )
