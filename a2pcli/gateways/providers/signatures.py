"""Signatures of callbacks that more than one provider uses."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from a2pcli.gateways.callbacks import is_same


def jwt_claims(token: str, secret: str) -> dict[str, Any] | None:
    """The claims of a JSON Web Token signed with HMAC-SHA256 (RFC 7519); None where it is not, or not with this secret.
    Its times are not looked at."""
    head, _, rest = token.strip().partition(".")
    claims, _, signature = rest.partition(".")
    header = _json(head)
    if header is None or header.get("alg") != "HS256":  # a token must not choose "none" for itself
        return None
    mine = hmac.new(secret.encode(), f"{head}.{claims}".encode("utf-8", "replace"), hashlib.sha256).digest()
    if not is_same(base64.urlsafe_b64encode(mine).decode("ascii").rstrip("="), signature):
        return None
    return _json(claims)


def bearer(value: str) -> str:
    """The token of ``Authorization: Bearer …``; empty for anything else."""
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _json(part: str) -> dict[str, Any] | None:
    try:
        data = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return data if isinstance(data, dict) else None
