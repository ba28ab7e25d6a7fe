"""What becomes of a message after an answer: the one table that turns outcomes into states.

==========================  =======================================================================
accepted                    accepted
rejected                    rejected; opted-out also suppresses, country also refuses the country
unknown                     unknown, never retried automatically
not sent: temporary         planned again after a backoff; ``max_attempts`` is how long a run waits for it
not sent: rate              planned again after the wait all messages keep; not one of its attempts
not sent: unreachable       planned again at once; the breaker decides when; not one of its attempts
not sent: batch             planned again at once, in a smaller batch; not one of its attempts
account, sender, credit     planned again; the run stops
==========================  =======================================================================

"Not now" is never a rejection, however often it is repeated, so no recipient is lost to an outage. Messages not
accepted in the end stay planned, and the run pauses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from a2pcli.dataclass import dataclass
from a2pcli.messages import STOPS_THE_RUN, Cause, Outcome, State, Verdict

_FINAL = frozenset({Cause.PERMANENT, Cause.CONTENT, Cause.OPTED_OUT, Cause.COUNTRY})
_NOT_NOW = frozenset({Cause.TEMPORARY, Cause.RATE, Cause.UNREACHABLE})

LONGEST_PAUSE = 7 * 86_400.0
"""Seconds; a longer ``Retry-After`` counts as this."""


def pause_of(outcome: Outcome) -> float:
    """Return ``Retry-After`` in seconds, 0 without one, limited to ``LONGEST_PAUSE``; tolerates any number."""
    asked = outcome.retry_after
    if asked is None or not asked > 0:  # also false for NaN
        return 0.0
    return min(asked, LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Backoff in seconds: ``base`` doubled with each attempt, at most ``longest``, with jitter."""

    base: float = 1.0
    longest: float = 300.0

    def backoff(self, tries: int, chance: float) -> float:
        """Return the seconds to wait after the ``tries``-th try; ``chance`` in [0, 1) spreads it over the upper half.

        The lower half is never used, so a retry is never immediate; the spread keeps a thousand messages refused
        together from coming back together.
        """
        full = min(self.longest, self.base * 2.0 ** min(tries - 1, 60))
        return full * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True)
class Decision:
    """The new state of a message, seconds until it is due again, and the outcome to record.

    ``counted`` is False if the try says nothing about the message, so the ledger does not count it.
    """

    state: State
    outcome: Outcome
    due_in: float | None = None
    counted: bool = True


def decide(outcome: Outcome, tries: int, policy: RetryPolicy, chance: Callable[[], float]) -> Decision:
    """Return what becomes of a message after its ``tries``-th try by this sender (from 1)."""
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return Decision(State.ACCEPTED, outcome)
        case Verdict.UNKNOWN:
            return Decision(State.UNKNOWN, outcome)
    cause = outcome.cause
    if cause in STOPS_THE_RUN or cause in (Cause.UNREACHABLE, Cause.BATCH):
        return Decision(State.PLANNED, outcome, counted=False)
    if cause in _FINAL or (outcome.verdict is Verdict.REJECTED and cause not in _NOT_NOW):
        return Decision(State.REJECTED, outcome)
    if cause is Cause.RATE:
        return Decision(State.PLANNED, outcome, due_in=pause_of(outcome), counted=False)
    return Decision(State.PLANNED, outcome, due_in=max(policy.backoff(tries, chance()), pause_of(outcome)))


def not_taken(outcome: Outcome) -> Outcome:
    """Return a rejection that says nothing about other gateways, as the answer of one that did not take the message."""
    return replace(outcome, verdict=Verdict.NOT_SENT)
