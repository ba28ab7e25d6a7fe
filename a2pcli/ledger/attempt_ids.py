"""How attempts are numbered: ``run * 2**32 + (attempt - 1) * 2**28 + row``, so each tells its run, row and number.

Numbers alone, without a database: also what only writes a reference imports this.
"""

from __future__ import annotations

from collections.abc import Iterable

ROWS_PER_RUN: int = 2**32
ATTEMPT_BIT: int = 28
"""Position of the attempt number (less one) in the lower half of an id."""
MOST_ATTEMPTS = 16
"""Maximum number of attempts of a message."""
FIRST_ATTEMPT: int = ~((MOST_ATTEMPTS - 1) << ATTEMPT_BIT)
"""Mask (with ``&``) that turns any attempt's id into that of the message's first attempt."""
MOST_ROWS: int = 2**ATTEMPT_BIT - 1
"""Maximum number of rows in a run: 268 million."""


def attempt_number(id: int) -> int:
    """Return which attempt of its message an id belongs to, from 1."""
    return (id % ROWS_PER_RUN >> ATTEMPT_BIT) + 1


def nth_attempt(id: int, number: int) -> int:
    """Return the id of the given attempt (from 1) of the message that ``id`` belongs to."""
    return (id & FIRST_ATTEMPT) + (number - 1 << ATTEMPT_BIT)


def is_later(id: int) -> bool:
    """Whether an id belongs to a second or later attempt."""
    return (id % ROWS_PER_RUN) > MOST_ROWS


def message_of(id: int) -> int:
    """Return the id of the message that an attempt belongs to."""
    return id & FIRST_ATTEMPT


def all_attempts(ids: Iterable[int], most: int) -> list[int]:
    """Return the ids of the first ``most`` attempts of these messages, whether they exist or not."""
    messages = [message_of(id) for id in ids]
    return [nth_attempt(id, number) for number in range(1, most + 1) for id in messages]


def later_reference(run: str, row: int) -> str:
    """Return the reference of a later attempt, from the run's id and the lower half of its own:
    ``r8k2mzq4-000017-2``."""
    return f"{run}-{row & MOST_ROWS:06d}-{attempt_number(row)}"
