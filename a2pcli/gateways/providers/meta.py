"""What the gateways of Meta's Graph API share."""

from __future__ import annotations

import hashlib
import hmac

from a2pcli.gateways.callbacks import CallbackRequest, is_same


def is_signed(request: CallbackRequest, secret: str) -> bool:
    """By ``X-Hub-Signature-256``: HMAC-SHA256 over the body with the app's secret."""
    mine = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    return is_same("sha256=" + mine, request.headers.get("x-hub-signature-256", "").strip().lower())
