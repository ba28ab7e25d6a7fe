"""Callbacks of every gateway, changed at random from those that its provider documents: by the thousand, and no 500."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "gateways"))

from providerkit import CASES, gateway
from test_listening_promises import JSON, PUBLIC, WORDS, ask

from a2pcli.actions.callback_doors import CallbackDoor
from a2pcli.actions.heard import HeardStore
from a2pcli.config.load import LoadedSettings, load_settings
from a2pcli.ledger.store import Ledger
from a2pcli.listening.app import Callbacks, make_app
from a2pcli.listening.bodies import Bodies
from a2pcli.listening.notices import Notices
from a2pcli.listening.ready import Ready
from a2pcli.listening.storing import Storing

NAMES = sorted(name for name, cases in CASES.items() if cases.get("callbacks"))
TOGETHER = 25
"""Requests of an example."""


def change(data: Any, draw: Any) -> Any:
    """The same data with a value, or a few, that nobody documents."""
    if isinstance(data, dict) and data and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(data, key=str)))
        changed = {**data, key: change(data[key], draw)}
        return (
            {name: value for name, value in changed.items() if name != key}
            if draw(st.integers(0, 9)) == 0
            else changed
        )
    if isinstance(data, list) and data and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(data) - 1))
        more = [data[place]] * draw(st.sampled_from([0, 0, 1, 3]))
        return [*data[:place], change(data[place], draw), *more, *data[place + 1 :]]
    return draw(JSON | WORDS | st.just("9" * 400) | st.just("-1"))


@st.composite
def requests(draw: Any, name: str) -> tuple[bytes, bytes, bytes]:
    """Content type, query and body of a callback that is nearly one."""
    case = draw(st.sampled_from(list(CASES[name]["callbacks"].values())))
    query = dict(parse_qsl(urlsplit(str(case.get("url", ""))).query, keep_blank_values=True))
    kind, body = b"application/json", b""
    if "json" in case:
        data = change(case["json"], draw) if draw(st.booleans()) else case["json"]
        body = json.dumps(data).encode()
    elif "form" in case:
        kind = b"application/x-www-form-urlencoded"
        form = dict(case["form"])
        for key in draw(st.lists(st.sampled_from(sorted(form)), max_size=2)) if form else []:
            form[key] = draw(st.text(max_size=30) | WORDS)
        body = urlencode(form, errors="replace").encode()
    elif "body" in case:
        kind, body = b"text/xml", str(case["body"]).encode()
    for key in draw(st.lists(st.sampled_from(sorted(query)), max_size=2)) if query else []:
        query[key] = draw(st.text(max_size=30) | WORDS)
    cut = draw(st.integers(0, len(body)))
    spoilt = [body[:cut], body[:cut] + draw(st.binary(max_size=4)) + body[cut:]]
    if draw(st.integers(0, 3)) == 0:
        body = draw(st.sampled_from(spoilt))
    return kind, urlencode(query, errors="replace").encode(), body


class Fuzzed:
    """A listener with one door, which believes everybody, on a ledger of its own."""

    def __init__(self, name: str, loaded: LoadedSettings, ledger: Ledger) -> None:
        made = gateway(name)
        self.name, self._ledger, self._settings = name, ledger, loaded
        self._door = CallbackDoor(
            name,
            PUBLIC,
            getattr(made, "provider", made),
            None,
            unsigned=True,
            channels=made.capabilities.channels,
        )
        self._door.proof = type(self._door.proof).NOTHING

    def statuses(self, some: list[tuple[bytes, bytes, bytes]]) -> list[int]:
        async def run() -> list[int]:
            store = HeardStore(self._ledger, self._settings, {self.name: self._door.channel})
            storing = Storing(store.keep)
            storing.start()
            callbacks = Callbacks(
                {self.name: self._door}, (), storing, Notices(lambda _text: None), "/in", Bodies()
            )

            app = make_app(callbacks, Ready(lambda: None), [], PUBLIC)
            path = f"/callbacks/{self.name}"
            asked = [
                ask(app, path, "POST", query, [(b"content-type", kind)], body) for kind, query, body in some
            ]
            found = await asyncio.gather(*asked)
            await storing.close()
            return found

        return asyncio.run(run())


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("fuzzed")
    (folder / "a2pcli.yaml").write_text("region: GB\nreplies: {texts: keep}\n")
    with Ledger.open(str(folder / "ledger.db")) as ledger:
        loaded = load_settings(folder)
        yield lambda name: Fuzzed(name, loaded, ledger)


def check(made: Fuzzed, data: st.DataObject) -> None:
    some = data.draw(st.lists(requests(made.name), min_size=TOGETHER, max_size=TOGETHER))
    statuses = made.statuses(some)
    assert set(statuses) <= {200, 400}, [
        one for one, status in zip(some, statuses, strict=True) if status > 400
    ]


QUIET = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=2, deadline=None, suppress_health_check=QUIET)
def test_no_changed_callback_ends_in_an_error(name: str, fuzzed: Any, data: st.DataObject) -> None:
    check(fuzzed(name), data)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_no_changed_callback_ends_in_an_error_by_the_thousand(
    name: str, fuzzed: Any, data: st.DataObject
) -> None:
    check(fuzzed(name), data)
