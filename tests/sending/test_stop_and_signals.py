"""How a sender is asked to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from a2pcli.sending.stop import StopRequest, stop_on_signals


def test_a_first_press_drains_a_second_stops_hard() -> None:
    stop = StopRequest()
    assert (stop.draining, stop.hard_stop) == (False, False)
    stop.press()
    assert (stop.draining, stop.hard_stop) == (True, False)
    stop.press()
    assert (stop.draining, stop.hard_stop) == (True, True)


def test_a_drain_after_a_hard_stop_does_not_soften_it() -> None:
    stop = StopRequest()
    stop.hard()
    stop.drain()
    assert stop.hard_stop


def test_listeners_hear_each_step_once_from_any_thread_and_not_after_they_left() -> None:
    stop, heard = StopRequest(), []
    with stop.heard_by(lambda: heard.append(stop.hard_stop)):
        for step in (stop.drain, stop.drain, stop.hard):
            thread = threading.Thread(target=step)
            thread.start()
            thread.join()
    assert heard == [False, True]
    stop.press()
    assert len(heard) == 2


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_ask_to_stop_and_the_old_handlers_come_back(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    heard: list[bool] = []
    with stop_on_signals(StopRequest(), lambda stop: heard.append(stop.hard_stop)) as stop:
        signal.raise_signal(number)
        assert stop.draining
        assert not stop.hard_stop
        signal.raise_signal(number)
        assert stop.hard_stop
    assert heard == [False, True]
    assert signal.getsignal(number) is before


def test_a_signal_the_process_was_started_to_ignore_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(StopRequest()) as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.draining
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_third_signal_ends_a_process_that_a_gateway_holds_up() -> None:
    script = (
        "import time; from a2pcli.sending.stop import stop_on_signals; "
        "from a2pcli.sending.stop import StopRequest\n"
        "with stop_on_signals(StopRequest(), lambda stop: print(stop.hard_stop, flush=True)):\n"
        "    print('on', flush=True)\n"
        "    while True: time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for said in ("on", "False", "True"):
        assert process.stdout.readline().strip() == said
        os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT
    process.stdout.close()


def test_outside_the_main_thread_it_installs_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with stop_on_signals(StopRequest()):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
