"""Who may not be messaged any more, asked at the moment of the claim: opt-outs, and consent taken back or lapsed.

Here they are asked of rows that wait for another try, in the query that finds them; of messages that nothing happened
to yet, ``other_forms`` asks them by address. What the plan knew is not asked again: of consent, only what happened
since (``Run.sending["consent"]`` holds the moment the plan looked at it, and each row the moment its own consent ends).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    Select,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from a2pcli.ledger import consents
from a2pcli.ledger.optouts import CHANNEL, EVERYTHING, PROGRAMME, SENDER
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts, is_claimed, suppressions
from a2pcli.ledger.tables import consents as consents_table
from a2pcli.reasons import Reason

RULES: Mapping[str, str] = {Reason.OPTED_OUT: "optout", Reason.NO_CONSENT: "consent"}
"""The rule that stands behind each of these reasons."""
DETAILS: Mapping[str, str] = {Reason.NO_CONSENT: "withdrawn or ended after the plan was made"}

_one: Any = literal_column("1")
_m, _s = attempts.c, suppressions.c
_given, _gone = consents_table.alias("given"), consents_table.alias("gone")
_now: Any
_programme: Any
_channel: Any
_now, _programme = bindparam("now"), bindparam("programme")
# A later attempt may go by another channel than the run's.
_channel = func.coalesce(_m.channel, bindparam("channel", type_=Text))


def of_each(query: Select[Any]) -> Any:
    """The condition that the query finds anything, asked of each candidate through an index.

    PostgreSQL would rather read a whole table once into memory, for a hundred candidates at every claim: it thinks
    of all rows that could be claimed, not of the few that are. ``OFFSET 0`` keeps it from that.
    """
    return exists(query.suffix_with("OFFSET 0", dialect="postgresql"))


def _literal(text: str) -> Any:
    return literal_column(f"'{text}'")


_holds = and_(
    _s.address == _m.address, _s.lifted_at.is_(None), or_(_s.until_at.is_(None), _s.until_at > _now)
)
opted_out = of_each(
    select(_one).where(
        _holds,
        or_(
            _s.scope == _literal(EVERYTHING),
            and_(_s.scope == _literal(PROGRAMME), _s.scope_value == _programme),
            and_(_s.scope == _literal(CHANNEL), _s.scope_value == _channel),
        ),
    )
)
"""The message's address is on the suppression list, whoever sends. Parameters: now, programme, channel."""

names_a_sender = of_each(select(_one).where(_holds, _s.scope == _literal(SENDER)))
"""The address opted out of some sender's messages; ``other_forms`` says whether of this one's. Parameter: now."""

_withdrawn = of_each(
    select(_one).where(
        _gone.c.address == _m.address,
        _gone.c.basis == _literal(consents.WITHDRAWN),
        consents.covers(_gone.c, _programme, _channel),
        # Recorded since: what the plan could not know, whatever day it is of.
        or_(
            _gone.c.revoked_at >= bindparam("consent_as_of"),
            _gone.c.recorded_at >= bindparam("consent_as_of"),
        ),
    )
)
_allowed = of_each(
    select(_one).where(
        _given.c.address == _m.address,
        consents.in_force(_given.c, _now),
        consents.covers(_given.c, _programme, _channel),
        not_(consents.withdrawn_since(_given.c, _programme, _channel)),
    )
)
no_consent = and_(or_(_m.consent_until <= _now, _withdrawn), not_(_allowed))
"""Consent ended since the plan, and no other is in force. Parameters: now, programme, channel, consent_as_of."""

# Does this person have a claimed row elsewhere in the occasion? (the index attempts_once answers)
_other = attempts.alias("other")
_reached = of_each(
    select(_one).where(_other.c.occasion == _m.occasion, _other.c.person == _m.person, is_claimed(_other.c))
)

ASKS_SENDER = "asks-sender"
"""Stands where a reason could: the person opted out of some sender, and this one's spelling has to be compared."""

why_not = case(
    (and_(bindparam("binds", type_=Boolean), opted_out), _literal(Reason.OPTED_OUT)),
    (and_(bindparam("consent_binds", type_=Boolean), no_consent), _literal(Reason.NO_CONSENT)),
    (_reached, _literal(Reason.ALREADY_SENT)),
    (and_(bindparam("binds", type_=Boolean), names_a_sender), _literal(ASKS_SENDER)),
).label("why_not")
"""Why a planned message may not go; null where it may."""


def parameters(run: Run) -> dict[str, Any]:
    """What the conditions need to know of a run, but ``now``; ``consent_binds`` is whether consent is asked about."""
    consent = run.sending.get("consent")
    return {
        "programme": run.programme or "",
        "channel": run.channel,
        "consent_binds": consent is not None,
        "consent_as_of": consent["as_of"] if consent else 0,
    }
