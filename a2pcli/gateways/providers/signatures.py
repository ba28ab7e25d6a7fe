"""Signatures of callbacks that more than one provider uses."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from a2pcli.gateways.callbacks import is_same

_METHODS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_LEEWAY = 1
"""Seconds that clocks may differ."""


def jwt_claims(token: str, secret: str, now: float | None = None) -> dict[str, Any] | None:
    """The claims of a JSON Web Token signed with HMAC (RFC 7519); None where it is not, or not with this secret.

    With ``now``, in seconds since 1970, also where it is not valid yet (``nbf``) or any more (``exp``).
    """
    head, _, rest = token.strip().partition(".")
    claims, _, signature = rest.partition(".")
    header = _json(head)
    method = _METHODS.get(str(header.get("alg"))) if header is not None else None
    if method is None:  # a token must not choose "none" for itself
        return None
    mine = hmac.new(secret.encode(), f"{head}.{claims}".encode("utf-8", "replace"), method).digest()
    if not is_same(base64.urlsafe_b64encode(mine).decode("ascii").rstrip("="), signature):
        return None
    found = _json(claims)
    return found if found is not None and (now is None or _is_valid_at(now, found)) else None


def is_hash_of(data: bytes, claim: object) -> bool:
    """Whether a claim is the SHA-256 of the data, in hexadecimal digits."""
    return isinstance(claim, str) and is_same(hashlib.sha256(data).hexdigest(), claim.lower())


def _is_valid_at(now: float, claims: dict[str, Any]) -> bool:
    begins, ends = claims.get("nbf"), claims.get("exp")
    return not (isinstance(begins, int) and now < begins - _LEEWAY) and not (
        isinstance(ends, int) and now >= ends + _LEEWAY
    )


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
