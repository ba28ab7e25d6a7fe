"""``a2pcli gateways``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli import options
from a2pcli.cli.commands.gateway_guides import add_gateway, show_gateway

if TYPE_CHECKING:
    from a2pcli.actions.gateways import Capabilities, GatewayCheck, GatewayLine
    from a2pcli.actions.routes import RouteLine
    from a2pcli.config.load import LoadedSettings
    from a2pcli.messages import Message, Outcome


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(invoke_without_command=True, no_args_is_help=False, rich_markup_mode=None)
    commands.callback()(gateways)
    commands.command("test")(try_gateway)
    commands.command("show")(show_gateway)
    commands.command("add")(add_gateway)
    app.add_typer(commands, name="gateways")


def gateways(
    context: typer.Context,
    as_json: options.Json = False,
) -> None:
    """List the configured gateways and routes, what each can do, and the available types.

    Secrets are never shown, only whether they are set.

    Example:  a2pcli gateways

              a2pcli gateways test live --to '+44 7911 123456'

              a2pcli gateways show twilio

    Exit status: 0, or 3 if a gateway's settings are invalid.
    """
    if context.invoked_subcommand is not None:
        return
    from a2pcli.actions.gateways import gateway_lines
    from a2pcli.actions.routes import route_lines
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, show
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus

    settings = project_at(None).settings()
    lines, routes = list(gateway_lines(settings)), list(route_lines(settings))
    if as_json:
        print_json(_document(settings, lines, routes))
    else:
        from a2pcli.cli.screens.gateways import gateways_screen

        show(gateways_screen(lines, routes, settings.path))
    wrong = [problem for line in lines if not line.missing for problem in line.problems]
    show_problems([*wrong, *(one for line in lines for one in line.warnings)])
    raise typer.Exit(ExitStatus.INVALID if wrong else ExitStatus.OK)


def _document(settings: LoadedSettings, lines: list[GatewayLine], routes: list[RouteLine]) -> dict[str, Any]:
    from dataclasses import asdict

    from a2pcli.actions.gateways import gateway_types

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
                "quotas": list(line.quotas),
                "sender": line.sender,
                "problems": [str(problem) for problem in line.problems],
            }
            for line in lines
        ],
        "routes": [
            {"default": one.is_default, **one.route.document(), "rules_in_words": dict(one.rules)}
            for one in routes
        ],
        "types": [asdict(one) for one in gateway_types()],
    }


def _shown(capabilities: Capabilities | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    if capabilities is None:
        return None
    return asdict(capabilities) | {"channels": sorted(capabilities.channels)}


def try_gateway(
    name: Annotated[str, typer.Argument(help="Gateway name in a2pcli.yaml.", metavar="NAME")],
    to: Annotated[
        str | None,
        typer.Option(
            help="Also send one test message to this number (or address, or chat id).", metavar="NUMBER"
        ),
    ] = None,
    text: Annotated[
        str, typer.Option(help="Text of the test message.")
    ] = "This is a test message from a2pcli. No action needed.",
    sender: Annotated[str | None, typer.Option(help="Sender number or name. Default: the gateway's.")] = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Test a gateway's credentials and connection. Sends nothing, unless --to is given.

    Example:  a2pcli gateways test live

              a2pcli gateways test live --to '+44 7911 123456' --yes

    Exit status: 0 it works, 3 its settings are invalid, 5 it is unavailable, 6 not confirmed.
    """
    from a2pcli.actions.gateways import check_gateway
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, result_of_what_is_done, say
    from a2pcli.errors import ExitStatus

    def confirm(message: Message, can: Capabilities) -> None:
        if not yes:
            _ask(name, message, can)

    done = check_gateway(project_at(None), name, to=to, text=text, sender=sender, confirm=confirm)
    with result_of_what_is_done():
        if as_json:
            print_json(_result(done))
        else:
            print(f"{name}: {'ok' if done.health.ok else 'failed'}: {done.health.detail}")
            if done.outcome is not None:
                print(f"{name}: test message {_became(done.outcome, done.can)}")
    if not done.ok:
        say(f"gateway {name} cannot be used")
    raise typer.Exit(ExitStatus.OK if done.ok else ExitStatus.GATEWAY)


def _ask(name: str, message: Message, can: Capabilities) -> None:
    from a2pcli.cli.terminal.output import confirm

    parts = "1 part" if message.parts == 1 else f"{message.parts} parts"
    question = f"Send one test message ({parts}) to {message.to} via {name}?"
    if not can.delivers:
        question = f"Pass one test message ({parts}) to {name} ({can.instead}, not sent)?"
    confirm(question, refused="nothing was sent", without_terminal="use --yes to skip confirmation")


def _result(done: GatewayCheck) -> dict[str, Any]:
    from dataclasses import asdict

    sent = None
    if done.message is not None and done.outcome is not None:
        sent = {
            "to": done.message.to,
            "reference": done.message.reference,
            "verdict": done.outcome.verdict,
            "gateway_id": done.outcome.gateway_id,
            "code": done.outcome.code,
            "detail": done.outcome.detail,
        }
    delivery = {"delivers": done.can.delivers, "instead": done.can.instead or None}
    return {"name": done.name, "ok": done.ok, **delivery, "check": asdict(done.health), "message": sent}


def _became(outcome: Outcome, can: Capabilities) -> str:
    from a2pcli.messages import Verdict

    if outcome.verdict is Verdict.ACCEPTED and not can.delivers:
        return f"{can.instead}; nothing was sent"
    if outcome.verdict is Verdict.ACCEPTED:
        return f"accepted ({outcome.gateway_id})" if outcome.gateway_id else "accepted"
    word = str(outcome.verdict).replace("_", " ")
    return f"{word}: {outcome.detail} ({outcome.code})"
