"""Checks what a gateway returned: one valid outcome for each message, or ``unknown``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from a2pcli.gateways.base import of_whole_batch
from a2pcli.messages import Cause, Outcome, Verdict


def one_each(count: int, answers: object) -> Sequence[Outcome]:
    """Return ``answers`` if they are one outcome for each of ``count`` messages; otherwise mark all of them unknown."""
    if count == 1 and type(answers) is list and len(answers) == 1:  # the usual case, kept fast
        first = answers[0]
        if type(first) is Outcome and first.cause is not Cause.BATCH:
            return answers
    if (
        isinstance(answers, Sequence)
        and len(answers) == count
        and all(isinstance(answer, Outcome) for answer in answers)
    ):
        return _about_each(count, answers)
    return all_unknown(count, "bad-answer", "the gateway did not give one outcome for each message")


def _about_each(count: int, answers: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return the answers, with batch-level rejections rewritten so that no single recipient is rejected for them.

    The same rejection for every message, without a gateway id, is about the batch. A recipient is rejected or
    suppressed only by an answer about that recipient alone. A batch-level answer to a single message becomes a
    rejection of its content.
    """
    first = answers[0] if answers else None
    if first is None:
        return answers
    if count == 1:
        if first.cause is not Cause.BATCH:
            return answers
        return [replace(first, verdict=Verdict.REJECTED, cause=Cause.CONTENT)]
    if (
        first.verdict is Verdict.REJECTED
        and first.gateway_id is None
        and all(one == first for one in answers)
    ):
        return of_whole_batch(first, count)
    return answers


def all_unknown(count: int, code: str, detail: str) -> Sequence[Outcome]:
    """Return an *unknown* outcome for each message: each may have been accepted."""
    return [Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code=code, detail=detail)] * count


def no_answer(count: int) -> Sequence[Outcome]:
    """Return unknown outcomes for messages that the gateway had not answered by the deadline."""
    return all_unknown(count, "no-answer", "the gateway gave no answer within the timeout")


def failed(count: int, error: Exception) -> Sequence[Outcome]:
    """Return unknown outcomes for a gateway that raised. Only the error's class name is kept, because its text may
    hold an address or a secret."""
    name = type(error).__name__
    return all_unknown(count, name, f"the gateway failed with {name}")
