"""Who sent an event: the signatures of well-known providers, checked over the bytes that came, in constant time.

Shopify: shopify.dev, "Verify a webhook" (no time is signed). WooCommerce: woocommerce.com, "Webhooks" (the same).
Stripe: docs.stripe.com/webhooks/signature. Calendly: developer.calendly.com, "Webhook signatures". HubSpot:
developers.hubspot.com, "Validating requests", version 3. Others: standardwebhooks.com, by its own library.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from a2pcli.actions.event_expressions import needed
from a2pcli.config.environment import filled, reference_problems
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput

if TYPE_CHECKING:
    from a2pcli.actions.event_rules import EventRules
    from a2pcli.config.load import LoadedSettings

WINDOW = 300.0
"""Seconds by which a signed time may differ from the clock here."""

SHORTEST = 8
_NUMBER = re.compile(r"\d{1,16}")


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came. Names of headers are in small letters; ``url`` is the one that the sender called."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    now: float

    @classmethod
    def at_now(cls, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Call:
        """Return a request that came just now."""
        return cls(method, url, headers, body, time.time())

    def is_fresh(self, seconds: str) -> bool:
        """Whether a signed time is within the window."""
        return bool(_NUMBER.fullmatch(seconds)) and abs(self.now - float(seconds)) <= WINDOW


def _shopify(call: Call, secret: str) -> bool:
    return _same(_base64(secret, call.body), call.headers.get("x-shopify-hmac-sha256", ""))


def _woocommerce(call: Call, secret: str) -> bool:
    return _same(_base64(secret, call.body), call.headers.get("x-wc-webhook-signature", ""))


def _stripe(call: Call, secret: str) -> bool:
    return _with_time(call, secret, call.headers.get("stripe-signature", ""))


def _calendly(call: Call, secret: str) -> bool:
    return _with_time(call, secret, call.headers.get("calendly-webhook-signature", ""))


def _with_time(call: Call, secret: str, header: str) -> bool:
    """``t=TIME,v1=HEX[,v1=HEX]`` over the time, a dot and the body."""
    pairs = [part.strip().partition("=") for part in header.split(",")[:20]]
    times = [value for name, _, value in pairs if name == "t"]
    if len(times) != 1:
        return False
    made = _hex(secret, times[0].encode("utf-8", "replace") + b"." + call.body)
    is_right = False
    for name, _, value in pairs:
        is_right |= name == "v1" and _same(made, value)
    return is_right and call.is_fresh(times[0])


_KEPT = {"%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
         "%2A": "*", "%2C": ",", "%3B": ";"}  # fmt: skip
"""What HubSpot decodes in the URL before it signs."""


def _hubspot(call: Call, secret: str) -> bool:
    sent = call.headers.get("x-hubspot-request-timestamp", "")
    url = re.sub("%[0-9A-Fa-f]{2}", lambda found: _KEPT.get(found[0].upper(), found[0]), call.url)
    is_right = False
    for one in dict.fromkeys((call.url, url, unquote(call.url))):
        signed = (
            f"{call.method}{one}".encode("utf-8", "replace") + call.body + sent.encode("utf-8", "replace")
        )
        is_right |= _same(_base64(secret, signed), call.headers.get("x-hubspot-signature-v3", ""))
    return is_right and bool(_NUMBER.fullmatch(sent)) and abs(call.now * 1000 - float(sent)) <= WINDOW * 1000


def _webhook(call: Call, secret: str) -> bool:
    """Standard Webhooks; its library looks at the clock itself."""
    library = needed("standardwebhooks")
    try:
        library.Webhook(secret).verify(call.body, dict(call.headers), json_parse=False)
    except Exception:  # whatever it does not like about hostile headers
        return False
    return True


CHECKS: Mapping[str, Callable[[Call, str], bool]] = {
    "shopify": _shopify,
    "woocommerce": _woocommerce,
    "stripe": _stripe,
    "calendly": _calendly,
    "hubspot": _hubspot,
    "webhook": _webhook,
}


def is_signed(source: str, secrets: Sequence[str], call: Call) -> bool:
    """Whether one of the secrets signed the request, within the scheme's window. Every secret is tried."""
    found = False
    for secret in secrets:
        found |= CHECKS[source](call, secret)
    return found


def signed_key(source: str, call: Call) -> str:
    """Return an idempotency key that the signature covers, for events without one of their own."""
    if source == "webhook":
        return f"id {call.headers.get('webhook-id', '')}"
    return f"body {hashlib.sha256(call.body).hexdigest()}"


def secrets_of(rules: EventRules, settings: LoadedSettings) -> dict[str, tuple[str, ...]]:
    """Return the secrets of each event that a provider reports. Raises ``InvalidInput`` for those that are not set or
    cannot be one."""
    document, found, problems = rules.loaded.document, dict[str, tuple[str, ...]](), []
    for name, rule in rules.rules.items():
        source = rule.event.source
        if source is None:
            continue
        loc = ("events", name, "secret")
        missing = list(reference_problems(list(rule.event.secret), loc, document, settings.environ))
        problems += missing
        if missing:
            continue
        values = tuple(str(filled(one, settings.environ)) for one in rule.event.secret)
        for value in values:
            if len(value) < SHORTEST or (source == "webhook" and not _is_base64(value)):
                what = (
                    "no base64 text (`whsec_…`)"
                    if source == "webhook"
                    else f"shorter than {SHORTEST} characters"
                )
                problems.append(document.problem(f"a secret of '{name}' is {what}", loc, code="event"))
        found[name] = values
    if problems:
        raise InvalidInput(*problems)
    return found


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode(text.removeprefix("whsec_") + "==", validate=False)) >= SHORTEST
    except (binascii.Error, ValueError):
        return False


def _base64(secret: str, data: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), data, "sha256")).decode()


def _hex(secret: str, data: bytes) -> str:
    return hmac.digest(secret.encode(), data, "sha256").hex()


def _same(made: str, given: str) -> bool:
    return hmac.compare_digest(made.encode(), given.encode("utf-8", "replace"))
