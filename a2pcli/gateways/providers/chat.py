"""Shared by the gateways of chat networks: ids without their network prefix, and Meta's signatures."""

from __future__ import annotations

import hashlib
import hmac

from a2pcli.gateways.callbacks import CallbackRequest, is_same
from a2pcli.messages import Message


def id_of(message: Message) -> str:
    """Return the recipient's id without the network's name: ``123456`` for ``telegram:123456``."""
    network, colon, rest = message.to.partition(":")
    return rest if colon and network == message.channel else message.to


def is_of_another(said: object, message: Message) -> bool:
    """Whether an answer names another recipient's id."""
    if isinstance(said, bool) or not isinstance(said, (str, int)):
        return False
    mine = id_of(message)
    return mine.isdigit() and str(said) != mine


def is_signed(request: CallbackRequest, secret: str) -> bool:
    """Whether Meta signed the request: ``X-Hub-Signature-256`` is the HMAC-SHA256 of the body with the app's secret."""
    mine = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    return is_same("sha256=" + mine, request.headers.get("x-hub-signature-256", "").strip().lower())


def confirmation(request: CallbackRequest, token: str) -> bytes | None:
    """Return what Meta wants to read when it verifies a webhook: its ``hub.challenge``; None for other requests, or a
    token that is not ours."""
    query = request.query
    challenge = query.get("hub.challenge", "")
    if request.method != "GET" or query.get("hub.mode") != "subscribe" or not challenge.isascii():
        return None
    return challenge.encode() if is_same(token, query.get("hub.verify_token", "")) else None
