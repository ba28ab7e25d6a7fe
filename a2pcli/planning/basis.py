"""What a plan was made from, kept with it: so a file that was edited since can be told from what was approved.

What was planned stays as it was, whatever the files say later; only a gateway's block is read again when
messages leave. Long values (texts, the rate card, rules of the law) are kept as digests, and so is everything
of a gateway's block, which may hold secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from a2pcli.channels import NAMES
from a2pcli.config.blocks import Loc
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.config.route_rules import Route, rule_text
from a2pcli.config.routes import gateway_or_route, route_named
from a2pcli.content.templates import MessageTemplate, compile_template
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError
from a2pcli.planning.arms import arms_of, texts_of
from a2pcli.planning.email_files import source_place
from a2pcli.planning.prepare import gateway_name
from a2pcli.regular import read_regular

LONGEST = 120
"""A value longer than this many characters is stored as a digest."""

DIGEST = "digest:"

NOT_COMPARED = ("name", "objective", "message", "variants", "gateway", *NAMES)
"""Keys of a campaign that do not change what is sent, or are compared separately."""

SHAPING = (
    "region", "locale", "programme", "frequency", "programmes", "consent", "rates", "smart", "numbers", "parts",
    "rules", "senders", "law",
)  # fmt: skip
"""Keys of the settings that determine the content of a plan."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that changed since the plan was made. ``what`` is its key, with dots.

    ``was`` and ``now`` are short texts, None if not set or too long to show. ``in_force`` is True if the new value
    applies to messages sent from now on; otherwise the plan's value does.
    """

    what: str
    was: str | None = None
    now: str | None = None
    in_force: bool = False

    def __str__(self) -> str:
        if self.was is None and self.now is None:
            return f"{self.what} has changed"
        return f"{self.what} was {self.was or 'not set'}, and is {self.now or 'not set'} now"

    def document(self) -> dict[str, Any]:
        """Return the difference as a JSON-ready dict."""
        return {"what": self.what, "was": self.was, "now": self.now, "in_force": self.in_force}


def basis_of(
    loaded: LoadedCampaign, settings: LoadedSettings, messages: Sequence[MessageTemplate] = ()
) -> dict[str, Any]:
    """Return what determines a plan, as JSON-ready data: dotted key to short value or digest. ``messages`` are the
    campaign's templates if they are already compiled."""
    if loaded.whole is not None:  # the templates given are those of one channel only
        loaded, messages = loaded.whole, ()
    campaign = loaded.campaign.model_dump(mode="json", exclude_defaults=True)
    shaping = settings.settings.model_dump(mode="json", exclude_defaults=True, include=set(SHAPING))
    gateway = gateway_name(loaded, settings)
    return {
        "campaign": {
            **_texts(loaded, settings, messages),
            **_flat({key: value for key, value in campaign.items() if key not in NOT_COMPARED}),
            "gateway": gateway_or_route(loaded, settings),
        },
        "settings": {**_flat(shaping), **_files(settings), **_routes(loaded, settings)},
        "gateway": _block(settings, gateway),
        "gateways": {name: _block(settings, name) for name in _of_routes(loaded, settings) - {gateway}},
    }


def _block(settings: LoadedSettings, gateway: str) -> dict[str, str]:
    return {key: _digest(value) for key, value in settings.settings.gateways.get(gateway, {}).items()}


def _named(loaded: LoadedCampaign, settings: LoadedSettings) -> list[Route]:
    """The routes of the campaign's channels."""
    names = {gateway_or_route(view, settings) for view in loaded.views}
    found = (route_named(settings, name) for name in sorted(names))
    return [one for one in found if one is not None]


def _of_routes(loaded: LoadedCampaign, settings: LoadedSettings) -> set[str]:
    return {name for route in _named(loaded, settings) for name in route.gateways}


def _routes(loaded: LoadedCampaign, settings: LoadedSettings) -> dict[str, str]:
    """What the settings say of the campaign's routes."""
    return {
        f"routes.{route.name}.{place}": _kept(rule_text(rule))
        for route in _named(loaded, settings)
        for place, rule in route.rules.items()
    }


def differences(
    then: Mapping[str, Any], loaded: LoadedCampaign, settings: LoadedSettings, gateway: str
) -> list[Difference]:
    """Return what changed since a plan's ``basis_of``; ``gateway`` is the one the plan uses.

    Adding ``schedule.unknown_zone`` is no difference, because a resumed run uses it.
    """
    now = basis_of(loaded, settings)
    found = [one for part in ("campaign", "settings") for one in _compared(then.get(part, {}), now[part])]
    for name, block in {gateway: then.get("gateway", {}), **then.get("gateways", {})}.items():
        found += [
            Difference(f"gateways.{name}.{one.what}", in_force=True)
            for one in _compared(block, _block(settings, name))
        ]
    return [one for one in found if one.what != "schedule.unknown_zone"]


def _compared(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    for key in [*then, *(key for key in now if key not in then)]:
        was, is_now = then.get(key), now.get(key)
        if was != is_now:
            yield Difference(key, _shown(was), _shown(is_now))


def _shown(value: str | None) -> str | None:
    return None if value is None or value.startswith(DIGEST) else value


def _texts(
    loaded: LoadedCampaign, settings: LoadedSettings, messages: Sequence[MessageTemplate]
) -> dict[str, str]:
    """Return digests of the message, or of each arm's message with its weight, including the partials they use."""
    campaign = loaded.campaign
    locale = campaign.locale or settings.settings.locale
    every = [text for view in loaded.views for text in texts_of(view)]
    written = list(dict.fromkeys(every)) if len(loaded.views) > 1 else every
    given: Sequence[MessageTemplate | None] = messages or [None] * len(written)
    found = {
        ".".join(map(str, loc)): _digest(
            list(template.texts if template else _whole(loaded, loc, text, locale))
        )
        for (loc, text), template in zip(written, given, strict=True)
        if loc is not None
    }
    weights = {f"variants.{name}.weight": str(arm.weight) for name, arm in (campaign.variants or {}).items()}
    return found | weights | _contents(loaded)


def _contents(loaded: LoadedCampaign) -> dict[str, str]:
    """Return digests of the texts, files and settings of the channels' blocks."""
    found: dict[str, str] = {}
    for arm in (arm for view in loaded.views for arm in arms_of(view, [])):
        if arm.content is not None:
            channel = arm.content.channel
            prefix = f"variants.{arm.name}.{channel}" if arm.name else channel
            found |= {f"{prefix}.{name}": _digest(one.text) for name, one in arm.content.sources.items()}
            found |= {f"{prefix}.{name}": _digest(value) for name, value in arm.content.settled.items()}
    return found


def _whole(loaded: LoadedCampaign, loc: Loc, text: str, locale: str) -> Sequence[str]:
    try:
        place = source_place(loaded, loc)
        return compile_template(text, where=place, folder=loaded.folder, locale=locale).texts
    except A2PError:
        return [text]  # the template is invalid now, so it has changed


def _files(settings: LoadedSettings) -> dict[str, str]:
    """Return digests of the files that the settings name: the rate card and the project's legal rules."""
    law = settings.settings.law
    named = {"rates": settings.settings.rates, "law": law if isinstance(law, str) else None}
    found = {}
    for key, file in named.items():
        if file is not None:
            try:
                content = read_regular(settings.folder / file, 256_000_000)
            except OSError:
                content = b""
            found[key] = DIGEST + sha256(content).hexdigest()[:16]
    return found


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested mappings to dotted keys, each with a short value or a digest."""
    flat: dict[str, str] = {}
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = _kept(value)
    return flat


def _kept(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST and not text.startswith(DIGEST) else _digest(value)


def _digest(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return DIGEST + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
