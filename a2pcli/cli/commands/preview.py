"""``a2pcli preview``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from a2pcli.actions.plans import Previewed, PreviewedRow


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("preview")(preview)


def preview(
    campaign: options.Campaign,
    contact: Annotated[
        str | None, typer.Option(help="Show the rows with this number.", metavar="NUMBER")
    ] = None,
    row: Annotated[
        int | None, typer.Option(min=1, help="Show the row at this line of the file.", metavar="LINE")
    ] = None,
    random: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Show N random recipients.", metavar="N")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed picks the same recipients.", metavar="N")] = 0,
    longest: Annotated[bool, typer.Option("--longest", help="Show the longest message.")] = False,
    costliest: Annotated[bool, typer.Option("--costliest", help="Show the most expensive message.")] = False,
    channel: Annotated[
        str | None, typer.Option(help="Show only the message by this channel.", metavar="NAME")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the message in the browser.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the message to FILE as HTML.", metavar="FILE")
    ] = None,
    ledger: options.Ledger = None,
    as_json: options.Json = False,
) -> None:
    """Show messages as recipients will see them, with encoding, parts and price.

    Nothing is stored or sent. By default it shows the first recipient. For an excluded row it shows the reason. In a
    campaign of several channels it shows the message by the chosen channel, then those by the others.

    Example:  a2pcli preview campaigns/spring_sale.yaml --random 3 --seed 7
    """
    from a2pcli.actions import plans
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say, show
    from a2pcli.errors import UsageError

    if sum([contact is not None, row is not None, random is not None, longest, costliest]) > 1:
        raise UsageError("use only one of --contact, --row, --random, --longest and --costliest")
    choice = plans.Choice(contact, row, random, seed, longest, costliest)
    found = plans.preview(project_at(ledger, campaign), campaign, choice, channel)
    if open_page or out is not None:
        from a2pcli.actions.pages import write_page

        page = write_page(found, campaign, out)
        say(f"written: {page}")
        if open_page:
            import webbrowser

            if not webbrowser.open(page.absolute().as_uri()):
                say("no browser can be started here: open that file in one")
    if as_json:
        rows = [_with_versions(one, found.senders) for one in found.rows]
        print_json({"campaign": found.campaign, "rows": rows})
        return
    if not found.rows:
        raise UsageError(_nothing(contact, row, costliest))
    for one in found.rows:
        show(_screens(one, found))


def _nothing(contact: str | None, row: int | None, costliest: bool) -> str:
    if contact is not None:
        return f"no row in the contacts has the number {contact}"
    if row is not None:
        return f"no contact starts at line {row}"
    if costliest:
        return "no message has a known price"
    return "no recipients; `a2pcli plan` shows why"


def _with_versions(one: PreviewedRow, senders: Mapping[str, str | None]) -> dict[str, Any]:
    versions = [_document(version, senders[version.row["channel"]]) for version in one.versions]
    more = {"versions": versions} if len(senders) > 1 or versions else {}
    return _document(one, senders[one.row["channel"]]) | more


def _document(one: PreviewedRow, own_sender: str | None) -> dict[str, Any]:
    from a2pcli.message_content import content_of
    from a2pcli.reporting.values import money

    row = one.row
    repairs = row["repairs"]
    return {
        "line": row["line"],
        "channel": row["channel"],
        "cell": row["cell"],
        "number": row["number"],
        "country": row["country"],
        "type": row["type"],
        "repairs": repairs.split(",") if repairs else [],
        "sent": row["reason"] is None,
        **({"instead": True} if row.get("instead") else {}),
        "reason": row["reason"],
        "detail": row["detail"],
        "variant": row["variant"],
        "sender": row["sender"] or own_sender,
        "rule": row["rule"],
        "body": one.body,
        "content": content_of(row["content"]),
        "encoding": None if row["ucs2"] is None else ("UCS-2" if row["ucs2"] else "GSM-7"),
        "units": row["units"],
        "parts": row["parts"],
        "cost": None if row["cost"] is None else money(row["cost"]),
        "currency": row["currency"],
        "replacements": [
            {"position": change.position, "before": change.before, "after": change.after}
            for change in one.replacements
        ],
    }


def _screens(one: PreviewedRow, found: Previewed) -> Any:
    """The message, and those by the other channels."""
    from rich.console import Group
    from rich.text import Text

    pieces = []
    for place, version in enumerate((one, *one.versions)):
        channel = version.row["channel"]
        if version.row.get("instead"):
            pieces.append(Text("instead, if 24 hours have passed since the person wrote", style="bold"))
        elif len(found.senders) > 1:
            how = "then by" if found.falls_back else "not used, could go by"
            pieces.append(Text(f"by {channel}" if not place else f"{how} {channel}", style="bold"))
        pieces.append(_screen(version, found.senders[channel]))
    return Group(*pieces)


def _screen(one: PreviewedRow, own_sender: str | None) -> Any:
    from rich.console import Group
    from rich.text import Text

    from a2pcli.cli.screens.bubble import Bubble, facts_of, lines_below
    from a2pcli.message_content import content_of, head_lines

    row = one.row
    sent = row["reason"] is None
    number = row["number"] or row["cell"] or "no number"
    country = f"  {row['country']}" if row["country"] else ""
    facts = facts_of(row) if row["ucs2"] is not None else "not sent"
    sender = row["sender"] or own_sender
    arm = f"  {row['variant']}" if row["variant"] else ""
    title = f"{number}{country}  line {row['line']:,}{arm}" + (f"  from {sender}" if sender and sent else "")
    content = content_of(row["content"])
    pieces: list[Any] = [Bubble(one.body or "", title, facts, sent=sent, head=head_lines(content))]
    pieces += lines_below(content)
    if not sent:
        pieces.append(Text(f"  not sent: {_why(row)}", style="yellow"))
    if row["repairs"]:
        pieces.append(
            Text(f"  number repaired: {row['cell']!r}, {row['repairs'].replace(',', ', ')}", style="dim")
        )
    if one.replacements:
        changes = ", ".join(f"{c.before!r} at {c.position} became {c.after!r}" for c in one.replacements)
        pieces.append(Text(f"  simplified to stay GSM-7: {changes}", style="dim"))
    return Group(*pieces, Text())


def _why(row: dict[str, Any]) -> str:
    from a2pcli.reasons import SENTENCES, Reason

    detail = f" ({row['detail']})" if row["detail"] else ""
    return f"{row['reason']}: {SENTENCES[Reason(row['reason'])]}{detail}"
