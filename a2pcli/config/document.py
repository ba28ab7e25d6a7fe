"""A YAML file whose values know where they stand, so that every problem has a line and a column."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from a2pcli.config import syntax
from a2pcli.config.syntax import YamlFault
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.folding import composed
from a2pcli.regular import open_regular

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


LARGEST = 1_000_000
"""Bytes. A campaign is a page of text; a file beyond this is something else (contacts, usually)."""

# Beyond what YAML 1.1 refuses in a stream (section 5.1): a byte order mark in the middle, and NEL, LS and PS,
# which YAML takes for line ends and no editor shows as such.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\u2028|\u2029|\ufeff|\ufffe|\uffff")

Loc = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Where the text of a scalar starts (from 1), and by how many columns its lines are indented."""

    line: int
    column: int
    indent: int


class Document:
    """A file read: ``data`` holds dicts, lists and strings; ``place`` and ``block`` say where each stands."""

    def __init__(self, path: str, text: str, root: Node) -> None:
        self.path = path
        self.text = text
        self.nodes: dict[tuple[str | int, ...], tuple[ScalarNode | None, Node]] = {}
        """(key, value) of each place. Of a key that is given twice, the first."""
        self._repeated: list[tuple[ScalarNode, Loc]] = []
        self.data: dict[str, Any] = self._read((), None, root)
        self._line_starts = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]

    def place(self, loc: Loc, *, of: Literal["key", "value"] = "value") -> tuple[int, int]:
        """Line and column, from 1, of the value at ``loc`` or of its key; steps leading nowhere are skipped."""
        key, node = self.nodes[self._path(loc)]
        return self.position(syntax.start(key if of == "key" and key is not None else node))

    def has(self, loc: Loc) -> bool:
        """Whether the file holds something at exactly ``loc``."""
        return len(self._path(loc)) == len(loc)

    def scalar(self, loc: Loc) -> ScalarNode | None:
        """The scalar at ``loc``, for those who need its style or exact text."""
        node = self._node(loc)
        return node if isinstance(node, ScalarNode) and self.has(loc) else None

    def block(self, loc: Loc) -> TextPlace:
        """Where the text of the scalar at ``loc`` starts: for ``|`` and ``>`` its first line and indentation,
        else the position after a quote."""
        node = self._node(loc)
        if not isinstance(node, ScalarNode) or node.style not in ("|", ">"):
            quoted = isinstance(node, ScalarNode) and node.style is not None
            line, column = self.position(syntax.start(node) + quoted)
            return TextPlace(line, column, column - 1)
        start = _content_start(self.text, node)
        indent = _indentation(self.text[start : syntax.end(node)], node.value)
        return TextPlace(self.position(start)[0], indent + 1, indent)

    def spot(self, loc: Loc, offset: int) -> tuple[int, int]:
        """Line and column of the character at ``offset`` of the scalar's value, whatever its style."""
        node = self._node(loc)
        if not isinstance(node, ScalarNode):
            return self.position(syntax.start(node))
        start = syntax.start(node)
        if node.style in ("|", ">"):
            start = _content_start(self.text, node)
        elif node.style is not None:
            start += 1
        indent = _indentation(self.text[start : syntax.end(node)], node.value) if node.style == "|" else 0
        return self.position(
            offset_in_source(self.text, start, syntax.end(node), node.value, node.style, indent, offset)
        )

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the file."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def problem(
        self,
        message: str,
        loc: Loc = (),
        *,
        of: Literal["key", "value"] = "value",
        hint: str | None = None,
        code: str = "invalid",
    ) -> Problem:
        """An error at ``loc``."""
        line, column = self.place(loc, of=of)
        return Problem(message, self.path, line, column, hint, code=code)

    def repeated_keys(self) -> Iterator[Problem]:
        """A problem for each key that stands twice in one mapping."""
        for key, first in self._repeated:
            line, column = self.position(syntax.start(key))
            message = f"key '{key.value}' is given twice, first on line {self.place(first, of='key')[0]}"
            yield Problem(message, self.path, line, column, "remove one", code="duplicate-key")

    def _node(self, loc: Loc) -> Node:
        return self.nodes[self._path(loc)][1]

    def _path(self, loc: Loc) -> tuple[str | int, ...]:
        """Those of the steps that lead somewhere."""
        path: tuple[str | int, ...] = ()
        for step in loc:
            found = next((one for one in (step, str(step)) if (*path, one) in self.nodes), None)
            path = path if found is None else (*path, found)
        return path

    def _read(self, loc: tuple[str | int, ...], key: ScalarNode | None, node: Node) -> Any:
        """Dicts, lists and strings, each place noted. Recursion is safe: the composer bounds the depth."""
        self.nodes[loc] = key, node
        if isinstance(node, ScalarNode):
            return node.value
        if isinstance(node, SequenceNode):
            return [self._read((*loc, at), None, item) for at, item in enumerate(node.value)]
        data: dict[str, Any] = {}
        for name, value in node.value:
            place = (*loc, name.value)
            if place in self.nodes:
                self._repeated.append((name, place))
            else:
                data[name.value] = self._read(place, name, value)
        return data


def read_document(path: Path) -> Document:
    """The file's one mapping, with positions. Raises ``InvalidInput`` for everything that is not that."""
    return document_of(_decode(_bytes_of(path), str(path)), str(path))


def document_of(text: str, shown: str) -> Document:
    """The one mapping of a text that stands, or would stand, in the file ``shown``. Raises ``InvalidInput``."""
    try:
        forbidden = _FORBIDDEN.search(text)
        if forbidden:
            name = f"U+{ord(forbidden[0]):04X}"
            raise YamlFault(
                forbidden.start(), f"the invisible character {name} is not allowed here", "remove it"
            )
        root = syntax.compose(text)
        if root is None or (isinstance(root, ScalarNode) and not root.value):
            raise YamlFault(0, "the file is empty")
        if not isinstance(root, MappingNode):
            raise _not_a_mapping(root)
    except YamlFault as fault:
        probe = Document(shown, text, MappingNode("", []))
        line, column = probe.position(fault.offset)
        raise InvalidInput(Problem(fault.message, shown, line, column, fault.hint, code="yaml")) from None
    return Document(shown, text, root)


def _bytes_of(path: Path) -> bytes:
    shown = str(path)
    try:
        if path.is_dir():
            raise InvalidInput(Problem("is a folder, not a file", shown, code="unreadable"))
        with open_regular(path) as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise InvalidInput(Problem("no such file", shown, code="unreadable")) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidInput(Problem(f"cannot be read: {reason}", shown, code="unreadable")) from None
    except ValueError:  # a NUL in the name
        raise InvalidInput(Problem("not a file name", repr(shown), code="unreadable")) from None
    if len(content) > LARGEST:
        hint = "contacts belong in a file of their own"
        raise InvalidInput(Problem(f"larger than {LARGEST // 1_000_000} MB", shown, hint=hint, code="yaml"))
    return content


def _decode(content: bytes, shown: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidInput(Problem("saved as UTF-16", shown, 1, 1, "save it as UTF-8", code="yaml"))
    try:
        # A lone CR ends a line as well; replaced by LF, every offset stays true. An accent is one character, as editors
        # count it, and equal to the same accent in a contacts file.
        return composed(re.sub(r"\r(?!\n)", "\n", content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        message = f"byte 0x{content[error.start]:02X} is not UTF-8"
        raise InvalidInput(
            Problem(message, shown, line, column, "save the file as UTF-8", code="yaml")
        ) from None


def _not_a_mapping(root: Node) -> YamlFault:
    if isinstance(root, ScalarNode):
        glued = re.match(r"(\w+):\S", root.value)
        hint = f"put a space after '{glued[1]}:'" if glued else None
        return YamlFault(syntax.start(root), "no 'key: value' lines in this file", hint)
    return YamlFault(
        syntax.start(root), "the file is a list; it must be 'key: value' lines", "remove the leading '- '"
    )


def _content_start(text: str, node: Node) -> int:
    """Offset of the line below a block scalar's ``|`` or ``>``."""
    found = re.compile(r"\r\n|\r|\n").search(text, syntax.start(node))
    return min(found.end(), syntax.end(node)) if found else syntax.end(node)


def _indentation(source: str, value: str) -> int:
    """How far a block scalar's lines are indented: what its first line with text lost on the way."""
    typed = next((line for line in source.splitlines() if line.strip()), "")
    kept = next((line for line in value.splitlines() if line.strip()), "")
    return max(_spaces(typed) - _spaces(kept), 0)


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
