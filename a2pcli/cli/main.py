"""The entry point: runs a command, and turns however it ends into an exit status and a plain sentence.

Nothing is imported here that takes time: from the first moment on Ctrl-C ends in a status, not in a traceback.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from a2pcli.errors import A2PError, ExitStatus, UsageError

_ended: list[int] = []


def main() -> None:
    """``run``, for a process that ends with it: what it imported is not taken apart piece by piece at the end."""
    atexit.register(_leave)  # the first to be registered is the last to be called
    try:
        run()
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _ended.append(ended.code)
        raise


def _leave() -> None:
    """End the process, with everything written that can be. Its status tells how the command ended, and not whether
    the last words found a reader: the interpreter would make 120 of it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if _ended:
        os._exit(_ended[0])


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Nothing a user does ends in a traceback."""
    from a2pcli.cli.terminal import output
    from a2pcli.cli.terminal.quiet import quieten
    from a2pcli.cli.terminal.streams import interruptible, ready_file_mask, ready_streams

    # What is imported stays: looking through it for garbage again and again is a tenth of a small command. A plan
    # has made 150,000 objects by the time it begins; reference counts free the rows, which are in no cycles.
    gc.set_threshold(200_000, 20, 20)
    # NumPy's linear algebra, which nothing here uses, would start its threads: that costs more than its import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # pydantic would look for plug-ins of its own in every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    ready_streams()
    ready_file_mask()
    quieten()
    output.use(output.LogStyle.PLAIN)
    given = list(sys.argv[1:] if arguments is None else arguments)
    with interruptible():
        status = _status(given)
        output.emit("exit", status=int(status))
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    try:
        status = _command(arguments)
        sys.stdout.flush()
        return status
    except A2PError as error:
        from a2pcli.cli.terminal.problems import show_error

        return show_error(error, as_json=_wants_json(arguments))
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        from a2pcli.cli.terminal.streams import let_go_of_stdout

        let_go_of_stdout()
        return ExitStatus.OUTPUT_CLOSED
    except Exception as error:
        from a2pcli.cli.terminal.defects import told

        return told(error)


def _wants_json(arguments: list[str]) -> bool:
    """Whether the command line asks for a document; what follows ``--`` are no options."""
    return "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _command(arguments: list[str]) -> int:
    from a2pcli.cli.app import asked_for, build_app
    from a2pcli.cli.terminal.output import start_anew
    from a2pcli.cli.terminal.plain_values import read_plainly

    start_anew()
    read_plainly()
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
        from a2pcli.cli.terminal.problems import show_usage

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


if __name__ == "__main__":
    main()
