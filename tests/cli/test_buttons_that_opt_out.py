"""Marketing whose button says how to opt out needs no line in the text: people tap it, and the reply opts them out."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project

HEAD = """\
name: c
objective: Tell people
purpose: marketing
contacts: people.csv
message: 20% off until Sunday at ACME
"""
TEMPLATES = """\
gateway: whatsapp
templates:
- name: sale
  language: en_GB
  category: marketing
  status: approved
  body: 20% off until Sunday
  buttons:
  - {type: quick_reply, text: BUTTON}
"""
RCS = "channel: rcs\nrcs:\n  suggestions:\n    - {reply: 'BUTTON'}\n"
CARD = "channel: rcs\nrcs:\n  card:\n    title: 20% off\n    suggestions:\n      - {reply: 'BUTTON'}\n"
WHATSAPP = "channel: whatsapp\nwhatsapp: {template: {name: sale, language: en_GB}}\n"
VIBER = "channel: viber\nviber:\n  button: {text: 'BUTTON', url: https://acme.example/x}\n"
TELEGRAM = "channel: telegram\ntelegram:\n  buttons:\n    - [{text: 'BUTTON', url: https://acme.example/x}]\n"


@pytest.mark.parametrize("block", [RCS, CARD, WHATSAPP, VIBER, TELEGRAM])
@pytest.mark.parametrize(
    ("button", "is_enough"),
    [("Stop", True), ("Unsubscribe", True), ("Show me", False), ("{{ 'Stop' if name else '' }}", False)],
)
def test_a_button_that_opts_out_is_the_way_out(
    tmp_path: Path, block: str, button: str, is_enough: bool
) -> None:
    project = Project(tmp_path)
    project.write("people.csv", "name,phone,viber_id,telegram\nAnna,+447400123456,01234567890A=,12345\n")
    project.write(
        "templates.whatsapp.yaml", TEMPLATES.replace("BUTTON", "Show me" if "{" in button else button)
    )
    project.write("a2pcli.yaml", "consent: assumed\nrules: {no-opt-out: error}\n")
    project.write("c.yaml", HEAD + block.replace("BUTTON", button.replace("'", "''")))
    ran = project.run("check", "c.yaml")
    assert ("does not say how to opt out" not in ran.err) is is_enough, ran.err
    assert "unknown key" not in ran.err
