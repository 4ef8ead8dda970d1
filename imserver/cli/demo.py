"""`imserver demo`: a server and clients survive a cut line and a kill, shown as a chat and proved; or a chat or page to try."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from imserver.errors import StartError
from imserver.proof.demo.demonstration import run_demo
from imserver.proof.demo.environment import (
    ALICE,
    CUSTOMERS,
    LI,
    MING,
    STORE_BOT,
    ZONE,
    Person,
    make_accounts,
    open_shop,
)
from imserver.proof.player import PlayBroken
from imserver.proof.sabotage import SABOTAGES
from imserver.proof.server_process import ServerFailed, ServerProcess
from imserver_client import ClientError

from .app import EXIT_FAILED, EXIT_MISTAKE, fail, tell
from .control import ask, control_path
from .demo_screen import DemoScreen
from .demo_web import program, run_web
from .run_cancellable import run_cancellable
from .tables import fitted
from .token import check_name

DATABASE = "chat.db"
AGAIN = "imserver demo --chat --as"
#: What the chat of the demonstration begins with, by the language in which the shop answers.
_TRY = {
    "en": f"Try: /book sat 3pm eye exam\n中文: {AGAIN} {MING.user_id}",
    "zh-CN": f"试试: 预约周六下午3点验光\nEnglish: {AGAIN} {ALICE.user_id}",
}
#: By these the system says its language, the first that is set (POSIX, "Environment Variables").
_LANGUAGE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
LEGEND = "… waiting   ✓ stored on disk   ✓✓ delivered   ✓✓ read      » what is done to the machines"


@click.command()
@click.option("--chat", "chatting", is_flag=True, help="No play: set all up and chat with the shop yourself.")
@click.option("--as", "name", metavar="NAME",
              help=f"With --chat: who you are: {ALICE.user_id} (English), {MING.user_id} (Chinese), or any name. "
              "Default: one of the two, by the language of this system (LANG).")  # fmt: skip
@click.option("--web", is_flag=True, help="No play: the shops' page in a browser of yours, until Ctrl-C.")
@click.option(
    "--lan", is_flag=True, help="With --web: for phones in this network, with QR codes. Plain HTTP."
)
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="With --web: the page's port.")
@click.option("--folder", metavar="PATH", type=click.Path(path_type=Path, file_okay=False),
              help="Where the database goes, and stays. Default: a temporary folder that is removed.")  # fmt: skip
@click.option("--pace", default=0.3, show_default=True, type=click.FloatRange(0, 10), metavar="SECONDS",
              help="How long each message is left to be read.")  # fmt: skip
@click.option("--sabotage", type=click.Choice(sorted(SABOTAGES)),
              help="Test the checker: spoil this run, which then has to end with exit code 1.")  # fmt: skip
def demo(
    chatting: bool, name: str | None, web: bool, lan: bool, port: int | None,
    folder: Path | None, pace: float, sabotage: str | None,
) -> int:  # fmt: skip
    """Play a customer's conversation with a shop, while its line is cut and its server is killed; then prove that nothing was
    lost.

    Everything is real: a server process on a fresh SQLite file, and clients that reach it over TCP. Exit code 0 only if
    everything that the chat said is in the database, once and in order, and every appointment that it promised.
    """
    name = customer(os.environ).user_id if name is None else name
    check_name(name)
    if chatting and web:
        raise click.UsageError("--chat and --web are two different things to try")
    if (lan or port is not None) and not web:
        raise click.UsageError("--lan and --port are for --web")
    try:
        with _folder(folder, fresh=not (chatting or web)) as place:
            if web:
                return _run(run_web(place, kept=folder is not None, lan=lan, port=port))
            if chatting:
                return _run(_chat(place, name))
            return _run(_play(place, pace, sabotage))
    except ServerFailed as error:
        reason, *log = str(error).splitlines()
        last = log[-1].removeprefix("imserver: ") if log else ""
        return fail(f"the server did not start: {reason}: {last}", EXIT_MISTAKE)
    except (PlayBroken, ClientError) as error:
        return fail(str(error), EXIT_FAILED)


async def _play(folder: Path, pace_s: float, sabotage: str | None) -> int:
    console = Console()
    screen = DemoScreen(console, ZONE, pace_s)
    screen.title("imserver: an eye exam is booked in the chat, and nothing gets lost", LEGEND)
    if sabotage is not None:
        screen.tell(f"This run is spoilt on purpose ({sabotage}); it has to end with exit code 1.")
    right = await run_demo(folder, screen, _make_account, SABOTAGES[sabotage] if sabotage else None)
    return 0 if right else EXIT_FAILED


def customer(environment: Mapping[str, str]) -> Person:
    """Who chats in the language of this system: Chinese where it says so, else English."""
    said = next((value for name in _LANGUAGE_VARIABLES if (value := environment.get(name))), "")
    return MING if said.lower().startswith("zh") else ALICE


async def _chat(folder: Path, name: str) -> int:
    """Run a server for as long as the chat in this terminal lasts."""
    server = ServerProcess(folder, {"plugins.booking": {}})
    async with server:
        await make_accounts(server.database, _make_account)
        language = {person.user_id: person.language for person in CUSTOMERS}.get(name, "en")
        here = await open_shop(server, name, language)
        config = folder / "imserver.toml"
        more = f"{program()} --config {config} chat --as"
        other = MING if name == ALICE.user_id else ALICE
        lasts = f"A server is running (pid {server.pids[-1]}) as long as this chat. More chats, each in a terminal of its own:"
        for line in fitted(lasts, sys.stderr):
            tell(line)
        tell(f"  {more} {LI.user_id}\n  {more} {other.user_id} --with {STORE_BOT}\n{_TRY[language]}")
        chat = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "imserver.cli", "--config", str(config),
            "chat", "--as", name, "--conversation", here,
        )  # fmt: skip
        try:
            code = await chat.wait()
        finally:
            if chat.returncode is None:
                chat.terminate()
                await chat.wait()
        await server.stop()
        return code


async def _make_account(database: Path, fields: dict[str, Any]) -> None:
    """Make an account through the server's control socket. Without one (its path is too long) the first token makes the
    account, with its id as name."""
    path = control_path(str(database))
    if path is not None:
        with contextlib.suppress(StartError):
            await ask(path, "put_user", fields)


@contextlib.contextmanager
def _folder(given: Path | None, *, fresh: bool) -> Iterator[Path]:
    """The folder to work in. A temporary one is removed at the end."""
    if given is None:
        made = Path(tempfile.mkdtemp(prefix="imserver-demo-"))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return
    try:
        given.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"--folder {given}: {error.strerror}") from None
    if fresh and (given / DATABASE).exists():
        raise StartError(f"--folder {given}: there is a {DATABASE} already; the play begins with a fresh one")
    yield given.resolve()


def _run(work: Coroutine[Any, Any, int]) -> int:
    """Run the work; SIGTERM and SIGHUP, too, end it in good order and leave no server behind."""
    try:
        return run_cancellable(work)
    except asyncio.CancelledError:
        return EXIT_FAILED
