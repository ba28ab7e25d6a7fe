"""YAML as nodes with their places; and YAML that cannot be parsed, in plain words: what to mend, and where.

PyYAML reports where it gave up and in its own terms ("expected <block end>, but found '<scalar>'"). People
make about a dozen mistakes; each is recognised here by PyYAML's problem text and the characters around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode

QUOTE = "put the value in quotes, or on its own lines below '|'"


class YamlFault(Exception):
    """What is wrong with the text at a character offset; becomes a ``Problem`` once the file is known."""

    def __init__(self, offset: int, message: str, hint: str | None = None) -> None:
        self.offset = offset
        self.message = message
        self.hint = hint
        super().__init__(message)


def explain_syntax(text: str, error: yaml.MarkedYAMLError) -> YamlFault:
    """Turn a YAML parser's error into a ``Problem`` that names the mistake."""
    at = error.problem_mark.index if error.problem_mark else 0
    opened = error.context_mark.index if error.context_mark else at
    problem = error.problem or ""
    for pattern, rule in _RULES:
        found = pattern.search(f"{error.context or ''}: {problem}")
        if found:
            return rule(text, at, opened, found)
    return YamlFault(at, f"not valid YAML: {problem}")


def beyond_unicode(text: str) -> YamlFault:
    """The fault of an escape whose number is beyond the last character there is."""
    for escape in re.finditer(r"\\U([0-9A-Fa-f]{8})", text):
        if int(escape[1], 16) > 0x10FFFF:
            return YamlFault(
                escape.start(), f"'{escape[0]}' is not a character", "write the character itself"
            )
    return YamlFault(0, "not valid YAML")


def _cannot_start(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    at = opened if found.re is not _TOKEN else at
    char = text[at : at + 1]
    if char == "\t":
        return YamlFault(at, "a tab where YAML needs spaces", "indent with spaces")
    if found[0].endswith("<document end>'"):
        return YamlFault(at, "'...' ends the document before it began", "remove the line")
    if not char:
        return YamlFault(at, "the file ends in the middle of a value")
    return YamlFault(at, f"a value cannot start with '{char}' unless quoted", QUOTE)


def _colon(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    before = _line_start(text, at)
    head = text[before:at]
    if re.search(r":\s", head) or head.lstrip().startswith("- "):
        return YamlFault(at, "': ' in the middle of a value", QUOTE)
    above = _line_above(text, before)
    if above is None:
        return YamlFault(at, "a ':' where no key can be")
    start, line = above
    if re.search(r":(\s|$)", line):
        key = head.strip()
        return YamlFault(
            before + _indent(head),
            f"'{_short(key)}' is indented under a line that already has a value",
            "start keys in the same column; a text of several lines goes below '|'",
        )
    return _no_colon(start + _indent(line), line)


def _no_colon(at: int, line: str) -> YamlFault:
    typed = line.strip()
    glued = re.match(r"(\w+):\S", typed)
    if glued:
        return YamlFault(at, f"'{glued[1]}:' needs a space after the colon")
    hint = "a text of several lines goes below '|', indented"
    return YamlFault(at, f"'{_short(typed)}' is not a 'key: value' line", hint)


def _missing_colon(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    end = text.find("\n", opened)
    return _no_colon(opened, text[opened : end if end >= 0 else len(text)])


def _block_end(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    start = _line_start(text, at)
    head = text[start:at].rstrip()
    kind = "bracket" if head[-1:] in ("]", "}") else "quote"
    if head[-1:] in ("]", "}", "'", '"'):
        hint = "quote the whole value" + (", and double the quotes inside it" if kind == "quote" else "")
        return YamlFault(at, f"text after the closing {kind}", hint)
    token = found[1]
    if token in ("]", "}"):
        return YamlFault(at, f"'{token}' closes nothing", "quote the value it belongs to")
    if token == "-":
        return YamlFault(at, "a '- ' item among 'key: value' lines", "indent the list below its key")
    if token == "?" and text[opened : opened + 1] == "-":
        return YamlFault(at, "a 'key: value' line among '- ' items", "one level holds either items or keys")
    return YamlFault(
        at,
        "this line's indentation matches no line above it",
        "keys of one level start in the same column, and so do the lines of a text below '|'",
    )


def _in_brackets(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    bracket, closing = text[opened], found[1]
    if found[2] in ("<stream end>", "<document start>", "<document end>") or "\n" in text[opened:at]:
        return YamlFault(opened, f"the '{bracket}' opened here is never closed")
    return YamlFault(
        at, f"',' or '{closing}' is missing here", "put values with brackets or commas in quotes"
    )


def _unclosed_quote(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    return YamlFault(opened, "the quote opened here is never closed")


def _escape(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    # An unknown letter is reported at the letter; the backslash before it is what to mend.
    at = text.rfind("\\", opened, at + 1)
    return YamlFault(
        at,
        f"'{text[at : at + 2]}' is not a valid escape between double quotes",
        "use single quotes, or \\\\ for a backslash",
    )


def _hexadecimal(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    at = text.rfind("\\", opened, at + 1)
    return YamlFault(at, f"'{text[at : at + 2]}' needs {found[1]} hexadecimal digits")


def _block_header(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    return YamlFault(
        at, f"text on the same line as '{text[opened]}'", "start the text on the next line, indented"
    )


def _list_after_key(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    return YamlFault(
        at, "a list cannot start on its key's line", "start it on the next line, or quote the value"
    )


def _question(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    return YamlFault(at, "a value cannot start with '? ' unless quoted", QUOTE)


def _directive(text: str, at: int, opened: int, found: re.Match[str]) -> YamlFault:
    return YamlFault(
        opened, "a line cannot start with '%'", "remove it; a value that starts with it needs quotes"
    )


_TOKEN = re.compile(r"cannot start any token")

_RULES: tuple[tuple[re.Pattern[str], Callable[[str, int, int, re.Match[str]], YamlFault]], ...] = (
    (_TOKEN, _cannot_start),
    (
        re.compile(r"(scanning an (alias|anchor)|parsing a tag|scanning a tag|undefined tag handle)"),
        _cannot_start,
    ),
    (re.compile(r"mapping values are not allowed"), _colon),
    (re.compile(r"could not find expected ':'"), _missing_colon),
    (re.compile(r"quoted scalar: found unexpected (end of stream|document separator)"), _unclosed_quote),
    (re.compile(r"unknown escape character"), _escape),
    (re.compile(r"escape sequence of (\d+) hexadecimal"), _hexadecimal),
    (re.compile(r"scanning a block scalar"), _block_header),
    (re.compile(r"expected ',' or '(.)', but got '(.*)'"), _in_brackets),
    (re.compile(r"expected <block end>, but found '(.*)'"), _block_end),
    (re.compile(r"sequence entries are not allowed"), _list_after_key),
    (re.compile(r"mapping keys are not allowed"), _question),
    (re.compile(r"expected the node content.*"), _cannot_start),
    (re.compile(r"(directive|<document start>|incompatible YAML document)"), _directive),
)


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_above(text: str, start: int) -> tuple[int, str] | None:
    """The nearest line above ``start`` that is neither blank nor a comment, with its offset."""
    while start > 0:
        end = start - 1
        start = text.rfind("\n", 0, end) + 1
        line = text[start:end]
        if line.strip() and not line.lstrip().startswith("#"):
            return start, line
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


DEEPEST = 20

_SURROGATE = re.compile("[\ud800-\udfff]")


def compose(text: str) -> Node | None:
    """The root node of the text's one document; None where there is none. Raises ``YamlFault``."""
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.composer.ComposerError as error:
        offset = _index(error.problem_mark)
        raise YamlFault(offset, "a second document starts here", "one file, one document") from None
    except yaml.MarkedYAMLError as error:
        raise explain_syntax(text, error) from None
    except (ValueError, OverflowError):
        # PyYAML makes characters of escapes and numbers of %YAML without asking whether there are such.
        raise beyond_unicode(text) from None


def start(node: Node | yaml.Event) -> int:
    """The offset in the file of a node's first character."""
    return _index(node.start_mark)


def end(node: Node) -> int:
    """The offset behind a node's last character."""
    return _index(node.end_mark)


def _index(mark: Any) -> int:
    """The offset of a mark; the stubs say it may be None, the parser always sets it."""
    return int(mark.index) if mark is not None else 0


class _Loader(yaml.BaseLoader):
    """PyYAML's composer, which comes by ``compose_node`` for every node and knows its parent there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Node | None:
        """The next node. ``index`` is its place in a list, or its key; None for a key itself."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        _refuse_references(event, self._text)
        is_key = isinstance(parent, MappingNode) and index is None
        if isinstance(event, yaml.events.CollectionStartEvent):
            if is_key:
                raise _no_key(start(parent), event, self._text)
            if self._depth == DEEPEST:
                raise YamlFault(start(event), f"nested more than {DEEPEST} levels deep")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, ScalarNode):
            node.value = _whole(node)
            if is_key and node.value == "<<" and node.style is None:
                raise YamlFault(start(node), "merge keys ('<<') are not supported", "write the keys out")
        return node


def _whole(node: ScalarNode) -> str:
    """The value; ``"\\uD83C\\uDF38"``, as JSON escapes an emoji, becomes the one character it stands for."""
    value: str = node.value
    if not _SURROGATE.search(value):
        return value
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise YamlFault(start(node), "half a character: a '\\uD8..' escape without its other half") from None


def _refuse_references(event: Any, text: str) -> None:
    at = start(event)
    quote = "a value that starts with it must be in quotes"
    if isinstance(event, yaml.AliasEvent):
        raise YamlFault(
            at, f"aliases such as '*{event.anchor}' are not supported", f"write the text out; {quote}"
        )
    if event.anchor is not None:
        raise YamlFault(at, f"anchors such as '&{event.anchor}' are not supported", f"remove it; {quote}")
    tag = getattr(event, "tag", None)
    if tag is not None and text[at : at + 1] == "!":
        typed = text[at:].split(None, 1)[0]
        raise YamlFault(at, f"tags such as '{typed[:40]}' are not supported", f"remove it; {quote}")


def _no_key(parent: int, event: yaml.Event, text: str) -> YamlFault:
    if text.startswith("{{", parent):
        hint = "put the value in quotes, or on its own lines below '|'"
        return YamlFault(parent, "a value cannot start with '{{' unless quoted", hint)
    kind = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
    return YamlFault(start(event), f"a {kind} instead of a key")
