"""Drafts of a campaign's text by a bot: measured and checked before anybody sees them, and nothing is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botkit import Bot, Reply, bot, completion
from clikit import CAMPAIGN, Project

TEXT = "Hi {{ first_name }}, 20% off until Sunday. Reply STOP to opt out"


def bots(server: Bot, more: str = "") -> str:
    return f'bots:\n  writer: {{url: "{server.url}", model: small{more}}}\n'


def proposes(*texts: str | dict[str, str]) -> dict[str, Any]:
    return completion(
        json.dumps({"variants": [{"text": one} if isinstance(one, str) else one for one in texts]})
    )


def told(server: Bot, at: int = 0) -> str:
    return str(server.got[at]["messages"])


def test_drafts_are_measured_and_those_that_change_the_facts_or_lose_the_opt_out_are_refused(
    project: Project,
) -> None:
    good = "{{ first_name }}: 20% off ends Sunday! Reply STOP to opt out"
    long = (
        "Hi {{ first_name }}, "
        + "our shop has very nice things for you, " * 4
        + "20% off until Sunday. Reply STOP to opt out"
    )
    refused = {
        "Hi {{ first_name }}, 30% off until Sunday. Reply STOP to opt out": "a number that the text does not have: 30",
        "Hi {{ first_name }}, 20% off https://evil.example/x. Reply STOP to opt out": "a link that the text does not",
        "Hi {{ surname }}, 20% off until Sunday. Reply STOP to opt out": "surname",
        "Hi {{ first_name, 20% off. Reply STOP to opt out": "",
        "Hi {{ first_name }}, 20% off until Sunday.": "no-opt-out",
        "{% for a in range(99999999) %}x{% endfor %} 20% Reply STOP to opt out": "",
    }
    with bot() as server:
        people = "mobile,first_name,plan\n07911123456,Ann,gold\n07911123457,Ben,silver\n"
        project.starter(people=people).write("replies.yaml", bots(server))
        assert project.run("ledger", "create").status == 0
        before = (project.folder / "sale.yaml").read_bytes()
        server.replies = [Reply(proposes(good, *refused, good)), Reply(proposes(long))]
        ran = project.run("draft", "sale.yaml", "--variants", "2", "--json")
        assert ran.status == 0, ran.err
        document = ran.json
        assert [one["text"] for one in document["drafts"]] == [good, long]
        first, second = document["drafts"]
        assert (first["least_parts"], first["most_parts"], first["encoding"]) == (1, 1, "GSM-7")
        assert first["prices"] == {"GBP": {"least": "0.04", "most": "0.04"}}
        assert first["example"] == "Ann: 20% off ends Sunday! Reply STOP to opt out"
        assert second["most_parts"] == 2
        assert second["prices"] == {"GBP": {"least": "0.08", "most": "0.08"}}
        assert any("longer than now" in note for note in second["notes"])
        assert [one["text"] for one in document["refused"]] == list(refused)
        for one in document["refused"]:
            assert refused[one["text"]] in one["why"], one
        assert len(server.got) == 2
        assert "a number that the text does not have: 30" in told(server, 1), (
            "it is told why, and asked once more"
        )
        assert (project.folder / "sale.yaml").read_bytes() == before
        assert project.outbox() == []
    for private in ("Ann", "Ben", "7911", "people.csv"):
        assert private not in told(server) + told(server, 1)
    assert "plan" in told(server), "the names of columns are told"
    runs = project.run("runs", "--json").json["runs"]
    actions = {one["action"] for one in project.run("audit", "list", "--all", "--json").json["entries"]}
    assert (runs, actions) == ([], {"ledger.create", "bot.ask", "bot.answer"})
    assert project.run("replies", "usage", "--json").json["bots"][0]["asked"] == 2


def test_a_draft_is_written_into_a_new_file_and_never_over_another(project: Project) -> None:
    commented = CAMPAIGN.replace("message:", "# the offer\nmessage:") + "# the end\n"
    lines = "{{ first_name }}: 20% off\nends Sunday: #soon\nReply STOP to opt out"
    with bot() as server:
        project.starter(campaign=commented).write("replies.yaml", bots(server))
        server.says = lambda _: proposes(lines, TEXT + "!")
        ran = project.run("draft", "sale.yaml", "--variants", "2", "--out", "new.yaml")
        assert ran.status == 0, ran.err
        written = (project.folder / "new.yaml").read_text()
        assert written == commented.replace(
            f'"{TEXT}"', "|-\n  {{ first_name }}: 20% off\n  ends Sunday: #soon\n  Reply STOP to opt out"
        )
        assert project.run("check", "new.yaml").status == 0
        for out, why in (
            ("new.yaml", "not overwritten"),
            ("/tmp/x.yaml", "into the folder of"),
            ("x.txt", ".yaml"),
        ):
            again = project.run("draft", "sale.yaml", "--out", out)
            assert (again.status, why in again.err) == (2, True), again
        beyond = project.run("draft", "sale.yaml", "--variants", "2", "--out", "x.yaml", "--pick", "3")
        assert (beyond.status, "only 2 drafts are asked for" in beyond.err) == (2, True), beyond
        assert len(server.got) == 1, "what cannot be written is not asked for"
        picked = project.run("draft", "sale.yaml", "--variants", "2", "--out", "other.yaml", "--pick", "2")
        assert picked.status == 0
        assert f'message: "{TEXT}!"' in (project.folder / "other.yaml").read_text()


def test_an_email_is_drafted_with_its_subject(project: Project) -> None:
    campaign = CAMPAIGN.replace("purpose: marketing", "purpose: transactional\nchannel: email")
    campaign += 'email:\n  subject: "20% off, {{ first_name }}"\n'
    people = "email,first_name\nann@acme.example,Ann\n"
    with bot() as server:
        project.starter(campaign=campaign, people=people).write("replies.yaml", bots(server))
        server.says = lambda _: proposes({"subject": "{{ first_name }}: 20% off", "text": TEXT + "."})
        ran = project.run("draft", "sale.yaml", "--variants", "1", "--json")
        assert ran.status == 0, ran.err
        assert ran.json["drafts"][0]["subject"] == "{{ first_name }}: 20% off"
        assert ran.json["drafts"][0]["least_parts"] is None


def test_of_an_email_that_is_all_html_the_subject_is_drafted(project: Project) -> None:
    campaign = CAMPAIGN.replace("purpose: marketing", "purpose: transactional\nchannel: email")
    campaign = campaign.replace(f'message: "{TEXT}"\n', "")
    campaign += 'email:\n  subject: "20% off, {{ first_name }}"\n  html: "<p>Hi {{ first_name }}</p>"\n'
    with bot() as server:
        project.starter(campaign=campaign, people="email,first_name\nann@acme.example,Ann\n")
        project.write("replies.yaml", bots(server))
        server.says = lambda _: proposes("Only now: 20% off")
        ran = project.run("draft", "sale.yaml", "--variants", "1", "--json")
        assert ran.status == 0, ran.err
        assert (ran.json["text"], ran.json["drafts"][0]["text"]) == ("email.subject", "Only now: 20% off")
        assert ran.json["drafts"][0]["notes"] == ["it does not have {{ first_name }} any more"]


def test_a_text_of_several_channels_is_measured_for_each(project: Project) -> None:
    campaign = CAMPAIGN.replace("purpose: marketing", "purpose: transactional\nchannels: [email, sms]")
    campaign += "email: {subject: Sale}\n"
    people = "mobile,email,first_name\n07911123456,ann@acme.example,Ann\n07911123457,,Ben\n"
    with bot() as server:
        project.starter(campaign=campaign, people=people).write("replies.yaml", bots(server))
        server.says = lambda _: proposes({"subject": "Sale!", "text": TEXT + "."})
        ran = project.run("draft", "sale.yaml", "--variants", "1", "--json")
        assert ran.status == 0, ran.err
        assert ran.json["channels"] == ["email", "sms"]
        assert (ran.json["now"]["messages"], ran.json["now"]["most_parts"]) == (3, 1)
        assert ran.json["drafts"][0]["subject"] == "Sale!"


def test_a_campaign_with_several_texts_asks_which_one(project: Project) -> None:
    campaign = CAMPAIGN.replace(
        f'message: "{TEXT}"\n', f'variants:\n  a: {{message: "{TEXT}"}}\n  b: {{message: "{TEXT} now"}}\n'
    )
    with bot() as server:
        project.starter(campaign=campaign).write("replies.yaml", bots(server))
        asked = project.run("draft", "sale.yaml")
        assert (asked.status, "variants.a.message, variants.b.message" in asked.err) == (2, True)
        server.says = lambda _: proposes(TEXT + "!")
        ran = project.run("draft", "sale.yaml", "--text", "variants.b.message", "--variants", "1", "--json")
        assert [one["text"] for one in ran.json["drafts"]] == [TEXT + "!"]
        assert ran.json["now"]["text"] == f"{TEXT} now"


@pytest.mark.parametrize(
    ("reply", "status", "why"),
    [
        (Reply(completion("Here you are: nothing.")), 4, "nothing that can be used"),
        (Reply(completion('{"variants": {"text": 1}}')), 4, "nothing that can be used"),
        (
            Reply(completion('```json\n["", 5, null, {"text": []}, {"x": "y"}]\n```')),
            4,
            "nothing that can be used",
        ),
        (Reply(b"{}", 500), 5, "it answered 500"),
        (Reply("<html>", headers={"Content-Type": "text/html"}), 5, "no JSON"),
    ],
)
def test_a_bot_that_gives_no_drafts_is_told_in_a_sentence(
    project: Project, reply: Reply, status: int, why: str
) -> None:
    with bot() as server:
        project.starter().write("replies.yaml", bots(server, ", timeout: 5"))
        server.says = lambda _: reply
        ran = project.run("draft", "sale.yaml")
    assert (ran.status, why in ran.out + ran.err) == (status, True), ran


def test_a_draft_over_the_budget_is_not_asked_for(project: Project) -> None:
    with bot() as server:
        project.starter().write("replies.yaml", bots(server, ", budget: {tokens_per_day: 100}"))
        assert project.run("ledger", "create").status == 0
        ran = project.run("draft", "sale.yaml")
        assert (ran.status, "budget of 100 tokens a day" in ran.err, server.got) == (6, True, [])
