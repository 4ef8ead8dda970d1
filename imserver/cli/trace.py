"""`imserver trace`: watch the frames between clients and a server, one line for each."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import click

from imserver.clock import SystemClock
from imserver.config import Config
from imserver.errors import StartError
from imserver.passing import passes
from imserver.trace.explainer import UP, Line
from imserver.trace.proxy import Proxy

from .app import Setup, tell
from .run_cancellable import run_cancellable
from .sanitize import escaped

DEFAULT_LISTEN = "127.0.0.1:7411"
#: The columns in front of what a frame says.
HEADING = f"{'time (UTC)':12}  {'conn':>4}    {'type':8} {'seq':>6} {'ack':>6} {'bytes':>7}  says"
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
@click.option(
    "--listen",
    type=HostPort(),
    default=DEFAULT_LISTEN,
    show_default=True,
    help="Where clients connect. Port 0: any free one.",
)
@click.option("--to", type=HostPort(), help="The server. Default: the configured one.")
@click.option(
    "--contents",
    is_flag=True,
    help="Also show what people say: messages, titles, settings, texts of refusals.",
)
@click.pass_obj
def trace(setup: Setup, listen: tuple[str, int], to: tuple[str, int] | None, contents: bool) -> int:
    """Stand between clients and a server, and explain every frame on one line.

    Bytes are passed on unchanged, whatever they are. A line shows the time, the number of the connection, the direction
    (→ to the server, ← to the client), the frame's type, seq, ack and length, and what it says: method or kind, numbers,
    ids, how long an answer took. Contents are hidden: a text is shown as its length. Tokens are never shown, not even with
    --contents. `session=` is the session's name in the server's log.

    \b
    Try it:
        imserver trace
        imserver chat --as alice --server imserver://127.0.0.1:7411

    TLS is passed on and not read, on either side: trace a server that listens without it. Ctrl-C ends the trace and cuts its
    connections; sessions outlive that, and may be resumed at the server itself.
    """
    to = to or _configured(setup.config())
    try:
        return run_cancellable(_run(listen, to, contents))
    except asyncio.CancelledError:  # SIGTERM, SIGHUP: the usual end of what has no other
        return 0


async def _run(listen: tuple[str, int], to: tuple[str, int], contents: bool) -> int:
    proxy = Proxy(*to, lambda line: click.echo(shown(line)), SystemClock(), contents=contents)
    try:
        await proxy.open(*listen)
    except OSError as error:
        raise StartError(
            f"cannot listen on {_written(*listen)}: {error.strerror or error}", again=passes(error)
        ) from None
    tell(f"Connect to {_written(listen[0], proxy.port)} instead of {_written(*to)}; Ctrl-C ends it.")
    if not listen[0].startswith(LOOPBACK):
        tell("Whoever reaches this address can connect, and nothing is encrypted.")
    click.echo(click.style(HEADING, dim=True))
    await proxy.run()
    return 0


def shown(line: Line) -> str:
    """The line for a terminal; `click.echo` takes the colours out elsewhere."""
    time = datetime.fromtimestamp(line.at_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    text = escaped(line.text)
    begin = f"{time}  {'#' + str(line.connection):>4} "
    if not line.kind:
        return click.style(f"{begin}   {text}", dim=True)
    colour = _colour(line)
    numbers = f"{line.seq or '':>6} {line.ack or '':>6} {line.size:>7}"
    return f"{begin}{click.style(f'{line.arrow} {line.kind:8}', fg=colour)} {numbers}  {text}".rstrip()


def _colour(line: Line) -> str:
    if line.kind in ("REFUSAL", "GOODBYE", "?"):
        return "red"
    return "green" if line.arrow == UP else "cyan"


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


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
