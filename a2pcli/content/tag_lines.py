"""Removes the empty lines that lines with only template tags would leave in a message.

``{% if … %}`` on a line of its own is layout of the template, not of the message, and an empty line costs. A
line with an ``include`` or a ``call`` on it keeps its line end, as it writes something; so does one with
``{%+`` in it, and one with a whole block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Token = tuple[int, str, str]

_WRITES = frozenset({"include", "call", "endcall"})
_ENDS = {"block_begin": "block_end", "comment_begin": "comment_end"}


def without_tag_lines(tokens: Iterable[Token]) -> Iterator[Token]:
    """The lexer's tokens, texts shortened by the lines on which only tags stand."""
    pieces = _pieces(tokens)
    run: list[int] = []
    cut = False  # whether the text before the run now begins with a line
    for index, piece in enumerate(pieces):
        if _is_tag(piece):
            run.append(index)
        elif not (_is_text(piece) and not piece[0][2].strip(" \t")):
            cut = bool(run) and _close(pieces, run, index, cut)
            run = []
    if run:
        _close(pieces, run, len(pieces), cut)
    for piece in pieces:
        yield from piece


def _pieces(tokens: Iterable[Token]) -> list[list[Token]]:
    """Each text a piece, each statement or comment a piece; tokens of anything else are pieces of their own."""
    pieces: list[list[Token]] = []
    until = None
    for token in tokens:
        if until is not None:
            pieces[-1].append(token)
            until = None if token[1] == until else until
        else:
            pieces.append([token])
            until = _ENDS.get(token[1])
    return pieces


def _is_text(piece: list[Token]) -> bool:
    return piece[0][1] == "data"


def _is_tag(piece: list[Token]) -> bool:
    return piece[0][1] in _ENDS


def _word(piece: list[Token]) -> str:
    return next((value for _, kind, value in piece if kind == "name"), "")


def _close(pieces: list[list[Token]], run: list[int], after: int, cut: bool) -> bool:
    """Tags with nothing between them: if the line holds no more than them, it goes. Says whether it does."""
    words = [_word(pieces[index]) for index in run]
    if _WRITES.intersection(words) or {"block", "endblock"} <= set(words):
        return False
    if any(pieces[index][0][2].endswith("+") or pieces[index][-1][2].startswith("+") for index in run):
        return False
    before = pieces[run[0] - 1] if run[0] else None
    if before is not None and not (_is_text(before) and _is_line_start(before[0][2], cut or run[0] == 1)):
        return False
    behind = pieces[after] if after < len(pieces) else None
    if behind is not None:
        line, mark, rest = behind[0][2].partition("\n") if _is_text(behind) else ("x", "", "")
        if line.strip(" \t") or not mark:
            return False
        behind[0] = (behind[0][0], "data", rest)
    for index in range(run[0] - 1, run[-1]):
        if index >= 0 and _is_text(pieces[index]):
            number, kind, text = pieces[index][0]
            pieces[index][0] = (number, kind, text.rstrip(" \t"))
    return True


def _is_line_start(text: str, is_first: bool) -> bool:
    rest = text.rstrip(" \t")
    return rest.endswith("\n") or (is_first and not rest)
