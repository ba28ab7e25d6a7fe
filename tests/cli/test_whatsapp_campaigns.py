"""WhatsApp by campaign file: the account's template checked and filled in, free text only in the service window."""

from __future__ import annotations

import json
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clikit import Project

from a2pcli.ledger.records import now_ms

sys.path.append(str(Path(__file__).parents[1] / "gateways"))
from gatewaykit import Counterpart, reply

TODAY = datetime.fromtimestamp(now_ms() / 1000, UTC)
TEMPLATES = f"""\
gateway: whatsapp
fetched: {TODAY:%Y-%m-%dT%H:%M:%SZ}
templates:
- name: shipped
  language: en_US
  category: utility
  status: approved
  header: {{type: image}}
  body: "Hi {{{{first_name}}}}, your order {{{{order}}}} is on its way. {{% no tag %}}"
  footer: The Shop
  buttons:
  - {{type: url, text: Track, url: "https://shop.example/{{{{1}}}}"}}
  - {{type: quick_reply, text: Thanks}}
- name: sale
  language: en
  category: marketing
  status: approved
  body: "Hi {{{{1}}}}, {{{{2}}}} off. Reply STOP to opt out."
- {{name: sale, language: de, category: marketing, status: paused, body: "Hallo {{{{1}}}}"}}
- {{name: code, language: en, category: authentication, status: approved, body: "{{{{1}}}} is your code"}}
- {{name: many, language: en, category: utility, status: approved, body: Look, beyond: carousel}}
"""
PEOPLE = """\
name,phone,order
Anna,+447400123456,4711
Ben,+447400123457,4712
"Cid	Tab",+447400123458,4713
,+447400123459,4714
"""
HEAD = """\
name: NAME
objective: Tell people
purpose: transactional
channel: whatsapp
contacts: people.csv
"""
SHIPPED = """\
whatsapp:
  template:
    name: shipped
    language: en_US
    header: {image: "https://shop.example/{{ order }}.jpg"}
    body:
      first_name: "{{ name }}"
      order: "{{ order }}"
    buttons: ["t/{{ order }}"]
"""
RATES = """\
channel,country,category,unit,price,currency
whatsapp,GB,utility,message,0.02,GBP
whatsapp,GB,marketing,message,0.05,GBP
whatsapp,GB,,message,0.09,GBP
"""


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("a2pcli.yaml", "region: GB\nrates: rates.csv\n")
    project.write("templates.whatsapp.yaml", TEMPLATES)
    project.write("people.csv", PEOPLE)
    project.write("rates.csv", RATES)
    assert project.run("ledger", "create").status == 0
    return project


def campaign(project: Project, block: str, *, name: str = "c", purpose: str = "transactional") -> str:
    text = HEAD.replace("NAME", name).replace("transactional", purpose)
    project.write(f"{name}.yaml", text + ("consent: assumed\n" if purpose == "marketing" else "") + block)
    return f"{name}.yaml"


def written(project: Project) -> list[dict[str, Any]]:
    lines = (project.folder / ".a2pcli" / "outbox.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_template_is_sent_with_its_values_and_read_as_people_read_it(shop: Project) -> None:
    done = shop.run("send", campaign(shop, SHIPPED), "--yes")
    assert done.status == 0, done.err
    anna, ben = written(shop)
    assert anna["body"] == "Hi Anna, your order 4711 is on its way. {% no tag %}\n\nThe Shop"
    assert anna["content"] == {
        "template": {
            "name": "shipped", "language": "en_US", "category": "utility",
            "header": {"type": "image", "link": "https://shop.example/4711.jpg"},
            "body": {"first_name": "Anna", "order": "4711"},
            "buttons": [{"index": 0, "type": "url", "value": "t/4711"}],
            "shown": ["[ Track ] https://shop.example/t/4711", "[ Thanks ]"],
        }
    }  # fmt: skip
    assert ben["content"]["template"]["body"]["first_name"] == "Ben"
    plan = shop.run("plan", "c.yaml", "--json").json
    assert plan["excluded"] == {"already-sent": 2, "missing-value": 1, "template-error": 1}


def test_the_preview_shows_the_buttons_and_the_price_is_that_of_the_category(shop: Project) -> None:
    shown = shop.run("preview", campaign(shop, SHIPPED)).out
    assert "Template: shipped (en_US, utility)" in shown
    assert "[ Track ] https://shop.example/t/4711" in shown
    assert "0.02 GBP" in shown
    sale = "whatsapp:\n  template: {name: sale, language: en, body: ['{{ order }}', 20%]}\n"
    assert "0.05 GBP" in shop.run("preview", campaign(shop, sale, name="s", purpose="marketing")).out


BODY = "body: ['{{ order }}', 20%]"
SHIPPED_AND = "name: shipped, language: en_US, "
PICTURE = "header: {image: 'https://a.example/'}, "
VALUES = "body: {first_name: a, order: b}, "
WRONG = {
    "unknown": ("name: sael, language: en", "has no template 'sael'", "did you mean sale?"),
    "another language": ("name: sale, language: fr", "does not exist in 'fr'", "it exists in de, en"),
    "paused": ("name: sale, language: de, body: [a]", "WhatsApp paused it", "a2pcli templates sync whatsapp"),
    "cannot be filled in": ("name: many, language: en", "carousel", ""),
    "too few values": ("name: sale, language: en, body: [a]", "is missing {{2}}", "it reads: Hi {{1}}"),
    "too many": ("name: sale, language: en, body: [a, b, c]", "no placeholder 3", "it has {{1}}, {{2}}"),
    "names for numbers": ("name: sale, language: en, body: {x: a}", "has no names", "give a list"),
    "numbers for names": (SHIPPED_AND + PICTURE + "body: [a, b], buttons: [c]",
                          "have names", "first_name, order"),
    "no such name": (SHIPPED_AND + PICTURE + "buttons: [c], body: {first_name: a, order: b, x: c}",
                     "no placeholder x", ""),
    "no picture": (SHIPPED_AND + VALUES + "buttons: [c]", "needs a URL: image", ""),
    "another kind of header": (SHIPPED_AND + PICTURE.replace("image", "video") + VALUES + "buttons: [c]",
                               "takes no 'video'", "add 'header: {image"),
    "no value for a button": (SHIPPED_AND + PICTURE + VALUES[:-2], "the button 'Track' of 'shipped' needs", ""),
    "no such button": ("name: sale, language: en, body: [a, b], buttons: {Go: x}", "no button 'Go'", ""),
    "an unknown column": ("name: sale, language: en, body: ['{{ nmae }}', b]", "unknown column 'nmae'", "'name'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_the_accounts_template_stops_the_plan_at_its_place(
    shop: Project, case: str
) -> None:
    given, said, hint = WRONG[case]
    file = campaign(shop, f"whatsapp:\n  template: {{{given}}}\n", purpose="marketing")
    for command in ("check", "plan"):
        done = shop.run(command, file)
        assert done.status == 3, done.err
        assert said in done.err
        assert hint in done.err
        assert "c.yaml:8:" in done.err
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("template", "purpose", "right"),
    [
        ("name: sale, language: en, body: [a, b]", "transactional", False),
        ("name: sale, language: en, body: [a, b]", "marketing", True),
        ("name: code, language: en, body: [a]", "marketing", False),
        ("name: code, language: en, body: [a]", "transactional", True),
    ],
)
def test_a_template_does_not_get_past_the_rules_of_its_category(
    shop: Project, template: str, purpose: str, right: bool
) -> None:
    done = shop.run("plan", campaign(shop, f"whatsapp:\n  template: {{{template}}}\n", purpose=purpose))
    assert (done.status == 0) is right, done.err
    assert ("the campaign's purpose is" in done.err) is not right


def test_the_wording_of_the_template_is_under_the_copy_rules(shop: Project) -> None:
    text = (shop.folder / "templates.whatsapp.yaml").read_text().replace(" Reply STOP to opt out.", "")
    shop.write("templates.whatsapp.yaml", text)
    sale = f"whatsapp:\n  template: {{name: sale, language: en, {BODY}}}\n"
    done = shop.run("check", campaign(shop, sale, purpose="marketing"))
    assert "no-opt-out" in done.err or "opt out" in done.err
    assert "c.yaml:8:20" in done.err  # of words of the template: where it is named


def wrote(project: Project, phone: str, hours: float, gateway: str = "outbox") -> None:
    at = datetime.fromtimestamp(now_ms() / 1000, UTC) - timedelta(
        hours=hours
    )  # of this test, not of the suite
    project.write("r.csv", f"phone,text,time\n{phone},hello there,{at:%Y-%m-%dT%H:%M:%SZ}\n")
    assert project.run("optout", "replies", "r.csv", "--gateway", gateway).status == 0


TEXT = "whatsapp:\n  text: 'Free {{ order }}'\n"


def test_a_free_text_goes_only_to_those_who_wrote_within_the_last_day(shop: Project) -> None:
    shop.write("a2pcli.yaml", "region: GB\nrates: rates.csv\ngateways:\n  other: {type: console}\n")
    wrote(shop, "+447400123456", 1)
    wrote(shop, "+447400123457", 23.7)  # too late to be answered in time
    wrote(shop, "+447400123458", 30)
    wrote(shop, "+447400123459", 1, gateway="other")  # by another gateway: that opens no window here
    file = campaign(shop, TEXT)
    assert "only people who wrote within the last 24 hours" in shop.run("check", file).err
    plan = shop.run("plan", file, "--json").json
    assert (plan["recipients"], plan["excluded"]) == (1, {"outside-window": 3})
    assert shop.run("send", file, "--yes").status == 0
    (only,) = written(shop)
    assert (only["to"], only["body"], only.get("content")) == ("+447400123456", "Free 4711", None)
    assert float(plan["cost"]["GBP"]) == 0


def test_whoever_is_outside_the_window_gets_the_template_where_there_is_one(shop: Project) -> None:
    wrote(shop, "+447400123456", 1)
    file = campaign(shop, SHIPPED + "  text: 'Free {{ order }}'\n  buttons: [{text: Yes!}, {text: No}]\n")
    assert shop.run("send", file, "--yes").status == 0
    anna, ben = written(shop)
    assert (anna["body"], anna["content"]) == ("Free 4711", {"buttons": [{"text": "Yes!"}, {"text": "No"}]})
    assert ben["content"]["template"]["name"] == "shipped"
    assert float(shop.run("report", "--json").json["cost"]["GBP"]) == 0.02  # the other one is free


def test_a_utility_template_is_free_in_the_window_and_marketing_never(shop: Project) -> None:
    wrote(shop, "+447400123456", 1)
    plan = shop.run("plan", campaign(shop, SHIPPED), "--json").json
    assert plan["cost"] == {"GBP": "0.02"}
    sale = f"whatsapp:\n  template: {{name: sale, language: en, {BODY}}}\n"
    plan = shop.run("plan", campaign(shop, sale, name="s", purpose="marketing"), "--json").json
    assert plan["cost"] == {"GBP": "0.20"}


def close_windows(project: Project) -> None:
    """As if two hours had gone by since people wrote."""
    with sqlite3.connect(project.folder / ".a2pcli" / "ledger.db") as ledger:
        assert ledger.execute("UPDATE replies SET at = at - 7200000").rowcount


def test_a_free_text_whose_window_closed_before_its_turn_does_not_leave(shop: Project) -> None:
    wrote(shop, "+447400123456", 23)
    wrote(shop, "+447400123457", 1)
    run = shop.run("plan", campaign(shop, TEXT), "--json").json["plan"]
    close_windows(shop)
    assert shop.run("send", "--plan", run, "--yes").status == 0
    assert [one["to"] for one in written(shop)] == ["+447400123457"]
    report = shop.run("report", run, "--json").json
    assert report["excluded"]["outside-window"] == 3
    told = " ".join(shop.run("explain", "+447400123456").out.split())
    assert "the 24 hours after the person wrote were over" in told
    assert shop.run("ledger", "check").status == 0


def test_the_plan_says_how_many_windows_may_close_before_their_turn(shop: Project) -> None:
    """Three free texts at one an hour: one window closes in between. Nothing is said where all leave in time."""
    for n, hours in enumerate((20, 22.7, 1)):
        wrote(shop, f"+44740012345{6 + n}", hours)
    shop.write("people.csv", PEOPLE.replace("Cid\tTab", "Cid"))
    file = campaign(shop, TEXT)
    settings = "region: GB\nrates: rates.csv\ngateways:\n  outbox: {type: outbox, rate: RATE}\n"
    for rate, told in (("1/min", 0), ("1/h", 1)):
        shop.write("a2pcli.yaml", settings.replace("RATE", rate))
        shown = shop.run("plan", file)
        said = "1 free text by whatsapp may have to wait until 24 hours after the person wrote have passed"
        assert shown.err.count(said) == told, shown.err


def test_a_template_leaves_whether_the_window_is_open_or_not(shop: Project) -> None:
    wrote(shop, "+447400123456", 23)
    run = shop.run("plan", campaign(shop, SHIPPED), "--json").json["plan"]
    close_windows(shop)
    assert shop.run("send", "--plan", run, "--yes").status == 0
    assert len(written(shop)) == 2


def test_whose_window_closed_gets_the_message_by_the_next_channel(shop: Project) -> None:
    """An answer that came in the meantime keeps the window open."""
    wrote(shop, "+447400123456", 23)
    wrote(shop, "+447400123457", 23.2)
    rates = (
        "channel,country,category,unit,price,currency\nsms,GB,,part,0.04,GBP\nwhatsapp,GB,,message,0.09,GBP\n"
    )
    shop.write("rates.csv", rates)
    channels = (
        "channels: {whatsapp: {}, sms: {sender: ACME}}\nfallback: {when: [rejected]}\nmessage: 'By SMS'"
    )
    file = campaign(shop, TEXT)
    shop.write(file, (shop.folder / file).read_text().replace("channel: whatsapp", channels))
    run = shop.run("plan", file, "--json").json["plan"]
    close_windows(shop)
    wrote(shop, "+447400123457", 0)
    assert shop.run("send", "--plan", run, "--yes").status == 0
    assert sorted((one["to"], one["body"]) for one in written(shop)) == [
        ("+447400123456", "By SMS"),
        ("+447400123457", "Free 4712"),
        ("+447400123458", "By SMS"),
        ("+447400123459", "By SMS"),
    ]
    assert shop.run("ledger", "check").status == 0


def test_a_template_that_changed_since_the_plan_is_another_campaign(shop: Project) -> None:
    file = campaign(shop, SHIPPED)
    plan = shop.run("plan", file, "--json").json
    text = (shop.folder / "templates.whatsapp.yaml").read_text().replace("is on its way", "has left")
    shop.write("templates.whatsapp.yaml", text)
    done = shop.run("send", file, "--plan", plan["plan"], "--yes")
    assert done.status != 0 or written(shop)[0]["body"].startswith("Hi Anna, your order 4711 is on its way")


def test_without_templates_or_with_two_files_of_them_the_campaign_says_what_to_do(shop: Project) -> None:
    file = campaign(shop, SHIPPED)
    (shop.folder / "templates.whatsapp.yaml").rename(shop.folder / "templates.a.yaml")
    shop.write("templates.b.yaml", TEMPLATES)
    done = shop.run("check", file)
    assert (done.status, "templates.a.yaml, templates.b.yaml" in done.err) == (3, True)
    (shop.folder / "templates.a.yaml").unlink()
    (shop.folder / "templates.b.yaml").unlink()
    done = shop.run("plan", file)
    assert (done.status, "a2pcli templates sync" in done.err) == (3, True)
    shop.write("t/mine.yaml", TEMPLATES)
    assert shop.run("plan", campaign(shop, SHIPPED + "  templates: t/mine.yaml\n")).status == 0


def test_an_old_file_of_templates_is_told(shop: Project) -> None:
    shop.write("templates.whatsapp.yaml", TEMPLATES.replace(f"{TODAY:%Y-%m-%d}", "2026-01-02"))
    assert "days ago (a2pcli templates sync whatsapp)" in shop.run("check", campaign(shop, SHIPPED)).err


def test_whatsapp_gets_each_message_once_and_a_paused_template_loses_nobody(shop: Project) -> None:
    settings = """\
region: GB
gateways:
  wa: {{type: whatsapp, phone_number_id: "106540352242922", access_token: t, base_url: "{url}"}}
"""
    paused = reply(400, {"error": {"code": 132015, "message": "+447400123456"}})
    taken = reply(200, {"messages": [{"id": "wamid.1"}]})
    file = campaign(shop, "gateway: wa\n" + SHIPPED)
    with Counterpart(paused) as there:
        shop.write("a2pcli.yaml", settings.format(url=there.url))
        done = shop.run("send", file, "--yes")
        assert done.status != 0
        assert "the template is paused" in done.err + done.out
        there.answer = taken
        there.received.clear()
        assert shop.run("send", file, "--yes").status == 0
        sent = [one.json for one in there.received]
    assert sorted(one["to"] for one in sent) == ["+447400123456", "+447400123457"]
    assert {one["template"]["name"] for one in sent} == {"shipped"}
    assert all(one["biz_opaque_callback_data"].startswith("r") for one in sent)
