"""The reference is made from the models."""

from __future__ import annotations

from typing import Any

import pytest

from a2pcli.config.schema import keys, markdown


@pytest.mark.parametrize("kind", ["campaign", "settings"])
def test_every_key_has_a_meaning(kind: Any) -> None:
    assert all(key.meaning for key in keys(kind))


def test_the_reference_names_keys_at_every_level_with_defaults_and_choices() -> None:
    text = markdown("campaign")
    assert "| `name` | **required** |" in text
    assert "| `variants.NAME.weight` | `1` |" in text
    assert "(`marketing`, `transactional`, `otp`, `emergency`)" in text
    assert "| `numbers.allow_fictional` | `false` |" in markdown("settings")
