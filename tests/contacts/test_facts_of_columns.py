"""Which columns say where a contact is and whether messages are allowed, by their names in many languages."""

from __future__ import annotations

import unicodedata

import pytest

from a2pcli.addresses.kinds import Kind
from a2pcli.contacts.columns import Columns, canonical
from a2pcli.contacts.facts import recognise


def fact(header: str, kind: Kind = Kind.PHONE) -> str | None:
    """What a column of this name is read as."""
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, header)
        facts = recognise(Columns((written,), (canonical(written),)), None, kind)
    return facts.claims[0].fact if facts.claims else None


@pytest.mark.parametrize(
    ("expected", "headers"),
    [
        ("state", "state|Region|State/Province|Bundesland|provincia|estado|州|Billing State|MailingState|都道府県"),
        ("state", "область|Kanton|Comunidad Autónoma"),
        ("postcode", "ZIP|Zip Code|zipcode|PLZ|code postal|CEP|CAP|Mailing Zip/Postal Code|Zip+4"),
        ("postcode", "BillingPostalCode|郵便番号|индекс"),
        ("timezone", "timezone|Time Zone|tz|Customer TZ|Zeitzone|fuseau horaire|часовой пояс|时区|UTC offset"),
        ("country", "Country|Land|País|ShippingCountry|страна|国家|Country Code"),
        ("revoked_at", "revoked_at|Revoked At|Widerrufen am|Consent withdrawn at"),
        ("consent_at", "consent_at|Opt-in Date|GDPR Consent Date|fecha de consentimiento"),
        ("consent_source", "consent_source|Opt-in Source|SMS opt in method"),
        ("consent_expires", "consent_expires|Consent Expiry Date"),
        ("consent", "SMS gewünscht|Kontakt erwünscht|Newsletter erlaubt|Texting OK|SMS Marketing Status"),
    ],
)  # fmt: skip
def test_a_column_is_known_by_its_name(expected: str, headers: str) -> None:
    assert {header: fact(header) for header in headers.split("|")} == dict.fromkeys(
        headers.split("|"), expected
    )


@pytest.mark.parametrize(
    "header",
    ["Date de retrait du consentement", "Consent removal date", "Consent rescinded at", "Opt-in cancelled on",
     "Consent revoke time", "Consent ended on", "Fecha de revocación del consentimiento", "Data ritiro consenso",
     "Einwilligung zurückgezogen am", "Datum intrekking toestemming", "Data wycofania zgody", "Отозвано согласие",
     "Samtycke återkallat",
     "Consent lost on", "Opt-in lost at", "Consent end reason", "同意撤回日", "동의철회일", "No longer consents"],
)  # fmt: skip
def test_the_day_on_which_consent_was_taken_back_is_never_the_day_on_which_it_was_given(header: str) -> None:
    assert fact(header) == "opted_out"


@pytest.mark.parametrize("header", ["Consent lapsing when", "Opt-in nixed at", "Consent quashed date"])
def test_a_date_beside_consent_with_a_word_that_nobody_knows_is_no_proof_of_consent(header: str) -> None:
    facts = recognise(Columns((header,), (canonical(header),)))
    assert [claim.fact for claim in facts.claims] == ["consent"]
    assert header in facts.unread


@pytest.mark.parametrize(
    "header",
    ["name", "order_id", "points", "recipe", "zipped_file", "order_state", "payment state", "subscription_plan",
     "unsubscribe_link", "first name", "Optional", "description", "stopover", "notes"],
)  # fmt: skip
def test_other_columns_are_none_of_these(header: str) -> None:
    assert fact(header) is None


@pytest.mark.parametrize(
    "header", ["zip_code_2019", "Standort PLZ", "timezone_offset_raw", "provincia de origen"]
)
def test_what_looks_like_a_place_and_is_not_read_is_told(header: str) -> None:
    facts = recognise(Columns((header,), (canonical(header),)))
    assert (facts.claims, list(facts.unread)) == ((), [header])


def test_the_address_and_ignored_columns_are_nothing_else() -> None:
    columns = Columns(("SMS", "Newsletter", "Opt-Out"), ("sms", "newsletter", "opt_out"))
    assert [claim.column for claim in recognise(columns, "sms").claims] == ["newsletter", "opt_out"]
    assert [
        claim.column for claim in recognise(columns, "sms", ignored=["NEWSLETTER", "optout"]).claims
    ] == []


def test_a_mapped_column_decides_its_fact() -> None:
    columns = Columns(("Region", "Gebiet"), ("region", "state"), mapped=frozenset({"state"}))
    facts = recognise(columns)
    assert [claim.column for claim in facts.claims] == ["state"]
    assert "maps state" in facts.unread["Region"][1]
