"""The list of an account's templates, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from a2pcli.content.whatsapp_templates import WhatsAppTemplate
from a2pcli.errors import GatewayUnusable
from a2pcli.gateways.engine.protocol import MaybeSent, NotSent, Unsendable

MOST_PAGES = 1_000
"""An account has at most 6,000 templates; a page can be as short as the provider likes."""


async def all_templates(gateway: Any, title: str) -> Sequence[WhatsAppTemplate]:
    """Return the templates of all pages of a gateway whose provider has ``templates_request`` and ``read_templates``.

    Raises ``GatewayUnusable`` if a page cannot be read: an incomplete list would look complete.
    """
    found: list[WhatsAppTemplate] = []
    seen: set[str | None] = set()
    page: str | None = None
    while True:
        if page in seen or len(seen) == MOST_PAGES:
            raise GatewayUnusable(f"{title}'s templates: the list does not end; nothing was changed")
        seen.add(page)
        request = gateway.provider.templates_request(page)
        try:
            response = await gateway._opened().send(request)
            templates, page = gateway.provider.read_templates(response)
        except (NotSent, MaybeSent) as error:
            raise GatewayUnusable(f"{title}'s templates: {error.detail}") from None
        except (Unsendable, ValueError) as error:
            raise GatewayUnusable(f"{title}'s templates: {error}") from None
        found += templates
        if page is None:
            return found
