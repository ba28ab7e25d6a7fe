"""Rules that concern several keys of a campaign or settings file at once.

They look at the data as typed, not at the model, so that they speak even while other keys are wrong.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import CHANNELS, DEFAULT, OFFERED
from a2pcli.config import values
from a2pcli.config.cross_blocks import block_problems, has_own_text
from a2pcli.config.cross_routes import route_problems
from a2pcli.config.cross_several import named_channels, several_problems
from a2pcli.config.document import Document
from a2pcli.config.fields import in_utc
from a2pcli.config.quotas import parse_quotas
from a2pcli.errors import Problem
from a2pcli.gateway_types import BUILT_IN, BUILT_IN_GATEWAYS, type_names

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def campaign_problems(document: Document) -> Iterator[Problem]:
    """Everything wrong with a campaign that no single key can tell."""
    data = document.data
    several = named_channels(data)
    channel = several[0] if len(several) == 1 else data.get("channel", DEFAULT)
    yield from several_problems(document, several)
    yield from _message_or_variants(document)
    yield from _email(document)
    yield from block_problems(document)
    carries = [one for one in several or [channel] if one not in OFFERED or CHANNELS[one].media]
    if data.get("media") and not carries:
        carriers = " or ".join(f"'channel: {name}'" for name in OFFERED if CHANNELS[name].media)
        words = " or ".join(several or [channel])
        yield document.problem(
            f"media cannot be sent by {words}", ("media",), of="key", hint=f"add {carriers}", code="media"
        )
    if len(several) < 2:
        yield from _senders(document, channel, ("sender",))
    for name in several:
        yield from _senders(document, name, ("channels", name, "sender"))
    schedule = data.get("schedule")
    if isinstance(schedule, dict):
        yield from _schedule(document, schedule)
    yield from _frequency(document)


def _senders(document: Document, channel: Any, at: tuple[str, ...]) -> Iterator[Problem]:
    """An email address sends email alone; a phone number or short code sends none."""
    if channel not in OFFERED:
        return
    is_email = CHANNELS[channel].kind is Kind.EMAIL
    typed: Any = document.data
    for step in at:
        typed = typed.get(step) if isinstance(typed, dict) else None
    for path, sender in _named_senders(typed, at):
        if "@" in sender and not is_email:
            message = f"the email address '{sender}' cannot send by {channel}"
            hint = "a number, short code or name can; for email say 'channel: email'"
            yield document.problem(message, path, hint=hint, code="sender")
        elif is_email and re.fullmatch(r"[+\d\s().-]+", sender):
            hint = "an email comes from an address, for example sender: news@example.com"
            yield document.problem(f"the number '{sender}' cannot send email", path, hint=hint, code="sender")


def _named_senders(typed: Any, path: tuple[str | int, ...]) -> Iterator[tuple[Any, str]]:
    """Every sender in any of the shapes of ``sender:``, with where it stands."""
    if isinstance(typed, str):
        yield path, typed.strip()
    elif isinstance(typed, list):
        for place, one in enumerate(typed):
            yield from _named_senders(one, (*path, place))
    elif isinstance(typed, dict):
        for country, of in typed.items():
            yield from _named_senders(of, (*path, country))


def _message_or_variants(document: Document) -> Iterator[Problem]:
    data = document.data
    has_text = has_own_text(document)
    if not data.keys() & {"message", "variants", "survey"} and not has_text:
        hint = "the message, a Jinja template over the contact's columns"
        yield document.problem("'message' is missing", (), hint=hint, code="missing-key")
    if "message" in data and "variants" in data:
        hint = "make the message one of the variants, or remove it"
        yield document.problem(
            "'message' and 'variants' cannot be combined", ("variants",), of="key", hint=hint, code="variants"
        )
    for key in ("message", "variants"):
        if "survey" in data and key in data:
            hint = "the survey's first question is the message"
            message = f"'{key}' and 'survey' cannot be combined"
            yield document.problem(message, (key,), of="key", hint=hint, code="survey")
    variants = data.get("variants")
    if not isinstance(variants, dict):
        return
    if len(variants) < 2:
        hint = "put a single text under 'message:'"
        yield document.problem(
            "a split test needs two variants", ("variants",), of="key", hint=hint, code="variants"
        )
    for name, variant in variants.items():
        if isinstance(variant, dict) and "message" not in variant and "html" not in variant and not has_text:
            message = f"'message' is missing under '{str(name)[:40]}'"
            hint = "message template of this variant"
            yield document.problem(message, ("variants", name), of="key", hint=hint, code="missing-key")
        if not _NAME.fullmatch(name):
            hint = "at most 32 letters, digits, '.', '_' and '-'"
            message = f"'{name[:40]}' cannot be a variant's name"
            yield document.problem(message, ("variants", name), of="key", hint=hint, code="variants")


def _email(document: Document) -> Iterator[Problem]:
    """What belongs to the ``email:`` block."""
    data = document.data
    variants = data.get("variants")
    arms = variants.items() if isinstance(variants, dict) else ()
    named = [(name, arm) for name, arm in arms if isinstance(arm, dict)]
    own = [("variants", name, key) for name, arm in named for key in ("subject", "html") if key in arm]
    if "email" not in data:
        hint = "add 'email:' with a subject"
        yield from (
            document.problem(f"'{loc[-1]}' needs the email: block", loc, of="key", hint=hint, code="email")
            for loc in own
        )
        return
    email = data["email"]
    if not isinstance(email, dict):
        return
    if "preheader" in email and "html" not in email and not any(loc[-1] == "html" for loc in own):
        yield document.problem("'preheader' needs 'html'", ("email", "preheader"), of="key", code="email")
    unsubscribe = email.get("unsubscribe")
    if isinstance(unsubscribe, dict) and not unsubscribe:
        yield document.problem(
            "'unsubscribe' needs a url, a mailto or both", ("email", "unsubscribe"), code="email"
        )


def _schedule(document: Document, schedule: dict[str, Any]) -> Iterator[Problem]:
    yield from _never_held(document, schedule)
    try:
        named = values.parse_schedule_zone(schedule.get("timezone", "UTC"))
    except (ValueError, AttributeError):
        return
    # In each person's own time both moments move alike; some clocks may skip an hour, not all.
    zone = "UTC" if named == values.RECIPIENT else named
    starts, ends = _moment(schedule, "not_before", zone, 1), _moment(schedule, "expires", zone, 0)
    for key, moment in (("not_before", starts), ("expires", ends)):
        if moment is not None and not _exists(values.parse_moment(schedule[key]), zone):
            message = f"'{schedule[key]}' does not exist in {zone}"
            yield document.problem(
                message, ("schedule", key), hint="clocks go forward at that time", code="schedule"
            )
    if starts is not None and ends is not None and ends <= starts:
        yield document.problem(
            "'expires' is not after 'not_before': nothing could be sent",
            ("schedule", "expires"),
            code="schedule",
        )


def _never_held(document: Document, schedule: dict[str, Any]) -> Iterator[Problem]:
    """One-time codes and warnings of danger go at once, whatever hour it is."""
    purpose = document.data.get("purpose")
    for key in ("window", "days", "holidays"):
        if purpose in ("otp", "emergency") and schedule.get(key) not in (None, "allow"):
            message = f"messages of purpose {purpose} are never held: '{key}' does not apply to them"
            yield document.problem(message, ("schedule", key), of="key", code="schedule")


def _frequency(document: Document) -> Iterator[Problem]:
    """Caps bind marketing alone: one that cannot do anything promises what is not kept."""
    limits, purpose = document.data.get("limits"), document.data.get("purpose")
    if (
        isinstance(limits, dict)
        and "frequency" in limits
        and purpose in ("transactional", "otp", "emergency")
    ):
        message = f"frequency caps apply to marketing, not {purpose} messages"
        yield document.problem(message, ("limits", "frequency"), of="key", code="frequency")


def _moment(schedule: dict[str, Any], key: str, zone: str, fold: Literal[0, 1]) -> datetime | None:
    try:
        return in_utc(values.parse_moment(schedule[key]), zone, fold=fold)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        return None


def _exists(moment: datetime, zone: str) -> bool:
    """Whether the zone's clocks ever show this time: going to UTC and back must not move it."""
    from a2pcli.timezones import ZoneInfo

    if moment.tzinfo is not None:
        return True
    there = in_utc(moment, zone, fold=0)
    return there is not None and there.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == moment


def settings_problems(document: Document) -> Iterator[Problem]:
    """Everything wrong with settings that no single key can tell."""
    parts = document.data.get("parts")
    if isinstance(parts, dict):
        warn, refuse = _whole(parts.get("warn", "3")), _whole(parts.get("refuse", "6"))
        if warn is not None and refuse is not None and refuse < warn:
            key = "refuse" if "refuse" in parts else "warn"
            message = f"messages are excluded above {refuse} parts, before the warning above {warn}"
            yield document.problem(message, ("parts", key), code="parts")
    yield from route_problems(document)
    yield from _listen(document)
    gateways = document.data.get("gateways")
    if not isinstance(gateways, dict):
        return
    for name, block in gateways.items():
        if not _NAME.fullmatch(name):
            hint = "at most 32 letters, digits, '.', '_' and '-'"
            message = f"'{name[:40]}' cannot be a gateway's name"
            yield document.problem(message, ("gateways", name), of="key", hint=hint, code="gateway")
        if isinstance(block, dict):
            yield from _gateway(document, name, block)


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else []


def _listen(document: Document) -> Iterator[Problem]:
    """The gateways that ``listen:`` and ``replies: confirmations:`` name must be there."""
    block, gateways = document.data.get("listen"), document.data.get("gateways")
    known = list(gateways) if isinstance(gateways, dict) else []
    replies = document.data.get("replies")
    confirmations = replies.get("confirmations") if isinstance(replies, dict) else None
    confirmed = confirmations.get("gateways") if isinstance(confirmations, dict) else None
    of_listen = block if isinstance(block, dict) else {}
    unsigned = of_listen.get("unsigned")
    mentions: list[tuple[Any, tuple[str | int, ...]]] = [
        *(
            (name, ("replies", "confirmations", "gateways", name))
            for name in (confirmed if isinstance(confirmed, dict) else ())
            if name not in BUILT_IN_GATEWAYS
        ),
        *(
            (name, ("listen", key, name))
            for key in ("secrets", "allow_ips")
            for name in _keys(of_listen.get(key))
        ),
        *(
            (name, ("listen", "unsigned", place))
            for place, name in enumerate(unsigned if isinstance(unsigned, list) else ())
        ),
    ]
    for name, path in mentions:
        if isinstance(name, str) and name.strip() not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "name a gateway that is under `gateways:`"
            message = f"there is no gateway '{name.strip()[:40]}'"
            yield document.problem(
                message, path, of="value" if path[1] == "unsigned" else "key", hint=hint, code="listen"
            )


def _gateway(document: Document, name: str, block: dict[str, Any]) -> Iterator[Problem]:
    """What every gateway's block shares; the rest is the gateway's to judge."""
    # Other packages are looked through only for a name that is none of ours: that takes milliseconds.
    if "type" not in block and name not in BUILT_IN and name not in type_names():
        hint = "for example 'type: http'; a2pcli gateways lists the types"
        message = f"'type' is missing under '{name[:40]}'"
        yield document.problem(message, ("gateways", name), of="key", hint=hint, code="missing-key")
    if isinstance(block.get("type"), (dict, list)):
        yield document.problem(
            "'type' must be a text", ("gateways", name, "type"), of="key", code="bad-value"
        )
    if "folder" in block:  # The gateway is told the settings' folder under this name.
        yield document.problem(
            "unknown key 'folder'", ("gateways", name, "folder"), of="key", code="unknown-key"
        )
    typed = block.get("rate")
    if isinstance(typed, str) and typed and "${" not in typed:
        try:
            values.parse_rate(typed)
        except ValueError as error:
            wrong, advice = values.message_and_hint(error)
            yield document.problem(wrong, ("gateways", name, "rate"), hint=advice, code="bad-value")
    typed = block.get("quota")
    if typed is not None and "${" not in str(typed):
        try:
            parse_quotas(typed)
        except ValueError as error:
            wrong, advice = values.message_and_hint(error)
            yield document.problem(wrong, ("gateways", name, "quota"), hint=advice, code="bad-value")


def _whole(typed: Any) -> int | None:
    return int(typed) if isinstance(typed, str) and typed.isascii() and typed.isdigit() else None
