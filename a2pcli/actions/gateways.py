"""The gateways in the settings: the list, mistakes with their place in the file, and a test of one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from a2pcli.actions.gateway_check import examined_gateway, is_known
from a2pcli.config.load import BUILT_IN_GATEWAYS, LoadedSettings, at_gateway_key, gateway_settings
from a2pcli.dataclass import dataclass
from a2pcli.errors import (
    A2PError,
    GatewayUnusable,
    InvalidInput,
    Problem,
    Refused,
    Severity,
    UsageError,
    in_file_order,
)
from a2pcli.messages import Message, Outcome, Verdict

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.gateways.base import Capabilities as Capabilities
    from a2pcli.gateways.base import Gateway, Health
    from a2pcli.gateways.registry import Available
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger

LONGEST_WAIT = 120.0
"""Seconds that one message of a test may take."""


def configured_gateway(settings: LoadedSettings, name: str) -> Gateway:
    """The gateway ``name``, not opened yet. Its settings and files are read and its secrets filled in now. Raises with
    everything that is wrong with the block where a secret is missing, too."""
    try:
        block = gateway_settings(settings, name)
    except InvalidInput as error:
        more = examined_gateway(settings, name).problems if is_known(settings, name) else ()
        raise InvalidInput(*in_file_order(dict.fromkeys([*error.problems, *more]))) from error
    try:
        return _made(name, block)
    except A2PError as error:
        raise type(error)(*(at_gateway_key(settings, problem) for problem in error.problems)) from error


def _made(name: str, block: Mapping[str, Any]) -> Gateway:
    """The gateway of a block, its files read: what is wrong with one is told at its line, before it opens."""
    from a2pcli.gateways.base import ReadsFiles
    from a2pcli.gateways.registry import create

    gateway = create(name, block)
    if isinstance(gateway, ReadsFiles):
        gateway.read_files()
    return gateway


NamesByChannel = Mapping[str, Sequence[str]]
"""The gateways that messages of each channel may go by: of a route all, the channel's own first."""


def gateways_together(settings: LoadedSettings, by_channel: NamesByChannel) -> Gateway:
    """The gateways named for each channel, not opened yet: the one, where there is one, else all of them as one.
    Raises with the problems of all of them."""
    made: dict[str, Gateway] = {}
    errors: list[A2PError] = []
    for name in _names(by_channel):
        try:
            made[name] = configured_gateway(settings, name)
        except A2PError as error:
            errors.append(error)
    if errors:
        raise type(errors[0])(*(problem for error in errors for problem in error.problems)) from errors[0]
    return _together(by_channel, made)


def _names(by_channel: NamesByChannel) -> list[str]:
    return list(dict.fromkeys(name for names in by_channel.values() for name in names))


def _together(by_channel: NamesByChannel, made: Mapping[str, Gateway]) -> Gateway:
    from a2pcli.gateways.by_channel import GatewayByChannel

    if len(by_channel) == 1 and len(made) == 1:
        return next(iter(made.values()))
    return GatewayByChannel(
        {channel: made[names[0]] for channel, names in by_channel.items()}, list(made.values())
    )


def run_gateway(settings: LoadedSettings, run: Run) -> Gateway:
    """What the run is sent through, as it was planned."""
    from a2pcli.ledger.alternatives import names_by_channel

    return gateways_together(settings, names_by_channel(run))


def delivery_of(gateway: Gateway) -> dict[str, Any]:
    """What a plan keeps of its gateway: whether messages leave this machine, and what becomes of them if not. Where
    only some of its channels' gateways deliver, ``instead_by_channel`` says it of the others."""
    from a2pcli.gateways.by_channel import GatewayByChannel

    can = gateway.capabilities
    if not can.delivers:
        return {"delivers": False, "instead": can.instead}
    if not isinstance(gateway, GatewayByChannel):
        return {"delivers": True}
    others = {
        channel: one.capabilities.instead
        for channel, one in gateway.by_channel.items()
        if not one.capabilities.delivers
    }
    return {"delivers": True, "instead_by_channel": others} if others else {"delivers": True}


def known_delivery(settings: LoadedSettings, by_channel: NamesByChannel) -> dict[str, Any]:
    """The same for the gateways named for each channel, without their secrets; nothing where one cannot be made."""
    names = _names(by_channel)
    found = {name: examined_gateway(settings, name).gateway for name in names if is_known(settings, name)}
    made = {name: gateway for name, gateway in found.items() if gateway is not None}
    return delivery_of(_together(by_channel, made)) if len(made) == len(names) else {}


def check_delivery(run: Run, gateway: Gateway) -> None:
    """Refuse a plan whose gateway delivers now and did not when it was planned, or the other way round: who approved
    it was told otherwise. Raises ``Refused``."""
    planned = run.sending.get("delivers")
    if planned is None or planned == gateway.capabilities.delivers:
        return
    then, now = ("delivered", "delivers nothing") if planned else ("delivered nothing", "delivers")
    raise Refused(
        Problem(
            f"gateway {gateway.name} {now}, and {then} when run {run.id} was planned",
            hint=f"plan again (a2pcli cancel {run.id} cancels the rest), or change the gateway back",
            code="gateway-changed",
        )
    )


@dataclass(frozen=True, slots=True)
class GatewayLine:
    """One gateway that a campaign can name. ``capabilities`` is None where it cannot be made as things are."""

    name: str
    type: str
    is_default: bool
    is_configured: bool
    variables: Mapping[str, bool]
    capabilities: Capabilities | None
    rate: str | None
    quotas: tuple[str, ...]
    sender: str | None
    problems: tuple[Problem, ...]

    @property
    def missing(self) -> list[str]:
        """The variables it needs that the environment does not have."""
        return [name for name, is_there in self.variables.items() if not is_there]

    @property
    def warnings(self) -> list[Problem]:
        """Why the keyring does not give what the gateway needs: there are more reasons than that it is not set."""
        return [
            replace(one, severity=Severity.WARNING) for one in self.problems if one.code == "missing-secret"
        ]

    @property
    def state(self) -> str:
        """Whether the gateway is ready, in a few words."""
        if self.missing:
            # A keyring has its own reasons, which are told as problems.
            word = "not available" if any(":" in name for name in self.missing) else "not set"
            return f"{', '.join(self.missing)} {word}"
        return "invalid settings" if self.problems else "ready"


def gateway_types() -> list[Available]:
    """The types that are installed, built in or by a plugin."""
    from a2pcli.gateways.registry import available

    return list(available())


def gateway_lines(settings: LoadedSettings) -> Iterator[GatewayLine]:
    """The configured gateways in file order, then the built-in ones that need no settings."""
    default = settings.settings.gateway
    for name, block in settings.settings.gateways.items():
        yield _line(settings, name, block, default)
    for name in BUILT_IN_GATEWAYS:
        if name not in settings.settings.gateways:
            yield _line(settings, name, None, default)


def _line(settings: LoadedSettings, name: str, block: Mapping[str, Any] | None, default: str) -> GatewayLine:
    from a2pcli.config.environment import variables
    from a2pcli.gateways.registry import create

    named = variables(block, settings.environ) if block is not None else {}
    gateway: Gateway | None = None
    problems: tuple[Problem, ...] = ()
    try:
        gateway = create(name, gateway_settings(settings, name))
    except A2PError as error:
        problems = tuple(at_gateway_key(settings, problem) for problem in error.problems)
    given = block or {}
    return GatewayLine(
        name=name,
        type=str(given.get("type") or name),
        is_default=name == default,
        is_configured=block is not None,
        variables=named,
        capabilities=gateway.capabilities if gateway else None,
        # As written: a value out of the environment is not shown, whatever it is.
        rate=_text(given.get("rate")),
        quotas=_listed(given.get("quota")),
        sender=_text(given.get("sender")),
        problems=problems,
    )


def _listed(value: Any) -> tuple[str, ...]:
    """One text or several, as written."""
    return tuple(one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class GatewayCheck:
    """What a gateway said to a check, and of a test message, where one was sent."""

    name: str
    can: Capabilities
    health: Health
    message: Message | None = None
    outcome: Outcome | None = None

    @property
    def ok(self) -> bool:
        """Whether the settings are complete, so that the gateway can be used."""
        return self.health.ok and (self.outcome is None or self.outcome.verdict is Verdict.ACCEPTED)


def check_gateway(
    project: Project,
    name: str,
    *,
    to: str | None = None,
    text: str = "",
    sender: str | None = None,
    confirm: Callable[[Message, Capabilities], None] = lambda message, can: None,
) -> GatewayCheck:
    """Check a gateway, and hand it one message where a number is given; ``confirm`` gets that before it leaves.

    A type that needs no settings can be tested by its own name. A message that was sent
    counts in the quotas of the account and the sender; nothing else is kept.
    """
    import asyncio

    settings = project.settings()
    gateway = _named_gateway(settings, name)
    message = None if to is None else _test_message(settings, gateway.capabilities.channels, to, text, sender)
    if message is not None:
        confirm(message, gateway.capabilities)
    health, outcome = asyncio.run(_try(gateway, message))
    if message is not None and outcome is not None and outcome.verdict is not Verdict.NOT_SENT:
        _count(project, settings, name, message)
    return GatewayCheck(name, gateway.capabilities, health, message, outcome)


def _count(project: Project, settings: LoadedSettings, name: str, message: Message) -> None:
    """Count the message in the quotas that there are."""
    from a2pcli.actions.capacity import quotas_of_test
    from a2pcli.ledger.records import now_ms

    shared = quotas_of_test(settings, name, message)
    if shared:
        with project.open_ledger() as ledger:
            ledger.quotas.count_test(shared, message.parts, now_ms())


def _named_gateway(settings: LoadedSettings, name: str) -> Gateway:
    """The gateway. A type that needs no settings can be tested by its own name."""
    from a2pcli.gateways.registry import BUILT_IN

    only_a_type = (
        name not in settings.settings.gateways and name not in BUILT_IN_GATEWAYS and name in BUILT_IN
    )
    try:
        if only_a_type:
            return _made(name, {"type": name, "folder": settings.folder})
        return _made(name, gateway_settings(settings, name))
    except InvalidInput as error:
        if only_a_type:
            raise InvalidInput(_not_configured(settings, name)) from None
        raise InvalidInput(*(at_gateway_key(settings, problem) for problem in error.problems)) from None


def _not_configured(settings: LoadedSettings, name: str) -> Problem:
    """The problem of a type that needs settings and has none."""
    return settings.problem(
        f"gateway '{name}' is not configured",
        ("gateways",),
        hint=f"describe it in a2pcli.yaml under gateways: `{name}:`; docs/gateways.md shows its keys",
        code="gateway-not-configured",
    )


def _test_message(
    settings: LoadedSettings, channels: Collection[str], to: str, text: str, sender: str | None
) -> Message:
    """A message by SMS, or by the first of the gateway's other channels. Raises ``UsageError`` for an address that is
    none of that channel's."""
    import secrets

    from a2pcli.addresses.any_address import read_address
    from a2pcli.addresses.kinds import Kind
    from a2pcli.addresses.phone.numbers import PhonePolicy
    from a2pcli.channels import CHANNELS, DEFAULT
    from a2pcli.content.encoding import InvalidText, measure, prepare

    channel = next((one for one in CHANNELS.values() if one.name in channels), CHANNELS[DEFAULT])
    numbers = settings.settings.numbers
    policy = PhonePolicy(settings.settings.region, numbers.allow_fictional, numbers.allow_fixed_line)
    mine = read_address(to, channel.kind, policy, channel.network)
    if mine.address is None:
        raise UsageError(f"--to {to}: {mine.reason}" + (f" ({mine.detail})" if mine.detail else ""))
    text = prepare(text)
    try:
        parts = measure(text).parts if channel.parts else 1
    except InvalidText as error:
        raise UsageError(f"--text: {error}") from None
    return Message(
        id=0,
        reference=f"test-{secrets.token_hex(6)}",
        to=mine.spelling or mine.address,
        body=text,
        channel=channel.name,
        sender=sender,
        country=mine.country,
        parts=parts,
        content={"subject": "Test"} if channel.kind is Kind.EMAIL else None,
    )


async def _try(gateway: Gateway, message: Message | None) -> tuple[Health, Outcome | None]:
    """What the check says, and what became of the message; it is not sent where the check fails."""
    import asyncio

    from a2pcli.gateways.base import Health

    try:
        await gateway.open()
    except GatewayUnusable as error:
        return Health(False, error.problems[0].message), None
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            health = await gateway.check()
            if message is None or not health.ok:
                return health, None
        async with asyncio.timeout(LONGEST_WAIT):
            (outcome,) = await gateway.submit([message])
            return health, outcome
    except TimeoutError:
        return Health(False, f"no answer within {LONGEST_WAIT:.0f} seconds"), None
    finally:
        await gateway.close()


def check_gateway_named(project: Project, ledger: Ledger | None, gateway: str | None) -> None:
    """Raise ``UsageError`` for a gateway that is neither in the settings nor was ever sent through."""
    import difflib

    if gateway is None:
        return
    known = set(project.settings().settings.gateways) | {"outbox", "console"}
    if ledger is not None:
        known |= ledger.receipts.gateways()
    if gateway not in known:
        near = difflib.get_close_matches(gateway, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
        raise UsageError(Problem(f"--gateway {gateway}: there is no such gateway", hint=hint))
