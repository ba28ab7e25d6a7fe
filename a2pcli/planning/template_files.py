"""The file of WhatsApp templates that a campaign uses: where it is, and the template in it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from a2pcli.config.blocks import TemplateOfBlock
from a2pcli.config.load import LoadedCampaign, find_settings
from a2pcli.content.whatsapp_templates import (
    APPROVED,
    TemplatesFile,
    WhatsAppTemplate,
    file_name,
    read_templates_file,
)
from a2pcli.errors import A2PError, InvalidInput, Problem


def templates_file(loaded: LoadedCampaign) -> TemplatesFile:
    """Return the templates file: the one the campaign names, else its gateway's, else the only one beside the
    campaign or the settings. Raises ``InvalidInput`` if there is none or it cannot be used."""
    return _read(_path(loaded))


def template_used(loaded: LoadedCampaign) -> WhatsAppTemplate | None:
    """Return the template of the campaign's ``whatsapp:`` block; None if it is not available (reported elsewhere)."""
    block = loaded.campaign.whatsapp
    if block is None or block.template is None:
        return None
    try:
        return main_template(templates_file(loaded), block.template)
    except A2PError:
        return None


def templates_in_use(loaded: LoadedCampaign) -> list[WhatsAppTemplate]:
    """Return the templates that the campaign may send: its own first, then those in other languages of its people."""
    main = template_used(loaded)
    given = loaded.campaign.whatsapp and loaded.campaign.whatsapp.template
    if main is None or not is_each_language(given):
        return [main] if main is not None else []
    others = approved_languages(templates_file(loaded), main.name).values()
    return [main, *(one for one in others if one.language != main.language)]


def is_each_language(given: Any) -> bool:
    """Whether a campaign's template is sent in each person's language."""
    return isinstance(given.language, TemplateOfBlock)


def main_template(file: TemplatesFile, given: Any) -> WhatsAppTemplate | None:
    """Return the campaign's template in its language; of each person's, in the fallback language, else in the first in
    which it is approved."""
    if not is_each_language(given):
        return file.by_key.get((given.name, given.language))
    if given.fallback_language is not None:
        return file.by_key.get((given.name, given.fallback_language))
    return next(iter(approved_languages(file, given.name).values()), None)


def approved_languages(file: TemplatesFile, name: str) -> dict[str, WhatsAppTemplate]:
    """Return the approved templates of this name by language."""
    found = (file.by_key[name, language] for language in file.languages(name))
    return {one.language: one for one in found if one.status == APPROVED}


def _path(loaded: LoadedCampaign) -> Path:
    block, gateway = loaded.campaign.whatsapp, loaded.campaign.gateway
    if block is not None and block.templates:
        path = loaded.folder / block.templates
        if not path.is_file():
            raise _none(loaded, f"no file '{block.templates}'", ("whatsapp", "templates"), gateway)
        return path
    settings = find_settings(loaded.folder)
    # One folder may be known by two paths, one of them relative.
    by_place = {one.resolve(): one for one in [*([settings.parent] if settings else []), loaded.folder]}
    folders = [loaded.folder, *(one for one in by_place.values() if one is not loaded.folder)]
    if gateway:
        for folder in folders:
            if (folder / file_name(gateway)).is_file():
                return folder / file_name(gateway)
    found = [path for folder in folders for path in sorted(folder.glob(file_name("*")))]
    if len(found) == 1:
        return found[0]
    if not found:
        raise _none(
            loaded, "the account's templates are not known", ("whatsapp", "template", "name"), gateway
        )
    names = ", ".join(path.name for path in found)
    hint = f"say which under 'whatsapp: templates:': {names}"
    raise InvalidInput(
        loaded.document.problem("there are several template files", ("whatsapp", "template", "name"), hint=hint,
                                code="templates-file")
    )  # fmt: skip


def _none(loaded: LoadedCampaign, message: str, loc: tuple[str, ...], gateway: str | None) -> InvalidInput:
    hint = f"fetch them: a2pcli templates sync {gateway or 'GATEWAY'}"
    return InvalidInput(loaded.document.problem(message, loc, hint=hint, code="no-templates"))


def _read(path: Path) -> TemplatesFile:
    try:
        stat = path.stat()
        return _kept(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        message = f"the template file cannot be read: {error.strerror or error}"
        raise InvalidInput(Problem(message, str(path), code="templates-file")) from None


@lru_cache(maxsize=4)
def _kept(path: Path, changed: int, size: int) -> TemplatesFile:
    """Read the file once until it changes: a campaign asks for it many times."""
    return read_templates_file(path)
