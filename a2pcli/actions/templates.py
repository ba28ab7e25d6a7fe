"""WhatsApp templates: fetches them from a gateway's account into a file of the project, and lists them."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.gateways import LONGEST_WAIT, configured_gateway
from a2pcli.content.whatsapp_templates import TemplatesFile as TemplatesFile
from a2pcli.content.whatsapp_templates import (
    WhatsAppTemplate,
    file_name,
    file_text,
    read_templates_file,
)
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, GatewayUnusable, InvalidInput, Problem, UsageError, not_written
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.gateways.base import Gateway, HasTemplates


@dataclass(frozen=True, slots=True)
class TemplatesSynced:
    """What was fetched, and what is different from the file before. Names are with their language: ``sale (en)``."""

    path: Path
    templates: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unusable: tuple[str, ...]
    """Templates that cannot be sent now, each with its status or what a campaign cannot fill in."""


def sync_templates(project: Project, name: str, out: Path | None = None) -> TemplatesSynced:
    """Fetch the templates of a gateway's account and write them beside the settings, or to ``out``.

    Nothing is written unless all of them came. Raises ``UsageError`` for a gateway without templates, and
    ``GatewayUnusable`` where they cannot be had.
    """
    from a2pcli.gateways.base import HasTemplates

    settings = project.settings()
    gateway = configured_gateway(settings, name)
    if not isinstance(gateway, HasTemplates):
        raise UsageError(
            Problem(
                f"gateway {name} has no templates",
                hint="gateways with templates are of type whatsapp or twilio",
            )
        )
    path = out or settings.folder / file_name(name)
    templates = asyncio.run(_fetched(gateway))
    before = _before(path)
    now = {one.key: one for one in templates}
    _write(path, file_text(name, datetime.fromtimestamp(now_ms() / 1000, UTC), now.values()))
    return TemplatesSynced(
        path,
        len(now),
        tuple(_shown(key) for key in sorted(now.keys() - before.keys())),
        tuple(_shown(key) for key in sorted(now.keys() & before.keys()) if now[key] != before[key]),
        tuple(_shown(key) for key in sorted(before.keys() - now.keys())),
        tuple(f"{_shown(key)}: {now[key].unusable}" for key in sorted(now) if now[key].unusable),
    )


def listed_templates(project: Project, gateway: str | None, file: Path | None = None) -> list[TemplatesFile]:
    """The files of templates of the project: of one gateway, or all of them. Raises ``InvalidInput`` where there is
    none."""
    folder = project.settings().folder
    if file is not None:
        paths = [file]
    elif gateway is not None:
        paths = [folder / file_name(gateway)]
    else:
        paths = sorted(folder.glob(file_name("*")))
    missing = [path for path in paths if not path.is_file()]
    if missing or not paths:
        of = gateway or "GATEWAY"
        message = f"there is no {missing[0]}" if missing else f"there are no templates in {folder}"
        raise InvalidInput(
            Problem(message, hint=f"a2pcli templates sync {of} fetches them", code="no-templates")
        )
    return [read_templates_file(path) for path in paths]


def _write(path: Path, text: str) -> None:
    """Put the file in place as a whole: whoever plans meanwhile reads the old one or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise not_written(error, str(path)) from None


def _before(path: Path) -> dict[tuple[str, str], WhatsAppTemplate]:
    """The templates in the file as it is; none where it cannot be read, since it is written anew."""
    try:
        return dict(read_templates_file(path).by_key)
    except (A2PError, OSError):
        return {}


def _shown(key: tuple[str, str]) -> str:
    return f"{key[0]} ({key[1]})"


async def _fetched(gateway: HasTemplates) -> list[WhatsAppTemplate]:
    opened: Gateway = gateway  # type: ignore[assignment]
    await opened.open()
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            return list(await gateway.templates())
    except TimeoutError:
        raise GatewayUnusable(f"no answer within {LONGEST_WAIT:.0f} seconds") from None
    finally:
        await opened.close()
