"""The usual script: pandas, phonenumbers and jinja2, row by row, as well as such a script is written.

It reads everything as text, skips broken numbers, removes duplicates, renders, counts parts and prices, and
writes the result to a CSV. It keeps no ledger, so nothing it did survives a crash.
"""

from __future__ import annotations

import csv
import math
import sys
from decimal import Decimal

import jinja2
import pandas as pd
import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

TEMPLATE = (
    "Hi {{ first_name }}, you have {{ points }} points"
    "{% if plan == 'gold' %} and gold members get 20% off{% endif %}. See {{ city }} offers. Reply STOP to opt out"
)
MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
PRICES = {"GB": Decimal("0.04"), "US": Decimal("0.0079"), "DE": Decimal("0.075"), "FR": Decimal("0.065")}


def parts_of(text: str) -> int:
    if all(character in GSM for character in text):
        return 1 if len(text) <= 160 else math.ceil(len(text) / 153)
    units = len(text.encode("utf-16-le")) // 2
    return 1 if units <= 70 else math.ceil(units / 67)


def main(contacts: str, out: str) -> None:
    frame = pd.read_csv(contacts, dtype=str, keep_default_na=False)
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(TEMPLATE)
    seen: set[str] = set()
    cost: dict[str, Decimal] = {}
    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in frame.to_dict("records"):
            try:
                number = phonenumbers.parse(row["mobile"], "GB")
            except phonenumbers.NumberParseException:
                continue
            if not phonenumbers.is_valid_number(number):
                continue
            if phonenumbers.number_type(number) not in MOBILE:
                continue
            to = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            if to in seen:
                continue
            seen.add(to)
            country = phonenumbers.region_code_for_number(number) or ""
            body = template.render(**row)
            parts = parts_of(body)
            if country in PRICES:
                cost[country] = cost.get(country, Decimal(0)) + PRICES[country] * parts
            writer.writerow([to, country, body, parts])
    print(len(seen), "messages", {country: str(amount) for country, amount in cost.items()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
