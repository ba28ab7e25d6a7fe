"""``surveys/NAME.yaml``: questions that people answer one after the other."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from a2pcli.config.document import Document, read_document
from a2pcli.config.examine import examine
from a2pcli.config.fields import Channel, ProgrammeName, Strict, Template, Text, YesNo
from a2pcli.config.reply_rules import Age
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem

FOLDER = "surveys"
END = "end"
"""Where ``go_to`` leads if no further question is asked."""
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:(?:-|–|to)\s*(-?\d+(?:\.\d+)?)\s*)?")
WIDEST = 100
"""Steps of a scale."""


def _listed(value: object) -> object:
    """Options as a list are options without further words."""
    if isinstance(value, list):
        return {one: [] for one in value if isinstance(one, str)}
    if isinstance(value, dict):
        return {key: [of] if isinstance(of, str) else of for key, of in value.items()}
    return value


def _number(typed: str) -> str:
    if not re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?", typed.strip()):
        raise ValueError(f"'{typed[:30]}' is not a number", "like 0 or 10")
    return typed.strip()


def _always(value: object) -> object:
    return {"*": value} if isinstance(value, str) else value


QuestionName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Number = Annotated[str, AfterValidator(_number)]
Options = Annotated[dict[Text, list[Text]], BeforeValidator(_listed)]
GoTo = Annotated[dict[Text, Text], BeforeValidator(_always)]


class Question(Strict):
    """A question."""

    ask: Template = Field(description="The question as it is sent, with what to reply (Jinja)")
    kind: Literal["choice", "number", "scale", "text"] = Field(
        description="`choice`: one of `options`; `number`; `scale`: a whole number of a short range; `text`: anything"
    )
    options: Options = Field(
        default_factory=dict,
        description="Choice: the answers, a list, or each with other words for it. The number of its place counts too",
    )
    least: Number | None = Field(None, alias="from", description="Number, scale: the smallest answer")
    most: Number | None = Field(None, alias="to", description="Number, scale: the largest answer")
    whole: YesNo = Field(False, description="Number: whole numbers only")
    longest: int = Field(1000, ge=1, le=4000, description="Text: maximum number of characters that are kept")
    retry: Template | None = Field(
        None, description="Text to send, once, after an answer that cannot be understood. Default: a sentence"
    )
    go_to: GoTo = Field(
        default_factory=dict,
        description="The next question's name, or `end`; or one for each answer (`yes: why`, `0-6: why`, `other: end`)."
        " Default: the next in the file",
    )


class Survey(Strict):
    """``surveys/NAME.yaml``."""

    title: Text | None = Field(None, description="Title, for lists and results")
    programme: ProgrammeName | None = Field(
        None, description="Programme of messages started by `survey start`"
    )
    channel: Channel | None = Field(None, description="Channel of `survey start`. Default: sms")
    gateway: Text | None = Field(None, description="Gateway of `survey start`. Default: the settings'")
    sender: Text | None = Field(None, description="Sender of `survey start`. Default: the gateway's")
    within: Age = Field("1 day", description="How long each question is open: `30 min`, `2 h`, `1 day`")
    late: Literal["accept", "tell"] = Field(
        "accept",
        description="What to do with an answer after that: `accept` counts it, `tell` tells the person",
    )
    late_for: Age = Field("7 days", description="How long after that an answer still counts as late")
    late_text: Template = Field(
        "Thank you, but this survey is over.", description="What is sent with `late: tell`"
    )
    retry: Template | None = Field(None, description="The same as `retry` of a question, for all questions")
    unclear: Template | None = Field(
        None, description="Text to send if the second answer cannot be understood either. Default: nothing"
    )
    thanks: Template | None = Field(None, description="Text to send after the last answer. Default: nothing")
    questions: dict[QuestionName, Question] = Field(min_length=1, description="The questions, in their order")


@dataclass(frozen=True, slots=True)
class LoadedSurvey:
    """A survey, and where it stands."""

    name: str
    survey: Survey
    document: Document

    @property
    def first(self) -> str:
        """The name of the first question."""
        return next(iter(self.survey.questions))


def milliseconds(age: str) -> int:
    """Return how long an ``Age`` is."""
    found = re.match(r"(\d+)\s*([a-z])", age)
    assert found is not None
    return int(found[1]) * _MINUTES[found[2]] * 60_000


def survey_files(folder: Path) -> list[Path]:
    """The files of the surveys beside the settings in ``folder``, by name."""
    return sorted((folder / FOLDER).glob("*.y*ml")) if (folder / FOLDER).is_dir() else []


def load_survey(path: Path) -> LoadedSurvey:
    """The survey in a file. Raises ``InvalidInput`` with every problem, each at its place."""
    document = read_document(path)
    name = path.stem
    if not _NAME.fullmatch(name):
        hint = "lower case letters, digits, '-' and '_', at most 40"
        raise InvalidInput(
            Problem(f"'{name}' cannot be a survey's name", path=document.path, hint=hint, code="survey")
        )
    return LoadedSurvey(name, examine(document, Survey, _problems).sound, document)


def named_survey(folder: Path, name: str) -> LoadedSurvey:
    """The survey with this name beside the settings in ``folder``. Raises ``InvalidInput``."""
    for path in survey_files(folder):
        if path.stem == name:
            return load_survey(path)
    known = [path.stem for path in survey_files(folder)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = (
        f"did you mean '{near[0]}'?"
        if near
        else f"known: {', '.join(known)}"
        if known
        else f"surveys are files in {FOLDER}/ beside the settings"
    )
    raise InvalidInput(Problem(f"there is no survey '{name[:40]}'", hint=hint, code="unknown-survey"))


def bounds(question: Question) -> tuple[float | None, float | None]:
    """The smallest and the largest answer of a number or a scale; a scale is 1 to 5 unless it says otherwise."""
    least, most = question.least, question.most
    if question.kind == "scale":
        return float(least if least is not None else 1), float(most if most is not None else 5)
    return (None if least is None else float(least)), (None if most is None else float(most))


def reach(typed: str) -> tuple[float, float] | None:
    """The range of numbers that a key of ``go_to`` means (``7``, ``0-6``); None if it is none."""
    found = _RANGE.fullmatch(typed)
    if found is None:
        return None
    least = float(found[1])
    return least, least if found[2] is None else float(found[2])


def _problems(document: Document) -> Iterator[Problem]:
    """What no single key can tell."""
    questions = document.data.get("questions")
    if not isinstance(questions, dict):
        return
    names = list(questions)
    for place, (name, question) in enumerate(questions.items()):
        loc = ("questions", name)
        if name == END:
            message = "'end' cannot be a question's name: go_to uses it for the end of the survey"
            yield document.problem(message, loc, of="key", code="survey")
        if isinstance(question, dict):
            yield from _of_kind(document, question, loc)
            yield from _go_to(document, question, loc, names, place)
    yield from _never_asked(document, questions)


_KEYS: Mapping[str, tuple[str, ...]] = {
    "choice": ("options",),
    "number": ("from", "to", "whole"),
    "scale": ("from", "to"),
    "text": ("longest",),
}


def _of_kind(document: Document, question: Mapping[str, Any], loc: tuple[str, ...]) -> Iterator[Problem]:
    kind = question.get("kind")
    if not isinstance(kind, str) or kind not in _KEYS:
        return
    for key in ("options", "from", "to", "whole", "longest"):
        if key in question and key not in _KEYS[kind]:
            yield document.problem(
                f"'{key}' has no meaning for a {kind}", (*loc, key), of="key", code="survey"
            )
    options = question.get("options")
    if kind == "choice" and not (isinstance(options, (list, dict)) and len(options) >= 2):
        hint = "options: [yes, no]"
        yield document.problem("a choice needs two options or more", loc, of="key", hint=hint, code="survey")
    if isinstance(options, list) and len({str(one).casefold() for one in options}) < len(options):
        yield document.problem("an option is there twice", (*loc, "options"), code="survey")
    least, most = _typed(question.get("from")), _typed(question.get("to"))
    if kind == "scale":
        least, most = 1 if least is None else least, 5 if most is None else most
        if least % 1 or most % 1 or most - least > WIDEST:
            message = f"a scale has whole numbers, at most {WIDEST} steps"
            yield document.problem(message, loc, of="key", hint="use `kind: number`", code="survey")
    if least is not None and most is not None and least >= most:
        at = (*loc, "to") if "to" in question else loc
        yield document.problem(f"'to' must be above {least:g}", at, code="survey")


def _typed(value: object) -> float | None:
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None


def _go_to(
    document: Document, question: Mapping[str, Any], loc: tuple[str, ...], names: list[str], place: int
) -> Iterator[Problem]:
    go_to = question.get("go_to")
    given = {"*": go_to} if isinstance(go_to, str) else go_to
    if not isinstance(given, dict):
        return
    kind, options = question.get("kind"), question.get("options")
    labels = [str(one).casefold() for one in options] if isinstance(options, (list, dict)) else []
    taken: list[tuple[float, float]] = []
    for key, to in given.items():
        at = (*loc, "go_to") if isinstance(go_to, str) else (*loc, "go_to", key)
        if isinstance(to, str):
            if to != END and to not in names:
                near = difflib.get_close_matches(to, names[place + 1 :], n=1)
                hint = f"did you mean '{near[0]}'?" if near else "a later question's name, or `end`"
                yield document.problem(f"there is no question '{to[:40]}'", at, hint=hint, code="survey")
            elif to != END and names.index(to) <= place:
                hint = "a question is asked once: `go_to` leads forward"
                yield document.problem(
                    f"'{to}' does not come after this question", at, hint=hint, code="survey"
                )
        if str(key) in ("*", "other"):
            continue
        if kind == "text":
            hint = "`go_to: NAME` leads on from any text"
            yield document.problem(
                "a text has no answers to tell apart", at, of="key", hint=hint, code="survey"
            )
        elif kind == "choice" and str(key).casefold() not in labels:
            hint = "one of its options, or `other`"
            yield document.problem(
                f"'{key}' is no option of this question", at, of="key", hint=hint, code="survey"
            )
        elif kind in ("number", "scale"):
            span = reach(str(key))
            if span is None or span[0] > span[1]:
                hint = "like `7`, `0-6` or `other`"
                yield document.problem(
                    f"'{key}' is no number or range", at, of="key", hint=hint, code="survey"
                )
            elif any(span[0] <= high and low <= span[1] for low, high in taken):
                yield document.problem(f"'{key}' overlaps an earlier range", at, of="key", code="survey")
            else:
                taken.append(span)


def _never_asked(document: Document, questions: Mapping[str, Any]) -> Iterator[Problem]:
    """Questions that no answer leads to."""
    names = list(questions)
    reached = {names[0]}
    for place, (name, question) in enumerate(questions.items()):
        if name not in reached:
            yield document.problem(
                f"question '{name}' is never asked", ("questions", name), of="key",
                hint="let a `go_to` lead to it", code="survey",
            )  # fmt: skip
        go_to = question.get("go_to") if isinstance(question, dict) else None
        given = {"*": go_to} if isinstance(go_to, str) else go_to if isinstance(go_to, dict) else {}
        reached |= {to for to in given.values() if isinstance(to, str)}
        if "*" not in given and "other" not in given and place + 1 < len(names) and not _all_lead(question):
            reached.add(names[place + 1])


def _all_lead(question: object) -> bool:
    """Whether ``go_to`` says for every option of a choice where it leads."""
    if not isinstance(question, dict) or question.get("kind") != "choice":
        return False
    options, go_to = question.get("options"), question.get("go_to")
    if not isinstance(options, (list, dict)) or not isinstance(go_to, dict):
        return False
    return {str(one).casefold() for one in options} <= {str(key).casefold() for key in go_to}
