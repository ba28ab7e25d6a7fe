"""What ``a2pcli gateways`` tells about each gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from a2pcli.config.environment import variables
from a2pcli.config.load import BUILT_IN_GATEWAYS, LoadedSettings, at_gateway_key, gateway_settings
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem
from a2pcli.gateways.base import Capabilities, Gateway
from a2pcli.gateways.registry import create


@dataclass(frozen=True, slots=True)
class Line:
    """One gateway that a campaign can name. ``capabilities`` is None where it cannot be made as things are."""

    name: str
    type: str
    is_default: bool
    is_configured: bool
    variables: Mapping[str, bool]
    capabilities: Capabilities | None
    rate: str | None
    sender: str | None
    problems: tuple[Problem, ...]

    @property
    def missing(self) -> list[str]:
        """The variables it needs that the environment does not have."""
        return [name for name, is_there in self.variables.items() if not is_there]

    @property
    def state(self) -> str:
        """Whether it is ready, in a few words."""
        if self.missing:
            return f"{', '.join(self.missing)} not set"
        return "wrong settings" if self.problems else "ready"


def gateway_lines(settings: LoadedSettings) -> Iterator[Line]:
    """The configured gateways in file order, then the built-in ones that need no settings."""
    default = settings.settings.gateway
    for name, block in settings.settings.gateways.items():
        yield _line(settings, name, block, default)
    for name in BUILT_IN_GATEWAYS:
        if name not in settings.settings.gateways:
            yield _line(settings, name, None, default)


def _line(settings: LoadedSettings, name: str, block: Mapping[str, Any] | None, default: str) -> Line:
    named = variables(block, settings.environ) if block is not None else {}
    gateway: Gateway | None = None
    problems: tuple[Problem, ...] = ()
    try:
        gateway = create(name, gateway_settings(settings, name))
    except A2PError as error:
        problems = tuple(at_gateway_key(settings, problem) for problem in error.problems)
    given = block or {}
    return Line(
        name=name,
        type=str(given.get("type") or name),
        is_default=name == default,
        is_configured=block is not None,
        variables=named,
        capabilities=gateway.capabilities if gateway else None,
        # As written: a value out of the environment is not shown, whatever it is.
        rate=_text(given.get("rate")),
        sender=_text(given.get("sender")),
        problems=problems,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
