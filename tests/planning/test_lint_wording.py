"""Lint of a message's wording: what is found, where, and what is left in peace."""

from __future__ import annotations

import pytest

from a2pcli.planning.lint import Copy, Finding, lint


def findings(source: str, code: str | None = None, **more: object) -> list[Finding]:
    copy = Copy(source, **{"marketing": False, **more})  # type: ignore[arg-type]
    return [found for found in lint(copy) if code is None or found.code == code]


def told(source: str, code: str, **more: object) -> list[str]:
    """The text that each finding points at, up to the next space."""
    return [source[found.offset :].split(" ")[0] for found in findings(source, code, **more)]


def test_a_character_outside_gsm_7_is_told_with_its_place_and_its_price() -> None:
    (found,) = findings("Sale 🌸 " + "x" * 80)
    assert (found.offset, found.code) == (5, "ucs-2")
    assert found.message == "'🌸' (CHERRY BLOSSOM) turns the message into UCS-2: 2 parts instead of 1"


def test_the_price_is_that_of_the_typical_message() -> None:
    long, short = "ż" + "x" * 150, "ż"
    (found,) = findings("ż {{ text }}", examples=[long, long, short])
    assert found.message.endswith("3 parts instead of 1 for most people")


def test_characters_that_smart_encoding_replaces_cost_nothing() -> None:
    assert findings("It’s “on” – today…") == []


def test_without_smart_encoding_they_do_and_the_replacement_is_named() -> None:
    (found,) = findings("It’s on", smart=False)
    assert found.hint == 'write "\'", or set smart: true'


def test_with_a_character_beyond_help_only_that_one_is_to_blame() -> None:
    assert told("It’s 🌸 on – 🌸", "ucs-2") == ["🌸"]


def test_a_message_in_another_script_is_told_once() -> None:
    (found,) = findings("Скидка 20% до воскресенья")
    assert found.message.startswith(
        "'С' (CYRILLIC CAPITAL LETTER ES) and 12 other characters turn the message"
    )


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("Hi {{ name | default('žena') }}", 1),
        ('Hi {{ name | default("žena") }}', 1),
        ("Hi {# žena #}{% if city == 'Žilina' %}there{% endif %}", 0),
        ("Hi {% if a %}žena{% endif %}", 1),
        ("ž ž ž", 1),
    ],
)
def test_only_what_can_reach_the_message_counts(source: str, count: int) -> None:
    assert len(findings(source, "ucs-2")) == count


@pytest.mark.parametrize(
    "source",
    [
        "Sale. Reply STOP to opt out",
        "Sale. Unsubscribe: acme.example/u",
        "Sale. Opt-out: acme.example/x",
        "Promo. STOP au 36111",
        "Soldes. Désabonnement: acme.example",
        "Angebot. Abmelden: acme.example/ab",
        "Oferta. Responde BAJA",
        "Saldi. Per cancellarti: acme.example",
        "Rea. Svara STOPP",
        "优惠 退订回T",
        "Sale {% include 'opt_out.txt' %}",
    ],
)
def test_marketing_that_says_how_to_stop_it_is_fine(source: str) -> None:
    assert findings(source, "no-opt-out", marketing=True) == []


@pytest.mark.parametrize("source", ["Big sale", "Nonstop fun", "Sale. Call us!", "Don't be a stopper"])
def test_marketing_without_a_way_out_is_told(source: str) -> None:
    assert len(findings(source, "no-opt-out", marketing=True)) == 1
    assert findings(source, "no-opt-out", marketing=False) == []


@pytest.mark.parametrize(
    ("source", "sender", "count"),
    [
        ("Reply STOP to opt out", "ACME", 1),
        ("Reply with 'STOP' to opt out", "ACME", 1),
        ("Reply STOP to opt out", "+447700900100", 0),
        ("Reply STOP to opt out", "60155", 0),
        ("Reply STOP to opt out", None, 0),
        ("Text STOP to 60155 to opt out", "ACME", 0),
    ],
)
def test_nobody_is_asked_to_reply_to_a_name(source: str, sender: str | None, count: int) -> None:
    assert len(findings(source, "no-reply", senders=(sender,) if sender else ())) == count


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Reply CANCEL to cancel your appointment", ["CANCEL"]),
        ("Reply STOP to cancel your booking", ["STOP"]),
        ("Reply Y to confirm or CANCEL to cancel", ["CANCEL"]),
        ('Reply with "END" if you cannot come', ["END"]),
        ("Text END to finish the call", ["END"]),
        ("Reply STOP to opt out", []),
        ("Reply STOP to end", []),
        ("Reply STOP to stop appointment reminders", []),
        ("Text STOP to 60155", []),
        ("Reply END to leave", []),
        ("Reply YES to confirm", []),
        ("Send us your end date", []),
    ],
)
def test_opt_out_words_asked_for_as_another_answer_are_told(source: str, words: list[str]) -> None:
    assert [text.strip('"') for text in told(source, "keyword-clash")] == words


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ("See bit.ly/x", ["bit.ly/x"]),
        ("See https://t.co/abc now", ["t.co/abc"]),
        ("See TinyURL.com/x", ["TinyURL.com/x"]),
        ("See habit.ly/x, at.co/x, t.co.uk/x and bit.ly.example/x", []),
        ("See {{ link | default('is.gd/x') }}", ["is.gd/x')"]),
    ],
)
def test_public_link_shorteners_are_told(source: str, links: list[str]) -> None:
    assert told(source, "shortener") == links


def test_links_without_encryption_are_told() -> None:
    assert told("See http://acme.example and https://acme.example", "plain-http") == ["http://acme.example"]


def test_marketing_in_capitals_is_told_and_a_shout_or_a_name_is_not() -> None:
    assert findings("EVERYTHING MUST GO! VISIT US TODAY", "all-caps", marketing=True)
    assert not findings("SALE! Come and see our new collection", "all-caps", marketing=True)
    assert not findings("EVERYTHING MUST GO! VISIT US TODAY", "all-caps")


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("Hi {first_name}", "write {{ first_name }}"),
        ("Hi {FirstName}", "write {{ first_name }}"),
        ("Hi [FIRST NAME]", "write {{ first_name }}"),
        ("Hi [Name]", "columns are written {{ name }}"),
        ("Hi %FIRST_NAME%", "write {{ first_name }}"),
        ("Hi %%first_name%%", "write {{ first_name }}"),
        ("Hi *|FNAME|*", "columns are written {{ name }}"),
        ("Hi ${first_name}", "write {{ first_name }}"),
        ("Hi <<first_name>>", "write {{ first_name }}"),
        ("Hi <first_name>", "write {{ first_name }}"),
    ],
)
def test_gaps_of_other_tools_are_told_with_the_column_that_is_meant(source: str, hint: str) -> None:
    (found,) = findings(source, "foreign-placeholder", columns=("first_name", "city"))
    assert (found.offset, found.hint) == (3, hint)


@pytest.mark.parametrize(
    "source",
    ["50% off, 20% more", "Hi {{ name }}", "[1] and [2]", "a < b > c", "{% if a %}{b}{% endif %}"[:-16]],
)
def test_percent_signs_brackets_and_tags_are_no_gaps(source: str) -> None:
    assert findings(source, "foreign-placeholder") == []


def test_places_stay_true_behind_tags() -> None:
    source = "Hi {{ name | default('there') }}{# a note #} bit.ly/x"
    assert told(source, "shortener") == ["bit.ly/x"]
