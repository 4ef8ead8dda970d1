"""`imserver trace`: watch frames, one line for each: of a user of the running server, or of all who come through a proxy."""

from __future__ import annotations

import asyncio

import click

from imserver.clock import SystemClock
from imserver.config import Config
from imserver.errors import StartError
from imserver.passing import passes
from imserver.trace.proxy import Proxy

from .app import Setup, announce
from .run_cancellable import run_cancellable
from .trace_lines import heading, printer
from .watching import watch

DEFAULT_LISTEN = "127.0.0.1:7411"
LOOPBACK = ("127.", "::1", "localhost")


class HostPort(click.ParamType["tuple[str, int]"]):
    """`HOST:PORT`; an IPv6 address stands in brackets."""

    name = "HOST:PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, as in 127.0.0.1:7410 or [::1]:7410", param, ctx)
        return host, int(port)


@click.command()
@click.argument("name", required=False)
@click.option("--device", metavar="ID", help="Of NAME, only this device.")
@click.option(
    "--connection", metavar="N", type=click.IntRange(min=1), help="Only this one, by its number in the log."
)
@click.option(
    "--listen",
    type=HostPort(),
    help=f"Without NAME: where clients connect, by default {DEFAULT_LISTEN}. Port 0: any free one.",
)
@click.option("--to", type=HostPort(), help="Without NAME: the server. Default: the configured one.")
@click.option(
    "--contents",
    is_flag=True,
    help="Also show what people say: messages, titles, settings, texts of refusals.",
)
@click.pass_obj
def trace(
    setup: Setup,
    name: str | None,
    device: str | None,
    connection: int | None,
    listen: tuple[str, int] | None,
    to: tuple[str, int] | None,
    contents: bool,
) -> int:
    """Explain every frame on one line: those of the user NAME, as the running server has them, or without NAME those of all
    who connect to this command, which stands between clients and a server.

    A line shows the time, the number of the connection, the direction (→ to the server, ← to the client), the frame's type,
    seq, ack and length, and what it says: method or kind, numbers, ids, how long an answer took. Contents are hidden: a text
    is shown as its length. Tokens are never shown, not even with --contents. `session=` is the session's name in the server's
    log.

    \b
    Try it:
        imserver trace alice
        imserver trace & imserver chat --as alice --server imserver://127.0.0.1:7411

    With NAME nobody is disconnected, TLS is no matter, and the audit log has a row of it. What is more than a watcher takes,
    or than 400 frames a second, is counted as lost.

    Without NAME bytes are passed on unchanged, whatever they are. TLS is passed on and not read, on either side: trace a
    server that listens without it. Ctrl-C ends the trace and cuts its connections; sessions outlive that, and may be resumed
    at the server itself.
    """
    if name is not None or connection is not None or device is not None:
        if listen is not None or to is not None:
            raise click.UsageError("--listen and --to are for a trace without NAME")
        return watch(setup, name, device, connection, contents=contents)
    to = to or _configured(setup.config())
    try:
        return run_cancellable(_run(listen or _parsed(DEFAULT_LISTEN), to, contents))
    except asyncio.CancelledError:  # SIGTERM, SIGHUP: the usual end of what has no other
        return 0


async def _run(listen: tuple[str, int], to: tuple[str, int], contents: bool) -> int:
    proxy = Proxy(*to, printer(), SystemClock(), contents=contents)
    try:
        await proxy.open(*listen)
    except OSError as error:
        raise StartError(
            f"cannot listen on {_written(*listen)}: {error.strerror or error}", again=passes(error)
        ) from None
    announce(f"Connect to {_written(listen[0], proxy.port)} instead of {_written(*to)}; Ctrl-C ends it.")
    if not listen[0].startswith(LOOPBACK):
        announce("Whoever reaches this address can connect, and nothing is encrypted.")
    click.echo(heading())
    await proxy.run()
    return 0


def _configured(config: Config) -> tuple[str, int]:
    """Where the configured server listens. Raises StartError if nothing could be read there."""
    server = config.server
    if server.unix_socket or server.tls_certificate:
        what = "on a Unix socket" if server.unix_socket else "with TLS"
        raise StartError(f"the configured server listens {what}; name one without with --to HOST:PORT")
    if not server.port:
        raise StartError("the configured server takes any port; name it with --to HOST:PORT")
    # "Everywhere" is no address to connect to.
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host), server.port  # noqa: S104


def _parsed(text: str) -> tuple[str, int]:
    return HostPort().convert(text, None, None)


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
