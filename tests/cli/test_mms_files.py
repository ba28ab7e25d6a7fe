"""The files of an MMS: what ``check`` knows of their kinds and sizes, and what it asks of their servers if told to."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from clikit import Project

MMS = """\
name: x
objective: y
purpose: transactional
channel: mms
contacts: people.csv
message: Your ticket
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("a2pcli.yaml", "region: GB\nconsent: assumed\n")
    return project


def file(name: str, size: str | None = None) -> str:
    return f"mms:\n  media:\n    - url: https://a.example/{name}\n" + (
        f"      size: {size}\n" if size else ""
    )


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (file("{{ code }}.png", "700 kB"), "c.yaml:8:3: warning: the files have 700 kB"),
        (file("{{ code }}"), "c.yaml:8:3: warning: the end of the URL does not tell"),
        (file("a.exe"), "phones do not show application/"),
        (file("a.png", "6 MB"), "have 6.0 MB; an MMS has at most 5.0 MB"),
        (file("a.png", "big"), "c.yaml:10:13: 'big' is not a size"),
        ("media: [https://a.example/a.svg]\n", "c.yaml:7:9: warning: phones do not show image/svg+xml in an MMS"),
        ("media: [https://a.example/a]\nmms:\n  media: [{url: https://a.example/b.png}]\n", "'media' is there twice"),
        ("mms:\n  subject: " + "x" * 41 + "\n", "41 characters; 'mms.subject' has at most 40"),
    ],
)  # fmt: skip
def test_check_knows_kinds_and_sizes_of_an_mms(project: Project, block: str, told: str) -> None:
    project.write("c.yaml", MMS + block)
    project.write("people.csv", "name,phone,code\nAnna,+447400123456,a1\n")
    ran = project.run("check", "c.yaml")
    assert told in ran.out + ran.err


def test_check_online_asks_for_the_files_and_nothing_else_does(project: Project) -> None:
    asked: list[str] = []

    class Files(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(404 if self.path == "/gone.png" else 200)
            self.send_header("Content-Type", "text/html" if self.path == "/page.png" else "image/png")
            self.send_header("Content-Length", "6000000" if self.path == "/large.png" else "1000")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    Thread(target=server.serve_forever, daemon=True).start()
    there = f"http://127.0.0.1:{server.server_port}"
    project.write("c.yaml", MMS + f"mms:\n  media:\n    - url: {there}/{{{{ code }}}}.png\n")
    people = "".join(
        f"X,+44740012345{n},{code}\n" for n, code in enumerate(("gone", "page", "large", "fine"))
    )
    project.write("people.csv", f"name,phone,code\n{people}")
    try:
        assert project.run("check", "c.yaml").status == 0
        assert asked == []
        ran = project.run("check", "c.yaml", "--online")
    finally:
        server.shutdown()
    assert sorted(asked) == ["/fine.png", "/gone.png", "/large.png", "/page.png"]
    assert (
        f"c.yaml:9:12: warning: the file cannot be fetched: the server answers 404 ({there}/gone.png)"
        in ran.err
    )
    assert "the server calls the file text/html, which an MMS does not show" in ran.err
    assert "the file has 6.0 MB; an MMS takes at most 5.0 MB" in ran.err
    assert "fine.png" not in ran.err


def test_check_online_adds_up_the_files_of_a_message_and_says_why_one_cannot_be_fetched(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Files(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            if self.path == "/silent.png":
                time.sleep(0.6)
            self.send_response(302 if self.path == "/round.png" else 200)
            self.send_header("Location", "/round.png")
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", "400000")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    monkeypatch.setattr("a2pcli.actions.files_online.TIMEOUT", 0.3)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    Thread(target=server.serve_forever, daemon=True).start()
    there = f"http://127.0.0.1:{server.server_port}"
    media = f"mms:\n  media:\n    - url: {there}/{{{{ code }}}}.png\n    - url: {there}/fine.png\n"
    project.write("c.yaml", MMS + media)
    codes = ("a", "b", "silent", "round")
    people = "".join(f"X,+44740012345{n},{code}\n" for n, code in enumerate(codes))
    project.write("people.csv", f"name,phone,code\n{people}")
    try:
        told = project.run("check", "c.yaml", "--online").err
    finally:
        server.shutdown()
    assert told.count("the files of one message have 800 kB: many carriers take no more than 600 kB") == 1
    assert "cannot be fetched: the server does not answer within" in told
    assert f"the server redirects again and again ({there}/round.png)" in told
    project.write("c.yaml", MMS + "media: [http://127.0.0.1:9/x.png]\n")
    told = project.run("check", "c.yaml", "--online").err
    assert "cannot be fetched: there is no connection to the server" in told


def test_an_mms_that_is_the_second_choice_has_its_files_too(project: Project) -> None:
    project.write(
        "c.yaml",
        MMS.replace("channel: mms", "channels: [telegram, mms]")
        + "telegram:\n  photo: https://a.example/t.png\n"
        + file("{{ code }}.png"),
    )
    project.write(
        "people.csv", "name,phone,telegram,code\nAnna,+447400123456,,a1\nBen,+447400123457,1234,b2\n"
    )
    assert project.run("ledger", "create").status == 0
    ran = project.run("send", "c.yaml", "--yes")
    assert ran.status == 0, ran.err
    by_channel = {one["channel"]: one for one in project.outbox()}
    assert by_channel["mms"]["media"] == ["https://a.example/a1.png"]
    assert by_channel["telegram"]["media"] == []
    assert by_channel["telegram"]["content"] == {"photo": "https://a.example/t.png"}
