"""The word lists of the copy rules, from ``data/copy.yaml``, as compiled patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.rules.data_file import FOLDER, read_data
from a2pcli.rules.stop_words import WayOut, stop_words


@dataclass(frozen=True, slots=True)
class Words:
    """What the copy rules look for.

    ``leave`` are answers that leave, ``plain`` those that say so by themselves; ``reply`` (a part of a pattern),
    ``messages``, ``leaving``, ``something`` and ``helping`` tell what an answer is asked for.
    """

    opt_out: WayOut
    leave: tuple[str, ...]
    plain: frozenset[str]
    help: tuple[str, ...]
    reply: str
    messages: re.Pattern[str]
    leaving: re.Pattern[str]
    something: re.Pattern[str]
    helping: re.Pattern[str]
    shaft: re.Pattern[str]
    shaft_countries: frozenset[str]
    shortener: re.Pattern[str]
    generic_names: frozenset[str]


@cache
def words() -> Words:
    """The word lists of ``copy.yaml``, read once."""
    data: dict[str, Any] = read_data(FOLDER / "copy.yaml")
    reserved, shaft = data["reserved"], data["shaft"]
    hosts = "|".join(map(re.escape, data["shorteners"]["hosts"]))
    kinds = (f"(?P<{kind}>{_any(patterns)})" for kind, patterns in shaft["words"].items())
    return Words(
        opt_out=stop_words().way_out,
        leave=tuple(reserved["leave"]),
        plain=frozenset(reserved["plain"]),
        help=tuple(reserved["help"]),
        reply=_any(data["asking"]["reply"]),
        **{
            kind: re.compile(rf"\b(?:{_any(data['asking'][kind])})\b", re.IGNORECASE)
            for kind in ("messages", "leaving", "something", "helping")
        },
        shaft=re.compile(rf"(?<![\w-])(?:{'|'.join(kinds)})(?![\w-])", re.IGNORECASE),
        shaft_countries=frozenset(shaft["countries"]),
        shortener=re.compile(rf"(?<![\w.@-])(?:{hosts})(?![\w-]|\.\w)", re.IGNORECASE),
        generic_names=frozenset(data["generic_names"]),
    )


def _any(patterns: Iterable[str]) -> str:
    return "|".join(dict.fromkeys(patterns))
