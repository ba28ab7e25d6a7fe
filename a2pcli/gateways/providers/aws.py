"""What the gateways of AWS share: credentials, signatures (SigV4), codes of refusals.

botocore (extra ``aws``) finds credentials and signs; requests go over a2pcli's own HTTP engine. Credentials are those
of the block, else what botocore finds: ``profile``, the environment, ``~/.aws``, a role of the container or machine.
Finding and renewing them may ask a network service, so both happen in a thread, never in ``request``.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, SecretStr, model_validator

from a2pcli.errors import GatewayUnusable, InvalidInput
from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import CallbackRequest
from a2pcli.gateways.codes import load_codes, safe_code
from a2pcli.gateways.engine.statuses import sentence
from a2pcli.gateways.providers import aws_events
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    ProviderGateway,
    Url,
    json_object,
    shown,
)
from a2pcli.gateways.settings import missing_extra
from a2pcli.messages import Cause, Message, Outcome, Verdict

log = logging.getLogger(__name__)

_XML_CODE = re.compile(rb"<Error>.*?<Code>([A-Za-z0-9.]{1,60})</Code>", re.DOTALL)


class AwsBlock(ProviderBlock):
    """Settings that AWS's services share."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="Region, such as `eu-west-1`")
    access_key_id: str | None = Field(
        None, min_length=1, description="The access key; without it, botocore looks for credentials"
    )
    secret_access_key: SecretStr | None = Field(None, description="Its secret")
    session_token: SecretStr | None = Field(None, description="Session token of temporary credentials")
    profile: str | None = Field(
        None, min_length=1, description="Profile in `~/.aws`, instead of an access key; it may assume a role"
    )
    topics: list[str] = Field(
        [], description="ARNs of your SNS topics; a callback signed for another topic is not believed"
    )
    base_url: Url | None = Field(None, description="Where the API is, for a test")

    @model_validator(mode="after")
    def _whole(self) -> AwsBlock:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token belongs to an access_key_id")
        if self.profile is not None and self.access_key_id is not None:
            raise ValueError("give profile or access_key_id, not both")
        return self


class Signer:
    """Signs requests with AWS credentials. ``load`` finds and renews credentials that are not in the settings."""

    def __init__(self, name: str, block: AwsBlock, service: str) -> None:
        try:
            from botocore.credentials import ReadOnlyCredentials
        except ImportError:
            raise InvalidInput(missing_extra(name, "aws")) from None
        # botocore writes signatures and session tokens into its debug log.
        logging.getLogger("botocore").setLevel(logging.INFO)
        self._name, self._service, self._region, self._profile = name, service, block.region, block.profile
        self._found: Any = None
        self._now: Any = None
        if block.access_key_id is not None:
            token = shown(block.session_token) or None
            self._now = ReadOnlyCredentials(block.access_key_id, shown(block.secret_access_key), token)

    @property
    def is_stale(self) -> bool:
        """Whether ``load`` must be called before the next signature."""
        if self._found is None:
            return self._now is None
        return bool(hasattr(self._found, "refresh_needed") and self._found.refresh_needed())

    def load(self) -> None:
        """Find the credentials, or renew them. May take seconds. Raises ``GatewayUnusable``."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._found is None and self._now is not None:
            return
        try:
            if self._found is None:
                self._found = self._search()
            if self._found is None:
                raise GatewayUnusable(
                    f"gateway {self._name}: no AWS credentials in the settings, the environment, ~/.aws or a role"
                )
            self._now = self._found.get_frozen_credentials()
        except (
            BotoCoreError,
            ClientError,
            OSError,
            ValueError,
        ) as error:  # whatever is wrong must not quote a secret
            why = type(error).__name__
            raise GatewayUnusable(
                f"gateway {self._name}: the AWS credentials cannot be read or renewed ({why})"
            ) from None

    def _search(self) -> Any:
        import botocore.session

        return botocore.session.Session(profile=self._profile).get_credentials()

    def signed(self, request: HttpRequest) -> HttpRequest:
        """Return the request with AWS's signature, which is valid for at least five minutes."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        made = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body)
        SigV4Auth(self._now, self._service, self._region).add_auth(made)
        return HttpRequest(request.method, request.url, dict(made.headers), request.body, request.timeout)


class AwsProvider(Provider):
    """A service of AWS. ``endpoint`` is the first part of its host name, ``service`` its name in signatures."""

    endpoint: ClassVar[str]
    service: ClassVar[str]
    signs = True

    def __init__(self, name: str, block: AwsBlock, capabilities: Capabilities) -> None:
        super().__init__(name, block, capabilities)
        self.codes = {**load_codes("aws"), **self.codes}
        self.signer = Signer(name, block, self.service)
        self.base = (block.base_url or host_of(self.endpoint, block.region)).rstrip("/")
        self._topics = frozenset(block.topics)

    def signed(self, request: HttpRequest) -> HttpRequest:
        """Return the request with AWS's signature."""
        return self.signer.signed(request)

    def read_check(self, response: HttpResponse) -> Health:
        """Return whether the credentials were accepted and, if not, why, by AWS's code."""
        if 200 <= response.status < 300:
            return super().read_check(response)
        known = self.codes.get(error_code(response) or "")
        return Health(False, known.detail if known is not None else sentence(response.status))

    @property
    def topics(self) -> frozenset[str]:
        """The SNS topics whose signatures are believed."""
        return self._topics

    def certificate_url(self, request: CallbackRequest) -> str | None:
        """Return the URL of the certificate that ``is_genuine`` needs as its secret; None if it is not SNS's."""
        return aws_events.certificate_url(request)

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check SNS's signature. ``secret`` is the certificate at ``certificate_url``, as PEM.

        SNS signs for any topic of any account, so the topic must be one of ``topics``.
        """
        return aws_events.is_genuine(request, secret, self._topics, now)


class AwsGateway(ProviderGateway):
    """A gateway of AWS. Its credentials are found when it opens, and renewed before they expire."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._signer: Signer = self.provider.signer  # type: ignore[attr-defined]
        self._renewing: asyncio.Lock | None = None

    async def open(self) -> None:
        """Find the credentials. Raises ``GatewayUnusable`` if there are none."""
        await asyncio.to_thread(self._signer.load)
        self._renewing = asyncio.Lock()
        await super().open()

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Send the batch; nothing is sent without valid credentials."""
        problem = await self._renew()
        if problem is not None:
            outcome = Outcome(Verdict.NOT_SENT, cause=Cause.ACCOUNT, code="credentials", detail=problem)
            return [outcome] * len(batch)
        return await super().submit(batch)

    async def check(self) -> Health:
        """Return whether AWS accepts the credentials."""
        problem = await self._renew()
        return Health(False, problem) if problem is not None else await super().check()

    async def _renew(self) -> str | None:
        """Return None if requests can be signed, else why not."""
        signer = self._signer
        if not signer.is_stale:
            return None
        if self._renewing is None:
            return "the gateway is closed"
        async with self._renewing:
            try:
                if signer.is_stale:  # not renewed meanwhile
                    await asyncio.to_thread(signer.load)
            except GatewayUnusable as error:
                log.warning("gateway %s: %s", self.name, error.problems[0].message)
                return error.problems[0].message
        return None


def host_of(endpoint: str, region: str) -> str:
    """Return the URL of a service: ``https://sms-voice.eu-west-1.amazonaws.com``."""
    return f"https://{endpoint}.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


def error_code(response: HttpResponse) -> str | None:
    """Return the type of an AWS error, in any of the three forms that its services use."""
    data = json_object(response)
    said = response.headers.get("x-amzn-errortype") or data.get("__type") or data.get("code")
    if isinstance(said, str):
        return safe_code(said.partition(":")[0].rpartition("#")[2])
    found = _XML_CODE.search(response.body[:10_000])
    return safe_code(found[1].decode("ascii")) if found else None
