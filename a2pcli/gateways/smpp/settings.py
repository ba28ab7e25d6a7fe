"""The block of an SMPP gateway in ``a2pcli.yaml``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from a2pcli.gateways.codes import MEANINGS
from a2pcli.gateways.settings import GatewayBlock, checked_host

_CODE = re.compile(r"0x[0-9a-fA-F]{1,8}|\d{1,10}")
_RECEIPT_CODE = re.compile(r"[0-9A-Za-z]{1,12}", re.ASCII)


def _ascii(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("SMPP takes plain ASCII here")
    return text


def _secret(value: SecretStr) -> SecretStr:
    _ascii(value.get_secret_value())
    if len(value.get_secret_value()) > 64:
        raise ValueError("too long for SMPP")
    return value


def _receipt_errors(errors: Any) -> dict[str, str]:
    if not isinstance(errors, dict):
        raise ValueError("a mapping, like 0A1: opted-out")
    for code, meaning in errors.items():
        if not isinstance(code, str) or not _RECEIPT_CODE.fullmatch(code):
            raise ValueError(
                f"{str(code)[:20]!r} is no code of a receipt", "write it as receipts have it: 0A1"
            )
        if meaning not in MEANINGS or meaning == "accepted":
            raise ValueError(
                f"{code}: unknown meaning", "meanings: " + ", ".join(m for m in MEANINGS if m != "accepted")
            )
    return dict(errors)


def _errors(errors: Any) -> dict[int, str]:
    known: dict[int, str] = {}
    if not isinstance(errors, dict):
        raise ValueError("a mapping, like 0x401: credit")
    for code, meaning in errors.items():
        if not isinstance(code, str) or not _CODE.fullmatch(code) or not 0 < (number := int(code, 0)) < 2**32:
            raise ValueError(f"{str(code)[:20]!r} is no command status", "write it like 0x45 or 69")
        if meaning not in MEANINGS or meaning == "accepted":
            raise ValueError(
                f"0x{number:02X}: unknown meaning",
                "meanings: " + ", ".join(m for m in MEANINGS if m != "accepted"),
            )
        known[number] = meaning
    return known


Ascii = Annotated[str, AfterValidator(_ascii)]
Octet = Annotated[int, Field(ge=0, le=255)]


LONGEST_VALIDITY = 2_678_399
"""Seconds: a relative time has two digits for days, 00 to 31 (SMPP 3.4, 7.1.1); months and years vary in length."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AddressKind(_Part):
    """Type of number and numbering plan of an address, where the operator wants others than those worked out."""

    ton: Octet = Field(
        description="Type of number: 0 unknown, 1 international, 2 national, 3 network, 5 alphanumeric"
    )
    npi: Octet = Field(description="Numbering plan: 0 unknown, 1 ISDN (E.164)")


class Coding(_Part):
    """The ``data_coding`` that the operator wants."""

    default: Octet = Field(0, description="For texts in the default alphabet")
    ucs2: Octet = Field(8, description="For UCS-2")


class ReceiptSettings(_Part):
    """Which receipts are asked for, and how the ids in them are written."""

    request: Literal["all", "failures", "none"] = Field("all", description="Which receipts to ask for")
    ids: Literal["auto", "same", "hex", "decimal"] = Field(
        "auto",
        description="How ids are written: `same` in answer and receipt; `hex`: hexadecimal in the answer,"
        " decimal in the receipt; `decimal`: the other way round; `auto`: learnt from ids that leave no doubt",
    )
    wait: float = Field(
        0,
        ge=0,
        le=3600,
        description="Stay connected at the end of a run until no receipt came for so many seconds",
    )
    errors: Annotated[dict[str, str], BeforeValidator(_receipt_errors)] = Field(
        default_factory=dict,
        description="What the codes in the operator's receipts (`err`) mean: `0A1: opted-out` suppresses the person",
    )


class SmppBlock(GatewayBlock):
    """Settings of a direct connection to an operator."""

    host: Annotated[str, AfterValidator(checked_host)] = Field(description="The operator's host")
    port: int = Field(2775, ge=1, le=65_535, description="Its port")
    tls: bool = Field(False, description="Connect with TLS; the certificate is always verified")
    ca: Path | None = Field(
        None,
        description="Certificates (PEM) of the operator's own authority instead of the system's, relative to the"
        " settings",
    )
    server_name: str | None = Field(None, description="The name in the certificate, if it is not `host`")
    system_id: Annotated[Ascii, Field(min_length=1, max_length=64)] = Field(description="Account name")
    password: Annotated[SecretStr, AfterValidator(_secret)] = Field(SecretStr(""), description="Password")
    system_type: Annotated[Ascii, Field(max_length=12)] = Field(
        "", description="System type, if the operator gave you one"
    )
    bind: Literal["transceiver", "transmitter", "separate"] = Field(
        "transceiver",
        description="`transceiver`; `transmitter`, which gets no receipts; `separate`: a transmitter and a receiver",
    )
    connections: int = Field(1, ge=1, le=32, description="Connections at the same time")
    window: int = Field(50, ge=1, le=2000, description="Unanswered messages on one connection at most")
    enquire_link: float = Field(
        30.0, gt=0, le=600, description="Seconds of silence before an `enquire_link` is sent"
    )
    long: Literal["udh", "sar", "payload"] = Field(
        "udh",
        description="How texts of several parts are sent: header in the text, SAR fields, or the whole text as payload",
    )
    alphabet: Literal["gsm", "latin-1"] = Field(
        "gsm",
        description="The operator's default alphabet: GSM 7-bit with one character an octet, or ISO 8859-1",
    )
    data_coding: Coding = Field(
        default_factory=Coding, description="Numbers the operator wants for the alphabets"
    )
    source: AddressKind | None = Field(None, description="TON and NPI of the sender")
    destination: AddressKind | None = Field(None, description="TON and NPI of recipients")
    service_type: Annotated[Ascii, Field(max_length=5)] = Field("", description="Service type")
    validity: int | None = Field(
        None, ge=1, le=LONGEST_VALIDITY, description="Seconds after which the operator gives up on a message"
    )
    receipts: ReceiptSettings = Field(default_factory=ReceiptSettings, description="Delivery receipts")
    errors: Annotated[dict[int, str], BeforeValidator(_errors)] = Field(
        default_factory=dict, description="What the operator's own command statuses mean: `0x401: credit`"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> SmppBlock:
        if not self.tls and (self.ca or self.server_name):
            raise ValueError("ca and server_name need `tls: true`")
        return self
