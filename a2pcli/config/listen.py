"""``listen:`` of the settings: how ``a2pcli listen`` is reached, and how it knows who calls."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from a2pcli.config.environment import NOT_A_VARIABLE, names_variable
from a2pcli.config.fields import Name, Pace, Strict, Text, YesNo


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


def _traces_url(typed: str) -> str:
    url = typed.strip()
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or any(character.isspace() for character in url):
        raise ValueError(f"'{url[:80]}' is not a whole URL", "like http://127.0.0.1:4318/v1/traces")
    return url


TracesUrl = Annotated[
    str,
    AfterValidator(_traces_url),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[Hh][Tt][Tt][Pp][Ss]?://"}),
]

TokenScope = Literal["otp", "events", "inbox", "read", "metrics"]
"""What a token may do: each route of the listener's interface belongs to one."""


def _network(typed: str) -> str:
    try:
        return str(ip_network(typed.strip(), strict=False))
    except ValueError:
        hint = "write one like 127.0.0.1, 10.0.0.0/8 or ::1"
        raise ValueError(f"'{typed.strip()[:60]}' is not an address or network", hint) from None


Network = Annotated[str, AfterValidator(_network), WithJsonSchema({"type": "string"})]


class Token(Strict):
    """A token: anybody who has one of its secrets may use the routes of its scopes."""

    secret: Annotated[
        list[EnvironmentName], BeforeValidator(lambda typed: [typed] if isinstance(typed, str) else typed)
    ] = Field(
        default_factory=list,
        description="Its secret, as `${NAME}`; or a list of two, both valid, while you change it",
    )
    file: Text | None = Field(
        None, description="File with its secrets, one per line, all valid; read again when it changes"
    )
    scopes: list[TokenScope] = Field(min_length=1, description="What the token may be used for")
    signed: YesNo = Field(
        False,
        description="Accept only requests signed with the secret (HMAC), so that the secret is never sent",
    )
    rate: Pace | None = Field(None, description="Maximum rate of its requests, like `50/s`; default: `100/s`")

    @model_validator(mode="after")
    def _has_secret(self) -> Token:
        if not self.secret and self.file is None:
            raise ValueError("a token needs a `secret` or a `file`", "like `secret: ${SHOP_TOKEN}`")
        return self


class ListenSettings(Strict):
    """How ``a2pcli listen`` is reached, and how it knows who calls."""

    public_url: PublicUrl | None = Field(
        None,
        description="The URL at which providers reach the listener, up to `/callbacks/`: "
        "`https://hooks.example.com`. Some signatures cover the whole URL",
    )
    secrets: dict[str, EnvironmentName] = Field(
        default_factory=dict,
        description="By gateway: the secret in its callback URL, as `${NAME}`, for providers that do not sign; for "
        "WhatsApp and Messenger, the verify token of the webhook",
    )
    unsigned: list[Text] = Field(
        default_factory=list,
        description="Gateways whose callbacks are accepted without a signature or secret: anybody who can reach the "
        "listener can then invent receipts and replies",
    )
    allow_ips: dict[str, list[Network]] = Field(
        default_factory=dict,
        description="By gateway: the network addresses from which its provider calls, like `[203.0.113.0/24]`. "
        "Requests from other addresses are refused; use it alone only if the provider neither signs nor takes a "
        "secret in its URL",
    )
    certificates: Text = Field(
        ".a2pcli/certificates",
        description="Folder, relative to this file, with the certificates of Amazon SNS; missing ones are fetched from "
        "Amazon and kept there",
    )
    tokens: dict[Name, Token] = Field(
        default_factory=dict,
        description="Tokens by name: who may use the listener's interface, and for what",
    )
    proxies: list[Network] = Field(
        default_factory=list,
        description="Addresses of reverse proxies whose `X-Forwarded-For` is trusted, like `127.0.0.1`",
    )
    traces: TracesUrl | None = Field(
        None,
        description="Where OpenTelemetry traces of requests are sent (OTLP over HTTP), like "
        "`http://127.0.0.1:4318/v1/traces`; needs `a2pcli[otel]`",
    )
    per_address: Pace = Field(
        "20/s",
        description="Maximum rate of requests, other than callbacks, from one network address",
        validate_default=True,
    )
