"""``a2pcli listen``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.options import Ledger, LogFormat


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("listen")(listen)


def listen(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all networks.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="Port; 0 for any.")] = 8080,
    log_format: Annotated[
        LogFormat | None,
        typer.Option("--log-format", help="json: the log as JSON on stdout, one object a line."),
    ] = None,
    ledger: Ledger = None,
) -> None:
    """Receive delivery receipts and replies that providers send to a URL of yours.

    Serves /callbacks/GATEWAY for each gateway in the settings whose provider calls back, and stores each receipt and
    reply in the ledger before it answers. Signatures are checked; providers that do not sign need a secret in their
    URL (settings: `listen:`). STOP opts the person out at once and is confirmed, and HELP is answered, unless the
    provider does so (docs/replies.md). Replies go on to surveys, to the rules in replies.yaml and to the inbox. The
    listener may run beside `a2pcli send`.

    Providers call the public URL in the settings, from which a reverse proxy forwards to the listener:
    docs/listening.md. /u/ serves the unsubscribe links. With tokens in the settings, / is a page for people, /events
    and /otp take events and one-time passwords, /metrics is for Prometheus, and /openapi.json describes the routes for
    programs. /healthz tells whether the listener is alive, /readyz whether what arrives can be
    stored.

    Example:  a2pcli listen --port 8080

    Ctrl-C or SIGTERM stops it after it has finished the requests that it accepted. SIGHUP reads the tokens,
    replies.yaml, surveys and events.yaml again.
    """
    from a2pcli.actions.callback_doors import callback_doors
    from a2pcli.actions.confirming import ConfirmationTexts
    from a2pcli.actions.heard import listening_store
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.listening import address_of, start_lines, stop_line
    from a2pcli.cli.terminal.output import LogStyle, emit, say, use
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import Problem, UsageError, how_to_install

    try:
        from a2pcli.listening.listener import make_listener, parts_of
        from a2pcli.listening.observing import as_events
        from a2pcli.listening.server import bound, serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("a2pcli"):
            raise
        hint = how_to_install("listen")
        raise UsageError(Problem("`listen` needs packages that are not installed", hint=hint)) from None
    use(LogStyle.EVENTS if log_format else LogStyle.TIMED)
    project = project_at(ledger, ask=False)
    settings = project.settings()
    with bound(host, port) as socket:
        here = address_of(host, socket.getsockname()[1])
        public_url = settings.settings.listen.public_url or here
        doors = callback_doors(settings, public_url)
        show_problems([*doors.problems, *ConfirmationTexts(settings).warnings])
        with listening_store(project, settings, doors.doors) as store:
            listener = make_listener(project, settings, store, public_url, say)
            parts = parts_of(listener)

            def started() -> None:
                emit("listen.started", url=here, public_url=public_url, gateways=sorted(doors.doors))
                for line in start_lines(here, store.name, doors, settings.settings.listen.secrets):
                    say(line)
                for line in (line for part in parts for line in part.lines):
                    say(f"  {line}")

            serve(socket, doors, listener, parts, say, started, *([as_events(emit)] if log_format else []))
            emit("listen.stopped", **store.counts.as_mapping())
            say(stop_line(store.counts))
