"""What ``a2pcli gateways`` does: the list, and the test of one."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Any

from a2pcli.cli.gateway_lines import Line, gateway_lines
from a2pcli.cli.ledger_option import settings_from
from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.output import print_json, say, show
from a2pcli.cli.terminal.problems import show_problems
from a2pcli.config.load import BUILT_IN_GATEWAYS, LoadedSettings, at_gateway_key, gateway_settings
from a2pcli.dataclass import dataclass
from a2pcli.errors import GatewayUnusable, InvalidInput, Problem, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.gateways.base import Capabilities, Gateway, Health
from a2pcli.gateways.registry import BUILT_IN, available, create
from a2pcli.messages import Message, Outcome, Verdict

LONGEST_WAIT = 120.0
"""Seconds that one message of a test may take."""


def list_gateways(*, as_json: bool) -> ExitStatus:
    """Print the list; the problems of wrong settings go to stderr."""
    settings = settings_from(Path.cwd())
    lines = list(gateway_lines(settings))
    if as_json:
        print_json(_document(settings, lines))
    else:
        from a2pcli.cli.screens.gateways import gateways_screen

        show(gateways_screen(lines, settings.path))
    wrong = [problem for line in lines if not line.missing for problem in line.problems]
    show_problems(wrong)
    return ExitStatus.INVALID if wrong else ExitStatus.OK


def _document(settings: LoadedSettings, lines: list[Line]) -> dict[str, Any]:
    return {
        "settings": str(settings.path) if settings.path else None,
        "default": settings.settings.gateway,
        "gateways": [
            {
                "name": line.name,
                "type": line.type,
                "default": line.is_default,
                "configured": line.is_configured,
                "ready": line.state == "ready",
                "variables": dict(line.variables),
                "capabilities": _shown(line.capabilities),
                "rate": line.rate,
                "sender": line.sender,
                "problems": [str(problem) for problem in line.problems],
            }
            for line in lines
        ],
        "types": [asdict(one) for one in available()],
    }


def _shown(capabilities: Capabilities | None) -> dict[str, Any] | None:
    if capabilities is None:
        return None
    return asdict(capabilities) | {"channels": sorted(capabilities.channels)}


@dataclass(frozen=True, slots=True)
class GatewayTest:
    """What ``gateways test`` was asked."""

    name: str
    to: str | None
    text: str
    sender: str | None
    yes: bool
    as_json: bool


def tried(asked: GatewayTest) -> ExitStatus:
    """Check the gateway, and send one message if a number was given."""
    settings = settings_from(Path.cwd())
    gateway = _gateway(settings, asked.name)
    message = _message(settings, asked) if asked.to is not None else None
    if message is not None:
        _ask(asked, message, gateway.capabilities)
    health, outcome = asyncio.run(_try(gateway, message))
    ok = health.ok and (outcome is None or outcome.verdict is Verdict.ACCEPTED)
    if asked.as_json:
        print_json(_result(asked.name, ok, health, message, outcome, gateway.capabilities))
    else:
        print(f"{asked.name}: {'ok' if health.ok else 'failed'}: {health.detail}")
        if outcome is not None and message is not None:
            print(f"{asked.name}: test message {_became(outcome, gateway.capabilities)}")
    if not ok:
        say(f"gateway {asked.name} cannot be used as it is")
    return ExitStatus.OK if ok else ExitStatus.GATEWAY


def _gateway(settings: LoadedSettings, name: str) -> Gateway:
    """The gateway. A type that needs no settings can be tested by its own name."""
    only_a_type = (
        name not in settings.settings.gateways and name not in BUILT_IN_GATEWAYS and name in BUILT_IN
    )
    try:
        if only_a_type:
            return create(name, {"type": name, "folder": settings.folder})
        return create(name, gateway_settings(settings, name))
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


def _message(settings: LoadedSettings, asked: GatewayTest) -> Message:
    from a2pcli.contacts.phones import PhonePolicy, normalise
    from a2pcli.content.encoding import InvalidText, measure, prepare

    numbers = settings.settings.numbers
    policy = PhonePolicy(settings.settings.region, numbers.allow_fictional, numbers.allow_fixed_line)
    mine = normalise(asked.to or "", policy)
    if mine.number is None:
        raise UsageError(f"--to {asked.to}: {mine.reason}" + (f" ({mine.detail})" if mine.detail else ""))
    text = prepare(asked.text)
    try:
        parts = measure(text).parts
    except InvalidText as error:
        raise UsageError(f"--text: {error}") from None
    return Message(
        id=0,
        reference=f"test-{secrets.token_hex(6)}",
        to=mine.number,
        body=text,
        sender=asked.sender,
        country=mine.country,
        parts=parts,
    )


def _ask(asked: GatewayTest, message: Message, can: Capabilities) -> None:
    if asked.yes:
        return
    parts = "1 part" if message.parts == 1 else f"{message.parts} parts"
    question = f"Send one test message ({parts}) to {message.to} through {asked.name}?"
    if not can.delivers:
        question = f"Hand one test message ({parts}) to {asked.name} ({can.instead}, not sent)?"
    confirm(question, refused="nothing was sent", without_terminal="--yes sends the test")


async def _try(gateway: Gateway, message: Message | None) -> tuple[Health, Outcome | None]:
    """What the check says, and what became of the message; it is not sent where the check fails."""
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


def _result(
    name: str,
    ok: bool,
    health: Health,
    message: Message | None,
    outcome: Outcome | None,
    can: Capabilities,
) -> dict[str, Any]:
    sent = None
    if message is not None and outcome is not None:
        sent = {
            "to": message.to,
            "reference": message.reference,
            "verdict": outcome.verdict,
            "gateway_id": outcome.gateway_id,
            "code": outcome.code,
            "detail": outcome.detail,
        }
    delivery = {"delivers": can.delivers, "instead": can.instead or None}
    return {"name": name, "ok": ok, **delivery, "check": asdict(health), "message": sent}


def _became(outcome: Outcome, can: Capabilities) -> str:
    if outcome.verdict is Verdict.ACCEPTED and not can.delivers:
        return f"{can.instead}; nothing was sent"
    if outcome.verdict is Verdict.ACCEPTED:
        return f"accepted ({outcome.gateway_id})" if outcome.gateway_id else "accepted"
    word = str(outcome.verdict).replace("_", " ")
    return f"{word}: {outcome.detail} ({outcome.code})"
