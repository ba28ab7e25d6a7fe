"""What the events of well-known providers are mapped to, where ``events.yaml`` says nothing else.

From the providers' own descriptions of what they send: shopify.dev (orders), woocommerce.github.io (orders),
docs.stripe.com (event objects), developer.calendly.com (invitee payloads), developers.hubspot.com (workflow webhooks).
"""

from __future__ import annotations

from collections.abc import Mapping

from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ReadyMap:
    """Expressions in JMESPath: the columns, the idempotency key and when it happened."""

    columns: Mapping[str, str]
    key: str | None
    time: str | None


READY: Mapping[str, ReadyMap] = {
    "shopify": ReadyMap(
        {
            # ``destination`` is that of fulfillments.
            "phone": "phone || customer.phone || shipping_address.phone || billing_address.phone"
            " || destination.phone || customer.default_address.phone",
            "email": "email || contact_email || customer.email",
            "first_name": "customer.first_name || shipping_address.first_name || billing_address.first_name"
            " || destination.first_name",
            "last_name": "customer.last_name || shipping_address.last_name || billing_address.last_name"
            " || destination.last_name",
            "order": "name",
            "total": "total_price",
            "currency": "currency",
            "status_url": "order_status_url",
        },
        "id || token",
        "updated_at || created_at",
    ),
    "woocommerce": ReadyMap(
        {
            "phone": "billing.phone || shipping.phone",
            "email": "billing.email",
            "first_name": "billing.first_name || shipping.first_name",
            "last_name": "billing.last_name || shipping.last_name",
            "country": "billing.country || shipping.country",
            "order": "number",
            "status": "status",
            "total": "total",
            "currency": "currency",
        },
        # An order is reported again whenever it changes: one message for each of its states.
        "join('-', [to_string(id), not_null(status, '')])",
        "date_modified_gmt || date_created_gmt",
    ),
    "stripe": ReadyMap(
        {
            "phone": "data.object.customer_details.phone || data.object.customer_phone"
            " || data.object.billing_details.phone || data.object.shipping.phone || data.object.phone",
            "email": "data.object.customer_details.email || data.object.customer_email"
            " || data.object.billing_details.email || data.object.receipt_email || data.object.email",
            "name": "data.object.customer_details.name || data.object.customer_name"
            " || data.object.billing_details.name || data.object.name",
            "type": "type",
            # What an invoice asks for, as of one that failed nothing was paid.
            "amount": "data.object.amount_total || data.object.amount_due || data.object.amount",
            "currency": "data.object.currency",
        },
        "id",
        "created",
    ),
    "calendly": ReadyMap(
        {
            # The number for reminders, or the one to call if that is how they meet.
            "phone": "payload.text_reminder_number || (payload.scheduled_event.location.type == 'outbound_call'"
            " && payload.scheduled_event.location.location) || ''",
            "email": "payload.email",
            "first_name": "payload.first_name",
            "name": "payload.name",
            "meeting": "payload.scheduled_event.name",
            "starts": "payload.scheduled_event.start_time",
            "timezone": "payload.timezone",
            "cancel_url": "payload.cancel_url",
            "reschedule_url": "payload.reschedule_url",
        },
        "join(' ', [event, payload.uri])",
        "created_at",
    ),
    "hubspot": ReadyMap(
        {
            "phone": "properties.mobilephone.value || properties.phone.value || properties.mobilephone"
            " || properties.phone",
            "email": "properties.email.value || properties.email",
            "first_name": "properties.firstname.value || properties.firstname",
            "last_name": "properties.lastname.value || properties.lastname",
        },
        "eventId",
        "occurredAt",
    ),
    "webhook": ReadyMap({}, None, "timestamp"),
}
