"""The settings of the simulated provider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from a2pcli.config.values import share_of
from a2pcli.gateways.settings import GatewayBlock

Share = Annotated[float, BeforeValidator(share_of), Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latency(_Part):
    """Log-normal answer times, given by two points in seconds."""

    median: float = Field(0.05, ge=0, le=60, description="Half of the answers are faster, in seconds")
    p95: float = Field(0.2, ge=0, le=60, description="19 of 20 answers are faster, in seconds")


class Mix(_Part):
    """The shares of attempts that fail, by kind; the rest is accepted."""

    temporary: Share = Field(0.0, description="Not accepted, can be retried")
    rate_limited: Share = Field(0.0, description="429 with Retry-After")
    unreachable: Share = Field(0.0, description="No connection")
    permanent: Share = Field(0.0, description="No such number")
    content: Share = Field(0.0, description="The text is rejected")
    opted_out: Share = Field(0.0, description="The person opted out with the provider")
    unknown: Share = Field(0.0, description="No answer; half of them were accepted anyway")
    country: Share = Field(0.0, description="The account may not send to the country")

    @model_validator(mode="after")
    def _at_most_all(self) -> Mix:
        if sum(self.model_dump().values()) > 1 + 1e-9:
            raise ValueError("the shares add up to more than 100%")
        return self


class Receipts(_Part):
    """Receipts of accepted messages, written as JSON lines when they are accepted."""

    file: Path = Field(description="The file, relative to the settings file's folder")
    undelivered: Share = Field(0.03, description="Share that is not delivered")
    silent: Share = Field(0.01, description="Share without a receipt")
    delay: float = Field(5.0, ge=0, description="Median seconds until the receipt")
    live: bool = Field(
        False,
        description="Told on the connection when they are due, as SMPP does; until then a message can be taken back",
    )
    linger: float = Field(0.0, ge=0, description="Seconds to wait for receipts at the end, with `live`")


class Revocations(_Part):
    """Answers to requests to revoke an undelivered message; the rest is confirmed."""

    refused: Share = Field(0.0, description="Share that cannot be taken back")
    unclear: Share = Field(0.0, description="Share without a clear answer")
    lost: Share = Field(0.0, description="Share that is confirmed and delivered all the same")


class Outage(_Part):
    """A period without any answers."""

    after: int = Field(ge=0, description="Messages before the outage starts")
    seconds: float = Field(gt=0, description="Duration of the outage in seconds")


class SimulatorBlock(GatewayBlock):
    """Settings of the simulator."""

    seed: str = Field("1", description="Random seed: the same seed gives the same results")
    batch: int = Field(1, ge=1, le=1000, description="Messages in one request")
    latency: Latency = Field(default_factory=Latency, description="How long answers take")
    mix: Mix = Field(default_factory=Mix, description="Shares of the results")
    retry_after: float = Field(1.0, ge=0, description="Seconds that a rate-limited answer asks to wait")
    account_stops_after: int | None = Field(
        None, ge=0, description="Messages until the account is out of credit"
    )
    reachable: Share = Field(
        1.0, description="Share of numbers that `contacts reach` is told the channel reaches"
    )
    down: bool = Field(False, description="Unreachable from the start")
    outages: list[Outage] = Field(default_factory=list, description="Times without an answer")
    receipts: Receipts | None = Field(None, description="Where and how receipts are written")
    replies: Path | None = Field(
        None,
        description="File of replies for `a2pcli replies pull`, relative to the settings file's folder: JSON lines with"
        " `from`, `to`, `text`, `at` and `id`",
    )
    revocations: Revocations | None = Field(
        None, description="Messages can be taken back; needs `receipts` with `live`"
    )
    expires: bool = Field(
        False,
        description="Messages that are not delivered within their time expire; needs `receipts` with `live`",
    )
