"""Checks campaigns: finds the files, and every problem of them, their gateways and their ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from a2pcli.actions.confirming import ConfirmationTexts
from a2pcli.actions.fallback_check import fallback_findings
from a2pcli.actions.files_online import unreachable
from a2pcli.actions.gateway_check import gateway_problems, route_problems, used_gateways
from a2pcli.actions.project_files import is_project_file, problems_of
from a2pcli.actions.surveys import ReadySurvey, load_surveys
from a2pcli.config.campaign import Campaign
from a2pcli.config.document import read_document
from a2pcli.config.load import (
    SETTINGS_NAMES,
    LoadedCampaign,
    LoadedSettings,
    ledger_url,
    load_settings,
)
from a2pcli.config.surveys import FOLDER, load_survey
from a2pcli.errors import A2PError, InvalidInput, Problem, Severity
from a2pcli.planning.campaign_check import Checked as Checked
from a2pcli.planning.campaign_check import check_campaign

_SUFFIXES = (".yaml", ".yml")


def find_campaigns(asked: Sequence[Path]) -> list[Path]:
    """The campaign files named, and those of the folders named; without any, those of ``./campaigns`` and of
    this folder. Raises ``InvalidInput`` where there is none."""
    if asked:
        files = [file for path in asked for file in (_in_folder(path) if path.is_dir() else [path])]
    else:
        files = [
            *_in_folder(Path("campaigns")),
            *(file for file in _in_folder(Path()) if is_project_file(file) or _looks_like_one(file)),
        ]
    if not files:
        where = ", ".join(str(path) for path in asked) or "here or in ./campaigns"
        hint = "specify one, or start with: a2pcli init"
        raise InvalidInput(
            Problem(f"no campaign {'in ' if asked else ''}{where}", hint=hint, code="no-campaign")
        )
    return list(dict.fromkeys(files))


def _in_folder(folder: Path) -> list[Path]:
    """A folder's YAML files but for the settings, by name."""
    if not folder.is_dir():
        return []
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidInput(Problem(f"cannot be read: {reason}", str(folder), code="unreadable")) from None
    return [
        file
        for file in files
        if file.suffix in _SUFFIXES and (file.name not in SETTINGS_NAMES) and not file.name.startswith(".")
    ]


def _looks_like_one(file: Path) -> bool:
    """Whether a file of the current folder is a campaign: other tools keep YAML there, too."""
    try:
        data = read_document(file).data
    except A2PError:
        return False
    return len(Campaign.model_fields.keys() & data.keys()) >= 3


def check_files(
    files: Sequence[Path], ignored: Collection[str] = (), *, online: bool = False
) -> list[Checked]:
    """Each campaign checked, with its gateway; a name that two of them have is told. ``online``: pictures and files are
    asked for where they lie.

    Warnings whose code is among ``ignored`` are left out; errors never are.
    """
    names: dict[tuple[str, Path], Path] = {}
    result = []
    for file in files:
        if is_survey(file):
            result.append(Checked(file, None, None, tuple(_of_survey(file))))
            continue
        if is_project_file(file):
            result.append(Checked(file, None, None, _not_ignored(problems_of(file), ignored)))
            continue
        checked = check_campaign(file)
        more = [*_gateways(checked)]
        if online:
            more += unreachable(checked.files.each, checked.files.together)
        if checked.campaign is not None and checked.settings is not None and checked.name is not None:
            key = (checked.name, checked.settings.folder.resolve())
            first = names.setdefault(key, file)
            if first != file:
                more.append(_same_name(checked.campaign, first))
        result.append(replace(checked, problems=_not_ignored((*checked.problems, *more), ignored)))
    return result


def _not_ignored(problems: Sequence[Problem], ignored: Collection[str]) -> tuple[Problem, ...]:
    return tuple(one for one in problems if one.severity is Severity.ERROR or one.code not in ignored)


def is_survey(file: Path) -> bool:
    """Whether a file is a survey: it is in a folder of them."""
    return file.parent.name == FOLDER


def _of_survey(file: Path) -> Sequence[Problem]:
    try:
        ReadySurvey(load_survey(file), load_settings(file.resolve().parent.parent))
    except A2PError as error:
        return error.problems
    return ()


def _same_name(campaign: LoadedCampaign, first: Path) -> Problem:
    problem = campaign.document.problem(
        f"duplicate name: {first} has it too, and nobody would get both campaigns",
        ("name",),
        hint="give each campaign its own name",
        code="same-name",
    )
    return replace(problem, severity=Severity.WARNING)


def _gateways(checked: Checked, environ: Mapping[str, str] | None = None) -> Iterator[Problem]:
    """The campaign's gateway must exist and do what the campaign wants; the others must be well made."""
    settings = checked.settings
    if settings is None:
        return
    try:
        environ = settings.environ if environ is None else environ
    except A2PError as error:
        yield from error.problems
        return
    used: dict[str, list[LoadedCampaign]] = {}
    if checked.campaign is not None:
        used = used_gateways(checked.campaign, settings)
        yield from route_problems(checked.campaign, settings)
        yield from fallback_findings(checked.campaign, settings)
    yield from _ledger(settings, environ)
    try:
        ConfirmationTexts(settings)
        load_surveys(settings)
    except A2PError as error:
        yield from error.problems
    for name in dict.fromkeys((*used, *settings.settings.gateways)):
        yield from gateway_problems(settings, name, used.get(name, ()), environ)


def _ledger(settings: LoadedSettings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Whether the ledger's address can be one; it is not opened."""
    try:
        ledger_url(settings, environ)
    except A2PError as error:
        for problem in error.problems:
            absent = problem.code == "missing-variable"
            yield replace(problem, severity=Severity.WARNING) if absent else problem
