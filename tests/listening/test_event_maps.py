"""The ready-made maps find the person and the order in what the providers send, in the shape that they publish."""

from __future__ import annotations

from typing import Any

import pytest
from clikit import Project

from a2pcli.actions.event_rules import EventRules
from a2pcli.config.events import load_events
from a2pcli.config.load import load_settings

PERSON = {"first_name": "Zo\u00eb", "last_name": "Lee"}
SHOPIFY_ORDER = {
    "id": 820982911946154508, "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
    "contact_email": "zoe@example.com", "created_at": "2021-12-31T19:00:00-05:00", "currency": "GBP",
    "email": None, "name": "#9999", "order_number": 1234, "phone": None, "total_price": "403.00",
    "order_status_url": "https://shop.example/548380009/orders/abc/authenticate?key=x", "updated_at": None,
    "customer": {**PERSON, "id": 115310627314723954, "phone": None, "email": "zoe@example.com",
                 "default_address": {"phone": "07911 123457"}},
    "shipping_address": {**PERSON, "phone": "07911 123456"}, "billing_address": None,
}  # fmt: skip
SHOPIFY_FULFILLMENT = {
    "id": 123456, "order_id": 820982911946154508, "status": "success", "email": "zoe@example.com",
    "created_at": "2021-12-31T19:00:00-05:00", "tracking_number": "1z827wk74630", "name": "#9999.1",
    "destination": {**PERSON, "phone": "+44 7911 123456"},
}  # fmt: skip
WOOCOMMERCE = {
    "id": 727, "number": "727", "status": "processing", "currency": "GBP", "total": "29.35",
    "date_created_gmt": "2021-12-31T23:59:00", "date_modified_gmt": "2022-01-01T00:00:00",
    "billing": {**PERSON, "country": "GB", "email": "zoe@example.com", "phone": "07911123456"},
    "shipping": {**PERSON, "country": "GB", "phone": ""},
}  # fmt: skip
DETAILS = {"email": "zoe@example.com", "name": "Zo\u00eb Lee", "phone": "+447911123456"}
CALENDLY = {
    "event": "invitee.created", "created_at": "2022-01-01T00:00:00.000000Z",
    "payload": {
        "uri": "https://api.calendly.com/scheduled_events/AAA/invitees/BBB", "email": "zoe@example.com",
        "first_name": "Zo\u00eb", "name": "Zo\u00eb Lee", "text_reminder_number": None, "timezone": "Europe/London",
        "cancel_url": "https://calendly.com/cancellations/BBB",
        "reschedule_url": "https://calendly.com/reschedulings/BBB",
        "scheduled_event": {
            "name": "15 Minute Meeting", "start_time": "2022-01-02T10:00:00.000000Z",
            "location": {"type": "outbound_call", "location": "+44 7911 123456"},
        },
    },
}  # fmt: skip
HUBSPOT = {
    "vid": 12345, "portal-id": 62515,
    "properties": {"phone": {"value": "07911 123456"}, "firstname": {"value": "Zo\u00eb"}, "email": {"value": "z@e.x"}},
}  # fmt: skip
AT = 1_640_995_200_000


def stripe(type: str, **object: Any) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": type, "created": AT // 1000, "data": {"object": object}}


CASES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("shopify", SHOPIFY_ORDER, {"first_name": "Zo\u00eb", "order": "#9999", "total": "403.00",
                                "email": "zoe@example.com", "currency": "GBP"}),
    ("shopify", SHOPIFY_FULFILLMENT, {"first_name": "Zo\u00eb", "order": "#9999.1", "last_name": "Lee"}),
    ("woocommerce", WOOCOMMERCE, {"order": "727", "status": "processing", "country": "GB", "total": "29.35"}),
    ("stripe", stripe("checkout.session.completed", customer_details=DETAILS, amount_total=2000, currency="gbp"),
     {"name": "Zo\u00eb Lee", "amount": "2000", "type": "checkout.session.completed"}),
    ("stripe", stripe("invoice.payment_failed", customer_phone="+447911123456", customer_name="Zo\u00eb Lee",
                      amount_due=1999, amount_paid=0, currency="gbp"), {"amount": "1999", "name": "Zo\u00eb Lee"}),
    ("stripe", stripe("charge.succeeded", billing_details=DETAILS, amount=100, currency="gbp"), {"amount": "100"}),
    ("stripe", stripe("payment_intent.succeeded", shipping={"phone": "+447911123456"}, amount=100), {"amount": "100"}),
    ("stripe", stripe("customer.created", phone="+447911123456", name="Zo\u00eb Lee"), {"name": "Zo\u00eb Lee"}),
    ("calendly", CALENDLY, {"meeting": "15 Minute Meeting", "starts": "2022-01-02T10:00:00.000000Z"}),
    ("hubspot", HUBSPOT, {"first_name": "Zo\u00eb", "email": "z@e.x"}),
    ("hubspot", {"properties": {"mobilephone": "07911 123456", "firstname": "Zo\u00eb"}}, {"first_name": "Zo\u00eb"}),
]  # fmt: skip


def rule(project: Project, source: str) -> Any:
    project.write("a2pcli.yaml", "region: GB\n")
    project.write(
        "order.yaml", "name: o\nobjective: o\npurpose: transactional\ncontacts: s.csv\nmessage: Hi\n"
    )
    text = f"events:\n  it: {{campaign: order.yaml, source: {source}, secret: '${{S}}'}}\n"
    return EventRules(load_events(project.write("events.yaml", text)), load_settings(project.folder)).named(
        "it"
    )


@pytest.mark.parametrize(("source", "data", "expected"), CASES)
def test_the_person_and_the_order_are_found(
    project: Project, source: str, data: dict[str, Any], expected: dict[str, str]
) -> None:
    new = rule(project, source).read(data, source=source, otherwise="body 1")
    assert new.address == "+447911123456"
    assert {name: new.data[name] for name in expected} == expected
    if source != "hubspot":
        assert new.occurred_at == AT, "when it happened"
        assert new.key != "body 1", "its own key"


def test_an_invitee_without_a_number_has_none(project: Project) -> None:
    payload = {
        **CALENDLY["payload"],
        "scheduled_event": {"location": {"type": "physical", "location": "Room 7"}},
    }
    new = rule(project, "calendly").read({**CALENDLY, "payload": payload}, source="calendly")
    assert (new.address, new.data["phone"]) == (None, "")
