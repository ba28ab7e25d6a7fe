"""The entry point: runs a command, and turns however it ends into an exit status and a plain sentence.

Nothing is imported here that takes time: from the first moment on Ctrl-C ends in a status, not in a traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

from a2pcli.errors import A2PError, UsageError
from a2pcli.exit_status import ExitStatus


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Nothing a user does ends in a traceback."""
    from a2pcli.cli import log_style
    from a2pcli.cli.quiet import quieten
    from a2pcli.cli.streams import interruptible, ready_file_mask, ready_streams

    ready_streams()
    ready_file_mask()
    quieten()
    log_style.use(log_style.LogStyle.PLAIN)
    given = list(sys.argv[1:] if arguments is None else arguments)
    with interruptible():
        status = _status(given)
        log_style.emit("exit", status=int(status))
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    try:
        status = _command(arguments)
        sys.stdout.flush()
        return status
    except A2PError as error:
        from a2pcli.cli.problems import show_error

        return show_error(error, as_json=_wants_json(arguments))
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()
        return ExitStatus.OUTPUT_CLOSED
    except Exception as error:
        return _told(error)


def _wants_json(arguments: list[str]) -> bool:
    """Whether the command line asks for a document; what follows ``--`` are no options."""
    return "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _command(arguments: list[str]) -> int:
    from a2pcli.cli.app import asked_for, build_app
    from a2pcli.cli.output import start_anew

    start_anew()

    _check_text(arguments)
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    app = build_app(asked_for(arguments))
    try:
        return int(app(args=arguments, standalone_mode=False, prog_name="a2pcli") or 0)
    except SystemExit as ended:
        # The library gives a closed pipe the status of a defect.
        if isinstance(ended.__context__, BrokenPipeError):
            raise ended.__context__ from None
        raise
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        from a2pcli.cli.usage import show_usage

        return show_usage(error, as_json=_wants_json(arguments))


def _check_text(arguments: list[str]) -> None:
    """Refuse what is no text before it gets into a ledger, a path or a message."""
    for place, argument in enumerate(arguments, start=1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"argument {place} is not valid UTF-8") from None
        if "\0" in argument:
            raise UsageError(f"argument {place} holds the character NUL")


def _told(error: Exception) -> int:
    """A sentence about an error that nobody expected. What it says must hold no number and no secret, so of a
    defect only the kind and the place are told."""
    from a2pcli.cli.output import say

    if os.environ.get("A2PCLI_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        say("there is not enough memory")
        return ExitStatus.INVALID
    if isinstance(error, OSError) and error.strerror:  # a full disk, a folder that is not ours to read
        _let_go_of_stdout()
        say(f"cannot go on: {error.strerror}" + (f": {error.filename}" if error.filename else ""))
        no_room = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return ExitStatus.LEDGER_UNAVAILABLE if no_room else ExitStatus.INVALID
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
    from a2pcli.cli.output import say

    say(
        f"this is a defect of a2pcli, please report it: {type(error).__name__} at {_place(error)}"
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


def _let_go_of_stdout() -> None:
    """What is still in the buffer cannot be written, and Python would try once more at its end."""
    stdout: Any = sys.stdout
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stdout.fileno())
        os.close(nothing)
    except (OSError, ValueError):  # not a file of the system: a test's
        return


if __name__ == "__main__":
    run()
