"""A campaign of two channels, by email and then by SMS, with its people, prices and settings."""

from __future__ import annotations

CAMPAIGN = """\
name: order
objective: Tell people that their order is on its way
purpose: transactional
contacts: people.csv
channels:
  email: {gateway: mail, sender: shop@example.com}
  sms: {gateway: text, sender: ACME}
fallback: {when: [rejected, undelivered]}
message: "Hello {{ name }}, your order is on its way"
email: {subject: "Order of {{ name }}"}
"""
RATES = """\
gateway,channel,country,prefix,category,unit,price,surcharge,currency,valid_from,valid_to
*,sms,GB,,,part,0.04,,GBP,,
*,email,*,,,message,0.001,,GBP,,
"""
SETTINGS = """\
region: GB
rates: rates.csv
gateways:
"""


def people_of(many: int) -> str:
    """So many contacts, each with an email address and a phone number."""
    lines = (f"P{n},+447400{n:06},p{n}@example.org,GB\n" for n in range(many))
    return "name,phone,email,country\n" + "".join(lines)


def files_of(settings: str, people: int) -> dict[str, str]:
    """The files of the project by name, but for the campaign's; ``settings`` are the blocks of its gateways."""
    return {"people.csv": people_of(people), "rates.csv": RATES, "a2pcli.yaml": SETTINGS + settings}
