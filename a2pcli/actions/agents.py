"""Agents: how they get what people write, and how what they answer comes back to the person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.actions.answers import NewAnswer, sendable_text
from a2pcli.actions.chat_desk import A_MACHINE, DESK, is_within_quota
from a2pcli.actions.composing import secret_of
from a2pcli.actions.incoming import Incoming
from a2pcli.actions.signed_requests import post_signed
from a2pcli.addresses.any_address import any_address
from a2pcli.addresses.kinds import Kind, masked
from a2pcli.channels import NAMES, channel_of
from a2pcli.errors import A2PError, Problem, Refused, UsageError
from a2pcli.gateways.base import Capabilities, Health
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.sending.answering import NOTICE

if TYPE_CHECKING:
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.config.load import LoadedSettings
    from a2pcli.config.reply_rules import Agents, Quota, Way, Webhook
    from a2pcli.ledger.conversations import Conversation
    from a2pcli.ledger.store import Ledger

AGENT = "agent"
"""The kind of an answer that an agent wrote."""
WEBHOOK = "agents "
"""Before the agents' name, in the gateway of a notice that goes to their webhook."""
HOUR, DAY = 3_600_000, 86_400_000
LONGEST_NOTICE = 500


_ONE_WAY = frozenset({"apprise", "console", "outbox", "http", "smtp", "ses", "postmark", "sns"})
"""Types of gateways by which nobody can answer."""


def notices(
    agents: Agents, name: str, incoming: Incoming, conversation: Conversation, settings: LoadedSettings
) -> Iterator[NewAnswer]:
    """The messages that tell agents of a reply, one by each of their ways."""
    if agents.webhook is not None:
        yield NewAnswer(
            key=f"notice:webhook:{name}:{incoming.event}", kind=NOTICE, address=incoming.address,
            channel=incoming.channel, gateway=f"{WEBHOOK}{name}", body=incoming.text, until_at=incoming.now + HOUR,
            source=f"reply by {incoming.gateway}", sender=incoming.to,
            content={
                "conversation": conversation.code, "why": conversation.why, "gateway": incoming.gateway,
                "at": incoming.now,
            },
            anyway=True,
        )  # fmt: skip
    for way, kind in ((agents.email, "email"), (agents.chat, "chat")):
        if way is not None:
            yield _message(way, kind, name, incoming, conversation, settings)


def _how_to_answer(way: Way, code: str, settings: LoadedSettings) -> str:
    """How agents who got a notice this way answer the person."""
    known = settings.settings
    type_ = str(known.gateways.get(way.gateway, {}).get("type") or way.gateway)
    if type_ not in _ONE_WAY:
        return f"Answer here, beginning with the code: {code} TEXT"
    page = known.listen.public_url
    return f"Answer: {f'{page}/ or ' if page else ''}a2pcli inbox reply {code} 'TEXT'"


def _message(
    way: Way, kind: str, name: str, incoming: Incoming, conversation: Conversation, settings: LoadedSettings
) -> NewAnswer:
    read = any_address(way.to, settings.settings.region)
    channel = "email" if kind == "email" else (way.to.partition(":")[0] if ":" in way.to else "sms")
    text = " ".join(incoming.text.split())[:LONGEST_NOTICE]
    body = (
        f"{masked(incoming.address)} wrote to {incoming.to or incoming.gateway}: {text}\n"
        f"{_how_to_answer(way, conversation.code, settings)}"
    )
    return NewAnswer(
        key=f"notice:{kind}:{name}:{incoming.event}", kind=NOTICE, address=read.address or way.to,
        channel=channel if channel in NAMES else "sms", gateway=way.gateway, body=body, until_at=incoming.now + DAY,
        source=f"reply by {incoming.gateway}", spelling=read.spelling,
        content={"subject": f"Reply {conversation.code}"} if kind == "email" else None, anyway=True,
    )  # fmt: skip


def agent_answer(
    ledger: Ledger,
    settings: LoadedSettings,
    code: str,
    text: str,
    by: str,
    id: str | None = None,
    kind: str = AGENT,
) -> tuple[NewAnswer, Conversation]:
    """What an agent wrote, as an answer that can be sent. ``id`` identifies it, so that it is sent once however often
    it comes. Raises ``UsageError`` for a conversation that is not there, ``Refused`` if the person opted out, and
    ``InvalidInput`` for a text that cannot be sent."""
    import secrets

    from a2pcli.ledger.records import now_ms

    one = found_conversation(ledger, code)
    now = now_ms()
    new = NewAnswer(
        key=f"{AGENT}:{one.code}:{id or secrets.token_hex(8)}", kind=kind, address=one.address, channel=one.channel,
        gateway=one.gateway, body=sendable_text(settings, one.channel, text), until_at=now + DAY,
        source=f"agent {by}", sender=one.sender or None, programme=one.programme,
        content={"subject": "Re: your message"} if channel_of(one.channel).kind is Kind.EMAIL else None,
    )  # fmt: skip
    if ledger.answers.would_be_kept_from(new, now):
        hint = "they get nothing until they write START, or `a2pcli optout remove` with a reason"
        raise Refused(Problem(f"the person of {one.code} has opted out", hint=hint, code="opted-out"))
    return new, one


def answered(ledger: Ledger, conversation: Conversation, by: str, *, close: bool = False) -> Conversation:
    """Note that an agent answered. Audit: ``inbox.reply``."""
    from a2pcli.ledger.conversations import CLOSED
    from a2pcli.ledger.records import now_ms

    now = now_ms()
    values: dict[str, Any] = {"answered_at": now}
    if conversation.assignee is None:
        values["assignee"] = by
    if close:
        values |= {"state": CLOSED, "closed_at": now}
    return ledger.conversations.change(conversation, "inbox.reply", by, **values)


def found_conversation(ledger: Ledger, code: str) -> Conversation:
    """The conversation with this code. Raises ``UsageError``."""
    found = ledger.conversations.by_code(code.strip().lower())
    if found is None:
        hint = "`a2pcli inbox list` shows them"
        raise UsageError(
            Problem(f"there is no conversation '{code[:20]}'", hint=hint, code="unknown-conversation")
        )
    return found


def webhooks(
    ledger: Ledger, settings: LoadedSettings, rules: ReplyRules | None, wake: Callable[[], None]
) -> Callable[[str], WebhookGateway | None]:
    """Return what makes the gateway of a notice that goes to a webhook; None for another gateway's name. ``wake`` is
    called when an answer was stored."""

    def make(name: str) -> WebhookGateway | None:
        if rules is None or not name.startswith(WEBHOOK):
            return None
        agents = rules.agents.get(name.removeprefix(WEBHOOK))
        if agents is None or agents.webhook is None:
            return None
        return WebhookGateway(name, agents.webhook, rules.quota, ledger, settings, wake)

    return make


class WebhookGateway:
    """Hands replies to the webhook of agents; what it answers goes to the person. A request that was not accepted is
    made again, with the same ``id``."""

    def __init__(
        self,
        name: str,
        webhook: Webhook,
        quota: Quota,
        ledger: Ledger,
        settings: LoadedSettings,
        wake: Callable[[], None],
    ) -> None:
        self._quota = quota
        self.name, self._webhook, self._ledger, self._settings = name, webhook, ledger, settings
        self._wake = wake
        self.capabilities = Capabilities(frozenset(NAMES))

    async def open(self) -> None:
        """Nothing is to be prepared."""

    async def close(self) -> None:
        """Nothing is to be released."""

    async def check(self) -> Health:
        """Whether it is reachable is not asked."""
        return Health(True, "not asked")

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Nothing can be looked up."""
        return {}

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Hand over each reply."""
        return [await self._one(message) for message in batch]

    async def _one(self, message: Message) -> Outcome:
        secret = secret_of(self._settings, self._webhook.secret)
        if secret is None:
            return Outcome(
                Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code="secret", detail="its secret is not set"
            )
        content = message.content or {}
        document = {
            "id": message.reference, "conversation": content.get("conversation"), "from": message.to,
            "to": message.sender, "text": message.body, "channel": message.channel,
            "gateway": content.get("gateway"), "why": content.get("why"), "at": content.get("at"),
        }  # fmt: skip
        told = await post_signed(self._webhook.url, secret, document, float(self._webhook.timeout))
        if told.data is None:
            return Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="webhook", detail=told.why)
        text = told.data.get("answer")
        if isinstance(text, str) and text.strip() and isinstance(document["conversation"], str):
            await asyncio.to_thread(self._answer, document["conversation"], text, message.reference)
        return Outcome(Verdict.ACCEPTED)

    def _answer(self, code: str, text: str, id: str) -> None:
        """Send what the webhook answered to the person; what cannot be sent, and what is too much, is told in the
        inbox."""
        from a2pcli.ledger.conversations import Heard
        from a2pcli.ledger.records import now_ms

        by, why, new = self.name.removeprefix(WEBHOOK), "", None
        with self._ledger.transaction():
            one = self._ledger.conversations.by_code(code)
            if one is None:  # erased meanwhile
                return
            try:
                new, _ = agent_answer(self._ledger, self._settings, code, text, by, id, kind=DESK)
            except A2PError as error:
                why = f"an answer of {by} was not sent: {error.problems[0].message}"
            if new is not None and self._ledger.answers.by_key(new.key) is not None:
                return
            if new is not None and not is_within_quota(self._ledger, self._quota, one.address, now_ms()):
                why = A_MACHINE
            if new is None or why:
                heard = Heard(one.address, one.channel, one.gateway, one.sender, one.programme, why, by)
                self._ledger.conversations.hear(heard)
                return
            self._ledger.answers.add(new)
            answered(self._ledger, one, by)
        self._wake()
