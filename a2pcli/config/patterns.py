"""Regular expressions in our files: only those that cannot take long, whatever text they look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MOST_UNBOUNDED = 3
"""Repetitions without an end in one pattern: more could take long on a hostile text."""


def pattern_fault(pattern: str) -> tuple[str, str] | None:
    """Return what is wrong with a pattern, and a hint: it is none, or could take too long."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"not a regular expression: {error}", "https://docs.python.org/3/library/re.html"
    import re._parser as parser  # type: ignore[import-not-found]

    endless = list(_endless(parser.parse(pattern), inside=False))
    if "nested" in endless:
        message = "a repetition or a choice within a repetition could take very long on some texts"
        return message, "repeat one thing at a time"
    if len(endless) > MOST_UNBOUNDED:
        return f"more than {MOST_UNBOUNDED} repetitions without an end", "give them one, like {0,20}"
    return None


def _endless(tree: Any, *, inside: bool) -> Iterator[str]:
    """Each repetition without an end; ``nested`` for one in another, and for a choice in one."""
    for kind, what in tree:
        name = str(kind)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, what_repeats = what
            if least != most and most > 1 and inside:
                yield "nested"
            elif least != most and most > 20:
                yield "endless"
            yield from _endless(what_repeats, inside=inside or most > 1)
        elif name == "BRANCH":
            if inside:
                yield "nested"
            for branch in what[1]:
                yield from _endless(branch, inside=inside)
        elif name == "SUBPATTERN":
            yield from _endless(what[3], inside=inside)
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _endless(what[1], inside=inside)
        elif name == "ATOMIC_GROUP":
            yield from _endless(what, inside=inside)
