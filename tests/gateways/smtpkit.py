"""A relay on the loopback interface that behaves in one of many ways: aiosmtpd, with certificates by trustme."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("localhost", "127.0.0.1")


def server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CERTIFICATE.configure_cert(context)
    return context


class Handler:
    """Keeps what it takes. ``on_mail``, ``on_rcpt`` and ``on_data`` may give another reply."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.options: list[list[str]] = []
        self.connections: set[Any] = set()
        self.most_at_once = 0
        self.on_mail: Callable[[str], str | None] = lambda address: None
        self.on_rcpt: Callable[[str], str | None] = lambda address: None
        self.on_data: Callable[[Envelope], str | None] = lambda envelope: None
        self.pause = 0.0
        self.pipelining = False

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections.add(session.peer)
        if self.pipelining:
            responses.insert(1, "250-PIPELINING")
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if said := self.on_mail(address):
            return said
        envelope.mail_from = address
        self.options.append(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if said := self.on_rcpt(address):
            return said
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.pause:
            await asyncio.sleep(self.pause)
        said = self.on_data(envelope)
        if said == "drop":
            self.taken.append((envelope.mail_from or "", envelope.rcpt_tos, bytes(envelope.content or b"")))
            server.transport.abort()  # type: ignore[union-attr]
            return "250 never seen"
        if said is not None:
            return said
        self.taken.append((envelope.mail_from or "", envelope.rcpt_tos, bytes(envelope.content or b"")))
        return f"250 2.0.0 Ok: queued as Q{len(self.taken):06d}"

    def messages(self) -> list[EmailMessage]:
        return [
            email.message_from_bytes(data, policy=email.policy.default)  # type: ignore[misc]
            for _, _, data in self.taken
        ]

    def recipients(self) -> list[str]:
        return [to for _, all_to, _ in self.taken for to in all_to]


class DropsInData(SMTP):
    """Closes after 354, before the message has an end."""

    async def smtp_DATA(self, arg: str) -> None:
        await self.push("354 go ahead")
        self.transport.abort()  # type: ignore[union-attr]


class Relay:
    """The server, in a thread. ``tls`` as the gateway's setting; ``password`` makes it ask for one."""

    def __init__(
        self, *, tls: str = "none", password: str | None = None, server: type[SMTP] = SMTP, utf8: bool = True
    ) -> None:
        self.handler = Handler()
        self.tls = tls

        def authenticator(
            server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
        ) -> AuthResult:
            good = isinstance(data, LoginPassword) and data.password == (password or "").encode()
            return AuthResult(success=good, handled=False)

        handler = self.handler

        class Made(Controller):
            def factory(self) -> SMTP:
                return server(
                    handler,
                    enable_SMTPUTF8=utf8,
                    tls_context=server_context() if tls == "starttls" else None,
                    require_starttls=tls == "starttls",
                    authenticator=authenticator if password else None,
                    auth_required=password is not None,
                    auth_require_tls=tls == "starttls",
                    loop=self.loop,
                )

        self._controller = Made(
            handler,
            hostname="127.0.0.1",
            port=free_port(),
            ssl_context=server_context() if tls == "implicit" else None,
        )

    def __enter__(self) -> Relay:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def settings(self, folder: Path, **more: str) -> dict[str, Any]:
        authority = folder / "authority.pem"
        authority.parent.mkdir(parents=True, exist_ok=True)
        AUTHORITY.cert_pem.write_to_path(str(authority))
        block = {
            "type": "smtp",
            "host": "localhost",
            "port": str(self.port),
            "tls": self.tls,
            "folder": folder,
        }
        if self.tls != "none":
            block["ca"] = "authority.pem"
        return {**block, "sender": "Shop <news@shop.example>", "timeout": "5", **more}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Raw:
    """A server that says the same to everybody, and nothing else."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> Raw:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(self._says)

    def __exit__(self, *_: object) -> None:
        self._socket.close()
