"""The gateway: a pool of connections to one relay."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from a2pcli.config.values import parse_size
from a2pcli.errors import GatewayUnusable, InvalidInput
from a2pcli.gateways.base import Capabilities, Health
from a2pcli.gateways.settings import block_problem, missing_extra, read_block
from a2pcli.gateways.smtp import answers, mime
from a2pcli.gateways.smtp.answers import Reply
from a2pcli.gateways.smtp.conversation import Conversation
from a2pcli.gateways.smtp.settings import SmtpBlock
from a2pcli.messages import Cause, Message, Outcome, Verdict

DEFAULT_CONNECTIONS = 10


class _Refused(Exception):
    """No connection could be made: the outcome of the messages that needed it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class SmtpGateway:
    """Email by SMTP. Connections are kept for the number of messages in the settings, and carry one message at a
    time."""

    block_model = SmtpBlock

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self._block = block = read_block(SmtpBlock, name, settings)
        self.capabilities = Capabilities(
            channels=frozenset({"email"}),
            concurrency=block.concurrency or DEFAULT_CONNECTIONS,
            ascii_mailboxes=block.smtputf8 is False,
        )
        self.leaving: Callable[[Sequence[Message]], None] = lambda _batch: None
        """Called with each message before its final dot; see ``base.TellsDeparture``."""
        self._defaults = mime.Defaults(block.sender, block.return_path, block.subject)
        self._most = parse_size(block.max_size)
        self._context: ssl.SSLContext | None = None
        self._idle: list[Conversation] = []
        self._all: set[Conversation] = set()
        self._is_open = False

    async def open(self) -> None:
        """Read the certificates; connections are made when they are needed."""
        self.read_files()
        self._is_open = True

    def read_files(self) -> None:
        """Read the certificates. Raises ``InvalidInput`` where they are none, or without the library."""
        try:
            import aiosmtplib  # noqa: F401
        except ImportError:
            raise InvalidInput(missing_extra(self.name, "email")) from None
        if self._block.tls != "none":
            self._context = self._read_certificates()

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        self._is_open = False
        self._idle.clear()
        for one in [*self._all]:
            one.close()
        self._all.clear()
        await asyncio.sleep(0)

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Send the messages one after the other; return one outcome for each. Never raises."""
        return [await self._submitted(message) for message in batch]

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Return nothing: a relay cannot be asked."""
        return {}

    async def check(self) -> Health:
        """Connect, encrypt and sign in without sending anything."""
        try:
            if not self._is_open:
                await self.open()
            connection = await self._connected()
        except _Refused as refused:
            return Health(False, refused.outcome.detail or "the relay cannot be reached")
        except (GatewayUnusable, InvalidInput) as error:
            return Health(False, error.problems[0].message)
        self._idle.append(connection)
        how = "took the password" if self._block.username else "answers"
        return Health(True, f"{self._block.at[0]} {how}")

    def _read_certificates(self) -> ssl.SSLContext:
        file = None if self._block.ca is None else self._block.folder / self._block.ca
        try:
            return ssl.create_default_context(cafile=file)
        except (OSError, ssl.SSLError):
            problem = block_problem(self.name, "ca", f"{file} cannot be read as certificates (PEM)")
            raise InvalidInput(problem) from None

    async def _submitted(self, message: Message) -> Outcome:
        """Send a message. If a kept connection was closed meanwhile, use a new one at once."""
        while True:
            try:
                connection = await self._taken()
            except _Refused as refused:
                return refused.outcome
            was_kept = connection.used > 0
            outcome = await self._over(connection, message)
            if not (was_kept and outcome.code == "connection-lost" and outcome.verdict is Verdict.NOT_SENT):
                return outcome

    async def _over(self, connection: Conversation, message: Message) -> Outcome:
        """Send one message over one connection."""
        try:
            email = mime.email_of(message, self._defaults, eight_bit="8bitmime" in connection.extensions)
            refusal = self._refusal(email, connection)
            if refusal is not None:
                return refusal
            identifier = mime.message_id(message, email.sender)
            return await connection.deliver(email, identifier, lambda: self.leaving([message]))
        except mime.Unmailable as error:
            return answers.unmailable(error)
        except Exception as error:
            detail = f"it cannot be an email ({type(error).__name__})"
            return Outcome(Verdict.REJECTED, cause=Cause.CONTENT, code="unsendable", detail=detail)
        finally:
            self._put_back(connection)

    def _refusal(self, email: mime.Email, connection: Conversation) -> Outcome | None:
        """Return why a message cannot be sent over this connection, or None."""
        if email.size > self._most:
            detail = f"the message is larger than {self._block.max_size} with its attachments"
            return Outcome(Verdict.REJECTED, cause=Cause.CONTENT, code="too-large", detail=detail)
        if email.is_utf8 and "smtputf8" not in connection.extensions:
            detail = "the relay does not take addresses with letters beyond ASCII"
            return Outcome(Verdict.REJECTED, cause=Cause.PERMANENT, code="smtputf8", detail=detail)
        return None

    async def _taken(self) -> Conversation:
        """Return a connection for one message. Raises ``_Refused``."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_alive:
                return connection
            self._all.discard(connection)
        return await self._connected()

    def _put_back(self, connection: Conversation) -> None:
        if self._is_open and connection.is_alive and connection.used < self._block.per_connection:
            self._idle.append(connection)
            return
        self._all.discard(connection)
        connection.close()

    async def _connected(self) -> Conversation:
        """Return a new connection, encrypted and signed in. Raises ``_Refused``."""
        if not self._is_open:
            raise _Refused(answers.unreachable("closed", "the gateway is closed"))
        import aiosmtplib

        block = self._block
        host, port = block.at
        client = aiosmtplib.SMTP(
            hostname=host,
            port=port,
            timeout=block.timeout,
            use_tls=block.tls == "implicit",
            start_tls=block.tls == "starttls",
            tls_context=self._context,
            local_hostname=block.helo,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
            if block.username is not None and block.password is not None:
                await client.login(block.username, block.password.get_secret_value())
            transport = client.transport
            if transport is None:
                raise aiosmtplib.SMTPServerDisconnected("Connection lost")
            extensions = frozenset(name.lower() for name in client.esmtp_extensions)
            connection = Conversation(transport, extensions, block.timeout)  # type: ignore[arg-type]
        except asyncio.CancelledError:
            client.close()
            raise
        except Exception as error:
            with contextlib.suppress(Exception):
                client.close()
            raise _Refused(_connect_outcome(error, block)) from None
        self._all.add(connection)
        return connection


def _connect_outcome(error: Exception, block: SmtpBlock) -> Outcome:
    """Return the outcome of a failure to connect; nothing was sent."""
    import aiosmtplib

    where = f"{block.at[0]}:{block.at[1]}"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            detail = f"the certificate of {where} is not valid ({cause.verify_message})"
            return answers.unreachable("certificate", detail)
        if isinstance(cause, ssl.SSLError):
            return answers.unreachable("tls", f"{where} cannot be reached encrypted (tls: {block.tls})")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return _of_connection(answers.outcome("auth", Reply(error.code, error.message)))
    if isinstance(error, aiosmtplib.SMTPResponseException):
        if error.code < 100:
            return answers.unreachable("smtp-reply", f"what answers at {where} does not speak SMTP")
        return _of_connection(answers.outcome("connect", Reply(error.code, error.message)))
    if type(error) in (aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported):  # it lacks what was asked for
        missing = "STARTTLS" if "starttls" in str(error).lower() else "a way to sign in that is known here"
        detail = f"{where} does not offer {missing}"
        return Outcome(Verdict.NOT_SENT, cause=Cause.ACCOUNT, code="not-supported", detail=detail)
    if isinstance(error, (TimeoutError, aiosmtplib.SMTPTimeoutError)):
        return answers.unreachable("timeout", f"{where} did not answer in time")
    return answers.unreachable("unreachable", f"{where} cannot be reached")


def _of_connection(outcome: Outcome) -> Outcome:
    """Return a temporary refusal of a connection as unreachable: it says nothing about the message, and the circuit
    breaker counts it."""
    is_temporary = outcome.cause in (Cause.TEMPORARY, Cause.RATE)
    return replace(outcome, cause=Cause.UNREACHABLE, retry_after=None) if is_temporary else outcome
