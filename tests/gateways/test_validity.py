"""Providers are told for how long to try a message that another channel comes after: the shorter time counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from provider_blocks import documented

from a2pcli.errors import A2PError
from a2pcli.gateways.providers.common import validity_of
from a2pcli.gateways.registry import create
from a2pcli.messages import Message

MESSAGE = Message(1, "r2345678-000001", "+447400000001", "Hello", sender="ACME")


@pytest.mark.parametrize(
    ("ours", "wanted", "told"), [(None, None, None), (600, None, 600), (600, 60, 60), (9, 600, 9)]
)
def test_the_shorter_time_counts(ours: int | None, wanted: int | None, told: int | None) -> None:
    assert validity_of(ours, replace(MESSAGE, validity=wanted)) == told


@pytest.mark.parametrize("name", sorted(documented()))
def test_a_gateway_that_says_it_lets_messages_expire_writes_the_time_into_the_request(
    name: str, tmp_path: Path
) -> None:
    """Whatever the provider calls it: the request for a message with a time is another one."""
    block = {key: value for key, value in documented()[name].items() if key not in ("validity", "ttl")}
    try:
        gateway = create(name, {"type": name, **block, "folder": tmp_path})
    except A2PError:
        pytest.skip("its library is not installed")
    provider = getattr(gateway, "provider", None)
    if not gateway.capabilities.expires or provider is None or "sms" not in gateway.capabilities.channels:
        pytest.skip("it cannot tell the provider a time")
    without, with_time = (provider.request([replace(MESSAGE, validity=seconds)]) for seconds in (None, 1_800))
    said = (with_time.body.decode(), str(with_time.headers), with_time.url)
    assert said != (without.body.decode(), str(without.headers), without.url)
    assert any(word in "".join(said) for word in ("1800", "1800000", "30"))
