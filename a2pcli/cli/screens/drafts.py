"""Drafts of a text, as people and programs see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from a2pcli.actions.draft_check import lost, texts_shown
from a2pcli.reporting.values import money

if TYPE_CHECKING:
    from a2pcli.actions.drafts import Draft, Drafts, Measured

SHOWN = 500
"""Characters that are shown of a refused draft."""


def drafts_lines(done: Drafts) -> Iterator[str]:
    """The text as it is, the drafts with their figures, and those that were refused."""
    yield f"{done.campaign}, {done.text.name}, by bot {done.bot}; figures of {_for_whom(done.now)}"
    yield ""
    yield f"now: {_figures(done.now)}"
    yield from _indented([*([f"subject: {done.text.subject}"] if done.text.subject else []), done.text.text])
    for number, one in enumerate(done.drafts, 1):
        assert one.measured is not None
        yield ""
        yield f"{number}: {_figures(one.measured)}"
        yield from _indented([*texts_shown(one)])
        for warning in _warnings(done, one):
            yield f"   note: {warning}"
    for one in done.refused:
        yield ""
        yield f"refused: {one.why}"
        yield from _indented([*texts_shown(one)], SHOWN)
    yield ""
    if not done.drafts:
        yield "the bot proposed nothing that can be used"
    for note in done.notes:
        yield f"note: {note}"
    yield "nothing was sent, and the campaign is as it was"


def drafts_document(done: Drafts) -> dict[str, Any]:
    """The same for programs."""
    return {
        "campaign": done.campaign,
        "bot": done.bot,
        "text": done.text.name,
        "channels": list(done.text.channels),
        "now": {"subject": done.text.subject, "text": done.text.text, **_document(done.now)},
        "drafts": [
            {
                "number": number,
                "subject": one.proposed.subject,
                "text": one.proposed.text,
                **_document(one.measured),
                "notes": [*_warnings(done, one)],
            }
            for number, one in enumerate(done.drafts, 1)
        ],
        "refused": [
            {"subject": one.proposed.subject, "text": one.proposed.text, "why": one.why}
            for one in done.refused
        ],
        "notes": done.notes,
    }


def _document(measured: Measured | None) -> dict[str, Any]:
    assert measured is not None
    least, most = measured.parts or (None, None)
    return {
        "messages": measured.messages,
        "encoding": _encoding(measured),
        "least_parts": least,
        "most_parts": most,
        "prices": {
            currency: {"least": money(low), "most": money(high)}
            for currency, (low, high) in sorted(measured.costs.items())
        },
        "unpriced": measured.unpriced,
        "example": measured.example,
    }


def _warnings(done: Drafts, one: Draft) -> Iterator[str]:
    assert one.measured is not None
    if gone := lost(done.text, one.proposed, done.now.columns):
        yield f"it does not have {', '.join(gone)} any more"
    if one.measured.most_parts > done.now.most_parts:
        yield f"it is longer than now: {one.measured.most_parts} parts"
    yield from one.measured.warnings


def _figures(measured: Measured) -> str:
    pieces = []
    if measured.parts is not None:
        least, most = measured.parts
        many = f"{most}" if least == most else f"{least} to {most}"
        pieces.append(f"{many} part{'' if many == '1' else 's'}, {_encoding(measured)}")
    for currency, (low, high) in sorted(measured.costs.items()):
        price = money(low) if low == high else f"{money(low)} to {money(high)}"
        pieces.append(f"{price} {currency} a message")
    if measured.unpriced:
        pieces.append(f"{measured.unpriced:,} unpriced")
    return ", ".join(pieces) or "no parts and no price"


def _encoding(measured: Measured) -> str | None:
    if measured.parts is None:
        return None
    if not measured.ucs2:
        return "GSM-7"
    return "UCS-2" if measured.ucs2 == measured.messages else f"UCS-2 for {measured.ucs2:,}"


def _for_whom(measured: Measured) -> str:
    many = measured.messages
    return f"{many:,} messages to the first recipients" if many != 1 else "the one message"


def _indented(texts: list[str], most: int = 100_000) -> Iterator[str]:
    for whole in texts:
        text = whole if len(whole) <= most else f"{whole[:most]}… ({len(whole):,} characters)"
        for line in text.split("\n"):
            yield f"   {line}"
