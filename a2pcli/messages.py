"""What passes between the ledger, the sender and a gateway: a message, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from a2pcli.dataclass import dataclass


class State(StrEnum):
    """Where a message is. ``submitting`` is the durable intent: after a crash it is ``unknown``."""

    PLANNED = "planned"
    SKIPPED = "skipped"
    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


CLAIMED_STATES: tuple[State, ...] = (State.SUBMITTING, State.ACCEPTED, State.REJECTED, State.UNKNOWN)
"""States in which the person has, or may have, the message (or the gateway refused the address for good).
The ledger allows one such row for each person and occasion; nobody in one is planned again."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready for a gateway.

    ``to`` is E.164 with ``+`` for phone channels. ``reference`` is ours, unique for ever and the same on
    every retry: gateways pass it on as idempotency key or client reference wherever they can.
    ``body`` is the text as people read it. ``content`` is what the channel sends beside or instead of it (an email's
    subject and HTML), in JSON's types and frozen with the plan; None where the text is all. ``purpose`` is the
    campaign's; None for a message of no campaign, such as a test.
    """

    id: int
    reference: str
    to: str
    body: str
    channel: str = "sms"
    sender: str | None = None
    country: str | None = None
    parts: int = 1
    media: tuple[str, ...] = ()
    content: Mapping[str, Any] | None = None
    validity: int | None = None
    """Seconds after which the provider is to give up; None for as long as it likes. Only gateways that can say so to
    the provider get it (``Capabilities.expires``)."""
    purpose: str | None = None


class Verdict(StrEnum):
    """What a gateway did with a message.

    ``not_sent`` is certain knowledge that the provider did not take it (connect error, 429, a documented
    refusal that may pass): only this may be tried again. ``unknown`` is everything ambiguous (read timeout,
    dropped connection, unclear 5xx): the person may have it, so it is never resent by itself.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """The class of a failure, which decides what the sender does next."""

    NONE = "none"
    TEMPORARY = "temporary"  # not_sent: retry this message with backoff
    RATE = "rate"  # not_sent: everyone slows down, Retry-After obeyed, message retried
    BATCH = "batch"  # not_sent: the batch was refused as a whole; each is tried again in a smaller one
    UNREACHABLE = "unreachable"  # not_sent: counts towards the breaker, message stays planned
    PERMANENT = "permanent"  # rejected: this address, for good
    CONTENT = "content"  # rejected: this text
    OPTED_OUT = "opted-out"  # rejected: suppress for this sender
    COUNTRY = "country"  # rejected: stop this country, go on with the others
    ACCOUNT = "account"  # the run stops at once, the rest stays planned
    SENDER = "sender"  # likewise
    CREDIT = "credit"  # likewise
    AMBIGUOUS = "ambiguous"  # unknown


STOPS_THE_RUN: frozenset[Cause] = frozenset({Cause.ACCOUNT, Cause.SENDER, Cause.CREDIT})


@dataclass(frozen=True, slots=True)
class Outcome:
    """A gateway's answer for one message.

    ``code`` is the provider's own code or an HTTP status as text; ``detail`` one plain sentence without
    numbers, bodies or secrets in it. ``retry_after`` is in seconds. ``gateway_id`` is the provider's id.
    ``part_ids``, where the provider gives every part of a text an id of its own: the id of each part, None for a part
    that it is not known to have taken.
    """

    verdict: Verdict
    gateway_id: str | None = None
    cause: Cause = Cause.NONE
    code: str | None = None
    detail: str | None = None
    retry_after: float | None = None
    part_ids: tuple[str | None, ...] = ()
