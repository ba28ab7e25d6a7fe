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
"""The rule behind each of these reasons."""
DETAILS: Mapping[str, str] = {Reason.NO_CONSENT: "withdrawn or ended after the plan was made"}

_one: Any = literal_column("1")
_m, _s = attempts.c, suppressions.c
_given, _gone = consents_table.alias("given"), consents_table.alias("gone")
_now: Any
_programme: Any
_channel: Any
_now, _programme = bindparam("now"), bindparam("programme")
# A later attempt may use another channel than the run's.
_channel = func.coalesce(_m.channel, bindparam("channel", type_=Text))


def of_each(query: Select[Any]) -> Any:
    """Return the condition that the query finds anything, evaluated per candidate through an index.

    Otherwise PostgreSQL would read a whole table for a hundred candidates at every claim, because it considers all
    rows that could be claimed. ``OFFSET 0`` prevents that.
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
"""The address is on the suppression list for every sender. Parameters: now, programme, channel."""

names_a_sender = of_each(select(_one).where(_holds, _s.scope == _literal(SENDER)))
"""The address opted out of some sender's messages; ``other_forms`` decides if it is this one. Parameter: now."""

_withdrawn = of_each(
    select(_one).where(
        _gone.c.address == _m.address,
        _gone.c.basis == _literal(consents.WITHDRAWN),
        consents.covers(_gone.c, _programme, _channel),
        # Recorded since the plan: the plan could not know it, whatever its date.
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
"""Consent has ended since the plan, and no other is in force. Parameters: now, programme, channel, consent_as_of."""

# Whether the person has a claimed row elsewhere in the occurrence, by the index attempts_once.
_other = attempts.alias("other")
_reached = of_each(
    select(_one).where(_other.c.occasion == _m.occasion, _other.c.person == _m.person, is_claimed(_other.c))
)

ASKS_SENDER = "asks-sender"
"""Used in place of a reason: the person opted out of some sender, whose spelling must be compared."""

why_not = case(
    (and_(bindparam("binds", type_=Boolean), opted_out), _literal(Reason.OPTED_OUT)),
    (and_(bindparam("consent_binds", type_=Boolean), no_consent), _literal(Reason.NO_CONSENT)),
    (_reached, _literal(Reason.ALREADY_SENT)),
    (and_(bindparam("binds", type_=Boolean), names_a_sender), _literal(ASKS_SENDER)),
).label("why_not")
"""Why a planned message may not be sent; null if it may."""


def parameters(run: Run) -> dict[str, Any]:
    """Return the parameters of these conditions for a run, except ``now``; ``consent_binds`` is whether consent is
    checked."""
    consent = run.sending.get("consent")
    return {
        "programme": run.programme or "",
        "channel": run.channel,
        "consent_binds": consent is not None,
        "consent_as_of": consent["as_of"] if consent else 0,
    }
