"""A WhatsApp template in each person's language, among those that WhatsApp approved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from clikit import Project
from test_service_windows import RATES
from test_whatsapp_campaigns import HEAD, TODAY, close_windows, wrote

from a2pcli.content.whatsapp_templates import WhatsAppTemplate
from a2pcli.planning.whatsapp import language_for

TEMPLATES = f"""\
gateway: whatsapp
fetched: {TODAY:%Y-%m-%dT%H:%M:%SZ}
templates:
- {{name: due, language: en, category: utility, status: approved, body: "Hello {{{{1}}}}, it is due"}}
- {{name: due, language: de, category: utility, status: approved, body: "Hallo {{{{1}}}}, es ist fällig"}}
- {{name: due, language: pt_BR, category: utility, status: approved, body: "Oi {{{{1}}}}, venceu"}}
- {{name: due, language: fr, category: utility, status: paused, body: "Bonjour {{{{1}}}}"}}
- {{name: odd, language: en, category: utility, status: approved, body: "Hello {{{{1}}}}"}}
- {{name: odd, language: de, category: marketing, status: approved, body: "Hallo {{{{1}}}} und {{{{2}}}}"}}
"""
PEOPLE = """\
name,phone,language
Anna,+447400123456,de-AT
Ben,+447400123457,EN
Cid,+447400123458,pt
Dora,+447400123459,fr
Eva,+447400123460,
"""
EACH = "whatsapp:\n  template: {name: due, language: '{{ language }}', body: ['{{ name }}']MORE}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("people.csv", PEOPLE)
    project.write("templates.whatsapp.yaml", TEMPLATES)
    project.write("rates.csv", RATES)
    project.write("a2pcli.yaml", "region: GB\nrates: rates.csv\ngateways:\n  outbox: {type: outbox}\n")
    assert project.run("ledger", "create").status == 0
    return project


def campaign(shop: Project, block: str) -> str:
    shop.write("c.yaml", HEAD.replace("NAME", "c") + block)
    return "c.yaml"


def sent(shop: Project) -> dict[str, tuple[str, str]]:
    return {
        str(one["to"])[-2:]: (one["content"]["template"]["language"], one["body"]) for one in shop.outbox()
    }


def test_each_gets_the_template_in_their_language_and_others_in_the_fallback(shop: Project) -> None:
    file = campaign(shop, EACH.replace("MORE", ", fallback_language: en"))
    assert shop.run("check", file).status == 0
    assert shop.run("send", file, "--yes").status == 0
    assert sent(shop) == {
        "56": ("de", "Hallo Anna, es ist fällig"),
        "57": ("en", "Hello Ben, it is due"),
        "58": ("pt_BR", "Oi Cid, venceu"),
        "59": ("en", "Hello Dora, it is due"),
        "60": ("en", "Hello Eva, it is due"),
    }


def test_without_a_fallback_whoever_has_no_approved_language_is_excluded(shop: Project) -> None:
    file = campaign(shop, EACH.replace("MORE", ""))
    plan = shop.run("plan", file, "--json").json
    assert (plan["recipients"], plan["excluded"]) == (3, {"missing-value": 2})
    told = " ".join(shop.run("preview", file, "--row", "5").out.split())
    assert "the template 'due' is not approved in 'fr'" in told


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("name: due, language: '{{ language }}', fallback_language: fr, body: [a]", "WhatsApp paused it"),
        ("name: due, language: '{{ language }}', fallback_language: it, body: [a]", "does not exist in 'it'"),
        ("name: due, language: '{{ lang }}', body: [a]", "unknown column 'lang'"),
        ("name: due, language: german, body: [a]", "'german' is not a language"),
        ("name: odd, language: '{{ language }}', body: [a]", "is utility in 'en' and marketing in 'de'"),
        ("name: odd, language: '{{ language }}', body: [a]", "is missing {{2}}"),
    ],
)
def test_a_language_that_cannot_be_sent_stops_the_plan(shop: Project, template: str, words: str) -> None:
    done = shop.run("plan", campaign(shop, f"whatsapp:\n  template: {{{template}}}\n"))
    assert (done.status, words in done.err) == (3, True), done.err


def test_whose_window_closed_gets_the_template_in_their_language(shop: Project) -> None:
    wrote(shop, "+447400123456", 23)
    file = campaign(shop, EACH.replace("MORE", ", fallback_language: en") + "  text: 'Free {{ name }}'\n")
    run = shop.run("plan", file, "--json").json["plan"]
    close_windows(shop)
    assert shop.run("send", "--plan", run, "--yes").status == 0
    assert sent(shop)["56"] == ("de", "Hallo Anna, es ist fällig")
    assert shop.run("ledger", "check").status == 0


@pytest.mark.parametrize(
    ("text", "language"),
    [("de", "de"), ("DE", "de"), ("de-CH", "de"), (" pt ", "pt_BR"), ("pt-PT", "pt_BR"), ("es", None),
     ("zh_tw", "zh_TW"), ("zh", None), ("", None), ("-", None), ("German", None)],
)  # fmt: skip
def test_a_language_is_found_exactly_or_without_its_country(text: str, language: str | None) -> None:
    def one(code: str) -> WhatsAppTemplate:
        values: dict[str, Any] = {
            "name": "a",
            "language": code,
            "category": "utility",
            "status": "approved",
            "body": "a",
        }
        return WhatsAppTemplate(**values)

    known = {code: one(code) for code in ("de", "pt_BR", "zh_TW", "zh_CN")}
    found = language_for(text, known)
    assert (found.language if found else None) == language
