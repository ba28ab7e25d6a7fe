"""Puts other texts into a YAML file and leaves everything else of it unchanged, comments too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from yaml import ScalarNode, YAMLError

from a2pcli.config import syntax
from a2pcli.config.document import Document, document_of
from a2pcli.errors import InvalidInput
from a2pcli.folding import composed

Loc = tuple[str | int, ...]


def with_texts(document: Document, texts: Mapping[Loc, str]) -> Document:
    """The document with these texts at these places. Raises ``InvalidInput`` if it would say anything else than before,
    or a text cannot stand in YAML."""
    for loc, text in texts.items():
        document = _with_text(document, loc, composed(text))
    return document


def _with_text(document: Document, loc: Loc, text: str) -> Document:
    expected = _replaced(document.data, loc, text)
    for form in (_block(document, loc, text), json.dumps(text, ensure_ascii=False), json.dumps(text)):
        if form is None:
            continue
        try:
            found = document_of(_put(document, loc, form), document.path)
        except (InvalidInput, YAMLError):  # a character that YAML has only as an escape
            continue
        if found.data == expected:
            return found
    message = "another text cannot be put here without changing the rest of the file"
    hint = "write the text in quotes or below '|'"
    raise InvalidInput(document.problem(message, loc, hint=hint, code="cannot-replace"))


def _put(document: Document, loc: Loc, form: str) -> str:
    node, text = document.nodes[loc][1], document.text
    start, end = syntax.start(node), syntax.end(node)
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        end = start + len(text[start:end].rstrip())
    return text[:start] + form + text[end:]


def _block(document: Document, loc: Loc, text: str) -> str | None:
    """The text below ``|``; None if it has one line, or begins with a space."""
    if "\n" not in text or text[:1].isspace() or text.endswith("\n"):
        return None
    line = document.place(loc, of="key")[1] - 1
    return "|-\n" + "\n".join(" " * (line + 2) + row if row else "" for row in text.split("\n"))


def _replaced(data: Any, loc: Loc, text: str) -> Any:
    if not loc:
        return text
    return {
        name: _replaced(value, loc[1:], text) if name == str(loc[0]) else value
        for name, value in data.items()
    }
