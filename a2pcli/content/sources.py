"""The texts a message is made of (the campaign's and its partials'), and where each line of them stands.

Once partials are put into the message their lines are one numbering: the file's number times ``_LINES`` plus
the line in it. Whatever Jinja says about a line can so be led back to the file, the line and the column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from jinja2 import Environment, TemplateSyntaxError, nodes

from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, Severity

if TYPE_CHECKING:
    from a2pcli.config.document import Document, Loc

_LINES = 1_000_000


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where a template's text stands: the line and column (from 1) of its first character, and by how many
    columns its other lines are indented.

    ``spot``, where given, knows line and column of every character by its offset in the text: for texts that
    YAML folds or escapes.
    """

    path: str | None = None
    line: int = 1
    column: int = 1
    indent: int = 0
    spot: Callable[[int], tuple[int, int]] | None = None

    @classmethod
    def of(cls, document: Document, loc: Loc) -> SourcePlace:
        """Return the place of a text in a file."""
        block = document.block(loc)
        return cls(document.path, block.line, block.column, block.indent, partial(document.spot, loc))


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """One text. ``place`` says where its first line stands, ``name`` what a partial is included as."""

    text: str
    place: SourcePlace
    name: str = ""

    def position(self, line: int, column: int = 1) -> tuple[int, int]:
        """Line and column in the file of a line and column of the text, all from 1."""
        if self.place.spot:
            lines = self.text.split("\n")
            return self.place.spot(sum(len(before) + 1 for before in lines[: line - 1]) + column - 1)
        if line == 1:
            return self.place.line, self.place.column + column - 1
        return self.place.line + line - 1, self.place.indent + column


class Sources:
    """The message (number 0) and its partials."""

    def __init__(self, text: str, place: SourcePlace) -> None:
        self._all = [TemplateSource(text, place)]

    @property
    def main(self) -> TemplateSource:
        """The message's own text, without partials."""
        return self._all[0]

    @property
    def texts(self) -> tuple[str, ...]:
        """The message's text, then those of its partials."""
        return tuple(source.text for source in self._all)

    def add(self, name: str, text: str, path: str) -> int:
        """A further file, by the name it is included under; gives its number."""
        self._all.append(TemplateSource(text, SourcePlace(path), name))
        return len(self._all) - 1

    def parse(self, environment: Environment, number: int) -> nodes.Template:
        """The template of one file, every node's line in the one numbering.

        Raises ``TemplateSyntaxError`` with its ``lineno`` in that numbering too.
        """
        try:
            tree = environment.parse(self._all[number].text)
        except TemplateSyntaxError as error:
            error.lineno += number * _LINES
            raise
        shift(tree, number * _LINES)
        return tree

    def where(self, line: int) -> tuple[str | None, int, int]:
        """File, line and column of the first thing on a line of the one numbering."""
        source, inner = self._find(line)
        text = _line_of(source.text, inner)
        tag = min((at for at in (text.find("{{"), text.find("{%")) if at >= 0), default=-1)
        column = tag if tag >= 0 else len(text) - len(text.lstrip())
        return source.place.path, *source.position(inner, column + 1)

    def short_place(self, line: int) -> str:
        """``line 7``, or ``footer.txt line 2``: for details of a row."""
        source, inner = self._find(line)
        shown = f"line {source.position(inner)[0]}"
        return shown if source is self.main else f"{source.name} {shown}"

    def problem(
        self,
        message: str,
        line: int,
        *,
        name: str | None = None,
        hint: str | None = None,
        code: str = "template",
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """A problem on a line, at the column where the word ``name`` stands in it."""
        path, file_line, column = self.where(line)
        if name is not None:
            source, inner = self._find(line)
            text = _line_of(source.text, inner)
            at = next(_words(text, name), text.find(name))
            if at >= 0:
                file_line, column = source.position(inner, at + 1)
        return Problem(message, path, file_line, column, hint, severity, code)

    def syntax_problem(self, error: TemplateSyntaxError) -> Problem:
        """What Jinja's parser says, at its place and with what was probably meant."""
        message = _plain(error.message or "not a template")
        return self.problem(message, error.lineno, hint=_syntax_hint(message), code="template-syntax")

    def _find(self, line: int) -> tuple[TemplateSource, int]:
        number, inner = divmod(line, _LINES)
        return self._all[min(number, len(self._all) - 1)], max(inner, 1)


def shift(tree: nodes.Node, by: int) -> None:
    """Add to the line of every node."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        node.lineno = (node.lineno or 1) + by
        waiting.extend(node.iter_child_nodes())


def _line_of(text: str, line: int) -> str:
    lines = text.split("\n")
    return lines[line - 1] if line <= len(lines) else ""


def _words(text: str, name: str) -> Iterator[int]:
    """Where a word stands inside tags on a line: whole, not as an attribute of something."""
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
        whole = not any(beside.isalnum() or beside in ("_", ".") for beside in (before, after[:1]) if beside)
        if whole or (after == "." and not (before.isalnum() or before in ("_", "."))):
            opened = max(text.rfind("{{", 0, at), text.rfind("{%", 0, at))
            closed = max(text.rfind("}}", 0, at), text.rfind("%}", 0, at))
            if opened >= closed:
                yield at
        at = text.find(name, at + 1)


def _plain(message: str) -> str:
    """Jinja's words, without what only programmers know."""
    message = re.sub(r"'end of print statement'", "'}}'", message)
    message = re.sub(r"'end of statement block'", "'%}'", message)
    message = message.replace("expected token ", "expected ").removesuffix(".")
    return message[:1].lower() + message[1:]


def _syntax_hint(message: str) -> str | None:
    if re.search("unexpected char '[‘’“”]'", message):
        return "use straight quotes, ' or \""
    if re.search(r"expected '(}}|%})', got '\w+'", message):
        return "a column's name is one word: spaces and hyphens become '_'"
    if "unexpected '}'" in message or "unexpected end of template" in message:
        return "every '{{' needs its '}}', every '{%' its '%}'"
    if "unknown tag" in message:
        return "tags are if, for, set, with, include, extends, block, macro, import, filter, raw"
    return None
