"""Capitals and small letters as the campaign's language writes them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from templatekit import render

from a2pcli.content.cases import cases


@pytest.mark.parametrize(
    ("locale", "filter", "text", "shown"),
    [
        ("tr_TR", "title", "IŞIL", "Işıl"),
        ("tr_TR", "title", "İBRAHİM", "İbrahim"),
        ("tr_TR", "title", "ibrahim", "İbrahim"),
        ("tr_TR", "title", "ışıl", "Işıl"),
        ("tr_TR", "title", "I\u0307BRAHI\u0307M", "İbrahim"),
        ("tr_TR", "upper", "ışıl izmir", "IŞIL İZMİR"),
        ("tr_TR", "lower", "ISPARTA İZMİR", "ısparta izmir"),
        ("tr_TR", "capitalize", "izmir DEPOSU", "İzmir deposu"),
        ("az_AZ", "title", "İLHAM", "İlham"),
        ("az_Latn_AZ", "title", "ILQAR", "Ilqar"),
        ("en_GB", "title", "ISIL", "Isil"),
        ("en_GB", "lower", "İSTANBUL", "istanbul"),
        ("de_DE", "title", "İBRAHİM", "Ibrahim"),
        ("nl_NL", "title", "ijsland", "IJsland"),
        ("nl_NL", "title", "IJSLAND", "IJsland"),
        ("nl_NL", "title", "Ijsland", "IJsland"),
        ("nl_NL", "title", "van ijzendoorn", "Van IJzendoorn"),
        ("nl_BE", "capitalize", "ijs en bijen", "IJs en bijen"),
        ("nl_NL", "title", "bijzonder", "Bijzonder"),
        ("nl_NL", "title", "'s-hertogenbosch", "'s-Hertogenbosch"),
        ("nl_NL", "title", "\u0133sland", "\u0132sland"),
        ("en_GB", "title", "ijsland", "Ijsland"),
        ("de_DE", "upper", "Straße", "STRASSE"),
        ("de_DE", "title", "STRAßE", "Straße"),
        ("de_DE", "title", "GROßMANN", "Großmann"),
        ("de_DE", "title", "GROẞMANN", "Großmann"),
        ("de_DE", "title", "große", "Große"),
        ("el_GR", "upper", "Μάιος", "ΜΑΪΟΣ"),
        ("el_GR", "upper", "Άννα", "ΑΝΝΑ"),
        ("el_GR", "upper", "πρωΐ ή βράδυ", "ΠΡΩΪ Ή ΒΡΑΔΥ"),
        ("el_GR", "upper", "ρολόι", "ΡΟΛΟΪ"),
        ("el_GR", "lower", "ΟΔΥΣΣΕΑΣ", "οδυσσεας"),
        ("el_GR", "title", "ΓΙΏΡΓΟΣ ΠΑΠΑΣ", "Γιώργος Παπας"),
        ("el_GR", "title", "άννα", "Άννα"),
        ("lt_LT", "title", "JONAS", "Jonas"),
        ("lt_LT", "title", "žilvinas", "Žilvinas"),
        ("lt_LT", "upper", "i\u0307\u0301", "Í"),
        ("lt_LT", "lower", "Í", "i\u0307\u0301"),
        ("hr_HR", "title", "ǆemal", "ǅemal"),
        ("hy_AM", "upper", "և", "ԵՎ"),
        ("fr_FR", "title", "éric d'arcy", "Éric D'Arcy"),
        ("ka_GE", "title", "თბილისი", "თბილისი"),
    ],
)
def test_letters_are_those_of_the_campaigns_language(locale: str, filter: str, text: str, shown: str) -> None:
    assert render("{{ first_name | " + filter + " }}", locale=locale, first_name=text) == shown


def test_a_filter_takes_another_language_where_it_is_named() -> None:
    assert render("{{ first_name | title('tr') }}", locale="en_GB", first_name="IŞIL") == "Işıl"
    assert (
        render("{{ first_name.title() }} {{ first_name.lower() }}", locale="tr_TR", first_name="IŞIL")
        == "Işıl ışıl"
    )


@example("\0", "el")
@example("ή", "el")
@example("Ή αυτό ή το άλλο", "el")
@given(st.text(max_size=30), st.sampled_from(["en", "tr", "nl", "el", "lt", "de", "az", "hy", "xx"]))
def test_small_letters_of_small_letters_are_the_same(text: str, language: str) -> None:
    letters = cases(language)
    once = letters.lower(text)
    assert letters.lower(once) == once
    assert letters.upper(letters.upper(text)) == letters.upper(text)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ-'", max_size=30))
def test_plain_english_is_as_python_writes_it(text: str) -> None:
    assert cases("en_GB").upper(text) == text.upper()
    assert cases("en_GB").lower(text) == text.lower()
