"""YAML nodes that remember where they stand, composed without recursion.

PyYAML's parser gives the events; its composer is recursive and resolves aliases, so a deep or self-expanding
file could exhaust the machine. Here aliases, anchors, tags and several documents are refused, depth is bounded,
and every scalar stays the text that was typed (``21:00``, ``NO``, ``0712345670``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from a2pcli.config.syntax import YamlFault, beyond_unicode, explain_syntax

DEEPEST = 20

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Scalar:
    """A text. ``start`` and ``end`` are character offsets; ``style`` is None, ``'``, ``"``, ``|`` or ``>``."""

    value: str
    start: int
    end: int
    style: str | None


@dataclass(slots=True)
class Sequence:
    """A list."""

    start: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Keys and values in file order. ``repeated`` are (key, first such key) of duplicates, whose values are
    dropped."""

    start: int
    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)
    repeated: list[tuple[Scalar, Scalar]] = field(default_factory=list)
    key: Scalar | None = None


Node = Scalar | Sequence | Mapping


def compose(text: str) -> Node | None:
    """The root node of the text's one document; None where there is none. Raises ``YamlFault``."""
    roots: list[Node] = []
    open_nodes: list[Sequence | Mapping] = []
    try:
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            if isinstance(event, yaml.events.DocumentStartEvent) and roots:
                raise YamlFault(_start(event), "a second document starts here", "one file, one document")
            if isinstance(event, yaml.events.NodeEvent):
                _refuse_references(event, text)
            if isinstance(event, yaml.events.CollectionEndEvent):
                open_nodes.pop()
                continue
            node = _node_of(event)
            if node is None:
                continue
            if open_nodes:
                _attach(open_nodes[-1], node, text)
            else:
                roots.append(node)
            if not isinstance(node, Scalar):
                open_nodes.append(node)
                if len(open_nodes) > DEEPEST:
                    raise YamlFault(node.start, f"nested more than {DEEPEST} levels deep")
    except yaml.MarkedYAMLError as error:
        raise explain_syntax(text, error) from None
    except (ValueError, OverflowError):
        # PyYAML makes characters of escapes and numbers of %YAML without asking whether there are such.
        raise beyond_unicode(text) from None
    return roots[0] if roots else None


def _whole(event: yaml.ScalarEvent) -> str:
    """The value; ``"\\uD83C\\uDF38"``, as JSON escapes an emoji, becomes the one character it stands for."""
    value: str = event.value
    if not _SURROGATE.search(value):
        return value
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise YamlFault(
            _start(event), "half a character: a '\\uD8..' escape without its other half"
        ) from None


def _start(event: yaml.Event) -> int:
    return _index(event.start_mark)


def _index(mark: Any) -> int:
    """The offset of a mark; the stubs say it may be None, the parser always sets it."""
    return int(mark.index) if mark is not None else 0


def _node_of(event: yaml.Event) -> Node | None:
    if isinstance(event, yaml.ScalarEvent):
        style = event.style if event.style in ("'", '"', "|", ">") else None
        return Scalar(_whole(event), _start(event), _index(event.end_mark), style)
    if isinstance(event, yaml.SequenceStartEvent):
        return Sequence(_start(event))
    if isinstance(event, yaml.MappingStartEvent):
        return Mapping(_start(event))
    return None


def _refuse_references(event: yaml.events.NodeEvent, text: str) -> None:
    at = _start(event)
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


def _attach(parent: Sequence | Mapping, node: Node, text: str) -> None:
    if isinstance(parent, Sequence):
        parent.items.append(node)
        return
    if parent.key is None:
        if not isinstance(node, Scalar):
            raise _no_key(parent, node, text)
        if node.value == "<<" and node.style is None:
            raise YamlFault(node.start, "merge keys ('<<') are not supported", "write the keys out")
        parent.key = node
        return
    key, parent.key = parent.key, None
    if key.value in parent.entries:
        parent.repeated.append((key, parent.entries[key.value][0]))
    else:
        parent.entries[key.value] = (key, node)


def _no_key(parent: Mapping, node: Sequence | Mapping, text: str) -> YamlFault:
    if text.startswith("{{", parent.start):
        hint = "put the value in quotes, or on its own lines below '|'"
        return YamlFault(parent.start, "a value cannot start with '{{' unless quoted", hint)
    kind = "list" if isinstance(node, Sequence) else "mapping"
    return YamlFault(node.start, f"a {kind} stands where a key should be")
