"""What a text costs: its encoding, units and parts, what forces UCS-2, and what smart encoding would save."""

from __future__ import annotations

from typing import Any

from a2pcli.channels import CHANNELS, OFFERED
from a2pcli.content.fitness import characters
from a2pcli.content.parts import EXTENSION as EXTENSION
from a2pcli.content.parts import (
    InvalidText,
    Measure,
    capacity,
    forcing_characters,
    measure,
    prepare,
    split,
)
from a2pcli.content.parts import units_in as units_in
from a2pcli.content.typography import smart
from a2pcli.errors import InvalidInput, Problem, UsageError


def describe(text: str, use_smart: bool, reference_bits: int) -> dict[str, Any]:
    """What ``--json`` prints. Raises ``InvalidInput`` for a text that cannot be sent."""
    composed = prepare(text)
    typographic = smart(composed)
    if use_smart:
        text = composed = typographic.text
    try:
        counted = measure(text, reference_bits)
        texts = split(text, reference_bits)
    except InvalidText as error:
        raise InvalidInput(Problem(str(error), code="invalid-text")) from None
    each = capacity(counted.encoding, counted.parts, reference_bits)
    replacements = [
        {"position": made.position, "before": made.before, "after": made.after}
        for made in typographic.replacements
    ]
    helps = use_smart or typographic.replacements
    return {
        **_counts(counted),
        "texts": texts,
        "per_part": each,
        "left": each - units_in(texts[-1], counted.encoding),
        "characters": [
            {"position": found.position, "character": found.character, "name": found.name}
            for found in forcing_characters(text)
        ],
        "composed": _counts(measure(composed, reference_bits)) if composed not in ("", text) else None,
        "smart": {
            **_counts(measure(typographic.text, reference_bits)),
            "applied": use_smart,
            "replacements": replacements,
        }
        if helps
        else None,
    }


def describe_for(text: str, channel: str) -> dict[str, Any]:
    """What ``--channel --json`` prints for a channel that counts characters. Raises ``UsageError`` for one that is not
    known."""
    from a2pcli.content.lengths import lengths_of

    about = CHANNELS.get(channel)
    if about is None or not about.offered:
        raise UsageError(f"--channel {channel}: one of {', '.join(OFFERED)}")
    count = characters(text)
    return {
        "channel": channel,
        "characters": count,
        "limits": [
            {"what": what, "most": most, "left": most - count, "fits": count <= most}
            for what, most in lengths_of(channel)
        ],
    }


def _counts(counted: Measure) -> dict[str, Any]:
    return {"encoding": counted.encoding, "units": counted.units, "parts": counted.parts}
