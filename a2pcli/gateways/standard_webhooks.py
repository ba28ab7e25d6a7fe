"""Callbacks that are signed as Standard Webhooks (https://www.standardwebhooks.com), by its library."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from a2pcli.errors import GatewayUnusable

PREFIX = "whsec_"
"""Begins a secret of Standard Webhooks."""


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether the body is signed with the secret, within the last five minutes. Raises ``GatewayUnusable`` where
    the library is not installed or the secret is none."""
    try:
        from standardwebhooks import Webhook, WebhookVerificationError
    except ImportError:
        raise GatewayUnusable(
            "signatures of Standard Webhooks need a package that is not installed: pip install 'a2pcli[callbacks]'"
        ) from None
    try:
        webhook = Webhook(secret)
    except Exception:
        raise GatewayUnusable(f"this is no secret of Standard Webhooks: {PREFIX} and base64") from None
    with suppress(WebhookVerificationError, ValueError):  # what is no text, no base64, or no signature
        webhook.verify(body, dict(headers), json_parse=False)
        return True
    return False
