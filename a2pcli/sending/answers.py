"""What a gateway gives back, taken at its word only as far as it can be."""

from __future__ import annotations

from collections.abc import Sequence

from a2pcli.messages import Cause, Outcome, Verdict


def one_each(count: int, answers: object) -> Sequence[Outcome]:
    """The answers, if they are one outcome for each of ``count`` messages; else nobody can say whose they are."""
    if (
        isinstance(answers, Sequence)
        and len(answers) == count
        and all(isinstance(answer, Outcome) for answer in answers)
    ):
        return answers
    return all_unknown(count, "bad-answer", "the gateway did not give one outcome for each message")


def all_unknown(count: int, code: str, detail: str) -> Sequence[Outcome]:
    """Each of them may have arrived."""
    return [Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code=code, detail=detail)] * count


def no_answer(count: int) -> Sequence[Outcome]:
    """The gateway was still busy with them at the deadline."""
    return all_unknown(count, "no-answer", "the gateway gave no answer in time")


def failed(count: int, error: Exception) -> Sequence[Outcome]:
    """The gateway raised. The text of the error may hold a number or a secret: only its name is told."""
    name = type(error).__name__
    return all_unknown(count, name, f"the gateway failed with {name}")
