"""Errors that nobody expected, told without their words: those may hold a number or a secret."""

from __future__ import annotations

import os

from a2pcli.cli.terminal.streams import let_go_of_stdout
from a2pcli.errors import ExitStatus, is_no_room


def told(error: Exception) -> int:
    """A sentence about an error that nobody expected. What it says must hold no number and no secret, so of a
    defect only the kind and the place are told."""
    from a2pcli.cli.terminal.output import say

    if os.environ.get("A2PCLI_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        say("there is not enough memory")
        return ExitStatus.INVALID
    if isinstance(error, OSError) and error.strerror:  # a full disk, a folder that is not ours to read
        let_go_of_stdout()
        if is_no_room(error):
            place = error.filename or "the output"
            say(f"{place}: {error.strerror.lower()} (free some space, then run the same command again)")
            return ExitStatus.LEDGER_UNAVAILABLE
        say(f"cannot go on: {error.strerror}" + (f": {error.filename}" if error.filename else ""))
        return ExitStatus.INVALID
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        say("the name of a file or folder is not valid UTF-8: rename it")
        return ExitStatus.INVALID
    if isinstance(error, ValueError) and "null byte" in str(error):
        say("the name of a file holds the character NUL: rename it")
        return ExitStatus.INVALID
    tell_defect(error)
    return ExitStatus.INTERNAL


def tell_defect(error: BaseException) -> None:
    """The sentence about an error that nobody expected: its kind and its place."""
    from a2pcli.cli.terminal.output import say

    say(
        f"this is a bug in a2pcli, please report it: {type(error).__name__} at {_place(error)}"
        " (A2PCLI_DEBUG=1 shows more)"
    )


def _place(error: BaseException) -> str:
    """``plan.py:81``: the innermost line of ours."""
    place, trace = "an unknown place", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if f"{os.sep}a2pcli{os.sep}" in file:
            place = f"{os.path.basename(file)}:{trace.tb_lineno}"  # noqa: PTH119 - no import for a name
        trace = trace.tb_next
    return place
