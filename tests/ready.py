"""A process that has everything imported and compiled, and forks others: what a test starts begins at once.

It is given jobs on its socket (file 0): JSON with ``call`` (``module:function``), ``arguments``, ``cwd``, ``env``,
``path`` and ``session``, and with it four open files: the three streams, and a pipe. Into the pipe go the pid of the
process, and when it has ended its status as ``Popen`` gives it. The process has nothing of any other test: it is
forked from one that did nothing but warm up.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import termios
import threading
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import certificates
import commandline
import statements

TESTS = Path(__file__).parent


def command(*arguments: str) -> None:
    """``python -m a2pcli ARGUMENTS``."""
    from a2pcli.cli.main import main

    sys.argv = ["a2pcli", *arguments]
    main()


def script(code: str, *arguments: str) -> None:
    """``python -c CODE ARGUMENTS``."""
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})  # noqa: S102


def become(job: dict[str, Any], files: list[int]) -> NoReturn:
    """Be the process that the job describes."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if job["session"]:
            os.setsid()
            if os.isatty(files[0]):
                fcntl.ioctl(files[0], termios.TIOCSCTTY, 0)
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
        for file in files:
            os.close(file)
        os.environ.clear()
        os.environ.update(job["env"])
        time.tzset()
        sys.modules["sitecustomize"]._shift = int(os.environ["A2PCLI_TEST_SHIFT_NS"])  # type: ignore[attr-defined]
        os.chdir(job["cwd"])
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
        sys.path[:] = job["path"]
        module, _, function = job["call"].partition(":")
        status = int(getattr(import_module(module), function)(*job["arguments"]) or 0)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(status)


def serve(jobs: socket.socket) -> None:
    """Fork a process for each job, and tell how each ended, until nobody can send any more."""
    waiting = selectors.DefaultSelector()
    waiting.register(jobs, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is jobs:
                said, files, _, _ = socket.recv_fds(jobs, 2**20, 4)
                if not said:
                    return
                pid = os.fork()
                if pid == 0:
                    jobs.close()
                    waiting.close()
                    become(json.loads(said), files)
                for file in files[:3]:
                    os.close(file)
                _tell(files[3], pid)
                waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, files[3]))
            else:
                pid, told = key.data
                _, how = os.waitpid(pid, 0)
                waiting.unregister(key.fileobj)
                os.close(key.fd)
                _tell(told, os.waitstatus_to_exitcode(how))
                os.close(told)


def _tell(pipe: int, number: int) -> None:
    with suppress(BrokenPipeError):  # the test is over
        os.write(pipe, b"%12d" % number)


def warm_up() -> None:
    """Do what commands and senders do: what they import, build and compile is here from then on."""
    from a2pcli.cli import app

    commandline.share()
    statements.share()
    certificates.share()
    with tempfile.TemporaryDirectory() as folder:
        _work(Path(folder))
    for name in app.COMMANDS:
        app.build_app([name])
    for name in ("psycopg", "sqlalchemy.dialects.postgresql.psycopg"):
        with suppress(ImportError):
            import_module(name)
    assert threading.active_count() == 1  # a fork has the thread that forks, and no other
    gc.collect()
    gc.freeze()  # pages that the children's collector does not touch stay shared


def _work(folder: Path) -> None:
    """A campaign sent to a file and told, and a connection to an HTTP gateway opened."""
    import asyncio

    from clikit import Project
    from loopback import gateway_block

    from a2pcli.gateways.registry import create

    project = Project(folder).starter()
    for words in (
        "--help",
        "plan sale.yaml",
        "send sale.yaml --yes",
        "preview sale.yaml --row 2",
        "report --csv -",
    ):
        project.run(*words.split())

    async def opened() -> None:
        gateway = create("test", gateway_block(1))
        await gateway.open()
        await gateway.close()

    asyncio.run(opened())


if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(TESTS / "cli"), str(TESTS / "sending")]
    sys.modules["ready"] = sys.modules["__main__"]
    with socket.socket(fileno=os.dup(0)) as control:
        warm_up()
        serve(control)
