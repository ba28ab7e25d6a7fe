"""The surveys of a project, ready to be used; one person asked by hand; who answered what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from a2pcli.actions.answers import NewAnswer, send_stored, sendable_text
from a2pcli.actions.gateways import configured_gateway
from a2pcli.actions.people_data import PeopleData
from a2pcli.actions.replies import stop_keywords
from a2pcli.addresses.any_address import read_address
from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.channels import DEFAULT, channel_of
from a2pcli.config.surveys import FOLDER, LoadedSurvey, load_survey, milliseconds, survey_files
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem, Refused, UsageError
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.sender_names import sender_key
from a2pcli.ledger.surveys import NewSession, Session
from a2pcli.rules.keywords import Meaning, classify
from a2pcli.rules.survey_answers import hint_of, option_words

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings
    from a2pcli.content.templates import MessageTemplate
    from a2pcli.ledger.answers import Answer
    from a2pcli.ledger.store import Ledger
    from a2pcli.messages import Outcome

KIND = "survey"
"""The kind of messages of a survey."""
HOUR = 3_600_000
SORRY = "Sorry, we did not understand that."
RETRY, LATE_TEXT, UNCLEAR_TEXT, THANKS = "retry", "late_text", "unclear", "thanks"


class ReadySurvey:
    """A survey with its texts compiled. Raises ``InvalidInput`` with every problem, each at its place."""

    def __init__(self, loaded: LoadedSurvey, settings: LoadedSettings) -> None:
        self.loaded, self.survey, self.name = loaded, loaded.survey, loaded.name
        self._settings = settings
        self._templates: dict[str, MessageTemplate] = {}
        problems = [*self._compile(), *self._words()]
        if problems:
            raise InvalidInput(*problems)

    @property
    def path(self) -> str:
        """Its file."""
        return self.loaded.document.path

    @property
    def within(self) -> int:
        """How long a question is open, in milliseconds."""
        return milliseconds(self.survey.within)

    @property
    def late_for(self) -> int:
        """How long after that an answer is taken for a late one, in milliseconds."""
        return milliseconds(self.survey.late_for)

    def rendered(self, what: str, values: Mapping[str, str], channel: str) -> str | None:
        """Return a text of the survey: a question by its name, ``retry NAME``, ``thanks``, ``unclear``, ``late_text``;
        None if it has none. Raises ``InvalidInput`` and ``RowFailure``."""
        if what in self._templates:
            return sendable_text(self._settings, channel, self._templates[what].render(values))
        kind, _, name = what.partition(" ")
        if kind != RETRY or name not in self.survey.questions:
            return None
        if RETRY in self._templates:
            return sendable_text(self._settings, channel, self._templates[RETRY].render(values))
        return f"{SORRY} {hint_of(self.survey.questions[name])}"

    def has(self, what: str) -> bool:
        """Whether the survey has this text."""
        return what in self._templates

    def _compile(self) -> Iterator[Problem]:
        texts: list[tuple[str, str | None, tuple[str, ...]]] = [
            (key, getattr(self.survey, key), (key,)) for key in (RETRY, LATE_TEXT, UNCLEAR_TEXT, THANKS)
        ]
        for name, question in self.survey.questions.items():
            texts.append((f"ask {name}", question.ask, ("questions", name, "ask")))
            texts.append((f"{RETRY} {name}", question.retry, ("questions", name, RETRY)))
        for what, text, loc in texts:
            if text:
                try:
                    self._templates[what] = self._compiled(text, loc)
                except InvalidInput as error:
                    yield from error.problems

    def _compiled(self, text: str, loc: tuple[str, ...]) -> MessageTemplate:
        from a2pcli.content.sources import SourcePlace
        from a2pcli.content.templates import compile_template

        place = SourcePlace.of(self.loaded.document, loc)
        return compile_template(
            text, where=place, folder=self._settings.folder, locale=self._settings.settings.locale
        )

    def _words(self) -> Iterator[Problem]:
        """Answers that are STOP or HELP, or that two options have."""
        own, document = stop_keywords(self._settings), self.loaded.document
        for name, question in self.survey.questions.items():
            seen: dict[str, str] = {}
            for word, label in option_words(question):
                loc: tuple[str, ...] = ("questions", name, "options", label)
                loc = loc if document.has(loc) else loc[:-1]
                reply = classify(word, keywords=own)
                if reply.meaning in (Meaning.STOP, Meaning.HELP) or reply.flagged:
                    meant = "may be an opt-out" if reply.flagged else f"is {str(reply.meaning).upper()}"
                    message = f"'{word}' {meant}, so it never answers a question"
                    yield document.problem(message, loc, hint="choose another word", code="survey")
                elif seen.setdefault(word, label) != label:
                    message = f"'{word}' means both '{seen[word]}' and '{label}'"
                    yield document.problem(message, loc, hint="remove one of them", code="survey")
                elif not word:
                    message = "an option needs something that can be written"
                    yield document.problem(message, loc, code="survey")


def read_surveys(settings: LoadedSettings) -> tuple[dict[str, ReadySurvey], dict[str, list[Problem]]]:
    """The surveys beside the settings, by name, and the problems of those that cannot be used."""
    found: dict[str, ReadySurvey] = {}
    wrong: dict[str, list[Problem]] = {}
    for path in survey_files(settings.folder):
        name = path.stem
        try:
            if name in found or name in wrong:
                raise InvalidInput(
                    Problem(f"there is another survey '{name}'", path=str(path), code="survey")
                )
            found[name] = ReadySurvey(load_survey(path), settings)
        except A2PError as error:
            wrong.setdefault(name, []).extend(error.problems)
            found.pop(name, None)
    return found, wrong


def load_surveys(settings: LoadedSettings) -> dict[str, ReadySurvey]:
    """The surveys beside the settings, by name. Raises ``InvalidInput`` with every problem of all files."""
    found, wrong = read_surveys(settings)
    if wrong:
        raise InvalidInput(*(problem for problems in wrong.values() for problem in problems))
    return found


def survey_named(settings: LoadedSettings, name: str) -> ReadySurvey:
    """One survey, whatever is wrong with others. Raises ``InvalidInput`` if something is with it, ``UsageError`` if
    there is none with this name."""
    found, wrong = read_surveys(settings)
    if name in wrong:
        raise InvalidInput(*wrong[name])
    if name not in found:
        hint = (
            f"known: {', '.join(found)}" if found else f"surveys are files in {FOLDER}/ beside the settings"
        )
        raise UsageError(Problem(f"there is no survey '{name[:40]}'", hint=hint, code="unknown-survey"))
    return found[name]


def values_of(ledger: Ledger, session: Session, data: Mapping[str, str]) -> dict[str, str]:
    """What the texts for somebody may use: their columns, and their answers as ``answer_NAME``."""
    given = ledger.surveys.answers_of(session)
    return {**data, **{f"answer_{name.replace('-', '_')}": value for name, value in given.items()}}


def survey_text(
    surveys: Mapping[str, ReadySurvey], ledger: Ledger, people: PeopleData, answer: Answer, asked: Mapping[str, Any]
) -> str | None:  # fmt: skip
    """Return the text of a message of a survey. Raises ``InvalidInput`` and ``RowFailure``."""
    survey = surveys.get(str(asked["survey"]))
    session = ledger.surveys.by_number(int(asked["session"]))
    if survey is None or session is None:
        return None
    row = ledger.surveys.row_of(session)
    data = people.of_row(*row, session.address) if row else people.of(answer.address, answer.created_at)
    return survey.rendered(str(asked["text"]), values_of(ledger, session, data), answer.channel)


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody who was asked the first question. ``outcome`` is None if the gateway was not asked."""

    session: Session
    answer: Answer | None
    outcome: Outcome | None


def start(
    project: Project,
    name: str,
    cell: str,
    *,
    gateway: str | None = None,
    sender: str | None = None,
    again: bool = False,
) -> Started:
    """Ask one person the first question, now. Audit: ``survey.begin``, ``answer.add``, ``answer.send``.

    Raises ``UsageError`` for an address that is none, ``Refused`` if the person opted out, has a question open, or was
    asked this survey before (unless ``again``), ``InvalidInput`` for a text that cannot be made.
    """
    from a2pcli.actions.survey_desk import SurveyDesk
    from a2pcli.content.failures import RowFailure

    settings = project.settings()
    found = survey_named(settings, name)
    survey, own = found.survey, settings.settings
    channel = survey.channel or DEFAULT
    gateway = gateway or survey.gateway or own.gateway
    sender = sender or survey.sender or _own_number(settings, gateway)
    address, spelling = _address(settings, cell, channel)
    if channel not in configured_gateway(settings, gateway).capabilities.channels:
        raise UsageError(Problem(f"the gateway '{gateway}' does not send {channel}", code="channel"))
    with project.ledger_to_record() as ledger:
        now = now_ms()
        desk = SurveyDesk(ledger, load_surveys(settings))
        if desk.is_open(address, gateway, sender, now, late=False):
            hint = "one question at a time: try again when it is answered or its time is over"
            raise Refused(Problem("a question is open for this person", hint=hint, code="question-open"))
        if not again and ledger.surveys.has_done(name, address):
            raise Refused(
                Problem(f"this person was asked '{name}' before", hint="--again asks once more", code="asked")
            )
        question = found.loaded.first
        try:
            text = found.rendered(f"ask {question}", PeopleData(ledger).of(address, now), channel)
        except RowFailure as failure:
            hint = f"what the ledger knows of this person does not fill in the question: {failure}"
            raise InvalidInput(Problem("the question cannot be made", hint=hint, code="text")) from None
        with ledger.transaction():
            session = ledger.surveys.begin(
                NewSession(
                    name, address, channel, gateway, sender or "", survey.programme or own.programme, None,
                    question, now, now + found.within,
                )
            )  # fmt: skip
            new = NewAnswer(
                key=session.key(question), kind=KIND, address=address, channel=channel, gateway=gateway, body=text,
                until_at=now + HOUR, source="survey start", sender=sender, spelling=spelling,
                programme=session.programme,
                content={"subject": survey.title or "A question"} if channel_of(channel).kind is Kind.EMAIL else None,
            )  # fmt: skip
            if ledger.answers.would_be_kept_from(new, now):
                raise Refused(Problem("this person has opted out", code="opted-out"))
            number = ledger.answers.add(new)
        outcome = None if number is None else send_stored(ledger, settings, number, tell=project.tell)
        return Started(session, ledger.answers.by_key(new.key), outcome)


def _own_number(settings: LoadedSettings, gateway: str) -> str | None:
    """The number that a gateway sends from unless told otherwise; None if the settings do not say one. Replies to it
    are told from those to other numbers."""
    typed = str(settings.settings.gateways.get(gateway, {}).get("sender") or "")
    return typed if sender_key(typed).isdigit() else None


def _address(settings: LoadedSettings, cell: str, channel: str) -> tuple[str, str | None]:
    """The address as opt-outs store it, and the one to send to if it differs. Raises ``UsageError``."""
    of, numbers = channel_of(channel), settings.settings.numbers
    policy = PhonePolicy(settings.settings.region, numbers.allow_fictional, numbers.allow_fixed_line)
    read = read_address(cell, of.kind, policy, of.network)
    if read.address is None:
        why = read.detail or read.reason or "no address"
        raise UsageError(Problem(f"{cell[:40]}: {why}", code="address"))
    return read.address, read.spelling
