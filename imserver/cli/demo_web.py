"""`imserver demo --web`: the demo chain's page in a browser, on a server that is started again whenever somebody kills it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from imserver.errors import StartError
from imserver.proof.server_process import ServerProcess
from imserver.proof.torture.participants import STAFF

from .browser import LINK_PATH
from .control import ask, control_path
from .text_width import pad, width

LOCALHOST = "localhost"
#: The same server for a browser, and another site: its cookie is another one, so that one browser can be customer and staff.
LOCALHOST_TOO = "127.0.0.1"
#: The same each time, so that a browser finds its cookie and what it kept; another one if it is taken.
USUAL_PORT = 7480
#: An address that nobody has (RFC 5737): choosing a way to it tells our own address, and sends nothing.
NOWHERE = ("198.51.100.1", 9)
#: The server's own answers about itself (seconds).
ANSWER_S = 10.0
#: Guests of one address in a day before staff look at each: here there is no staff.
GUESTS = 10_000
#: Which shops there are.
CHAIN = "/x/booking/chain"
OVER_HTTP = """\
This is plain HTTP, for which browsers give a page less than it has elsewhere: nothing without a network (no service
worker), each tab a device of its own that keeps nothing (no locks), no notifications. Booking, moving, cancelling and the
chat work. On http://localhost and behind TLS all of it works."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop of the chain, as the list shows it."""

    shop_id: str
    bot: str
    title: str


@dataclass(frozen=True, slots=True)
class Employee:
    """Somebody of a shop's staff: name and shop, and the address that signs a browser in as them, once, for ten minutes."""

    user_id: str
    title: str
    link: str


async def run_web(folder: Path, *, kept: bool, lan: bool, port: int | None) -> int:
    """Serve until Ctrl-C or SIGTERM; 0. Raises `StartError`, `ServerFailed`."""
    host = _address_of_ours() if lan else LOCALHOST
    chosen = _port(host, port)
    origin = f"http://{host}:{chosen}"
    settings = {"plugins.booking": {}, "http": http_settings(host, chosen, lan=lan)}
    server = ServerProcess(folder, settings, dies_with_parent=sys.platform == "linux")
    with _asked_to_end() as over:
        click.echo("The shops are being opened; that takes some seconds.")
        try:
            if not await _done_before(over, server.start()):
                return 0
            shops = await _shops(host, chosen)
            staff = await _staff(server, shops, f"http://{host if lan else LOCALHOST_TOO}:{chosen}")
            _tell(server, origin, shops, staff, kept=kept)
            if lan:
                _tell_lan(origin, shops)
            await _again_and_again(server, over)
        finally:
            await server.kill()
    return 0


def http_settings(host: str, port: int, *, lan: bool) -> dict[str, Any]:
    """The section `[http]`: whoever tries it comes from one address, as often as they like."""
    http: dict[str, Any] = {
        "port": port,
        "public_url": f"http://{host}:{port}",
        "guests": True,
        "guests_per_address": GUESTS,
    }
    return {**http, "host": host, "insecure": True} if lan else http


async def _again_and_again(server: ServerProcess, over: asyncio.Task[Any]) -> None:
    """Until `over`; start the server again whenever somebody kills it before."""
    while not over.done():
        ended = asyncio.ensure_future(server.ended())
        if not await _done_before(over, ended):
            break
        if ended.result() >= 0:  # nobody killed it: it would end again
            raise StartError(f"the server ended by itself (exit code {ended.result()}): {server.tail(3)}")
        if not await _done_before(over, server.start()):
            return
        click.echo(f"The server was ended and is there again, process {server.pids[-1]}.")
    click.echo("\nThe server ends: what is under way is answered first.")
    await server.stop()


# -- the end ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _asked_to_end() -> Iterator[asyncio.Task[Any]]:
    """Done at the first Ctrl-C or SIGTERM: from before anything is told, so that none is lost."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    over = loop.create_task(stopped.wait())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        yield over
    finally:
        over.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _done_before(over: asyncio.Task[Any], work: Awaitable[Any]) -> bool:
    """Whether the work came to its end, raising what it raises; else it is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({over, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    if task.cancelled():
        return False
    task.result()
    return not over.done()


# -- what is told -----------------------------------------------------------------------------------------------------------


def _tell(
    server: ServerProcess, origin: str, shops: Sequence[Shop], staff: Sequence[Employee], *, kept: bool
) -> None:
    click.echo("The shops are open: the bot confirms at once. In a browser, as a customer:\n")
    _table([*((shop.title, f"{origin}/s/{shop.shop_id}") for shop in shops), ("all shops", f"{origin}/")])
    if staff:
        again = f"{program()} --config {server.folder / 'imserver.toml'} user link {staff[0].user_id}"
        click.echo(
            "\nAs the staff, beside it in the same browser; each link signs in once, within ten minutes:\n"
        )
        _table([(one.title, one.link) for one in staff])
        click.echo(f"\nA new one:  {again}")
    where = f"in {server.folder}" if kept else f"in {server.folder} until the end (--folder PATH keeps them)"
    click.echo(
        f"\nThe server is process {server.pids[-1]}: kill -9 {server.pids[-1]} in the middle of a booking, and it comes again."
        f"\nThe data lie {where}. Ctrl-C ends it.\n"
    )


def _table(rows: Sequence[tuple[str, str]]) -> None:
    widest = max(width(title) for title, _ in rows)
    for title, address in rows:
        click.echo(f"  {pad(title, widest)}   {address}")


def program() -> str:
    """How this program is started, for a line that somebody copies."""
    return sys.argv[0] if Path(sys.argv[0]).name == "imserver" else f"{sys.executable} -m imserver.cli"


def _tell_lan(origin: str, shops: Sequence[Shop]) -> None:
    """A code for each shop, for the camera of a phone."""
    import segno

    for shop in shops:
        address = f"{origin}/s/{shop.shop_id}"
        click.echo(f"{shop.title}   {address}")
        segno.make(address, error="m", micro=False).terminal(compact=True, border=2)
    click.echo(OVER_HTTP + "\n")


async def _shops(host: str, port: int) -> list[Shop]:
    """As the page itself asks for them."""
    import aiohttp

    address = f"http://{host}:{port}{CHAIN}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
            session.get(address, raise_for_status=True) as answer,
        ):
            chain: Mapping[str, Any] = await answer.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StartError(f"the server does not say which shops there are: {error}") from None
    return [
        Shop(one["id"], one["bot"], f"{one['name']['zh']} · {one['name']['en']}") for one in chain["shops"]
    ]


async def _staff(server: ServerProcess, shops: Sequence[Shop], origin: str) -> list[Employee]:
    """Somebody of each shop's staff with a link; nobody where the server cannot be asked for one, as with a very long path."""
    path, found = control_path(str(server.database)), list[Employee]()
    employees = {bot: user_id for user_id, bot in STAFF}
    for shop in shops:
        user_id = employees.get(shop.bot)
        if user_id is None or path is None:
            continue
        with contextlib.suppress(StartError):
            made = await ask(path, "make_link", {"user_id": user_id})
            if made is not None:
                found.append(
                    Employee(user_id, f"{user_id}, {shop.title}", f"{origin}{LINK_PATH}#{made['secret']}")
                )
    return found


# -- addresses --------------------------------------------------------------------------------------------------------------


def _address_of_ours() -> str:
    """This machine's address in its network. Raises `StartError` where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(NOWHERE)
            address = str(asked.getsockname()[0])
        except OSError:
            address = "0.0.0.0"  # noqa: S104 - what an unconnected socket says of itself; nobody binds it
    if address == "0.0.0.0" or address.startswith("127."):  # noqa: S104
        raise StartError("--lan: this machine is in no network")
    return address


def _port(host: str, wanted: int | None) -> int:
    """The wanted port, or the usual one; without a wish another one if that is taken. Raises `StartError`."""
    for port in (USUAL_PORT, 0) if wanted is None else (wanted,):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                tried.bind(("127.0.0.1" if host == LOCALHOST else host, port))
                return int(tried.getsockname()[1])
    raise StartError(f"--port {wanted}: somebody else listens there")
