"""What the providers' files share: the form of their requests, how a code of theirs becomes an outcome."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode

from pydantic import AfterValidator, Field, SecretStr

from a2pcli.content.parts import is_gsm
from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, with_reference
from a2pcli.gateways.codes import load_codes, outcome_of, safe_code
from a2pcli.gateways.engine.charsets import json_bytes, json_of
from a2pcli.gateways.engine.statuses import by_status, retry_after, sentence, unreadable
from a2pcli.gateways.engine.transport import HttpBlock, HttpGateway, checked_url
from a2pcli.gateways.settings import read_block
from a2pcli.messages import Message, Outcome, Verdict

Url = Annotated[str, AfterValidator(checked_url)]
FORM = "application/x-www-form-urlencoded"
_NUMBER = re.compile(r"\+?\d{8,15}")


class ProviderBlock(HttpBlock):
    """Settings that all providers share."""


class CallbackBlock(ProviderBlock):
    """Settings of providers that are given a callback URL with each message."""

    status_callback: Url | None = Field(
        None, description="URL that is told what became of each message; `reference=` is added to it"
    )


class Provider:
    """A provider without look-up, check and callbacks; subclasses add what their provider has.

    ``title`` is the provider's name in sentences, ``table`` the name of its table of codes (empty if it has none).
    """

    title: ClassVar[str]
    table: ClassVar[str] = ""
    signs: ClassVar[bool] = False
    callback_answer: ClassVar[bytes] = b""

    def __init__(self, name: str, block: ProviderBlock, capabilities: Capabilities) -> None:
        self.name = name
        self.capabilities = capabilities
        self.codes = load_codes(self.table) if self.table else {}
        self.headers: dict[str, str] = {"Accept": "application/json"}
        self._timeout = block.timeout
        self._sender = block.sender
        self._callback: str | None = getattr(block, "status_callback", None)

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """Return the outcome of the batch's single message."""
        return [self.read_one(batch[0], response)]

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the outcome of a message that was sent alone."""
        raise NotImplementedError

    def lookup_request(self, reference: str) -> HttpRequest | None:
        """Return None: the provider cannot be asked by our reference."""
        return None

    def read_lookup(self, reference: str, response: HttpResponse) -> Outcome | None:
        """Return None."""
        return None

    def check_request(self) -> HttpRequest | None:
        """Return None: there is no request that would be harmless."""
        return None

    def read_check(self, response: HttpResponse) -> Health:
        """Return whether the credentials were accepted, by the status and ``is_ours``."""
        if response.status in (401, 403):
            return Health(False, f"{self.title} refused the credentials ({response.status})")
        if not 200 <= response.status < 300:
            return Health(False, sentence(response.status))
        if not self.is_ours(json_of(response)):
            return Health(False, f"the answer is not {self.title}'s; is the URL right?")
        return Health(True, f"{self.title} took the credentials")

    def is_ours(self, data: Any) -> bool:
        """Whether the answer to ``check_request`` is the provider's."""
        return isinstance(data, dict)

    @property
    def callback_secret(self) -> str | None:
        """Return None: the settings have no secret for callbacks."""
        return None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Return no receipts and no replies."""
        return Callback()

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Return False: the provider does not sign callbacks."""
        return False

    def sender_of(self, message: Message) -> str | None:
        """Return the message's own sender, or the one in the settings."""
        return message.sender or self._sender

    def callback_for(self, message: Message) -> str | None:
        """Return the URL that the provider calls with the message's status."""
        return with_reference(self._callback, message.reference) if self._callback else None

    def get(self, url: str, query: Mapping[str, str] | None = None) -> HttpRequest:
        """Return a GET request."""
        return HttpRequest("GET", with_query(url, query or {}), self.headers, timeout=self._timeout)

    def post_json(self, url: str, data: Any, more: Mapping[str, str] | None = None) -> HttpRequest:
        """Return a POST request with JSON, without keys whose value is None. Raises for text that is not valid
        Unicode."""
        headers = {**self.headers, "Content-Type": "application/json", **(more or {})}
        return HttpRequest("POST", url, headers, json_bytes(without_nothing(data)), self._timeout)

    def post_form(self, url: str, fields: Mapping[str, str | None]) -> HttpRequest:
        """Return a POST request with a form, without fields whose value is None."""
        body = urlencode([(key, value) for key, value in fields.items() if value is not None])
        headers = {**self.headers, "Content-Type": FORM}
        return HttpRequest("POST", url, headers, body.encode("ascii"), self._timeout)

    def refused(self, response: HttpResponse, value: object, *, gateway_id: str | None = None) -> Outcome:
        """Return the outcome of a refusal, by the provider's code, else by the HTTP status."""
        if response.status >= 500:
            # Whatever the code: an internal error may come after the message was accepted.
            return by_status(response)
        code = safe_code(value)
        known = self.codes.get(code or "")
        if known is not None:
            pause = retry_after(response.headers)
            return outcome_of(
                known.meaning, code=code, detail=known.detail, gateway_id=gateway_id, retry_after=pause
            )
        detail = f"{self.title} refused it (code {code})" if code else None
        if 200 <= response.status < 300:
            return (
                outcome_of("content", code=code, detail=detail, gateway_id=gateway_id)
                if code
                else unreadable(response)
            )
        return by_status(response, code=code, detail=detail)


class ProviderGateway(HttpGateway):
    """A gateway whose settings and provider classes are named by the subclass."""

    block_model: ClassVar[type[ProviderBlock]]
    provider_class: ClassVar[Any]

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        block = read_block(self.block_model, name, settings)
        provider = self.provider_class(name, block)
        super().__init__(provider, block=block)


def accepted(response: HttpResponse, gateway_id: str | None) -> Outcome:
    """Return accepted with the provider's id; without an id, the answer is unreadable."""
    return unreadable(response) if gateway_id is None else Outcome(Verdict.ACCEPTED, gateway_id)


def json_object(response: HttpResponse) -> dict[str, Any]:
    """Return the answer's JSON object; empty if it is anything else."""
    data = json_of(response)
    return data if isinstance(data, dict) else {}


def by_reference(batch: Sequence[Message], items: Sequence[Any], key: str) -> list[dict[str, Any] | None]:
    """Return, for each message, the item of an answer's list with our reference under ``key``; None unless exactly
    one has it."""
    found: dict[str, dict[str, Any] | None] = {}
    for item in items:
        reference = item.get(key) if isinstance(item, dict) else None
        if isinstance(reference, str):
            found[reference] = None if reference in found else item
    return [found.get(message.reference) for message in batch]


def basic(user: str, password: SecretStr | None) -> str:
    """Return the value of the header for basic authentication."""
    pair = f"{user}:{shown(password)}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def shown(secret: SecretStr | None) -> str:
    """Return the secret as text; empty if there is none."""
    return secret.get_secret_value() if secret is not None else ""


def digits(address: str) -> str:
    """Return a number without its ``+``; a name as it is."""
    return address[1:] if _NUMBER.fullmatch(address) and address[0] == "+" else address


def is_unicode(message: Message) -> bool:
    """Whether the text does not fit into GSM-7."""
    return not is_gsm(message.body)


def is_to_another(said: object, to: str) -> bool:
    """Whether an answer names a different number. The last 7 digits are compared, since providers format
    numbers differently; masked numbers do not count."""
    return isinstance(said, str) and bool(_NUMBER.fullmatch(said)) and said[-7:] != to[-7:]


def validity_of(ours: int | None, message: Message) -> int | None:
    """Return the seconds after which the provider gives up: the shorter of the settings' and the campaign's; None
    for the provider's default."""
    given = [one for one in (ours, message.validity) if one is not None]
    return min(given) if given else None


def with_query(url: str, query: Mapping[str, str]) -> str:
    """Return the URL with more parameters in its query."""
    return url + ("&" if "?" in url else "?") + urlencode(query) if query else url


def without_nothing(data: Any) -> Any:
    """Return the data without keys whose value is None, at any depth."""
    if isinstance(data, dict):
        return {key: without_nothing(value) for key, value in data.items() if value is not None}
    return [without_nothing(one) for one in data] if isinstance(data, list) else data
