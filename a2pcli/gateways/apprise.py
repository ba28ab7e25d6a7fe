"""Any of apprise's services (extra ``apprise``), by one of its URLs with each person's address in it.

Apprise says yes or no and nothing else. A no may come after the message was taken, so it is ``unknown``, but where
apprise's own log says that no connection was made. It is used without retries, redirects and several targets, since
each of those could send a message twice. There are no ids, receipts and look-ups.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import CHANNELS, OFFERED
from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import Capabilities, Health
from a2pcli.gateways.settings import GatewayBlock, block_problem, missing_extra, read_block
from a2pcli.messages import Cause, Message, Outcome, Verdict

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_VARIABLES = frozenset({"to", "to_digits", "sender", "reference"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_REPEATS = re.compile(r"[?&](?:retry|wait|redirect|overflow|optional)=", re.IGNORECASE)
_NOT_CONNECTED = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")
_GRACE = 5.0
"""Seconds beyond its timeout that a service gets to connect and close."""
_SAMPLES = {Kind.PHONE: "+447700900123", Kind.EMAIL: "anna@example.com", Kind.HANDLE: "1234567890"}


class AppriseBlock(GatewayBlock):
    """Settings of the gateway ``apprise``."""

    url: SecretStr = Field(
        description="Apprise's URL of the service, with `{{ to }}` (also `{{ to_digits }}`, `{{ sender }}`,"
        " `{{ reference }}`) where the address goes"
    )
    channels: list[str] = Field(["sms"], min_length=1, description="Channels whose addresses the URL takes")

    @field_validator("channels")
    @classmethod
    def _known(cls, channels: list[str]) -> list[str]:
        if set(channels) <= set(OFFERED):
            return channels
        raise ValueError("an unknown channel", "channels: " + ", ".join(OFFERED))

    @field_validator("url")
    @classmethod
    def _usable(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if not _SCHEME.match(text):
            raise ValueError("must begin with the service's scheme, such as `ntfys://`")
        named = set(_VARIABLE.findall(text))
        if not named & {"to", "to_digits"}:
            raise ValueError("lacks `{{ to }}`: every message would go to the same place")
        if named - _VARIABLES or "{{" in _VARIABLE.sub("", text):
            raise ValueError("has an unknown variable", "variables: " + ", ".join(sorted(_VARIABLES)))
        if _REPEATS.search(text):
            raise ValueError(
                "must not set retry, wait, redirect, overflow or optional: messages could come twice"
            )
        return url


class _Log(logging.Handler):
    """Collects apprise's messages about connections, per thread. They are never shown, because they quote texts."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.here = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message of a connection error."""
        said = record.getMessage()
        if "xception" in said:
            self.here.said = [*getattr(self.here, "said", ()), said]


_LOG = _Log()


class AppriseGateway:
    """One of apprise's services."""

    block_model = AppriseBlock

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self._block = block = read_block(AppriseBlock, name, settings)
        try:
            import apprise
        except ImportError:
            raise InvalidInput(missing_extra(name, "apprise")) from None
        self._apprise = apprise
        self._asset = apprise.AppriseAsset(
            async_mode=False,
            secure_logging=True,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
            http_redirects=False,
        )
        self.capabilities = Capabilities(frozenset(block.channels), concurrency=block.concurrency or 10)
        self._pool: ThreadPoolExecutor | None = None
        logger = logging.getLogger("apprise")
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # its log quotes URLs and texts, and so do those of the libraries it uses
        logging.getLogger("urllib3").setLevel(logging.INFO)
        if _LOG not in logger.handlers:
            logger.addHandler(_LOG)
        sample = Message(0, "r0000000-000000", _SAMPLES[CHANNELS[block.channels[0]].kind], "test")
        if isinstance(self._service(sample), Outcome):
            hint = "github.com/caronc/apprise lists the URLs; one URL must lead to one person"
            raise InvalidInput(block_problem(name, "url", "apprise cannot use it", hint=hint))

    async def open(self) -> None:
        """Start the thread pool."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.capabilities.concurrency, f"apprise-{self.name}")

    async def close(self) -> None:
        """Shut the thread pool down; safe to call twice."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Return one outcome for each message. Never raises."""
        return await asyncio.gather(*[self._submit(message) for message in batch])

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Return nothing: apprise has no look-up."""
        return {}

    async def check(self) -> Health:
        """Return whether the URL is usable."""
        return Health(True, "apprise can use the URL; it has no harmless request to prove more")

    async def _submit(self, message: Message) -> Outcome:
        if self._pool is None:
            return _not_sent(Cause.UNREACHABLE, "closed", "the gateway is closed")
        if message.media or set(message.content or ()) - {"subject", "text"}:
            return _not_sent(
                Cause.ACCOUNT, "content", "apprise carries a text and a subject only; use another gateway"
            )
        service = self._service(message)
        if isinstance(service, Outcome):
            return service
        work = self._pool.submit(self._notify, service, message)
        try:
            return await asyncio.wait_for(
                asyncio.shield(asyncio.wrap_future(work)), 2 * self._block.timeout + _GRACE
            )
        except TimeoutError:
            if work.cancel():  # it was still waiting for a thread
                return _not_sent(Cause.TEMPORARY, "busy", "all connections to the service were busy")
            return _unknown("timeout", "the service did not answer in time")
        except Exception as error:
            return _unknown(type(error).__name__, "apprise failed in an unexpected way")

    def _service(self, message: Message) -> Any:
        """Return apprise's object for the message's URL; an outcome if there is none, or it would send more than
        once."""
        values = {
            "to": message.to,
            "to_digits": message.to.removeprefix("+"),
            "sender": message.sender or self._block.sender or "",
            "reference": message.reference,
        }
        url = _VARIABLE.sub(
            lambda found: quote(values[found[1]], safe=""), self._block.url.get_secret_value()
        )
        try:
            made = self._apprise.Apprise.instantiate(url, asset=self._asset, suppress_exceptions=True)
        except Exception:
            made = None
        if made is None or len(made) != 1:
            return Outcome(
                Verdict.REJECTED,
                cause=Cause.CONTENT,
                code="url",
                detail="apprise cannot use this address in its URL",
            )
        made.socket_connect_timeout = made.socket_read_timeout = self._block.timeout
        return made

    def _notify(self, service: Any, message: Message) -> Outcome:
        """Send in a thread. Exceptions of apprise do not leave this method."""
        _LOG.here.said = []
        subject = str((message.content or {}).get("subject") or "")
        try:
            is_taken = service.notify(
                body=message.body, title=subject, body_format=self._apprise.NotifyFormat.TEXT
            )
        except TypeError:  # raised by plugins for content they cannot send, and for their own bugs
            is_taken = False
        if is_taken:
            return Outcome(Verdict.ACCEPTED)
        said: list[str] = _LOG.here.said
        if said and all(any(word in one for word in _NOT_CONNECTED) for one in said):
            return _not_sent(Cause.UNREACHABLE, "connect", "the service cannot be reached")
        return _unknown(
            "refused", "apprise reports a failure, but not whether the service accepted the message"
        )


def _not_sent(cause: Cause, code: str, detail: str) -> Outcome:
    return Outcome(Verdict.NOT_SENT, cause=cause, code=code, detail=detail)


def _unknown(code: str, detail: str) -> Outcome:
    return Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code=code, detail=detail)
