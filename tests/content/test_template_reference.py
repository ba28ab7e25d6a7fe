"""docs/templates.md says what is so: every example in it is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from templatekit import frame, rows, template

from a2pcli.content.sandbox import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(
    r"^\| `(?P<source>.+?)` \| (?P<cells>\S.*?) \| (?:`(?P<body>.+)`|excluded: (?P<reason>\S+)) \|$"
)
EXAMPLES = [found for line in PAGE.splitlines() if (found := EXAMPLE.match(line))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["source"])
def test_an_example_gives_what_the_page_says(example: re.Match[str]) -> None:
    name, _, cell = example["cells"].partition("=")
    cell = "x" * 500 if cell == "(500 letters)" else cell
    compiled = template(example["source"].replace("\\|", "|"), {name}, locale="en_GB")
    ((body, reason, _),) = rows(compiled.render_column(frame(**{name: [cell]})))
    assert (body, reason) == (example["body"], example["reason"])


def test_the_page_has_examples_and_names_every_filter() -> None:
    assert len(EXAMPLES) == 29
    filters = {name for name in Sandbox("en").filters if not name.startswith("@")}
    assert {name for name in filters if not re.search(rf"\b{name}\b", PAGE)} == set()
