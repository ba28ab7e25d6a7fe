"""Encoding and parts of one text (3GPP TS 23.038, 23.040)."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from a2pcli.content.parts import (
    BASIC,
    EXTENSION,
    InvalidText,
    Measure,
    capacity,
    forcing_characters,
    measure,
    prepare,
    split,
)

GSM_ONLY = st.text(st.sampled_from(sorted(BASIC | EXTENSION)), min_size=1, max_size=900)
ANY_TEXT = st.text(
    st.one_of(
        st.sampled_from("aé€[]{}яç😀👩\u200d\n "),
        st.characters(exclude_categories=("Cs",)),
    ),
    min_size=1,
    max_size=700,
)


def test_the_alphabet_has_127_characters_and_9_in_the_extension() -> None:
    assert (len(BASIC), len(EXTENSION), len(BASIC & EXTENSION)) == (127, 9 + 1, 0)


@pytest.mark.parametrize(
    ("text", "bits", "expected"),
    [
        ("a" * 160, 8, Measure("GSM-7", 160, 1)),
        ("a" * 161, 8, Measure("GSM-7", 161, 2)),
        ("a" * 306, 8, Measure("GSM-7", 306, 2)),
        ("a" * 307, 8, Measure("GSM-7", 307, 3)),
        ("a" * 304, 16, Measure("GSM-7", 304, 2)),
        ("a" * 305, 16, Measure("GSM-7", 305, 3)),
        ("€" * 80, 8, Measure("GSM-7", 160, 1)),
        ("€" * 81, 8, Measure("GSM-7", 162, 2)),
        ("я" * 70, 8, Measure("UCS-2", 70, 1)),
        ("я" * 71, 8, Measure("UCS-2", 71, 2)),
        ("я" * 134, 8, Measure("UCS-2", 134, 2)),
        ("я" * 133, 16, Measure("UCS-2", 133, 3)),
        ("😀" * 35, 8, Measure("UCS-2", 70, 1)),
        ("😀" * 36, 8, Measure("UCS-2", 72, 2)),
        ("a" * 152 + "€" + "a" * 152, 8, Measure("GSM-7", 306, 3)),
        ("я" * 66 + "😀" + "я" * 66, 8, Measure("UCS-2", 134, 3)),
        ("\f^{}\\[~]|€", 8, Measure("GSM-7", 20, 1)),
        ("à la crème brûlée"[:4], 8, Measure("GSM-7", 4, 1)),
        ("\r\n", 8, Measure("GSM-7", 2, 1)),
    ],
)
def test_units_and_parts_are_those_of_the_standard(text: str, bits: int, expected: Measure) -> None:
    assert measure(text, bits) == expected


@pytest.mark.parametrize("character", [*"çáíóúâãõêº°©`\t\u00a0\x1bëïÀ", "\v", "\x00"])
def test_characters_that_look_like_gsm_and_are_not_force_ucs2(character: str) -> None:
    assert measure(f"a{character}").encoding == "UCS-2"


@pytest.mark.parametrize("text", ["", "a\ud800b", "\udc00", "\ud83d\ude00"])
def test_a_text_that_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(InvalidText):
        measure(text)
    with pytest.raises(InvalidText):
        split(text)


def test_a_reference_has_8_or_16_bits() -> None:
    with pytest.raises(ValueError, match="8 or 16"):
        measure("a" * 500, 12)


def naive_parts(text: str, each: int, width: dict[str, int]) -> int:
    """Parts by the definition: put the next character into the part while it fits."""
    parts, used = 1, 0
    for character in text:
        if used + width[character] > each:
            parts, used = parts + 1, 0
        used += width[character]
    return parts


@settings(deadline=None)
@given(st.one_of(GSM_ONLY, ANY_TEXT), st.sampled_from([8, 16]))
@example("a" * 152 + "€" + "a" * 152, 8)
def test_parts_join_to_the_text_fit_and_are_as_few_as_can_be(text: str, bits: int) -> None:
    measured = measure(text, bits)
    texts = split(text, bits)
    gsm = measured.encoding == "GSM-7"
    width = {c: (2 if c in EXTENSION else 1) if gsm else len(c.encode("utf-16-le")) // 2 for c in text}
    each = capacity(measured.encoding, measured.parts, bits)
    assert "".join(texts) == text
    assert len(texts) == measured.parts
    assert measured.units == sum(width[c] for c in text)
    assert all(part and sum(width[c] for c in part) <= each for part in texts)
    assert measured.parts == naive_parts(text, each, width)
    assert measured.parts >= -(-measured.units // each)
    # No surrogate pair is split: every part can be encoded by itself.
    assert all(part.encode("utf-16-le").decode("utf-16-le") == part for part in texts)


@settings(deadline=None)
@given(ANY_TEXT)
def test_forcing_characters_are_just_those_without_which_the_text_were_gsm(text: str) -> None:
    forcing = forcing_characters(text)
    assert bool(forcing) == (measure(text).encoding == "UCS-2")
    assert all(text[found.position - 1] == found.character for found in forcing)
    rest = "".join(c for place, c in enumerate(text, 1) if place not in {found.position for found in forcing})
    assert not rest or measure(rest).encoding == "GSM-7"


def test_forcing_characters_have_names_for_people() -> None:
    found = forcing_characters("it’s\ta\u00ad")
    assert [(f.position, f.name) for f in found] == [
        (3, "RIGHT SINGLE QUOTATION MARK"),
        (5, "TAB"),
        (7, "SOFT HYPHEN"),
    ]


def test_prepare_composes_letters_and_mends_line_ends() -> None:
    assert prepare("e\u0301\r\nb\rc") == "é\nb\nc"
    assert measure("e\u0301").encoding == "UCS-2"
    assert measure(prepare("e\u0301")).encoding == "GSM-7"
