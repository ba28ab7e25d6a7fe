"""A few hundred replies with their verdicts, and one table of words for replies and for the copy rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.rules.keywords import Meaning, classify
from a2pcli.rules.reply_text import plain
from a2pcli.rules.stop_words import stop_words

VERDICTS = {Meaning.STOP: "stop", Meaning.UNCLEAR: "read", Meaning.START: "start", Meaning.HELP: "help",
            Meaning.YES: "yes", Meaning.NONE: "nothing"}  # fmt: skip


def replies() -> list[tuple[str, str]]:
    found, verdict = [], ""
    for line in (Path(__file__).parent / "replies.txt").read_text("utf-8").splitlines():
        if line.startswith("== "):
            verdict = line[3:]
        elif line and not line.startswith("#"):
            found.append((verdict, line.replace("\\n", "\n")))
    return found


def table() -> list[dict]:
    import yaml

    path = Path(__file__).parents[2] / "a2pcli" / "rules" / "data" / "stop_words.yaml"
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)["languages"]


@pytest.mark.parametrize(("verdict", "text"), replies())
def test_a_reply_comes_to_its_verdict(verdict: str, text: str) -> None:
    reply = classify(text)
    assert VERDICTS[reply.meaning] == verdict
    assert reply.flagged or reply.meaning is not Meaning.UNCLEAR


def test_the_corpus_is_worth_the_name() -> None:
    counts = {verdict: sum(one == verdict for one, _ in replies()) for verdict in VERDICTS.values()}
    assert len(replies()) > 300
    assert counts["stop"] > 150
    assert counts["nothing"] > 60


@pytest.mark.parametrize("entry", table(), ids=lambda entry: entry["language"])
def test_every_word_of_the_table_is_a_stop_as_a_reply_and_a_way_out_in_a_message(entry: dict) -> None:
    for word in entry.get("words", ()):
        assert classify(word).meaning is Meaning.STOP, word
        assert classify(f"  {word.upper()}!! ").meaning is Meaning.STOP, word
        assert stop_words().way_out.search(f"Sale today. Answer {word.upper()} to leave"), word
    for word in entry.get("replies", ()):
        assert classify(word).meaning in (Meaning.STOP, Meaning.UNCLEAR), word
    for phrase in entry.get("phrases", ()):
        assert classify(phrase).meaning in (Meaning.STOP, Meaning.UNCLEAR), phrase


@given(st.text(max_size=60))
def test_what_a_message_may_ask_for_is_never_nothing_when_it_comes_back(text: str) -> None:
    """Whatever the copy rules take for a way out, a reply of it reaches at least a person."""
    for found in stop_words().way_out.finditer(text):
        assert classify(text[found.start() : found.end()]).meaning in (Meaning.STOP, Meaning.UNCLEAR)


@pytest.mark.parametrize(
    "word",
    ["SAIR", "BAJA", "désinscription", "Desabonnez", "ABMELDUNG", "отпишись", "leiratkozom", "odhlasujem",
     "rezygnacji", "dezabonez", "abgemeldet abmeldung", "退订", "配信停止", "수신거부", "إلغاء", "הסר", "ยกเลิก",
     "Διαγραφή", "berhenti"],
)  # fmt: skip
def test_what_the_copy_rules_accept_is_understood_as_a_reply(word: str) -> None:
    assert stop_words().way_out.search(word)
    assert classify(word).meaning in (Meaning.STOP, Meaning.UNCLEAR)


@pytest.mark.parametrize(
    "text", ["free cancellation", "T&C apply", "stain remover", "TC apply", "sale ends today", "step by step"]
)
def test_other_words_are_no_way_out(text: str) -> None:
    assert not stop_words().way_out.search(text)


FIRST_LANGUAGES = {
    "AE": "ar", "AT": "de", "AU": "en", "BE": "nl", "BG": "bg", "BR": "pt", "CA": "fr", "CH": "de", "CN": "zh",
    "CY": "el", "CZ": "cs", "DE": "de", "DK": "da", "EE": "et", "ES": "es", "FI": "fi", "FR": "fr", "GB": "en",
    "GR": "el", "HR": "hr", "HU": "hu", "IE": "ga", "IL": "he", "IN": "hi", "IS": "is", "IT": "it", "JP": "ja",
    "KR": "ko", "LI": "de", "LT": "lt", "LU": "lb", "LV": "lv", "MT": "mt", "MX": "es", "NL": "nl", "NO": "nb",
    "NZ": "en", "PL": "pl", "PR": "es", "PT": "pt", "RO": "ro", "RU": "ru", "SA": "ar", "SE": "sv", "SG": "zh",
    "SI": "sl", "SK": "sk", "TH": "th", "TR": "tr", "TW": "zh", "UA": "uk", "US": "en", "VN": "vi", "ZA": "zu",
}  # fmt: skip


def test_the_first_language_of_every_country_of_the_law_is_in_the_table() -> None:
    from a2pcli.rules.law import Law

    languages = {entry["language"] for entry in table()}
    territories = {"AX", "BL", "CC", "CX", "GF", "GG", "GI", "GP", "GU", "IM", "JE", "MF", "MP", "MQ", "NF", "PM", "RE",
                   "SJ", "VI", "YT", "AS", "FO", "GL", "VA", "SM", "MC", "AD"}  # fmt: skip
    countries = {one for rule in Law.load().rules.values() for one in rule.countries} - territories - {"any"}
    assert {one for one in countries if FIRST_LANGUAGES.get(one) not in languages} == set()


def test_words_of_the_projects_own_rules_are_stops_too(project: Project) -> None:
    law = "law: {ours: {says: Our word, source: House rule, countries: [GB], revocation: {keywords: [begone]}}}\n"
    project.write("a2pcli.yaml", f"region: GB\n{law}")
    project.run("ledger", "create")
    ran = project.run("optout", "reply", "+447911123456", "Begone!", "--json")
    assert (ran.json["meaning"], ran.json["flagged"]) == ("stop", False)
    project.write("people.csv", "phone\n+447911123456\n")
    campaign = "name: s\nobjective: o\npurpose: marketing\ncontacts: people.csv\n"
    project.write("s.yaml", campaign + "message: Sale. Answer BEGONE to leave\n")
    assert "no-opt-out" not in project.run("check", "s.yaml", "--json").out
    project.write("a2pcli.yaml", "region: GB\n")
    assert "no-opt-out" in project.run("check", "s.yaml", "--json").out


def test_a_stop_in_brazil_that_the_check_accepts_suppresses(project: Project) -> None:
    project.run("ledger", "create")
    ran = project.run("optout", "reply", "+55 11 98765-4321", "SAIR", "--json")
    assert ran.json["meaning"] == "stop"
    assert project.run("optout", "check", "+5511987654321", "--json").json["suppressed"]


def test_plain_text_keeps_words_of_every_script() -> None:
    assert plain("Arrêtez, s'il vous plaît!!") == "arretez sil vous plait"
    assert plain("बंद करो।") == "बंद करो"
