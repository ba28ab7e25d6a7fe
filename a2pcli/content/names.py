"""Suggests what was meant by a name in a template that does not exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from jinja2 import nodes

from a2pcli.contacts.columns import canonical, meant
from a2pcli.content.columns import everything
from a2pcli.content.sources import Sources
from a2pcli.errors import Problem

NO_COLUMNS = {
    "contact": "write contact['Column'] or the column's own name",
    "loop": "loop exists only inside {% for %}",
    "lipsum": "there is no such function in messages",
    "cycler": "there is no such function in messages; loop.cycle() is there",
    "joiner": "there is no such function in messages; the join filter is there",
    "dict": "there is no such function in messages",
    "unsubscribe_url": "set `listen: public_url:` in the settings; a ledger on a server needs A2PCLI_ERASURE_KEY too",
}
"""Words that Jinja knows elsewhere, and what to write instead."""


def unknown_columns(
    sources: Sources,
    body: list[nodes.Node],
    names: dict[str, list[int]],
    known: Collection[str] | None,
    blind: bool = False,
) -> Iterator[Problem]:
    """A problem for each line on which a name stands that is no column. ``blind``: the file sees no columns."""
    for name, lines in names.items():
        message, hint = f"unknown column '{name}'", _hint(body, name, known)
        if blind and (known is None or name in known):
            message = f"an imported file does not see the column '{name}'"
            hint = "pass it to the macro, or write: import … with context"
        for line in dict.fromkeys(lines):
            yield sources.problem(message, line, name=name, hint=hint, code="unknown-column")


def not_exported(
    sources: Sources, body: list[nodes.Node], name: str, exported: Collection[str]
) -> Iterator[Problem]:
    """What the message asks of an imported file that is not in it."""
    targets = set()
    asked: list[tuple[str, int]] = []
    for node in importing(body):
        if getattr(node.template, "value", "") == name:
            if isinstance(node, nodes.Import):
                targets.add(node.target)
            else:
                asked += [
                    (entry if isinstance(entry, str) else entry[0], node.lineno) for entry in node.names
                ]
    for inner in everything(body):
        if (
            isinstance(inner, nodes.Getattr)
            and isinstance(inner.node, nodes.Name)
            and inner.node.name in targets
        ):
            asked.append((inner.attr, inner.lineno))
    for word, line in asked:
        if word not in exported:
            near = get_close_matches(word, sorted(exported), 1, 0.6)
            hint = f"did you mean '{near[0]}'?" if near else None
            yield sources.problem(f"'{name}' has no '{word}'", line, name=word, hint=hint)


def importing(body: list[nodes.Node]) -> list[nodes.Import | nodes.FromImport]:
    """The statements that import or include files."""
    return [node for node in everything(body) if isinstance(node, (nodes.Import, nodes.FromImport))]


def _hint(body: list[nodes.Node], name: str, known: Collection[str] | None) -> str | None:
    return NO_COLUMNS.get(name) or _hyphenated(body, name, known) or _near(name, known)


def _near(name: str, known: Collection[str] | None) -> str | None:
    plain = canonical(name)
    squeezed = {column.replace("_", ""): column for column in sorted(known or ())}
    if plain in squeezed.values():
        return f"did you mean '{plain}'?"
    near = get_close_matches(plain, squeezed.values(), 1, 0.6)
    column = squeezed.get(plain.replace("_", "")) or (near[0] if near else None)
    if column:
        return meant(name, column)
    shown = ", ".join(sorted(known)[:8]) if known else ""
    return f"the columns are {shown}{', …' if known and len(known) > 8 else ''}" if shown else None


def _hyphenated(body: list[nodes.Node], name: str, known: Collection[str] | None) -> str | None:
    """``order-id`` reads as ``order`` minus ``id``: the column is ``order_id``."""
    for node in everything(body):
        if (
            isinstance(node, nodes.Sub)
            and isinstance(node.left, nodes.Name)
            and isinstance(node.right, nodes.Name)
        ):
            joined = f"{node.left.name}_{node.right.name}"
            if name in (node.left.name, node.right.name) and joined in (known or ()):
                return f"did you mean '{joined}'?"
    return None
