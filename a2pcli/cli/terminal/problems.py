"""Problems on stderr, one a line, unwrapped and without markup, for editors and grep; mistakes of usage among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from a2pcli.actions.hooks import event_problem
from a2pcli.cli.terminal import output
from a2pcli.cli.terminal.output import LogStyle, json_was_printed, print_json, say
from a2pcli.errors import A2PError, Problem, Severity, in_file_order


def show_problems(problems: Iterable[Problem]) -> None:
    """Print every problem to stderr, in file order; with ``--quiet`` no warnings but those of hooks."""
    for problem in in_file_order(problems):
        if output.style() is LogStyle.EVENTS:
            output.emit("problem", **event_problem(problem))
        else:
            # The place stands first in the line, in a log too: editors and scripts look for it there. One problem is
            # one line, whatever a cell holds.
            say(
                str(problem).replace("\n", "\u240a"),
                always=problem.severity is Severity.ERROR or problem.code == "hook",
                timed=False,
            )


def waiver_line(waiver: Mapping[str, Any]) -> str:
    """``shortener: our own domain (1 finding)``."""
    count = len(waiver["findings"])
    found = f"{count} finding{'' if count == 1 else 's'}" if count else "nothing found"
    return f"{waiver['rule']}: {waiver['reason']} ({found})"


def show_waivers(waivers: Iterable[Mapping[str, Any]], path: str) -> None:
    """Print to stderr which rules a campaign waives, and why: nobody should have to look for it."""
    for waiver in waivers:
        say(f"{path}: waived {waiver_line(waiver)}")


def show_error(error: A2PError, *, as_json: bool = False) -> int:
    """Print the error's problems and give the exit status to leave with. With ``--json`` they are a document on stdout
    too, unless the command printed its own."""
    show_problems(error.problems)
    if as_json:
        print_failure(int(error.exit_status), in_file_order(error.problems))
    return int(error.exit_status)


def print_failure(status: int, problems: Iterable[Problem]) -> None:
    """The document of a command that failed; nothing where one was printed already."""
    if not json_was_printed():
        with suppress(OSError, ValueError):
            print_json({"status": status, "problems": [event_problem(problem) for problem in problems]})


WORDS = (
    (r"^Value error, ", ""),
    (r"^Input should be a valid (?:integer|number).*", "not a number"),
    (r"^Input should be greater than or equal to (\S+)$", r"must be \1 or more"),
    (r"^Input should be less than or equal to (\S+)$", r"must be \1 or less"),
    (r"^No such command '([^']*\.ya?ml)'.*", r"No such command '\1'. Did you mean 'a2pcli plan \1'?"),
    (
        r"^No such command '([^']*\.(?:csv|tsv|txt|xlsx))'.*",
        r"No such command '\1'. Did you mean 'a2pcli contacts check \1'?",
    ),
)
"""What the library says to programmers, and what people understand."""

OTHER_NAMES = {
    "init": "create new setup start",
    "check": "lint test validate verify",
    "preview": "render",
    "plan": "cost dry-run dryrun estimate simulate",
    "send": "broadcast campaign execute launch run",
    "runs": "history list ls status",
    "report": "delivery export results show stats",
    "cancel": "abort kill pause stop",
    "listen": "serve server webhook webhooks",
    "optout": "blocklist dnc stop-list suppress suppression unsubscribe",
    "people": "erase gdpr",
    "contacts": "audience list-check",
    "gateways": "gateway provider providers",
    "survey": "poll polls surveys",
    "trigger": "event events",
    "-h": "help",
    "--version": "version",
}
"""What commands are called in other tools, by ours."""


def show_usage(error: Any, *, as_json: bool = False) -> int:
    """Print what is wrong and where help is, on stderr; gives the exit status. With ``--json`` as a document too.

    ``error`` is the command line library's: it has ``message``, ``show`` and ``exit_code``.
    """
    for pattern, ours in WORDS:
        error.message = re.sub(pattern, ours, error.message)
    if error.ctx is not None and error.ctx.parent is None:
        error.message = _with_our_name(error.message)
    with suppress(OSError):  # nobody can be told
        error.show()
    if as_json:
        from a2pcli.errors import Problem

        print_failure(int(error.exit_code), [Problem(error.format_message(), code="usage")])
    return int(error.exit_code)


def _with_our_name(message: str) -> str:
    """Add our name of a command that is called otherwise in other tools."""
    found = re.match(r"No such command '([^']*)'\.", message)
    ours = found and next((ours for ours, names in OTHER_NAMES.items() if found[1] in names.split()), None)
    return f"{found[0]} Did you mean 'a2pcli {ours}'?" if found and ours else message
