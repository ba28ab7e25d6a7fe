"""Why a run stopped early: one ``Problem`` for each reason, with what to do next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from a2pcli.errors import Problem
from a2pcli.ledger.quota_values import QuotaWait
from a2pcli.ledger.records import FAR, MONEY_UNITS, Run, Waiting
from a2pcli.ledger.run_commands import send_command
from a2pcli.messages import Cause, Outcome, Verdict
from a2pcli.moments import moment_text, zone_of
from a2pcli.reasons import Reason

CHANGED_ELSEWHERE = "changed-elsewhere"
FALLS_BACK = "waiting-for-delivery"


def go_on(run: Run) -> str:
    """Return the command that continues this run. The original command could start another occurrence of the campaign
    (tomorrow's, for a daily one)."""
    return f"to continue: {send_command(run)}; nobody gets the message twice"


def wrong_channel(gateway: str, channel: str, can: Collection[str]) -> Problem:
    """The gateway cannot send on the channel of the run."""
    text = f"gateway {gateway} cannot send {channel}"
    return Problem(text, hint=f"it can send {', '.join(sorted(can))}", code="gateway-channel")


def other_gateway(run: Run, gateway: str) -> Problem:
    """Messages whose next attempt uses another gateway than the run's, which a sender cannot do yet."""
    text = f"some messages of run {run.id} are to be sent via the gateway {gateway}, not {run.gateway}"
    return Problem(
        text,
        hint=f"this version of a2pcli cannot send them; `a2pcli cancel {run.id}` ends the run",
        code="other-gateway",
    )


def came_late(run: Run) -> Problem:
    """Messages were planned again (another attempt or a retry) after the sender had looked for the last time."""
    text = f"messages of run {run.id} were planned again just as it finished"
    return Problem(text, hint=go_on(run), code="planned-again")


def interrupted(run: Run, *, hard: bool) -> Problem:
    """The run was stopped with Ctrl-C: once, or twice (``hard``)."""
    if hard:
        text = "stopped immediately; messages that the gateway had at that moment are unknown"
        return Problem(
            text,
            hint=f"{go_on(run)}; `a2pcli reconcile {run.id}` settles what is unknown",
            code="interrupted",
        )
    return Problem("stopped; all messages in flight were answered", hint=go_on(run), code="interrupted")


def changed_elsewhere(run: str, state: str) -> Problem:
    """Another command cancelled or paused the run."""
    return Problem(f"run {run} was {state} by another command", code=CHANGED_ELSEWHERE)


def others_go_on(reason: Problem | None, run: Run, others: str) -> Problem | None:
    """Return why one of several senders ended, naming the senders that continue; unchanged if there are none."""
    if reason is None or not others:
        return reason
    verb = "send" if " and " in others else "sends"
    hint = f"meanwhile {others} still {verb} run {run.id}"
    return Problem(reason.message, hint=f"{hint}; {reason.hint}" if reason.hint else hint, code=reason.code)


def waits_until(run: Run, moment: int) -> Problem:
    """Nothing may be sent before ``moment`` (UTC ms)."""
    text = f"waits until {_moment(run, moment)}"
    return Problem(
        text, hint=f"from then on: {send_command(run)}, or --wait to stay until then", code="waiting"
    )


def waits(run: Run, waiting: Sequence[Waiting], next_due: int) -> Problem:
    """The remaining messages wait for permitted hours or a quota, or are held because their time zone is unknown."""
    quota = [one for one in waiting if one.reason == Reason.QUOTA]
    waiting = [one for one in waiting if one.reason != Reason.QUOTA]
    hours = sum(one.messages for one in waiting if one.until < FAR)
    never = sum(one.messages for one in waiting if one.until >= FAR and one.reason != Reason.UNKNOWN_ZONE)
    lost = sum(one.messages for one in waiting if one.reason == Reason.UNKNOWN_ZONE)
    pieces, hints = [], []
    if hours:
        first = min(one.until for one in waiting)
        pieces.append(
            f"{_many(hours, 'waits', 'wait')} for the person's hours, the first until {_moment(run, first)}"
        )
        hints.append(f"from then on: {send_command(run)}, or --wait to stay until then")
    if never:
        pieces.append(
            f"{_many(never, 'is', 'are')} held because the campaign's hours and the legal hours do not overlap"
        )
        hints.append(
            f"for those without a permitted sending time: a2pcli cancel {run.id}, change schedule.window, and"
            f" send again"
        )
    if lost:
        pieces.append(f"{_many(lost, 'is', 'are')} held because the time zone is not known")
        hints.append(
            f"for those without a time zone: set schedule.unknown_zone and {send_command(run)},"
            f" or a2pcli cancel {run.id} and plan again with a timezone column"
        )
    _add_quota(run, quota, pieces, hints)
    if not pieces:
        return waits_until(run, next_due)
    return Problem("; ".join(pieces), hint="; ".join(hints), code="waiting")


def _add_quota(run: Run, quota: Sequence[Waiting], pieces: list[str], hints: list[str]) -> None:
    """Add the messages that wait for a quota, or that have more parts than a quota allows."""
    soon = [one for one in quota if one.until < FAR]
    if soon:
        count, first = sum(one.messages for one in soon), min(one.until for one in soon)
        pieces.append(f"{_many(count, 'waits', 'wait')} for a quota, the first until {_moment(run, first)}")
        hint = f"from then on: {send_command(run)}, or --wait to stay until then"
        hints += [] if hint in hints else [hint]
    if never := sum(one.messages for one in quota if one.until >= FAR):
        pieces.append(f"{_many(never, 'has', 'have')} more parts than a quota allows")
        hints.append(f"for those: raise the quota in the settings, a2pcli cancel {run.id}, and send again")


def quota_used_up(run: Run, wait: QuotaWait, left: int) -> Problem:
    """A quota is used up for longer than a run waits by itself. ``left`` is the number of waiting messages."""
    zone = wait.quota.quota.zone or zone_of(run.summary)
    text = f"{_many(left, 'waits', 'wait')} until {moment_text(wait.until, zone)} ({wait.quota})"
    return Problem(
        text, hint=f"from then on: {send_command(run)}, or --wait to stay until then", code="quota-used-up"
    )


def falls_back(run: Run, count: int, first: int) -> Problem:
    """Only fallbacks are left: ``count`` messages may go by the next channel if not delivered by then."""
    text = f"{_many(count, 'may go', 'may go')} by the next channel if not delivered by then, the first at"
    text = f"{text} {_moment(run, first)}"
    return Problem(text, hint=f"then: {send_command(run)}, or --wait to stay until then", code=FALLS_BACK)


def not_taken(run: Run, count: int, last: Outcome | None, waiting: Sequence[Waiting]) -> Problem:
    """The gateway would not accept ``count`` messages now; all others are done."""
    messages = "1 message" if count == 1 else f"{count:,} messages"
    text = f"gateway {run.gateway} did not accept {messages} and asks to try again later"
    text = _with_answer(text, last)
    if waiting:
        text += f"; {waits(run, waiting, 0).message}"
    return Problem(text, hint=go_on(run), code="not-taken")


def _many(count: int, one: str, more: str) -> str:
    return f"1 message {one}" if count == 1 else f"{count:,} messages {more}"


def _moment(run: Run, moment: int) -> str:
    return moment_text(moment, zone_of(run.summary))


def expired(run: Run) -> Problem:
    """The campaign's ``schedule.expires`` has passed."""
    at = f" at {_moment(run, run.expires_at)}" if run.expires_at is not None else ""
    text = f"the campaign expired{at}; messages not sent by then will not be sent"
    return Problem(text, hint="see schedule.expires in the campaign", code="expired")


def clock_text(jump: int) -> str:
    """Describe by how many milliseconds the machine's clock was set while sending (negative: back)."""
    way = "forward" if jump > 0 else "back"
    return f"the clock of this machine was set {way} by {_duration(abs(jump) / 1000)} while sending"


def clock_was_set(run: Run, jump: int) -> Problem:
    """The clock was set while permitted hours depend on it."""
    text = f"{clock_text(jump)}; permitted hours depend on it, so sending stopped"
    return Problem(text, hint=f"check the clock; {go_on(run)}", code="clock-set")


def over_budget(run: Run, limit: int, currency: str) -> Problem:
    """The next message would exceed the budget ``limit`` (1e-9 currency units)."""
    money = f"{(Decimal(limit) / MONEY_UNITS).normalize():f} {currency}"
    hint = (
        f"to continue with a larger budget: {send_command(run)} --max-cost 'AMOUNT {currency}'; nobody gets"
        f" the message twice"
    )
    return Problem(f"the budget of {money} is used up", hint=hint, code="over-budget")


def stopped(run: Run, problems: Mapping[str, Problem], left: int | None = None) -> Problem:
    """Why gateways of a run with several were stopped, by their names; ``left`` messages remain, if all others are
    done."""
    text = "; ".join(one.message for one in problems.values())
    if left is not None:
        text = f"{text}; {_many(left, 'is', 'are')} left"
    first = next(iter(problems.values()))
    if len(problems) == 1:
        return Problem(text, hint=first.hint, code=first.code)
    own = go_on(run).split("; ")
    hints = [
        f"{name}: {piece}"
        for name, problem in problems.items()
        for piece in (problem.hint or "").split("; ")
        if piece and piece.removeprefix("then ") not in own
    ]
    return Problem(text, hint="; ".join([*hints, *own]), code=first.code)


_BUSY = ("500", "502", "503", "504")
"""Answers of servers that are busy or broken: unknown, since a proxy may give them after the message was taken."""


def gateway_down(run: Run, gateway: str, last: Outcome | None, left: int | None) -> Problem:
    """The breaker gave up with ``left`` messages remaining."""
    text = f"gateway {gateway} is not available"
    if last is not None and last.verdict is Verdict.UNKNOWN:
        text = f"gateway {gateway} gives no usable answers"
    elif last is not None and last.cause is not Cause.UNREACHABLE:
        text = f"gateway {gateway} does not accept messages now"
    hint = f"{go_on(run)}; to test it first: a2pcli gateways test {gateway}"
    if last is not None and last.verdict is Verdict.UNKNOWN and last.code in _BUSY:
        code = last.code
        hint += f"; if the provider documents {code} as 'not accepted', add `statuses: {{{code}: temporary}}`"
        hint += " to its block (type http), and such messages are retried"
    text = _with_answer(text, last)
    if left is not None:
        text = f"{text}; {_many(left, 'is', 'are')} left"
    return Problem(text, hint=hint, code="gateway-down")


def hold_too_long(run: Run, gateway: str, seconds: float) -> Problem:
    """The gateway asked for a longer wait than ``longest_hold``."""
    text = f"gateway {gateway} asks to wait {_duration(seconds)} before the next message"
    return Problem(text, hint=f"after that: {send_command(run)}", code="gateway-wait")


def only_rate_answers(run: Run, gateway: str, seconds: float) -> Problem:
    """The gateway has given only rate-limit answers for ``seconds``."""
    text = f"gateway {gateway} has accepted nothing for {_duration(seconds)} because of its rate limit"
    hint = f"{go_on(run)}; the account's quota may be exhausted, or limits.rate too high"
    return Problem(text, hint=hint, code="gateway-rate")


def stopped_by(run: Run, gateway: str, outcome: Outcome) -> Problem:
    """The account, sender or credit was refused: nothing can be sent until a person fixes it."""
    what, hint = {
        Cause.ACCOUNT: _refusal_of_account(outcome),
        Cause.SENDER: (
            "refuses the sender",
            "check the sender of the campaign, and that the account owns it",
        ),
        Cause.CREDIT: ("reports that the account has no credit left", "top up the account"),
    }[outcome.cause]
    text = _with_answer(f"gateway {gateway} {what}", outcome)
    return Problem(text, hint=f"{hint}; then {go_on(run)}", code=f"gateway-{outcome.cause}")


def _refusal_of_account(outcome: Outcome) -> tuple[str, str]:
    """Return the text and hint for a refused account; a wrong URL stops a run in the same way but needs another fix."""
    code = outcome.code or ""
    if code in _WRONG_ADDRESS and f"answered {code}" in (outcome.detail or ""):
        return "accepts no messages at its URL", "check its url and method in the settings"
    return "refuses the account", "check its credentials and the state of the account"


_WRONG_ADDRESS = frozenset(
    str(status) for status in (*range(300, 400), 404, 405, 406, 410, 411, 414, 415, 501, 505)
)
"""HTTP statuses about the URL or the form of a request (``a2pcli/gateways/engine/statuses.py``)."""


def ledger_failed(run: Run, in_flight: int) -> Problem:
    """Added to the ledger's own problem: what it means for the run."""
    text = "sending stopped because results could not be recorded"
    if in_flight:
        text += f"; up to {in_flight} messages will show as unknown"
    return Problem(text, hint=go_on(run), code="sending-stopped")


def ledger_failed_for_a_while(run: Run) -> Problem:
    """Added to the ledger's own problem if all results could still be recorded."""
    return Problem(
        "sending stopped; all results until then are recorded", hint=go_on(run), code="sending-stopped"
    )


def _with_answer(text: str, outcome: Outcome | None) -> str:
    if outcome is None:
        return text
    answer = outcome.detail or ""
    if outcome.code and outcome.code not in answer and (not answer or outcome.code not in _OWN_CODES):
        answer = f"{outcome.code} {answer}".strip()
    return f"{text}: {answer}" if answer else text


_OWN_CODES = frozenset(
    {"busy", "closed", "connect", "connect-timeout", "dns", "dropped", "early", "extra", "garbled", "proxy"}
    | {"refused", "timeout", "tls", "unasked"}
)
"""Codes of the transport (``a2pcli/gateways/engine``), whose details already say the same in words."""


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.0f} days"
