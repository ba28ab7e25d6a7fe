"""Describes one gateway in full, and adds a new one to the settings."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.gateways import GatewayLine, gateway_lines, gateway_types
from a2pcli.config.document import read_document
from a2pcli.config.environment import environment_at
from a2pcli.config.insert import checked, settings_document, shown_problem, with_gateway
from a2pcli.config.load import LoadedSettings, find_settings
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, UsageError, not_written

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.gateways.base import Capabilities
    from a2pcli.gateways.guide import BlockKey as BlockKey
    from a2pcli.gateways.guide import Guide

SETTINGS_NAME = "a2pcli.yaml"
_WIDTH = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class GatewayShown:
    """What ``gateways show`` tells. ``line`` is None for a type that no block of the settings is named by."""

    guide: Guide
    line: GatewayLine | None
    place: str | None
    capabilities: Capabilities | None
    variables: Mapping[str, bool]


def show_gateway(settings: LoadedSettings, name: str) -> GatewayShown:
    """A gateway of the settings by its name, or a type. Raises ``UsageError`` for what is neither."""
    from a2pcli.config.environment import variables
    from a2pcli.gateways.guide import usual_capabilities

    line = next((one for one in gateway_lines(settings) if one.name == name), None)
    guide = _guide(line.type if line else name, tuple(settings.settings.gateways))
    place = None
    if line and line.is_configured and settings.document is not None:
        row, column = settings.document.place(("gateways", name), of="key")
        place = f"{settings.document.path}:{row}:{column}"
    can = (line.capabilities if line else None) or usual_capabilities(guide)
    named = line.variables if line and line.is_configured else variables(guide.example, settings.environ)
    return GatewayShown(guide, line, place, can, named)


@dataclass(frozen=True, slots=True)
class GatewayAdded:
    """What ``gateways add`` wrote, and which variables it needs: whether each is set already."""

    name: str
    type: str
    path: Path
    created: bool
    block: str
    variables: Mapping[str, bool]
    docs: str


def add_gateway(project: Project, kind: str, name: str | None = None) -> GatewayAdded:
    """Write a commented block for the type into the settings file, which is made where there is none.

    Everything else in the file stays as it is. Secrets are placeholders: no value is written. Raises ``UsageError`` for
    an unknown type or an unusable name and ``InvalidInput`` where the file has such a block or cannot be added to.
    """
    from a2pcli.config.environment import variables

    guide = _guide(kind, ())
    name = name or kind
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name {name}: use letters, digits, - and _")
    lines = list(block_lines(guide, name))
    # Settings that have nothing in them yet, or mistakes elsewhere, can be added to as well.
    shown = find_settings(project.start) or project.start / SETTINGS_NAME
    created = not shown.exists()
    _write(shown, with_gateway(shown, name, lines), name)
    named = variables(guide.example, environment_at(shown.parent))
    block = "".join(f"{line}\n" for line in [f"{name}:", *(f"  {line}" for line in lines)])
    return GatewayAdded(name, kind, shown, created, block, named, guide.docs)


def block_lines(guide: Guide, name: str) -> Iterator[str]:
    """The lines below the block's name: the example with what each key means, then the other keys as comments."""
    means = {key.path: key.meaning for key in guide.keys}
    optional = {key.path for key in guide.keys if key.default is not None}
    yield f"# {guide.summary}." + (f" {guide.docs}" if guide.docs else "")
    lines = guide.example.splitlines()
    typed = {found[1] for line in lines if (found := re.match(r"([\w-]+):", line))}
    if name != guide.type and "type" not in typed:
        yield f"type: {guide.type}"
    for line in lines:
        found = re.match(r"([\w-]+): \S", line)
        note = means.get(found[1], "") if found and " #" not in line else ""
        if found and found[1] in optional and "hooks.example.com" in line:
            line = f"# {line}"  # nobody's callbacks go to a stranger because a line was not edited
        yield f"{line}  # {note}" if note and len(line) + len(note) + 8 <= _WIDTH else line
    for key in guide.keys:
        top = key.path.partition(".")[0].partition("[")[0]
        if key.path == top and top not in typed and top != "type":
            yield f"# {_optional(key)}"


def _optional(key: BlockKey) -> str:
    value = key.default if key.default else ""
    return f"{key.path}: {value}".rstrip() + f"  # {key.meaning}"


def _guide(kind: str, configured: tuple[str, ...]) -> Guide:
    import difflib

    from a2pcli.gateways.guide import guide_to

    guide = guide_to(kind)
    if guide is not None:
        return guide
    types = {one.type: one for one in gateway_types()}
    if kind in types:
        hint = f"a2pcli gateways test {kind} says what is wrong with it"
        raise InvalidInput(
            Problem(
                f"the gateway type {kind} of the package {types[kind].package} cannot be loaded", hint=hint
            )
        )
    known = [*configured, *types]
    near = difflib.get_close_matches(kind, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"types: {', '.join(types)}"
    raise UsageError(Problem(f"{kind}: there is no such gateway or type", hint=hint))


def _write(shown: Path, text: str, name: str) -> None:
    """Replace the file in one step, once the new text is known to say the same and the block beside it."""
    document, path = settings_document(shown), shown.resolve()
    before = document.data if document is not None else {}
    was = path.read_bytes() if path.exists() else b""
    mark = b"\xef\xbb\xbf" if was.startswith(b"\xef\xbb\xbf") else b""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            draft.write_bytes(mark + text.encode())
            if path.exists():
                draft.chmod(stat.S_IMODE(path.stat().st_mode))
            after = read_document(draft)
            if not checked(before, after, name) or not after.has(("gateways", name)):
                raise InvalidInput(shown_problem(shown))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise not_written(error, str(shown)) from error
