"""Links to unsubscribe: the variable ``unsubscribe_url`` of templates, and one-click unsubscription of emails."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.content.unsubscribe_links import COLUMN, UnsubscribeLinks
from a2pcli.errors import Problem, Severity
from a2pcli.planning.emails import EmailTexts
from a2pcli.planning.frames import alive
from a2pcli.planning.spec import Arm, TemplateText

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedCampaign, LoadedSettings
    from a2pcli.contacts.table import Table
    from a2pcli.frame import Frame
    from a2pcli.planning.spec import CompiledSpec

EXAMPLE = b"an example"
"""Stands for the ledger's secret where it is not there yet: such links are as long as real ones, and lead nowhere."""


def links_of(
    settings: LoadedSettings, columns: Collection[str], programme: str, secret: bytes | None
) -> UnsubscribeLinks | None:
    """Return the links of a campaign; None if no public URL is set, there is no secret, or the contacts have a column
    of that name."""
    base = settings.settings.listen.public_url
    if base is None or secret is None or COLUMN in columns:
        return None
    return UnsubscribeLinks(base, programme, secret)


def no_secret_notes(
    loaded: LoadedCampaign, settings: LoadedSettings, secret: bytes | None
) -> Iterator[Problem]:
    """Yield a warning if the emails of a marketing campaign go without one-click unsubscription since the ledger has
    no secret for links."""
    campaign = loaded.campaign
    if settings.settings.listen.public_url is None or secret is not None or campaign.purpose != "marketing":
        return
    if "email" not in (campaign.channel, *(campaign.channels or ())):
        return
    message = "the emails go without a one-click unsubscribe link: a ledger on a server has no key for it"
    hint = "set A2PCLI_ERASURE_KEY, here and for `a2pcli listen`"
    yield replace(
        settings.problem(message, ("listen", "public_url"), hint=hint, code="no-one-click"),
        severity=Severity.WARNING,
    )


def with_link(settings: LoadedSettings, columns: Collection[str]) -> tuple[str, ...]:
    """Return the names that templates may use: the contacts' columns, and the link if a public URL is set."""
    own = () if settings.settings.listen.public_url is None else (COLUMN,)
    return tuple(dict.fromkeys((*columns, *own)))


def template_columns(settings: LoadedSettings, table: Table | None) -> tuple[str, ...] | None:
    """Return the same for an open contacts file; None without one."""
    return None if table is None else with_link(settings, table.columns)


def add_examples(settings: LoadedSettings, rows: Frame, programme: str) -> None:
    """Add a link to rows of a sample, as long as real ones."""
    base = settings.settings.listen.public_url
    if base is not None and COLUMN not in rows:
        link = UnsubscribeLinks(base, programme, EXAMPLE).of("+447700900000")
        rows[COLUMN] = pa.array([link] * len(rows), pa.string())


def with_one_click(
    arms: tuple[Arm, ...], links: UnsubscribeLinks | None, purpose: str | None
) -> tuple[Arm, ...]:
    """Return the arms of a marketing campaign with our link as ``List-Unsubscribe`` of emails that have no URL of their
    own."""
    if links is None or purpose != "marketing":
        return arms
    return tuple(map(_with_link, arms))


def _with_link(arm: Arm) -> Arm:
    content = arm.content
    if not isinstance(content, EmailTexts) or "url" in content.sources:
        return arm
    link = TemplateText(f"{{{{ {COLUMN} }}}}", content.sources["subject"].place)
    return replace(arm, content=replace(content, sources={**content.sources, "url": link}))


def linked(frame: Frame, compiled: CompiledSpec) -> None:
    """Add each recipient's link, if a template uses it."""
    links = compiled.spec.links
    if links is None or not compiled.uses_links:
        return
    chosen = pa.array(alive(frame))
    addresses = pc.if_else(chosen, frame["@address"], pa.scalar(None, pa.string()))
    frame[COLUMN] = pa.array(links.of_all(addresses.to_pylist()), pa.string())
