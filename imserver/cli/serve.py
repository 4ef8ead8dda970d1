"""`imserver serve`: a server as a process of its own, with signals, a log, and an exit code that says how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import click

from imserver.cautions import SECRET_READERS, of_environment, open_to_others
from imserver.config import Config
from imserver.config.environment import Environment
from imserver.errors import StartError
from imserver.passing import passes
from imserver.server import Server

from .app import EXIT_FAILED, Setup, fail
from .backup import BackupOperations
from .control import control_path, serve_control
from .desk import of_plugins
from .desk import operations as of_accounts
from .log import Level, set_up_log
from .log_writer import LogWriter, as_standard_error
from .place import database_is_there
from .ports import require_free_ports
from .process import settle_process
from .reload import Reloads, before_the_loop, on_hangup, reloading
from .root import as_root, refuse_as_root
from .status import status_operation
from .watching import TraceOperations

#: Beyond the drain's own time, for the checkpoint and for closing: then the process ends anyway. Acknowledged posts are on
#: the disk already, so a later end would gain nothing.
CLOSING_S = 4.0
#: A secret from the environment is not in the configuration's file.
SECRET_VARIABLE = "IMSERVER_AUTH__SECRET"
#: Where systemd, or podman, listens for what it is told.
NOTIFY_SOCKET = "NOTIFY_SOCKET"


@click.command()
@click.option(
    "--ready-file",
    metavar="PATH",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a line `PORT PID` to this file once the server listens; it is removed at the end.",
)
@click.option(
    "--ready-fd", metavar="N", type=click.IntRange(min=1), help="Write that line to this open descriptor."
)
@click.pass_obj
def serve(setup: Setup, ready_file: Path | None, ready_fd: int | None) -> int:
    """Run the server until it is told to stop.

    SIGTERM or Ctrl-C drains: no new connections or posts, everything accepted is decided and answered, clients are told
    when to come back, exit 0. A second one ends the process at once.

    SIGHUP reads the configuration again, and takes over what a running server can: limits, level of the log, certificates,
    files of plugins. The log says what needs a restart. What is wrong changes nothing.
    """
    with before_the_loop() as asked:  # first: what is written from here on is not missed
        reading = setup.reading()
        if reading.config is None:
            raise reading.faults[0]
        with as_standard_error():
            return _serve(setup, reading.config, reading.environment, ready_file, ready_fd, asked)


def _serve(
    setup: Setup,
    config: Config,
    environment: Environment,
    ready_file: Path | None,
    ready_fd: int | None,
    asked: asyncio.Event,
) -> int:
    level = Level()
    log = set_up_log(config.log, level=level)
    refuse_as_root(os.geteuid(), config.store.path)
    settle_process(config)
    if ready_file is not None:
        _try(ready_file)
    if ready_fd is not None and not _is_open(ready_fd):
        raise StartError(f"--ready-fd {ready_fd}: is not an open descriptor")
    fresh = not database_is_there(setup, config.store.path)  # before a secret is made
    if fresh:
        require_free_ports(config)  # a start that fails for them leaves no database

    def begins() -> None:
        _caution(setup, config, environment, log)

    def ready(server: Server) -> None:
        if fresh:  # not before: a start that fails takes it away again
            log.info("new_database", path=config.store.path)
        for event, facts in as_root(os.geteuid(), os.environ, config):
            log.warning(event, **facts)
        line = f"{server.port} {os.getpid()}\n"
        if ready_file is not None:
            _write_at_once(ready_file, line)
        if ready_fd is not None:
            _tell(ready_fd, line)
        _tell_systemd()

    reloads = Reloads(setup, config, log, level, asked)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(run_server(config, log, ready, begins, folder=setup.folder, reloads=reloads))
    finally:
        if ready_file is not None:
            _forget(ready_file)
    return code


def _caution(setup: Setup, config: Config, environment: Environment, log: Any) -> None:
    """What is said of where the configuration comes from; the server says the rest."""
    told = [*of_environment(environment)]
    if config.auth.secret and setup.config_path is not None and SECRET_VARIABLE not in os.environ:
        told += open_to_others(setup.config_path, SECRET_READERS)
    for event, facts in told:
        log.warning(event, **facts)
    if environment.of_services:
        log.info("environment_of_services", ignored=list(environment.of_services))


async def run_server(
    config: Config,
    log: Any,
    ready: Callable[[Server], None],
    begins: Callable[[], None] = lambda: None,
    *,
    folder: Path = Path(),
    reloads: Reloads | None = None,
) -> int:
    """Start, wait for a signal or a failure, stop. Returns the exit code; raises the error of a failed start. `begins` is
    called before anything is opened, with a configuration that is right; `ready` when the server listens. Without `reloads`
    SIGHUP is what it was before."""
    stop = asyncio.Event()
    with _signals(stop, log), on_hangup(reloads, stop) if reloads is not None else contextlib.nullcontext():
        server = Server(config, log=log, folder=folder)
        begins()
        await server.start()
        operations = {
            **of_accounts(server.administration),
            "status": status_operation(server),
            **BackupOperations(server).operations,
            **TraceOperations(server).operations,
            **of_plugins(server.plugin_host),
        }
        async with serve_control(control_path(config.store.path), operations, log):
            try:
                ready(server)
            except OSError as error:
                await server.stop()
                where = "--ready-fd" if error.filename is None else f"--ready-file {error.filename}"
                raise StartError(f"{where}: {error.strerror or error}", again=passes(error)) from None
            async with reloading(reloads, server):
                failure = await _until(stop, server)
        if failure is not None:
            fail(
                f"the store failed, nobody is served any more: {failure}. Start it again to recover.",
                EXIT_FAILED,
            )
        return await _stop(server, config, log, EXIT_FAILED if failure is not None else 0)


async def _until(stop: asyncio.Event, server: Server) -> Exception | None:
    """Waits for the first of: a signal to stop (None), or a failure (its reason)."""
    stopped = asyncio.ensure_future(stop.wait())
    failed = asyncio.ensure_future(server.failed())
    try:
        await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        return failed.result() if failed.done() else None
    finally:
        for waiter in (stopped, failed):
            waiter.cancel()
        await asyncio.gather(stopped, failed, return_exceptions=True)


async def _stop(server: Server, config: Config, log: Any, code: int) -> int:
    """Drain and stop. Exit code 0 says that everything accepted was decided and answered."""
    limit_s = config.server.drain_timeout_s + CLOSING_S
    stopping = asyncio.ensure_future(server.stop())
    # No `timeout`: a drain does not end for being cancelled.
    if not (await asyncio.wait({stopping}, timeout=limit_s))[0]:
        log.error("stop_timeout", after_s=limit_s)
        # Threads in a stuck disk or plugin would keep the process for ever.
        _end_at_once(code if server.decided else EXIT_FAILED)
    await stopping
    return code if server.decided else EXIT_FAILED


@contextlib.contextmanager
def _signals(stop: asyncio.Event, log: Any) -> Iterator[None]:
    """The first SIGTERM or SIGINT sets `stop`, the second ends the process."""
    loop = asyncio.get_running_loop()

    def told(number: signal.Signals) -> None:
        if stop.is_set():
            log.warning("exit_at_once", signal=number.name)
            _end_at_once(128 + number)
        stop.set()  # first: whatever becomes of the log
        log.info("stopping", signal=number.name)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told, number)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _end_at_once(code: int) -> NoReturn:
    if isinstance(sys.stderr, LogWriter):
        sys.stderr.settle()
    os._exit(code)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


def _tell(descriptor: int, line: str) -> None:
    with os.fdopen(descriptor, "w") as file:
        file.write(line)


def _tell_systemd() -> None:
    """That the unit is up (`Type=notify`, sd_notify(3)): `systemctl start` waits for it, and says if the start failed."""
    name = os.environ.get(NOTIFY_SOCKET, "")
    if name:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.connect(f"\0{name[1:]}" if name.startswith("@") else name)
            told.send(b"READY=1")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _try(path: Path) -> None:
    """Forget the file of an earlier run, which would mislead a waiting process, and see that it can be written: before anything
    else is begun."""
    _forget(path)
    trial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        trial.write_text("?")
        trial.unlink()
    except OSError as error:
        raise StartError(f"--ready-file {path}: {error.strerror}", again=passes(error)) from None


def _write_at_once(path: Path, line: str) -> None:
    """Write the file atomically: a reader sees all of it or nothing."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(line)
        unfinished.replace(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StartError(f"--ready-file {path}: {error.strerror}", again=passes(error)) from None
