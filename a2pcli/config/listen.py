"""``listen:`` of the settings: how ``a2pcli listen`` is reached, and how it knows who calls."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema

from a2pcli.config.environment import NOT_A_VARIABLE, names_variable
from a2pcli.config.fields import Strict, Text


def _environment_name(typed: str) -> str:
    if not names_variable(typed):
        raise ValueError(*NOT_A_VARIABLE)
    return typed.strip()


EnvironmentName = Annotated[
    str,
    AfterValidator(_environment_name),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\s*\$\{([A-Za-z_][A-Za-z0-9_]*|keyring:[^{}]+/[^{}]+)\}\s*$"}
    ),
]


def parse_public_url(typed: str) -> str:
    """Return the URL without a slash at its end. Raises ``ValueError`` with a plain sentence if it is not a whole http
    or https URL, or if it has a query or a password."""
    url = typed.strip().rstrip("/")
    hint = "the address that providers call, like https://hooks.example.com"
    try:
        parts = urlsplit(url)
        port_is_right = parts.port != 0
    except ValueError:
        raise ValueError(f"'{typed.strip()[:80]}' is not a URL", hint) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_right:
        raise ValueError(f"'{typed.strip()[:80]}' is not a whole URL", hint)
    if parts.query or parts.fragment or parts.username or parts.password or "?" in url or "#" in url:
        raise ValueError("the public URL has more than a host, a port and a path", hint)
    if not url.isascii() or any(character.isspace() for character in url):
        raise ValueError("the public URL has characters that a URL cannot have", hint)
    return url


PublicUrl = Annotated[
    str,
    AfterValidator(parse_public_url),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[Hh][Tt][Tt][Pp][Ss]?://"}),
]


class ListenSettings(Strict):
    """How ``a2pcli listen`` is reached, and how it knows who calls."""

    public_url: PublicUrl | None = Field(
        None,
        description="The URL under which providers reach the listener, before `/callbacks/`: "
        "`https://hooks.example.com`. Some signatures cover the whole URL",
    )
    secrets: dict[str, EnvironmentName] = Field(
        default_factory=dict,
        description="By gateway: where the secret in its callback URL is, as `${NAME}`, for providers that do not "
        "sign; for WhatsApp and Messenger the token to verify the webhook with",
    )
    unsigned: list[Text] = Field(
        default_factory=list,
        description="Gateways whose callbacks are accepted without a signature or secret: anybody who can reach the "
        "listener can then invent receipts and replies",
    )
