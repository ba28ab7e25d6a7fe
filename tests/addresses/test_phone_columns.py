"""A column of numbers gets the verdicts that each cell gets alone, which are the library's."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import numpy as np
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.addresses.phone import columns, readings
from a2pcli.addresses.phone.automaton import Automaton, NotDigits
from a2pcli.addresses.phone.numbers import PhonePolicy, normalise, normalise_column

COLUMNS = ["@number", "@type", "@country", "@repairs", "@reason", "@detail"]
TYPES = [kind for name, kind in vars(phonenumbers.PhoneNumberType).items() if name.isupper() and kind != 99]
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
VISITED = ["GB", "US", "DE", "AR", "MX", "BR", "JP", "IT", "AU", "GG", "BB", "CN", "KR", "CR", "SM"]


@pytest.fixture(autouse=True, scope="module")
def always_as_columns() -> Iterator[None]:
    """Few cells are read one by one, which is what columns are compared with here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "FEW", -1)
        yield


def one_by_one(cells: list[str], policy: PhonePolicy) -> list[tuple[str | None, ...]]:
    rows = []
    for cell in cells:
        result = normalise(cell, policy)
        repairs = ",".join(result.repairs) or None
        rows.append((result.number, result.type, result.country, repairs, result.reason, result.detail))
    return rows


def at_once(cells: list[str], policy: PhonePolicy) -> list[tuple[str | None, ...]]:
    frame = normalise_column(pa.array(cells, pa.string()), policy)
    assert frame.names == COLUMNS
    return list(zip(*(frame[name].to_pylist() for name in COLUMNS), strict=True))


def assert_same(cells: list[str], policy: PhonePolicy) -> None:
    for cell, column, alone in zip(cells, at_once(cells, policy), one_by_one(cells, policy), strict=True):
        assert column == alone, (cell, policy)


def mutated(text: str, code: int, chance: random.Random) -> str:
    """One or two things that go wrong with a number."""
    for _ in range(chance.choice([1, 1, 2])):
        place = chance.randrange(len(text)) if text else 0
        digit = chance.choice("0123456789")
        text = chance.choice([
            text[:place] + digit + text[place + 1 :],
            text[:place] + digit + text[place + 1 :],
            text[:place] + text[place + 1 :],
            text[:place] + digit + text[place:],
            text[:place] + chance.choice(" -()/.,;+x") + text[place:],
            text[1:],
            "00" + text.replace("+", ""),
            "0" + text,
            f"{code}{text}",
            text.replace("+", ""),
        ])  # fmt: skip
    return text


def numbers_of(region: str, chance: random.Random, rounds: int) -> Iterator[str]:
    """Examples of every type of a region in every format, as they are and broken."""
    for kind in TYPES:
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        for number_format in (0, 1, 2):
            written = phonenumbers.format_number(example, number_format)
            yield written
            yield from (mutated(written, example.country_code, chance) for _ in range(rounds))


def every_region_equal(seed: int, rounds: int) -> None:
    chance = random.Random(seed)
    judged: dict[str | None, list[str]] = {}
    for region in REGIONS:
        for cell in numbers_of(region, chance, rounds):
            judged.setdefault(chance.choice([region, region, None, *chance.choices(VISITED)]), []).append(
                cell
            )
    for region, cells in judged.items():
        policy = PhonePolicy(
            region, allow_fictional=chance.random() < 0.3, allow_fixed_line=chance.random() < 0.3
        )
        assert_same(cells, policy)


def test_a_column_of_numbers_of_every_region_gets_the_verdicts_of_each_alone():
    every_region_equal(seed=1, rounds=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_a_long_column_of_numbers_of_every_region_gets_the_verdicts_of_each_alone(seed):
    every_region_equal(seed, rounds=10)


def test_example_numbers_of_every_region_are_what_the_library_says():
    """Straight against the library: its E.164, type and region, for every example that is no fiction."""
    policy = PhonePolicy(allow_fictional=True, allow_fixed_line=True)
    accepted = {"mobile", "fixed-line", "fixed-line-or-mobile", "voip"}
    for region in REGIONS:
        for kind in TYPES:
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            name = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(example))
            result = normalise(number, policy)
            assert result.type == name.lower().replace("_", "-")
            assert result.country == phonenumbers.region_code_for_number(example)
            assert result.number == (number if result.type in accepted else None)


def test_the_column_decides_by_itself_and_asks_the_library_hardly_ever(monkeypatch):
    """Were every cell sent to the judge, the proofs above would prove nothing and a million take a minute."""
    asked: list[str] = []
    alone = columns._normalise
    monkeypatch.setattr(
        columns, "_normalise", lambda cell, policy: (asked.append(cell), alone(cell, policy))[1]
    )
    chance = random.Random(3)
    cells = [cell for region in REGIONS for cell in numbers_of(region, chance, 1)]
    normalise_column(pa.array(cells), PhonePolicy("GB"))
    assert len(asked) < len(cells) * 0.05


def test_a_plan_that_the_column_cannot_read_is_left_to_the_library(monkeypatch):
    """A later release of the metadata may write patterns in another way; the verdicts stay right."""

    def unreadable(code: int) -> None:
        raise NotDigits("(?=7)")

    monkeypatch.setattr(readings, "code_plan", unreadable)
    assert_same(["+447911123456", "07911 123456", "7911123456", "n/a", "+1 212 555 2671"], PhonePolicy("GB"))


TEXTS = st.one_of(
    st.text(max_size=20),
    st.text("0123456789+ ()-./,;x'\"=E\u00a0\u0660０", max_size=24),
    st.from_regex(r"\+?[0-9]{4,18}", fullmatch=True),
    st.from_regex(r"(\+44|0044|44|0)? ?\(?0?\)?7[0-9]{3} ?[0-9]{5,6}", fullmatch=True),
)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=30), st.sampled_from([None, *VISITED]), st.booleans())
def test_any_text_at_all_gets_the_same_verdict_alone_and_in_a_column(cells, region, allow):
    """And neither way ever raises."""
    assert_same(cells, PhonePolicy(region, allow_fictional=allow, allow_fixed_line=allow))


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=20))
def test_every_row_has_a_number_or_a_reason_and_never_both(cells):
    for number, _, _, _, reason, _ in at_once(cells, PhonePolicy("GB")):
        assert (number is None) != (reason is None)


@pytest.mark.parametrize("region", [None, "GB", "US", "JP"])
def test_a_number_once_found_is_found_again_unrepaired(region):
    """E.164 in, the same E.164 out: judging twice changes nothing."""
    policy = PhonePolicy(region, allow_fixed_line=True)
    cells = ["+447911123456", "07911 123456", "(415) 555-2671", "+81 90-1234-5678", "090-1234-5678"]
    for number, *_ in at_once(cells, policy):
        if number is not None:
            again = normalise(number, policy)
            assert (again.number, again.repairs) == (number, ())


def test_a_column_may_be_one_array_or_several():
    """Null counts as empty."""
    cells = ["+447911123456", None, "nope"]
    kinds = [pa.array(cells), pa.array(cells, pa.large_string()), pa.chunked_array([cells[:1], cells[1:]])]
    for frame in [normalise_column(kind, PhonePolicy()) for kind in kinds]:
        assert frame["@number"].to_pylist() == ["+447911123456", None, None]
        assert frame["@reason"].to_pylist() == [None, "missing-number", "invalid-number"]
        assert all(frame[name].type == pa.string() for name in frame)


def test_few_cells_get_the_verdicts_of_a_column():
    cells = [
        "+447911123456",
        "07911 123456",
        None,
        "",
        "n/a",
        "020 7946 0000 ext 3",
        "+1 415 555 2671",
        "nope",
    ]
    column = at_once(cells, PhonePolicy("GB"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "FEW", len(cells))
        assert at_once(cells, PhonePolicy("GB")) == column


def test_an_empty_column_and_a_slice_of_a_column_are_columns():
    """Chunks arrive as slices that share their bytes with their neighbours."""
    assert len(normalise_column(pa.array([], pa.string()), PhonePolicy("GB"))) == 0
    cells = pa.array([f"0791112345{place % 10}" for place in range(300)] + ["n/a"] * 5)
    for start, size in ((0, 10), (17, 200), (290, 15)):
        alone = one_by_one(cells.slice(start, size).to_pylist(), PhonePolicy("GB"))
        column = normalise_column(cells.slice(start, size), PhonePolicy("GB"))
        assert column["@number"].to_pylist() == [row[0] for row in alone]


def plan_patterns() -> Iterator[tuple[str, list[str]]]:
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        patterns: dict[str, None] = {}
        for region in regions:
            plan = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
            for name in (
                "general_desc",
                "fixed_line",
                "mobile",
                "toll_free",
                "premium_rate",
                "voip",
                "uan",
                "pager",
            ):
                pattern = getattr(getattr(plan, name), "national_number_pattern", None)
                if pattern:
                    patterns[pattern] = None
        yield str(code), list(patterns)


def test_the_automaton_matches_what_the_patterns_of_every_plan_match():
    """All patterns of a calling code in one pass, against `re` on each; numbers grow digit by digit near the plan."""
    chance = random.Random(5)
    for code, patterns in plan_patterns():
        automaton = Automaton(patterns)
        for size in (0, 1, 4, 7, 9, 10, 11):
            rows = ["".join(chance.choices("0123456789", k=size)) for _ in range(8)]
            rows += [(pattern.lstrip("(?:[")[0:1] + rows[0])[:size] for pattern in patterns if size]
            rows = [row for row in rows if row.isdigit() or not size]
            digits = np.frombuffer("".join(rows).encode(), np.uint8).reshape(len(rows), size)
            for row, state in zip(rows, automaton.run(digits).tolist(), strict=True):
                wanted = [bool(re.fullmatch(pattern, row)) for pattern in patterns]
                accepted = automaton.accepts(state)
                assert [bool(accepted >> place & 1) for place in range(len(patterns))] == wanted, (code, row)


@given(
    st.lists(
        st.from_regex(
            r"\A(?:[0-9]|\\d|\[[0-9]{1,3}\]|\[[0-4]-[5-9]\]|[0-9]\?|\\d\{[1-3]\}|\\d\{1,3\}|\(?:)*\Z"
        )
    )
)
def test_a_pattern_is_matched_or_refused_but_never_misread(patterns):
    """Small random patterns over every number of up to three digits."""
    try:
        compiled = [re.compile(pattern) for pattern in patterns]
    except re.error:
        return
    try:
        automaton = Automaton(patterns)
    except NotDigits:
        return
    for size in range(4):
        rows = [f"{number:0{size}d}" if size else "" for number in range(10**size)][::3]
        digits = np.frombuffer("".join(rows).encode(), np.uint8).reshape(len(rows), size)
        for row, state in zip(rows, automaton.run(digits).tolist(), strict=True):
            wanted = sum(1 << place for place, pattern in enumerate(compiled) if pattern.fullmatch(row))
            assert automaton.accepts(state) == wanted


@pytest.mark.parametrize("pattern", ["a", "(?=1)2", "[^1]", "1{2", "(1", "1)", "\\w", "1$"])
def test_a_pattern_beyond_digits_is_refused(pattern):
    """A future plan that needs more than this small language must not be half understood."""
    with pytest.raises(NotDigits):
        Automaton([pattern])
