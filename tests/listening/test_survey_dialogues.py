"""Dialogues of people and surveys, made up by the thousand and compared with a model of what must happen."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from a2pcli.actions import heard_replies
from a2pcli.actions.answers import NewAnswer
from a2pcli.actions.heard_replies import HeardReply, ReplyDesk
from a2pcli.actions.survey_desk import SurveyDesk
from a2pcli.actions.surveys import load_surveys
from a2pcli.config.load import load_settings
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.surveys import NewSession
from a2pcli.messages import Outcome, State, Verdict

MINUTE = 60_000
SURVEY = """\
within: 10 min
late: accept
late_for: 20 min
thanks: Thanks
questions:
  score: {ask: "Score?", kind: scale, from: 0, to: 10, go_to: {0-6: why, other: again}}
  why: {ask: "Why?", kind: text, go_to: end}
  again: {ask: "Again?", kind: choice, options: {yes: [sure], no: []}, go_to: {yes: colour, no: end}}
  colour: {ask: "Which?", kind: choice, options: [red, blue]}
"""
SCORES = {"3": 3, "ten": 10, "10/10": 10, " 7! ": 7, "0": 0}
ROUTES = {  # what each reply answers to each question, and what is asked then: written by hand, not derived
    "score": lambda text: None if text not in SCORES else "why" if SCORES[text] <= 6 else "again",
    "why": lambda text: "end" if text.strip() else None,
    "again": lambda text: {"YES": "colour", "sure": "colour", "1": "colour", "no": "end", "2": "end"}.get(
        text
    ),
    "colour": lambda text: {"red": "end", "BLUE.": "end", "1": "end", "2": "end"}.get(text),
}
TEXTS = [*SCORES, "11", "great", "YES", "sure", "no", "1", "2", "red", "BLUE.", "HELP", "not red", "3 or 4"]
_people = itertools.count(100_000)


@dataclass
class Asked:
    """What the model knows of one survey of a person."""

    number: int
    question: str
    until: int
    left: int | None = None  # when the question left
    lost: bool = False
    retried: bool = False
    state: str = "open"


@dataclass
class Model:
    out: bool = False
    surveys: list[Asked] = field(default_factory=list)
    answers: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def newest(self) -> Asked | None:
        return next((one for one in reversed(self.surveys) if one.state == "open"), None)


class Dialogues(RuleBasedStateMachine):
    folder: Path
    ledger: Ledger

    def __init__(self) -> None:
        super().__init__()
        self.now, self.ids = 1_800_000_000_000, itertools.count(1)
        self.address = f"+447911{next(_people)}"
        self.model = Model()
        self.sent: dict[str, int] = {}
        self.real_now = heard_replies.now_ms
        heard_replies.now_ms = lambda: self.now
        loaded = load_settings(self.folder)
        self.desk = ReplyDesk(self.ledger, loaded)
        self.surveys = SurveyDesk(self.ledger, load_surveys(loaded))

    def teardown(self) -> None:
        heard_replies.now_ms = self.real_now

    @rule(minutes=st.sampled_from([1, 4, 12, 35]))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule(fails=st.booleans())
    def messages_leave(self, fails: bool) -> None:
        self.now += 3_000
        for one in self.ledger.answers.of(self.address):
            claimed = (
                self.ledger.answers.claim(one.number, now=self.now) if one.state is State.PLANNED else None
            )
            if claimed is None:
                continue
            assert not self.model.out or claimed.anyway, "somebody who said no gets a message"
            state, verdict = (
                (State.REJECTED, Verdict.REJECTED) if fails else (State.ACCEPTED, Verdict.ACCEPTED)
            )
            self.ledger.answers.settle(claimed, state, Outcome(verdict), now=self.now)
            self.sent[one.key] = self.sent.get(one.key, 0) + 1
            asked = self.model.newest
            if asked and one.key == f"survey:{asked.number}:{asked.question}":
                asked.left, asked.lost = self.now, fails
        self.now += 3_000

    @rule()
    def somebody_starts_it(self) -> None:
        self.now += 3_000
        asked = self.model.newest
        is_open = bool(asked and asked.left and not asked.lost and self.now < asked.until)
        assert self.surveys.is_open(self.address, "gw", "Shop", self.now, late=False) == is_open
        if is_open or self.model.out:
            return
        if asked:
            asked.state = "replaced"
        new = NewSession(
            "visit", self.address, "sms", "gw", "Shop", None, None, "score", self.now, self.now + 10 * MINUTE
        )
        session = self.ledger.surveys.begin(new, self.now)
        body = NewAnswer(
            session.key("score"), "survey", self.address, "sms", "gw", "Score?", self.now + 60 * MINUTE, "test",
            sender="Shop",
        )  # fmt: skip
        self.ledger.answers.add(body, now=self.now)
        self.model.surveys.append(Asked(session.number, "score", new.until_at))

    @rule(text=st.sampled_from(TEXTS))
    def writes(self, text: str) -> None:
        self.now += 3_000
        self._take(text)
        asked = self.model.newest
        if self.model.out and text == "YES" and not self._waits(asked):
            self.model.out = False
        if text == "HELP" or asked is None or not self._waits(asked):
            return
        to = ROUTES[asked.question](text)
        late = self.now >= asked.until
        if to is None and not late:
            if asked.retried:
                asked.state = "unclear"
            asked.retried, asked.until = True, self.now + 10 * MINUTE
        elif to is not None:
            key = (asked.number, asked.question)
            self.model.answers[key] = self.model.answers.get(key, 0) + 1
            if to == "end":
                asked.state = "finished"
            else:
                asked.question, asked.until = to, self.now + 10 * MINUTE
                asked.left, asked.lost, asked.retried = None, False, False

    @rule(text=st.sampled_from(["STOP", "stop.", "Unsubscribe"]))
    def says_no(self, text: str) -> None:
        self.now += 3_000
        self._take(text)
        self.model.out = True
        for one in self.model.surveys:
            if one.state == "open":
                one.state = "stopped"

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        found = [one for one in self.ledger.surveys.of("visit") if one.address == self.address]
        assert [(one.number, one.state, one.question) for one in found] == [
            (one.number, one.state, one.question) for one in self.model.surveys
        ]
        assert sum(one.state == "open" for one in found) <= 1
        given = {(one.number, name) for one in found for name in self.ledger.surveys.answers_of(one)}
        assert given == set(self.model.answers)
        assert all(many == 1 for many in self.model.answers.values())
        assert all(many == 1 for many in self.sent.values()), "a question left twice"
        assert any(one.holds(self.now) for one in self.ledger.optouts.of(self.address)) == self.model.out

    def _waits(self, asked: Asked | None) -> bool:
        """Whether a question may be answered: it left, and its time, with that for late answers, is not over."""
        return bool(asked and asked.left and not asked.lost and self.now < asked.until + 20 * MINUTE)

    def _take(self, text: str) -> None:
        reply = HeardReply(self.address, "Shop", text, self.now, f"{self.address}-{next(self.ids)}")
        with self.ledger.transaction():
            self.desk.take(reply, channel="sms", gateway="gw", source="test")


@pytest.mark.parametrize("many", [10, pytest.param(150, marks=pytest.mark.slow)])
def test_dialogues_go_as_the_model_says(many: int) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "surveys").mkdir()
        (folder / "surveys/visit.yaml").write_text(SURVEY)
        (folder / "a2pcli.yaml").write_text("region: GB\nreplies: {texts: keep}\n")
        with Ledger.open(str(folder / "ledger.db"), create=True) as ledger:
            Dialogues.folder, Dialogues.ledger = folder, ledger
            machine = Dialogues.TestCase
            machine.settings = settings(max_examples=many, stateful_step_count=25, deadline=None)
            machine().runTest()
    finally:
        shutil.rmtree(folder)
