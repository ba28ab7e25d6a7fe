"""YAML nodes with their places: PyYAML's, composed by PyYAML, less what a campaign has no use for.

PyYAML's composer is recursive and resolves aliases, so a deep or self-expanding file could exhaust the machine. Each
node is looked at before it is composed: aliases, anchors, tags and merge keys are refused, and depth is bounded. Every
scalar stays the text that was typed (``21:00``, ``NO``, ``0712345670``).
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode

from a2pcli.config.syntax import YamlFault, beyond_unicode, explain_syntax

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
