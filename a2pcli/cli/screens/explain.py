"""The story of one number on the terminal, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from a2pcli.cli.screens.run import WORDS
from a2pcli.message_content import content_of, head_lines, tail_lines
from a2pcli.messages import State
from a2pcli.moments import zone_of
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.reporting.channel_story import story
from a2pcli.reporting.explain import Explanation, MessageExplanation, earlier_attempts
from a2pcli.reporting.route_story import gateway_story
from a2pcli.reporting.sentences import opt_out
from a2pcli.reporting.values import local

INDENT = (0, 0, 0, 2)


def explanation_screen(
    told: Explanation, would: Mapping[str, Any] | None = None, *, all_rules: bool = False
) -> RenderableType:
    """Everything that is known: the answer first, then the rules that decided it.

    ``would`` is what a campaign file would do now. ``all_rules`` shows the rules that passed or do not apply, too.
    """
    shown = RulesShown(all_rules)
    pieces: list[RenderableType] = [_title(told), *_opt_outs(told)]
    for one in told.messages:
        pieces += [Text(), *_message(one, shown)]
    if not told.messages:
        what = (
            "no run of this ledger has a row with it"
            if told.number is None
            else "not in any run of this ledger"
        )
        pieces.append(Text(what))
    pieces += _outside(told)
    if would is not None:
        pieces += [Text(), *_now(would, shown)]
    if not all_rules and (hidden := _hidden(told, would)):
        noun = "rule" if hidden == 1 else "rules"
        pieces += [Text(), Text(f"{hidden} more {noun} checked; --rules shows them", style="dim")]
    return Group(*pieces)


def _title(told: Explanation) -> Text:
    if told.number is None:
        return Text.assemble(
            (told.asked, "bold"),
            f"  no phone number, email address or chat id: {told.judged.detail or told.problem}",
        )
    if told.is_short_code:
        return Text.assemble(
            (told.number, "bold"), "  a short code: nothing can be sent to it; a STOP from it counts"
        )
    title = Text(told.number, style="bold")
    known = [word for word in (told.judged.country, told.judged.type) if word]
    if known:
        title.append(f"  {', '.join(known)}", style="dim")
    return title


def _opt_outs(told: Explanation) -> Iterator[RenderableType]:
    for one in told.suppressions:
        yield Text(opt_out(one), style="yellow" if one.holds(told.now) else "dim")
    if told.number is not None and not told.suppressions:
        yield Text("not on the suppression list", style="dim")


_MOST_OUTSIDE = 20
"""Messages outside of runs that are shown: the newest."""

_KINDS = {
    "stop": "confirmation of STOP",
    "start": "confirmation of START",
    "otp": "one-time code",
    "keyword": "answer to a reply",
    "agent": "answer of an agent",
    "desk": "answer of an agents' webhook",
}


def _outside(told: Explanation) -> Iterator[RenderableType]:
    """The messages outside of runs, a line for each, newest first."""
    shown = told.outside[-_MOST_OUTSIDE:][::-1]
    if shown:
        yield Text()
        yield Text("outside of runs", style="bold")
    for one in shown:
        what = _KINDS.get(one.kind, one.kind)
        from_ = f" from {one.sender}" if one.sender else ""
        outcome = f"{one.state}, {one.delivery}" if one.delivery else str(one.state)
        code = one.delivery_code or one.code
        why = f" ({code})" if code else f" ({one.reason})" if one.reason else ""
        yield Padding(
            Text(
                f"{local(one.created_at, None)}  {what} by {one.channel} ({one.gateway}){from_}: {outcome}{why}"
            ),
            INDENT,
        )
    if len(told.outside) > len(shown):
        yield Padding(Text(f"… and {len(told.outside) - len(shown):,} older ones; --json has all"), INDENT)


def _message(told: MessageExplanation, shown: RulesShown) -> Iterator[RenderableType]:
    row, run = told.entry.row, told.entry.run
    zone = zone_of(run.summary)
    when = local(told.at, zone) if told.at else ""
    yield Text.assemble((when, "bold"), "  ", (run.campaign, "bold"), "  ", run.id, f"  line {row['line']:,}")
    if row["address"] is None or (told.entry.row["cell"] and row["cell"]):
        yield Padding(Text(f"the cell contains: {row['cell']}"), INDENT)
    style = WORDS.get(row["state"], ("", ""))[0]
    yield Padding(Text(told.what, style=style), INDENT)
    if told.next:
        yield Padding(Text(told.next), INDENT)
    for sentence in (*story(told.entry), *gateway_story(told.entry)):
        yield Padding(Text(sentence), INDENT)
    if row["body"] and row["state"] not in (State.SKIPPED, State.EXPIRED, State.CANCELLED):
        yield from (
            Padding(Text(line, style="dim"), INDENT) for line in head_lines(content_of(row["content"]))
        )
        yield Padding(Text(f"“{row['body']}”", style="dim"), INDENT)
        yield from (
            Padding(Text(line, style="dim"), INDENT) for line in tail_lines(content_of(row["content"]))
        )
    yield from shown.lines([one.document() for one in told.rules])
    for attempt in earlier_attempts(told.entry):
        yield Padding(Text(_earlier(attempt), style="dim"), INDENT)
    # One event says what the sentence says.
    if len(told.entry.events) > 1:
        for event in told.entry.events:
            words = ": ".join(str(word) for word in (event.code, event.detail) if word)
            yield Padding(
                Text(f"{local(event.at, zone)}  {_kind(event.kind)}  {words}".rstrip(), style="dim"), INDENT
            )


def _earlier(attempt: Mapping[str, Any]) -> str:
    """One of the attempts before the last, in a line."""
    ended = ", ".join(str(one) for one in (attempt["state"], attempt["delivery"], attempt["code"]) if one)
    how = f"{attempt['channel']} by {attempt['gateway']} to {attempt['number']}"
    if attempt["state"] == State.SKIPPED and attempt["reason"]:
        ended = f"skipped: {attempt['detail'] or SENTENCES[Reason(attempt['reason'])]}"
    return f"attempt {attempt['attempt']}: {how}: {ended}"


OUTCOMES = {
    "passed": ("passed", "green"),
    "left-out": ("excluded", "yellow"),
    "held": ("held", "yellow"),
    "not-asked": ("n/a", "dim"),
    "note": ("note", "yellow"),
}


def _is_deciding(rule: Mapping[str, Any]) -> bool:
    """Whether a rule is shown without ``--rules``: it held or excluded the message, and says more than the answer."""
    if rule["outcome"] == "note":
        return True
    return rule["outcome"] in ("left-out", "held") and bool(rule["source"] or rule["says"])


def _hidden(told: Explanation, would: Mapping[str, Any] | None) -> int:
    """How many rules are not shown without ``--rules``."""
    rules = [one.document() for message in told.messages for one in message.rules]
    for row in would["rows"] if would is not None else ():
        rules += row["rules"]
    return sum(not _is_deciding(one) for one in rules)


class RulesShown:
    """The rules of one screen, each with its text once: of several messages, many have the same."""

    def __init__(self, all_rules: bool) -> None:
        """``all_rules``: those that passed or do not apply, too."""
        self._all = all_rules
        self._notes: set[tuple[str, str]] = set()
        self._texts: set[str] = set()

    def lines(self, rules: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
        """A line for each rule: its outcome, what it looked at, and its text and source where these are new."""
        for one in rules:
            if not (self._all or self._is_new(one)):
                continue
            word, style = OUTCOMES[one["outcome"]]
            line = Text.assemble((f"{word:<9} ", style), (f"{one['rule']}: ", "bold"), one["why"])
            if one["says"] and one["says"] not in self._texts:
                source = f" ({_source(one)})" if one["source"] else ""
                line.append(f" — {one['says']}{source}", style="dim")
                self._texts.add(one["says"])
            yield Padding(line, INDENT)

    def _is_new(self, rule: Mapping[str, Any]) -> bool:
        """Whether a rule decided, or is a note that was not shown yet."""
        note = (rule["rule"], rule["why"])
        if rule["outcome"] != "note" or note in self._notes:
            return rule["outcome"] != "note" and _is_deciding(rule)
        self._notes.add(note)
        return True


def _kind(kind: str) -> str:
    return {"not_sent": "not sent", State.SKIPPED: "skipped"}.get(kind, kind)


def _now(would: Mapping[str, Any], shown: RulesShown) -> Iterator[RenderableType]:
    yield Text.assemble(("now", "bold"), "  ", (str(would["campaign"]), "bold"), "  if it were planned now")
    if not would["rows"]:
        yield Padding(Text(f"not in {Path(would['contacts']).name}"), INDENT)
    for row in would["rows"]:
        if row["sent"]:
            yield Padding(Text(f"line {row['line']:,} would get this message:", style="green"), INDENT)
            yield from (Padding(Text(line, style="dim"), INDENT) for line in head_lines(row["content"]))
            yield Padding(Text(f"“{row['body']}”", style="dim"), INDENT)
            yield from (Padding(Text(line, style="dim"), INDENT) for line in tail_lines(row["content"]))
        else:
            detail = f"; {row['detail']}" if row["detail"] else ""
            why = f"{row['reason']}: {SENTENCES[Reason(row['reason'])]}{detail}"
            yield Padding(Text(f"line {row['line']:,} would be excluded: {why}"), INDENT)
        yield from shown.lines(row["rules"])


_CONFIDENCE = {"H": "high", "M": "medium", "L": "low"}


def _source(rule: Mapping[str, Any]) -> str:
    """Where a rule of the law stands, and how sure it is that it says so."""
    sure = _CONFIDENCE.get(rule["confidence"] or "")
    return f"{rule['source']}; confidence: {sure}" if sure else str(rule["source"])
