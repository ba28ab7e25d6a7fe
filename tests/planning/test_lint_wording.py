"""Lint of a message's wording: what is found, where, and what is left in peace."""

from __future__ import annotations

import pytest

from a2pcli.config.copy_rules import COPY_RULES
from a2pcli.errors import Severity
from a2pcli.planning.lint import DEFAULTS, Copy, Finding, Strictness, lint
from a2pcli.rules.law import Law


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


def test_nobody_is_told_to_remove_a_letter_from_a_word() -> None:
    hints = [found.hint or "" for text in ("coś 🌸", "łąka") for found in findings(text)]
    assert [hint.split(" ")[0] for hint in hints] == ["'s'", "remove", "--ignore", "'a'"]


def test_with_a_character_beyond_help_only_that_one_is_to_blame() -> None:
    assert told("It’s 🌸 on – 🌸", "ucs-2") == ["🌸"]


def test_a_message_in_another_script_is_told_once() -> None:
    (found,) = findings("Скидка 20% до воскресенья")
    assert found.message.startswith("'С' (CYRILLIC CAPITAL LETTER ES) needs UCS-2")
    assert found.natural


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


LAW = Law.load()


def wanted(*countries: str) -> dict[str, object]:
    """What the law wants of marketing to these countries."""
    return {country: LAW.copy(country) for country in countries}


@pytest.mark.parametrize(("countries", "lenient"), [(("GB",), False), (("FR", "GB"), False), (("BR",), True)])
def test_a_missing_way_out_is_an_error_only_where_a_law_wants_it(
    countries: tuple[str, ...], lenient: bool
) -> None:
    (found,) = findings("Big sale", "no-opt-out", marketing=True, law=wanted(*countries))
    assert found.lenient == lenient
    assert ("asks for" in found.message) == (not lenient)


def test_before_the_recipients_are_known_a_missing_way_out_is_a_warning() -> None:
    (found,) = findings("Big sale", "no-opt-out", marketing=True)
    assert found.lenient


def test_the_way_out_may_stand_in_a_partial_or_come_out_of_a_column() -> None:
    source = "Sale {% include 'footer.txt' %}"
    assert findings(source, "no-opt-out", marketing=True, wording="Sale Leave us: call 020")
    assert not findings(source, "no-opt-out", marketing=True, wording="Sale Reply STOP to opt out")
    examples = ["Sale. STOP to 60155", "Sale. Abmelden: acme.example"]
    assert not findings("Sale {{ way }}", "no-opt-out", marketing=True, examples=examples)
    assert findings("Sale {{ way }}", "no-opt-out", marketing=True, examples=[*examples, "Sale."])


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("Sale. STOP to opt out", 1),
        ("Sale. To opt out, call us", 1),
        ("Sale. Opt out: https://acme.example/stop", 0),
        ("Sale. Opt out: acme.example/x", 0),
        ("Sale. Opt out: bye@acme.example", 0),
        ("Sale. Text STOP to 60155", 0),
        ("Sale. Opt out: {{ link }}", 0),
    ],
)
def test_a_names_marketing_gives_a_way_out_that_needs_no_reply(source: str, count: int) -> None:
    assert len(findings(source, "no-reply", marketing=True, senders=("ACME",))) == count
    assert not findings(source, "no-reply", marketing=True, senders=("60155", "+447700900100"))


def test_of_several_senders_one_name_is_enough_to_make_replies_impossible() -> None:
    assert findings("Reply STOP to opt out", "no-reply", marketing=True, senders=("+14155550100", "ACME"))


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("Promo. STOP au 36111", 0),
        ("Promo. STOP 36111", 0),
        ("Promo. Reply STOP", 1),
        ("Promo. STOP 20111", 1),
    ],
)
def test_marketing_to_france_names_the_short_number_of_its_stop(source: str, count: int) -> None:
    found = findings(source, "country-wording", marketing=True, law=wanted("FR", "GB"))
    assert len(found) == count
    assert not count or found[0].message == "a message to FR must contain 'STOP 36xxx'"
    assert not findings(source, "country-wording", marketing=True, law=wanted("GB"))


@pytest.mark.parametrize(
    ("source", "told_of"),
    [
        ("Wine tasting and cigars", ["alcohol", "tobacco"]),
        ("Guns and ammo", ["firearms"]),
        ("Sussex gunpowder tea, grapevine, twine", []),
        ("Wine bar: more wine", ["alcohol"]),
    ],
)
def test_words_that_american_carriers_filter_are_told_once_a_kind(source: str, told_of: list[str]) -> None:
    found = findings(source, "shaft", law=wanted("US", "GB"))
    assert [one.message.split(" is about ")[1].split(":")[0] for one in found] == told_of
    assert findings(source, "shaft", law=wanted("GB")) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("ACME: sale", 0),
        ("Acme's sale", 0),
        ("Sale at acme.example", 0),
        ("Sale", 1),
        ("The deals of the week", 1),
    ],
)
def test_marketing_from_a_number_names_its_programme(source: str, count: int) -> None:
    more = {"marketing": True, "programme": "acme deals"}
    assert len(findings(source, "no-brand", senders=("60155",), **more)) == count
    assert not findings(source, "no-brand", senders=("ACME",), **more)
    assert not findings(source, "no-brand", senders=("60155",), marketing=True)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Reply HELP for your order status", ["HELP"]),
        ("Reply INFO for delivery times", ["INFO"]),
        ("Reply HELP for help", []),
        ("Reply HELP for help with your order, STOP to opt out", []),
        ("Text HELP to 60155 for more information", []),
    ],
)
def test_help_is_not_asked_for_as_another_answer(source: str, words: list[str]) -> None:
    assert told(source, "keyword-clash") == words


def test_what_a_partial_says_wrong_is_told_at_its_tag() -> None:
    source = "Hi {% include 'footer.txt' %}"
    (found,) = findings(source, "keyword-clash", wording="Hi Reply CANCEL to cancel your booking")
    assert (found.offset, found.message) == (
        3,
        "anybody who replies CANCEL is opted out of everything (in a partial)",
    )


def test_every_rule_that_can_be_switched_is_a_rule() -> None:
    assert sorted(COPY_RULES) == sorted(DEFAULTS)


def test_a_project_makes_rules_stricter_or_switches_them_off() -> None:
    strict = Strictness({"shortener": "error", "all-caps": "off", "no-opt-out": "error"})
    assert strict.of(Finding(0, "", None, "shortener")) is Severity.ERROR
    assert strict.of(Finding(0, "", None, "all-caps")) is None
    assert strict.of(Finding(0, "", None, "no-opt-out", lenient=True)) is Severity.ERROR
    assert strict.of(Finding(0, "", None, "plain-http")) is Severity.WARNING
