"""From a character of a YAML value back to the character of the file it was typed as."""

from __future__ import annotations

import re

# Length of the escapes that are longer than two characters (YAML 1.1, section 5.6).
_LONG_ESCAPES = {"x": 4, "u": 6, "U": 10}
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def offset_in_source(
    text: str, start: int, end: int, value: str, style: str | None, indent: int, offset: int
) -> int:
    """Offset in ``text`` of ``value[offset]``, where ``text[start:end]`` holds the scalar's content.

    Folding turns line breaks and indentation into a space, escapes turn many characters into one: the two
    texts are walked side by side. ``indent`` is needed for ``|`` only, whose lines are kept.
    """
    if style == "|":
        return _in_literal(text, start, value, indent, offset)
    at = found = start
    for char in value[: offset + 1]:
        if not char.isspace():
            at = _skip_blank(text, at, end, style)
        found = at
        if at < end and (not char.isspace() or text[at].isspace() or text[at] == "\\"):
            at += _typed_length(text, at, style)
    return min(found, end)


def _in_literal(text: str, start: int, value: str, indent: int, offset: int) -> int:
    before = value[:offset]
    at = start
    for _ in range(before.count("\n")):
        following = text.find("\n", at)
        if following < 0:
            return at
        at = following + 1
    column = offset - (before.rfind("\n") + 1)
    blank = text[at : at + indent].strip(" ") != ""
    return at + column + (0 if blank else indent)


def _skip_blank(text: str, at: int, end: int, style: str | None) -> int:
    while at < end:
        if style == '"' and text[at] == "\\" and text[at + 1 : at + 2] in ("\n", "\r"):
            at += 1
        elif not text[at].isspace():
            break
        else:
            at += 1
    return at


def _typed_length(text: str, at: int, style: str | None) -> int:
    if style == '"' and text[at] == "\\":
        if _PAIR.match(text, at):
            return 12
        return _LONG_ESCAPES.get(text[at + 1 : at + 2], 2)
    if style == "'" and text[at] == "'":
        return 2
    return 1
