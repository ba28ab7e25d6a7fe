"""Names of columns and texts that are compared match however they are typed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from templatekit import expression, template

from a2pcli.contacts.columns import canonical
from a2pcli.errors import InvalidInput
from a2pcli.folding import composed, name_key, name_words, value_key

COLUMNS = ("first_name", "prénom", "ville", "phonenumber", "plan", "مدينة")


@pytest.mark.parametrize(
    "written",
    ["{{ prénom }}", "{{ prenom }}", "{{ Prénom }}", "{{ PRENOM }}", "{{ contact['Prenom'] }}",
     "{{ contact['Pre\u0301nom'] }}", "{{ contact.Prenom }}"],
)  # fmt: skip
def test_a_column_is_found_with_and_without_its_accents(written: str) -> None:
    assert template(written, COLUMNS).render({"prénom": "Zoë"}) == "Zoë"


@pytest.mark.parametrize(
    "written", ["first_name", "firstname", "FirstName", "firstName", "FIRST_NAME", "First_name"]
)
def test_a_column_is_found_in_any_case_and_with_any_separators(written: str) -> None:
    assert template(f"Hi {{{{ {written} }}}}", COLUMNS).render({"first_name": "Ann"}) == "Hi Ann"


def test_a_name_that_fits_two_columns_is_asked_about() -> None:
    with pytest.raises(InvalidInput, match="unknown column 'Prenom'"):
        template("{{ Prenom }}", ("prénom", "prenöm"))


def test_a_name_that_the_template_sets_itself_is_no_column() -> None:
    assert template("{% set Plan = 'mine' %}{{ Plan }}/{{ plan }}", COLUMNS).render({"plan": "p"}) == "mine/p"


@pytest.mark.parametrize(
    ("where", "cell", "kept"),
    [
        ("ville == 'Málaga'", "Ma\u0301laga", True),
        ("ville == 'Ma\u0301laga'", "Málaga", True),
        ("ville == 'malaga'", "MÁLAGA ", True),
        ("ville != 'Unsubscribed'", "unsubscribed", False),
        ("ville in ['Zürich', 'Genève']", "ZURICH", True),
        ("ville not in ['Zürich', 'Genève']", "geneve", False),
        ("'VIP' in ville", "old,vip", True),
        ("ville == 'ΑΘΗΝΑ'", "Αθήνα", True),
        ("ville == 'Истра'", "ИСТРА", True),
        ("ville == 'Straße'", "STRASSE", True),
        ("ville == 'ガ'", "カ", False),
        ("ville == 'New York'", "new\u00a0 york", True),
        ("ville == '1-2'", "12", False),
        ("ville is eq('málaga')", "Málaga", False),
        ("ville == ville | upper", "abc", False),
        ("ville | lower == 'ÉVRY'", "Évry", True),
        ("ville == ' '", "x", False),
    ],
)  # fmt: skip
def test_a_text_is_compared_without_case_accents_and_normal_form(where: str, cell: str, kept: bool) -> None:
    assert expression(where, COLUMNS).evaluate({"ville": cell}) is kept


def test_messages_compare_as_the_filter_does() -> None:
    compiled = template("{% if plan == 'gold' %}yes{% else %}no{% endif %}", COLUMNS)
    assert [compiled.render({"plan": cell}) for cell in ("Gold", "gold ", "GÓLD", "golden")] == [
        "yes"
    ] * 3 + ["no"]


@given(st.text(max_size=20))
def test_the_normal_form_of_a_name_makes_no_difference(name: str) -> None:
    apart, together = unicodedata.normalize("NFD", name), unicodedata.normalize("NFC", name)
    assert canonical(apart) == canonical(together) == canonical(canonical(name))
    assert name_key(apart) == name_key(together)
    assert value_key(apart) == value_key(together)
    assert composed(apart) == composed(together)


def test_words_of_a_name_are_cut_where_people_see_them() -> None:
    assert name_words("SMSConsent_v2") == ("sms", "consent", "v", "2")
    assert name_words("doNotText") == ("do", "not", "text")
