"""The declarative HTTP gateway: any provider with an HTTP API, described in ``a2pcli.yaml``.

The block is compiled once: templates to functions, paths and conditions to data. docs/gateways.md has worked
examples for several providers.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse, of_whole_batch
from a2pcli.gateways.codes import Code, load_codes, outcome_of, safe_code, safe_id
from a2pcli.gateways.engine.charsets import json_bytes
from a2pcli.gateways.engine.protocol import MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.statuses import by_status, retry_after, seconds, sentence, unreadable
from a2pcli.gateways.engine.transport import HttpGateway
from a2pcli.gateways.http.answers import NOTHING, Answer, as_text, at
from a2pcli.gateways.http.declared import ONE_MESSAGE, Auth, Call, DeclaredBlock, Reading
from a2pcli.gateways.http.templating import (
    Fill,
    mapping_of,
    names_validity,
    structure,
    text_template,
    url_template,
    values_of,
    xml_template,
)
from a2pcli.gateways.settings import read_block
from a2pcli.messages import Cause, Message, Outcome, Verdict

log = logging.getLogger(__name__)

_NOT_FOUND = Outcome(
    Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="not-found", detail="the provider never received it"
)


class DeclaredProvider:
    """Builds the requests that the settings describe, and reads the answers."""

    def __init__(self, name: str, block: DeclaredBlock) -> None:
        self.name = name
        self.capabilities = Capabilities(
            channels=frozenset(block.channels),
            batch=block.batch,
            concurrency=block.concurrency or 100,
            durable_lookup=block.lookup is not None and block.lookup.missing is not None,
            finds=block.lookup is not None,
            idempotent=block.idempotent or block.idempotency_header is not None,
            expires=any(
                map(
                    names_validity,
                    (block.url, block.query, block.headers, block.json_, block.form, block.xml, block.text),
                )
            ),
            revokes=block.revoke is not None,
        )
        self._block = block
        self._reading = block.response
        self._pattern = _compiled(block.response)
        self._codes = dict(load_codes(block.codes)) if block.codes else {}
        self._codes |= {code: Code(meaning, "") for code, meaning in block.errors.items()}
        self._send = _Template(block, block.auth, block.timeout, _body_of(block))
        self._lookup = _of_call(block.lookup, block)
        self._check = _of_call(block.check, block)
        self._revoke = _of_call(block.revoke, block)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request that submits the batch."""
        values = values_of(batch[0], self._block.sender)
        if self._block.batch > 1:
            values["@batch"] = [values_of(message, self._block.sender) for message in batch]
        header = self._block.idempotency_header
        return self._send.request(values, {header: batch[0].reference} if header else None)

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """Return one outcome for each message, in order."""
        answer = Answer(response, self._pattern)
        if self._reading.items is None:
            if self._reading.reference is not None:
                named = as_text(at(answer.data, self._reading.reference))
                if named is not None and named != batch[0].reference:
                    return [unreadable(response)] * len(batch)  # another message's answer
            return [self._outcome(answer, answer.data)] * len(batch)
        items = at(answer.data, self._reading.items)
        if not isinstance(items, list):
            return self._of_whole(batch, answer)
        return [
            unreadable(response) if item is NOTHING else self._outcome(answer, item)
            for item in self._matched(batch, items)
        ]

    def _of_whole(self, batch: Sequence[Message], answer: Answer) -> Sequence[Outcome]:
        """Return the outcomes for an answer without a list, which applies to the whole batch."""
        whole = self._outcome(answer, answer.data)
        is_clear = (
            not _is_a_yes(answer.response.status, self._reading)
            or self._known(answer, answer.data, self._reading) is not None
            or str(answer.response.status) in self._block.statuses
        )
        # The status says success, and the answer says neither that nor an error: some messages may have been
        # accepted.
        if whole.verdict is Verdict.ACCEPTED or (len(batch) > 1 and not is_clear):
            whole = unreadable(answer.response)
        return of_whole_batch(whole, len(batch))

    def lookup_request(self, reference: str) -> HttpRequest | None:
        """Build the request that looks up a reference."""
        return self._lookup.request({"reference": reference}) if self._lookup else None

    def read_lookup(self, reference: str, response: HttpResponse) -> Outcome | None:
        """Return accepted, rejected or not sent; None if the answer does not say."""
        lookup = self._block.lookup
        if lookup is None:
            return None
        answer = Answer(response, _compiled(lookup.response))
        if lookup.missing is not None and answer.meets(lookup.missing, answer.data):
            return _NOT_FOUND
        known = self._known(answer, answer.data, lookup.response)
        if known is not None and self._is_about(reference, answer, lookup.response):
            return known if known.verdict in (Verdict.ACCEPTED, Verdict.REJECTED) else None
        if not answer.meets(lookup.response.success, answer.data):
            return None
        identifier = safe_id(at(answer.data, lookup.response.id))
        if lookup.response.id is not None and identifier is None:
            return None
        if not self._is_about(reference, answer, lookup.response):
            return None
        return Outcome(Verdict.ACCEPTED, identifier)

    def revoke_request(self, to: str, reference: str) -> HttpRequest | None:
        """Build the request that takes a message back, if the settings describe one."""
        values = {"reference": reference, "to": to, "to_digits": to.removeprefix("+")}
        return self._revoke.request(values) if self._revoke else None

    def read_revoke(self, response: HttpResponse) -> bool | None:
        """Return True if the provider confirms that the message was taken back, False if it is too late, None if the
        answer does not say."""
        revoke = self._block.revoke
        if revoke is None:
            return None
        answer = Answer(response, _compiled(revoke.response))
        if revoke.refused is not None and answer.meets(revoke.refused, answer.data):
            return False
        return True if answer.meets(revoke.response.success, answer.data) else None

    def check_request(self) -> HttpRequest | None:
        """Return the request described under ``check``, if there is one."""
        return self._check.request({}) if self._check else None

    def read_check(self, response: HttpResponse) -> Health:
        """Return whether the answer matches ``check``."""
        check = self._block.check
        if check is None:
            return Health(False, "no `check` is configured, so nothing was tested")
        answer = Answer(response, _compiled(check.response))
        if answer.meets(check.response.success, answer.data):
            return Health(True, "the provider answered as expected")
        if response.status in (401, 403):
            return Health(False, f"the provider refused the credentials ({response.status})")
        if 200 <= response.status < 300:
            return Health(False, "the provider's answer does not match `check`")
        return Health(False, sentence(response.status))

    def _is_about(self, reference: str, answer: Answer, reading: Reading) -> bool:
        return reading.reference is None or as_text(at(answer.data, reading.reference)) == reference

    def _outcome(self, answer: Answer, data: Any) -> Outcome:
        reading, response = self._reading, answer.response
        known = self._known(answer, data, reading)
        if known is not None:
            return known
        meaning = self._block.statuses.get(str(response.status)) if self._block.statuses else None
        if meaning is not None:
            return outcome_of(
                meaning,
                code=safe_code(at(data, reading.code)) or str(response.status),
                gateway_id=safe_id(at(data, reading.id)),
                retry_after=self._pause(answer, data, reading),
            )
        verdict = answer.meets(reading.success, data)
        if verdict:
            identifier = safe_id(at(data, reading.id))
            return (
                unreadable(response)
                if reading.id and identifier is None
                else Outcome(Verdict.ACCEPTED, identifier)
            )
        code = safe_code(at(data, reading.code))
        if not _is_a_yes(response.status, reading):
            return by_status(response, code=code)
        # The status says success, but the answer lacks what success requires, or says something else.
        if verdict is None:
            return unreadable(response)
        return outcome_of("content", code=code or str(response.status))

    def _known(self, answer: Answer, data: Any, reading: Reading) -> Outcome | None:
        """Return the outcome of a code listed in the tables."""
        if not self._codes:
            return None
        value = as_text(at(data, reading.code))
        known = self._codes.get(value) if value is not None else None
        if known is None:
            return None
        return outcome_of(
            known.meaning,
            code=safe_code(value),
            detail=known.detail or None,
            gateway_id=safe_id(at(data, reading.id)),
            retry_after=self._pause(answer, data, reading),
        )

    def _pause(self, answer: Answer, data: Any, reading: Reading) -> float | None:
        pause = seconds(as_text(at(data, reading.retry_after)))
        return pause if pause is not None else retry_after(answer.response.headers)

    def _matched(self, batch: Sequence[Message], items: list[Any]) -> list[Any]:
        """Return the item of each message, by reference or by order; ``NOTHING`` if it cannot be determined."""
        if self._reading.reference is not None:
            by_reference: dict[str | None, Any] = {}
            for item in items:
                reference = as_text(at(item, self._reading.reference))
                # Two answers about one message contradict each other: use neither.
                by_reference[reference] = NOTHING if reference in by_reference else item
            return [by_reference.get(message.reference, NOTHING) for message in batch]
        return items if len(items) == len(batch) else [NOTHING] * len(batch)


class DeclarativeHttpGateway(HttpGateway):
    """A provider described in the settings."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        block = read_block(DeclaredBlock, name, settings)
        provider = DeclaredProvider(name, block)
        super().__init__(provider, block=block)
        self._provider = provider

    async def revoke(self, to: str, reference: str) -> bool | None:
        """Take a message back. Return True if the provider confirms it, False if it is too late, None if it does not
        say."""
        request = self._provider.revoke_request(to, reference)
        if request is None:
            return None
        try:
            return self._provider.read_revoke(await self._opened().send(request))
        except (NotSent, MaybeSent, Unsendable) as error:
            log.warning("gateway %s could not take %s back: %s", self.name, reference, error)
            return None


class _Template:
    """A request whose values are templates."""

    def __init__(
        self,
        call: Call | DeclaredBlock,
        auth: Auth | None,
        timeout: float,
        body: tuple[str, Callable[[Any], bytes]] | None,
    ) -> None:
        self._method = call.method
        self._timeout = timeout
        self._url = url_template(call.url)
        self._query = structure(call.query) if call.query else None
        self._joint = "&" if "?" in call.url else "?"
        fixed, self._secret_query = _signed_in(auth)
        if body is not None:
            fixed["Content-Type"] = body[0]
        self._body = body[1] if body else None
        self._headers: dict[str, str] = {"Accept": "application/json, */*;q=0.5"}
        self._filled: dict[str, Fill] = {}
        for name, source in call.headers.items():
            if "{" in source:
                self._filled[name] = text_template(source)
            else:
                self._headers[name] = source
        self._headers |= fixed

    def request(self, values: Mapping[str, Any], more: Mapping[str, str] | None = None) -> HttpRequest:
        """Return the request with its templates rendered for these values."""
        url: str = self._url(values)
        if self._query is not None or self._secret_query:
            pairs = [*_pairs(self._query(values) if self._query else {}), *self._secret_query]
            url += self._joint + urlencode(pairs)
        headers = self._headers
        if self._filled or more:
            headers = {
                **headers,
                **{name: fill(values) for name, fill in self._filled.items()},
                **(more or {}),
            }
        body = self._body(values) if self._body else b""
        return HttpRequest(self._method, url, headers, body, self._timeout)


def _signed_in(auth: Auth | None) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the headers and query parameters that authenticate the request."""
    if auth is None:
        return {}, []
    if auth.basic:
        pair = f"{auth.basic.username}:{auth.basic.password.get_secret_value()}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode("ascii")}, []
    if auth.bearer:
        return {"Authorization": f"Bearer {auth.bearer.get_secret_value()}"}, []
    if auth.header:
        return {auth.header.name: auth.header.value.get_secret_value()}, []
    assert auth.query is not None
    return {}, [(auth.query.name, auth.query.value.get_secret_value())]


def _body_of(block: DeclaredBlock | Call) -> tuple[str, Callable[[Any], bytes]] | None:
    """Return the content type, and a function from values to the encoded body."""
    if block.json_ is not None:
        fill = _batched(block.json_)
        return "application/json", lambda values: json_bytes(fill(values))
    if isinstance(block, Call):
        return None
    if block.form is not None:
        form = structure(block.form)
        return (
            "application/x-www-form-urlencoded",
            lambda values: urlencode(_pairs(form(values))).encode("ascii"),
        )
    if block.xml is not None:
        xml = xml_template(block.xml)
        return block.content_type or "application/xml; charset=utf-8", lambda values: str(
            xml(values)
        ).encode()
    if block.text is not None:
        text = text_template(block.text)
        return block.content_type or "text/plain; charset=utf-8", lambda values: str(text(values)).encode()
    return None


def _batched(data: Any) -> Fill:
    """Return ``structure`` with every ``each`` replaced by the list of messages."""
    if isinstance(data, dict):
        if set(data) == {ONE_MESSAGE}:
            each = structure(data[ONE_MESSAGE])
            return lambda values: [each(one) for one in values["@batch"]]
        return mapping_of([(key, _batched(value)) for key, value in data.items()])
    if isinstance(data, list):
        items = [_batched(item) for item in data]
        return lambda values: [value for fill in items if (value := fill(values)) is not None]
    return structure(data)


def _pairs(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the keys and values of a form or query; a list repeats its key."""
    pairs: list[tuple[str, str]] = []
    for key, value in data.items():
        for one in value if isinstance(value, list) else [value]:
            text = as_text(one)
            pairs.append((key, text if text is not None else json.dumps(one)))
    return pairs


def _of_call(call: Call | None, block: DeclaredBlock) -> _Template | None:
    return _Template(call, block.auth, block.timeout, _body_of(call)) if call else None


def _compiled(reading: Reading) -> re.Pattern[str] | None:
    return re.compile(reading.pattern) if reading.pattern else None


def _is_a_yes(status: int, reading: Reading) -> bool:
    return any(first <= status <= last for first, last in reading.success.status)
