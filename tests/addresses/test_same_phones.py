"""Numbers that differ and reach the same phone."""

from __future__ import annotations

import re

import numpy as np
import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a2pcli.addresses.phone.any_number import any_number
from a2pcli.addresses.phone.same_phone import Forms, has_other_forms, same_phone_forms, same_phone_keys, table


@st.composite
def written(draw: st.DrawFn) -> str:
    """A number in one of the forms of the table, in E.164."""
    forms: Forms = draw(st.sampled_from(table()))
    pattern = draw(st.sampled_from(forms.patterns))
    return "+" + draw(st.from_regex(re.compile(pattern.pattern, re.ASCII), fullmatch=True))


def key(number: str) -> int:
    return int(same_phone_keys(np.array([int(number[1:])], dtype=np.int64))[0])


@given(written())
def test_whichever_form_is_asked_about_the_forms_are_the_same(number: str) -> None:
    forms = same_phone_forms(number)
    assert forms[0] == number
    assert len(forms) > 1
    assert all({*same_phone_forms(form)} == {*forms} for form in forms)


@example("+378800000")  # an Italian form of it is itself an older form
@given(written())
def test_all_forms_of_a_phone_have_one_key(number: str) -> None:
    assert {key(form) for form in same_phone_forms(number)} == {key(number)}


@given(st.lists(st.integers(-5, 2**63 - 1), max_size=20))
def test_keys_are_those_of_the_numbers_one_by_one(keys: list[int]) -> None:
    found = same_phone_keys(np.array(keys, dtype=np.int64)).tolist()
    assert [one in {int(form[1:]) for form in same_phone_forms(f"+{key}")} or one == key
            for key, one in zip(keys, found, strict=True)].count(False) == 0  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+541166773399", "+5491166773399"),
        ("+5215512345678", "+525512345678"),
        ("+551187654321", "+5511987654321"),
        ("+22507123456", "+2250707123456"),
        ("+22505123456", "+2250505123456"),
        ("+22501123456", "+2250101123456"),
        ("+22520201234", "+2252720201234"),
        ("+22997123456", "+2290197123456"),
        ("+24106031234", "+24166031234"),
        ("+23777123456", "+237677123456"),
        ("+2302512345", "+23052512345"),
        ("+59398123456", "+593998123456"),
        ("+5687654321", "+56987654321"),
        ("+5713234567", "+576013234567"),
        ("+841689123456", "+84389123456"),
        ("+390347123456", "+39347123456"),
        ("+3921234567", "+39021234567"),
        ("+378882345", "+390549882345"),
        ("+972599123456", "+970599123456"),
        ("+37744123456", "+38344123456"),
    ],
)
def test_spellings_that_people_and_providers_use_reach_one_phone(one: str, other: str) -> None:
    assert other in same_phone_forms(one)
    assert one in same_phone_forms(other)
    assert phonenumbers.is_valid_number(phonenumbers.parse(other, None))


@pytest.mark.parametrize(
    "number",
    [
        "+447911123456",
        "+14155552671",
        "+12025550100",
        "+4915112345678",
        "+551132345678",  # a fixed line of São Paulo: mobiles never began with 3
        "+33612345678",
        "+919876543210",
        "12345",
        "+",
        "",
    ],
)
def test_most_numbers_have_one_form(number: str) -> None:
    assert same_phone_forms(number) == (number,)


def test_no_mobile_of_a_country_without_renumbering_has_another_form() -> None:
    listed = {forms.country for forms in table()} | {
        "IL",
        "MC",
        "SI",
        "VA",
    }  # the last share codes with those
    for region in sorted(phonenumbers.SUPPORTED_REGIONS - listed):
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is not None:
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert same_phone_forms(number) == (number,), region


@pytest.mark.parametrize(
    ("cell", "region", "number"),
    [
        ("+54 11 6677 3399", None, "+541166773399"),
        ("+55 11 8765-4321", None, "+551187654321"),
        ("+52 1 55 1234 5678", None, "+525512345678"),
        ("97 12 34 56", "BJ", "+22997123456"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("020 7946 0018 ext. 5", "GB", "+442079460018"),
        ("+1 800 234 5678", None, "+18002345678"),
        ("12345", "US", "12345"),
        ("36180", None, "36180"),
        ("whatsapp:+5491166773399", None, "+5491166773399"),
    ],
)
def test_whoever_can_say_no_can_be_suppressed(cell: str, region: str | None, number: str) -> None:
    assert any_number(cell, region).number == number


@pytest.mark.parametrize(
    "cell", ["", "hello", "12", "4.47E+11", "07911123456; 07911123457", "+999123456789", "555-0123"]
)
def test_what_tells_nobody_is_still_refused(cell: str) -> None:
    found = any_number(cell, "US")
    assert found.number is None
    assert found.reason is not None


def test_numbers_without_other_forms_are_told_by_their_beginning() -> None:
    assert has_other_forms("+5491166773399")
    assert not has_other_forms("+447911123456")
