"""A name of a column in a hint can be pasted into a campaign as it stands."""

from __future__ import annotations

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from a2pcli.contacts.columns import in_yaml


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1))
@example("Postal: code")
@example("no")
@example("NULL")
@example("2")
@example("To, or From")
@example("#")
@example("a #b")
@example('say "yes"')
def test_a_columns_name_means_itself_in_a_campaign(name: str) -> None:
    written = in_yaml(name)
    assert yaml.safe_load(f"{{columns: {{phone: {written}}}, ignore: [{written}]}}") == {
        "columns": {"phone": name},
        "ignore": [name],
    }
