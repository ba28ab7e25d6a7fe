"""Suggests the key that was meant: similar spellings, other tools' names, keys of another level."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from a2pcli.channels import OFFERED
from a2pcli.config.document import Loc

_OTHER_NAMES = {
    "body": "message",
    "text": "message",
    "template": "message",
    "content": "message",
    "msg": "message",
    "from": "sender",
    "sender_id": "sender",
    "originator": "sender",
    "to": "contacts",
    "recipients": "contacts",
    "audience": "contacts",
    "list": "contacts",
    "csv": "contacts",
    "title": "name",
    "id": "name",
    "description": "objective",
    "goal": "objective",
    "type": "purpose",
    "category": "purpose",
    "filter": "where",
    "segment": "where",
    "condition": "where",
    "provider": "gateway",
    "transport": "gateway",
    "via": "gateway",
    "control": "holdout",
    "ab_test": "variants",
    "arms": "variants",
    "images": "media",
    "media_urls": "media",
    "attachments": "media",
    "send_at": "schedule",
    "start": "not_before",
    "begin": "not_before",
    "after": "not_before",
    "end": "expires",
    "until": "expires",
    "tz": "timezone",
    "zone": "timezone",
    "budget": "cost",
    "max_cost": "cost",
    "pace": "rate",
    "throttle": "rate",
    "quotas": "quota",
    "daily_limit": "quota",
    "per_day": "quota",
    "max_parts": "parts",
    "segments": "parts",
    "language": "locale",
    "country": "region",
    "default_region": "region",
    "database": "ledger",
    "rate_card": "rates",
    "prices": "rates",
    "path": "file",
    "share": "weight",
    "smart_encoding": "smart",
    "fictional": "allow_fictional",
    "fixed_line": "allow_fixed_line",
}


def meant_key(model: type[BaseModel], loc: Loc, key: str) -> str | None:
    """A hint for an unknown key below ``loc``; None where nothing is near."""
    known = fields_at(model, loc)
    folded = key.strip().lower().replace("-", "_").replace(" ", "_")
    if folded in known:
        return f"did you mean '{folded}'?"
    other = _OTHER_NAMES.get(folded)
    if other in known:
        return f"did you mean '{other}'?"
    near = get_close_matches(folded, [*known, *_OTHER_NAMES], 3, 0.7)
    meant = [name if name in known else _OTHER_NAMES[name] for name in near]
    if fitting := [name for name in meant if name in known]:
        return f"did you mean '{fitting[0]}'?"
    for name in (folded, other):
        home = _home_of(model, name) if name else None
        if home == "" and name in ("sender", "gateway") and loc and loc[0] in OFFERED:
            return f"'{name}' goes at the left margin, or with its channel: 'channels:' with '{loc[0]}: {{{name}: …}}'"
        if home is not None:
            return f"'{name}' goes under '{home}:'" if home else f"'{name}' goes at the left margin"
    return None if loc else _other_file(model, folded)


def _other_file(model: type[BaseModel], key: str) -> str | None:
    from a2pcli.config.campaign import Campaign
    from a2pcli.config.settings import Settings

    if model is Settings and key in Campaign.model_fields:
        return "it belongs in a campaign's file"
    if model is Campaign and key in Settings.model_fields:
        return "it belongs in a2pcli.yaml"
    return None


def fields_at(model: type[BaseModel], loc: Loc) -> tuple[str, ...]:
    """The keys allowed in the mapping at ``loc``; empty where any key is."""
    inner = model_at(model, loc)
    return tuple(inner.model_fields) if inner else ()


def model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """The model of the mapping at ``loc``."""
    here: Any = model
    for step in loc:
        if _is_model(here) and step in here.model_fields:
            here = here.model_fields[step].annotation
        found = _model_in(here)
        if found is None:
            return None
        here = found
    return here if _is_model(here) else None


def _home_of(model: type[BaseModel], name: str) -> str | None:
    """The top-level key under which ``name`` belongs; empty for the top itself."""
    if name in model.model_fields:
        return ""
    for outer, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None and name in inner.model_fields and outer != "variants":
            return outer
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if _is_model(annotation):
        return annotation  # type: ignore[no-any-return]
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _is_model(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)
