"""How attempts are numbered: ``run * 2**32 + (attempt - 1) * 2**28 + row``, so each tells its run, row and number.

Numbers alone, without a database: also what only writes a reference imports this.
"""

from __future__ import annotations

from collections.abc import Iterable

ROWS_PER_RUN: int = 2**32
ATTEMPT_BIT: int = 28
"""From this bit of an id's lower half on stands the number of the attempt, less one."""
MOST_ATTEMPTS = 16
"""Attempts that a message can have."""
FIRST_ATTEMPT: int = ~((MOST_ATTEMPTS - 1) << ATTEMPT_BIT)
"""With ``&``: the id of the message's first attempt, from that of any."""
MOST_ROWS: int = 2**ATTEMPT_BIT - 1
"""Rows that a run can have: 268 million."""


def attempt_number(id: int) -> int:
    """Which attempt of its message an id is of, from 1."""
    return (id % ROWS_PER_RUN >> ATTEMPT_BIT) + 1


def nth_attempt(id: int, number: int) -> int:
    """The id of this attempt (from 1) of the message that an id belongs to."""
    return (id & FIRST_ATTEMPT) + (number - 1 << ATTEMPT_BIT)


def is_later(id: int) -> bool:
    """Whether an id is of a message's second attempt, or a later one."""
    return (id % ROWS_PER_RUN) > MOST_ROWS


def message_of(id: int) -> int:
    """The id of the message that an attempt is of."""
    return id & FIRST_ATTEMPT


def all_attempts(ids: Iterable[int], most: int) -> list[int]:
    """The ids of the first ``most`` attempts of these messages, whether there are so many or not."""
    messages = [message_of(id) for id in ids]
    return [nth_attempt(id, number) for number in range(1, most + 1) for id in messages]


def later_reference(run: str, row: int) -> str:
    """The reference of a later attempt, by the run's id and the lower half of its own: ``r8k2mzq4-000017-2``."""
    return f"{run}-{row & MOST_ROWS:06d}-{attempt_number(row)}"
