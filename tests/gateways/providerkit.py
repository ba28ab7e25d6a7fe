"""The cases of ``providers/*.yaml``: each provider's settings, and its gateway or provider made from them."""

from __future__ import annotations

import atexit
import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from gatewaykit import Counterpart, message, reply

from a2pcli.gateways.registry import create
from a2pcli.messages import Message

FOLDER = Path(__file__).parent / "providers"
CASES: dict[str, dict[str, Any]] = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for path in sorted(FOLDER.glob("*.yaml"))
}


def gateway(name: str, more: dict[str, Any] | None = None) -> Any:
    return create(name, {"type": name, **CASES[name]["settings"], **(more or {})})


def provider(name: str, more: dict[str, Any] | None = None) -> Any:
    return gateway(name, more).provider


def batch_of(case: dict[str, Any]) -> list[Message]:
    """The messages of a case; one plain text where it has none."""
    given = case.get("messages") or [case.get("message", {})]
    return [
        message(number, **{**one, **({"media": tuple(one["media"])} if "media" in one else {})})
        for number, one in enumerate(given, 1)
    ]


@cache
def key_pair() -> tuple[str, Any]:
    """A service account's private key as PEM, and its public half."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, key.public_key()


def account_json(token_uri: str) -> str:
    account = {
        "type": "service_account", "client_email": "rbm@shop.iam.example", "private_key_id": "k1",
        "private_key": key_pair()[0], "token_uri": token_uri,
    }  # fmt: skip
    return json.dumps(account)


@cache
def service_account() -> str:
    """A service account, whose token service on this machine always gives a token."""
    tokens = Counterpart(reply(200, {"access_token": "ya29.s3cret", "expires_in": 3600}))
    tokens.__enter__()
    atexit.register(tokens.__exit__, None, None, None)
    return account_json(f"{tokens.url}/token")
