"""The block of an SMTP gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from a2pcli.config.values import parse_size, split_sender
from a2pcli.gateways.settings import GatewayBlock, checked_host

PORTS = {"starttls": 587, "implicit": 465, "none": 25}


def _size(text: str) -> str:
    parse_size(text)
    return text


def _address(text: str) -> str:
    from a2pcli.addresses.email import read_email

    found = read_email(text, allow_test=True)
    if found.address is None or found.repairs:
        raise ValueError("is not an email address", "for example bounces@example.com")
    return found.spelling or found.address


class SmtpBlock(GatewayBlock):
    """Settings of an SMTP relay."""

    host: Annotated[str, AfterValidator(checked_host)] = Field(description="Name of the relay")
    port: int | None = Field(
        None, ge=1, le=65535, description="Port. Default: 587, 465 or 25, depending on `tls`"
    )
    tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls",
        description="`starttls` encrypts after the greeting and does not go on without, `implicit` from the first byte;"
        " `none` is for a relay on this machine",
    )
    ca: Path | None = Field(
        None,
        description="Certificates (PEM) of your own authority instead of the system's, relative to the settings",
    )
    username: str | None = Field(None, description="User name, if the relay asks for one")
    password: SecretStr | None = Field(None, description="The password; never sent unencrypted")
    helo: str | None = Field(
        None, pattern=r"^[A-Za-z0-9.\[\]:-]+$", description="Name in EHLO. Default: this machine's"
    )
    return_path: Annotated[str, AfterValidator(_address)] | None = Field(
        None, description="Address that bounces go to. Default: the sender"
    )
    subject: str | None = Field(
        None, description="Subject of messages without one of their own, such as codes"
    )
    smtputf8: bool | None = Field(
        None,
        description="Whether the relay takes addresses with letters beyond ASCII before the @ (SMTPUTF8); `no` excludes"
        " them from plans. Default: the relay says so when it is connected, and refused addresses are rejected",
    )
    per_connection: int = Field(100, ge=1, description="Messages after which a connection is replaced")
    max_size: Annotated[str, AfterValidator(_size)] = Field(
        "25 MB", description="Largest message, attachments encoded"
    )

    @model_validator(mode="after")
    def _is_complete(self) -> SmtpBlock:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if (
            self.username is not None
            and self.tls == "none"
            and self.host not in ("localhost", "127.0.0.1", "::1")
        ):
            raise ValueError("a password is not sent unencrypted: set tls")
        if self.sender is not None:
            _address(split_sender(self.sender)[1])
        return self

    @property
    def at(self) -> tuple[str, int]:
        """Return host and port."""
        return self.host, self.port or PORTS[self.tls]
