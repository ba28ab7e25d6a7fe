"""``a2pcli count``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from a2pcli.cli.terminal.output import JSON_HELP

LARGEST = 1_000_000
"""Bytes that are read from a file or standard input: more than any message."""

_SHOWN_CHARACTERS = 12
_SHOWN_PARTS = 30


def register(app: typer.Typer) -> None:
    """Add the command to the app."""

    @app.command("count")
    def count(
        text: str | None = typer.Argument(
            None, metavar="[TEXT|-]", help="The text. Default, or -: standard input."
        ),
        file: Path | None = typer.Option(None, "--file", "-f", help="Read the text from a UTF-8 file."),
        smart: bool = typer.Option(
            False,
            "--smart",
            help="Count the text as campaigns send it: composed, with typographic characters replaced.",
        ),
        reference_bits: int = typer.Option(
            8, "--reference-bits", help="Size of the concatenation reference: 8 bits (most networks) or 16."
        ),
        channel: str = typer.Option(
            "sms", "--channel", help="Count for this channel: telegram and others count characters."
        ),
        as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
    ) -> None:
        """Show the encoding, units and parts of a text; or its characters, for channels that count those.

        The text is used as given, except that one newline at the end of a file or of standard input is not counted
        (`echo hi | a2pcli count` counts 2). Positions start at 1.

        Example:  a2pcli count "20% off until Sunday – don’t miss it"
        """
        from functools import partial

        from a2pcli.actions.count import describe, describe_for
        from a2pcli.cli.terminal.output import print_json
        from a2pcli.errors import UsageError

        if reference_bits not in (8, 16):
            raise UsageError("--reference-bits is 8 or 16")
        if channel == "sms":
            document, shown = describe(_given(text, file), smart, reference_bits), _show
        elif smart:
            raise UsageError("--smart is for sms: other channels send texts as they are")
        else:
            given = _given(text, file)
            document, shown = describe_for(given, channel), partial(_show_characters, length=len(given))
        if as_json:
            print_json(document)
        else:
            shown(document)


def _given(text: str | None, file: Path | None) -> str:
    """The text to count: from the argument, the file or standard input."""
    from a2pcli.errors import InvalidInput, Problem, UsageError

    if file is not None:
        if text is not None:
            raise UsageError("give a text or --file, not both")
        try:
            with file.open("rb") as stream:
                return _decoded(stream.read(LARGEST + 1), str(file))
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
            raise InvalidInput(Problem(f"cannot be read: {reason}", str(file), code="unreadable")) from None
    if text is not None and text != "-":
        # Bytes of the command line that are not UTF-8 arrive as lone surrogates from U+DC80 on.
        if any("\udc80" <= character <= "\udcff" for character in text):
            raise InvalidInput(Problem("the text is not UTF-8", code="invalid-text"))
        _note_file(text)
        return text
    if sys.stdin is None or (text is None and sys.stdin.isatty()):
        raise UsageError('give a text: a2pcli count "Hello"')
    return _decoded(sys.stdin.buffer.read(LARGEST + 1), "standard input")


def _note_file(text: str) -> None:
    """Say so if the text is the name of a file: its contents were probably meant."""
    from a2pcli.cli.terminal.output import note

    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):
        return
    if is_file:
        note(f"counting the text '{text}'; to count the text in that file: a2pcli count --file {text}")


def _decoded(content: bytes, source: str) -> str:
    from a2pcli.errors import InvalidInput, Problem

    if len(content) > LARGEST:
        raise InvalidInput(
            Problem(
                f"more than {LARGEST // 1_000_000} MB: too long for a message", source, code="invalid-text"
            )
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        message = f"byte 0x{content[error.start]:02X} is not UTF-8"
        raise InvalidInput(Problem(message, source, line, column, code="invalid-text")) from None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _show(document: dict[str, Any]) -> None:
    """The same for people: a box for each part with a bar of how full it is."""
    from rich.console import Group
    from rich.text import Text

    from a2pcli.cli.terminal.output import show

    unit = "septets" if document["encoding"] == "GSM-7" else "UTF-16 units"
    parts = document["parts"]
    head = Text()
    head.append(document["encoding"], style="bold")
    head.append(f"   {document['units']} {unit}   ")
    head.append(f"{parts} part{'s' * (parts != 1)}", style="bold")
    head.append(
        f"   {document['left']} left in the last part" if parts > 1 else f"   {document['left']} left"
    )
    show(Group(head, *_boxes(document), *_notes(document)))


def _show_characters(document: dict[str, Any], length: int) -> None:
    """The same for channels that count characters: the count against each limit. ``length`` is
    the number of code points."""
    from rich.console import Group
    from rich.text import Text

    from a2pcli.cli.terminal.output import show

    count = document["characters"]
    emoji = "" if count == length else " (an emoji counts two)"
    head = Text()
    head.append(document["channel"], style="bold")
    head.append(f"   {count:,} character{'' if count == 1 else 's'}{emoji}")
    lines = [
        Text(
            f"{one['what']}: at most {one['most']:,}, "
            + (f"{one['left']:,} left" if one["fits"] else f"{-one['left']:,} too many"),
            style="" if one["fits"] else "yellow",
        )
        for one in document["limits"]
    ]
    show(Group(head, *(lines or [Text("the channel sets no limit")])))


def _boxes(document: dict[str, Any]) -> list[Any]:
    from rich.panel import Panel
    from rich.text import Text

    from a2pcli.actions.count import units_in

    boxes: list[Any] = []
    for number, text in enumerate(document["texts"][:_SHOWN_PARTS], start=1):
        used, each = units_in(text, document["encoding"]), document["per_part"]
        filled = max(1, round(used / each * 20))
        bar = f"{'█' * filled}{'░' * (20 - filled)} {used}/{each}"
        boxes.append(
            Panel(Text(_visible(text)), title=f"part {number}", subtitle=bar, width=72, title_align="left")
        )
    if document["parts"] > _SHOWN_PARTS:
        boxes.append(Text(f"and {document['parts'] - _SHOWN_PARTS} more parts"))
    return boxes


def _notes(document: dict[str, Any]) -> list[Any]:
    """What forces UCS-2, and what would help."""
    from rich.text import Text

    from a2pcli.actions.count import EXTENSION

    lines: list[str] = []
    found: dict[str, list[int]] = {}
    names = {entry["character"]: entry["name"] for entry in document["characters"]}
    for entry in document["characters"]:
        found.setdefault(entry["character"], []).append(entry["position"])
    if found:
        lines.append("Not in GSM-7, so every character takes a UTF-16 unit:")
    for character, positions in list(found.items())[:_SHOWN_CHARACTERS]:
        places = ", ".join(map(str, positions[:5])) + (
            f" and {len(positions) - 5} more" if positions[5:] else ""
        )
        lines.append(f"  {_visible(character)}  {names[character]}, at {places}")
    if len(found) > _SHOWN_CHARACTERS:
        lines.append(f"  and {len(found) - _SHOWN_CHARACTERS} other characters")
    doubled = dict.fromkeys(
        character for text in document["texts"] for character in text if character in EXTENSION
    )
    if doubled and document["encoding"] == "GSM-7":
        lines.append(f"Two septets each: {' '.join(map(_visible, doubled))}")
    composed, smart = document["composed"], document["smart"]
    if composed:
        lines.append(f"Composed (NFC, LF line ends), as campaigns send it: {_summary(composed)}")
    if smart and smart["applied"]:
        lines += [
            f"Replaced {_visible(made['before'])} by {made['after']!r} at {made['position']}"
            for made in smart["replacements"]
        ]
    elif smart:
        made = dict.fromkeys((made["before"], made["after"]) for made in smart["replacements"])
        shown = ", ".join(f"{_visible(before)} → {after!r}" for before, after in made)
        lines.append(f"Smart encoding: {_summary(smart)} ({shown})")
    return [Text(line) for line in lines]


def _summary(counts: dict[str, Any]) -> str:
    parts = counts["parts"]
    return f"{counts['encoding']}, {counts['units']} units, {parts} part{'s' * (parts != 1)}"


def _visible(text: str) -> str:
    """The text with what a terminal would obey, or nobody would see, made visible."""
    return "".join(_VISIBLE.get(character, character) for character in text)


_VISIBLE = {
    **{chr(code): chr(0x2400 + code) for code in range(0x20) if chr(code) != "\n"},
    **{chr(code): f"<U+{code:04X}>" for code in (*range(0x7F, 0xA0), 0xAD, *range(0x200B, 0x2010))},
    **{chr(code): f"<U+{code:04X}>" for code in (*range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)},
    "\u200d": "\u200d",  # joins emoji: what follows shows it
}
