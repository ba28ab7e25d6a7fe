"""The settings of the simulated provider."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from a2pcli.config.values import share_of
from a2pcli.gateways.settings import GatewayBlock

STOPS = ["STOP", "Stop.", "stop please", "Stop. Thank you", "UNSUBSCRIBE", "please stop texting me"]
HELPS = ["HELP", "Help!", "Info"]
OTHERS = ["Thanks!", "When are you open on Sunday?", "OK", "Who is this?"]


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


def _callback_url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or not text.isascii() or any(character.isspace() for character in text.strip()):
        raise ValueError("must be a whole URL", "like http://127.0.0.1:8080/callbacks/NAME/SECRET")
    return text.strip()


def _one_or_several(typed: object) -> object:
    return [typed] if isinstance(typed, str) else typed


Texts = Annotated[list[str], BeforeValidator(_one_or_several), Field(min_length=1)]
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


class Answers(_Part):
    """What people reply to messages whose text says something, such as the question of a survey."""

    asked: Annotated[str, AfterValidator(_pattern)] = Field(
        description="Regular expression that the text of the message contains, in any case"
    )
    texts: Texts = Field(description="Replies, one of which is chosen")
    share: Share = Field(1.0, description="Share of people who reply")

    def found_in(self, body: str) -> bool:
        """Return whether the text of a message asks for these."""
        return re.search(self.asked, body, re.IGNORECASE) is not None


class Callbacks(_Part):
    """Receipts and replies, sent to a URL as a provider does. Shares are of the messages that arrive."""

    url: Annotated[str, AfterValidator(_callback_url)] = Field(
        description="Where `a2pcli listen` receives them: `http://127.0.0.1:8080/callbacks/NAME/SECRET`"
    )
    stop: Share = Field(0.0, description="Share that replies STOP, in one of several ways")
    help: Share = Field(0.0, description="Share that replies HELP")
    other: Share = Field(0.0, description="Share that replies something else")
    texts: Texts = Field(OTHERS, description="What those others say")
    answers: list[Answers] = Field(
        default_factory=list, description="Replies to what messages ask; of answers to replies, too"
    )
    reply_after: float = Field(5.0, ge=0, le=86_400, description="Median seconds until a reply")
    linger: float = Field(
        60.0, ge=0, le=86_400, description="Seconds that `send` waits at its end until everything was sent"
    )

    @property
    def shares(self) -> list[tuple[float, list[str]]]:
        """Each kind of reply with its share of the messages."""
        return [(self.stop, STOPS), (self.help, HELPS), (self.other, self.texts)]

    @model_validator(mode="after")
    def _at_most_all(self) -> Callbacks:
        if self.stop + self.help + self.other > 1 + 1e-9:
            raise ValueError("the shares add up to more than 100%")
        return self


class Outage(_Part):
    """A period without any answers."""

    after: int = Field(ge=0, description="Messages before the outage starts")
    seconds: float = Field(gt=0, description="Duration of the outage in seconds")


class SimulatorBlock(GatewayBlock):
    """Settings of the simulator."""

    seed: str = Field("1", description="Random seed: the same seed gives the same results")
    account: str | None = Field(
        None,
        description="Account that it sends from, whose rate and quotas its blocks share. Default: one of its own",
    )
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
    callbacks: Callbacks | None = Field(
        None,
        description="Where receipts and replies are sent, and who replies what; needs `receipts` without `live`",
    )
    revocations: Revocations | None = Field(
        None, description="Messages can be taken back; needs `receipts` with `live`"
    )
    expires: bool = Field(
        False,
        description="Messages that are not delivered within their time expire; needs `receipts` with `live`",
    )

    @model_validator(mode="after")
    def _receipts_by_one_way(self) -> SimulatorBlock:
        if self.callbacks is not None and (self.receipts is None or self.receipts.live):
            hint = "like `receipts: {file: receipts.jsonl}`"
            raise ValueError("`callbacks` need `receipts`, without `live`", hint)
        return self
