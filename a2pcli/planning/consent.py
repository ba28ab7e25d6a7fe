"""Consent in a plan: a record of the ledger in force, or a contacts file that says when and how.

A clear no keeps a person out of marketing even where a campaign does not ask for proof: a cell that says so, or a
withdrawal in the ledger that no later consent followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone.same_phone import same_phone_keys
from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.ledger.records import NEVER
from a2pcli.planning.frames import Mask, alive, among, drop
from a2pcli.planning.moments import moments
from a2pcli.planning.people import BY_OTHER, among_others, latest_of_others
from a2pcli.planning.spec import CompiledSpec, ConsentRequirement, Timed
from a2pcli.reasons import Reason

if TYPE_CHECKING:  # the ledger itself is used by the main process only
    from a2pcli.ledger.consent_standing import Standing
    from a2pcli.ledger.store import Ledger

RULE = "consent"
REVOKED = "the contacts file says that consent was revoked and not given again"
EXPIRED = "the consent in the contacts file has expired"
DAY = 86_400_000

Moments = npt.NDArray[np.int64]


def asked_of(purpose: str, campaign: str | None, settings: str | None, now: int) -> ConsentRequirement | None:
    """Return the consent that a campaign requires; None if consent does not matter.

    ``campaign`` and ``settings`` are ``required``, ``assumed`` or None. The settings apply to marketing only; a
    campaign's own value applies whatever its purpose.
    """
    if campaign == "required":
        return ConsentRequirement(True, now)
    if purpose != "marketing":
        return None
    return ConsentRequirement(campaign is None and settings == "required", now)


def consent_word(asked: ConsentRequirement | None) -> str | None:
    """Return ``required``, ``assumed``, or None if consent does not matter, as plans store it."""
    return None if asked is None else "required" if asked.required else "assumed"


def consent_sets(
    ledger: Ledger, asked: ConsentRequirement | None, programme: str, channel: str
) -> tuple[Timed, Timed]:
    """Return who has consent by a record of the ledger and until when, and who withdrew it and when (UTC ms)."""
    if asked is None:
        return Timed(), Timed()
    standing: Standing = ledger.consents.standing(programme, channel, asked.now)
    return (
        timed(same_phone_keys(standing.consented), standing.until),
        timed(same_phone_keys(standing.withdrawn), standing.withdrawn_at),
    )


def timed(keys: Moments, moment: Moments) -> Timed:
    """Return each person once, with the latest moment."""
    order = np.lexsort((moment, keys))
    keys, moment = keys[order], moment[order]
    last = np.ones(len(keys), dtype=np.bool_)
    last[:-1] = keys[1:] != keys[:-1]
    return Timed(keys[last], moment[last])


@dataclass(frozen=True, slots=True)
class _Rows:
    """Consent facts of the rows of a chunk. Times are UTC milliseconds, each with a mask of the rows that have one.

    ``file`` marks rows whose own cells prove a consent in force; ``file_until`` is when that ends.
    """

    given: Moments
    has_given: Mask
    unreadable: Mask
    future: Mask
    expired: Mask
    says_how: Mask
    file: Mask
    file_until: Moments
    ends: Moments
    has_end: Mask


def consented(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude recipients without the consent that the campaign requires, and those who withdrew it."""
    asked = compiled.spec.consent
    if asked is None or not len(frame):
        return
    told, withdrawn = compiled.spec.people.told.revoked, compiled.spec.people.withdrawn
    has_ends = compiled.spec.facts.of("consent_expires") or _ending(compiled)
    if not (asked.required or has_ends or len(withdrawn.keys) or len(told.keys)):
        return
    rows = _read(frame, compiled, asked)
    people = frame["@person"].to_numpy()
    until = _looked_up(people, compiled.spec.people.consented, -1)
    known = until >= 0
    withdrawn_at = _looked_up(people, withdrawn, -1)
    revoked_at = np.maximum(_looked_up(people, told, -1), latest_of_others(frame, told))
    # Consent in the file counts again only if it was given after the withdrawal.
    file = rows.file & (rows.given > withdrawn_at)
    given_again = rows.has_given & ~rows.future & (rows.given > revoked_at)
    drop(frame, (revoked_at >= 0) & ~given_again, Reason.NO_CONSENT, REVOKED, RULE)
    drop(frame, (withdrawn_at >= 0) & ~known & ~file, Reason.NO_CONSENT, "consent was withdrawn", RULE)
    gone = withdrawn.keys[~np.isin(withdrawn.keys, compiled.spec.people.consented.keys)]
    drop(frame, among_others(frame, gone), Reason.NO_CONSENT, f"consent was withdrawn, {BY_OTHER}", RULE)
    lasts = np.maximum(until, np.where(file, rows.file_until, -1))
    if not asked.required:
        # Consent that was given anew, or that the file limits, holds only until the latest known end, by the file or
        # by a record of the ledger.
        drop(frame, rows.expired & ~known, Reason.NO_CONSENT, EXPIRED, RULE)
        open_ended = np.where(rows.has_end, np.maximum(until, rows.ends), NEVER)
        _keep(
            frame,
            compiled,
            np.where(withdrawn_at >= 0, lasts, open_ended),
            np.zeros(len(frame), dtype=np.bool_),
        )
        return
    allowed = known | file
    for where, why in _whys(rows):
        drop(frame, where & ~allowed, Reason.NO_CONSENT, why, RULE)
    _keep(frame, compiled, lasts, file & ~known)


def _whys(rows: _Rows) -> tuple[tuple[Mask, str], ...]:
    """Return masks and reasons for rows without proof of consent: invalid cells first, then missing ones."""
    return (
        (rows.unreadable, "no record, and consent_at or consent_expires is not a readable date"),
        (rows.future, "no record, and consent_at is in the future"),
        (rows.expired, "no record, and the consent in the contacts file has expired"),
        (rows.has_given & ~rows.says_how, "no record, and the row does not say how consent was given"),
        (rows.says_how & ~rows.has_given, "no record, and the row does not say when consent was given"),
        (np.ones(len(rows.file), dtype=np.bool_), "no record, and the row does not say when and how"),
    )


def _keep(frame: Frame, compiled: CompiledSpec, until: Moments, by_file: Mask) -> None:
    """Store with each row when its consent ends, and the file's evidence if the file is what allows it."""
    rows = alive(frame)
    frame["@consent_until"] = pa.array(until, mask=~rows | (until == NEVER))
    said = rows & by_file
    if said.any():
        given, source, wording = (
            _cells(frame, compiled.spec.facts.columns(name))
            for name in ("consent_at", "consent_source", "consent_wording")
        )
        # Not with null_handling="skip", which loses rows in which every piece is null (pyarrow 26).
        words = pc.binary_join_element_wise(given, source, " | ")
        whole = pc.binary_join_element_wise(words, wording, " | ")
        words = pc.if_else(pc.equal(wording, ""), words, whole)
        frame["@consent"] = pc.if_else(pa.array(said), words, pa.scalar(None, pa.string()))


def _read(frame: Frame, compiled: CompiledSpec, asked: ConsentRequirement) -> _Rows:
    facts, locale = compiled.spec.facts, compiled.spec.locale
    given, has_given, bad_given = _earliest(frame, facts.columns("consent_at"), locale)
    ends, has_end, bad_end = _earliest(frame, facts.columns("consent_expires"), locale)
    later, has_later, _ = _earliest(frame, _ending(compiled), locale)
    ends = np.where(has_end & has_later, np.minimum(ends, later), np.where(has_end, ends, later))
    has_end |= has_later
    future = has_given & (given > asked.now + DAY)
    expired = has_end & (ends <= asked.now)
    how = pc.not_equal(_cells(frame, facts.columns("consent_source")), "").to_numpy(zero_copy_only=False)
    unreadable = bad_given | bad_end
    file = has_given & how & ~future & ~expired & ~unreadable
    return _Rows(
        given=np.minimum(given, asked.now),
        has_given=has_given,
        unreadable=unreadable,
        future=future,
        expired=expired,
        says_how=how,
        file=file,
        file_until=np.where(has_end, ends, NEVER),
        ends=ends,
        has_end=has_end,
    )


def _ending(compiled: CompiledSpec) -> tuple[str, ...]:
    """Return the revocation columns that also say when a consent ends."""
    return tuple(claim.column for claim in compiled.spec.speaking if claim.ends)


def _cells(frame: Frame, columns: tuple[str, ...]) -> pa.StringArray:
    """Return the first non-empty cell of some columns, trimmed; "" if there is none."""
    found = pa.repeat("", len(frame))
    for name in columns:
        if name in frame:
            cells = pc.fill_null(pc.utf8_trim_whitespace(frame[name]), "")
            found = pc.if_else(pc.equal(found, ""), cells, found)
    return found


def _earliest(frame: Frame, columns: tuple[str, ...], locale: str) -> tuple[Moments, Mask, Mask]:
    """Return the earliest time (UTC ms) in some columns, where there is one, and where a cell is not readable."""
    at = np.full(len(frame), NEVER, dtype=np.int64)
    has, bad = (np.zeros(len(frame), dtype=np.bool_) for _ in range(2))
    for name in columns:
        cells = _cells(frame, (name,))
        read = moments(cells, locale)
        here = read.is_valid().to_numpy(zero_copy_only=False)
        bad |= pc.not_equal(cells, "").to_numpy(zero_copy_only=False) & ~here
        at = np.where(here, np.minimum(at, pc.fill_null(read, 0).to_numpy()), at)
        has |= here
    return np.where(has, at, 0), has, bad


def _looked_up(keys: Moments, known: Timed, otherwise: int) -> Moments:
    """Return the stored time of each person; ``otherwise`` for those without one."""
    found = among(keys, known.keys)
    values = np.full(len(keys), otherwise, dtype=np.int64)
    if found.any():
        values[found] = known.at[np.searchsorted(known.keys, keys[found])]
    return values
