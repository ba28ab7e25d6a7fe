"""The contract that every gateway keeps, with a device that works and with none."""

import asyncio
import threading

import pytest
from pigeon_gateway import PigeonGateway

from a2pcli.gateways.testing import GatewayContract


@pytest.fixture(scope="module", params=[b"OK 4711\n", b"NO stop\n", b"\xff what?\n", b""])
def port(request):
    async def device(reader, writer):
        await reader.readline()
        writer.write(request.param)
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(device, "127.0.0.1", 0))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)


class TestPigeon(GatewayContract):
    @pytest.fixture(autouse=True)
    def _with_device(self, port):
        self.port = port

    def make(self, folder):
        return PigeonGateway("pigeon", {"port": str(self.port)})


class TestPigeonWithoutDevice(GatewayContract):
    def make(self, folder):
        return PigeonGateway("pigeon", {"port": "9"})
