"""Sends messages to a device that takes a line of JSON for each and answers ``OK id`` or ``NO code``."""

import asyncio
import json

from pydantic import Field

from a2pcli.gateways.base import Capabilities, Health
from a2pcli.gateways.settings import GatewayBlock, read_block
from a2pcli.messages import Cause, Message, Outcome, Verdict

NOT_THERE = Outcome(Verdict.NOT_SENT, None, Cause.UNREACHABLE, "connect", "the device does not answer")
NO_ANSWER = Outcome(Verdict.UNKNOWN, None, Cause.AMBIGUOUS, "no-answer", "the device may have taken it")
REFUSED = {
    "number": Outcome(Verdict.REJECTED, None, Cause.PERMANENT, "number", "no such number"),
    "stop": Outcome(Verdict.REJECTED, None, Cause.OPTED_OUT, "stop", "the person opted out"),
    "busy": Outcome(Verdict.NOT_SENT, None, Cause.RATE, "busy", "the device asks to slow down"),
    "login": Outcome(Verdict.NOT_SENT, None, Cause.ACCOUNT, "login", "the device refused the login"),
}


class PigeonBlock(GatewayBlock):
    host: str = Field("127.0.0.1", description="The device's address")
    port: int = Field(ge=1, le=65535, description="Its port")


class PigeonGateway:
    block_model = PigeonBlock  # for `a2pcli gateways show pigeon`
    block_example = "host: 192.0.2.7\nport: 4711\n"  # for `a2pcli gateways add pigeon`

    def __init__(self, name, settings):
        self.name, self._block = name, read_block(PigeonBlock, name, settings)
        self.capabilities = Capabilities(frozenset({"sms"}), concurrency=self._block.concurrency or 4)

    async def open(self): ...

    async def close(self): ...  # each message has a connection of its own

    async def submit(self, batch):
        return [await self._submit(message) for message in batch]

    async def _submit(self, message: Message) -> Outcome:
        line = json.dumps({"to": message.to, "text": message.body, "id": message.reference})
        try:
            reader, writer = await self._connected()
        except OSError:  # certainly nothing was sent, so it may be tried again
            return NOT_THERE
        try:  # from here on the device may have taken it, whatever goes wrong
            writer.write(line.encode() + b"\n")
            answer = (
                (await asyncio.wait_for(reader.readline(), self._block.timeout))
                .decode("ascii", "replace")
                .split()
            )
        except (OSError, ValueError):
            return NO_ANSWER
        finally:
            writer.close()
        if len(answer) == 2 and answer[0] == "OK":
            return Outcome(Verdict.ACCEPTED, gateway_id=answer[1])
        return REFUSED.get(answer[1], NO_ANSWER) if len(answer) == 2 and answer[0] == "NO" else NO_ANSWER

    async def lookup(self, references):
        return {}  # the device cannot be asked

    async def check(self):
        try:
            (await self._connected())[1].close()
        except OSError:
            return Health(False, "the device does not answer")
        return Health(True, "the device answers")

    async def _connected(self):
        return await asyncio.wait_for(asyncio.open_connection(self._block.host, self._block.port), 10)
