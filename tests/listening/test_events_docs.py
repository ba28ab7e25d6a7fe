"""What docs/events.md shows works as it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from clikit import Project

from a2pcli.config.event_maps import READY
from a2pcli.config.events import load_events
from a2pcli.config.load import load_campaign

PAGE = (Path(__file__).parents[2] / "docs/events.md").read_text()
BLOCKS = re.findall(r"```(\w+) ?(\S*)\n(.*?)```", PAGE, re.DOTALL)
UNNAMED = [text for kind, name, text in BLOCKS if kind == "yaml" and not name]


def test_the_example_shows_what_the_page_says(project: Project) -> None:
    for _, name, text in BLOCKS:
        if name:
            project.write(name, text)
    (command,) = [text for kind, _, text in BLOCKS if kind == "sh"]
    (shown,) = [text for kind, _, text in BLOCKS if kind == "text"]
    ran = project.run(*shlex.split(command)[1:])
    assert (ran.status, ran.out) == (0, shown), ran.err
    assert project.run("check", "order_paid.yaml", SHOP_TOKEN="0123456789abcdef0123").status == 0


def test_the_campaigns_of_the_page_are_valid(project: Project) -> None:
    campaigns = [(name, text) for _, name, text in BLOCKS if text.startswith("name:")]
    assert [name for name, _ in campaigns] == ["order_paid.yaml", "order_update.yaml"]
    for name, text in campaigns:
        assert load_campaign(project.write(name, text)).campaign.purpose == "transactional"


@pytest.mark.parametrize("number", range(len(UNNAMED)))
def test_each_example_of_the_file_is_valid(project: Project, number: int) -> None:
    assert load_events(project.write("events.yaml", UNNAMED[number])).file.events


def test_the_page_lists_the_ready_columns_of_each_source() -> None:
    for source, ready in READY.items():
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{source}` |")]
        listed = re.sub(r" \(.*?\)", "", row.split("|")[4]).strip()
        assert listed.startswith("none") if not ready.columns else listed.split(", ") == list(ready.columns)
