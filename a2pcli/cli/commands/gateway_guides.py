"""``a2pcli gateways show`` and ``a2pcli gateways add``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.gateway_guides import GatewayAdded, GatewayShown


def show_gateway(
    name: Annotated[str, typer.Argument(help="Gateway name in a2pcli.yaml, or a type.", metavar="NAME")],
    as_json: options.Json = False,
) -> None:
    """Show what a gateway can do, its settings with an example, and its limits.

    Example:  a2pcli gateways show twilio

    Exit status: 0, 2 if there is no such gateway or type, 3 if the gateway's settings are invalid.
    """
    from a2pcli.actions.gateway_guides import show_gateway
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, show
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus

    shown = show_gateway(project_at(None).settings(), name)
    if as_json:
        print_json(_document(name, shown))
    else:
        from a2pcli.cli.screens.gateway_guide import gateway_screen

        show(gateway_screen(shown))
    line = shown.line
    wrong = line.problems if line and not line.missing else ()
    show_problems([*wrong, *(line.warnings if line else ())])
    raise typer.Exit(ExitStatus.INVALID if wrong else ExitStatus.OK)


def _document(name: str, shown: GatewayShown) -> dict[str, Any]:
    from dataclasses import asdict

    guide, line, can = shown.guide, shown.line, shown.capabilities
    return {
        "name": name,
        "type": guide.type,
        "summary": guide.summary,
        "configured": line is not None and line.is_configured,
        "place": shown.place,
        "capabilities": asdict(can) | {"channels": sorted(can.channels)} if can else None,
        "keys": [
            {
                "key": key.path,
                "type": key.type,
                "required": key.default is None,
                "default": key.default or None,
                "meaning": key.meaning,
                "shared": key.shared,
            }
            for key in guide.keys
        ],
        "example": guide.block() if guide.example else "",
        "variables": dict(shown.variables),
        "limits": list(guide.limits),
        "docs": guide.docs,
        "problems": [str(problem) for problem in line.problems] if line else [],
    }


def add_gateway(
    kind: Annotated[str, typer.Argument(help="Gateway type; `a2pcli gateways` lists them.", metavar="TYPE")],
    name: Annotated[
        str | None, typer.Option(help="Name of the block. Default: the type.", metavar="NAME")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Add a commented block for a gateway to a2pcli.yaml, and say which secrets it needs.

    The rest of the file stays as it is. Secrets are written as ${NAME}, never as values.

    Example:  a2pcli gateways add twilio

              a2pcli gateways add vonage --name uk

    Exit status: 0, 2 for an unknown type, 3 if there is such a block already.
    """
    from a2pcli.actions.gateway_guides import add_gateway
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json

    added = add_gateway(project_at(None), kind, name)
    if as_json:
        print_json(
            {
                "name": added.name,
                "type": added.type,
                "file": str(added.path),
                "created": added.created,
                "block": added.block,
                "variables": dict(added.variables),
                "docs": added.docs,
            }
        )
        return
    _say(added)


def _say(added: GatewayAdded) -> None:
    where = f"{added.path} (new file)" if added.created else str(added.path)
    print(f"gateway {added.name} added to {where}:\n")
    print("".join(f"  {line}\n" for line in added.block.splitlines()))
    print("Next:")
    print(f"  edit the example values in {added.path.name}")
    unset = [name for name, there in added.variables.items() if not there]
    if unset:
        print(f"  put into .env beside {added.path.name}, or into the environment:")
        for name in unset:
            print(f"    {name}=...")
    for name in added.variables:
        if name not in unset:
            print(f"  {name} is set already: check that it is meant for this gateway")
    print(f"  a2pcli gateways test {added.name}")
