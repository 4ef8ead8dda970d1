"""The control socket: a running server's Unix socket beside the database for commands on its machine, owner only.

The database belongs to one process at a time, so a command such as `imserver user add` asks the server that has it, and opens
the file itself if no process has. One request for each connection: a line of JSON in, a line of JSON out. Not for other
programs; they embed the server or use the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from imserver.errors import ImserverError, StartError
from imserver.net.unix_socket import UnixSocket

#: An operation takes and returns small JSON maps.
Operation = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

#: Longest line either way, far above an account with its roles.
MAX_LINE_BYTES = 64 * 1024
#: Commands that wait to be accepted.
BACKLOG = 16
#: How long either side waits for the other.
TIMEOUT_S = 10.0


def control_path(store_path: str) -> Path | None:
    """The path of the socket beside this database. None if the database is in memory."""
    return None if store_path == ":memory:" else Path(f"{store_path}.control")


def as_json(value: Any) -> bytes:
    """On the socket. A character takes its bytes in UTF-8, not six of them; half a surrogate is escaped, as JSON allows."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


@contextlib.asynccontextmanager
async def serve_control(
    path: Path | None, operations: Mapping[str, Operation], log: Any
) -> AsyncIterator[None]:
    """Answer on the socket. The caller holds the database's lock. A socket that a killed server left is removed, one where
    somebody answers is left alone.

    A server without this socket still serves: a failure to make it is only logged.
    """
    async with contextlib.AsyncExitStack() as stack:
        if path is not None:
            try:
                owned = stack.enter_context(
                    contextlib.closing(UnixSocket(path, backlog=BACKLOG, mode=0o600, lock=False))
                )
                server = await asyncio.start_unix_server(
                    lambda reader, writer: _answer(reader, writer, operations, log),
                    sock=owned.listening,
                    limit=MAX_LINE_BYTES,
                )
                stack.callback(server.close)
            except OSError as error:
                log.warning("no_control_socket", path=str(path), cause=error.strerror or str(error))
        yield


async def ask(path: Path, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """Ask the server with this socket; None if there is none. Raises StartError with the server's text if it refuses."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
            try:
                writer.write(as_json({"operation": operation, **arguments}) + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
        answer = json.loads(line) if line else None
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except PermissionError:
        raise StartError(
            f"{path}: belongs to another user; run this as the one who runs the server"
        ) from None
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise StartError(f"{path}: the running server does not answer ({error!r})", again=True) from None
    if answer is None:
        raise StartError("the server ended before it answered", again=True)
    if not isinstance(answer, dict) or "error" in answer or "result" not in answer:
        words = answer.get("error", "no answer") if isinstance(answer, dict) else "no answer"
        raise StartError(f"the running server says: {words}")
    result: dict[str, Any] = answer["result"]
    return result


async def _answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    operations: Mapping[str, Operation],
    log: Any,
) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            line = await reader.readline()
            if not line:  # gone before it asked: Ctrl-C
                writer.close()
                return
            request = json.loads(line)
            operation = operations.get(request.pop("operation", ""))
            if operation is None:
                answer: dict[str, Any] = {"error": "this server does not know that operation; is it older?"}
            else:
                answer = {"result": await operation(request)}
    except ImserverError as error:
        answer = {"error": str(error)}
    except TimeoutError:
        answer = {"error": "took too long"}
    except asyncio.CancelledError:  # the server ends: whoever asked hears it from the end of the stream
        writer.close()
        return
    except Exception as error:
        log.warning("control_request_failed", exc_info=error)
        answer = {"error": "that did not work; the server's log says why"}
    with contextlib.suppress(OSError):
        writer.write(as_json(answer) + b"\n")
        await writer.drain()
    writer.close()
