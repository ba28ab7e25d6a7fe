"""``a2pcli otp``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli.options import Json, Ledger

if TYPE_CHECKING:
    from a2pcli.actions.otp import OtpResult

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="Phone number or other address.")]
Use = Annotated[
    str, typer.Option("--for", metavar="NAME", help="What the code is for: it is valid for this use only.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(otp)
    commands.command("send")(send)
    commands.command("verify")(verify)
    app.add_typer(commands, name="otp")


def otp() -> None:
    """Send one-time passwords, and verify the codes that people enter.

    Only an HMAC of a code is stored. The limits for each address and the guard against SMS pumping hold for all
    processes together; see `otp:` in the settings.

    Example:  a2pcli otp send '+44 7911 123456'
    """


def send(
    address: AddressArgument,
    use: Use = "login",
    language: Annotated[
        str | None, typer.Option(metavar="de", help="Language of the text, if the settings have it.")
    ] = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Send a code. A new code replaces the previous one.

    Example:  a2pcli otp send '+44 7911 123456' --for login

    Exit status: 0 sent, 5 the gateway did not take the message, 6 refused by a limit (the message says which).
    """
    from a2pcli.actions.otp import send_code
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.cli.terminal.problems import show_problems

    result = send_code(project_at(ledger), address, use=use, language=language, warn=show_problems)
    if as_json:
        print_json(_document(result))
    elif result.code is not None:
        certain = "sent" if result.is_certain else "may have been sent: the gateway's answer was lost"
        until, again = _time(result.code.expires_at), _time(result.code.next_at)
        say(f"code {certain}; it is valid until {until}; another can be sent from {again}")
    if result.code is None:
        raise _refusal(result)


def verify(
    address: AddressArgument,
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="[CODE]", help="The code as entered. Default: asks for it, or reads it from stdin."
        ),
    ] = None,
    use: Use = "login",
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Check whether a code is the one that was sent. A code is accepted once.

    Example:  a2pcli otp verify '+44 7911 123456' 491823

              echo 491823 | a2pcli otp verify '+44 7911 123456'

    Exit status: 0 verified, 6 not verified (the message says why).
    """
    from a2pcli.actions.otp import verify_code
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.errors import Refused

    entered = code if code is not None else _entered()
    found = verify_code(project_at(ledger), address, entered, use=use)
    if as_json:
        print_json(
            {"verified": found.is_verified, "result": found.result, "attempts_left": found.attempts_left}
        )
    elif found.is_verified:
        say("verified")
    if not found.is_verified:
        raise Refused(WORDS[found.result].format(found.attempts_left))


WORDS = {
    "wrong": "wrong code; attempts left: {}",
    "expired": "the code has expired: send a new one",
    "void": "too many wrong codes were entered: this code is void",
    "used": "this code was used already: send a new one",
    "none": "no code was sent to this address for this use",
}


def _entered() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Code", err=True))
    return sys.stdin.readline(1000)


def _document(result: OtpResult) -> dict[str, Any]:
    from a2pcli.reporting.values import iso

    code = result.code
    return {
        "sent": code is not None,
        "certain": result.is_certain,
        "id": None if code is None else code.id,
        "expires_at": None if code is None else iso(code.expires_at),
        "next_at": iso(code.next_at)
        if code is not None
        else None
        if result.until is None
        else iso(result.until),
        "attempts_left": 0 if code is None else code.attempts_left,
        "reason": result.reason,
    }


def _refusal(result: OtpResult) -> Exception:
    from a2pcli.errors import GatewayUnusable, Problem, Refused

    detail = f" ({result.detail})" if result.detail else ""
    hint = None if result.until is None else f"another can be sent from {_time(result.until)}"
    problem = Problem(f"no code was sent: {result.sentence}{detail}", hint=hint, code=result.reason or "")
    return GatewayUnusable(problem) if result.reason == "gateway" else Refused(problem)


def _time(moment: int) -> str:
    """A moment to the second in this machine's time, with its date unless that is today's."""
    from datetime import datetime

    from a2pcli.moments import zone_name

    at = datetime.fromtimestamp(moment / 1000).astimezone()
    date = "" if at.date() == datetime.now().astimezone().date() else f"{at:%Y-%m-%d} "
    return f"{date}{at:%H:%M:%S} {zone_name(moment)}"
