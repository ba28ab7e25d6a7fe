"""The campaigns in ``campaigns/`` are there to start from: each goes through the outbox as it stands, at one hour."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from clikit import Project

ROOT = Path(__file__).parents[2]
STARTERS = {
    "mms_pickup": ({"mms"}, "media"),
    "messenger_shipped": ({"messenger"}, "image"),
    "order_update": ({"email", "sms"}, "subject"),
    "rcs_card": ({"rcs"}, "card"),
    "viber_delivery": ({"viber"}, "button"),
    "viber_parcel": ({"viber_business"}, "button"),
    "whatsapp_order": ({"whatsapp", "sms"}, "template"),
}
"""Of each its channels, and what its content has. Newsletter and Telegram alert have tests of their own."""


@pytest.mark.parametrize("name", STARTERS)
def test_the_starter_of_a_channel_goes_through_the_outbox(tmp_path: Path, name: str) -> None:
    shutil.copytree(ROOT / "campaigns", tmp_path / "campaigns", ignore=shutil.ignore_patterns(".a2pcli*"))
    shutil.copy(ROOT / "sample_contacts.csv", tmp_path)
    project = Project(tmp_path / "campaigns")
    assert project.run("ledger", "create").status == 0
    sent = project.run("send", f"{name}.yaml", "--yes")
    assert (sent.status, "finished  run" in sent.out) == (0, True), sent.err
    messages = project.outbox()
    channels, content = STARTERS[name]
    assert {one["channel"] for one in messages} == channels
    assert all(content in one["content"] for one in messages if one["channel"] != "sms")


def test_every_channel_has_a_starter() -> None:
    from a2pcli.channels import OFFERED

    covered = set().union(*(channels for channels, _ in STARTERS.values())) | {"telegram"}
    assert covered == {*OFFERED}
