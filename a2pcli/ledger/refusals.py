"""Who may not be messaged any more, asked at the moment of the claim: opt-outs, and consent taken back or lapsed.

What the plan knew is not asked again: of consent, only what happened since (``Run.sending["consent"]`` holds the
moment the plan looked at it, and each row the moment its own consent ends).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, literal_column, not_, or_, select

from a2pcli.ledger import consents
from a2pcli.ledger.optouts import CHANNEL, EVERYTHING, PROGRAMME, SENDER
from a2pcli.ledger.records import Run, sender_scope
from a2pcli.ledger.tables import consents as consents_table
from a2pcli.ledger.tables import messages, suppressions
from a2pcli.reasons import Reason

RULES: Mapping[str, str] = {Reason.OPTED_OUT: "optout", Reason.NO_CONSENT: "consent"}
"""The rule that stands behind each of these reasons."""
DETAILS: Mapping[str, str] = {Reason.NO_CONSENT: "withdrawn or ended after the plan was made"}

_one: Any = literal_column("1")
_m, _s = messages.c, suppressions.c
_given, _gone = consents_table.alias("given"), consents_table.alias("gone")
_now: Any
_programme: Any
_channel: Any
_now, _programme, _channel = (bindparam(name) for name in ("now", "programme", "channel"))


def _literal(text: str) -> Any:
    return literal_column(f"'{text}'")


opted_out = exists(
    select(_one).where(
        _s.address == _m.address,
        _s.lifted_at.is_(None),
        or_(_s.until_at.is_(None), _s.until_at > _now),
        or_(
            _s.scope == _literal(EVERYTHING),
            and_(
                _s.scope == _literal(SENDER), _s.scope_value == func.coalesce(_m.sender, bindparam("sender"))
            ),
            and_(_s.scope == _literal(PROGRAMME), _s.scope_value == _programme),
            and_(_s.scope == _literal(CHANNEL), _s.scope_value == _channel),
        ),
    )
)
"""The message's address is on the suppression list. Parameters: now, sender, programme, channel."""

_withdrawn = exists(
    select(_one).where(
        _gone.c.address == _m.address,
        _gone.c.basis == _literal(consents.WITHDRAWN),
        consents.covers(_gone.c, _programme, _channel),
        _gone.c.revoked_at >= bindparam("consent_as_of"),
    )
)
_allowed = exists(
    select(_one).where(
        _given.c.address == _m.address,
        consents.in_force(_given.c, _now),
        consents.covers(_given.c, _programme, _channel),
        not_(consents.withdrawn_since(_given.c, _programme, _channel)),
    )
)
no_consent = and_(or_(_m.consent_until <= _now, _withdrawn), not_(_allowed))
"""Consent ended since the plan, and no other is in force. Parameters: now, programme, channel, consent_as_of."""


def parameters(run: Run) -> dict[str, Any]:
    """What the conditions need to know of a run, but ``now``; ``consent_binds`` is whether consent is asked about."""
    consent = run.sending.get("consent")
    return {
        "sender": sender_scope(run.sender, run.gateway),
        "programme": run.programme or "",
        "channel": run.channel,
        "consent_binds": consent is not None,
        "consent_as_of": consent["as_of"] if consent else 0,
    }
