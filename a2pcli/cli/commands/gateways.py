"""``a2pcli gateways``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.terminal.output import JSON_HELP


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(invoke_without_command=True, no_args_is_help=False, rich_markup_mode=None)
    commands.callback()(gateways)
    commands.command("test")(try_gateway)
    app.add_typer(commands, name="gateways")


def gateways(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """List the gateways that are configured, what each can do, and the types there are.

    Secrets are never shown, only whether the environment has them.

    Example:  a2pcli gateways

              a2pcli gateways test live --to '+44 7911 123456'

    Exit status: 0, or 3 where a gateway's settings are wrong.
    """
    if context.invoked_subcommand is not None:
        return
    from a2pcli.cli.gateway_listing import list_gateways

    raise typer.Exit(list_gateways(as_json=as_json))


def try_gateway(
    name: Annotated[str, typer.Argument(help="A gateway's name in a2pcli.yaml.", metavar="NAME")],
    to: Annotated[
        str | None, typer.Option(help="Also send one test message to this number.", metavar="NUMBER")
    ] = None,
    text: Annotated[
        str, typer.Option(help="What the test message says.")
    ] = "This is a test message from a2pcli. Nothing to do.",
    sender: Annotated[
        str | None, typer.Option(help="Number or name it comes from; else the gateway's.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before sending.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Prove a gateway's credentials and that it can be reached. Sends nothing, unless given a number.

    Example:  a2pcli gateways test live

              a2pcli gateways test live --to '+44 7911 123456' --yes

    Exit status: 0 it works, 3 its settings are wrong, 5 it cannot be used, 6 refused.
    """
    from a2pcli.cli.gateway_listing import GatewayTest, tried

    raise typer.Exit(tried(GatewayTest(name, to, text, sender, yes, as_json)))
