"""Creates a gateway from its block in ``a2pcli.yaml``.

Gateways are found through the entry-point group ``a2pcli.gateways``. An entry point is a class or function
``(name, settings) -> Gateway``, and only the one that is asked for is imported. The names of the gateways
that come with a2pcli are reserved: another package cannot take the place of ``twilio``.
"""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput
from a2pcli.gateway_types import BUILT_IN as BUILT_IN
from a2pcli.gateway_types import GROUP as GROUP
from a2pcli.gateways.base import Gateway
from a2pcli.gateways.settings import block_problem


@dataclass(frozen=True, slots=True)
class Available:
    """A gateway type that a block can name."""

    type: str
    target: str
    summary: str
    package: str


def available() -> list[Available]:
    """Return every gateway type: built-in ones first, then those of other packages by name. Imports none of them."""
    found = [Available(name, target, line, "a2pcli") for name, (target, line) in BUILT_IN.items()]
    for name, point in sorted(_third_party().items()):
        package = point.dist.name if point.dist else "unknown"
        found.append(Available(name, point.value, f"From the package {package}", package))
    return found


def create(name: str, settings: Mapping[str, Any]) -> Gateway:
    """Create the gateway described by a block, without opening it.

    ``name`` is the block's name in ``a2pcli.yaml``; ``settings["type"]`` selects the type, by default the one called
    like the block. ``settings["folder"]`` is the settings file's folder, the base of relative paths. Raises
    ``InvalidInput`` for an unknown type, invalid settings or a gateway that cannot be loaded.
    """
    kind = str(settings.get("type") or name)
    if kind in BUILT_IN:
        module, _, attribute = BUILT_IN[kind][0].partition(":")
        gateway: Gateway = getattr(import_module(module), attribute)(name, settings)
        return gateway
    return _load_third_party(name, kind, settings)


def _third_party() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in BUILT_IN}


def third_party_class(kind: str) -> Any:
    """Return the class or function of another package's type; None if it cannot be loaded."""
    point = _third_party().get(kind)
    if point is None:
        return None
    with contextlib.redirect_stdout(sys.stderr):
        try:
            return point.load()
        except (Exception, SystemExit):  # reported in full when the gateway is created
            return None


def _load_third_party(name: str, kind: str, settings: Mapping[str, Any]) -> Gateway:
    points = _third_party()
    if kind not in points:
        known = [*BUILT_IN, *sorted(points)]
        near = difflib.get_close_matches(kind, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InvalidInput(
            block_problem(
                name, "type", f"no gateway type {kind!r}", hint=f"{hint}types: {', '.join(known)}".strip()
            )
        )
    from a2pcli.gateways.plugins import load_plugin

    return load_plugin(name, points[kind], settings)
