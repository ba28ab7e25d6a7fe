"""A tap on a reply button arrives as its words: one that says "Cancel" opts the person out, and is told beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project

HEAD = """\
name: c
objective: Remind people
purpose: PURPOSE
contacts: people.csv
message: "ACME: your visit is tomorrow at nine. MORE"
"""
TEMPLATES = """\
gateway: whatsapp
templates:
- name: visit
  language: en
  category: CATEGORY
  status: approved
  body: "ACME: your visit is tomorrow at nine. MORE"
  buttons:
  - {type: quick_reply, text: OK}
  - {type: quick_reply, text: BUTTON}
- name: visit
  language: de
  category: CATEGORY
  status: approved
  body: "ACME: Ihr Termin ist morgen um neun. MORE"
  buttons:
  - {type: quick_reply, text: OK}
  - {type: quick_reply, text: GERMAN}
"""
RCS = "channel: rcs\nrcs:\n  suggestions:\n    - {reply: OK}\n    - {reply: 'BUTTON'}\n"
CARD = "channel: rcs\nrcs:\n  card:\n    title: T\n    description: D MORE\n    suggestions: [{reply: 'BUTTON'}]\n"
CAROUSEL = (
    "channel: rcs\nrcs:\n  carousel:\n    - {title: A, description: 'Dates. MORE'}\n"
    "    - {title: B, suggestions: [{reply: 'BUTTON'}]}\n"
)
TEMPLATE = "channel: whatsapp\nwhatsapp: {template: {name: visit, language: en}}\n"
FREE = "channel: whatsapp\nwhatsapp: {buttons: [{text: OK}, {text: 'BUTTON'}]}\n"
BOTH = (
    "channel: whatsapp\nwhatsapp:\n  template: {name: visit, language: de}\n"
    "  text: 'ACME: your visit is tomorrow. MORE'\n  buttons: [{text: 'BUTTON'}]\n"
)
EACH = (
    "channel: whatsapp\nwhatsapp:\n  template: {name: visit, language: '{{ lang }}', fallback_language: en}\n"
)
TWO = "channels: [sms, rcs]\nrcs:\n  suggestions: [{reply: 'BUTTON'}]\n"


def made(
    tmp_path: Path,
    block: str,
    button: str,
    *,
    german: str = "Nein",
    more: str = "",
    purpose: str = "transactional",
) -> Project:
    project = Project(tmp_path)
    project.write("people.csv", "name,phone,lang,word\nAnna,+447400123456,de,Cancel\n")
    category = "marketing" if purpose == "marketing" else "utility"
    templates = TEMPLATES
    for old, new in (("CATEGORY", category), ("BUTTON", button), ("GERMAN", german), ("MORE", more)):
        block = block.replace(old, new.replace("'", "''"))
        templates = templates.replace(old, new)
    project.write("templates.whatsapp.yaml", templates)
    project.write("a2pcli.yaml", "consent: assumed\nrules: {keyword-clash: error, no-opt-out: error}\n")
    head = HEAD.replace("PURPOSE", purpose).replace("MORE", more)
    own = "template:" in block or "card:" in block or "carousel:" in block
    project.write("c.yaml", "".join(head.splitlines(keepends=True)[: 4 if own else 5]) + block)
    return project


ALL = [RCS, CARD, CAROUSEL, TEMPLATE, FREE, BOTH, TWO]


@pytest.mark.parametrize(
    ("block", "button"),
    [
        *((block, "Cancel") for block in ALL),
        (RCS, "End"),
        (FREE, "Stop"),
        (CARD, "❌ cancel"),
        (TEMPLATE, "Abbrechen"),
    ],
)
def test_a_button_that_would_opt_people_out_unmeant_stops_check_and_plan(
    tmp_path: Path, block: str, button: str
) -> None:
    project = made(tmp_path, block, button)
    for command in ("check", "plan"):
        ran = project.run(command, "c.yaml")
        assert f"anybody who taps '{button}' is opted out of everything" in ran.err, (command, ran.err)
        assert ran.status == 3, (command, ran.err)


@pytest.mark.parametrize(
    ("block", "button"),
    [*((block, "No") for block in ALL), (RCS, "Unsubscribe"), (FREE, "Opt out"), (CARD, "Stop messages")],
)
def test_a_button_that_means_what_it_does_is_fine(tmp_path: Path, block: str, button: str) -> None:
    ran = made(tmp_path, block, button).run("check", "c.yaml")
    assert "anybody who taps" not in ran.err


def test_a_button_that_opens_a_page_sends_no_reply(tmp_path: Path) -> None:
    opens = (
        "channel: rcs\nrcs:\n  suggestions:\n    - {text: Cancel, open_url: https://acme.example/cancel}\n"
    )
    link = "channel: whatsapp\nwhatsapp: {buttons: [{text: Cancel, url: https://acme.example/cancel}]}\n"
    for place, block in enumerate((opens, link)):
        (tmp_path / str(place)).mkdir()
        assert "anybody who taps" not in made(tmp_path / str(place), block, "").run("check", "c.yaml").err


@pytest.mark.parametrize("block", [RCS, CARD, TEMPLATE, FREE])
def test_stop_on_a_button_is_fine_where_the_text_says_what_it_is_for(tmp_path: Path, block: str) -> None:
    ran = made(tmp_path, block, "Stop", more="Tap Stop to get no more messages.").run("check", "c.yaml")
    assert "anybody who taps" not in ran.err


@pytest.mark.parametrize("block", [RCS, TEMPLATE, FREE])
def test_marketing_may_offer_stop_but_not_cancel(tmp_path: Path, block: str) -> None:
    for button, is_told in (("Stop", False), ("Cancel", True)):
        (tmp_path / button).mkdir()
        project = made(tmp_path / button, block, button, more="Reply STOP to opt out.", purpose="marketing")
        assert ("anybody who taps" in project.run("check", "c.yaml").err) is is_told


@pytest.mark.parametrize(
    "label", ["{{ word }}", "{{ 'Cancel' if name else 'No' }}", "{% if name %}Cancel{% endif %}"]
)
@pytest.mark.parametrize("block", [RCS, FREE, CARD])
def test_words_from_columns_and_tags_are_looked_at(tmp_path: Path, block: str, label: str) -> None:
    project = made(tmp_path, block, label)
    for command in ("check", "plan"):
        assert "anybody who taps 'Cancel'" in project.run(command, "c.yaml").err, command


def test_the_buttons_of_every_language_are_looked_at(tmp_path: Path) -> None:
    assert (
        "anybody who taps 'Abbrechen'"
        in made(tmp_path, EACH, "No", german="Abbrechen").run("check", "c.yaml").err
    )


def test_the_place_is_that_of_the_button(tmp_path: Path) -> None:
    ran = made(tmp_path, RCS, "Cancel").run("check", "c.yaml")
    assert "c.yaml:10:16: anybody who taps 'Cancel'" in ran.err, ran.err


@pytest.mark.parametrize(
    ("template", "text", "missing"),
    [
        ("Reply STOP to opt out.", "Reply STOP to opt out.", []),
        ("Reply STOP to opt out.", "Come in.", ["(the text within the service window)"]),
        ("Come in.", "Reply STOP to opt out.", ["asks for (add"]),
    ],
)
def test_marketing_with_a_template_and_a_text_says_in_both_how_to_opt_out(
    tmp_path: Path, template: str, text: str, missing: list[str]
) -> None:
    block = BOTH.replace("MORE", text).replace("  buttons: [{text: 'BUTTON'}]\n", "")
    project = made(tmp_path, block, "No", more=template, purpose="marketing")
    ran = project.run("check", "c.yaml")
    assert ("does not say how to opt out" in ran.err) is bool(missing), ran.err
    assert all(words in ran.err for words in missing), ran.err
    assert project.run("plan", "c.yaml").status == (3 if missing else 0)


def test_a_way_out_on_the_buttons_of_one_is_none_of_the_other(tmp_path: Path) -> None:
    ran = made(tmp_path, BOTH, "Stop", german="Nein", purpose="marketing").run("check", "c.yaml")
    assert ran.err.count("does not say how to opt out") == 1, ran.err
    assert "(the text within the service window)" not in ran.err


def test_marketing_says_in_every_language_how_to_opt_out(tmp_path: Path) -> None:
    ran = made(tmp_path, EACH, "Stop", german="Nein", purpose="marketing").run("check", "c.yaml")
    assert "asks for (the template in 'de')" in ran.err, ran.err
    assert ran.err.count("does not say how to opt out") == 1
