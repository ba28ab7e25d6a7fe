"""``preview`` of a campaign of several channels: the message by the chosen channel, then those by the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project
from test_fallback_command import change, shop_of

HTML = "<html><body><p>Order of {{ name }}</p></body></html>"


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    return shop_of(tmp_path)


def test_the_chosen_channel_comes_first_and_the_others_after_it(shop: Project) -> None:
    shown = shop.run("preview", "order.yaml").out
    first, then = shown.split("then by sms")
    assert "by email" in first
    assert "Subject: Order of P0" in first
    assert "shop@example.com" in first
    assert "GSM-7" not in first
    assert "Subject" not in then
    assert "+447400000000" in then
    assert "from ACME" in then
    assert "0.04 GBP" in then
    assert "1 part" in then


def test_the_document_has_each_version_as_it_would_be_sent(shop: Project) -> None:
    (row,) = shop.run("preview", "order.yaml", "--json").json["rows"]
    assert (row["channel"], row["number"], row["content"]["subject"], row["sender"]) == (
        "email",
        "p0@example.org",
        "Order of P0",
        "shop@example.com",
    )
    (sms,) = row["versions"]
    assert (sms["channel"], sms["number"], sms["body"], sms["content"], sms["sender"], sms["cost"]) == (
        "sms",
        "+447400000000",
        "Hello P0, your order is on its way",
        None,
        "ACME",
        "0.04",
    )


def test_one_channel_is_shown_alone_also_why_it_may_not_be_used(shop: Project) -> None:
    shop.run("optout", "add", "+447400000001", "--scope", "channel=sms")
    shown = shop.run("preview", "order.yaml", "--channel", "sms")
    assert "by sms" in shown.out
    assert "email" not in shown.out
    (row,) = shop.run("preview", "order.yaml", "--channel", "sms", "--row", "3", "--json").json["rows"]
    assert (row["channel"], row["sent"], row["reason"]) == ("sms", False, "opted-out")
    (row,) = shop.run("preview", "order.yaml", "--row", "3", "--json").json["rows"]
    assert (row["channel"], row["sent"], row["versions"]) == ("email", True, [])
    wrong = shop.run("preview", "order.yaml", "--channel", "viber")
    assert wrong.status == 2
    assert "it has email, sms" in wrong.err


@pytest.mark.parametrize("contact", ["p2@example.org", "+447400000002"])
def test_a_person_is_found_by_any_of_their_addresses(shop: Project, contact: str) -> None:
    (row,) = shop.run("preview", "order.yaml", "--contact", contact, "--json").json["rows"]
    assert (row["line"], row["channel"]) == (4, "email")


def test_whoever_prefers_a_channel_gets_it_first(shop: Project) -> None:
    lines = (shop.folder / "people.csv").read_text().splitlines()
    shop.write("people.csv", "\n".join([f"{lines[0]},preferred_channel", f"{lines[1]},sms"]) + "\n")
    (row,) = shop.run("preview", "order.yaml", "--json").json["rows"]
    assert [row["channel"], *(one["channel"] for one in row["versions"])] == ["sms", "email"]


def test_without_fallback_the_other_channel_is_shown_as_not_used(shop: Project) -> None:
    change(shop, "fallback: {when: [rejected, undelivered]}\n", "")
    assert "not used, could go by sms" in shop.run("preview", "order.yaml").out


def test_the_page_has_each_message_in_a_frame_that_runs_nothing(shop: Project) -> None:
    shop.write("mail.html", HTML)
    change(shop, 'email: {subject: "Order of {{ name }}"}', 'email: {subject: "Order", html: mail.html}')
    assert shop.run("preview", "order.yaml", "--out", "page.html").status == 0
    page = (shop.folder / "page.html").read_text()
    assert page.count('<iframe sandbox=""') == 2
    assert "&lt;p&gt;Order of P0&lt;/p&gt;" in page
    assert "Hello P0, your order is on its way" in page
    assert shop.run("preview", "order.yaml", "--channel", "email", "--out", "page.html").status == 0
    assert "<p>Order of P0</p>" in (shop.folder / "page.html").read_text()


def test_samples_of_a_plan_have_parts_only_where_the_channel_does(shop: Project, tmp_path: Path) -> None:
    samples = shop.run("plan", "order.yaml").out.split("Sample messages")[1]
    assert "Subject: Order of P0" in samples
    assert "1 part" not in samples
    shop.write(
        "mms.yaml",
        "name: mms\nobjective: o\npurpose: transactional\nchannel: mms\ncontacts: people.csv\n"
        "message: Hello\nmedia: [https://a.example/a.png]\n",
    )
    samples = shop.run("plan", "mms.yaml").out.split("Sample messages")[1]
    assert "price unknown" in samples
    assert "1 part" not in samples


def test_open_says_where_the_page_is_if_no_browser_can_be_started(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: bool(opened.append(url)))
    shown = shop.run("preview", "order.yaml", "--open", "--out", "page.html")
    assert (shown.status, len(opened)) == (0, 1)
    assert "written: page.html" in shown.err
    assert "no browser can be started here: open that file in one" in shown.err
