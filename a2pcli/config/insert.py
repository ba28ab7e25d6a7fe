"""Inserts a gateway's block into the text of a settings file and leaves everything else unchanged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode

from a2pcli.config import syntax
from a2pcli.config.document import Document, read_document
from a2pcli.errors import InvalidInput, Problem

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_BY_HAND = "write `gateways:` as lines of its own without braces, or add the block by hand"


def with_gateway(path: Path, name: str, lines: list[str]) -> str:
    """The file's text with a block for the gateway ``name``. ``lines`` are those below its name, not indented.

    Raises ``InvalidInput`` where there is such a block already, and where the file is written in a way that a block of
    lines cannot be added to.
    """
    document = settings_document(path)
    text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    root = document.nodes[()][1] if document else None
    block = _lines_for(name, lines)
    if document is None or root is None:
        return _ended(text) + _joined(["gateways:", *_indented(block, 2)], text)
    if document.has(("gateways", name)):
        problem = document.problem(
            f"there is a gateway '{name}' already",
            ("gateways", name),
            of="key",
            hint="choose another name with --name, or edit this block",
            code="gateway-exists",
        )
        raise InvalidInput(problem)
    if not isinstance(root, MappingNode) or root.flow_style:
        raise InvalidInput(
            document.problem("the settings are in braces", (), hint=_BY_HAND, code="in-braces")
        )
    return _inserted(document, root, text, block)


def settings_document(path: Path) -> Document | None:
    """The file read; None where there is none, or nothing but comments in it. Raises ``InvalidInput``."""
    if not path.exists():
        return None
    try:
        return read_document(path)
    except InvalidInput:
        text = path.read_bytes().decode("utf-8-sig", "replace") if path.is_file() else "?"
        if re.search(r"^[^\S\r\n]*[^#\s]", text, re.M):
            raise
        return None


def checked(before: dict[str, Any], after: Document, name: str) -> bool:
    """Whether the new file says what the old one did, and the block beside it."""
    gateways = {key: value for key, value in (after.data.get("gateways") or {}).items() if key != name}
    rest = {key: value for key, value in after.data.items() if key != "gateways"}
    return gateways == (before.get("gateways") or {}) and rest == {
        key: value for key, value in before.items() if key != "gateways"
    }


def _inserted(document: Document, root: MappingNode, text: str, block: list[str]) -> str:
    left = document.place((), of="value")[1] - 1
    if not document.has(("gateways",)):
        at = _line_after(document, root, text, left)
        return _put(text, at, ["", *_indented(["gateways:", *_indented(block, 2)], left)])
    key, node = document.nodes[("gateways",)]
    line = document.position(syntax.start(key or node))[0]
    if isinstance(node, MappingNode) and node.value and not node.flow_style:
        inner = document.position(syntax.start(node))[1] - 1
        return _put(text, _line_after(document, node, text, inner), _indented(block, inner))
    rows = _rows(text)
    if isinstance(node, MappingNode) and not node.value and "{}" in rows[line - 1]:
        rows[line - 1] = re.sub(r" *\{\}", "", rows[line - 1], count=1)
    elif not isinstance(node, ScalarNode) or node.value or node.style:
        if not isinstance(node, MappingNode):
            message = "gateways must hold a line 'NAME:' for each gateway, with its keys below"
            raise InvalidInput(document.problem(message, ("gateways",), code="bad-value"))
        raise InvalidInput(
            document.problem("gateways is written in braces", ("gateways",), hint=_BY_HAND, code="in-braces")
        )
    return _put("".join(rows), line, _indented(block, left + 2))


def _lines_for(name: str, lines: list[str]) -> list[str]:
    return [f"{name}:", *_indented(lines, 2)]


def _indented(lines: list[str], by: int) -> list[str]:
    return [" " * by + line if line else line for line in lines]


def _line_after(document: Document, node: Node, text: str, indent: int) -> int:
    """How many lines stand before the place behind a mapping: behind its last value, and comments that belong to it."""
    line, column = document.position(syntax.end(node))
    rows = _rows(text)
    last = line - 1 if column == 1 or not rows[line - 1][: column - 1].strip() else line
    while last and _is_apart(rows[last - 1], indent):
        last -= 1
    return last


def _is_apart(row: str, indent: int) -> bool:
    """Whether a line is empty, or a comment that stands further left."""
    rest = row.strip()
    return not rest or (rest.startswith("#") and len(row) - len(row.lstrip(" ")) < indent)


def _rows(text: str) -> list[str]:
    return [row for row in _LINE.findall(text) if row]


def _put(text: str, at: int, lines: list[str]) -> str:
    rows = _rows(text)
    return _ended("".join(rows[:at])) + _joined(lines, text) + "".join(rows[at:])


def _ended(text: str) -> str:
    return text if not text or text[-1] in "\r\n" else text + _line_end(text)


def _joined(lines: list[str], text: str) -> str:
    end = _line_end(text)
    return "".join(line + end for line in lines)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def shown_problem(path: Path) -> Problem:
    """What is said where the file would come out otherwise than meant: nothing was written."""
    return Problem("the block cannot be added to this file", str(path), hint=_BY_HAND, code="cannot-add")
