"""`imserver chat --as NAME`: the reference client in a terminal, or fed by a pipe."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import ssl
import sys
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from imserver.cli.app import EXIT_FAILED, Setup, fail, tell
from imserver.cli.token import make_token, require_secret
from imserver.clock import SystemClock
from imserver.config import Config
from imserver_client import CannotConnect, Client, ClientError, CloseCode, Stopped, connect

from .commands import handle_line
from .session import ChatSession, Screen
from .tls_hint import tls_hint

#: Lifetime of a token that the chat makes for itself.
TOKEN_TTL_S = 86_400
CONNECT_TIMEOUT_S = 10.0
#: The chat mentions an attempt to connect that takes longer.
SILENT_S = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wanted user, server and conversation."""

    server: str
    token: str
    device_id: str
    name: str | None
    peer: str | None
    conversation_id: str | None
    tls: ssl.SSLContext | None
    settle_s: float
    wait_s: float


@click.command()
@click.option("--as", "name", metavar="NAME", help="Who you are.")
@click.option("--with", "peer", metavar="USER", help="Open the conversation with this user (or bot).")
@click.option("--conversation", "conversation_id", metavar="ID", help="Open this conversation.")
@click.option(
    "--server",
    metavar="URL",
    help="imserver://host:port, imservers://… (TLS). Default: from the configuration.",
)
@click.option("--token", "given", metavar="TOKEN", envvar="IMSERVER_TOKEN", show_envvar=True,
              help="Default: made with the configured secret.")  # fmt: skip
@click.option("--device", metavar="ID", help="This installation's device id. Default: a new one.")
@click.option(
    "--ca", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Trust this certificate (TLS)."
)
@click.option("--settle", default=1.0, show_default=True, type=click.FloatRange(0.01, 600), metavar="SECONDS",
              help="Piped: leave when nothing more has arrived for so long.")  # fmt: skip
@click.option("--wait", default=60.0, show_default=True, type=click.FloatRange(0.1, 86_400), metavar="SECONDS",
              help="Piped: give up when a line has not been stored for so long.")  # fmt: skip
@click.pass_obj
def chat(setup: Setup, name: str | None, peer: str | None, conversation_id: str | None, server: str | None,
         given: str | None, device: str | None, ca: str | None, settle: float, wait: float) -> int:  # fmt: skip
    """Chat in this terminal, or post the lines of a pipe.

    With a pipe each line is posted in order; when all are stored, the answers that arrive soon are printed, and the exit
    code is 0 if nothing was refused.
    """
    if peer is not None and conversation_id is not None:
        raise click.UsageError("--with and --conversation: one of them")
    config = setup.config()
    if given is None:
        if name is None:
            raise click.UsageError("--as NAME: who are you?")
        require_secret(config)
        device = device or f"chat-{secrets.token_hex(4)}"
        given = make_token(config, name, ttl_s=TOKEN_TTL_S, device_id=device)
    elif not given.isascii():
        raise click.UsageError("--token: that is no token: one is letters, digits, dots, - and _")
    wanted = Wanted(
        server or server_of(config),
        given,
        device or device_of(given),
        name,
        peer,
        conversation_id,
        ssl.create_default_context(cafile=ca) if ca else None,
        settle,
        wait,
    )
    try:
        if sys.stdin.isatty() and sys.stdout.isatty():
            return _run(_at_terminal(wanted))
        return _run(_piped(wanted))
    except Stopped as stopped:
        return fail(_why_stopped(stopped, wanted), EXIT_FAILED)
    except CannotConnect as error:
        hint = tls_hint(str(error), config if server is None else None)
        return fail(f"cannot connect to {wanted.server}: {error}{hint}", EXIT_FAILED)
    except ClientError as error:
        return fail(str(error), EXIT_FAILED)


def server_of(config: Config) -> str:
    """The address of the configured server for a client on this machine."""
    server = config.server
    if server.unix_socket:
        return f"imserver+unix://{Path(server.unix_socket).resolve()}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104 - read, not bound
    scheme = "imservers" if server.tls_certificate else "imserver"
    return f"{scheme}://[{host}]:{server.port}" if ":" in host else f"{scheme}://{host}:{server.port}"


def device_of(token: str) -> str:
    """A device id for a given token: its claim, or one that is the same in every run, since a token is bound to the first
    device that uses it."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if isinstance(claims["device"], str):
            return claims["device"]
    except (IndexError, KeyError, TypeError, ValueError):
        pass
    return f"chat-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


async def _at_terminal(wanted: Wanted) -> int:
    from .terminal import TerminalScreen

    screen = TerminalScreen()
    async with _connected(wanted) as client:
        session = await _begin(client, screen, wanted)
        if session.current is None:
            await handle_line(session, "/list")
        await session.say("/help lists what one can type; Ctrl-D leaves.")
        await _both(screen.run(session), session)
    return 0


async def _piped(wanted: Wanted) -> int:
    from .piped import PipedInput, PipedScreen, run_piped, standard_streams

    stdin, stdout, stderr = standard_streams()
    screen = PipedScreen(stdout, stderr)
    async with _connected(wanted) as client:
        session = await _begin(client, screen, wanted, items=0)
        await _both(
            run_piped(session, PipedInput(stdin), settle_s=wanted.settle_s, wait_s=wanted.wait_s), session
        )
    return EXIT_FAILED if session.failures else 0


@contextlib.asynccontextmanager
async def _connected(wanted: Wanted) -> AsyncIterator[Client]:
    """A connected client; prints a notice if connecting takes long."""
    patience = asyncio.get_running_loop().call_later(SILENT_S, tell, f"connecting to {wanted.server} …")
    try:
        client = await connect(
            wanted.server,
            token=wanted.token,
            device_id=wanted.device_id,
            tls=wanted.tls,
            timeout=CONNECT_TIMEOUT_S,
            client_info={"name": "imserver chat"},
        )
    finally:
        patience.cancel()
    try:
        yield client
    finally:
        await client.close()


async def _begin(client: Client, screen: Screen, wanted: Wanted, items: int = 20) -> ChatSession:
    """A session with the wanted conversation open. Raises click.UsageError if there is no such user."""
    if wanted.name is not None and client.user_id != wanted.name:
        raise click.UsageError(f"the token is that of {client.user_id!r}, not of {wanted.name!r}")
    session = ChatSession(client, screen, SystemClock())
    conversation_id = wanted.conversation_id
    if wanted.peer is not None:
        if wanted.peer == client.user_id or not await client.users([wanted.peer]):
            raise click.UsageError(
                f"--with: there is no {'other ' if wanted.peer == client.user_id else ''}user {wanted.peer!r}"
            )
        conversation_id = client.direct(wanted.peer)
    await session.load_list()
    if conversation_id is not None:
        await session.open(conversation_id, items)
    return session


async def _both(lines: Coroutine[Any, Any, None], session: ChatSession) -> None:
    """Read typed lines and arriving messages; whichever ends first ends both."""
    tasks = [asyncio.ensure_future(lines), asyncio.ensure_future(session.run())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await session.close()
    for task in done:
        task.result()


def _run(work: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(work)


def _why_stopped(stopped: Stopped, wanted: Wanted) -> str:
    if stopped.code == CloseCode.AUTH_FAILED:
        return (
            f"{wanted.server} does not let {wanted.name or 'this token'} in: there is no such account (make it with "
            "`imserver user add`), or the token is not valid there"
        )
    if stopped.code == CloseCode.REVOKED:
        return (
            f"{wanted.server} has ended the access of {wanted.name or 'this token'}: the account is shut, or the token was "
            "taken back; only a new token from its operator lets you in again"
        )
    if stopped.code == CloseCode.OK:
        return f"{wanted.server} has ended this session: {stopped.text or 'it does not say why'}"
    if stopped.code == CloseCode.REPLACED:
        return "another program uses this device id; give this one its own --device"
    return str(stopped)
