"""A campaign's WhatsApp template against the account's own: whether it may be sent, and what has to be filled in."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from a2pcli.config.blocks import Loc
from a2pcli.config.load import LoadedCampaign
from a2pcli.content.whatsapp_templates import APPROVED, MEDIA, TemplatesFile, WhatsAppTemplate
from a2pcli.errors import A2PError, Problem, Severity
from a2pcli.frame import Frame
from a2pcli.ledger.records import now_ms
from a2pcli.planning.template_files import (
    approved_languages,
    is_each_language,
    main_template,
    templates_file,
)

OLD = 7
"""Age in days from which the templates file gets a warning: a template can be paused any day."""
_AT: Loc = ("whatsapp", "template")
_STATUSES = {
    "paused": "WhatsApp paused it because of its quality",
    "disabled": "WhatsApp disabled it",
    "rejected": "WhatsApp rejected it",
    "pending": "it is not approved yet",
    "in_appeal": "its rejection is under appeal",
    "pending_deletion": "it is being deleted",
    "deleted": "it is deleted",
    "limit_exceeded": "the account has too many templates",
    "archived": "it is archived",
}


def template_problems(loaded: LoadedCampaign) -> tuple[WhatsAppTemplate | None, list[Problem]]:
    """Return the campaign's template, None if there is none to send, and all problems with it."""
    given = loaded.campaign.whatsapp.template  # type: ignore[union-attr]
    assert given is not None
    try:
        file = templates_file(loaded)
    except A2PError as error:
        return None, list(error.problems)
    template = main_template(file, given)
    if template is None:
        return None, [_unknown(loaded, file, given)]
    every = approved_languages(file, given.name) if is_each_language(given) else {}
    found = [
        *_status(loaded, file, template),
        *_category(loaded, template),
        *_categories(loaded, template, every),
    ]
    for one in {**every, template.language: template}.values():
        found += [*_header(loaded, one), *_body(loaded, one), *_buttons(loaded, one)]
    return template, list(dict.fromkeys(found))


def _categories(
    loaded: LoadedCampaign, template: WhatsAppTemplate, every: Mapping[str, WhatsAppTemplate]
) -> Iterator[Problem]:
    """Report languages in which the template has another category, because prices and rules depend on it."""
    for one in every.values():
        if one.category != template.category:
            message = (
                f"the template '{one.name}' is {one.category} in '{one.language}' and {template.category} in"
                f" '{template.language}'"
            )
            yield _problem(
                loaded, message, ("language",), hint="send these languages in campaigns of their own"
            )


def template_notes(loaded: LoadedCampaign, texts: Any, frame: Frame | None) -> Iterator[Problem]:
    """Report the age of the templates file, and a campaign without a template."""
    block = loaded.campaign.whatsapp
    if block is None or block.template is None:
        hint = "add 'whatsapp: template:' to reach everybody else"
        message = "only people who wrote within the last 24 hours get this: it has no template"
        key = "channel" if loaded.document.has(("channel",)) else "channels"
        at = loaded.document.problem(message, (key,), of="key", hint=hint, code="no-template")
        yield replace(at, severity=Severity.WARNING)
        return
    try:
        file = templates_file(loaded)
    except A2PError:
        return
    if file.fetched is None:
        return
    days = int((now_ms() - file.fetched.timestamp() * 1000) // 86_400_000)
    age = "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
    note = _problem(loaded, f"{file.path.name} was fetched {age}", ("name",), code="templates-age")
    renew = f"a2pcli templates sync {file.gateway or 'GATEWAY'}" if days >= OLD else None
    yield replace(note, severity=Severity.WARNING if days >= OLD else Severity.NOTE, hint=renew)


def _problem(
    loaded: LoadedCampaign,
    message: str,
    loc: Loc,
    *,
    hint: str | None = None,
    code: str = "whatsapp-template",
) -> Problem:
    return loaded.document.problem(message, (*_AT, *loc), hint=hint, code=code)


def _unknown(loaded: LoadedCampaign, file: TemplatesFile, given: Any) -> Problem:
    languages = file.languages(given.name)
    if languages and is_each_language(given) and given.fallback_language is None:
        message = f"the template '{given.name}' is not approved in any language"
        return _problem(loaded, message, ("name",), hint=f"it exists in {', '.join(languages)}")
    if languages:
        key = "fallback_language" if is_each_language(given) else "language"
        message = f"the template '{given.name}' does not exist in '{getattr(given, key)}'"
        return _problem(loaded, message, (key,), hint=f"it exists in {', '.join(languages)}")
    near = difflib.get_close_matches(given.name, {name for name, _ in file.by_key}, n=1)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else f"a2pcli templates sync {file.gateway or 'GATEWAY'} updates the list"
    )
    return _problem(loaded, f"{file.path.name} has no template '{given.name}'", ("name",), hint=hint)


def _status(loaded: LoadedCampaign, file: TemplatesFile, template: WhatsAppTemplate) -> Iterator[Problem]:
    if template.status != APPROVED:
        why = _STATUSES.get(template.status, f"its status is {template.status}")
        hint = f"if that has changed: a2pcli templates sync {file.gateway or 'GATEWAY'}"
        yield _problem(loaded, f"the template '{template.name}' cannot be sent: {why}", ("name",), hint=hint)
    if template.beyond:
        message = f"the template '{template.name}' contains something that a campaign cannot fill in: {template.beyond}"
        yield _problem(loaded, message, ("name",))


def _category(loaded: LoadedCampaign, template: WhatsAppTemplate) -> Iterator[Problem]:
    """Report a template whose category does not match the campaign's purpose; it would evade the marketing rules."""
    purpose, category = loaded.campaign.purpose, template.category
    right = {"marketing": ("marketing",), "authentication": ("otp", "transactional")}.get(category)
    if right is not None and purpose not in right:
        message = f"the template '{template.name}' is {category}, and the campaign's purpose is {purpose}"
        hint = f"set 'purpose: {right[0]}', or use another template"
        yield loaded.document.problem(message, ("purpose",), hint=hint, code="whatsapp-category")


def _header(loaded: LoadedCampaign, template: WhatsAppTemplate) -> Iterator[Problem]:
    given = loaded.campaign.whatsapp.template.header  # type: ignore[union-attr]
    filled = {key for key in ("text", *MEDIA) if given is not None and getattr(given, key) is not None}
    wanted = set()
    if template.header in MEDIA or (template.header == "text" and template.header_places):
        wanted = {template.header}
    what = f"the header of '{template.name}'"
    for key in sorted(filled - wanted):
        has = {"": "there is none", "text": "it is a text"}.get(
            template.header, f"it is of type {template.header}"
        )
        has = "it is a text without a placeholder" if template.header == key == "text" else has
        yield _problem(loaded, f"{what} takes no '{key}': {has}", ("header", key))
    for key in sorted(wanted - filled):
        of = "a value for its placeholder" if key == "text" else f"a URL: {key}"
        hint = f"add 'header: {{{key}: …}}'"
        yield _problem(loaded, f"{what} needs {of}", ("header",), hint=hint)


def _body(loaded: LoadedCampaign, template: WhatsAppTemplate) -> Iterator[Problem]:
    given = loaded.campaign.whatsapp.template.body  # type: ignore[union-attr]
    places = template.body_places
    if isinstance(given, Mapping):
        named = list(given)
        if template.body_places and all(place.isdigit() for place in places) and not template.id:
            hint = "give a list: its placeholders are numbers"
            yield _problem(loaded, f"the body of '{template.name}' has no names", ("body",), hint=hint)
            return
    else:
        if places and not all(place.isdigit() for place in places):
            hint = f"give them by name: {', '.join(places)}"
            yield _problem(loaded, f"the placeholders of '{template.name}' have names", ("body",), hint=hint)
            return
        named = [str(place) for place in range(1, len(given) + 1)]
    missing = [place for place in places if place not in named]
    if missing:
        message = f"the body of '{template.name}' is missing {_values(missing)}"
        yield _problem(loaded, message, ("body",), hint=f"it reads: {template.body[:200]}")
    for place in named:
        if place not in places:
            loc = ("body", place if isinstance(given, Mapping) else int(place) - 1)
            hint = f"it has {_values(places)}" if places else "it has no placeholders"
            yield _problem(
                loaded, f"the body of '{template.name}' has no placeholder {place}", loc, hint=hint
            )


def _buttons(loaded: LoadedCampaign, template: WhatsAppTemplate) -> Iterator[Problem]:
    given = loaded.campaign.whatsapp.template.buttons  # type: ignore[union-attr]
    wanting = [one for one in template.buttons if one.wants]
    if isinstance(given, Mapping):
        taking = {one.text for one in template.buttons if one.takes}
        for key in given:
            if key not in taking:
                known = ", ".join(sorted(taking)) or "none"
                hint = f"buttons that take a value: {known}"
                yield _problem(
                    loaded,
                    f"'{template.name}' has no button '{key}' that takes a value",
                    ("buttons", key),
                    hint=hint,
                )
        missing = [one.text or one.type for one in wanting if one.text not in given]
    else:
        missing = [one.text or one.type for one in wanting[len(given) :]]
        if len(given) > len(wanting):
            message = f"'{template.name}' has {len(wanting)} button(s) that need a value, and {len(given)} are given"
            yield _problem(loaded, message, ("buttons", len(wanting)))
    if missing:
        message = f"the button '{missing[0]}' of '{template.name}' needs a value"
        yield _problem(
            loaded, message, ("buttons",), hint="set the end of its link, or the code, under 'buttons:'"
        )


def _values(places: Any) -> str:
    return ", ".join(f"{{{{{place}}}}}" for place in places)
