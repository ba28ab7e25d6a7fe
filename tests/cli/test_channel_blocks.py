"""The block of a channel: its templates are checked and rendered as the message is, and what comes out is frozen,
shown, written and forgotten with it."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from clikit import Project

CAMPAIGN = """\
name: alerts
objective: Tell people of power cuts
purpose: transactional
channel: telegram
contacts: people.csv
message: "Power cut in {{ town }}, {{ name }}."
telegram:
  photo: "https://maps.example/{{ code }}.png"
  buttons:
    - {text: "See the map", url: "https://maps.example/{{ code }}"}
    - [{text: "Help", url: "{{ help | default('') }}"}, {text: "News", url: "https://news.example/"}]
"""
PEOPLE = """\
name,telegram,town,code,help
Anna,700100200,York,a1,https://help.example/
"Ben ""x"" <b>",123456,Leeds,b2,
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("c.yaml", CAMPAIGN)
    project.write("people.csv", PEOPLE)
    project.write("a2pcli.yaml", "region: GB\nconsent: assumed\n")
    assert project.run("ledger", "create").status == 0
    return project


def marked(project: Project, mode: str, text: str, people: str = PEOPLE) -> None:
    block = f"telegram:\n  parse_mode: {mode}\n  text: |\n    " + text.replace("\n", "\n    ") + "\n"
    project.write("c.yaml", CAMPAIGN[: CAMPAIGN.index("telegram:\n")] + block)
    project.write("people.csv", people)


def test_each_person_gets_the_block_with_their_own_values(project: Project) -> None:
    assert project.run("send", "c.yaml", "--yes").status == 0
    anna, ben = project.outbox()
    assert anna["body"] == "Power cut in York, Anna."
    assert anna["content"] == {
        "photo": "https://maps.example/a1.png",
        "buttons": [
            [{"text": "See the map", "url": "https://maps.example/a1"}],
            [
                {"text": "Help", "url": "https://help.example/"},
                {"text": "News", "url": "https://news.example/"},
            ],
        ],
    }
    # A button whose URL came out empty is not there for that person.
    assert ben["content"]["buttons"][1] == [{"text": "News", "url": "https://news.example/"}]


def test_preview_plan_and_explain_show_pictures_and_buttons(project: Project) -> None:
    ran = project.run("preview", "c.yaml")
    assert "Picture: https://maps.example/a1.png" in ran.out
    assert "[ Help ] https://help.example/  [ News ] https://news.example/" in ran.out
    plan = project.run("plan", "c.yaml", "--json").json
    assert plan["samples"][0]["content"]["photo"] == "https://maps.example/a1.png"
    buttons = "[ Help ] https://help.example/ [ News ] https://news.example/"
    test = ("send", "c.yaml", "--test-to", "telegram:700100200", "--yes")
    for words in (("plan", "c.yaml"), ("explain", "telegram:700100200"), test):
        assert buttons in " ".join(project.run(*words).out.split()), words
    explained = project.run("explain", "telegram:700100200", "--json").json
    assert explained["messages"][0]["content"]["photo"] == "https://maps.example/a1.png"


def test_a_changed_block_is_told_before_an_older_plan_is_sent(project: Project) -> None:
    plan = project.run("plan", "c.yaml", "--json").json["plan"]
    project.write("c.yaml", CAMPAIGN.replace("See the map", "Look"))
    told = project.run("send", "c.yaml", "--plan", plan, "--yes")
    assert "telegram.buttons.0.0.text" in told.out + told.err


def test_the_block_is_forgotten_with_the_person(project: Project) -> None:
    assert project.run("plan", "c.yaml").status == 0
    assert "maps.example/a1" in project.run("people", "export", "telegram:700100200").out
    assert project.run("people", "erase", "telegram:700100200", "--yes").status == 0
    assert "maps.example/a1" not in project.run("people", "export", "telegram:700100200").out
    assert "maps.example/a1" not in project.run("explain", "telegram:700100200").out


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{{ code }}.png", "{{ cod }}.png", "c.yaml:8:35: unknown column 'cod' (did you mean 'code'?)"),
        ("https://maps.example/{{ code }}\"}", "{{ code }}\"}", "'telegram.buttons' is not a URL"),
        ("channel: telegram", "channel: sms", "c.yaml:7:1: 'telegram' does not apply to sms"),
        ("photo:", "foto:", "c.yaml:8:3: unknown key 'foto'"),
        ("telegram:\n", "telegram:\n  parse_mode: HTML\n", "c.yaml:8:3: 'parse_mode' needs 'text'"),
        ("text: \"See the map\", ", "", "c.yaml:10:7: 'text' is missing under"),
    ],
)  # fmt: skip
def test_check_says_what_is_wrong_and_where(project: Project, old: str, new: str, told: str) -> None:
    assert old in CAMPAIGN
    project.write("c.yaml", CAMPAIGN.replace(old, new))
    ran = project.run("check", "c.yaml")
    assert told in ran.out + ran.err


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html;x",
        "//evil.example",
        "https://a b",
        "ftp://x",
        "https://u@evil",
        "x",
    ],
)
def test_no_cell_becomes_a_link_that_is_no_web_address(project: Project, link: str) -> None:
    project.write("people.csv", f"name,telegram,town,code,help\nAnna,700100200,York,a1,{link}\n")
    row = project.run("preview", "c.yaml", "--row", "2", "--json").json["rows"][0]
    assert (row["reason"], row["content"]) == ("template-error", None)
    assert "'telegram.buttons' is" in row["detail"]


def test_cells_never_become_markup(project: Project) -> None:
    name = '<a href=""https://evil"">x</a> *b* [c](https://d) `e` _f_ \\'
    people = f'name,telegram,town,code,help\n"{name}",1234,York & co,,\n'
    for mode, text, shown in (
        ("HTML", "<b>Hi</b> {{ name }} in {{ town }}", "Hi"),
        ("MarkdownV2", "*Hi* {{ name }} in {{ town }}", "Hi"),
    ):
        marked(project, mode, text, people)
        (row,) = project.run("preview", "c.yaml", "--json").json["rows"]
        assert row["reason"] is None, row
        assert (
            row["body"] == shown + ' <a href="https://evil">x</a> *b* [c](https://d) `e` _f_ \\ in York & co'
        )
        assert row["content"]["parse_mode"] == mode


@pytest.mark.parametrize(
    ("mode", "text", "told"),
    [
        ("HTML", "<p>Hi</p>", "Telegram has no tag <p>"),
        ("HTML", "<b>Hi", "the tag <b> is not closed"),
        ("HTML", "<b><i>Hi</b></i>", "the tag </b> closes nothing"),
        ("HTML", '<a href="javascript:x">Hi</a>', "'telegram.text' is not a URL"),
        ("HTML", "Hi &nbsp; you", "Telegram does not know &nbsp;"),
        ("HTML", "1 < 2", "'<' in the text must be written as &lt;"),
        ("HTML", "{{ name | safe }}", "safe"),
        ("MarkdownV2", "Hi.", "'.' needs a backslash before it"),
        ("MarkdownV2", "*Hi", "'*' is not closed"),
        ("MarkdownV2", "*_Hi*_", "is not closed before '*'"),
        ("MarkdownV2", "[Hi](javascript:x)", "'telegram.text' is not a URL"),
        ("MarkdownV2", "```Hi", "'```' is not closed"),
    ],
)
def test_markup_that_telegram_would_refuse_is_told_by_check(
    project: Project, mode: str, text: str, told: str
) -> None:
    marked(project, mode, text)
    ran = project.run("check", "c.yaml")
    assert told in ran.out + ran.err


def test_a_text_over_the_channels_limit_drops_the_row(project: Project) -> None:
    town = "x" * 5_000
    project.write("c.yaml", CAMPAIGN[: CAMPAIGN.index("telegram:\n")])
    project.write("people.csv", f"name,telegram,town,code\nAnna,1234,{town},a\nBen,5678,York,b\n")
    plan = project.run("plan", "c.yaml", "--json").json
    assert plan["excluded"] == {"too-long": 1}
    checked = project.run("check", "c.yaml")
    assert "1 of 2 messages has more than 4,096 characters and would be excluded" in checked.out + checked.err


def test_the_text_of_a_picture_has_a_limit_of_its_own(project: Project) -> None:
    project.write("people.csv", f"name,telegram,town,code,help\nAnna,1234,{'x' * 1_100},a,\n")
    row = project.run("preview", "c.yaml", "--row", "2", "--json").json["rows"][0]
    assert row["reason"] == "too-long"
    assert "the text of a Telegram picture has at most 1,024" in row["detail"]


def test_a_block_may_hold_the_only_text(project: Project) -> None:
    project.write(
        "c.yaml",
        "name: x\nobjective: y\npurpose: transactional\nchannel: sms\ncontacts: people.csv\nsms:\n"
        '  text: "Power cut, {{ name }}"\n',
    )
    project.write("people.csv", "name,phone\nAnna,+447400123456\n")
    assert project.run("send", "c.yaml", "--yes").status == 0
    (message,) = project.outbox()
    assert (message["body"], message.get("content")) == ("Power cut, Anna", None)


def test_an_mms_has_a_subject_and_files_of_each_person(project: Project) -> None:
    project.write(
        "c.yaml",
        "name: x\nobjective: y\npurpose: transactional\nchannel: mms\ncontacts: people.csv\nmessage: Your ticket\n"
        'mms:\n  subject: "Ticket of {{ name }}"\n  media:\n'
        '    - {url: "https://tickets.example/{{ code }}.png", size: 340 kB}\n'
        "    - {url: https://tickets.example/terms.pdf}\n",
    )
    project.write("people.csv", "name,phone,code\nAnna,+447400123456,a1\n")
    assert project.run("send", "c.yaml", "--yes").status == 0
    (message,) = project.outbox()
    assert message["media"] == ["https://tickets.example/a1.png", "https://tickets.example/terms.pdf"]
    assert message["content"] == {
        "subject": "Ticket of Anna",
        "media": [
            {"url": "https://tickets.example/a1.png", "type": "image/png", "size": 340_000},
            {"url": "https://tickets.example/terms.pdf", "type": "application/pdf"},
        ],
    }


def test_contents_are_json_whatever_is_in_a_cell(project: Project) -> None:
    nasty = 'a"}],"x":[{\'\\'
    project.write("c.yaml", CAMPAIGN.replace('"See the map"', '"See {{ name }}"'))
    cell = nasty.replace('"', '""')
    project.write("people.csv", f'name,telegram,town,code,help\n"{cell}",1234,York,a,\n')
    row = json.loads(project.run("preview", "c.yaml", "--json").out)["rows"][0]
    assert row["content"]["buttons"][0] == [{"text": f"See {nasty}", "url": "https://maps.example/a"}]
    assert set(row["content"]) == {"photo", "buttons"}


def test_the_starter_alert_goes_through_the_outbox(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for file in ("telegram_alert.yaml", "telegram_subscribers.csv"):
        project.write(file, (Path(__file__).parents[2] / "campaigns" / file).read_bytes())
    assert project.run("ledger", "create").status == 0
    checked = project.run("check", "telegram_alert.yaml")
    assert (checked.status, checked.err.strip()) == (0, "1 campaign checked: 0 errors, 0 warnings")
    assert project.run("send", "telegram_alert.yaml", "--yes").status == 0
    assert [one["body"].splitlines()[1] for one in project.outbox()] == [
        "Hello Amelia, we expect it back at about 18:30.",
        "Hello there, we expect it back at about 19:00.",
    ]
    assert [one["to"] for one in project.outbox()] == ["telegram:123456789", "telegram:234567891"]


def test_every_message_can_be_opened_as_a_page_that_runs_nothing(project: Project) -> None:
    project.write("people.csv", 'name,telegram,town,code,help\n"<script>x</script>",1234,York,a,\n')
    assert project.run("preview", "c.yaml", "--out", "page.html").status == 0
    page = (project.folder / "page.html").read_text()
    assert '<img src="https://maps.example/a.png"' in page
    assert "Power cut in York, &lt;script&gt;x&lt;/script&gt;." in page
    assert '<a href="https://news.example/" rel="noreferrer noopener">News</a>' in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("channel", "text", "characters", "limits"),
    [
        ("telegram", "a😀", 3, "text 4096, text below a picture 1024, button 64"),
        ("telegram", "x" * 2_000, 2_000, "text 4096, text below a picture 1024 no, button 64 no"),
        (
            "messenger",
            "x" * 2_001,
            2_001,
            "text 2000 no, text with buttons 640 no, first line beside a picture 80 no,"
            " the rest beside a picture 80 no, button 20 no",
        ),
        ("viber", "x", 1, "text 1000, text below a picture 768, button 30"),
        ("viber_business", "x", 1, "text 1000, text below a picture 1000, button 30"),
        ("mms", "x", 1, "text 1600, subject 40"),
        (
            "whatsapp",
            "x",
            1,
            "text 4096, text below a picture 1024, text with buttons, or of a template 1024, header of a template 60,"
            " button 20",
        ),
        ("rcs", "x" * 26, 26, "text 3072, title of a card 200, description of a card 2000, suggestion 25 no"),
        ("email", "x", 1, ""),
    ],
)
def test_count_says_characters_against_the_channels_limits(
    tmp_path: Path, channel: str, text: str, characters: int, limits: str
) -> None:
    document = Project(tmp_path).run("count", "--channel", channel, text, "--json").json
    assert document["characters"] == characters
    said = (f"{one['what']} {one['most']}{'' if one['fits'] else ' no'}" for one in document["limits"])
    assert ", ".join(said) == limits


def test_count_says_why_a_text_has_more_characters_than_one_sees(tmp_path: Path) -> None:
    assert (
        "3 characters (an emoji counts two)" in Project(tmp_path).run("count", "--channel", "rcs", "a😀").out
    )
    assert "2 characters\n" in Project(tmp_path).run("count", "--channel", "rcs", "aé").out


def test_count_knows_which_channels_there_are(tmp_path: Path) -> None:
    ran = Project(tmp_path).run("count", "--channel", "fax", "x")
    assert ran.status == 2
    assert "--channel fax: one of sms, mms, email" in ran.err


@pytest.mark.parametrize(
    ("type", "settings", "to", "sent"),
    [
        ("telegram", 'bot_token: "1:x"', "telegram:123456", '"chat_id": 123456'),
        ("messenger", 'page_id: "106540352242922", page_token: x', "47114711", '"id": "47114711"'),
        ("viber", "auth_token: x, name: Shop", "01234567890A=", '"receiver": "01234567890A="'),
    ],
)
def test_a_gateway_is_tried_with_an_address_of_its_channel(
    project: Project, type: str, settings: str, to: str, sent: str
) -> None:
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(
                json.dumps(json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}"))
            )
            self.do_GET()

        def do_GET(self) -> None:
            bot = {"ok": True, "result": {"is_bot": True, "message_id": 1}, "status": 0, "message_token": 1}
            body = json.dumps({**bot, "id": "106540352242922", "message_id": "m_1"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    project.write("a2pcli.yaml", f"gateways:\n  {type}: {{{settings}, base_url: '{url}'}}\n")
    try:
        ran = project.run("gateways", "test", type, "--to", to, "--yes")
        wrong = project.run("gateways", "test", type, "--to", "+447", "--yes")
    finally:
        server.shutdown()
    assert ran.status == 0, ran.err
    assert sent in asked[-1]
    assert (wrong.status, "invalid-address" in wrong.err) == (2, True)
