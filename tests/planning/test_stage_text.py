"""What planning does to a text: composed, plain where that saves money, refused where it is too long."""

from __future__ import annotations

import pytest
from clikit import CAMPAIGN, Project


def planned(project: Project, name: str, message: str = "Hi {{ first_name }}, sale. Reply STOP"):
    campaign = CAMPAIGN.replace("Hi {{ first_name }}, 20% off until Sunday. Reply STOP to opt out", message)
    project.starter(campaign=campaign, people=f"mobile,first_name\n07911123456,{name}\n")
    return project.run("preview", "sale.yaml", "--row", "2", "--json").json["rows"][0]


def test_a_decomposed_accent_is_composed_and_does_not_force_ucs2(project: Project):
    row = planned(project, "Rene\u0301")
    assert row["body"] == "Hi Ren\u00e9, sale. Reply STOP"
    assert row["encoding"] == "GSM-7"


def test_typography_is_left_alone_where_the_message_stays_ucs2_anyway(project: Project):
    row = planned(project, "\u201cŁukasz\u201d")
    assert row["body"].startswith("Hi \u201cŁukasz\u201d")
    assert row["encoding"] == "UCS-2"
    assert row["replacements"] == []


@pytest.mark.parametrize(("characters", "parts", "reason"), [(918, 6, None), (919, 7, "too-long")])
def test_six_parts_leave_and_seven_do_not(project: Project, characters: int, parts: int, reason: str | None):
    row = planned(project, "x", message="a" * characters)
    assert (row["parts"], row["reason"]) == (parts, reason)


def test_an_escape_pair_is_never_split_so_the_count_is_exact(project: Project):
    assert planned(project, "x", message="a" * 152 + "€" + "a" * 152)["parts"] == 3
