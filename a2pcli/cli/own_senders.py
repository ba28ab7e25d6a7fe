"""The numbers that are ours: senders of the settings, their gateways, the campaigns beside them, and past runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.contacts.same_phone import same_phone_forms
from a2pcli.errors import A2PError
from a2pcli.ledger.sender_names import sender_key

if TYPE_CHECKING:
    from a2pcli.config.plain import NumberSettings
    from a2pcli.ledger.store import Ledger

_KEYS = (
    "sender",
    "senders",
    "from",
    "originator",
    "source",
    "source_addr",
    "number",
    "numbers",
    "phone_number",
)
"""Keys of a gateway's block, and of what it sends, under which a sender's number may stand."""


def own_numbers(
    settings: NumberSettings, store: Ledger | None = None, *, campaigns: bool = False
) -> frozenset[str]:
    """Digits of every sender that is a number, in every form of it; ``campaigns``: those of campaign files too."""
    named = [*settings.settings.senders, *_of_blocks(settings.settings.gateways)]
    if store is not None:
        named += [run.sender for run in store.runs() if run.sender]
    if campaigns:
        named += _of_campaigns(settings)
    keys = {sender_key(name) for name in named}
    return frozenset(
        form.lstrip("+") for key in keys if key.isdigit() for form in (key, *same_phone_forms(f"+{key}"))
    )


def is_own(number: str, own: frozenset[str]) -> bool:
    """Whether a number (E.164, or a short code) is a sender of ours."""
    return number.lstrip("+") in own


def _of_blocks(value: Any, key: str = "") -> Iterator[str]:
    """Senders that stand in gateways' blocks, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _of_blocks(inner, str(name).casefold())
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _of_blocks(inner, key)
    elif isinstance(value, str) and key in _KEYS:
        yield value


def _of_campaigns(settings: NumberSettings) -> Iterator[str]:
    """Senders of the campaign files beside the settings, in their folder of campaigns, and here."""
    from a2pcli.config.load import load_campaign

    for path in _files(
        (settings.folder, settings.folder / "campaigns", Path.cwd(), Path.cwd() / "campaigns")
    ):
        try:
            yield from load_campaign(path).campaign.senders.all
        except A2PError:
            continue  # no campaign, or a broken one: `check` tells about it


def _files(folders: Iterable[Path]) -> list[Path]:
    found = {
        path.resolve(): None
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix in (".yaml", ".yml") and path.stem != "a2pcli" and path.is_file()
    }
    return list(found)
