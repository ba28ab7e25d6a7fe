"""A signed request does once what it asks for, also if it is sent again to a listener that was started again."""

from __future__ import annotations

import json

import httpx
from answerkit import ANN, BEN, SHOP, kannel
from clikit import Project
from listenkit import SECRET, listener
from partkit import signed

from a2pcli.ledger.conversations import Heard
from a2pcli.ledger.store import Ledger

TOKENS = "  tokens: {till: {secret: '${KANNEL_SECRET}', scopes: [events, inbox], signed: yes}}\n"
CAMPAIGN = """\
name: order-paid
objective: Tell people that their order was paid
purpose: transactional
contacts: sample.csv
sender: "12345"
message: "Order {{ order }} is paid."
"""
EVENTS = "events: {paid: {campaign: paid.yaml, map: {phone: phone, order: order}}}\n"


def test_what_was_done_before_a_restart_is_not_done_again(project: Project) -> None:
    project.write("paid.yaml", CAMPAIGN)
    project.write("sample.csv", "phone,order\n07911123456,7\n")
    project.write("events.yaml", EVENTS)
    project.run("ledger", "create")
    with Ledger.open_with(str(project.folder / ".a2pcli/ledger.db"), None) as ledger:
        one = ledger.conversations.hear(Heard(BEN, "sms", "kannel", SHOP, None, "no rule matches it"))

    def asked(path: str, document: object) -> tuple[str, bytes, dict[str, str]]:
        body = json.dumps(document).encode()
        return path, body, signed("till", SECRET, "POST", path, body)

    answer = asked(f"/agents/{one.code}", {"text": "At nine."})
    event = asked("/events/paid", {"phone": ANN, "order": "8"})
    with kannel() as provider:
        settings = provider.settings("gateway: kannel") + TOKENS
        found = []
        for _ in range(2):
            with listener(project.folder, settings=settings) as heard:
                for path, body, headers in (answer, event):
                    done = httpx.post(heard.url + path, content=body, headers=headers, timeout=60)
                    assert done.status_code in (200, 202), done.text
                    found.append(done.json())
                assert len(provider.until(2)) == 2
                again = httpx.post(heard.url + answer[0], content=answer[1], headers=answer[2], timeout=60)
                assert again.status_code == 409
        assert sorted(provider.got) == [(SHOP, ANN, "Order 8 is paid."), (SHOP, BEN, "At nine.")]
    assert [one.get("duplicate", not one.get("is_new")) for one in found] == [False, False, True, True]
