"""``explain`` knows why: for every reason, every state, and what will be."""

from __future__ import annotations

import pytest
from reportkit import number, plan, send

from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.store import Ledger
from a2pcli.messages import State
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.reporting.explain import Explanation, MessageExplanation, explain, explanation_document

POLICY = PhonePolicy(region="GB", allow_fictional=True, allow_fixed_line=True)
NOW = 2_100_000


def told(ledger: Ledger, asked: str, **given: object) -> Explanation:
    return explain(ledger, asked, POLICY, now=given.pop("now", NOW), **given)  # type: ignore[arg-type]


def only(ledger: Ledger, asked: str, **given: object) -> MessageExplanation:
    [one] = told(ledger, asked, **given).messages
    return one


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_told_in_a_sentence(ledger: Ledger, reason: Reason) -> None:
    plan(ledger, recipients=0, excluded={1: (str(reason), number(50), None)})
    one = only(ledger, number(50))
    assert one.what == f"excluded: {reason}: {SENTENCES[reason]}"
    assert one.entry.row["line"] == 2


def test_a_reason_of_a_newer_version_is_shown_as_it_is(ledger: Ledger) -> None:
    plan(ledger, recipients=0, excluded={1: ("moon-phase", number(50), None)})
    assert only(ledger, number(50)).what == "excluded: moon-phase: moon-phase"


def test_a_duplicate_names_the_line_that_stands_for_it(ledger: Ledger) -> None:
    run = plan(ledger, recipients=5, excluded={6: ("duplicate", number(3), None)})
    send(ledger, run, ["accepted"] * 5)
    first, second = told(ledger, number(3)).messages
    assert first.what == "accepted by outbox as SM1, 1 part, 0.04 GBP"
    assert second.what == "excluded: duplicate: the same number is in line 4, which was accepted"


def test_an_opt_out_names_its_source_and_time(ledger: Ledger) -> None:
    ledger.optouts.add(number(50), source="import of stop.csv", reason="replied STOP", now=500_000)
    plan(ledger, recipients=0, excluded={1: ("opted-out", number(50), None)})
    story = told(ledger, number(50))
    assert story.suppressed
    assert "(import of stop.csv, replied STOP)" in story.messages[0].what
    assert story.messages[0].next is None


def test_an_opt_out_that_was_lifted_would_not_hold_now(ledger: Ledger) -> None:
    ledger.optouts.add(number(50), source="command", now=500_000)
    plan(ledger, recipients=0, excluded={1: ("opted-out", number(50), None)})
    ledger.optouts.lift(number(50), by="ann", now=9_999_999_999_999)
    story = told(ledger, number(50))
    assert not story.suppressed
    assert "removed by ann" in story.messages[0].what
    assert (
        story.messages[0].next
        == "the opt-out is no longer in force: a new plan would not exclude this recipient for it"
    )


def test_already_sent_names_the_run_that_has_it(ledger: Ledger) -> None:
    first = send(ledger, plan(ledger, recipients=3), ["accepted"] * 3)
    plan(ledger, recipients=0, excluded={1: ("already-sent", number(2), None)})
    newest, oldest = told(ledger, number(2)).messages
    assert f"the message of run {first.id} on 1970-01-01 was accepted" in newest.what
    assert oldest.entry.run.id == first.id


def test_excluded_runs_are_named(ledger: Ledger) -> None:
    before = send(ledger, plan(ledger, "winter-sale", recipients=3), ["accepted"] * 3)
    plan(ledger, recipients=0, excluded={1: ("excluded-run", number(2), None)})
    assert f"it got winter-sale ({before.id})" in told(ledger, number(2)).messages[0].what


def test_with_one_run_asked_for_the_others_still_explain_it(ledger: Ledger) -> None:
    first = send(ledger, plan(ledger, recipients=3), ["accepted"] * 3)
    second = plan(ledger, recipients=0, excluded={1: ("already-sent", number(2), None)})
    assert first.id in only(ledger, number(2), run=second).what


def test_every_attempt_is_told(ledger: Ledger) -> None:
    run = plan(ledger, recipients=1)
    send(ledger, run, ["retry"], end=None)
    send(ledger, run, ["accepted"], now=2_010_000)
    one = only(ledger, number(1))
    assert one.what == "accepted by outbox as SM1 after 2 attempts, 1 part, 0.04 GBP"
    assert [event.kind for event in one.entry.events] == ["not_sent", "accepted"]


def test_a_price_that_is_not_known_is_not_nothing(ledger: Ledger) -> None:
    """Row 5 has no price."""
    send(ledger, plan(ledger, recipients=5), ["accepted"] * 5)
    assert only(ledger, number(5)).what.endswith("1 part, price unknown")


def test_refused_and_unknown_name_the_providers_answer(ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=2), ["rejected", "unknown"])
    assert only(ledger, number(1)).what == "rejected by outbox (21211: the number is not valid)"
    unknown = only(ledger, number(2))
    assert (
        "the answer is unknown (timeout: no answer within the timeout): the person may have it"
        in unknown.what
    )
    assert unknown.next is not None
    assert f"a2pcli reconcile {run.id}" in unknown.next


def test_a_decision_is_told_as_one(ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=1), ["unknown"])
    ledger.attempts.settle_unknown(run, None, State.ACCEPTED, "decided by ann: sent")
    assert only(ledger, number(1)).what.startswith("marked as accepted: decided by ann: sent, 1 part")


def test_a_message_that_a_killed_sender_left_is_not_told_as_on_its_way(ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=1), ["lost"], end=None)
    one = only(ledger, number(1))
    assert "when sending was interrupted: the person may have it" in one.what
    assert f"a2pcli reconcile {run.id}" in (one.next or "")


def test_a_message_in_the_hands_of_a_sender_is_on_its_way(ledger: Ledger) -> None:
    run = send(ledger, plan(ledger, recipients=2), ["lost"], end=None)
    with sender_lock(ledger, run):
        assert only(ledger, number(1)).what == "being sent to outbox now"
        assert only(ledger, number(2)).next == "will be sent by the run in progress"


def test_what_is_planned_says_what_it_waits_for(ledger: Ledger) -> None:
    run = plan(ledger, recipients=2)
    command = f"a2pcli send --plan {run.id}"
    assert only(ledger, number(1)).next == f"will be sent when the plan is sent ({command})"
    send(ledger, run, ["accepted"], end=None)
    ledger.runs.set_state(run, "paused", "gateway outbox does not answer")
    expected = (
        f"will be sent when the run is resumed ({command}, it is paused: gateway outbox does not answer)"
    )
    assert only(ledger, number(2)).next == expected


def test_a_hour_that_has_not_come_is_named(ledger: Ledger) -> None:
    plan(ledger, recipients=1, not_before=NOW + 3_600_000)
    assert ", not before 1970-01-01 " in (only(ledger, number(1)).next or "")


def test_what_waits_for_another_try_says_why(ledger: Ledger) -> None:
    send(ledger, plan(ledger, recipients=1), ["retry"], end="paused")
    assert only(ledger, number(1)).what == "planned, not sent yet: tried once (429: too many requests)"


def test_what_is_planned_and_opted_out_since_will_be_skipped(ledger: Ledger) -> None:
    plan(ledger, recipients=1)
    ledger.optouts.add(number(1), source="command")
    assert (only(ledger, number(1)).next or "").startswith("will be skipped: on the suppression list since")


def test_an_opt_out_does_not_hold_back_what_it_does_not_bind(ledger: Ledger) -> None:
    """One-time passwords go to people who opted out, and an opt-out from one sender binds that sender alone."""
    plan(ledger, "code", recipients=1, purpose="otp")
    plan(ledger, "other", recipients=2, sender="OTHER")
    ledger.optouts.add(number(1), source="command")
    ledger.optouts.add(number(2), scope="sender", scope_value="ACME", source="command")
    code = next(one for one in told(ledger, number(1)).messages if one.entry.run.campaign == "code")
    assert (code.next or "").startswith("will be sent")
    assert (only(ledger, number(2)).next or "").startswith("will be sent")


def test_what_another_run_sent_meanwhile_will_be_skipped(ledger: Ledger) -> None:
    waiting = plan(ledger, recipients=1)
    other = send(ledger, plan(ledger, recipients=1), ["accepted"])
    one = only(ledger, number(1), run=waiting)
    assert one.next == f"will be skipped: the message of run {other.id} was accepted"


def test_a_campaign_that_has_expired_sends_nothing_more(ledger: Ledger) -> None:
    run = plan(ledger, recipients=1, expires_at=NOW - 1)
    assert (only(ledger, number(1)).next or "").startswith("will not be sent: the campaign expired at")
    ledger.runs.expire(run, NOW)
    assert only(ledger, number(1)).what == "never sent: the campaign expired before the message could be sent"


def test_a_cancelled_run_sends_nothing_more(ledger: Ledger) -> None:
    ledger.runs.cancel(plan(ledger, recipients=1))
    assert only(ledger, number(1)).what == "never sent: the run was cancelled"


@pytest.mark.parametrize("asked", ["07700 900050", "+447700900050", "0044 7700-900050", "(07700) 900050"])
def test_a_number_is_found_however_it_is_written(ledger: Ledger, asked: str) -> None:
    plan(ledger, recipients=0, excluded={1: ("holdout", number(50), None)})
    assert told(ledger, asked).number == number(50)
    assert only(ledger, asked).what.startswith("excluded: holdout")


@pytest.mark.parametrize(
    "cell", ["07700 900050; 07700 900051", "+44 (7700) 900-050 / 051", "07700900050 x12"]
)
def test_a_cell_that_holds_the_number_is_found(ledger: Ledger, cell: str) -> None:
    """The row was left out because its cell was no single number: the person is in it all the same."""
    plan(ledger, recipients=0, excluded={1: ("ambiguous-number", None, cell)})
    assert only(ledger, number(50)).entry.row["cell"] == cell


def test_a_text_that_is_no_number_finds_its_own_cell_alone(ledger: Ledger) -> None:
    texts = ["07 12", "07 123", "4.47E+11"]
    cells = {row: ("invalid-number", None, text) for row, text in enumerate(texts, 1)}
    plan(ledger, recipients=0, excluded=cells)
    story = told(ledger, "0712")
    assert story.number is None
    assert story.problem
    assert [one.entry.row["cell"] for one in story.messages] == ["07 12"]
    assert [one.entry.row["cell"] for one in told(ledger, "4.47E+11").messages] == ["4.47E+11"]


def test_signs_that_mean_something_to_a_database_mean_nothing(ledger: Ledger) -> None:
    plan(ledger, recipients=0, excluded={1: ("invalid-number", None, "abcdefgh")})
    for asked in ("%%%%%%%%", "________", "' OR 1=1 --", "\\"):
        assert told(ledger, asked).messages == ()


def test_a_number_that_nobody_knows_is_said_to_be_unknown(ledger: Ledger) -> None:
    plan(ledger, recipients=3)
    story = told(ledger, number(77))
    assert (story.number, story.messages, story.suppressions) == (number(77), (), ())


def test_the_document_holds_the_story(ledger: Ledger) -> None:
    run = plan(ledger, recipients=1)
    send(ledger, run, ["retry"], end=None)
    send(ledger, run, ["accepted"], now=2_010_000)
    ledger.optouts.add(number(1), source="command", now=3_000_000)
    document = explanation_document(told(ledger, number(1)))
    assert document["number"] == number(1)
    assert document["suppressed"] is True
    [message] = document["messages"]
    assert (message["run"], message["state"], message["attempts"]) == (run.id, "accepted", 2)
    assert (message["cost"], message["reference"]) == ("0.04", f"{run.id}-000001")
    assert [event["kind"] for event in message["events"]] == ["not_sent", "accepted"]
    assert message["settled_at"] == "1970-01-01T00:33:30.010Z"
