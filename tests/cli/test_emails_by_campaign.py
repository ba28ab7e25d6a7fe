"""Emails of a campaign file: checked, previewed, frozen, written, sent by SMTP, forgotten."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
import readykit
from clikit import Project

from a2pcli.config.retention import Retention
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger

sys.path.append(str(Path(__file__).parents[1] / "gateways"))
from smtpkit import Relay

CAMPAIGN = """\
name: news
objective: Tell people of the sale
purpose: marketing
channel: email
contacts: people.csv
sender: "Shop <news@shop.example>"
email:
  subject: "{{ name }}, 20% off"
  html: news.html
  preheader: Only this week
  unsubscribe: {url: "https://shop.example/u?{{ code }}"}
  attachments: [terms.txt]
"""
HTML = """\
<!DOCTYPE html>
<html><head><style>p { color: red } @media (max-width: 600px) { p { color: blue } }</style></head>
<body><p>Hi {{ name }}, only until Sunday</p>
<table>{% for item in ['tea', 'cake'] %}<tr><td>{{ item }}</td></tr>{% endfor %}</table>
<p>Shop Ltd, 12 High Street, Springfield, IL 62701. <a href="https://shop.example/u?{{ code }}">Unsubscribe</a></p>
</body></html>
"""
PEOPLE = """\
name,email,code
Anna,Anna@Example.com,a1
"Ben <b>
Bcc: evil@example.com",ben@example.com,b2
,cid@example.com,c3
"""


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("news.yaml", CAMPAIGN)
    project.write("news.html", HTML)
    project.write("terms.txt", "Terms")
    project.write("people.csv", PEOPLE)
    project.write("a2pcli.yaml", "region: GB\nconsent: assumed\n")
    assert project.run("ledger", "create").status == 0
    return project


def test_the_outbox_gets_subject_html_and_the_text_made_of_it(shop: Project) -> None:
    assert shop.run("check", "news.yaml").status == 0
    assert shop.run("send", "news.yaml", "--yes").status == 0
    anna, ben = shop.outbox()
    content = anna["content"]
    assert (content["subject"], content["preheader"], content["from_name"]) == (
        "Anna, 20% off",
        "Only this week",
        "Shop",
    )
    assert '<p style="color: red;">Hi Anna' in content["html"]
    assert "<td>tea</td>" in content["html"]
    assert "@media" in content["html"]
    assert content["unsubscribe"] == {"url": "https://shop.example/u?a1", "one_click": True}
    assert content["attachments"] == [
        {
            "file": str((shop.folder / "terms.txt").resolve()), "name": "terms.txt", "type": "text/plain", "size": 5,
            "sha256": sha256(b"Terms").hexdigest(),
        }
    ]  # fmt: skip
    assert anna["sender"] == "news@shop.example"
    assert anna["body"].startswith("Hi Anna, only until Sunday")
    assert "Unsubscribe (https://shop.example/u?a1)" in anna["body"]
    assert "Only this week" not in anna["body"]
    # No cell adds a tag or a header.
    assert ben["content"]["subject"] == "Ben <b> Bcc: evil@example.com, 20% off"
    assert "Hi Ben &lt;b&gt;" in ben["content"]["html"]


def test_preview_plan_and_explain_show_the_subject(shop: Project) -> None:
    ran = shop.run("preview", "news.yaml")
    assert "Subject: Anna, 20% off" in ran.out
    assert "Attachment: terms.txt (text/plain, 5 bytes)" in ran.out
    (row,) = shop.run("preview", "news.yaml", "--json").json["rows"]
    assert row["content"]["subject"] == "Anna, 20% off"
    plan = shop.run("plan", "news.yaml", "--json", "--out", "rows.jsonl").json
    assert plan["samples"][0]["content"]["subject"] == "Anna, 20% off"
    assert "html" not in plan["samples"][0]["content"]
    rows = [json.loads(line) for line in (shop.folder / "rows.jsonl").read_text().splitlines()]
    assert json.loads(rows[0]["content"])["subject"] == "Anna, 20% off"
    assert rows[2]["content"] is None
    explained = shop.run("explain", "anna@example.com", "--json").json
    assert explained["messages"][0]["content"]["subject"] == "Anna, 20% off"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("news.html", "Hi {{ name }}", "Hi {{ nmae }}", "news.html:3:16: unknown column 'nmae' (did you mean 'name'?)"),
        ("news.html", "{% endfor %}", "", "news.html:"),
        ("news.yaml", "html: news.html", "html: nwes.html", "news.yaml:9:9: no file 'nwes.html'"),
        ("news.yaml", "[terms.txt]", "[trems.txt]", "news.yaml:12:17: no file 'trems.txt' (did you mean 'terms.txt'?)"),
        ("news.yaml", "preheader:", "headers: {Bcc: a@b.example}\n  preheader:", "the header 'Bcc' cannot be set here"),
        ("news.yaml", "channel: email", "channel: sms", "'email' does not apply to sms"),
        ("news.yaml", "{{ name }}, 20%", "{{ name | uper }}, 20%", "news.yaml:8:"),
        ("news.html", "<td>{{ item }}", "<td class={{ item }}>{{ item }}", "without quotation marks"),
        ("news.html", "<p>Hi", "<p>" + "x" * 103_000 + "</p><p>Hi", "Gmail hides everything beyond 102 kB"),
        ("news.html", "{{ name }}", "{{ name | safe }}", "'safe' inserts cells into the HTML"),
    ],
)  # fmt: skip
def test_check_tells_what_is_wrong_with_an_email_at_its_place(
    shop: Project, file: str, old: str, new: str, told: str
) -> None:
    path = shop.folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    ran = shop.run("check", "news.yaml")
    assert told in ran.err + ran.out


def test_variants_have_their_own_subject_and_html(shop: Project) -> None:
    own = "{html: '<p>B {{ name }}</p>', message: 'text {{ name }}'}"
    variants = f"variants:\n  a: {{subject: 'A {{{{ name }}}}'}}\n  b: {own}\n"
    shop.write("news.yaml", CAMPAIGN + variants)
    people = "".join(f"P{number},p{number}@example.com,c\n" for number in range(60))
    shop.write("people.csv", "name,email,code\n" + people)
    assert shop.run("send", "news.yaml", "--yes").status == 0
    arms = Counter(one["content"]["subject"][0] + one["body"][:4] for one in shop.outbox())
    assert set(arms) == {"AHi P", "Ptext"}


def test_a_plan_changed_in_the_ledger_is_not_sent_and_one_whose_html_was_edited_is_told(
    shop: Project,
) -> None:
    plan = shop.run("plan", "news.yaml", "--json").json
    shop.write("news.html", HTML.replace("Sunday", "Monday"))
    again = shop.run("plan", "news.yaml", "--json").json
    assert plan["digest"] != again["digest"]
    subject = CAMPAIGN.replace("20% off", "30% off")
    shop.write("news.yaml", subject)
    assert shop.run("plan", "news.yaml", "--json").json["digest"] != again["digest"]


def test_what_is_erased_leaves_no_byte_of_the_email(shop: Project) -> None:
    shop.write(
        "people.csv", "name,email,code\nZacharina,zacharina@example.com,z1\nAnna,anna@example.com,a1\n"
    )
    assert shop.run("send", "news.yaml", "--yes").status == 0
    exported = shop.run("people", "export", "zacharina@example.com")
    assert "Zacharina, 20% off" in exported.out
    assert shop.run("people", "erase", "zacharina@example.com", "--yes").status == 0
    for path in shop.folder.rglob("*"):
        if path.is_file() and path.name != "people.csv":
            assert b"Zacharina" not in path.read_bytes(), path
    assert "Anna, 20% off" in shop.run("explain", "anna@example.com").out


def test_the_starter_newsletter_goes_through_the_outbox(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for file in ("newsletter.yaml", "newsletter.html", "newsletter_subscribers.csv"):
        project.write(file, (Path(__file__).parents[2] / "campaigns" / file).read_bytes())
    project.write("a2pcli.yaml", "consent: assumed\n")
    assert project.run("ledger", "create").status == 0
    assert project.run("check", "newsletter.yaml").status == 0
    page = project.run("preview", "newsletter.yaml", "--out", "page.html")
    assert page.status == 0
    assert "Hello Amelia" in (tmp_path / "page.html").read_text()
    assert project.run("send", "newsletter.yaml", "--yes").status == 0
    subjects = [one["content"]["subject"] for one in project.outbox()]
    assert subjects == [f"{name}, here is what is new this month" for name in ("Amelia", "Oliver", "Hello")]
    assert all(
        "<style>" in one["content"]["html"] for one in project.outbox()
    )  # only what depends on the screen
    assert "To unsubscribe, write to unsubscribe@example.com" in project.outbox()[0]["body"]


def test_a_preview_never_replaces_the_campaigns_own_html(shop: Project) -> None:
    ran = shop.run("preview", "news.yaml", "--out", "news.html")
    assert ran.status == 2
    assert (shop.folder / "news.html").read_text() == HTML
    assert shop.run("preview", "news.yaml", "--out", "x.txt").status == 2


def test_what_retention_deletes_leaves_no_byte_of_the_email(shop: Project) -> None:
    shop.write("people.csv", "name,email,code\nZacharina,zacharina@example.com,z1\n")
    assert shop.run("send", "news.yaml", "--yes").status == 0
    (shop.folder / ".a2pcli" / "outbox.jsonl").unlink()
    with Ledger.open(str(shop.folder / ".a2pcli" / "ledger.db")) as ledger:
        (step,) = ledger.people.prune(Retention(), now=now_ms() + 100 * 86_400_000).steps
        assert (step.what, step.rows) == ("texts", 1)
        ledger.rewrite()
        ((columns),) = ledger.messages.columns(ledger.runs.all()[0])
        assert (columns["body"], columns["content"]) == ([None], [None])
    for path in (shop.folder / ".a2pcli").iterdir():
        assert not path.is_file() or b"Zacharina" not in path.read_bytes(), path


def _smtp(shop: Project, relay: Relay, **more: str) -> None:
    lines = {"host": "127.0.0.1", "port": str(relay.port), "tls": "none", **more}
    block = "".join(f"    {key}: {value}\n" for key, value in lines.items())
    shop.write("a2pcli.yaml", f"region: GB\nconsent: assumed\ngateway: smtp\ngateways:\n  smtp:\n{block}")


def test_the_relay_gets_each_email_once_and_a_changed_attachment_stops_the_run(shop: Project) -> None:
    with Relay() as relay:
        _smtp(shop, relay)
        run = shop.run("plan", "news.yaml", "--json").json["plan"]
        shop.write("terms.txt", "Other")
        ran = shop.run("send", "news.yaml", "--plan", run, "--yes")
        assert ran.status not in (0, 4)
        assert "changed after the plan" in ran.out + ran.err
        assert relay.handler.taken == []
        shop.write("terms.txt", "Terms")
        shop.run("send", "news.yaml", "--plan", run, "--yes")
        assert sorted(relay.handler.recipients()) == ["Anna@example.com", "ben@example.com"]
        (first, _) = sorted(relay.handler.messages(), key=lambda one: str(one["To"]))
    assert first["Subject"] == "Anna, 20% off"
    assert next(first.iter_attachments()).get_content() == "Terms"


def test_killed_in_the_middle_nobody_gets_it_twice(shop: Project) -> None:
    people = "".join(f"P{number},p{number}@example.com,c\n" for number in range(300))
    shop.write("people.csv", "name,email,code\n" + people)
    with Relay() as relay:
        relay.handler.pause = 0.01
        _smtp(shop, relay, concurrency="5")
        run = shop.run("plan", "news.yaml", "--json").json["plan"]
        command = ["send", "news.yaml", "--plan", run, "--yes"]
        for many in (40, 120):
            with readykit.begin(
                *command, cwd=shop.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as sender:
                until = time.monotonic() + 20
                while len(relay.handler.taken) < many and time.monotonic() < until:
                    time.sleep(0.01)
                os.kill(sender.pid, signal.SIGKILL)
        relay.handler.pause = 0
        shop.run("send", "news.yaml", "--plan", run, "--yes")
        got = Counter(relay.handler.recipients())
    assert max(got.values()) == 1
    unknown = sum(one["state"] == "unknown" for one in rows_of(shop))
    assert len(got) + unknown >= 300
    assert unknown <= 20  # what was on its way when the sender was killed


def rows_of(shop: Project) -> list[dict[str, str]]:
    """The run's rows."""
    (run,) = shop.run("runs", "--json").json["runs"]
    assert shop.run("report", run["run"], "--csv", "report.csv").status in (0, 4)
    with (shop.folder / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
