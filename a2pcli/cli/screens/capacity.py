"""When a plan is done under paces, quotas and people's hours, and what is left of the quotas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.reporting.values import duration, iso, local


def capacity_document(capacity: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What quotas leave to a plan, for ``--json``; None where none binds it."""
    if capacity is None:
        return None
    quotas = [{**one, "resets_at": iso(one["resets_at"])} for one in capacity["quotas"]]
    moments = {key: iso(capacity[key]) for key in ("starts_at", "finishes_at")}
    return {**capacity, **moments, "quotas": quotas}


def capacity_line(summary: Mapping[str, Any], sending: Mapping[str, Any], zone: str | None) -> str:
    """``2 d 4 h: starts 2026-03-01 09:00, ends 2026-03-03 13:00 (80 messages/s, 100,000/day)``."""
    capacity = summary["capacity"]
    limits = pace_texts(sending)
    limits += dict.fromkeys(one["quota"] for one in capacity["quotas"])
    starts, ends = capacity["starts_at"], capacity["finishes_at"]
    named = f"({', '.join(limits)})"
    if ends is None:
        return f"starts {local(starts, zone)}; when it ends cannot be told {named}"
    taken = duration((ends - starts) / 1000)
    return f"{taken}: starts {local(starts, zone)}, ends at about {local(ends, zone)} {named}"


def quota_lines(capacity: Mapping[str, Any] | None, zone: str | None) -> list[str]:
    """What is used and left of each quota, and which other runs use it too."""
    if not capacity:
        return []
    lines = [
        f"{one['quota']} of {one['of']}: {one['used']:,} used, {one['left']:,} left"
        + (f" until {local(one['resets_at'], zone)}" if one["used"] else "")
        for one in capacity["quotas"]
    ]
    if others := capacity["others"]:
        messages = sum(others.values())
        left = "1 message" if messages == 1 else f"{messages:,} messages"
        lines.append(f"{left} of other runs use the same quota: {', '.join(sorted(others))}")
    return lines


def pace_texts(sending: Mapping[str, Any]) -> list[str]:
    """The paces of a run as it stores them: its own, and those of its gateways if it has several."""
    own = [pace_text(sending["rate"])] if sending.get("rate") else []
    gateways: Mapping[str, Any] = sending.get("gateway_rates") or {}
    return own + [f"{pace_text(one)} via {name}" for name, paces in gateways.items() for one in paces]


def pace_text(rate: Mapping[str, Any]) -> str:
    """``20 messages/s``, ``1 message/min``: in the unit in which it is a plain number."""
    units = ((1, "s"), (60, "min"), (3600, "h"))
    seconds, unit = next((one for one in units if rate["per_second"] * one[0] >= 1), units[-1])
    count = rate["per_second"] * seconds
    shown = f"{count:.2f}".rstrip("0").rstrip(".")
    return f"{shown} {rate['unit'].removesuffix('s') if shown == '1' else rate['unit']}/{unit}"
