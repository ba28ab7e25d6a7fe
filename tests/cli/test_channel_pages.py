"""The campaigns of docs/channels.md do what the page says, through the outbox."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from clikit import Project
from test_docs_examples import blocks

from a2pcli.ledger.records import now_ms

CAMPAIGNS = {
    data["channel"]: text
    for text in blocks(Path(__file__).parents[2] / "docs" / "channels.md", "yaml")
    for data in [yaml.safe_load(text)]
}
PEOPLE = (
    "first_name,phone,telegram,messenger,viber_id,code,area,until,extra\n"
    "Anna,+447400123456,123456,47114711,01234567890A=,a1,North,18:30,\n"
)
CONTENTS = {
    "mms": {
        "subject": "Your ticket, Anna",
        "media": [{"url": "https://shop.example/tickets/a1.png", "type": "image/png", "size": 340_000}],
    },
    "telegram": {
        "text": "<b>Power cut in North</b>\nHello Anna, we expect it back at 18:30.",
        "parse_mode": "HTML",
        "photo": "https://shop.example/outages/north.png",
        "buttons": [
            [{"text": "Follow the repair", "url": "https://shop.example/outages/north"}],
            [{"text": "Help", "url": "https://shop.example/help"}],
        ],
    },
    "messenger": {
        "image": "https://shop.example/items/a1.jpg",
        "title": "Anna, it is back",
        "subtitle": "We keep one for you until Friday.",
        "buttons": [{"text": "Reserve", "url": "https://shop.example/items/a1"}],
    },
    "viber": {
        "image": "https://shop.example/parcels/a1.jpg",
        "button": {"text": "Follow it", "url": "https://shop.example/parcels/a1"},
    },
    "viber_business": {
        "image": "https://shop.example/parcels/a1.jpg",
        "button": {"text": "Follow it", "url": "https://shop.example/parcels/a1"},
    },
}


@pytest.mark.parametrize("channel", list(CONTENTS))
def test_the_pages_campaign_is_checked_and_sent(tmp_path: Path, channel: str) -> None:
    project = Project(tmp_path)
    project.write("people.csv", PEOPLE)
    project.write("c.yaml", CAMPAIGNS[channel])
    assert project.run("ledger", "create").status == 0
    if channel == "messenger":  # which takes a message without a tag only from those who wrote
        at = datetime.fromtimestamp(now_ms() / 1000, UTC)
        project.write("r.csv", f"phone,text,time\nmessenger:47114711,hello,{at:%Y-%m-%dT%H:%M:%SZ}\n")
        assert project.run("optout", "replies", "r.csv", "--gateway", "outbox").status == 0
    checked = project.run("check", "c.yaml")
    assert (checked.status, "0 errors" in checked.err) == (0, True), checked.err
    assert project.run("send", "c.yaml", "--yes").status == 0
    (message,) = project.outbox()
    assert message["content"] == CONTENTS[channel]
    assert (message["channel"], "Anna" in message["body"] or channel == "mms") == (channel, True)


def test_a_phone_number_is_no_viber_id(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("people.csv", PEOPLE.replace("01234567890A=", "+447400123456"))
    project.write("c.yaml", CAMPAIGNS["viber"])
    assert project.run("ledger", "create").status == 0
    (row,) = project.run("preview", "c.yaml", "--row", "2", "--json").json["rows"]
    assert row["reason"] == "invalid-address"
    assert "is no phone number" in row["detail"]
