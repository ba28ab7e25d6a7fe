"""Links to unsubscribe: looking changes nothing, a POST acts for that programme alone, and nobody can make one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from clikit import PEOPLE, Project
from hypothesis import given
from hypothesis import strategies as st
from listenkit import ENVIRON, listener
from partkit import PUBLIC, in_process

from a2pcli.config.load import load_settings
from a2pcli.content.unsubscribe_links import LONGEST, Leaving, Tokens, UnsubscribeLinks, programme_mark
from a2pcli.errors import LedgerUnavailable
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger

SETTINGS = f"region: GB\nrates: rates.csv\nlisten: {{public_url: '{PUBLIC}'}}\n"
CAMPAIGN = """\
name: spring-sale
objective: Tell gold customers about the sale
purpose: marketing
programme: News
contacts: people.csv
message: "Hi {{ first_name }}, 20% off until Sunday. Opt out: {{ unsubscribe_url }}"
"""
LINK = re.compile(r"https://hooks\.example\.com/a2p(/u/[0-9A-Za-z]+)")
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
EMAILS = """\
name: letter
objective: Tell people about the sale
purpose: marketing
channel: email
programme: news
contacts: emails.csv
email: {subject: Sale}
message: "20% off. Unsubscribe: {{ unsubscribe_url }} Acme, 12 High Street, Leeds LS1 4DY"
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.starter(campaign=CAMPAIGN)
    project.write("a2pcli.yaml", SETTINGS)
    return project


def link_of(project: Project, number: str = "+447911123456") -> str:
    """The path of the link that somebody got."""
    (body,) = [one["body"] for one in project.outbox() if one["to"] == number]
    found = LINK.search(body)
    assert found, body
    return found[1]


def out(project: Project) -> list[tuple[str, str, str]]:
    rows = project.run("optout", "list", "--json").json["suppressions"]
    return [(one["number"], one["scope"], one["scope_value"] or "") for one in rows]


def trail(project: Project, action: str = "optout.link") -> list[dict[str, Any]]:
    found = project.run("audit", "list", "--all", "--json").json["entries"]
    return [one["detail"] for one in found if one["action"] == action]


def test_the_plan_and_the_preview_show_each_persons_own_link(shop: Project) -> None:
    shown = shop.run("preview", "sale.yaml", "--json").json
    assert LINK.search(str(shown)), shown
    checked = shop.run("check", "sale.yaml")
    assert "0 errors, 1 warning" in checked.err, "the empty name"
    planned = shop.run("plan", "sale.yaml")
    assert "https://hooks.example.com/a2p/u/" in planned.err + planned.out
    plan = shop.run("plan", "sale.yaml", "--json").json
    assert plan["unsubscribe"] == f"{PUBLIC}/u/"
    shop.run("send", "sale.yaml", "--yes")
    links = [LINK.search(one["body"])[0] for one in shop.outbox()]  # type: ignore[index]
    assert len(set(links)) == len(links) > 1
    assert not any("447911" in link or "911123456" in link for link in links)


def test_looking_changes_nothing_and_a_post_acts_once_for_that_programme_only(shop: Project) -> None:
    shop.run("send", "sale.yaml", "--yes")
    path = link_of(shop)
    with in_process(shop.folder, SETTINGS) as heard:
        for method, more in (
            ("GET", {}), ("HEAD", {}), ("GET", {"params": ONE_CLICK}),
            ("GET", {"headers": {"Sec-Purpose": "prefetch;prerender", "User-Agent": "GoogleImageProxy"}}),
            ("OPTIONS", {}), ("PUT", {"data": ONE_CLICK}), ("DELETE", {}),
        ):  # fmt: skip
            response = heard.ask(method, path, **more)
            assert response.status_code == (200 if method in ("GET", "HEAD") else 405)
        assert (out(shop), trail(shop)) == ([], [])
        page = heard.ask("GET", f"/a2p{path}").text
        assert "+4479…56" in page
        assert "“news”" in page
        assert '<form method="post">' in page
        assert "447911123456" not in page
        done = heard.ask("POST", path, data={"confirm": "yes"})
        assert (done.status_code, "You are unsubscribed" in done.text) == (200, True)
        assert out(shop) == [("+447911123456", "programme", "news")]
        again = heard.ask("POST", path, data=ONE_CLICK)
        assert again.status_code == 200
        assert "<form" not in heard.ask("GET", path).text, "there is nothing left to confirm"
        assert "447911" not in str(heard.said)
    assert (
        trail(shop) == [{"scope": "the programme news", "by": "page", "people": 1}] or len(trail(shop)) == 1
    )
    shop.write("other.yaml", CAMPAIGN.replace("spring-sale", "other").replace("News", "offers"))
    shop.write("again.yaml", CAMPAIGN.replace("spring-sale", "again"))
    everybody = shop.run("plan", "other.yaml", "--json").json["recipients"]
    assert shop.run("plan", "again.yaml", "--json").json["recipients"] == everybody - 1


def test_one_click_of_a_mail_program_is_taken_as_the_rfc_says(shop: Project) -> None:
    shop.write("emails.csv", "email,first_name\nAnna@example.com,Anna\nben@example.com,Ben\n")
    shop.write("letter.yaml", EMAILS)
    assert shop.run("send", "letter.yaml", "--yes").status == 0
    (sent,) = [one for one in shop.outbox() if one["to"].lower() == "anna@example.com"]
    headers = sent["content"]["unsubscribe"]
    assert headers["one_click"] is True
    path = LINK.search(headers["url"])[1]  # type: ignore[index]
    assert headers["url"] in sent["body"], "one link for a person and programme"
    with in_process(shop.folder, SETTINGS) as heard:
        multipart = {"files": {"List-Unsubscribe": (None, "One-Click")}}
        for form in ({"data": ONE_CLICK}, multipart):
            response = heard.ask("POST", path, headers={"User-Agent": "Mail"}, **form)
            assert response.status_code == 200
            assert "location" not in response.headers
            assert "set-cookie" not in response.headers
    assert out(shop) == [("anna@example.com", "programme", "news")]
    assert [one["by"] for one in trail(shop)] == ["one-click"]


def test_an_address_of_its_own_to_unsubscribe_is_left_as_it_is(shop: Project) -> None:
    shop.write("emails.csv", "email\nanna@example.com\n")
    own = EMAILS.replace("subject: Sale", "subject: Sale, unsubscribe: {url: 'https://shop.example/u'}")
    shop.write("letter.yaml", own)
    shop.run("send", "letter.yaml", "--yes")
    assert shop.outbox()[0]["content"]["unsubscribe"]["url"] == "https://shop.example/u"


def test_a_link_works_after_its_person_was_erased_and_its_plan_pruned(shop: Project) -> None:
    shop.run("send", "sale.yaml", "--yes")
    erased, kept = link_of(shop), link_of(shop, "+447911123457")
    assert shop.run("people", "erase", "07911123456", "--yes").status == 0
    with Ledger.open_with(str(shop.folder / ".a2pcli/ledger.db"), None) as ledger:
        years = 10 * 365 * 86_400_000
        pruned = ledger.people.prune(load_settings(shop.folder).settings.retention, now=now_ms() + years)
    assert pruned.steps
    with in_process(shop.folder, SETTINGS) as heard:
        assert "You are unsubscribed" in heard.ask("GET", erased).text
        assert heard.ask("POST", erased, data=ONE_CLICK).status_code == 200
        assert heard.ask("POST", kept, data=ONE_CLICK).status_code == 200
        assert heard.said == []
    assert ("+447911123457", "programme", "news") in out(shop)
    assert "+447911123456" not in str(out(shop)), "nothing of them is stored again"
    assert shop.run("ledger", "check").status == 0


def test_without_a_programme_people_leave_everything(shop: Project) -> None:
    shop.write("sale.yaml", CAMPAIGN.replace("programme: News\n", ""))
    shop.run("send", "sale.yaml", "--yes")
    with in_process(shop.folder, SETTINGS) as heard:
        assert "gets no more messages." in heard.ask("POST", link_of(shop)).text
    assert out(shop) == [("+447911123456", "everything", "")]


def test_a_wrong_link_says_so_and_nothing_can_be_guessed(shop: Project) -> None:
    shop.run("send", "sale.yaml", "--yes")
    path = link_of(shop)
    with in_process(shop.folder, SETTINGS) as heard:
        other = path[:-1] + ("a" if path[-1] != "a" else "b")
        for wrong in (path[:-1], path + "a", other, "/u/x", "/u/" + "9" * 700, "/u/%00", "/u/%F0%9F%92%A9"):
            for method in ("GET", "POST"):
                assert heard.ask(method, wrong).status_code == 404, wrong
        assert heard.ask("POST", path, content=b"x" * 30_000).status_code == 413
    assert out(shop) == []


def test_what_cannot_be_saved_is_never_called_done(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.run("send", "sale.yaml", "--yes")
    path = link_of(shop)
    with in_process(shop.folder, SETTINGS) as heard:

        def fails(*_: Any, **__: Any) -> None:
            raise LedgerUnavailable("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr("a2pcli.ledger.audit.record", fails)
            response = heard.ask("POST", path)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert "could not be saved" in response.text
        assert out(shop) == [], "neither the entry nor what it tells of"
        assert heard.ask("POST", path).status_code == 200
    assert len(out(shop)) == 1


def test_scanners_are_slowed_down_and_people_who_confirm_are_not(shop: Project) -> None:
    shop.run("send", "sale.yaml", "--yes")
    path = link_of(shop)
    with in_process(shop.folder, SETTINGS.replace("}\n", ", per_address: 1/s}\n")) as heard:
        assert [heard.ask("GET", path).status_code for _ in range(4)] == [200, 200, 429, 429]
        assert [heard.ask("POST", path).status_code for _ in range(4)] == [200] * 4


def test_the_page_speaks_the_readers_language_and_loads_nothing_from_elsewhere(shop: Project) -> None:
    shop.run("send", "sale.yaml", "--yes")
    path = link_of(shop)
    titled = SETTINGS + "programmes: {News: {title: Acme Weekly}}\n"
    with in_process(shop.folder, titled) as heard:
        german = heard.ask("GET", path, headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"})
        assert "Möchten Sie" in german.text
        assert "„Acme Weekly“" in german.text, "the programme as people know it"
        assert '<html lang="de">' in german.text
        assert "default-src 'none'" in german.headers["Content-Security-Policy"]
        assert "unsafe" not in german.headers["Content-Security-Policy"]
        assert german.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script|<style|style=|https?://", german.text)
        assert heard.ask("GET", "/a2p/u/style.css").headers["Content-Type"].startswith("text/css")


def test_a_test_message_has_the_testers_link(shop: Project) -> None:
    assert shop.run("send", "sale.yaml", "--test-to", "07911123450", "--yes").status == 0
    (sent,) = shop.outbox()
    with in_process(shop.folder, SETTINGS) as heard:
        heard.ask("POST", LINK.search(sent["body"])[1])  # type: ignore[index]
    assert [number for number, *_ in out(shop)] == ["+447911123450"]


def test_without_a_public_url_the_variable_says_what_to_set(shop: Project) -> None:
    shop.write("a2pcli.yaml", "region: GB\nrates: rates.csv\n")
    ran = shop.run("plan", "sale.yaml")
    assert ran.status == 3
    assert "set `listen: public_url:`" in ran.err


def test_a_column_of_that_name_comes_first(shop: Project) -> None:
    people = PEOPLE.replace("mobile,first_name,plan", "mobile,first_name,unsubscribe_url").replace(
        ",gold", ",https://shop.example/u/1"
    )
    shop.write("people.csv", people.replace(",silver", ",https://shop.example/u/2"))
    shop.run("send", "sale.yaml", "--yes")
    assert all("https://shop.example/u/" in one["body"] for one in shop.outbox())


def test_a_running_listener_takes_the_link_of_a_message_that_was_sent(shop: Project) -> None:
    assert shop.run("send", "sale.yaml", "--yes").status == 0
    path = link_of(shop)
    with listener(shop.folder, settings=None) as heard:
        assert httpx.get(heard.url + path).status_code == 200
        assert httpx.head(heard.url + path).text == ""
        assert out(shop) == []
        assert httpx.post(heard.url + path, data=ONE_CLICK).status_code == 200
        time.sleep(0.1)
        assert heard.stop() == 0
        said = heard.said()
    assert f"unsubscribe links: {PUBLIC}/u/…" in said
    assert path not in said
    assert len(out(shop)) == 1
    assert shop.run("optout", "reply", "07911123456", "START", **ENVIRON).status == 0
    assert out(shop) == [], "who left by the link can come back by START"


ADDRESSES = st.one_of(
    st.integers(1, 10**15 - 1).map(lambda number: f"+{number}"),
    st.text(min_size=1, max_size=254).map(lambda name: f"{name}@example.com"),
    st.sampled_from(["telegram:@anna", "messenger:1", "+0", "+", "é@ü.example"]),
)


@given(ADDRESSES, st.text(max_size=20), st.binary(min_size=16, max_size=32))
def test_a_token_says_what_was_put_in_and_only_with_its_secret(
    address: str, programme: str, secret: bytes
) -> None:
    tokens = Tokens(secret)
    token = tokens.make(address, programme)
    assert tokens.read(token) == Leaving(address, programme_mark(programme) if programme else None)
    assert token == Tokens(secret).make(address, programme)
    assert token.isalnum()
    assert token.isascii()
    assert len(token) <= LONGEST or len(address.encode()) > 254
    assert Tokens(secret + b"x").read(token) is None


@given(st.text(max_size=80))
def test_nothing_that_is_typed_is_a_token(text: str) -> None:
    assert Tokens(b"secret" * 4).read(text) is None


def test_a_link_is_short_enough_for_a_text() -> None:
    links = UnsubscribeLinks("https://a.example", "news", b"secret" * 4)
    assert len(links.of("+447911123456")) <= len("https://a.example/u/") + 27
    assert "secret" not in repr(links)


@pytest.fixture
def on_a_server(shop: Project, server: Any) -> Iterator[str]:
    """The URL of a database of its own on PostgreSQL, which the shop's ledger is in."""
    import psycopg
    from sqlalchemy import make_url

    name, base = f"leaving_{time.time_ns()}", server.get_uri()
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield make_url(base).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_links_and_one_click_work_on_postgresql(
    shop: Project, on_a_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2PCLI_ERASURE_KEY", "k" * 40)
    settings = f"{SETTINGS}ledger: '{on_a_server}'\n"
    shop.write("a2pcli.yaml", settings)
    shop.write("emails.csv", "email\nanna@example.com\n")
    shop.write("letter.yaml", EMAILS)
    shop.run("ledger", "create")
    assert shop.run("send", "letter.yaml", "--yes").status == 0
    (letter,) = shop.outbox()
    assert letter["content"]["unsubscribe"]["one_click"] is True
    assert shop.run("send", "sale.yaml", "--yes").status == 0
    text, mail = link_of(shop), LINK.search(letter["content"]["unsubscribe"]["url"])[1]  # type: ignore[index]
    with in_process(shop.folder, settings, ledger=on_a_server) as heard:
        assert heard.ask("GET", text).status_code == 200
        assert out(shop) == []
        assert heard.ask("POST", text, data={"confirm": "yes"}).status_code == 200
        assert heard.ask("POST", mail, data=ONE_CLICK).status_code == 200
        assert heard.ask("POST", mail, data=ONE_CLICK).status_code == 200
        assert heard.ask("POST", mail[:-1]).status_code == 404
    assert sorted(out(shop)) == [
        ("+447911123456", "programme", "news"), ("anna@example.com", "programme", "news"),
    ]  # fmt: skip
    assert len(trail(shop)) == 2


def test_a_missing_key_is_told_when_planning_and_when_the_listener_starts(
    shop: Project, on_a_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A2PCLI_ERASURE_KEY", raising=False)
    settings = f"{SETTINGS}ledger: '{on_a_server}'\n"
    shop.write("a2pcli.yaml", settings)
    shop.write("emails.csv", "email\nanna@example.com\n")
    shop.write("letter.yaml", EMAILS.replace(" Unsubscribe: {{ unsubscribe_url }}", " Reply STOP to leave."))
    shop.run("ledger", "create")
    planned = shop.run("plan", "letter.yaml")
    assert "without a one-click unsubscribe link" in planned.err
    assert "set A2PCLI_ERASURE_KEY" in planned.err
    with in_process(shop.folder, settings, ledger=on_a_server) as heard:
        assert any("warning: unsubscribe links do not work" in line for line in heard.lines)
        answer = heard.ask("POST", "/u/whatever", data=ONE_CLICK)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
