"""One door for each gateway that calls back: who may come in, and what a request holds."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from a2pcli.actions.gateways import configured_gateway
from a2pcli.addresses.kinds import Kind
from a2pcli.channels import CHANNELS, DEFAULT
from a2pcli.config import environment
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, Problem, Severity, in_file_order
from a2pcli.gateways import standard_webhooks

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.contacts.receipt_file import Receipt
    from a2pcli.gateways.callbacks import CallbackReader, CallbackRequest, Reply

PATH = "/callbacks/"
_SECRET = re.compile(r"[A-Za-z0-9._~-]{16,200}")
_HOW_TO = "at least 16 letters and digits, for example from: openssl rand -hex 24"


class Proof(StrEnum):
    """How a gateway's callbacks are known to be the provider's."""

    SIGNATURE = "signature"
    STANDARD = "signature of Standard Webhooks"
    SECRET = "secret in the URL"
    ADDRESS = "network address"
    NOTHING = "not verified"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why a request was refused, as the log says it."""

    SIGNATURE = "the signature is wrong"
    SECRET = "the secret in the URL is missing or wrong"
    ADDRESS = "it comes from an address that is not allowed"
    UNSIGNED = "nothing shows that the provider sent it"
    UNREADABLE = "it cannot be read"


@dataclass(frozen=True, slots=True)
class Heard:
    """The content of a callback, and the body of the response once it is stored."""

    gateway: str
    receipts: Sequence[Receipt] = ()
    replies: Sequence[Reply] = ()
    answer: bytes = b""

    @property
    def weight(self) -> int:
        """How many receipts and replies it holds."""
        return len(self.receipts) + len(self.replies)


class CallbackDoor:
    """Where one gateway's provider calls. ``url`` is its whole public URL, without its secret."""

    def __init__(
        self,
        name: str,
        base: str,
        reader: CallbackReader,
        secret: str | None,
        *,
        unsigned: bool,
        channels: Collection[str] = (),
        networks: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self.channel = channel_by_number(channels)
        """The channel by which its replies are read."""
        self.name, self.url = name, f"{base}{PATH}{name}"
        self._base, self._reader, self._secret = base, reader, secret
        self._networks = networks
        self.has_certificate = hasattr(reader, "certificate_url")
        """Whether it is SNS that signs, by a certificate, for one of the topics in the settings."""
        self.certificates: Mapping[str, str] = {}
        """The certificates that are known, by URL."""
        self.signs = reader.signs and not self.has_certificate
        """Whether the provider can sign what it sends, with a key that the settings have."""
        self._key = reader.callback_secret if self.signs else None
        self.proof = self._proof(unsigned=unsigned)

    def _proof(self, *, unsigned: bool) -> Proof:
        if self._key or (
            self.has_certificate and not self._secret and getattr(self._reader, "topics", False)
        ):
            return Proof.SIGNATURE
        if self._secret:
            return Proof.STANDARD if self._secret.startswith(standard_webhooks.PREFIX) else Proof.SECRET
        if self._networks:
            return Proof.ADDRESS
        return Proof.NOTHING if unsigned else Proof.REFUSED

    @property
    def needs_public_url(self) -> bool:
        """Whether a signature is checked that may cover the URL."""
        return self.proof is Proof.SIGNATURE and not self.has_certificate

    @property
    def has_networks(self) -> bool:
        """Whether only some addresses may call."""
        return bool(self._networks)

    def lets_in(self, address: str) -> bool:
        """Return whether requests may come from this network address."""
        if not self._networks:
            return True
        try:
            found = ip_address(address)
        except ValueError:
            return False
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in network for network in self._networks)

    def certificate_of(self, body: bytes) -> str | None:
        """Return the URL of the certificate that this request's signature needs; None if it needs none, or if the URL
        is not Amazon's."""
        if not self.has_certificate or self.proof is not Proof.SIGNATURE:
            return None
        found: str | None = self._reader.certificate_url(  # type: ignore[attr-defined]
            self._request("POST", "", "", {}, body)
        )
        return found

    def examine(self) -> Problem | None:
        """Return what keeps signatures from being checked on this machine."""
        try:
            if self.proof is Proof.SIGNATURE:
                self._reader.is_genuine(self._request("POST", "", "", {}, b""), self._key or "", time.time())
            elif self.proof is Proof.STANDARD:
                standard_webhooks.is_genuine(self._secret or "", {}, b"")
        except A2PError as error:
            return error.problems[0]
        return None

    def confirmation(self, query: str) -> bytes | None:
        """Return the answer to a provider that asks whether the URL is ours; None for any other request."""
        from a2pcli.gateways.callbacks import AsksForToken

        if self._secret is None or not isinstance(self._reader, AsksForToken):
            return None
        return self._reader.confirmation(self._request("GET", "", query, {}, b""), self._secret)

    def read(
        self, method: str, rest: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Heard | Refusal:
        """Return what a request holds, or why it is refused. Never raises because of its content.

        ``rest`` is what comes in the URL's path after the gateway's name, as it was sent; ``query`` likewise.
        """
        request = self._request(method, rest, query, headers, body)
        try:
            refused = self._refusal(request, rest)
            if refused is not None:
                return refused
            found = self._reader.read_callback(request)
        except Exception:
            return Refusal.UNREADABLE
        return Heard(self.name, found.receipts, found.replies, self._reader.callback_answer)

    def _refusal(self, request: CallbackRequest, rest: str) -> Refusal | None:
        from a2pcli.gateways.callbacks import is_same

        match self.proof:
            case Proof.SIGNATURE:
                is_genuine = self._reader.is_genuine(request, self._key_for(request), time.time())
                return None if is_genuine else Refusal.SIGNATURE
            case Proof.STANDARD:
                secret = self._secret or ""
                is_genuine = standard_webhooks.is_genuine(secret, request.headers, request.body)
                return None if is_genuine else Refusal.SIGNATURE
            case Proof.SECRET:
                given = rest.removeprefix("/") or request.query.get("secret", "")
                return None if is_same(self._secret or "", given) else Refusal.SECRET
            case Proof.NOTHING | Proof.ADDRESS:
                return None
        return Refusal.UNSIGNED

    def _key_for(self, request: CallbackRequest) -> str:
        if not self.has_certificate:
            return self._key or ""
        return self.certificates.get(self.certificate_of(request.body) or "", "")

    def _request(
        self, method: str, rest: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> CallbackRequest:
        from a2pcli.gateways.callbacks import CallbackRequest

        return CallbackRequest(method, f"{self.url}{rest}{'?' + query if query else ''}", headers, body)


def channel_by_number(channels: Collection[str]) -> str:
    """Return the channel by which a gateway's replies are read: that of phone numbers, if it has several."""
    known = [one for one in CHANNELS.values() if one.name in channels]
    by_number = [one for one in known if one.kind is Kind.PHONE]
    return next((one.name for one in (*by_number, *known)), DEFAULT)


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors by their gateways' names. ``broken`` are gateways whose settings are wrong; their callbacks are to be
    sent again later. ``problems`` are warnings."""

    doors: Mapping[str, CallbackDoor]
    broken: frozenset[str]
    problems: Sequence[Problem]


def callback_doors(settings: LoadedSettings, base: str) -> Doors:
    """Return a door for each gateway in the settings whose provider calls back. ``base`` is the public URL.

    Raises ``InvalidInput`` for secrets that are not set or too short, and if no gateway calls back and the settings
    ask for nothing else of the listener.
    """
    secrets = _secrets(settings)
    doors: dict[str, CallbackDoor] = {}
    broken: dict[str, A2PError] = {}
    for name in settings.settings.gateways:
        try:
            gateway = configured_gateway(settings, name)
            reader = _reader_of(gateway)
        except A2PError as error:
            broken[name] = error
            continue
        if reader is not None:
            unsigned = name in settings.settings.listen.unsigned
            doors[name] = CallbackDoor(
                name, base, reader, secrets.get(name),
                unsigned=unsigned, channels=gateway.capabilities.channels,
                networks=[ip_network(one) for one in settings.settings.listen.allow_ips.get(name, ())],
            )  # fmt: skip
    if not doors and not settings.settings.listen.tokens and settings.settings.listen.public_url is None:
        raise InvalidInput(
            *(problem for error in broken.values() for problem in error.problems), _none(settings)
        )
    problems = [*_warnings(settings, doors.values()), *_of_broken(broken)]
    return Doors(doors, frozenset(broken), problems)


def _reader_of(gateway: Any) -> CallbackReader | None:
    """Return the gateway, or its provider, if it reads callbacks."""
    from a2pcli.gateways.callbacks import CallbackReader
    from a2pcli.gateways.providers.common import Provider

    for one in (gateway, getattr(gateway, "provider", None)):
        reads: Any = getattr(type(one), "read_callback", None)
        if isinstance(one, CallbackReader) and reads is not Provider.read_callback:
            return one
    return None


def _secrets(settings: LoadedSettings) -> dict[str, str]:
    named, problems = settings.settings.listen.secrets, list[Problem]()
    if settings.document is not None:
        problems += environment.reference_problems(
            dict(named), ("listen", "secrets"), settings.document, settings.environ
        )
    if problems:
        raise InvalidInput(*problems)
    found = {name: str(environment.filled(typed, settings.environ)) for name, typed in named.items()}
    for name, secret in found.items():
        if not _SECRET.fullmatch(secret) and not secret.startswith(standard_webhooks.PREFIX):
            message = (
                f"the secret of {name} is too short or has characters that a URL does not take as they are"
            )
            problems.append(
                settings.problem(message, ("listen", "secrets", name), hint=_HOW_TO, code="listen-secret")
            )
    if problems:
        raise InvalidInput(*problems)
    return found


def _warnings(settings: LoadedSettings, doors: Collection[CallbackDoor]) -> list[Problem]:
    found = []
    for door in doors:
        trouble = door.examine()
        if trouble is not None:
            raise InvalidInput(replace(trouble, message=f"{door.name}: {trouble.message}"))
        if door.proof is Proof.REFUSED:
            found.append(_refused(settings, door))
        if door.proof is Proof.SIGNATURE and door.name in settings.settings.listen.unsigned:
            message = f"{door.name} is under `unsigned`, but its signature is checked all the same"
            found.append(settings.problem(message, ("listen", "unsigned"), code="listen-unsigned"))
    if settings.settings.listen.public_url is None and any(door.needs_public_url for door in doors):
        message = (
            "no public URL is set: signatures that cover it fit only if providers call exactly the URLs below"
        )
        hint = "set `listen: public_url: https://…` to the address that providers call"
        found.append(settings.problem(message, ("listen",), hint=hint, code="listen-public-url"))
    return [replace(one, severity=Severity.WARNING) for one in found]


def _refused(settings: LoadedSettings, door: CallbackDoor) -> Problem:
    if door.signs:
        message = f"callbacks of {door.name} are refused: the secret of its signature is not set"
    elif door.has_certificate:
        message = (
            f"callbacks of {door.name} are refused: it has no `topics`, whose signatures could be checked"
        )
    else:
        message = f"callbacks of {door.name} are refused: the provider does not sign them"
    hint = (
        f"set `listen: secrets: {{{door.name}: ${{NAME}}}}` and put the secret into the URL at the provider"
    )
    if door.has_certificate:
        hint = f"set them under `gateways: {door.name}: topics:`; or {hint}"
    elif door.signs:
        hint = f"set it under `gateways: {door.name}:` (docs/gateways.md, Callbacks); or {hint}"
    return settings.problem(message, ("gateways", door.name), hint=hint, code="listen-refused")


def _of_broken(broken: Mapping[str, A2PError]) -> list[Problem]:
    found = [problem for error in broken.values() for problem in error.problems]
    return [replace(one, severity=Severity.WARNING) for one in in_file_order(found)]


def _none(settings: LoadedSettings) -> Problem:
    hint = "docs/gateways.md, Callbacks, lists the providers that call back"
    message = "no gateway in the settings calls back, so there is nothing to listen for"
    return settings.problem(message, ("gateways",), hint=hint, code="listen-nothing")
