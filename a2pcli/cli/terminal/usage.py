"""Mistakes on the command line, said in the user's words."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

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


def show_usage(error: Any, *, as_json: bool = False) -> int:
    """Print what is wrong and where help is, on stderr; gives the exit status. With ``--json`` as a document too.

    ``error`` is the command line library's: it has ``message``, ``show`` and ``exit_code``.
    """
    for pattern, ours in WORDS:
        error.message = re.sub(pattern, ours, error.message)
    with suppress(OSError):  # nobody can be told
        error.show()
    if as_json:
        from a2pcli.cli.terminal.problems import print_failure
        from a2pcli.errors import Problem

        print_failure(int(error.exit_code), [Problem(error.format_message(), code="usage")])
    return int(error.exit_code)
