"""Campaigns and settings read whole: every problem of a file at once, in file order, each at its place."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.config import cross, environment
from a2pcli.config.document import Document, read_document
from a2pcli.config.environment import environment_at
from a2pcli.config.examine import examine
from a2pcli.config.places import SETTINGS_NAMES, find_settings, ledger_key, ledger_url, shown_path
from a2pcli.config.quotas import Quota, parse_quotas
from a2pcli.config.settings import Settings
from a2pcli.config.values import RECIPIENT, Rate, message_and_hint, parse_rate, parse_share
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.gateway_types import BUILT_IN_GATEWAYS

if TYPE_CHECKING:
    from a2pcli.config.campaign import Campaign
    from a2pcli.config.surveys import LoadedSurvey

__all__ = [
    "BUILT_IN_GATEWAYS",
    "SETTINGS_NAMES",
    "LoadedCampaign",
    "LoadedSettings",
    "Rate",
    "at_gateway_key",
    "find_settings",
    "gateway_pace",
    "gateway_quotas",
    "gateway_settings",
    "ledger_key",
    "ledger_url",
    "load_campaign",
    "load_settings",
    "occurrence_of",
    "parse_rate",
    "parse_share",
    "shown_path",
    "today_of",
]

STAND_INS = {"name": "unnamed", "objective": "?", "purpose": "transactional", "contacts": "-"}
"""What ``examine_campaign`` puts where a required key is missing or wrong."""


@dataclass(frozen=True, slots=True)
class LoadedCampaign:
    """A campaign, the document it was read from, and the folder its paths are relative to."""

    campaign: Campaign
    document: Document
    path: Path
    folder: Path
    whole: LoadedCampaign | None = None
    """Of one channel's part of a campaign of several channels: the campaign."""
    survey: LoadedSurvey | None = None
    """The survey whose first question is the message."""

    def written(self, loc: tuple[str | int, ...]) -> tuple[Document, tuple[str | int, ...]]:
        """The file in which a text of the campaign is written, and its place there."""
        if self.survey is None or loc != ("message",):
            return self.document, loc
        return self.survey.document, ("questions", self.survey.first, "ask")

    @property
    def views(self) -> tuple[LoadedCampaign, ...]:
        """The campaign as each of its channels has it, in order of preference: as if it had no other."""
        if not self.campaign.channels or self.whole is not None:
            return (self,)
        from a2pcli.config.views import campaigns_by_channel

        found = campaigns_by_channel(self.campaign)
        return tuple(replace(self, campaign=one, whole=self) for one in found) or (self,)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and where they came from; ``document`` and ``path`` are None for the defaults."""

    settings: Settings
    document: Document | None
    path: Path | None
    folder: Path

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that ``${NAME}`` reads: the process's, and those of ``.env`` beside the settings file."""
        return os.environ if self.path is None else environment_at(self.folder)

    def problem(
        self, message: str, loc: tuple[str | int, ...], *, hint: str | None = None, code: str
    ) -> Problem:
        """An error at ``loc`` of the settings file, or without a place for the defaults."""
        if self.document is None:
            return Problem(message, hint=hint, code=code)
        return self.document.problem(message, loc, hint=hint, code=code)


def load_campaign(path: Path, document: Document | None = None) -> LoadedCampaign:
    """The campaign in the file, or in a ``document`` that would stand there. Raises ``InvalidInput`` with every problem
    of the file."""
    from a2pcli.config.campaign import Campaign
    from a2pcli.config.views import with_first_channel

    document = document or read_document(path)
    campaign = with_first_channel(examine(document, Campaign, cross.campaign_problems).sound)
    found = LoadedCampaign(campaign, document, path, path.parent)
    return found if campaign.survey is None else _with_survey(found, campaign.survey)


def examine_campaign(path: Path) -> tuple[LoadedCampaign | None, tuple[Problem, ...]]:
    """What can be used of the file, and every problem. For ``check`` alone. Raises where it is not even YAML."""
    from a2pcli.config.campaign import Campaign
    from a2pcli.config.views import with_first_channel

    document = read_document(path)
    found = examine(document, Campaign, cross.campaign_problems, STAND_INS)
    if found.usable is None:
        return None, found.problems
    usable = LoadedCampaign(with_first_channel(found.usable), document, path, path.parent)
    if usable.campaign.survey is None:
        return usable, found.problems
    try:
        return _with_survey(usable, usable.campaign.survey), found.problems
    except InvalidInput as error:
        return None, (*found.problems, *error.problems)


def _with_survey(loaded: LoadedCampaign, name: str) -> LoadedCampaign:
    """The campaign with the first question of the survey as its message. Raises ``InvalidInput``."""
    from a2pcli.config.surveys import named_survey

    settings = find_settings(loaded.folder)
    try:
        found = named_survey(loaded.folder if settings is None else settings.parent, name)
    except InvalidInput as error:
        if error.problems[0].code != "unknown-survey":
            raise
        one = error.problems[0]
        raise InvalidInput(
            loaded.document.problem(one.message, ("survey",), hint=one.hint, code="survey")
        ) from None
    text = found.survey.questions[found.first].ask
    return replace(loaded, campaign=loaded.campaign.model_copy(update={"message": text}), survey=found)


def load_settings(start: Path) -> LoadedSettings:
    """The settings beside ``start`` (a file or folder) or above it; without any, the defaults."""
    loaded, problems = examine_settings(start)
    if problems or loaded is None:
        raise InvalidInput(*problems)
    return loaded


def examine_settings(start: Path) -> tuple[LoadedSettings | None, tuple[Problem, ...]]:
    """What can be used of the settings, and every problem. Raises where they are not even YAML."""
    folder = start if start.is_dir() else start.parent
    path = find_settings(folder)
    if path is None:
        return LoadedSettings(Settings(), None, None, folder), ()
    document = read_document(path)
    found = examine(document, Settings, cross.settings_problems)
    if found.usable is None:
        return None, found.problems
    return LoadedSettings(found.usable, document, path, path.parent), found.problems


def gateway_settings(
    loaded: LoadedSettings, name: str, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The gateway's block as the registry takes it: ``type`` (else the name), ``folder``, environment filled in.

    Raises ``InvalidInput`` for a name that is not known and for variables that are not set.
    """
    environ = loaded.environ if environ is None else environ
    block = loaded.settings.gateways.get(name)
    if block is None:
        if name in BUILT_IN_GATEWAYS:
            return {"type": name, "folder": loaded.folder}
        raise InvalidInput(unknown_gateway(loaded, name))
    if loaded.document is not None:
        problems = environment.reference_problems(block, ("gateways", name), loaded.document, environ)
        if found := tuple(problems):
            raise InvalidInput(*found)
    return {"type": name, **environment.filled(block, environ), "folder": loaded.folder}


def gateway_pace(loaded: LoadedSettings, name: str, environ: Mapping[str, str] | None = None) -> Rate | None:
    """The gateway's own pace; None where it has none. Needs none of its secrets, so that a plan does not either.

    Raises ``InvalidInput`` for a name that is not known and for a pace that is none.
    """
    block = loaded.settings.gateways.get(name)
    if block is None and name not in BUILT_IN_GATEWAYS:
        raise InvalidInput(unknown_gateway(loaded, name))
    typed = (block or {}).get("rate")
    environ = loaded.environ if environ is None else environ
    if typed is None or _lacks_variables(typed, environ):
        return None
    try:
        return parse_rate(environment.filled(str(typed), environ))
    except ValueError as error:
        message, hint = message_and_hint(error)
        loc = ("gateways", name, "rate")
        raise InvalidInput(loaded.problem(message, loc, hint=hint, code="bad-value")) from None


def gateway_quotas(
    loaded: LoadedSettings, name: str, environ: Mapping[str, str] | None = None
) -> tuple[Quota, ...]:
    """The quotas in the gateway's own block. Raises ``InvalidInput`` for one that is none."""
    typed = (loaded.settings.gateways.get(name) or {}).get("quota")
    environ = loaded.environ if environ is None else environ
    if typed is None or _lacks_variables(typed, environ):
        return ()
    try:
        return parse_quotas(environment.filled(typed, environ))
    except ValueError as error:
        message, hint = message_and_hint(error)
        raise InvalidInput(
            loaded.problem(message, ("gateways", name, "quota"), hint=hint, code="bad-value")
        ) from None


def _lacks_variables(typed: Any, environ: Mapping[str, str]) -> bool:
    """Whether it names variables that are not set here, which is told where the gateway's block is looked at."""
    return not all(environment.variables(typed, environ).values())


def at_gateway_key(loaded: LoadedSettings, problem: Problem) -> Problem:
    """A gateway's problem (``gateways.<name>.<key>: …``) with the place of that key in the settings file."""
    found = re.match(r"gateways\.([^:]+): ", problem.message)
    if found is None or loaded.document is None or problem.line is not None:
        return problem
    loc: tuple[str | int, ...] = ("gateways",)
    rest = found[1]
    while rest:
        # Names may hold dots themselves: the longest key that the file has wins. Items have numbers.
        steps = [(rest[:end], end) for end in _dots(rest)]
        steps = [(int(name) if name.isdigit() else name, end) for name, end in steps]
        known = [(step, end) for step, end in steps if loaded.document.has((*loc, step))]
        if not known:
            break
        loc = (*loc, known[-1][0])
        rest = rest[known[-1][1] + 1 :]
    line, column = loaded.document.place(loc, of="key")
    return replace(problem, path=loaded.document.path, line=line, column=column)


def _dots(text: str) -> list[int]:
    return [*(found.start() for found in re.finditer(r"\.", text)), len(text)]


def unknown_gateway(loaded: LoadedSettings, name: str) -> Problem:
    """The problem of a gateway that is neither configured nor built in."""
    from difflib import get_close_matches

    known = [*loaded.settings.gateways, *loaded.settings.routes, *BUILT_IN_GATEWAYS]
    near = get_close_matches(name, known, 1, 0.6)
    hint = f"did you mean '{near[0]}'?" if near else "known: " + ", ".join(dict.fromkeys(known))
    return loaded.problem(
        f"no gateway '{name}' in the settings", ("gateways",), hint=hint, code="unknown-gateway"
    )


def filled_hooks(loaded: LoadedSettings, outcome: str) -> list[str]:
    """The hooks of an outcome (``paused``, ``finished``, ``failed``), environment filled in.

    Raises ``InvalidInput`` for variables that are not set.
    """
    typed = getattr(loaded.settings.hooks, outcome)
    environ = loaded.environ
    if loaded.document is not None:
        problems = environment.reference_problems(typed, ("hooks", outcome), loaded.document, environ)
        if found := tuple(problems):
            raise InvalidInput(*found)
    return [str(hook) for hook in environment.filled(typed, environ)]


def today_of(campaign: Campaign) -> date:
    """The day it is for the campaign: in the zone its schedule names, else (each person's own time too) in this
    machine's. So a cron job in UTC and a person at a terminal mean the same occurrence."""
    from a2pcli.timezones import ZoneInfo

    schedule = campaign.schedule
    named = "timezone" in schedule.model_fields_set and schedule.timezone != RECIPIENT
    now = datetime.fromtimestamp(time.time_ns() / 1e9, UTC)
    return now.astimezone(ZoneInfo(schedule.timezone) if named else None).date()


def occurrence_of(campaign: Campaign, today: date) -> str:
    """The campaign's occurrence on a day: within one, nobody is messaged twice."""
    year, week, _ = today.isocalendar()
    named = {
        "daily": today.isoformat(),
        "weekly": f"{year}-W{week:02}",
        "monthly": f"{today:%Y-%m}",
        "yearly": f"{today:%Y}",
    }
    return named.get(campaign.occurrence, campaign.occurrence)
