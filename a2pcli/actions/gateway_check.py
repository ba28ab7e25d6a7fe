"""What is wrong with a campaign's gateways, as far as the settings tell: no network, no secrets, nothing is written.

``check``, ``plan`` and ``send`` ask here, so that none of them finds a block good that another one refuses. A plan may
be made on a machine without the secrets: where a variable is not set, a stand-in takes its place, and what is wrong
with the rest of the block is told all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channel_of
from a2pcli.config import environment
from a2pcli.config.load import (
    BUILT_IN_GATEWAYS,
    LoadedCampaign,
    LoadedSettings,
    at_gateway_key,
    unknown_gateway,
)
from a2pcli.config.routes import gateways_of_campaign, route_of_campaign
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem, Severity, in_file_order
from a2pcli.gateway_types import OLD_CA

if TYPE_CHECKING:
    from a2pcli.gateways.base import Gateway

_ABSENT = ("missing-variable", "missing-secret", "missing-extra")
_STAND_INS = (
    "standin", "localhost", "https://localhost", "1000000000", "1", "eu-west-1", "a@example.com", "+447700900000",
    "AC" + "0" * 32, "MA" + "A" * 18, "SK" + "0" * 32, "MG" + "0" * 32, "v23.0", "yes", "1/s",
)  # fmt: skip
"""Values for variables that are not set: one of them suits nearly every key."""
_MOST_TRIES = 60


@dataclass(frozen=True, slots=True)
class Examined:
    """A gateway's block looked at. ``gateway`` is None where it cannot be made; with stand-ins for secrets that are
    absent it says what it can do, and nothing is sent through it. ``absent`` is what
    this machine lacks and another one may have: variables, entries of the keyring, key files, extras."""

    gateway: Gateway | None
    problems: tuple[Problem, ...]
    absent: tuple[Problem, ...] = ()


def used_gateways(loaded: LoadedCampaign, settings: LoadedSettings) -> dict[str, list[LoadedCampaign]]:
    """The gateways of a campaign in order, each with the campaign as the channels have it that go through it."""
    used: dict[str, list[LoadedCampaign]] = {}
    for view in loaded.views:
        for name in gateways_of_campaign(view, settings):
            used.setdefault(name, []).append(view)
    return used


def campaign_gateway_problems(loaded: LoadedCampaign, settings: LoadedSettings) -> list[Problem]:
    """All problems of the campaign's own gateways at once: errors that ``send`` would end with, and a warning for each
    secret that this machine does not have."""
    of_gateways = [
        problem
        for name, views in used_gateways(loaded, settings).items()
        for problem in gateway_problems(settings, name, views)
    ]
    return [*of_gateways, *route_problems(loaded, settings)]


def ascii_mailboxes(loaded: LoadedCampaign, settings: LoadedSettings) -> frozenset[str]:
    """The campaign's gateways for email that refuse addresses with letters beyond ASCII before the @."""
    emails = (view for view in loaded.views if channel_of(view.campaign.channel).kind is Kind.EMAIL)
    names = [
        name for view in emails for name in gateways_of_campaign(view, settings) if is_known(settings, name)
    ]
    found = {name: examined_gateway(settings, name).gateway for name in dict.fromkeys(names)}
    return frozenset(
        name for name, one in found.items() if one is not None and one.capabilities.ascii_mailboxes
    )


def route_problems(loaded: LoadedCampaign, settings: LoadedSettings) -> Iterator[Problem]:
    """The problems of the campaign's routes as such."""
    for view in loaded.views:
        yield from _route_delivery(view, settings)


def _route_delivery(loaded: LoadedCampaign, settings: LoadedSettings) -> Iterator[Problem]:
    """An error where some gateways of the campaign's route deliver messages and others do not: whoever goes by one of
    these would count as messaged. ``loaded`` is the campaign as one of its channels has it."""
    route = route_of_campaign(loaded, settings)
    if route is None:
        return
    instead: dict[str, str] = {}
    delivering: list[str] = []
    for name in route.gateways:
        gateway = examined_gateway(settings, name).gateway if is_known(settings, name) else None
        if gateway is None:  # which is told elsewhere
            continue
        can = gateway.capabilities
        if can.delivers:
            delivering.append(name)
        else:
            instead[name] = can.instead
    if instead and delivering:
        kept = ", ".join(f"{name} ({words})" for name, words in instead.items())
        message = f"the route '{route.name}' has gateways that deliver nothing beside {', '.join(delivering)}: {kept}"
        hint = "people whose messages go there would count as messaged; use such gateways alone"
        yield settings.problem(message, ("routes", route.name), hint=hint, code="route-delivery")


def check_gateways(loaded: LoadedCampaign, settings: LoadedSettings) -> None:
    """Raise ``InvalidInput`` for whatever keeps the campaign's gateways from sending, absent secrets included."""
    found = campaign_gateway_problems(loaded, settings)
    stops = [one for one in found if one.severity is Severity.ERROR or one.code in _ABSENT]
    if stops:
        raise InvalidInput(*in_file_order(replace(one, severity=Severity.ERROR) for one in stops))


def gateway_problems(
    settings: LoadedSettings,
    name: str,
    users: Sequence[LoadedCampaign] = (),
    environ: Mapping[str, str] | None = None,
) -> Iterator[Problem]:
    """The problems of one gateway. ``users`` is the campaign as each of its channels has it that goes through it."""
    if not is_known(settings, name):
        yield from (_unknown(user, settings, name) for user in users[:1])
        return
    found = examined_gateway(settings, name, environ)
    if users:  # without its secrets a gateway cannot send, which matters to those who send through it
        yield from (replace(problem, severity=Severity.WARNING) for problem in found.absent)
    yield from found.problems
    if OLD_CA in settings.settings.gateways.get(name, {}):
        yield replace(
            settings.problem(
                f"'{OLD_CA}' is called 'ca' now, as in all gateways; it still works",
                ("gateways", name, OLD_CA), code="renamed-key",
            ),
            severity=Severity.WARNING,
        )  # fmt: skip
    if found.gateway is None:
        return
    channels = found.gateway.capabilities.channels
    for user in users:
        channel = user.campaign.channel
        if channel not in channels:
            message = f"gateway '{name}' cannot send {channel}, only {', '.join(sorted(channels))}"
            hint = _channel_hint(found.gateway, channel)
            loc: tuple[str, ...] = ("channel",) if user.whole is None else ("channels", channel)
            loc = loc if user.document.has(loc) else loc[:1]
            yield user.document.problem(message, loc, hint=hint, code="channel")


def _channel_hint(gateway: Gateway, channel: str) -> str | None:
    """Return how the gateway's block can name the channel, if its type can send it."""
    model = getattr(gateway, "block_model", None)
    field = getattr(model, "model_fields", {}).get("channels")
    if field is None or f"'{channel}'" not in str(field.annotation):
        return None
    return f"its type can: name {channel} in `channels` of its block (a2pcli gateways show {gateway.name})"


def is_known(settings: LoadedSettings, name: str) -> bool:
    """Whether the settings have a gateway of this name, or it needs none."""
    return name in settings.settings.gateways or name in BUILT_IN_GATEWAYS


def _unknown(campaign: LoadedCampaign, settings: LoadedSettings, name: str) -> Problem:
    """A ``Problem`` that an unknown gateway is named, at the place where it is named."""
    problem = unknown_gateway(settings, name)
    if campaign.campaign.gateway is not None:
        loc: tuple[str, ...] = ("channels", campaign.campaign.channel, "gateway")
        loc = loc if campaign.document.has(loc) else ("gateway",)
        return campaign.document.problem(problem.message, loc, hint=problem.hint, code=problem.code)
    return settings.problem(problem.message, ("gateway",), hint=problem.hint, code=problem.code)


def examined_gateway(
    settings: LoadedSettings, name: str, environ: Mapping[str, str] | None = None
) -> Examined:
    """The gateway ``name`` of the settings, its files read. Raises ``InvalidInput`` for a ``.env`` that is none."""
    environ = settings.environ if environ is None else environ
    block = settings.settings.gateways.get(name, {})
    references: list[Problem] = []
    if settings.document is not None:
        references += environment.reference_problems(block, ("gateways", name), settings.document, environ)
    absent = tuple(problem for problem in references if problem.code in _ABSENT)
    wrong = tuple(problem for problem in references if problem.code not in _ABSENT)
    if wrong:  # what they should stand for is not known either
        return Examined(None, wrong, absent)
    unset = [one for one, there in environment.variables(block, environ).items() if not there]
    gateway, problems = _Trial(settings, name, block, environ, unset).result()
    problems = [at_gateway_key(settings, one) for one in problems]
    absent += tuple(one for one in problems if one.code in _ABSENT)
    return Examined(gateway, tuple(one for one in problems if one.code not in _ABSENT), absent)


class _Trial:
    """Makes a gateway of a block some of whose variables are not set."""

    def __init__(
        self,
        settings: LoadedSettings,
        name: str,
        block: Mapping[str, Any],
        environ: Mapping[str, str],
        unset: Sequence[str],
    ) -> None:
        self._settings, self._name, self._block = settings, name, dict(block)
        self._environ, self._unset = environ, unset

    def result(self) -> tuple[Gateway | None, list[Problem]]:
        """The gateway, and the problems that do not come of the stand-ins."""
        chosen = dict.fromkeys(self._unset, _STAND_INS[0])
        gateway, problems = self._made(chosen)
        for name in self._unset:
            for value in _STAND_INS:
                if not any(self._concerns(one, name) for one in problems):
                    break
                chosen[name] = value
                gateway, problems = self._made(chosen)
        if self._unset and any(self._is_of_the_whole(one) for one in problems):
            gateway, problems = self._fitting(chosen) or (gateway, problems)
        return gateway, [
            one for one in problems if not any(self._concerns(one, name) for name in self._unset)
        ]

    def _made(self, values: Mapping[str, str]) -> tuple[Gateway | None, Sequence[Problem]]:
        from a2pcli.gateways.base import ReadsFiles
        from a2pcli.gateways.registry import create

        filled = environment.filled(self._block, {**self._environ, **values})
        gateway = None
        try:
            gateway = create(self._name, {"type": self._name, **filled, "folder": self._settings.folder})
            if isinstance(gateway, ReadsFiles):
                gateway.read_files()
        except A2PError as error:
            return gateway, error.problems
        return gateway, ()

    def _concerns(self, problem: Problem, variable: str) -> bool:
        """Whether the problem is about a value that the variable is a part of."""
        found = re.match(rf"gateways\.{re.escape(self._name)}\.([^:]+): ", problem.message)
        value: Any = self._block
        for step in found[1].split(".") if found else ():
            if isinstance(value, list) and step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            elif isinstance(value, dict) and step in value:
                value = value[step]
        return found is not None and variable in environment.variables(value, {})

    def _is_of_the_whole(self, problem: Problem) -> bool:
        """Whether it is about keys that do not fit together."""
        return problem.message.startswith(f"gateways.{self._name}: ")

    def _fitting(self, chosen: Mapping[str, str]) -> tuple[Gateway | None, Sequence[Problem]] | None:
        """What is made with other values of the variables by which all keys fit together; None where none do."""
        tries = product(self._unset, _STAND_INS)
        for (name, value), _ in zip(tries, range(_MOST_TRIES), strict=False):
            gateway, problems = self._made({**chosen, name: value})
            if not any(self._is_of_the_whole(one) or self._concerns(one, name) for one in problems):
                return gateway, problems
        return None
