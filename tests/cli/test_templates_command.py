"""``a2pcli templates``: fetched whole or not at all, a file that compares line by line, mistakes told at their line."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from clikit import Project
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.content.whatsapp_templates import (
    CATEGORIES,
    HEADERS,
    TemplateButton,
    WhatsAppTemplate,
    file_text,
    read_templates_file,
)

sys.path.append(str(Path(__file__).parents[1] / "gateways"))
from gatewaykit import Act, Counterpart, Received, drop, reply

SALE = {
    "id": "1", "name": "sale", "language": "en_US", "status": "APPROVED", "category": "MARKETING",
    "components": [
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["x"]}},
        {"type": "BODY", "text": "Hi {{first_name}},\n20% off until {{until}}!"},
        {"type": "FOOTER", "text": "Reply STOP to opt out"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Shop", "url": "https://shop.example/{{1}}"},
                                        {"type": "QUICK_REPLY", "text": "Stop"}]},
    ],
}  # fmt: skip
ORDER = {"name": "order", "language": "de", "status": "PAUSED", "category": "UTILITY",
         "components": [{"type": "BODY", "text": "Hallo {{1}}"}]}  # fmt: skip
SETTINGS = """\
gateways:
  wa:
    type: whatsapp
    phone_number_id: "106540352242922"
    waba_id: "102290129340398"
    access_token: ${TOKEN}
    base_url: URL
"""


def pages(*items: list[dict[str, Any]]) -> Act:
    """The list of templates, a page for each of the lists."""

    async def act(received: Received, writer: asyncio.StreamWriter) -> bool:
        after = parse_qs(urlsplit(received.target).query).get("after", ["0"])[0]
        number = int(after)
        paging = {"cursors": {"after": str(number + 1)}}
        if number + 1 < len(items):
            paging["next"] = "https://graph.facebook.com/next"  # type: ignore[assignment]
        return await reply(200, {"data": items[number], "paging": paging})(received, writer)

    return act


def sync(project: Project, there: Counterpart, *more: str) -> Any:
    project.write("a2pcli.yaml", SETTINGS.replace("URL", there.url))
    return project.run("templates", "sync", "wa", *more, TOKEN="t0ken")


def test_all_pages_are_fetched_and_kept_in_a_file_that_can_be_read_and_compared(project: Project) -> None:
    with Counterpart(pages([SALE], [ORDER])) as there:
        done = sync(project, there)
        assert done.status == 0, done.err
        assert "2 templates in" in done.out
        assert "added: order (de), sale (en_US)" in done.out
        assert "cannot be sent now: order (de): paused" in done.out
        first = there.received[0]
        assert first.target.startswith("/v23.0/102290129340398/message_templates?")
        assert first.headers["authorization"] == "Bearer t0ken"
    text = (project.folder / "templates.wa.yaml").read_text(encoding="utf-8")
    assert "  body: |-\n    Hi {{first_name}},\n    20% off until {{until}}!\n" in text
    assert "t0ken" not in text
    listed = project.run("templates", "list", "--json").json["files"][0]
    assert [(one["name"], one["placeholders"], one["status"]) for one in listed["templates"]] == [
        ("order", ["1"], "paused"),
        ("sale", ["first_name", "until"], "approved"),
    ]
    assert "sale" in project.run("templates", "list", "wa").out


def test_what_is_different_from_the_file_before_is_told(project: Project) -> None:
    changed = {**ORDER, "status": "APPROVED"}
    with Counterpart(pages([SALE, ORDER])) as there:
        assert sync(project, there).status == 0
        assert "nothing has changed" in sync(project, there).out
        there.answer = pages([changed])
        done = sync(project, there, "--json").json
    assert (done["added"], done["changed"], done["removed"]) == ([], ["order (de)"], ["sale (en_US)"])
    assert done["unusable"] == []


async def _second_page_fails(received: Received, writer: asyncio.StreamWriter) -> bool:
    if "after=" in received.target:
        return await reply(500, {"error": {"code": 131000}})(received, writer)
    return await pages([SALE], [ORDER])(received, writer)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (_second_page_fails, "WhatsApp failed inside"),
        (reply(401, {"error": {"code": 190, "message": "t0ken"}}), "the access token has expired"),
        (reply(200, {"hello": "world"}), "no list of templates"),
        (reply(200, b"<html>"), "no list of templates"),
        (reply(200, {"data": [{"name": "x"}]}), "a template has"),
        (reply(302, {}, {"Location": "http://x.example/"}), ""),
        (drop, "WhatsApp's templates"),
    ],
)  # fmt: skip
def test_a_list_that_does_not_come_whole_leaves_the_file_as_it_was(
    project: Project, act: Act, said: str
) -> None:
    with Counterpart(pages([SALE])) as there:
        assert sync(project, there).status == 0
        before = (project.folder / "templates.wa.yaml").read_bytes()
        there.answer = act
        done = sync(project, there)
    assert done.status == 5
    assert said in done.err
    assert "t0ken" not in done.err
    assert (project.folder / "templates.wa.yaml").read_bytes() == before
    assert len(list(project.folder.glob("*templates*"))) == 1


@pytest.mark.parametrize("after", ["always the same", "always another"])
def test_a_list_that_does_not_end_is_not_taken_for_a_whole_one(
    project: Project, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2pcli.gateways.providers.template_pages.MOST_PAGES", 20)

    async def act(received: Received, writer: asyncio.StreamWriter) -> bool:
        cursors = {"after": "7" if after == "always the same" else str(len(there.received))}
        return await reply(200, {"data": [SALE], "paging": {"next": "x", "cursors": cursors}})(
            received, writer
        )

    with Counterpart(act) as there:
        done = sync(project, there)
        assert (done.status, len(there.received) <= 20) == (5, True)
    assert "WhatsApp's templates: the list does not end; nothing was changed" in done.err
    assert not list(project.folder.glob("*templates*"))


def test_templates_that_campaigns_cannot_fill_in_are_named_and_hide_no_others(project: Project) -> None:
    odd = {**ORDER, "name": "odd", "status": "APPROVED", "category": "ACCOUNT_UPDATE"}
    cards = {**ORDER, "name": "cards", "status": "APPROVED"}
    cards["components"] = [*cards["components"], {"type": "CAROUSEL", "cards": []}]
    with Counterpart(pages([odd, SALE, cards])) as there:
        done = sync(project, there)
    assert "3 templates in" in done.out
    assert (
        "cannot be sent now: cards (de): with carousel, odd (de): with the category account update"
        in done.out
    )
    assert "approved, with carousel" in project.run("templates", "list", "wa").out


def test_a_gateway_without_templates_and_an_account_that_is_not_known_are_told(project: Project) -> None:
    project.write(
        "a2pcli.yaml",
        SETTINGS.replace('    waba_id: "102290129340398"\n', "").replace("URL", "http://127.0.0.1:9"),
    )
    done = project.run("templates", "sync", "wa", TOKEN="t")
    assert (done.status, "add waba_id" in done.err) == (5, True)
    done = project.run("templates", "sync", "outbox")
    assert (done.status, "has no templates" in done.err) == (2, True)
    done = project.run("templates", "list")
    assert (done.status, "a2pcli templates sync" in done.err) == (3, True)


@pytest.mark.parametrize(
    ("broken", "line", "said"),
    [
        ("gateway: wa\nfetched: now\ntemplates: []\n", None, "'fetched' is not a moment"),
        ("fetched: 2026-01-01\ntemplates: {}\n", None, "no list of templates"),
        ("fetched: 2026-01-01\ntemplates:\n- {name: a}\n", 3, "missing"),
        ("fetched: 2026-01-01\ntemplates:\n- [a]\n", 3, "a mapping was expected"),
        ("fetched: [\n", 2, "no YAML"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_told_at_its_line(
    project: Project, broken: str, line: int | None, said: str
) -> None:
    project.write("templates.wa.yaml", broken)
    done = project.run("templates", "list")
    assert done.status == 3
    assert said in done.err
    assert f"templates.wa.yaml:{line}:" in done.err or line is None


signs = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n{}#:- '\"")
words = st.text(signs, min_size=1, max_size=40)
a_template = st.builds(
    WhatsAppTemplate,
    name=st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True),
    language=st.sampled_from(["en", "en_US", "de", "no", "12"]),
    category=st.sampled_from(CATEGORIES),
    status=st.sampled_from(["approved", "paused", "rejected", "true", "null"]),
    body=words,
    header=st.sampled_from([one for one in HEADERS if one != "text"] + [""]),
    footer=words | st.just(""),
    buttons=st.lists(
        st.builds(TemplateButton, st.sampled_from(["url", "quick_reply", "otp"]), words, words), max_size=3
    ).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(templates=st.lists(a_template, max_size=5, unique_by=lambda one: one.key))
def test_whatever_a_template_says_stands_in_the_file_as_it_is(
    templates: list[WhatsAppTemplate], tmp_path_factory: pytest.TempPathFactory
) -> None:
    from datetime import UTC, datetime

    path = tmp_path_factory.mktemp("t") / "templates.wa.yaml"
    now = datetime(2026, 3, 1, 10, tzinfo=UTC)
    path.write_text(file_text("wa", now, templates), encoding="utf-8", newline="")
    read = read_templates_file(path)
    assert sorted(read.by_key.values(), key=lambda one: one.key) == sorted(templates, key=lambda one: one.key)
    assert read.fetched == now
    assert json.dumps(read.gateway) == '"wa"'
