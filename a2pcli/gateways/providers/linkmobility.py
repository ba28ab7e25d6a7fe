"""LINK Mobility: SMS by the PSWin XML gateway, in batches.

It takes no reference of ours and no idempotency key, and cannot be asked: a request without an answer stays
``unknown``, and receipts find their message by the gateway's reference, which an account must have switched on. A
message's place in the batch is its ``ID``. The URL that is called back belongs to the account.

Refusals come with a sentence and no code.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from pydantic import Field, SecretStr

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse, of_whole_batch
from a2pcli.gateways.callbacks import Callback, CallbackRequest, Reply, one_receipt, one_reply
from a2pcli.gateways.codes import outcome_of, safe_id
from a2pcli.gateways.engine.statuses import by_status, unreadable
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    ProviderGateway,
    Url,
    digits,
    is_unicode,
    shown,
    validity_of,
)
from a2pcli.messages import Message, Outcome, Verdict

_HEAD = '<?xml version="1.0" encoding="ISO-8859-1"?>'
_TEXT, _UNICODE = "1", "9"
_MOST = 1000
# Characters that XML cannot hold, not even as a reference.
_NOT_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535))


class LinkMobilityBlock(ProviderBlock):
    """Settings of LINK Mobility."""

    username: str = Field(min_length=1, description="The gateway's user (CLIENT)")
    password: SecretStr = Field(description="The gateway's password (PW)")
    batch: int = Field(100, ge=1, le=100, description="Messages a request")
    validity: int | None = Field(
        None, ge=60, description="Seconds after which the gateway gives up on a message; it counts in minutes"
    )
    base_url: Url = Field("https://xml.pswin.com", description="Where the gateway is")


class LinkMobilityProvider(Provider):
    """Builds the gateway's XML and reads its answers."""

    title = "LINK Mobility"
    callback_answer = b'<?xml version="1.0"?><MSGLST><MSG><ID>1</ID><STATUS>OK</STATUS></MSG></MSGLST>'

    def __init__(self, name: str, block: LinkMobilityBlock) -> None:
        channels = frozenset({"sms"})
        super().__init__(
            name,
            block,
            Capabilities(
                channels,
                batch=block.batch,
                concurrency=block.concurrency or 10,
                receipts=True,
                expires=True,
            ),
        )
        self._block = block
        self.headers = {"Content-Type": "text/xml; charset=ISO-8859-1", "Accept": "text/xml, */*;q=0.5"}

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch; each message has its own sender and text."""
        block = self._block
        messages = "".join(self._message(place, message) for place, message in enumerate(batch, 1))
        session = _tag("CLIENT", block.username) + _tag("PW", shown(block.password))
        xml = f"{_HEAD}<SESSION>{session}<MSGLST>{messages}</MSGLST></SESSION>"
        # Characters outside ISO-8859-1, such as the euro sign, are written as references.
        body = xml.encode("iso-8859-1", "xmlcharrefreplace")
        return HttpRequest("POST", block.base_url, self.headers, body, block.timeout)

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """Return one outcome for each message, by its place."""
        if not 200 <= response.status < 300:
            return of_whole_batch(by_status(response), len(batch))
        session = _parsed(response.body)
        logon = _said(session, "LOGON")
        if logon is None:
            return [unreadable(response)] * len(batch)
        if logon != "OK":
            refused = outcome_of(
                "account", code="logon", detail="LINK Mobility refused the user and the password"
            )
            return [refused] * len(batch)
        found: dict[str, ElementTree.Element | None] = {}
        for item in _all(session, "MSG"):
            place = _said(item, "ID") or ""
            found[place] = None if place in found else item
        return [self._of_item(found.get(str(place)), response) for place in range(1, len(batch) + 1)]

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read delivery reports, which have a state, and incoming messages."""
        receipts: list[Receipt] = []
        replies: list[Reply] = []
        for item in _all(_parsed(request.body), "MSG")[:_MOST]:
            state = _said(item, "STATE")
            if state is not None:
                receipts += one_receipt(request, id=_said(item, "REF"), status=state)
            else:
                sender, to, text = (_said(item, tag) for tag in ("SND", "RCV", "TEXT"))
                replies += one_reply(sender=sender, to=to, body=text)
        return Callback(tuple(receipts), tuple(replies))

    def _message(self, place: int, message: Message) -> str:
        body, sender = message.body, self.sender_of(message)
        validity = validity_of(self._block.validity, message)
        needs_unicode = is_unicode(message)
        text = body.encode("utf-16-be").hex() if needs_unicode else _plain(body)
        parts = [
            _tag("ID", str(place)),
            _tag("TEXT", text),
            _tag("SND", digits(sender)) if sender else "",
            _tag("RCV", digits(message.to)),
            _tag("OP", _UNICODE if needs_unicode else _TEXT),
            _tag("TTL", str(-(-validity // 60))) if validity else "",
        ]
        return f"<MSG>{''.join(parts)}</MSG>"

    def _of_item(self, item: ElementTree.Element | None, response: HttpResponse) -> Outcome:
        status = _said(item, "STATUS")
        if status == "OK":
            return Outcome(Verdict.ACCEPTED, safe_id(_said(item, "REF")))
        if status is None:
            return unreadable(response)
        return outcome_of("content", code="refused", detail="LINK Mobility refused this message")


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _plain(text: str) -> str:
    """Return the text if XML can hold it. Raises ``ValueError`` for control characters."""
    if text.translate(_NOT_XML) != text:
        raise ValueError("a character that XML cannot hold")
    return text


def _parsed(body: bytes) -> ElementTree.Element | None:
    """Return the root of the XML; None if it cannot be parsed, or if it defines entities, which no gateway needs."""
    if b"<!" in body:
        return None
    try:
        return ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def _all(root: ElementTree.Element | None, tag: str) -> list[ElementTree.Element]:
    return list(root.iter(tag)) if root is not None else []


def _said(element: ElementTree.Element | None, tag: str) -> str | None:
    """Return the text of the first element with this name; None if there is none or it is empty."""
    found = element.find(f".//{tag}") if element is not None else None
    return found.text.strip() or None if found is not None and found.text else None


class LinkMobilityGateway(ProviderGateway):
    """LINK Mobility, SMS."""

    block_model = LinkMobilityBlock
    provider_class = LinkMobilityProvider
