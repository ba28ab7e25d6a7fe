"""``replies test`` says what the listener would do."""

from __future__ import annotations

from answerkit import ANN
from clikit import Project


def test_a_trial_sends_nothing_to_the_inbox_that_the_listener_would_not(project: Project) -> None:
    project.write("a2pcli.yaml", "region: GB\n")
    for text, why in (("START", "the person has not opted out"), ("Liked “STOP”", "a reaction")):
        ran = project.run("replies", "test", text, "--from", ANN)
        assert why in ran.out
        assert "inbox" not in ran.out
