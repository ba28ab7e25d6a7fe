"""A person has one open conversation and one open question, whichever processes hear them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from a2pcli.ledger.conversations import CLOSED, Heard
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.surveys import NewSession

# Two forms of one Mexican mobile number.
NEW, OLD = "+525512345678", "+5215512345678"
HEARD = Heard(NEW, "sms", "kannel", "12345", None, "no rule matches it")
ASKED = NewSession("visit", NEW, "sms", "kannel", "12345", None, None, "why", 1_000, 9_999_999_999_999)


def both(url: str, first: Callable[[Ledger], object], second: Callable[[Ledger], object]) -> list[object]:
    """What two processes return whose transactions overlap: the second begins before the first has committed."""
    done: list[object] = []
    with Ledger.open(url) as ledger, Ledger.open(url) as other:
        thread = threading.Thread(target=lambda: done.append(second(other)))
        with ledger.transaction():
            done.append(first(ledger))
            thread.start()
            thread.join(0.3)
            assert thread.is_alive(), "it has to wait for what this process stores"
        thread.join(10)
    return done


@pytest.mark.parametrize("form", [NEW, OLD])
def test_two_processes_open_one_conversation(postgres_url: str, form: str) -> None:
    other = replace(HEARD, address=form, why="it may be an opt-out")
    done = both(
        postgres_url,
        lambda ledger: ledger.conversations.hear(HEARD, 1_000).code,
        lambda ledger: ledger.conversations.hear(other, 2_000).code,
    )
    with Ledger.open(postgres_url) as ledger:
        (one,) = ledger.conversations.all()
    assert done == [one.code, one.code]
    assert (one.heard_at, one.why) == (2_000, "it may be an opt-out")


def test_what_is_heard_while_a_conversation_is_closed_opens_the_next(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        old = ledger.conversations.hear(HEARD, 1_000)
    both(
        postgres_url,
        lambda ledger: ledger.conversations.change(old, "inbox.close", "anna", state=CLOSED, closed_at=1_500),
        lambda ledger: ledger.conversations.hear(HEARD, 2_000),
    )
    with Ledger.open(postgres_url) as ledger:
        (one,) = ledger.conversations.all()
    assert (one.code == old.code, one.heard_at) == (False, 2_000)


@pytest.mark.parametrize("form", [NEW, OLD])
def test_two_processes_leave_one_question_open(postgres_url: str, form: str) -> None:
    both(
        postgres_url,
        lambda ledger: ledger.surveys.begin(ASKED, 1_000),
        lambda ledger: ledger.surveys.begin(replace(ASKED, address=form, survey="other"), 2_000),
    )
    with Ledger.open(postgres_url) as ledger:
        states = [(one.survey, one.state) for name in ("visit", "other") for one in ledger.surveys.of(name)]
    assert states == [("visit", "replaced"), ("other", "open")]
