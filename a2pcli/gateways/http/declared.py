"""The block of a declarative HTTP gateway: what to send, and how to read the answer. docs/gateways.md explains it."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from a2pcli.channels import DEFAULT
from a2pcli.config.fields import Channel
from a2pcli.gateways import codes
from a2pcli.gateways.engine.transport import HttpBlock, checked_url
from a2pcli.gateways.http.templating import structure, text_template, url_template, xml_template

ONE_MESSAGE = "each"
"""The key that marks the list of messages in the body of a batch."""


class Part(BaseModel):
    """Base class for parts of a gateway's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _readable(compile_: Callable[[Any], Any]) -> AfterValidator:
    """Return a validator that keeps the source and rejects a template that cannot work."""

    def check(source: Any) -> Any:
        compile_(source)
        return source

    return AfterValidator(check)


def _url(source: str) -> str:
    url_template(source)
    # The host must not depend on a message: its text would decide where the credentials are sent.
    start = re.match(r"https?://[^/?#]*", source)
    if start is None or "{" in start[0]:
        raise ValueError("must start with https:// and the name of the host")
    checked_url(start[0])
    return source


def _body(data: Any) -> Any:
    structure(_without_each(data))
    return data


def _without_each(data: Any) -> Any:
    """Return the body with one message's template in place of the list, so that it can be checked."""
    if isinstance(data, dict):
        if set(data) == {ONE_MESSAGE}:
            return [data[ONE_MESSAGE]]
        return {key: _without_each(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_without_each(item) for item in data]
    return data


def _statuses(value: Any) -> Any:
    """Return ``200``, ``200-299`` or ``[200, 202]`` as pairs of first and last status."""
    items = value if isinstance(value, list) else re.split(r"\s*,\s*", str(value))
    pairs = []
    for item in items:
        found = re.fullmatch(r"([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?", str(item).strip())
        if found is None:
            raise ValueError("HTTP statuses, like 200, 200-299 or [200, 202]")
        pairs.append((int(found[1]), int(found[2] or found[1])))
    return tuple(pairs)


def _path(value: str) -> str:
    """Return a path like ``messages.0.id``; ``$.messages[0].id`` is accepted too."""
    text = re.sub(r"\[(\d+)\]", r".\1", value.strip()).removeprefix("$").removeprefix(".")
    if not text or any(not step for step in text.split(".")):
        raise ValueError("a path, like messages.0.id")
    return text


def _pattern(value: str) -> str:
    try:
        compiled = re.compile(value)
    except re.error as error:
        raise ValueError(f"the pattern cannot be read: {error.msg}") from None
    if not compiled.groupindex:
        raise ValueError("the pattern needs a named group, like (?P<id>\\d+)")
    return value


def _meaning(value: str) -> str:
    if value not in codes.MEANINGS:
        near = get_close_matches(value, codes.MEANINGS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "one of " + ", ".join(codes.MEANINGS)
        raise ValueError("no such cause", hint)
    return value


def _table(value: str) -> str:
    if value not in codes.tables():
        raise ValueError("the tables are " + ", ".join(codes.tables()))
    return value


def _given(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("it is empty")
    return value


def _sms() -> list[Channel]:
    return [DEFAULT]


def _one_or_many(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, _readable(text_template)]
Url = Annotated[str, AfterValidator(_url)]
Statuses = Annotated[tuple[tuple[int, int], ...], BeforeValidator(_statuses)]
Path = Annotated[str, AfterValidator(_path)]
Meaning = Annotated[str, AfterValidator(_meaning)]
Texts = Annotated[list[str], BeforeValidator(_one_or_many)]
Secret = Annotated[SecretStr, AfterValidator(_given)]


class Basic(Part):
    """HTTP Basic authentication."""

    username: str = Field(description="User name, or the API key's id")
    password: SecretStr = Field(description="Password, or the API key's secret")


class NamedSecret(Part):
    """A secret, and the header or query parameter it is sent in."""

    name: str = Field(description="Name of the header or query parameter")
    value: Secret = Field(description="Its value")


class Auth(Part):
    """How the request is authenticated: one of these."""

    basic: Basic | None = Field(None, description="User name and password")
    bearer: Secret | None = Field(None, description="A token, sent as `Authorization: Bearer …`")
    header: NamedSecret | None = Field(None, description="A header")
    query: NamedSecret | None = Field(None, description="A query parameter of the URL")

    @model_validator(mode="after")
    def _just_one(self) -> Auth:
        if sum(way is not None for way in (self.basic, self.bearer, self.header, self.query)) != 1:
            raise ValueError("give one of basic, bearer, header, query")
        return self


class Conditions(Part):
    """Conditions on an answer, all of which must hold."""

    status: Statuses = Field(((200, 299),), description="HTTP statuses, like 200-299")
    where: dict[Path, Texts] = Field(
        default_factory=dict, description="Path and its value, or a list of values; `*` is any value"
    )
    absent: list[Path] = Field(default_factory=list, description="Paths that must be absent")


class Reading(Part):
    """How an answer is read. Paths are like ``messages.0.id``."""

    success: Conditions = Field(
        default_factory=Conditions, description="What the answer for an accepted message looks like"
    )
    items: Path | None = Field(
        None, description="With a batch: the list that has one answer for each message"
    )
    reference: Path | None = Field(
        None,
        description="Where our reference stands in an answer, in an item of a batch (else they come in our order), "
        "in a look-up; an answer that names another message's is not believed",
    )
    id: Path | None = Field(None, description="The provider's id of the message; if named, it must be there")
    code: Path | None = Field(None, description="The provider's code, looked up under `errors` and `codes`")
    retry_after: Path | None = Field(
        None, description="Path of the seconds to wait. Default: the header Retry-After"
    )
    pattern: Annotated[str, AfterValidator(_pattern)] | None = Field(
        None, description="For text answers: a regular expression whose named groups are the paths"
    )


class Call(Part):
    """A request other than sending: a look-up or a check."""

    url: Url = Field(description="URL; `{{ reference }}` is our id of the message")
    method: Literal["GET", "POST"] = Field("GET", description="GET or POST")
    headers: dict[str, Text] = Field(default_factory=dict, description="Headers")
    query: dict[str, Annotated[Any, _readable(structure)]] = Field(
        default_factory=dict, description="Query parameters"
    )
    json_: Annotated[Any, _readable(structure)] = Field(None, alias="json", description="Body as JSON")
    response: Reading = Field(default_factory=Reading, description="How the answer is read")


class Lookup(Call):
    """Request that looks up the status of a message."""

    missing: Conditions | None = Field(
        None, description="What the answer for a message that never arrived looks like"
    )

    @model_validator(mode="after")
    def _proves_something(self) -> Lookup:
        reading = self.response
        if not (reading.id or reading.reference or reading.success.where):
            raise ValueError(
                "name what proves that the answer is about this message: response.reference, response.id or"
                " response.success.where"
            )
        return self


class Revoke(Call):
    """Request that takes back a message not delivered yet."""

    method: Literal["DELETE", "POST", "PUT", "PATCH", "GET"] = Field(  # type: ignore[assignment]
        "DELETE", description="DELETE, POST, PUT, PATCH or GET"
    )
    url: Url = Field(description="URL; `{{ reference }}` is our id of the message, `{{ to }}` the number")
    refused: Conditions | None = Field(
        None, description="What the answer for a message that is too late to take back looks like"
    )

    @model_validator(mode="after")
    def _proves_something(self) -> Revoke:
        success = self.response.success
        if not (success.where or "status" in success.model_fields_set):
            raise ValueError(
                "name what proves that the message was taken back: response.success.status or response.success.where"
            )
        return self


class DeclaredBlock(HttpBlock):
    """Settings of a declarative HTTP gateway."""

    url: Url = Field(description="URL that messages are sent to")
    method: Literal["POST", "PUT", "GET"] = Field("POST", description="POST, PUT or GET")
    headers: dict[str, Text] = Field(default_factory=dict, description="Headers")
    query: dict[str, Annotated[Any, _readable(structure)]] = Field(
        default_factory=dict, description="Query parameters"
    )
    json_: Annotated[Any, AfterValidator(_body)] = Field(None, alias="json", description="Body as JSON")
    form: dict[str, Annotated[Any, _readable(structure)]] | None = Field(
        None, description="Body as a form; a list repeats the key"
    )
    xml: Annotated[str, _readable(xml_template)] | None = Field(None, description="Body as XML")
    text: Text | None = Field(None, description="Body as plain text")
    content_type: str | None = Field(None, description="Content type of `xml` or `text`, if not the default")
    auth: Auth | None = Field(None, description="How the request is authenticated")
    response: Reading = Field(default_factory=Reading, description="How the answer is read")
    codes: Annotated[str, AfterValidator(_table)] | None = Field(
        None, description="A built-in table of codes, like infobip, twilio or vonage"
    )
    errors: dict[str, Meaning] = Field(
        default_factory=dict, description="What the provider's codes mean: `1: rate`"
    )
    statuses: dict[str, Meaning] = Field(
        default_factory=dict,
        description="What HTTP statuses mean, if not the default: `422: permanent`",
    )
    idempotency_header: str | None = Field(
        None, description="Header for our reference, if the provider accepts each key only once"
    )
    idempotent: bool = Field(
        False, description="Whether the provider delivers a reference only once, however often it is sent"
    )
    channels: list[Channel] = Field(default_factory=_sms, description="Channels it can send")
    batch: int = Field(1, ge=1, le=1000, description="Messages in one request; the body then needs `each`")
    lookup: Lookup | None = Field(None, description="Request that looks up the status of a message")
    revoke: Revoke | None = Field(
        None, description="Request that takes back a message not delivered yet, for `fallback: after`"
    )
    check: Call | None = Field(None, description="A harmless request that checks the credentials")

    @model_validator(mode="after")
    def _fits_together(self) -> DeclaredBlock:
        bodies = [name for name in ("json_", "form", "xml", "text") if getattr(self, name) is not None]
        if len(bodies) > 1:
            raise ValueError("give one of json, form, xml, text")
        if bodies and self.method == "GET":
            raise ValueError("a GET has no body; use query")
        if self.batch > 1:
            if not _has_each(self.json_):
                raise ValueError("a batch needs json with a list under `each`")
            if self.response.items is None:
                raise ValueError("a batch needs response.items, the list of answers")
            if self.idempotency_header or self.idempotent:
                raise ValueError("a batch cannot be idempotent: its messages are retried one by one")
        elif _has_each(self.json_):
            raise ValueError("`each` in json needs batch: 2 or more")
        return self


def _has_each(data: Any) -> bool:
    if isinstance(data, dict):
        return set(data) == {ONE_MESSAGE} or any(_has_each(value) for value in data.values())
    return isinstance(data, list) and any(_has_each(item) for item in data)
