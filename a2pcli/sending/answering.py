"""Sends single messages outside of campaign runs: the answers that the ledger has (``ledger.answers``).

``AnswerSender`` belongs to one event loop. It opens each gateway when its first answer is due and keeps it open. One
person's answers leave one after the other; different people's side by side. Whatever a gateway does, an answer is
claimed once, handed over once, and tried again only if it certainly did not leave.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

from a2pcli.errors import A2PError, LedgerError
from a2pcli.gateways.base import Gateway, HearsBack
from a2pcli.ledger.answers import COMPOSE, Answer, NewAnswer
from a2pcli.ledger.chat_turns import CHAT
from a2pcli.ledger.live_receipts import Spellings
from a2pcli.ledger.quota_values import SharedQuota
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, State, Verdict
from a2pcli.sending.answer_messages import message_of, said
from a2pcli.sending.answers import failed, no_answer, one_each
from a2pcli.sending.hearing import KeepNow, let_keep_here
from a2pcli.sending.retry import RetryPolicy, decide
from a2pcli.sending.together import Together

log = logging.getLogger(__name__)

DEADLINE = 60.0
"""Seconds that a gateway may take for one answer; after that it is unknown."""

AT_ONCE = 32
"""People who are answered side by side by one gateway, so that a slow one holds up nobody else's answers."""

THINKING = 32
"""Texts that are made side by side by what may take long (a bot). They take no place of what gateways are handed."""

LEASED = 120_000
"""Milliseconds for which such an answer is kept from other processes; one that is killed meanwhile is asked again."""

OFTEN = 2.0
"""Seconds after which the ledger is asked again, as another process may have stored an answer."""

LATER = 5.0
"""Seconds after which an answer is looked at again whose text could not be made, or that could not be claimed."""

STORES = 5
"""How often an outcome is stored, if the ledger does not take it."""

NOTICE = "notice"
"""The kind of messages to agents: their texts are about somebody else, and go once they are sent."""

POLICY = RetryPolicy(base=2.0, longest=60.0)

T = TypeVar("T")


async def submit_one(gateway: Gateway, message: Message, deadline: float = DEADLINE) -> Outcome:
    """Hand one message to an open gateway and return its outcome. Never raises because of the gateway."""
    try:
        async with asyncio.timeout(deadline):
            return one_each(1, await gateway.submit([message]))[0]
    except TimeoutError:
        return no_answer(1)[0]
    except Exception as error:
        return failed(1, error)[0]


class Follows(Protocol):
    """Decides whether answers of one ``kind`` may leave when they are about to, and what follows them."""

    kind: str

    def may_leave(self, answer: Answer) -> bool:
        """Return whether a waiting answer may be sent now. If not, it was settled, or waits longer. May take long, and
        is called on a thread of its own."""
        ...

    def settled(self, answer: Answer, state: State, outcome: Outcome) -> None:
        """An outcome was stored, in the transaction that is open, on the thread that uses the ledger."""
        ...


class AnswerSender:
    """Sends the answers of an open ledger.

    ``make`` returns a configured gateway by name and raises ``A2PError``; ``quotas`` returns the quotas that a message
    through a gateway counts in. ``keeps_texts``: whether a text stays in the ledger once it is settled. ``keep`` stores
    what gateways hear on their connection meanwhile. ``compose`` returns the text of an answer that has none yet, None
    if there is nothing to say; without it, such answers are left to another process. ``follow`` is asked before an
    answer leaves, and told of its outcome. ``opened``: only answers by these
    gateways are sent; they are open, and somebody else closes them. ``tell`` gets sentences for the log, without
    addresses.
    """

    def __init__(
        self,
        ledger: Ledger,
        make: Callable[[str], Gateway],
        quotas: Callable[[str, Message], Sequence[SharedQuota]],
        *,
        keeps_texts: bool = True,
        keep: KeepNow | None = None,
        compose: Callable[[Answer], Awaitable[str | None]] | None = None,
        follow: Follows | None = None,
        opened: Sequence[Gateway] = (),
        tell: Callable[[str], None] = log.warning,
    ) -> None:
        self._ledger, self._make, self._quotas = ledger, make, quotas
        self._keeps_texts, self._keep, self._tell = keeps_texts, keep, tell
        self._compose, self._follow = compose, follow
        self._together = Together(ledger)
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="following")
        self._opened = {one.name: one for one in opened}
        self._gateways: dict[str, Gateway] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._busy: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._thinking: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._leases: dict[int, int] = {}
        self._mine: set[int] = set()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for answers now. To be called on the event loop."""
        self._wake.set()

    def hearing(self) -> Mapping[str, Spellings]:
        """Return the gateways that hear receipts on their connection, each with how it writes ids. Any thread may
        call it."""
        return {
            name: one.spellings for name, one in dict(self._gateways).items() if isinstance(one, HearsBack)
        }

    async def forget(self, is_old: Callable[[str], bool]) -> None:
        """Close these gateways, by name, so that they are made anew when their next answer is due."""
        for name in [one for one in self._gateways if is_old(one)]:
            with suppress(Exception):
                await self._gateways.pop(name).close()

    async def run(self) -> None:
        """Send what is due, until cancelled. A ledger that fails is asked again."""
        while True:
            self._wake.clear()
            try:
                await self.look()
            except LedgerError as error:
                self._tell(f"answers wait: {error.problems[0].message}")
            except Exception as error:
                self._tell(f"answers wait: {type(error).__name__}")
            with suppress(TimeoutError):
                async with asyncio.timeout(OFTEN):
                    await self._wake.wait()

    async def look(self) -> None:
        """Begin to send what is due. Raises ``LedgerError``."""
        await self._with_ledger(self._ledger.answers.give_up)
        busy = Counter(gateway for gateway, _ in self._busy)
        full = [gateway for gateway, many in busy.items() if many >= AT_ONCE]
        slow = [CHAT] if len(self._thinking) >= THINKING else []
        by = list(self._opened) or None
        due = await self._with_ledger(
            lambda: self._ledger.answers.due(
                without=list(self._mine), not_by=full, only_by=by, only_written=slow
            )
        )
        oldest = dict[tuple[str, str], Answer]()
        for answer in due:
            whose = (answer.gateway, answer.address)
            if _is_to_be_composed(answer) and self._compose is None:
                continue
            if answer.kind == CHAT and _is_to_be_composed(answer):
                if whose not in self._thinking and len(self._thinking) < THINKING:
                    self._mine.add(answer.number)
                    self._thinking[whose] = asyncio.create_task(self._think(answer, whose))
                continue
            if whose not in oldest or answer.number < oldest[whose].number:
                oldest[whose] = answer
        for whose, answer in oldest.items():
            if whose not in self._busy and busy[answer.gateway] < AT_ONCE:
                busy[answer.gateway] += 1
                self._mine.add(answer.number)
                self._busy[whose] = asyncio.create_task(self._one(answer, whose))

    async def drain(self, seconds: float) -> None:
        """Send everything that is due now, for at most ``seconds``; the rest stays planned."""
        with suppress(TimeoutError, LedgerError):
            async with asyncio.timeout(seconds):
                while True:
                    await self.look()
                    at_work = [*self._busy.values(), *self._thinking.values()]
                    if not at_work:
                        return
                    await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Wait for what is with gateways, for as long as they may take, then close them. A text that is being made by
        a bot is left to the next process: nothing of it was sent."""
        for task in self._thinking.values():
            task.cancel()
        await asyncio.gather(*self._thinking.values(), return_exceptions=True)
        for number, until in [*self._leases.items()]:
            with suppress(LedgerError):
                await self._with_ledger(partial(self._ledger.answers.release, number, until))
        if self._busy:
            await asyncio.wait(list(self._busy.values()), timeout=DEADLINE)
        for gateway in self._gateways.values():
            with suppress(Exception):
                await gateway.close()
        self._gateways.clear()
        self._asking.shutdown()
        self._together.close()

    async def send(self, new: NewAnswer) -> tuple[Answer | None, Outcome | None]:
        """Store an answer and send it at once; return it as stored, and the gateway's outcome.

        The answer is None if there was one with its key before. The outcome is None if it was not sent: the person
        opted out, or ``until_at`` has passed. What certainly did not leave stays ``planned`` if its text is stored;
        otherwise it is ``rejected``. Raises ``LedgerError`` if it cannot be stored; then nothing was sent.
        """
        store = self._ledger.answers
        claimed = await self._with_ledger(lambda: store.begin(new))
        if claimed is None:
            return None, None
        if claimed.state is not State.SUBMITTING:
            return claimed, None
        outcome = await self._hand_over(claimed, new)
        return await self._with_ledger(lambda: store.by_key(new.key)), outcome

    async def send_stored(self, number: int) -> Outcome | None:
        """Send an answer that is stored, now; return the gateway's outcome, None if it was not sent. Raises
        ``LedgerError``."""
        claimed = await self._with_ledger(lambda: self._ledger.answers.claim(number))
        return None if claimed is None else await self._hand_over(claimed)

    async def _think(self, answer: Answer, whose: tuple[str, str]) -> None:
        """Make the text of an answer by what may take long; then it is sent like the others."""
        store, until = self._ledger.answers, now_ms() + LEASED
        try:
            if self._compose is None or not await self._with_ledger(lambda: store.lease(answer, until)):
                return
            self._leases[answer.number] = until
            text = await self._compose(answer)
            if text is None:
                await self._with_ledger(lambda: store.drop(answer, "no-text", only_unwritten=True))
            else:
                asked = (answer.content or {})[COMPOSE]
                await self._with_ledger(lambda: store.write(answer, text, until_at=asked["until_at"]))
            self._leases.pop(answer.number, None)
            self.wake()
        except LedgerError as error:
            self._tell(f"answers wait: {error.problems[0].message}")
        except Exception as error:
            self._tell(f"an answer by a bot waits: {type(error).__name__}")
        finally:
            self._mine.discard(answer.number)
            self._thinking.pop(whose, None)

    async def _one(self, answer: Answer, whose: tuple[str, str]) -> None:
        store, later = self._ledger.answers, LATER
        try:
            if _is_to_be_composed(answer) and self._compose is not None:
                text = await self._compose(answer)
                if text is None:
                    await self._with_ledger(lambda: store.drop(answer, "no-text", only_unwritten=True))
                else:
                    await self._with_ledger(lambda: store.write(answer, text))
            follow = self._follow
            if (
                follow is not None
                and answer.kind == follow.kind
                and not await self._may_leave(follow, answer)
            ):
                return
            claimed = await self._with_ledger(lambda: store.claim(answer.number))
            if claimed is not None:
                await self._hand_over(claimed)
            later = 0.0
        except LedgerError as error:
            self._tell(f"answers wait: {error.problems[0].message}")
        except Exception as error:
            self._tell(f"an answer was not sent, or its outcome is unknown: {type(error).__name__}")
        finally:
            self._busy.pop(whose, None)
            if later:
                asyncio.get_running_loop().call_later(later, self._mine.discard, answer.number)
            else:
                self._mine.discard(answer.number)
            self._wake.set()

    def _may_leave(self, follow: Follows, answer: Answer) -> Awaitable[bool]:
        """Ask whether an answer may leave, on a thread for this alone: others use that of the ledger meanwhile."""
        return asyncio.get_running_loop().run_in_executor(self._asking, follow.may_leave, answer)

    async def _hand_over(self, answer: Answer, new: NewAnswer | None = None) -> Outcome:
        """Submit a claimed answer and store its outcome. ``new`` has the text if the ledger has not."""
        body = answer.body if new is None else new.body
        content = answer.content if new is None else new.content
        message = None
        if body is None:
            outcome = Outcome(
                Verdict.REJECTED, cause=Cause.CONTENT, code="no-text", detail="its text is gone"
            )
        else:
            try:
                gateway = await self._gateway(answer.gateway)
            except Exception as error:  # nothing was handed over, whatever it is
                why = error.problems[0].message if isinstance(error, A2PError) else type(error).__name__
                self._tell(f"gateway {answer.gateway} cannot send answers: {why}")
                outcome = Outcome(
                    Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code="gateway", detail="the gateway cannot be used"
                )  # fmt: skip
            else:
                message = message_of(answer, body, content, gateway)
                outcome = await self._submit(gateway, message)
        await self._settle(answer, message, outcome)
        return outcome

    async def _submit(self, gateway: Gateway, message: Message) -> Outcome:
        if message.channel not in gateway.capabilities.channels:
            detail = f"the gateway does not send {message.channel}"
            return Outcome(Verdict.REJECTED, cause=Cause.CONTENT, code="channel", detail=detail)
        return await submit_one(gateway, message)

    async def _settle(self, answer: Answer, message: Message | None, outcome: Outcome) -> None:
        decision = decide(outcome, answer.tries, POLICY, random.random)
        state, due_at = decision.state, None
        if state is State.PLANNED:
            wait = decision.due_in or POLICY.backoff(answer.tries, random.random())
            due_at = now_ms() + int(wait * 1000)
            if answer.body is None:  # its text was never stored, so nobody can send it later
                state, due_at = State.REJECTED, None
            elif due_at >= answer.until_at:
                state, due_at = State.EXPIRED, None
        if state is not State.ACCEPTED and message is not None:
            self._tell(f"gateway {answer.gateway}: {said(answer, state, outcome)}")
        shared = [] if message is None else self._quotas(answer.gateway, message)

        def store() -> None:
            with self._ledger.transaction():
                if shared and message is not None and outcome.verdict is not Verdict.NOT_SENT:
                    self._ledger.quotas.count_test(shared, message.parts, now_ms())
                keeps = self._keeps_texts and answer.kind != NOTICE
                parts = None if message is None else message.parts
                self._ledger.answers.settle(
                    answer, state, outcome, due_at=due_at, keeps_text=keeps, parts=parts
                )
                if self._follow is not None:
                    self._follow.settled(answer, state, outcome)

        for attempt in range(STORES):
            try:
                await self._with_ledger(store)
                return
            except LedgerError:
                if attempt + 1 == STORES:
                    raise
                await asyncio.sleep(0.2 * 2**attempt)

    async def _gateway(self, name: str) -> Gateway:
        """Return the open gateway. Raises ``A2PError``."""
        if name in self._opened:
            return self._opened[name]
        async with self._opening.setdefault(name, asyncio.Lock()):
            if name not in self._gateways:
                gateway = self._make(name)
                if isinstance(gateway, HearsBack) and self._keep is not None:
                    let_keep_here([gateway], self._keep)
                try:
                    await gateway.open()
                except BaseException:
                    with suppress(Exception):
                        await gateway.close()
                    raise
                self._gateways[name] = gateway
            return self._gateways[name]

    def _with_ledger(self, do: Callable[[], T]) -> Awaitable[T]:
        """Call a function on the thread that uses the ledger."""
        return self._together.call(do)


def _is_to_be_composed(answer: Answer) -> bool:
    return answer.body is None and COMPOSE in (answer.content or {})
