"""What providers of email share: messages that cannot be emails are told before a request is made."""

from __future__ import annotations

from collections.abc import Sequence

from a2pcli.gateways.providers.common import ProviderGateway
from a2pcli.gateways.smtp import answers, mime
from a2pcli.messages import Message, Outcome


class EmailProviderGateway(ProviderGateway):
    """A provider's gateway for email. The provider's ``defaults`` are the settings' sender and subject."""

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Return one outcome for each message.

        A message that cannot be an email does not hold up the others; an attachment changed after the plan stops the
        run.
        """
        outcomes: list[Outcome | None] = [self._refusal(message) for message in batch]
        good = [message for message, refusal in zip(batch, outcomes, strict=True) if refusal is None]
        told = iter(await super().submit(good) if good else ())
        return [next(told) if refusal is None else refusal for refusal in outcomes]

    def _refusal(self, message: Message) -> Outcome | None:
        try:
            mime.email_of(message, self.provider.defaults)  # type: ignore[attr-defined]
        except mime.Unmailable as error:
            return answers.unmailable(error)
        return None
