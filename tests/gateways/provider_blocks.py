"""The blocks of docs/gateways.md, as settings: the tests hold the documentation to what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

DOCUMENT = Path(__file__).parents[2] / "docs" / "gateways.md"
SECRETS = {
    "VONAGE_KEY": "vkey", "VONAGE_SECRET": "vsecret", "INFOBIP_KEY": "ikey", "BIRD_KEY": "bkey",
    "SMS_USER": "user", "SMS_PASSWORD": "p ss&word", "XML_TOKEN": "xtoken", "TWILIO_TOKEN": "ttoken",
    "SMPP_USER": "user", "SMPP_PASSWORD": "smpp pw", "TWILIO_ACCOUNT": "AC" + "0" * 32,
}  # fmt: skip


def documented() -> dict[str, dict[str, Any]]:
    """Every gateway of the YAML blocks in the document, by name, its secrets filled in."""
    found: dict[str, dict[str, Any]] = {}
    for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        filled = re.sub(r"\$\{(\w+)\}", lambda match: SECRETS.get(match[1], "s3cret"), block)
        data = yaml.load(filled, yaml.BaseLoader)
        found |= data.get("gateways", {})
    return found
