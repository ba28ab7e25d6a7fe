"""Measures a campaign's text, and another one in its place: parts, price, copy rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from a2pcli.actions.draft_facts import changed, lost_facts
from a2pcli.actions.plans import OpenCampaign, pace, prepared
from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channel_of, kind_of_channel
from a2pcli.config.copy_rules import COPY_RULES
from a2pcli.config.load import LoadedCampaign, LoadedSettings, load_campaign
from a2pcli.config.rewrite import with_texts
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem, Severity, UsageError
from a2pcli.planning.arms import texts_of
from a2pcli.planning.campaign_check import findings

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.config.document import Document
    from a2pcli.rules.topics import Topics

SUBJECT = ("email", "subject")
SAMPLE = 200
"""Recipients, the first of the file, that a text is measured for."""
UNSENDABLE = "it could not be sent to somebody who gets the text: it is too long, or a value is missing"
"""What a bot is told: how many people that is would say something about them."""


@dataclass(frozen=True, slots=True)
class DraftText:
    """A text of a campaign that can be drafted. ``name`` is its place in the file with dots; ``channels`` are those
    that send it."""

    name: str
    loc: tuple[str | int, ...]
    text: str
    channels: tuple[str, ...]
    subject: str | None = None

    @property
    def has_parts(self) -> bool:
        """Whether a channel sends it in parts."""
        return any(channel_of(one).parts for one in self.channels)


@dataclass(frozen=True, slots=True)
class Proposed:
    """Another text; ``subject`` is that of an email."""

    text: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A text as the first recipients would get it. ``costs`` are the least and the highest price of a message by
    currency, in 1e-9 units; ``codes`` are the copy rules that it is against."""

    messages: int
    parts: tuple[int, int] | None
    ucs2: int
    costs: Mapping[str, tuple[int, int]]
    unpriced: int
    example: str | None
    columns: frozenset[str]
    codes: frozenset[str]
    warnings: tuple[str, ...] = ()

    @property
    def is_gsm(self) -> bool:
        """Whether nobody's message needs UCS-2."""
        return not self.ucs2

    @property
    def most_parts(self) -> int:
        """The parts of the longest message."""
        return self.parts[1] if self.parts else 1


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed text. ``why`` says why it is refused; ``document`` is the campaign with it. ``for_bot`` is what the
    bot is told instead of ``why``."""

    proposed: Proposed
    measured: Measured | None = None
    why: str | None = None
    document: Document | None = None
    for_bot: str | None = None


def draft_texts(loaded: LoadedCampaign) -> dict[str, DraftText]:
    """The texts that stand in the campaign file: not HTML, cards, approved templates, or questions of surveys. Of an
    email that is all HTML, the subject."""
    found: dict[str, DraftText] = {}
    for view in loaded.views if loaded.survey is None else ():
        channel, email = view.campaign.channel, view.campaign.email
        for loc, text in texts_of(view, channel):
            subject = None
            if kind_of_channel(channel) is Kind.EMAIL and email and loaded.document.has(SUBJECT):
                subject = str(email.subject)
            if loc is None and subject is not None:
                loc, text, subject = SUBJECT, subject, None
            scalar = None if loc is None else loaded.document.scalar(loc)
            if loc is None or scalar is None or scalar.value.rstrip() != text.rstrip():
                continue
            name = ".".join(map(str, loc))
            one = found.get(name) or DraftText(name, tuple(loc), text, ())
            found[name] = replace(one, channels=(*one.channels, channel), subject=one.subject or subject)
    return found


def measured_now(
    project: Project, loaded: LoadedCampaign, settings: LoadedSettings, text: DraftText
) -> Measured:
    """The campaign's text as it is. Raises ``InvalidInput`` if the campaign has errors, ``UsageError`` for contacts
    from stdin."""
    if loaded.campaign.source.file == "-":
        raise UsageError("a text cannot be measured for contacts from stdin: name a file")
    return _measured(project, loaded, settings, text)


def checked_draft(
    project: Project, loaded: LoadedCampaign, settings: LoadedSettings, text: DraftText, now: Measured,
    proposed: Proposed, forbidden: Topics,
) -> Draft:  # fmt: skip
    """A draft measured in the campaign's place, with the reason if it cannot be used."""
    why = changed(_whole(text), _whole(proposed)) or _forbidden(proposed, forbidden)
    if why is not None:
        return Draft(proposed, why=why)
    texts = {text.loc: proposed.text}
    if text.subject is not None and proposed.subject:
        texts[SUBJECT] = proposed.subject
    try:
        document = with_texts(loaded.document, texts)
        measured = _measured(project, load_campaign(loaded.path, document), settings, text)
    except A2PError as error:
        return Draft(proposed, why=_said(error.problems[0]))
    if measured.messages < now.messages:
        many = now.messages - measured.messages
        words = "too long, or a value is missing"
        why = f"{many:,} of {now.messages:,} messages with it could not be sent ({words})"
        return Draft(proposed, measured, why, for_bot=UNSENDABLE)
    if new := sorted(measured.codes - now.codes - {"ucs-2"}):
        return Draft(proposed, measured, f"it breaks copy rules that the text now keeps: {', '.join(new)}")
    return Draft(proposed, measured, None, document)


def _measured(
    project: Project, loaded: LoadedCampaign, settings: LoadedSettings, text: DraftText
) -> Measured:
    from a2pcli.planning import preview as choosing

    problems = findings(loaded, settings)
    errors = [one for one in problems if one.severity is Severity.ERROR]
    if errors:
        raise InvalidInput(*errors)
    with project.ledger_or_empty(loaded.campaign.name) as store:
        opened = OpenCampaign(loaded, settings, store, None, pace(loaded, settings), _untold, keeps=False)
        ready = prepared(opened)
        known = {one.spec.channel for one in ready.channels}
        found = [
            one.row
            for channel in text.channels
            if channel in known
            for one in choosing.preview(
                ready, choosing.first(SAMPLE), None, channel if len(known) > 1 else None
            )
        ]
        columns = frozenset(name for name in ready.table.columns if not name.startswith("@"))
    if text.loc[0] == "variants":
        found = [row for row in found if row["variant"] == text.loc[1]]
    codes = frozenset(one.code for one in problems if one.code in COPY_RULES)
    said = tuple(dict.fromkeys(_said(one) for one in problems if one.code in COPY_RULES))
    return _of_rows(found, columns, codes, said)


def _of_rows(
    rows: Sequence[Mapping[str, Any]], columns: frozenset[str], codes: frozenset[str],
    said: tuple[str, ...],
) -> Measured:  # fmt: skip
    costs: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row["cost"] is not None and row["currency"]:
            least, most = costs.get(row["currency"], (row["cost"], row["cost"]))
            costs[row["currency"]] = min(least, row["cost"]), max(most, row["cost"])
    cut = [row for row in rows if row["parts"] is not None and channel_of(row["channel"]).parts]
    parts = [int(row["parts"]) for row in cut]
    return Measured(
        len(rows),
        (min(parts), max(parts)) if parts else None,
        sum(bool(row["ucs2"]) for row in cut),
        costs,
        sum(row["cost"] is None for row in rows),
        next((row["body"] for row in rows if row["body"]), None),
        columns,
        codes,
        said,
    )


def _whole(text: DraftText | Proposed) -> str:
    """The subject and the text."""
    return f"{text.subject or ''}\n{text.text}"


def lost(text: DraftText, proposed: Proposed, columns: frozenset[str]) -> list[str]:
    """Numbers and columns of the text that a draft does not have."""
    return lost_facts(_whole(text), _whole(proposed), columns)


def _forbidden(proposed: Proposed, forbidden: Topics) -> str | None:
    topic = forbidden.mentioned(_whole(proposed))
    return f"it mentions '{topic}', a forbidden topic" if topic else None


def _said(problem: Problem) -> str:
    return problem.message if problem.code not in COPY_RULES else f"{problem.code}: {problem.message}"


def _untold(_: str) -> None:
    """Notes of planning are those of the campaign; the person sees them when it is planned."""


def texts_shown(draft: Draft) -> Iterator[str]:
    """The subject, if there is one, and the text."""
    if draft.proposed.subject:
        yield f"subject: {draft.proposed.subject}"
    yield draft.proposed.text
