"""STOP, START and HELP are answered once, by the way they came, within five minutes or not at all."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from answerkit import ANN, BEN, ENVIRON, SHOP, kannel, says, wait
from clikit import Project
from listenkit import SECRET, Listener, listener, query

from a2pcli.actions.confirming import ConfirmationTexts
from a2pcli.config.load import load_settings
from a2pcli.errors import InvalidInput
from a2pcli.rules.confirmations import KINDS, default_text, language_of
from a2pcli.rules.keywords import Meaning, classify

REPLIES = """\
replies:
  texts: keep
  confirmations: {name: Acme, contact: help@acme.example, how_often: Up to 4 messages a month}
"""


def test_a_stop_is_confirmed_once_and_a_start_and_help_are_answered(project: Project) -> None:
    with kannel() as provider, listener(project.folder, settings=provider.settings(REPLIES)) as heard:
        assert says(heard, ANN, "Stop. Thank you", id="one") == 200
        assert len(provider.until(1)) == 1
        assert says(heard, ANN, "Stop. Thank you", id="one") == 200, "the same callback again"
        assert says(heard, ANN, "STOP") == 200, "out already"
        assert says(heard, "+33612345678", "ARRET svp") == 200
        assert says(heard, ANN, "START") == 200
        assert says(heard, BEN, "please help") == 200
        assert says(heard, BEN, "we have got to stop this terrible bill") == 200
        provider.until(4)
        assert heard.stop() == 0
        assert ANN[4:] not in heard.said()
    assert provider.got[0] == (
        SHOP, ANN, "Acme: You are unsubscribed and will get no more messages. Reply START to subscribe again."
    )  # fmt: skip
    assert sorted(to for _, to, _ in provider.got) == sorted([ANN, "+33612345678", ANN, BEN])
    by_person = {to: text for _, to, text in provider.got}
    assert "désinscription" in by_person["+33612345678"]
    assert by_person[ANN] == "Acme: You are subscribed again. Reply HELP for help, STOP to unsubscribe."
    for said in (
        "Acme",
        "Up to 4 messages a month",
        "Msg & data rates may apply",
        "help@acme.example",
        "STOP",
    ):
        assert said in by_person[BEN]
    states = query(project, "SELECT kind, state FROM answers ORDER BY created_at, kind")
    assert {one["state"] for one in states} == {"accepted"}
    assert {
        one["number"] for one in project.run("optout", "list", "--json", **ENVIRON).json["suppressions"]
    } == {"+33612345678"}


def test_a_stop_counts_from_any_number_that_writes_and_it_is_told_if_nobody_can_be_suppressed(
    project: Project,
) -> None:
    unusual = {"972501234567": "+972501234567", "+18005551234": "+18005551234", "12345": "12345"}
    with kannel() as provider, listener(project.folder, settings=provider.settings(REPLIES)) as heard:
        assert [says(heard, sender, "STOP", to="62345") for sender in unusual] == [200, 200, 200]
        assert "nobody was suppressed" not in heard.said()
        assert says(heard, "Acme", "STOP", to="62345") == 200
        assert wait(
            lambda: "gateway kannel: an opt-out came from a sender that is no address" in heard.said()
        )
        assert "nobody was suppressed" in heard.said()
    listed = project.run("optout", "list", "--json", **ENVIRON).json["suppressions"]
    assert {one["number"] for one in listed} == set(unusual.values())


def now() -> int:
    """Seconds since 1970 by the clock that tests may have set."""
    return time.time_ns() // 10**9


def test_a_confirmation_that_would_be_late_does_not_leave(project: Project) -> None:
    with kannel() as provider, listener(project.folder, settings=provider.settings(REPLIES)) as heard:
        provider.statuses += [429] * 50
        assert says(heard, ANN, "STOP", at=str(now() - 290)) == 200
        assert says(heard, BEN, "STOP", at=str(now() - 3600)) == 200
        rows = "SELECT state FROM answers"
        done = wait(lambda: [one["state"] for one in query(project, rows)] == ["expired"] * 2, 40)
        assert done, query(project, "SELECT state, tries, code, until_at, created_at FROM answers")
    assert provider.got == []


def test_what_waited_for_a_killed_listener_leaves_with_the_next_one_exactly_once(project: Project) -> None:
    with kannel() as provider:
        provider.statuses += [429] * 2
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            assert says(heard, ANN, "STOP") == 200
            assert wait(lambda: not provider.statuses or provider.got)
            heard.process.kill()
        with listener(project.folder, settings=None):
            provider.until(1)
            time.sleep(2.5)
        assert len(provider.got) == 1


def test_a_robot_that_says_stop_and_start_in_turn_comes_to_an_end(project: Project) -> None:
    with kannel() as provider, listener(project.folder, settings=provider.settings(REPLIES)) as heard:
        for _ in range(12):
            assert says(heard, ANN, "STOP") == 200
            assert says(heard, ANN, "START") == 200
        for _ in range(6):
            assert says(heard, BEN, "HELP") == 200
        assert says(heard, ANN, "STOP") == 200
        provider.until(13)
        time.sleep(1)
        counts = [sum(to == one for _, to, _ in provider.got) for one in (ANN, BEN)]
    assert counts == [10, 3]
    assert project.run("optout", "list", "--json", **ENVIRON).json["suppressions"], "out all the same"


@pytest.mark.parametrize(
    ("block", "gateway", "sends"),
    [
        ("{}", "kannel", True),
        ("{}", "twilio", False),
        ("{gateways: {twilio: yes}}", "twilio", True),
        ("{gateways: {kannel: no}}", "kannel", False),
        ("{send: never, gateways: {kannel: yes}}", "kannel", False),
        ("{send: always}", "twilio", True),
        ("{}", "own", False),
    ],
)
def test_nobody_gets_two_confirmations_by_default(
    tmp_path: Path, block: str, gateway: str, sends: bool
) -> None:
    (tmp_path / "a2pcli.yaml").write_text(
        f"replies: {{confirmations: {block}}}\n"
        "gateways: {kannel: {password: p}, twilio: {auth_token: x}, own: {type: telnyx}}\n"
    )
    assert ConfirmationTexts(load_settings(tmp_path)).sends(gateway) is sends


def test_a_stop_may_be_for_a_programme_or_a_sender_and_says_so(project: Project) -> None:
    replies = REPLIES.replace("texts: keep", "texts: keep\n  scope: sender")
    with kannel() as provider, listener(project.folder, settings=provider.settings(replies)) as heard:
        assert says(heard, ANN, "STOP") == 200
        assert says(heard, ANN, "STOP", to="67890") == 200
        texts = [text for _, _, text in provider.until(2)]
    assert "from 12345" in texts[0]
    assert "from 67890" in texts[1]
    scopes = [one["scope"] for one in project.run("optout", "list", "--json", **ENVIRON).json["suppressions"]]
    assert sorted(scopes) == ["sender", "sender"]


def test_the_programme_of_the_newest_message_is_left_and_named(project: Project) -> None:
    replies = REPLIES.replace("texts: keep", "texts: keep\n  scope: programme")
    with kannel() as provider:
        more = "rates: rates.csv\nprogrammes: {news: {title: Acme News}}\n"
        project.starter(people="mobile,first_name,plan\n07911123456,Ann,gold\n")
        text = (project.folder / "sale.yaml").read_text() + "programme: news\ngateway: kannel\n"
        project.write("sale.yaml", text.replace("contacts", "sender: '12345'\ncontacts"))
        project.write("a2pcli.yaml", provider.settings(replies, more))
        project.run("ledger", "create", **ENVIRON)
        ran = project.run("send", "sale.yaml", "--yes", **ENVIRON)
        assert ran.status == 0, ran.err
        with listener(project.folder, settings=None) as heard:
            assert says(heard, ANN, "STOP") == 200
            assert "Acme News" in provider.until(2)[-1][2]
    (out,) = project.run("optout", "list", "--json", **ENVIRON).json["suppressions"]
    assert (out["scope"], out["name"] if "name" in out else out["scope_value"]) == ("programme", "news")


def test_help_is_not_answered_while_nobody_says_what_it_must(tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text("gateways: {kannel: {password: p}}\n")
    texts = ConfirmationTexts(load_settings(tmp_path))
    assert texts.text("help", "GB") is None
    (warning,) = texts.warnings
    assert "who you are, how often you write and where people get help" in warning.message


def test_a_wrong_text_is_told_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "a2pcli.yaml").write_text(
        "replies:\n  confirmations:\n    stop:\n      en: Bye {{ first_name }}\n    help: 'Ask {{ contact'\n"
    )
    with pytest.raises(InvalidInput) as caught:
        ConfirmationTexts(load_settings(tmp_path))
    places = [(one.line, one.column) for one in caught.value.problems]
    assert places[0] == (4, 18)
    assert places[1][0] == 5


@pytest.mark.parametrize("language", ["en", "fr", "de", "es", "it", "pt", "nl", "pl", "sv", "da", "no", "fi"])
def test_each_language_has_its_texts_and_none_of_them_can_be_taken_for_a_stop(language: str) -> None:
    for kind in KINDS:
        text = default_text(kind, language)
        assert language == "en" or text != default_text(kind, "en")
        assert "http" not in text
    assert language_of({"en": "GB", "da": "DK", "sv": "SE"}.get(language, language.upper())) == language


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Stop. Thank you", Meaning.STOP),
        ("we have got to stop this terrible bill", Meaning.UNCLEAR),
        ("we must stop this law", Meaning.UNCLEAR),
        ("end this war", Meaning.UNCLEAR),
        ("I need to stop the bleeding", Meaning.UNCLEAR),
        ("I will stop by later", Meaning.UNCLEAR),
        ("Do not stop this great service", Meaning.UNCLEAR),
        ("Arrêtez ce projet de loi", Meaning.UNCLEAR),
        ("stop this now", Meaning.STOP),
        ("stop this I never signed up", Meaning.STOP),
        ("stop this terrible service", Meaning.STOP),
        ("I want to stop these daily texts", Meaning.STOP),
        ("you have got to stop texting me", Meaning.STOP),
        ("ARRET svp", Meaning.STOP),
        ("Arrêt s'il vous plaît", Meaning.STOP),
        ("Bitte stopp", Meaning.STOP),
        ("BAJA por favor", Meaning.STOP),
        ("per favore basta", Meaning.STOP),
        ("Lütfen durdur", Meaning.STOP),
        ("tack stopp", Meaning.STOP),
        ("please help", Meaning.HELP),
        ("thank you", Meaning.NONE),
        ("Détente ce soir", Meaning.NONE),
    ],
)
def test_a_stop_is_told_from_what_only_sounds_like_one(text: str, meaning: Meaning) -> None:
    assert classify(text).meaning is meaning


def test_a_listener_killed_under_load_confirms_nobody_twice_and_forgets_nobody(project: Project) -> None:
    people = [f"+4479112{number:05d}" for number in range(48)]
    acknowledged: list[str] = []

    def writes(heard: Listener, some: list[str]) -> None:
        for one in some:
            try:
                if says(heard, one, "STOP", id=f"s{one}") == 200:
                    acknowledged.append(one)
            except httpx.TransportError:
                return

    with kannel() as provider:
        with listener(project.folder, settings=provider.settings(REPLIES)) as heard:
            threads = [threading.Thread(target=writes, args=(heard, people[part::4])) for part in range(4)]
            for one in threads:
                one.start()
            assert wait(lambda: len(provider.got) >= 15)
            heard.process.kill()
            for one in threads:
                one.join()
        with listener(project.folder, settings=None) as again:
            writes(again, people)
            waiting = "SELECT count(*) AS n FROM answers WHERE state = 'planned'"
            assert wait(lambda: query(project, waiting) == [{"n": 0}], 40)
            assert again.stop() == 0
    rows = query(project, "SELECT address, state FROM answers")
    assert sorted(one["address"] for one in rows) == people
    assert {one["state"] for one in rows} <= {"accepted", "submitting"}
    got = Counter(to for _, to, _ in provider.got)
    assert max(got.values()) == 1
    assert {one["address"] for one in rows if one["state"] == "accepted"} <= set(got)
    assert project.run("ledger", "check", **ENVIRON).status == 0


def test_replies_that_are_pulled_are_answered_if_they_are_not_too_old(project: Project) -> None:
    """Without a listener: the simulator keeps the list, and takes the answers."""

    def came(sender: str, text: str, minutes: float) -> str:
        at = datetime.fromtimestamp(now() - minutes * 60, UTC).isoformat()
        return json.dumps({"from": sender, "to": "Shop", "text": text, "at": at, "id": sender}) + "\n"

    project.write("replies.yaml", "rules:\n  hours: {keyword: HOURS, answer: We are open.}\n")
    project.write(
        "a2pcli.yaml",
        "region: GB\ngateways:\n  lists: {type: simulator, latency: {}, replies: came.jsonl,"
        " receipts: {file: sent.jsonl}}\n",
    )
    people = [ANN, BEN, "+447911123458", "+447911123459"]
    lines = [came(people[0], "STOP", 1), came(people[1], "STOP", 20), came(people[2], "hours", 20)]
    project.write("came.jsonl", "".join([*lines, came(people[3], "hours", 90)]))
    assert project.run("ledger", "create").status == 0
    assert project.run("replies", "pull").status == 0
    states = {one["address"]: one["state"] for one in query(project, "SELECT address, state FROM answers")}
    assert states == dict(zip(people, ["accepted", "expired", "accepted", "expired"], strict=True))
    assert project.run("replies", "pull").status == 0
    assert len(query(project, "SELECT reference FROM answers")) == 4


def test_the_confirmation_of_a_stop_shows_that_it_was_delivered(project: Project) -> None:
    with kannel() as provider, listener(project.folder, settings=provider.settings(REPLIES)) as heard:
        assert says(heard, ANN, "stop") == 200
        provider.until(1)

        def row() -> dict[str, object]:
            return query(project, "SELECT reference, state, delivery FROM answers")[0]

        assert wait(lambda: row()["state"] in ("accepted", "unknown"))
        reference = str(row()["reference"])
        report = {"reference": reference, "status": "1", "answer": "", "from": SHOP}
        url = f"{heard.url}/callbacks/kannel/{SECRET}"
        assert httpx.get(url, params=report).status_code == 200
        assert row()["delivery"] == "delivered"
        told = project.run("explain", ANN)
        assert "confirmation of STOP by sms (kannel) from 12345: accepted, delivered" in told.out
        assert query(project, "SELECT answer FROM receipts") == [{"answer": reference}]


def test_a_programmes_name_after_stop_ends_that_programme_and_the_confirmation_says_which(
    project: Project,
) -> None:
    programmes = "programmes: {news: {title: Weekly News}, offers: {}}\n"
    with (
        kannel() as provider,
        listener(project.folder, settings=provider.settings(REPLIES, programmes)) as heard,
    ):
        assert says(heard, ANN, "STOP WEEKLY NEWS") == 200
        assert says(heard, BEN, "STOP NWES") == 200
        provider.until(2)
        assert says(heard, ANN, "stop offers please") == 200
        provider.until(3)
        assert says(heard, ANN, "stop news") == 200, "out of it already: not confirmed again"
        assert says(heard, ANN, "STOP") == 200
        provider.until(4)
    texts = [text for _, to, text in provider.got if to == ANN]
    assert "unsubscribed from Weekly News and will get no more messages of this programme" in texts[0]
    assert "unsubscribed from offers" in texts[1]
    assert "unsubscribed and will get no more messages." in texts[2]
    assert [text for _, to, text in provider.got if to == BEN] == [texts[2]]
    found = project.run("optout", "list", "--json").json["suppressions"]
    assert sorted((one["number"], one["scope"], one["scope_value"] or "") for one in found) == [
        (ANN, "everything", ""), (ANN, "programme", "news"), (ANN, "programme", "offers"), (BEN, "everything", ""),
    ]  # fmt: skip
    inbox = project.run("inbox", "list", "--json").json["conversations"]
    assert ["a name that is no programme (nwes)" in one["why"] for one in inbox] == [True]


def test_a_stop_of_a_short_code_counts_and_the_log_says_that_nobody_can_be_told(project: Project) -> None:
    with kannel() as provider, listener(project.folder, settings=provider.settings(REPLIES)) as heard:
        assert says(heard, "60777", "STOP") == 200
        assert says(heard, ANN, "STOP", to="54321") == 200
        provider.until(1)
        said = "came from a short code, to which nothing can be sent: it counts, and is not confirmed"
        assert wait(lambda: said in heard.said())
        assert "60777" not in heard.said()
    assert [(sender, to) for sender, to, _ in provider.got] == [("54321", ANN)]
    assert {one["number"] for one in project.run("optout", "list", "--json").json["suppressions"]} == {
        "60777",
        ANN,
    }
