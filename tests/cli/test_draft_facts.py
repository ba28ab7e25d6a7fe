"""What a draft may not do to a text: invent links or numbers, by whatever spelling, or hide something."""

from __future__ import annotations

import json

import pytest
from botkit import Reply, bot, completion
from clikit import Project

from a2pcli.actions.draft_facts import changed, lost_facts
from a2pcli.actions.draft_prompt import proposals
from a2pcli.config.document import document_of
from a2pcli.config.rewrite import with_texts

TEXT = (
    "Hi {{ first_name | default('there') }}, 20% off until 31.12.: https://acme.example/a?c={{ code }}"
    " or 020 7946 0100."
)


@pytest.mark.parametrize(
    "more",
    [
        *(
            "evil.example",
            "EVIL.example",
            "HTTPS://EVIL.EXAMPLE/x",
            "WWW.EVIL.EXAMPLE",
            "boss@evil.example",
            "t.me/x",
        ),
        *("ｅｖｉｌ．ｃｏｍ", "ev\u200bil.com", "пример.рф", "{{ first_name }}.com", "{{ 'evil' }}.com"),
        *("{{ 'ev' ~ 'il.com' }}", "{{ first_name | default('evil.com') }}", "{{ 30 }}%", "{{ 15 * 2 }}%"),
        *(
            "{% set x = 3 %}",
            "{% if first_name == 'Ann' %}x{% endif %}",
            "{% include 'x' %}",
            "{{ cycler.__init__ }}",
        ),
        *("30%", "３０%", "½ price", "②", "\x00", "\ud800", "\x1b[31m", "\u202exe", "\ufffe", "\ue000"),
    ],
)
def test_what_a_draft_invents_is_found_in_every_spelling(more: str) -> None:
    assert changed(TEXT, f"{TEXT} {more}") is not None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("020 7946 0100", "0100 7946 020", "a number that the text does not have: 01007946020"),
        ("/a?c=", "/ab?c=", "a link that the text does not have: https://acme.example/ab?c={{ code }}"),
        ("{{ code }}", "{{ first_name }}", "a link that the text does not have"),
        (
            "https://acme.example/a?c={{ code }}",
            "our shop",
            "it has lost a link: https://acme.example/a?c={{ code }}",
        ),
    ],
)
def test_a_fact_that_is_changed_is_named(old: str, new: str, said: str) -> None:
    assert said in str(changed(TEXT, TEXT.replace(old, new)))


@pytest.mark.parametrize(
    "draft",
    [
        "Until 31.12., {{first_name|default('friend')}}: 20% off! https://acme.example/a?c={{code}} (020-7946-0100)",
        "20% off until 31.12. for you: HTTPS://ACME.example/a?c={{ code }}, or 020 7946 0100 🎉👨\u200d👩\u200d👧",
        TEXT + "\nBye.Thanks {# 99 #}",
    ],
)
def test_other_words_with_the_same_facts_are_fine(draft: str) -> None:
    assert changed(TEXT, draft) is None


def test_what_a_draft_no_longer_says_is_named() -> None:
    assert lost_facts(TEXT, "Hi", frozenset({"first_name", "x"})) == [
        "02079460100",
        "20",
        "31.12",
        "{{ first_name }}",
    ]


def test_a_text_that_yaml_has_only_as_an_escape_is_written_so() -> None:
    document = with_texts(document_of('a: "b"\n', "x.yaml"), {("a",): "tea\ufffe"})
    assert document.text == 'a: "tea\\ufffe"\n'


def test_an_answer_of_brackets_is_read_in_no_time() -> None:
    assert list(proposals("[" * 100_000, None)) == []  # type: ignore[arg-type]


def test_a_flood_of_proposals_is_looked_at_in_part_and_a_bot_learns_nothing_of_how_many_people_have_what(
    project: Project,
) -> None:
    people = "mobile,first_name,plan\n07911123456,Ann,gold\n07911123457,Ben,\n"
    text = "Hi {{ first_name }}, 20% off until Sunday. Reply STOP to opt out"
    many = [f"{text} {{{{ plan | upper }}}}{'!' * place}" for place in range(50)]
    with bot() as server:
        project.starter(people=people).write(
            "replies.yaml", f'bots: {{b: {{url: "{server.url}", model: m}}}}\n'
        )
        server.replies = [Reply(completion(json.dumps({"variants": many}))), Reply(completion("[]"))]
        ran = project.run("draft", "sale.yaml", "--json")
    assert (ran.status, len(ran.json["refused"])) == (4, 10)
    assert "the bot proposed 50; the first 10 were looked at" in ran.json["notes"]
    assert (
        ran.json["refused"][0]["why"]
        == "1 of 2 messages with it could not be sent (too long, or a value is missing)"
    )
    assert "1 of 2" not in str(server.got[1])
    assert "it could not be sent to somebody" in str(server.got[1])
