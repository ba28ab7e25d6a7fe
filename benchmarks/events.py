"""Events a second that `a2pcli listen` stores, beside what the bare framework answers without storing.

Both run in one process of their own: Starlette on uvicorn, the same route, the same requests from another process over
loopback connections that stay open. Each request is one event of a digest, from a program with a token: the listener
checks the token, maps the JSON, and commits the event to a SQLite ledger before it answers. Compare the ratio: the
machine's own speed is in both, and the processor time does not depend on the number of connections.

    .venv/bin/python benchmarks/events.py [events] [connections]
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from listen import BARE, free_port, measured, show, wait_for

TOKEN = "0123456789abcdef0123456789abcdef"
FILES = {
    "a2pcli.yaml": "region: GB\nledger: ledger.db\nlisten:\n  tokens: {shop: {secret: '${SHOP}', scopes: [events],"
    " rate: 100000/s}}\n",
    "parcels.yaml": "name: parcels\nobjective: Tell people what was shipped\npurpose: transactional\n"
    'contacts: parcels.csv\nsender: Shop\nmessage: "{{ event_count }} parcels: {{ events }}"\n',
    "parcels.csv": "phone,event_count,events\n07911123456,2,a\n",
    "events.yaml": "events:\n  parcel:\n    campaign: parcels.yaml\n    key: id\n    digest: 1 h\n"
    '    map: {phone: customer.phone, events: "{{ quantity }} x {{ product }}"}\n',
}


def requests(count: int) -> list[bytes]:
    """Each event as a whole request; 1,000 people take turns."""
    made = []
    for number in range(count):
        customer = {"phone": f"+447911{123_000 + number % 1_000}", "name": "Ann"}
        data = {"id": f"p-{number}", "quantity": 2, "product": "mug", "customer": customer}
        body = json.dumps(data).encode()
        head = (
            f"POST /events/parcel HTTP/1.1\r\nHost: hooks.example.com\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    made, command = requests(count), [sys.executable, "-m", "a2pcli"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in FILES.items():
            (folder / file).write_text(text)
        bare_port, port = free_port(), free_port()
        bare = subprocess.Popen([sys.executable, "-c", BARE, str(bare_port)], cwd=folder)
        wait_for(bare_port)
        bare_rate, bare_cpu = measured(bare_port, made, connections, bare)
        bare.send_signal(signal.SIGTERM)
        bare.wait()
        subprocess.run([*command, "ledger", "create"], cwd=folder, check=True, capture_output=True)
        environ = {**os.environ, "SHOP": TOKEN}
        listener = subprocess.Popen(
            [*command, "listen", "--port", str(port)], cwd=folder, env=environ, stderr=subprocess.DEVNULL
        )
        wait_for(port)
        rate, cpu = measured(port, made, connections, listener)
        listener.send_signal(signal.SIGTERM)
        assert listener.wait() == 0
        stored = subprocess.run(
            [*command, "ledger", "query", "--json", "SELECT count(*) AS n FROM triggers"],
            cwd=folder, capture_output=True, check=True,
        )  # fmt: skip
        assert json.loads(stored.stdout)["rows"] == [[count]], "every event is in the ledger"
    show((bare_rate, bare_cpu), (rate, cpu), "events")


if __name__ == "__main__":
    main()
