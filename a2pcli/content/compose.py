"""Reads partials, files of the campaign's folder and of no other, and puts a message together from them.

``include`` and ``extends`` are resolved when the template is compiled, before anything is rendered: one body remains,
all of whose columns are known, and rendering opens no file. What is imported stays a template of its own.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

from a2pcli.content.failures import Unsuitable
from a2pcli.content.sources import Sources
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.folding import composed
from a2pcli.regular import open_regular

LARGEST = 50_000
"""Bytes of one partial."""


def read_partial(folder: Path | None, name: str, largest: int = LARGEST) -> tuple[str, str]:
    """The text of a partial, and its path as problems show it.

    Raises:
        FileNotFoundError: there is no such file.
        Unsuitable: it may not be read or is no text.
    """
    if folder is None:
        raise Unsuitable("no folder to load partials from")
    pure = PurePosixPath(name)
    if (
        not name.strip()
        or pure.is_absolute()
        or ".." in pure.parts
        or "\\" in name
        or "\0" in name
        or ":" in name
    ):
        raise Unsuitable(f"'{name}' is not a file name inside the campaign's folder")
    path = folder / pure
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()):
            raise Unsuitable(f"'{name}' leads out of the campaign's folder")
        if not real.is_file():
            raise Unsuitable(f"'{name}' is not a file")
        with open_regular(real) as file:
            content = file.read(largest + 1)
    except RuntimeError:
        raise Unsuitable(f"'{name}' is a symbolic link to itself") from None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise FileNotFoundError(f"no file '{name}' in the campaign's folder") from None
        raise Unsuitable(f"'{name}' cannot be read: {error.strerror or type(error).__name__}") from None
    if len(content) > largest:
        raise Unsuitable(f"'{name}' is larger than {largest // 1000} kB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unsuitable(f"'{name}' is not UTF-8 text") from None
    return composed(text.replace("\r\n", "\n").replace("\r", "\n")), str(path)


def near_file(folder: Path | None, name: str) -> str | None:
    """A hint that names a file of the folder whose name is near."""
    if folder is None or not folder.is_dir():
        return None
    names = [path.name for path in sorted(folder.iterdir())[:500] if path.is_file()]
    near = get_close_matches(name, names, 1, 0.6)
    return f"did you mean '{near[0]}'?" if near else None


MOST_PARTIALS = 50
"""Inclusions of one message, each counted as often as it happens."""

_Refers: TypeAlias = nodes.Include | nodes.Extends | nodes.Import | nodes.FromImport
_PRELUDE = (nodes.Assign, nodes.AssignBlock, nodes.Import, nodes.FromImport, nodes.Macro)


@dataclass(slots=True)
class Composed:
    """A message in one piece, and the files it imports, by name."""

    body: list[nodes.Node]
    imports: dict[str, nodes.Template] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def compose(environment: Environment, sources: Sources, folder: Path | None) -> Composed:
    """Parse the message and everything it refers to.

    Raises ``TemplateSyntaxError`` for a mistake in the message itself; those in partials become problems.
    """
    composer = _Composer(environment, sources, folder)
    tree = sources.parse(environment, 0)
    composer.composed.body = composer.resolved(tree.body, ())
    return composer.composed


class _Composer(NodeTransformer):
    def __init__(self, environment: Environment, sources: Sources, folder: Path | None) -> None:
        self.environment = environment
        self.sources = sources
        self.folder = folder
        self.composed = Composed([])
        self.numbers: dict[str, int] = {}
        self.stack: tuple[str, ...] = ()
        self.blocks: dict[str, list[nodes.Block]] = {}
        self.current: list[nodes.Block] = []
        self.taken = 0

    def resolved(self, body: list[nodes.Node], stack: tuple[str, ...]) -> list[nodes.Node]:
        """The statements with includes, blocks and parents put in their place."""
        before = self.stack, self.blocks, self.current
        self.stack, self.blocks, self.current = stack, {}, []
        body = self._extended(body)
        result: list[nodes.Node] = []
        for node in body:
            result += _as_list(self.visit(node))
        self.stack, self.blocks, self.current = before
        return result

    def visit_Include(self, node: nodes.Include) -> nodes.Node | None:
        if not node.with_context:
            self._refuse(node, "'without context' is not supported: a partial sees the columns")
            return None
        found = self._load(node, missing_ok=node.ignore_missing)
        if found is None:
            return None
        name, tree = found
        return nodes.Scope(self.resolved(tree.body, (*self.stack, name)), lineno=node.lineno)

    def visit_Import(self, node: nodes.Import | nodes.FromImport) -> nodes.Node | None:
        found = self._load(node)
        if found is None:
            return None
        name, tree = found
        if name not in self.composed.imports:
            self.composed.imports[name] = tree
            tree.body = self.resolved(tree.body, (*self.stack, name))
        node.template = nodes.Const(name, lineno=node.lineno)
        return node

    visit_FromImport = visit_Import

    def visit_Extends(self, node: nodes.Extends) -> nodes.Node | None:
        self._refuse(node, "'extends' must stand at the top of a file, outside of other tags")
        return None

    def visit_Block(self, node: nodes.Block) -> nodes.Node:
        chain = self.blocks.get(node.name, [node])
        before, self.current = self.current, chain[1:]
        winner = nodes.Scope(list(chain[0].body), lineno=node.lineno)
        self.generic_visit(winner)
        self.current = before
        return winner

    def visit_Output(self, node: nodes.Output) -> nodes.Node | list[nodes.Node]:
        if not any(_is_super(child) for child in node.nodes):
            return node
        pieces: list[nodes.Node] = []
        for child in node.nodes:
            if _is_super(child):
                parent, rest = self.current[:1], self.current[1:]
                if not parent:
                    self._refuse(child, "super() has no block above it to show")
                    continue
                before, self.current = self.current, rest
                scope = nodes.Scope(list(parent[0].body), lineno=child.lineno)
                self.generic_visit(scope)
                self.current = before
                pieces.append(scope)
            else:
                pieces.append(nodes.Output([child], lineno=child.lineno))
        return pieces

    def _extended(self, body: list[nodes.Node]) -> list[nodes.Node]:
        """The body of the file at the end of the ``extends`` chain; ``blocks`` then holds who overrides whom."""
        prelude: list[nodes.Node] = []
        names: tuple[str, ...] = ()
        while True:
            extends = next((node for node in body if isinstance(node, nodes.Extends)), None)
            if extends is None and not names:
                return body
            for block in _blocks(body):
                self.blocks.setdefault(block.name, []).append(block)
            if extends is None:
                return prelude + body
            prelude = [node for node in body if isinstance(node, _PRELUDE)] + prelude
            self._refuse_lost_text(body)
            found = self._load(extends)
            if found is None:
                return []
            names = (*names, found[0])
            self.stack = (*self.stack, found[0])
            body = found[1].body

    def _refuse_lost_text(self, body: list[nodes.Node]) -> None:
        for node in body:
            kept = isinstance(node, (nodes.Block, nodes.Extends, *_PRELUDE))
            blank = isinstance(node, nodes.Output) and all(
                isinstance(child, nodes.TemplateData) and not child.data.strip() for child in node.nodes
            )
            if not kept and not blank:
                self._refuse(node, "text outside of a block is never shown, because the file extends another")
                return

    def _load(self, node: _Refers, missing_ok: bool = False) -> tuple[str, nodes.Template] | None:
        """Name and parsed tree of the first file referred to that exists."""
        names = _names(node.template)
        if not names:
            self._refuse(node, "the file's name must be written out, in quotes")
            return None
        for name in names:
            if name in self.stack:
                circle = " includes ".join(
                    f"'{step}'" for step in (*self.stack[self.stack.index(name) :], name)
                )
                self._refuse(node, f"partials include each other in a circle: {circle}", name)
                return None
            self.taken += 1
            if self.taken > MOST_PARTIALS:
                self._refuse(node, f"more than {MOST_PARTIALS} partials", name)
                return None
            try:
                if name not in self.numbers:
                    self.numbers[name] = self.sources.add(name, *read_partial(self.folder, name))
                return name, self.sources.parse(self.environment, self.numbers[name])
            except FileNotFoundError:
                continue
            except Unsuitable as error:
                self._refuse(node, str(error), name)
                return None
            except TemplateSyntaxError as error:
                self.composed.problems.append(self.sources.syntax_problem(error))
                return None
        if missing_ok:
            return None
        hint = near_file(self.folder, names[0])
        self._refuse(node, f"no file '{names[0]}' in the campaign's folder", names[0], hint)
        return None

    def _refuse(
        self, node: nodes.Node, message: str, name: str | None = None, hint: str | None = None
    ) -> None:
        problem = self.sources.problem(message, node.lineno, name=name, hint=hint, code="partial")
        if problem not in self.composed.problems:
            self.composed.problems.append(problem)


def _names(template: nodes.Node) -> list[str]:
    """The file names that an ``include`` gives; none where one is not a quoted text."""
    if isinstance(template, nodes.Const):
        values = template.value if isinstance(template.value, (list, tuple)) else [template.value]
    elif isinstance(template, (nodes.List, nodes.Tuple)):
        values = [getattr(item, "value", None) for item in template.items]
    else:
        return []
    return list(values) if all(isinstance(value, str) for value in values) else []


def _blocks(body: list[nodes.Node]) -> Iterator[nodes.Block]:
    for node in body:
        if isinstance(node, nodes.Block):
            yield node
        yield from node.find_all(nodes.Block)


def _is_super(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "super"


def _as_list(visited: nodes.Node | list[nodes.Node] | None) -> list[nodes.Node]:
    if visited is None:
        return []
    return visited if isinstance(visited, list) else [visited]
