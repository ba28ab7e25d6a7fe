"""The stages of planning. Read ``STAGES`` from top to bottom: it is the product's story.

Each stage takes a chunk and the compiled spec and adds columns; a row it refuses gets its reason and is passed
over by every later stage. What a stage decides depends on the row alone; what depends on other rows
(duplicates, --limit) follows in ``pipeline``, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.columns import read_column
from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.totals import MAYBE_TOTAL, TOTAL, Verdict, judge_rows
from a2pcli.contacts.number_regions import number_regions, residences
from a2pcli.content.encoding import measure_column
from a2pcli.content.fitness import characters
from a2pcli.content.smart import plain_column
from a2pcli.content.special import SpecialCharacters
from a2pcli.content.templates import MessageTemplate
from a2pcli.frame import Frame, one_piece
from a2pcli.planning.consent import consented
from a2pcli.planning.contents import composed
from a2pcli.planning.frames import (
    IDENTITY,
    OWN,
    Mask,
    alive,
    among,
    drop,
    identities,
    mask_of,
    merge_reasons,
    selected,
    spread,
)
from a2pcli.planning.kept_words import template_kept, wording_kept
from a2pcli.planning.legs import beyond_ascii, inside, of_people, only_by
from a2pcli.planning.optouts import suppressed, suppressed_by_sender
from a2pcli.planning.people import BY_OTHER, NOBODY, among_others, hashed_keys, keys_of, other_addresses
from a2pcli.planning.places import placed
from a2pcli.planning.refusals import refused
from a2pcli.planning.routing import ROUTE, routed
from a2pcli.planning.senders import choose_senders, refuse_without_sender
from a2pcli.planning.shares import arms, shares
from a2pcli.planning.spec import CompiledSpec, PlanSpec
from a2pcli.planning.standing_in import INSTEAD, as_if_outside, keep, may_stand_in
from a2pcli.planning.unsubscribing import linked
from a2pcli.planning.where import filtered
from a2pcli.planning.window import OUTSIDE, WINDOW, made_free, needs_window, windowed
from a2pcli.reasons import Reason

Stage = Callable[[Frame, CompiledSpec], None]


def addressed(frame: Frame, compiled: CompiledSpec) -> None:
    """Read the address cell into an address or a reason; collect the row's other addresses of the same person."""
    cells = frame[compiled.spec.address]
    frame["@cell"] = cells
    countries = compiled.spec.facts.columns("country")
    regions = number_regions(frame, countries) if compiled.channel.kind is Kind.PHONE else None
    found = read_column(cells, compiled.channel.kind, compiled.spec.policy, compiled.channel.network, regions)
    whole = alive(frame)
    for column in ("@address", "@spelling", "@type", "@country", "@repairs"):
        frame[column] = found[column]
    if compiled.channel.kind is not Kind.PHONE:
        frame["@country"] = residences(frame, countries)
    if whole.all():
        frame["@reason"] = found["@reason"]
        frame["@detail"] = found["@detail"]
    else:
        merge_reasons(frame, found["@reason"], found["@detail"])
    if compiled.channel.kind is Kind.HANDLE:
        _refuse_totals(frame, compiled.spec)
    if compiled.channel.kind is Kind.EMAIL and compiled.spec.ascii_mailboxes:
        _refuse_beyond_ascii(frame, compiled.spec)
    frame["@person"] = pa.array(keys_of(frame["@address"]))
    frame["@others"] = other_addresses(frame, compiled.spec)


def _refuse_totals(frame: Frame, spec: PlanSpec) -> None:
    """Exclude rows that add up the others: their count or sum would be read as a chat id."""
    columns = [frame[name] for name in spec.known if name in frame and name != spec.address]
    verdicts = judge_rows(frame["@address"], columns)
    total = verdicts == Verdict.YES
    if total.any():
        drop(frame, total, Reason.INVALID_ADDRESS, TOTAL)
        frame["@address"] = pc.if_else(pa.array(total), pa.scalar(None, pa.string()), frame["@address"])
    maybe = pa.array(verdicts == Verdict.MAYBE)
    frame["@detail"] = pc.if_else(
        maybe, pc.coalesce(frame["@detail"], pa.scalar(MAYBE_TOTAL)), frame["@detail"]
    )


def _refuse_beyond_ascii(frame: Frame, spec: PlanSpec) -> None:
    """Exclude email addresses that no gateway would take."""
    who = f"gateway '{spec.gateway}' takes"
    if spec.route is not None:
        who = f"the gateways of the route '{spec.route.route.name}' take"
    detail = f"{who} no letters beyond ASCII before the @"
    drop(frame, only_by(frame, spec, beyond_ascii(frame, spec)), Reason.INVALID_ADDRESS, detail)


def sender_chosen(frame: Frame, compiled: CompiledSpec) -> None:
    """Choose the sender permitted for the destination, always the same one for a person."""
    choose_senders(frame, compiled.spec.senders)


def excluded(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude rows that the campaign lists under ``exclude:``."""
    people = frame["@person"].to_numpy()
    for members, reason in (
        (compiled.spec.people.excluded_list, Reason.EXCLUDED_LIST),
        (compiled.spec.people.excluded_runs, Reason.EXCLUDED_RUN),
    ):
        drop(frame, among(people, members), reason)
        drop(frame, among_others(frame, members), reason, BY_OTHER)


def verified(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude addresses that nobody verified, in campaigns that ask for it."""
    members = compiled.spec.people.verified
    if members is not None:
        drop(frame, ~among(keys_of(frame["@address"]), members), Reason.NOT_VERIFIED)


def in_countries(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude rows outside the campaign's ``countries:``."""
    if not compiled.spec.countries:
        return
    countries = frame["@country"]
    outside = ~mask_of(pc.is_in(countries, pa.array(compiled.spec.countries, pa.string())))
    for country in pc.unique(countries.filter(pa.array(outside))).to_pylist():
        here = pc.is_null(countries) if country is None else pc.equal(countries, country)
        detail = f"{compiled.of_country} {country or 'no country'}"
        drop(frame, outside & mask_of(here), Reason.COUNTRY_NOT_ALLOWED, detail)


def reachable(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude people the channel cannot reach, according to the provider."""
    spec = compiled.spec
    drop(frame, only_by(frame, spec, of_people(frame, spec.people.unreachable)), Reason.NOT_REACHABLE)


def held_out(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude the control group of ``holdout:``, chosen by the address alone."""
    if not compiled.spec.holdout:
        return
    rows = alive(frame)
    addresses = identities(frame).filter(pa.array(rows)).to_pylist()
    out = np.zeros(len(frame), dtype=np.bool_)
    out[rows] = shares(compiled.spec.campaign, "holdout", addresses) < compiled.spec.holdout
    drop(frame, out, Reason.HOLDOUT)


def sender_refused(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude rows without a permitted sender, because sending would fail."""
    refuse_without_sender(frame, compiled.spec.senders)


def distinguished(frame: Frame, compiled: CompiledSpec) -> None:
    """Apply ``once_per:``, which makes one person several: one for each appointment, order, …"""
    own = frame["@person"]
    if compiled.once_per is not None:
        rows = alive(frame)
        values = _render(frame, rows, compiled.once_per).to_pylist()
        chosen = pa.array(alive(frame))
        own = _distinct(chosen, frame["@address"], values)
        frame["@person"] = _distinct(chosen, frame[IDENTITY], values) if IDENTITY in frame else own
    elif IDENTITY in frame:
        frame["@person"] = pa.array(keys_of(frame[IDENTITY]))
    if IDENTITY in frame:
        frame[OWN] = own


def _distinct(chosen: pa.Array, addresses: pa.Array, values: Sequence[str | None]) -> pa.Array:
    addresses = pc.if_else(chosen, addresses, pa.scalar(None, pa.string()))
    return pa.array(hashed_keys(addresses.to_pylist(), values))


def rendered(frame: Frame, compiled: CompiledSpec) -> None:
    """Render the message of each row, with its arm's template."""
    rows = alive(frame)
    if len(compiled.messages) == 1:
        frame["@body"] = _text(frame, rows, compiled.messages[0])
        frame["@variant"] = pa.nulls(len(frame), pa.string())
        return
    addresses = identities(frame).filter(pa.array(rows)).to_pylist()
    chosen = np.full(len(frame), -1)
    chosen[rows] = arms(shares(compiled.spec.campaign, "variants", addresses), compiled.weights)
    bodies = pa.nulls(len(frame), pa.string())
    for place, template in enumerate(compiled.messages):
        mine = chosen == place
        bodies = pc.if_else(pa.array(mine), _text(frame, mine, template), bodies)
    frame["@body"] = bodies
    names = pa.array([arm.name for arm in compiled.spec.arms], pa.string())
    frame["@variant"] = names.take(pa.array(chosen, mask=chosen < 0))


def with_content(frame: Frame, compiled: CompiledSpec) -> None:
    """Add the content besides the text: an email's subject and HTML, a picture, buttons. The text may come from its
    markup."""
    if compiled.spec.people.in_window is not None:
        windowed(frame, inside(frame, compiled.spec))
    with_own_content(frame, compiled)


def with_own_content(frame: Frame, compiled: CompiledSpec) -> None:
    """Add what the channel's block says; exclude messages that need a service window which is not open."""
    if compiled.contents:
        composed(frame, compiled.contents)
    if WINDOW in frame:
        closed = needs_window(frame["@content"]) & ~mask_of(frame[WINDOW])
        drop(frame, closed, Reason.OUTSIDE_WINDOW, OUTSIDE)


def measured(frame: Frame, compiled: CompiledSpec) -> None:
    """Remove invisible characters, replace typography if that saves parts, and count units and parts. (Templates
    return NFC.)"""
    rows = alive(frame)
    bodies = one_piece(frame["@body"])  # null in excluded rows
    in_parts = compiled.channel.parts
    replaced = np.zeros(len(frame), dtype=np.int32)
    special = SpecialCharacters.of(bodies)
    if in_parts:
        bodies, replaced = plain_column(bodies, use_smart=compiled.spec.smart, special=special)
        frame["@body"] = bodies
    count = measure_column(bodies, special=None if replaced.any() else special)
    parts = count.parts if in_parts else np.ones(len(frame), dtype=np.int16)
    others = None if rows.all() else ~rows
    frame["@replaced"] = pa.array(replaced, pa.int32(), mask=others)
    frame["@ucs2"] = pa.array(count.ucs2, mask=others)
    frame["@units"] = pa.array(count.units, pa.int32(), mask=others)
    frame["@parts"] = pa.array(parts, pa.int16(), mask=others)
    drop(frame, count.invalid & rows, Reason.INVALID_TEXT)
    if most := compiled.channel.text:
        _drop_longer(frame, bodies, rows, most)
    limit = compiled.spec.max_parts
    drop(frame, rows & (parts > limit), Reason.TOO_LONG, f"the limit is {limit} parts")


def priced(frame: Frame, compiled: CompiledSpec) -> None:
    """Set the cost; null if unpriced, because an unknown price is never 0."""
    size = len(frame)
    frame["@cost"] = pa.nulls(size, pa.int64())
    frame["@currency"] = pa.nulls(size, pa.string())
    rows = alive(frame)
    if compiled.spec.route is not None:
        routed(frame, rows, compiled, compiled.spec.route)
    elif compiled.rates is not None and rows.any():
        taken = pa.array(rows)
        price = compiled.rates.price_column(
            gateway=compiled.spec.gateway,
            channel=compiled.spec.channel,
            on=compiled.spec.today,
            countries=frame["@country"].filter(taken),
            numbers=frame["@address"].filter(taken),
            parts=frame["@parts"].filter(taken).to_numpy(zero_copy_only=False),
            category=compiled.category,
        )
        frame["@cost"] = spread(pa.array(price.cost, pa.int64(), mask=~price.known), rows)
        frame["@currency"] = spread(pa.array(price.currency, pa.string()), rows)
        if compiled.is_free_in_window and WINDOW in frame:
            made_free(frame, rows, compiled.rates.currency)
    if compiled.spec.exclude_unpriced:
        drop(frame, mask_of(pc.is_null(frame["@cost"])), Reason.UNPRICED)


def stood_in(frame: Frame, compiled: CompiledSpec) -> None:
    """Make the template for people whose service window may close before their turn."""
    rows = may_stand_in(frame, compiled)
    if rows is None:
        return
    made = as_if_outside(frame, rows)
    for stage in (rendered, with_own_content, measured, wording_kept, template_kept, priced):
        stage(made, compiled)
    keep(frame, rows, made)


def already_sent(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude people who already got this occurrence of the campaign."""
    people = frame["@person"].to_numpy(zero_copy_only=False)
    drop(frame, among(people, compiled.spec.people.reached), Reason.ALREADY_SENT)
    if OWN in frame:  # it may have gone to this channel's address before
        own = frame[OWN].to_numpy(zero_copy_only=False)
        drop(frame, among(own, compiled.spec.people.reached), Reason.ALREADY_SENT)
    if compiled.once_per is None:  # the campaign may have gone to another address before, by another channel
        drop(frame, among_others(frame, compiled.spec.people.reached), Reason.ALREADY_SENT, BY_OTHER)


STAGES: tuple[Stage, ...] = (
    addressed,
    sender_chosen,
    suppressed,
    suppressed_by_sender,
    excluded,
    in_countries,
    verified,
    filtered,
    refused,
    consented,
    reachable,
    held_out,
    sender_refused,
    distinguished,
    already_sent,
    linked,
    rendered,
    with_content,
    measured,
    wording_kept,
    template_kept,
    priced,
    stood_in,
    placed,
)

RESULT_COLUMNS = (
    "@line", "@cell", "@address", "@spelling", "@others", "@sender", "@type", "@country", "@repairs",
    "@reason", "@detail", "@rule", "@person", "@variant", "@body", "@replaced", "@ucs2", "@units", "@parts",
    "@cost", "@currency", "@consent_until", "@consent", "@place", "@content",
    ROUTE,
)  # fmt: skip


def run_stages(frame: Frame, compiled: CompiledSpec) -> Frame:
    """Run all stages over one chunk and return its result columns."""
    begin(frame)
    for stage in STAGES:
        stage(frame, compiled)
    return frame.select(result_columns(frame))


def result_columns(frame: Frame) -> tuple[str, ...]:
    """Return the columns of a planned chunk."""
    return (*RESULT_COLUMNS, INSTEAD) if INSTEAD in frame else RESULT_COLUMNS


def begin(frame: Frame) -> None:
    """Add the columns that stages fill for some rows."""
    for column in ("@reason", "@detail", "@rule"):
        if column not in frame:
            frame[column] = pa.nulls(len(frame), pa.string())
    frame["@consent_until"] = pa.nulls(len(frame), pa.int64())
    frame["@consent"] = pa.nulls(len(frame), pa.string())
    frame["@content"] = pa.nulls(len(frame), pa.string())
    frame[ROUTE] = pa.nulls(len(frame), pa.string())


def _drop_longer(frame: Frame, bodies: pa.Array, rows: Mask, most: int) -> None:
    """Exclude rows whose text has more characters than the channel accepts."""
    maybe = rows & (pc.fill_null(pc.binary_length(bodies), 0).to_numpy(zero_copy_only=False) > most)
    for row in np.flatnonzero(maybe).tolist():
        count = characters(bodies[row].as_py())
        maybe[row] = count > most
    drop(frame, maybe, Reason.TOO_LONG, f"the limit is {most:,} characters")


def _text(frame: Frame, rows: Mask, template: MessageTemplate) -> pa.Array:
    """Return the texts of these rows; null if they come from markup."""
    return pa.nulls(len(frame), pa.string()) if template.markup else _render(frame, rows, template)


def _render(frame: Frame, rows: Mask, template: MessageTemplate) -> pa.Array:
    """Render the template over ``rows``; rows on which it fails get a reason."""
    if not rows.any():
        return pa.nulls(len(frame), pa.string())
    result = template.render_column(selected(frame, rows, template.columns))
    if result.reasons is not None:
        merge_reasons(frame, spread(result.reasons, rows), spread(result.details, rows))
    return spread(result.bodies, rows)


__all__ = ["NOBODY", "RESULT_COLUMNS", "STAGES", "run_stages"]
