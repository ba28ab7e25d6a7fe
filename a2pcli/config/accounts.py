"""Which gateways of the settings are one account of a provider, and the pace and quotas of that account.

A provider counts what an account sends, whatever the settings call it: two blocks with the same account share one
pace and its quotas, and where they give different ones the lower holds. What identifies an account: at a provider of
ours the keys in ``_ACCOUNT``, like Twilio's SID; of an HTTP gateway the URL's host and path with the credential; of
SMPP the host with the ``system_id``; of a gateway of another package all of its settings but those that every gateway
takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from a2pcli.config import environment
from a2pcli.config.load import LoadedSettings, gateway_pace, gateway_quotas
from a2pcli.config.quotas import Quota, lowest
from a2pcli.config.values import Rate
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem, Severity

_OF_EVERY_GATEWAY = frozenset(
    {"type", "rate", "quota", "concurrency", "timeout", "sender", "engine", "ca", "folder"}
)
_EACH_ITS_OWN = frozenset({"simulator", "outbox", "console"})
"""Types that have no account at a provider: each block is one of its own, unless it names another (``account``)."""
_ACCOUNT: dict[str, tuple[str, ...]] = {
    "postmark": ("token",),
    "ses": ("region", "access_key_id", "profile"),
    "aws_sms": ("region", "access_key_id", "profile"),
    "sns": ("region", "access_key_id", "profile"),
    "twilio": ("account_sid",),
    "vonage": ("api_key",),
    "infobip": ("base_url", "api_key"),
    "sinch": ("service_plan_id",),
    "telnyx": ("api_key",),
    "plivo": ("auth_id",),
    "kannel": ("url", "username"),
    "jasmin": ("base_url", "username"),
    "bird": ("access_key",),
    "bandwidth": ("account_id",),
    "clickatell": ("api_key",),
    "africastalking": ("username",),
    "linkmobility": ("username",),
    "portatext": ("api_key",),
    "whatsapp": ("phone_number_id",),
    "rbm": ("agent_id",),
    "telegram": ("bot_token",),
    "messenger": ("page_id",),
    "viber": ("auth_token",),
}
"""The keys of a provider's block that identify the account; two blocks may differ in the others."""
_PORTS = {"http": 80, "https": 443}
_REQUEST = ("headers", "query", "json", "form")
_CREDENTIAL = re.compile(r"key|token|secret|user|login|account|auth|pass|sid$|client", re.IGNORECASE)
"""Names under which a request's headers, query or body carry what identifies an account."""


@dataclass(frozen=True, slots=True)
class AccountPace:
    """The pace of the account behind a gateway.

    ``key`` is the same for all blocks of the account, and holds no secret. ``rates`` are the lowest of its blocks:
    none, one, or one in messages and one in parts. ``given`` are those that blocks have, by the block's name.
    ``quotas`` are those of all its blocks, of each kind the lowest; one of a second is among the rates.
    """

    key: str
    rates: tuple[Rate, ...]
    given: Mapping[str, Rate]
    quotas: tuple[Quota, ...] = ()
    blocks: tuple[str, ...] = ()
    """The names of the account's gateways in the settings."""


def account_pace(loaded: LoadedSettings, name: str, environ: Mapping[str, str] | None = None) -> AccountPace:
    """The pace that binds the gateway ``name``. Needs no secrets: a variable that is not set stands for itself.

    Raises ``InvalidInput`` for a name that is not known and for a pace of it that is none.
    """
    environ = loaded.environ if environ is None else environ
    own = gateway_pace(loaded, name, environ)
    blocks = loaded.settings.gateways
    if name not in blocks:
        return AccountPace(f"gateway {name}", (), {})
    key = _key(name, blocks[name], environ)
    given = {name: own} if own is not None else {}
    quotas = list(gateway_quotas(loaded, name, environ))
    same = [name]
    limited = any(block.get("quota") is not None for block in blocks.values())
    for other, block in blocks.items():
        limits = limited or block.get("rate") is not None
        if other != name and limits and _key(other, block, environ) == key:
            same.append(other)
            try:
                pace = gateway_pace(loaded, other, environ)
                quotas += gateway_quotas(loaded, other, environ)
            except A2PError:  # whoever sends with that block is told
                continue
            given |= {other: pace} if pace is not None else {}
    slowest: dict[str, Rate] = {}
    for rate in (*given.values(), *(one.pace for one in quotas if one.pace is not None)):
        if rate.unit not in slowest or rate.per_second < slowest[rate.unit].per_second:
            slowest[rate.unit] = rate
    rates = tuple(slowest[unit] for unit in sorted(slowest))
    return AccountPace(key, rates, given, lowest(one for one in quotas if one.pace is None), tuple(same))


def account_findings(loaded: LoadedSettings, name: str) -> Iterator[Problem]:
    """What ``check`` says where blocks of one account give different paces."""
    try:
        pace = account_pace(loaded, name)
    except A2PError:
        return  # told by the step that needs it
    typed = {other: str(loaded.settings.gateways[other]["rate"]) for other in sorted(pace.given)}
    if len(set(pace.given.values())) < 2:
        return
    named = ", ".join(f"{other} ({rate})" for other, rate in typed.items())
    slowest = {rate for rate in pace.rates if rate in pace.given.values()}
    holds = " and ".join(
        next(typed[other] for other in typed if pace.given[other] == rate) for rate in slowest
    )
    found = loaded.problem(
        f"these gateways share one account at the provider but set different rates: {named}; {holds} holds for"
        " all of them together",
        ("gateways", name),
        hint="set the account's `rate` in all of them",
        code="account-pace",
    )
    yield replace(found, severity=Severity.WARNING)


def _key(name: str, block: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Names the account in the ledger. Of what identifies it only 16 bits of a hash are kept: enough to tell the
    accounts of a project apart, too few to find out a secret. Where two fall together, they share a pace."""
    unset = environment.variables(block, environ)
    known = {**environ, **{one: f"${{{one}}}" for one, there in unset.items() if not there}}
    settings = environment.filled(dict(block), known)
    kind = str(settings.get("type") or name)
    host, identity = _identity(name, kind, settings)
    digest = sha256(json.dumps([kind, host, identity], sort_keys=True, default=str).encode()).hexdigest()
    return " ".join(filter(None, ("account", kind, host, digest[:4])))


def _identity(name: str, kind: str, settings: Mapping[str, Any]) -> tuple[str, Any]:
    """The host, where there is one, and what else identifies the account."""
    if kind in _ACCOUNT:
        values = [str(settings.get(key)) for key in _ACCOUNT[kind]]
        return "", values[0] if len(values) == 1 else values
    if kind in _EACH_ITS_OWN:
        return "", str(settings.get("account") or name)
    if kind == "smpp":
        host, port = str(settings.get("host", "")).strip().lower(), str(settings.get("port") or 2775)
        return f"{host}:{port}", str(settings.get("system_id"))
    if kind == "http":
        return _of_http(settings)
    return "", {key: value for key, value in settings.items() if key not in _OF_EVERY_GATEWAY}


def _of_http(settings: Mapping[str, Any]) -> tuple[str, Any]:
    url = str(settings.get("url", "")).strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", url
    host = (parts.hostname or "").lower()
    if port is not None and port != _PORTS.get(parts.scheme.lower()):
        host += f":{port}"
    auth = settings.get("auth")
    basic = auth.get("basic") if isinstance(auth, Mapping) else None
    who = basic.get("username") if isinstance(basic, Mapping) else auth
    request = [dict(parse_qsl(parts.query)), *(settings.get(part) for part in _REQUEST)]
    return host, [parts.path.rstrip("/"), who, sorted(set(_credentials(request)))]


def _credentials(data: Any) -> Iterator[tuple[str, str]]:
    """Fixed values of a request that identify its account, wherever they stand in it."""
    if isinstance(data, list):
        for item in data:
            yield from _credentials(item)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            if isinstance(value, (Mapping, list)):
                yield from _credentials(value)
            elif _CREDENTIAL.search(str(key)) and "{{" not in str(value) and "{%" not in str(value):
                yield str(key).lower(), str(value)
