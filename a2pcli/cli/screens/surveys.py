"""Surveys and their results, as people and programs see them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.addresses.kinds import masked
from a2pcli.cli.screens.listing import Listing
from a2pcli.moments import moment_text
from a2pcli.reporting.table_file import FORMULA_START
from a2pcli.reporting.values import iso
from a2pcli.visible import without_controls

if TYPE_CHECKING:
    from a2pcli.actions.survey_results import QuestionResult, SurveyLine, SurveyResults
    from a2pcli.actions.surveys import Started

BAR = 20
"""Characters of the longest bar."""
_STATES = {
    "open": "open (waiting for an answer)",
    "finished": "finished",
    "stopped": "stopped (opted out)",
    "unclear": "unclear (not understood)",
    "replaced": "replaced (by another survey)",
    "late": "late (answered after its time)",
    "timed-out": "timed out",
}


def listing(lines: Sequence[SurveyLine]) -> Listing:
    """The surveys, one a row."""
    rows = [
        (
            one.name,
            ("(wrong)" if one.is_wrong else "(no file)") if one.questions is None else str(one.questions),
            f"{one.asked:,}",
            f"{one.began:,}",
            f"{one.finished:,}",
            one.title or "",
        )
        for one in lines
    ]
    columns = ("survey", "questions", "asked", "answered", "finished", "title")
    return Listing(columns, rows, 2, frozenset({"survey"}), frozenset(columns[1:5]))


def line_document(one: SurveyLine) -> dict[str, Any]:
    """A survey of the list."""
    return {
        "name": one.name,
        "title": one.title,
        "questions": one.questions,
        "asked": one.asked,
        "answered": one.began,
        "finished": one.finished,
    }


def result_lines(found: SurveyResults) -> Iterator[str]:
    """The results, in lines."""
    title = f": {found.title}" if found.title else ""
    yield f"{found.name}{title}"
    share = f" ({100 * found.began / found.asked:.0f}%)" if found.asked else ""
    yield f"{found.asked:,} asked, {found.began:,} answered{share}"
    if found.states:
        yield ", ".join(f"{_STATES.get(state, state)} {many:,}" for state, many in found.states.items())
    for one in found.questions:
        yield ""
        yield from _question_lines(one, [row.value for row in found.rows if row.question == one.name])


def _question_lines(one: QuestionResult, values: Sequence[str]) -> Iterator[str]:
    late = f", {one.late:,} late" if one.late else ""
    yield f"{one.name} ({one.kind}): {one.answers:,} {'answer' if one.answers == 1 else 'answers'}{late}"
    longest = max(one.distribution.values(), default=0)
    width = max((len(value) for value in one.distribution), default=0)
    for value, many in one.distribution.items():
        share = f"{100 * many / one.answers:3.0f}%" if one.answers else "  0%"
        bar = "#" * round(BAR * many / longest) if longest else ""
        yield f"  {value:<{width}}  {many:>6,}  {share}  {bar}".rstrip()
    if one.numbers is not None:
        told = one.numbers
        yield f"  mean {told.mean:.4g}, median {told.median:.10g}, from {told.least:.10g} to {told.most:.10g}"
    if one.nps is not None:
        parts = one.nps
        yield (
            f"  NPS {parts.score}: promoters (9-10) {parts.promoters:,}, passives (7-8) {parts.passives:,},"
            f" detractors (0-6) {parts.detractors:,}"
        )
    if one.kind == "text":
        for value in values[-5:]:
            yield f"  “{' '.join(value.split())[:100]}”"
        if len(values) > 5:
            yield f"  … the newest 5 of {len(values):,}; --csv writes all"


def result_document(found: SurveyResults) -> dict[str, Any]:
    """The results."""
    return {
        "name": found.name,
        "title": found.title,
        "asked": found.asked,
        "answered": found.began,
        "states": dict(found.states),
        "questions": [_question_document(one) for one in found.questions],
        "answers": [
            {
                "session": row.session,
                "person": row.person,
                "question": row.question,
                "answer": row.value,
                "at": iso(row.at),
                "late": row.late,
            }
            for row in found.rows
        ],
    }


def _question_document(one: QuestionResult) -> dict[str, Any]:
    told, nps = one.numbers, one.nps
    return {
        "name": one.name,
        "kind": one.kind,
        "ask": one.ask,
        "answers": one.answers,
        "late": one.late,
        "distribution": dict(one.distribution),
        "mean": None if told is None else told.mean,
        "median": None if told is None else told.median,
        "least": None if told is None else told.least,
        "most": None if told is None else told.most,
        "nps": None
        if nps is None
        else {
            "score": nps.score,
            "promoters": nps.promoters,
            "passives": nps.passives,
            "detractors": nps.detractors,
        },
    }


def as_csv(found: SurveyResults) -> str:
    """Everybody who answered, one a row, with a column for each question."""
    columns = _columns([one.name for one in found.questions])
    people: dict[int, dict[str, str]] = {}
    for row in found.rows:
        mine = people.setdefault(row.session, {"session": str(row.session), "person": row.person})
        mine[columns.get(row.question, "")] = row.value
        mine["answered_at"] = iso(row.at) or ""
        mine["late"] = "yes" if row.late or mine.get("late") == "yes" else "no"
    text = io.StringIO()
    header = [*_BEFORE, *columns.values(), *_AFTER]
    writer = csv.DictWriter(text, header, lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows({key: _cell(key, value) for key, value in one.items()} for one in people.values())
    return text.getvalue()


_BEFORE, _AFTER = ("session", "person"), ("answered_at", "late")
"""Columns beside those of the questions."""


def _columns(questions: Sequence[str]) -> dict[str, str]:
    """The column of each question: its name, with ``answer_`` in front if another column has it."""
    found: dict[str, str] = {}
    for name in questions:
        column = name
        while column in (*_BEFORE, *_AFTER) or (column != name and column in questions):
            column = f"answer_{column}"
        found[name] = column
    return found


def _cell(key: str, value: str) -> str:
    """A cell that a spreadsheet does not run."""
    import re

    value = without_controls(value)
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    runs = key != "person" and not is_number and re.match(FORMULA_START, value)
    return f"'{value}" if runs else value


def started_document(done: Started) -> dict[str, Any]:
    """What became of the first question."""
    answer = done.answer
    return {
        "survey": done.session.survey,
        "person": masked(done.session.address),
        "question": done.session.question,
        "state": None if answer is None else str(answer.state),
        "open_until": iso(done.session.until_at),
        "code": None if answer is None else answer.code,
        "detail": None if answer is None else answer.detail,
    }


def started_line(done: Started) -> str:
    """What became of the first question, in a sentence."""
    one, answer = done.session, done.answer
    state = "" if answer is None else str(answer.state)
    words = {
        "accepted": f"question '{one.question}' was sent; it is open until {moment_text(one.until_at)}",
        "planned": f"question '{one.question}' was not accepted; `a2pcli listen` tries again for an hour",
        "unknown": f"it is unknown whether the gateway accepted question '{one.question}'; it is not sent again",
        "rejected": f"question '{one.question}' was rejected by the gateway",
        "skipped": f"question '{one.question}' was not sent: the person has opted out",
        "expired": f"question '{one.question}' was not accepted in time",
    }
    why = "" if answer is None or state == "accepted" else answer.detail or answer.code or ""
    return f"{masked(one.address)}: {words.get(state, state)}{f' ({why})' if why else ''}"
