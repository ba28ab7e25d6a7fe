"""Two listeners on one PostgreSQL ledger take events together: one message for each event or digest."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

from answerkit import kannel, wait
from clikit import Project
from listenkit import ENVIRON, listener
from postgreskit import running_postgres
from sqlalchemy import create_engine, text
from test_events import EVENTS, now, write
from test_events_at_speed import PEOPLE, SHOPS, Shop

MANY = 240


def test_two_listeners_gather_a_digest_and_send_each_message_once(tmp_path: Path) -> None:
    with running_postgres() as server, kannel() as gateway:
        folders = [tmp_path / name for name in ("first", "second")]
        for folder in folders:
            folder.mkdir()
            write(folder, gateway, f"ledger: '{server.get_uri()}'\n")
            (folder / "events.yaml").write_text(EVENTS.replace("every: 4 s", "every: 1 h"))
        assert Project(folders[0]).run("ledger", "create", **ENVIRON).status == 0
        options = ("--ledger", server.get_uri())
        engine = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))

        def rows(sql: str) -> list[Any]:
            with engine.begin() as connection:
                return [tuple(row) for row in connection.execute(text(sql))]

        with (
            listener(folders[0], *options, settings=None) as first,
            listener(folders[1], *options, settings=None) as second,
        ):
            shops = Shop(), Shop()
            numbers = list(range(1_000, 1_000 + MANY))
            # Each hears half of them, and a fifth comes to both.
            halves = numbers[::2], numbers[1::2] + numbers[::5]
            threads = [
                threading.Thread(target=shop.send, args=(heard, half))
                for shop, heard, half in zip(shops, (first, second), halves, strict=True)
            ]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            assert set(shops[0].taken) | set(shops[1].taken) == set(numbers)
            assert rows("SELECT count(*), count(DISTINCT due_at) FROM triggers")[0][0] == MANY
            ends = rows("SELECT digest, count(DISTINCT due_at) FROM triggers GROUP BY digest")
            assert [many for _, many in ends] == [1] * PEOPLE * SHOPS, "each digest was begun once"
            with engine.begin() as connection:
                connection.execute(text(f"UPDATE triggers SET due_at = {int(now() * 1000)}"))
            assert wait(lambda: rows("SELECT DISTINCT state FROM triggers") == [("sent",)], 60)
            first.process.kill()  # the other sends what this one has not begun
            assert wait(lambda: len(gateway.got) == PEOPLE * SHOPS, 60), (first.said(), second.said())
        listed = Counter(int(one) for _, _, said in gateway.got for one in said.partition(": ")[2].split("+"))
        assert listed == Counter(numbers)
