"""One-time passwords: sends a code to an address, and decides whether what somebody entered is that code.

A code is made here, handed to the gateway, and stored as an HMAC only. It is in no log, report, preview or URL. Limits
and the guard against SMS pumping (``rules.otp_guard``) are decided in the ledger, for all processes together.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from a2pcli.addresses.any_address import read_address
from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.channels import channel_of
from a2pcli.config import environment
from a2pcli.config.otp import OtpSettings
from a2pcli.content.sources import SourcePlace
from a2pcli.content.templates import MessageTemplate, compile_template
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.ledger.answers import NewAnswer
from a2pcli.ledger.codes import CodeLimits, Entry, NewCode, RefusedCode, SentCode
from a2pcli.ledger.records import now_ms
from a2pcli.messages import Outcome, Verdict
from a2pcli.reasons import SENTENCES as SENTENCES_OF_ADDRESSES
from a2pcli.rules.law import SAME_RANGE

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.addresses.kinds import Address
    from a2pcli.config.document import Loc
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger
    from a2pcli.sending.answering import AnswerSender

USE = "login"
"""What a code is for if nobody says."""

LONGEST_USE = 64
SHORTEST_SECRET = 32

SENTENCES = {
    "country": "codes are not sent to this country",
    "wait": "it is too soon for another code",
    "attempts": "too many wrong codes were entered",
    "per-hour": "this address got too many codes in an hour",
    "per-day": "this address got too many codes in 24 hours",
    "velocity": "too many codes were sent to numbers like this one at once",
    "conversion": "too few of the codes to numbers like this one were entered",
    "gateway": "the gateway did not take the message",
}


@dataclass(frozen=True, slots=True)
class OtpResult:
    """What became of a request for a code: ``sent``, or the ``reason`` it was refused (a key of ``SENTENCES``) and
    ``until`` when to ask again (UTC ms), if that is known. ``is_certain`` is False if the gateway's answer was lost:
    the person may have the code. ``alarm`` names the range of numbers of which people should be told."""

    address: str
    code: SentCode | None = None
    reason: str | None = None
    until: int | None = None
    detail: str | None = None
    is_certain: bool = True
    alarm: Mapping[str, Any] | None = None

    @property
    def seconds(self) -> int | None:
        """In how many seconds to ask again, if that is known."""
        return None if self.until is None else max(1, -(-(self.until - now_ms()) // 1000))

    @property
    def sentence(self) -> str:
        """Why it was refused."""
        return SENTENCES[self.reason] if self.reason else ""


Deliver = Callable[[NewAnswer], Awaitable[Outcome | None]]
"""Hands one message to its gateway now; None if it was not handed over."""


class OneTimePasswords:
    """One-time passwords by the settings of a project. Raises ``InvalidInput`` if the settings are not enough."""

    def __init__(self, settings: LoadedSettings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self.own: OtpSettings = settings.settings.otp
        self._secret = _secret(settings)
        self._channel = channel_of(self.own.channel)
        self._gateway = self.own.gateway or settings.settings.gateway
        self._service = self.own.service
        if self._service is None and "service" in self.own.text + "".join(self.own.texts.values()):
            hint = "for example `otp: {service: ACME}`, the name people know you by"
            raise InvalidInput(
                settings.problem("`otp: service` is not set", ("otp",), hint=hint, code="otp-service")
            )
        self._templates = {"": _template(settings, ("otp", "text"), self.own.text)}
        for language, text in self.own.texts.items():
            self._templates[language.lower()] = _template(settings, ("otp", "texts", language), text)
        self.limits = CodeLimits(
            valid=self.own.minutes * 60_000,
            attempts=self.own.attempts,
            resend=self.own.resend,
            per_hour=self.own.per_hour,
            per_day=self.own.per_day,
            slack=self.own.slack,
        )

    async def send(
        self, typed: str, deliver: Deliver, *, use: str = USE, language: str | None = None
    ) -> OtpResult:
        """Send a code. Raises ``InvalidInput`` for what is no address of the channel. Audit: ``otp.send``."""
        address, where = self._read(typed)
        use = checked_use(use)
        if where.kind is Kind.PHONE and where.country not in self._countries():
            return OtpResult(address, reason="country", detail=where.country)
        code = "".join(secrets.choice("0123456789") for _ in range(self.own.digits))
        body = self.text(code, language)
        new = NewCode(use, address, where.country, self._digest(use, address, code), where.kind is Kind.PHONE)
        begun = await asyncio.to_thread(self._ledger.codes.begin, new, self.limits)
        if isinstance(begun, RefusedCode):
            return OtpResult(address, None, begun.reason, begun.until, alarm=_alarm(begun))
        outcome = await deliver(self._message(begun, address, where, body))
        if outcome is None or outcome.verdict in (Verdict.REJECTED, Verdict.NOT_SENT):
            await asyncio.to_thread(self._ledger.codes.not_sent, begun.id)
            return OtpResult(address, reason="gateway", detail=None if outcome is None else outcome.code)
        return OtpResult(address, begun, is_certain=outcome.verdict is not Verdict.UNKNOWN)

    def verify(self, typed: str, entered: str, *, use: str = USE) -> Entry:
        """Decide about a code that somebody entered. Raises ``InvalidInput`` for what is no address of the channel.
        Audit: ``otp.verify``."""
        address, _where = self._read(typed)
        use = checked_use(use)
        return self._ledger.codes.enter(
            use, address, self._digest(use, address, digits_of(entered)), self.limits
        )

    def text(self, code: str, language: str | None = None) -> str:
        """Return the text of a message, in the language if there is one in it."""
        from a2pcli.actions.answers import sendable_text

        wanted = (language or "").lower().replace("_", "-")
        template = self._templates.get(wanted) or self._templates.get(wanted.partition("-")[0])
        values = {"code": code, "service": self._service or "", "minutes": str(self.own.minutes)}
        body = (template or self._templates[""]).render(values)
        if code not in body:
            hint = "write {{ code }} where the code belongs"
            problem = self._settings.problem
            text = "the text of `otp:` does not contain the code"
            raise InvalidInput(problem(text, ("otp",), hint=hint, code="otp-text"))
        if self.own.origin:
            # Origin-bound one-time codes (WICG): the last line is exactly this.
            body = f"{body}\n\n@{self.own.origin} #{code}"
        return sendable_text(self._settings, self.own.channel, body)

    def _read(self, typed: str) -> tuple[str, Address]:
        settings = self._settings.settings
        policy = PhonePolicy(
            region=settings.region,
            allow_fictional=settings.numbers.allow_fictional,
            allow_fixed_line=settings.numbers.allow_fixed_line,
        )
        found = read_address(typed, self._channel.kind, policy, self._channel.network)
        if found.address is None:
            why = SENTENCES_OF_ADDRESSES[found.reason] if found.reason else "not an address"
            why += f" ({found.detail})" if found.detail else ""
            raise InvalidInput(Problem(f"codes cannot be sent to this address: {why}", code="address"))
        return found.address, found

    def _countries(self) -> frozenset[str]:
        region = self._settings.settings.region
        named = self.own.countries or ([region] if region else [])
        countries = frozenset(one for country in named for one in SAME_RANGE.get(country, (country,)))
        if not countries:
            hint = "name the countries of your users, for example `otp: {countries: [GB, IE]}`"
            problem = self._settings.problem
            raise InvalidInput(
                problem("`otp: countries` is not set", ("otp",), hint=hint, code="otp-countries")
            )
        return countries

    def _digest(self, use: str, address: str, code: str) -> str:
        text = "\0".join((use, address, code))
        return hmac.digest(self._secret, text.encode("utf-8", "replace"), "sha256").hex()

    def _message(self, begun: SentCode, address: str, where: Address, body: str) -> NewAnswer:
        return NewAnswer(
            key=f"otp:{begun.id}",
            kind="otp",
            address=address,
            channel=self.own.channel,
            gateway=self._gateway,
            sender=self.own.sender,
            body=body,
            until_at=begun.expires_at,
            source="otp",
            spelling=where.spelling,
            purpose="otp",
            keeps_text=False,
        )


def digits_of(entered: str) -> str:
    """Return the digits of a code as people type it: with spaces, hyphens, or digits of another script."""
    kept = [one for one in entered if not (one.isspace() or one in "-–.·")]
    return "".join(str(unicodedata.digit(one, -1)) if one.isdigit() else one for one in kept)[:64]


def checked_use(use: str) -> str:
    """Return what a code is for. Raises ``InvalidInput`` if it is empty or too long."""
    use = use.strip().lower()
    if not use or len(use) > LONGEST_USE or not use.isprintable():
        raise InvalidInput(Problem(f"what the code is for has 1 to {LONGEST_USE} characters", code="use"))
    return use


def _template(settings: LoadedSettings, loc: Loc, text: str) -> MessageTemplate:
    """Return a text of the settings, compiled. Raises ``InvalidInput`` with every problem, each at its place."""
    where = SourcePlace()
    if settings.document is not None and settings.document.has(loc):
        where = SourcePlace.of(settings.document, loc)
    return compile_template(text, where=where, known=("code", "service", "minutes"))


def _alarm(refused: RefusedCode) -> dict[str, Any] | None:
    if not refused.alarm:
        return None
    return {"range": refused.range, "reason": refused.reason, "message": SENTENCES[refused.reason]}


def _secret(settings: LoadedSettings) -> bytes:
    typed = settings.settings.otp.secret
    if typed is None:
        hint = "add `otp: {secret: ${A2PCLI_OTP_SECRET}}` to the settings, and set the variable: openssl rand -hex 32"
        text = "`otp: secret` is not set: codes are stored with it"
        raise InvalidInput(settings.problem(text, ("otp",), hint=hint, code="otp-secret"))
    if settings.document is not None:
        found = environment.reference_problems(typed, ("otp", "secret"), settings.document, settings.environ)
        if problems := tuple(found):
            raise InvalidInput(*problems)
    secret = str(environment.filled(typed, settings.environ))
    if len(secret) < SHORTEST_SECRET:
        text = f"the secret of `otp:` has {len(secret)} characters; it needs at least {SHORTEST_SECRET}"
        hint = "make one with: openssl rand -hex 32"
        raise InvalidInput(settings.problem(text, ("otp", "secret"), hint=hint, code="otp-secret"))
    return secret.encode()


def alarmed(settings: LoadedSettings, result: OtpResult, warn: Callable[[Any], None]) -> None:
    """Run the hooks of ``alarm`` if a range of numbers was just blocked."""
    from a2pcli.actions.hooks import run_hooks_of

    if result.alarm is not None:
        run_hooks_of({"outcome": "alarm", "what": "otp", **result.alarm}, settings, warn)


def send_code(
    project: Project,
    address: str,
    *,
    use: str = USE,
    language: str | None = None,
    warn: Callable[[Iterable[Problem]], None],
) -> OtpResult:
    """Send a code from a command. Audit: ``otp.send``, ``answer.add``, ``answer.send``."""
    from a2pcli.actions.answers import answer_sender

    settings = project.settings()
    with project.open_ledger() as ledger:
        codes = OneTimePasswords(settings, ledger)

        async def send() -> OtpResult:
            sender = answer_sender(ledger, settings, tell=project.tell)
            try:
                return await codes.send(address, delivery(sender), use=use, language=language)
            finally:
                await sender.close()

        result = asyncio.run(send())
    alarmed(settings, result, warn)
    return result


def delivery(sender: AnswerSender) -> Deliver:
    """Return how codes are handed to their gateway."""

    async def deliver(new: NewAnswer) -> Outcome | None:
        return (await sender.send(new))[1]

    return deliver


def verify_code(project: Project, address: str, entered: str, *, use: str = USE) -> Entry:
    """Decide about an entered code in a command. Audit: ``otp.verify``."""
    settings = project.settings()
    with project.open_ledger() as ledger:
        return OneTimePasswords(settings, ledger).verify(address, entered, use=use)
