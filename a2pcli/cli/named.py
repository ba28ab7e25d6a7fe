"""What commands that are given numbers say of those that are odd, or cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a2pcli.actions.numbers import ReadNumbers


def tell_doubtful(read: ReadNumbers) -> None:
    """Numbers that are in no numbering plan are used, and named."""
    if read.doubtful:
        from a2pcli.cli.terminal.output import say

        for warning in read.warnings():
            say(warning)


def refuse_unread(read: ReadNumbers) -> None:
    """What cannot be read is said at the end: the others are done all the same. Raises ``UsageError``."""
    if read.problems:
        from a2pcli.errors import UsageError

        raise UsageError(*read.problems)
