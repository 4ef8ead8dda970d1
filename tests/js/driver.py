"""The JavaScript client behind the names of the Python client: what judges the one can judge the other.

One Node process plays any number of clients. A line of JSON asks it for something, a line of JSON answers (`driver.js`). What
the Python client does at once, as `outbox()`, blocks here until Node has answered.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import msgspec

import imserver_client as api
from imserver_client import errors, values
from imserver_client.core.state import Ranges
from imserver_client.features import blocks, edits, reactions, typing
from imserver_protocol.shared.said import said_of
from tests.support.node import NODE

#: What Node may take for an answer that comes at once.
_AT_ONCE_S = 10
_EVENTS: dict[str, type[api.ClientEvent]] = {
    name[0].lower() + name[1:]: getattr(api, name)
    for name in api.__all__
    if isinstance(getattr(api, name), type) and issubclass(getattr(api, name), api.ClientEvent)
}
_EVENTS |= {"edited": edits.Edited, "typing": typing.Typing, "blockChanged": blocks.BlockChanged}


class Node:
    """The process, and what is asked of it."""

    def __init__(self) -> None:
        driver = Path(__file__).with_name("driver.js")
        self._process = subprocess.Popen([NODE, driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._waiting: dict[int, Future[Any]] = {}
        self._numbers = 0
        self._lock = threading.Lock()
        #: Functions that Node calls: tokens, and the ranges of waits.
        self.callbacks: dict[int, tuple[asyncio.AbstractEventLoop | None, Callable[..., Any]]] = {}
        #: Rejections that nobody handled.
        self.complaints: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def ask(self, op: str, **given: Any) -> Future[Any]:
        """Ask for something; the answer comes in the reader's thread."""
        future: Future[Any] = Future()
        with self._lock:
            self._numbers += 1
            self._waiting[self._numbers] = future
            self._write({"id": self._numbers, "op": op, **given})
        return future

    def at_once(self, op: str, **given: Any) -> Any:
        """Ask, and block until there is an answer."""
        return self.ask(op, **given).result(_AT_ONCE_S)

    def callback(self, function: Callable[..., Any], loop: asyncio.AbstractEventLoop | None) -> int:
        """A number under which Node calls this: in the loop, or without one in the reader's thread."""
        with self._lock:
            self._numbers += 1
            self.callbacks[self._numbers] = loop, function
            return self._numbers

    def write(self, store: dict[str, Any], method: str, args: Any) -> None:
        """Write to a store that no client has open."""
        self.at_once("write", store=store, method=method, args=_given(_plain(args)))

    def pack(self, value: Any) -> bytes:
        """A value of the wire, encoded by the JavaScript client."""
        return bytes(self.at_once("pack", value=_wire_said(value)))

    def unpack(self, data: bytes) -> Any:
        """The same, decoded."""
        return _wire_value(self.at_once("unpack", bytes=data.hex()))

    def _write(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "complaint" in said:
                self.complaints.append(said["complaint"])
            elif "tell" in said:
                self.callbacks[said["tell"]][1](*said["args"])
            elif "ask" in said:
                loop, function = self.callbacks[said["ask"]]
                assert loop is not None
                asyncio.run_coroutine_threadsafe(self._answer(function, said["id"]), loop)
            else:
                self._settle(self._waiting.pop(said["id"]), said)

    @staticmethod
    def _settle(future: Future[Any], said: dict[str, Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return  # who asked waits no more
        if "error" in said:
            future.set_exception(_error(said["error"]))
        else:
            future.set_result(_value(said["value"]))

    async def _answer(self, function: Callable[[], Any], number: int) -> None:
        line: dict[str, Any] = {"answer": number}
        try:
            given = function()
            line["value"] = await given if inspect.isawaitable(given) else given
        except Exception as error:
            line["error"] = {"text": str(error), "network": isinstance(error, OSError)}
        with self._lock:
            self._write(line)


def _wire_said(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return list(map(_wire_said, value))
    if isinstance(value, dict):
        return {"$map": [[key, _wire_said(one)] for key, one in value.items()]}
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    return {"$float": value} if isinstance(value, float) and value.is_integer() else value


def _wire_value(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_wire_value, value))
    if not isinstance(value, dict):
        return value
    if "$float" in value:
        return float(value["$float"])
    return {key: _wire_value(one) for key, one in value["$map"]}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$hex" in value:
        return bytes.fromhex(value["$hex"])
    if "$error" in value:
        return _error(value["$error"])
    return {key: _value(one) for key, one in value.items()}


def _error(said: dict[str, Any]) -> BaseException:
    kind = getattr(errors, said["name"], None)
    if kind is errors.NotOffered:
        return errors.NotOffered(said["feature"])
    if kind is errors.Refused:
        return errors.Refused(said["code"], said["text"], _tuples(_value(said["detail"])))
    if kind in (errors.Stopped, errors.Undeliverable):
        made: BaseException = kind(said["code"], said["text"])
        return made
    if kind is not None:
        return kind(said["message"])  # type: ignore[no-any-return]
    if said["name"] == "AbortError":
        return asyncio.CancelledError()
    return RuntimeError(said.get("stack") or said["message"])


def _tuples(value: Any) -> Any:
    """As the Python client has it: arrays are tuples."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    if isinstance(value, dict):
        return {key: _tuples(one) for key, one in value.items()}
    return value


def _plain(value: Any) -> Any:
    """With maps for dataclasses."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return list(map(_plain, value)) if isinstance(value, (tuple, list)) else value


def _given(value: Any) -> Any:
    """A value as it goes to Node."""
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, Mapping):
        return {key: _given(one) for key, one in value.items()}
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, Iterable):
        return [_given(one) for one in value]
    return value


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def made(kind: type[Any], said: dict[str, Any], **more: Any) -> Any:
    """A value of the Python client."""
    names = {field.name for field in fields(kind)}
    given = {_snake(name): _tuples(value) for name, value in said.items()}
    return kind(**{name: value for name, value in given.items() if name in names}, **more)


def _listed(params: Any) -> list[Any]:
    listed: list[Any] = msgspec.to_builtins(params, builtin_types=(bytes,))
    return listed


def _shaped(value: Any, method: Any) -> Any:
    return msgspec.convert(_tuples(value), method.result, builtin_types=(bytes,))


def _event(said: dict[str, Any]) -> Any:
    kind = _EVENTS[said["type"]]
    if kind is api.ConnectionChanged:
        said["state"] = api.State(said["state"])
    if "retryInMs" in said:
        wait = said.pop("retryInMs")
        said["retry_in_s"] = None if wait is None else wait / 1000
    if kind is api.CursorMoved:
        said["cursor"] = api.Cursor(**said["cursor"])
    if kind is api.PostSettled and said["posted"] is not None:
        said["posted"] = made(api.Posted, said["posted"])
    if kind is api.PostsGone:
        said["posts"] = tuple(made(api.GonePost, one) for one in said["posts"])
    return made(kind, said)


def _item(said: dict[str, Any]) -> Any:
    return made(values.Item, said)


def _limits(limits: api.ClientLimits) -> dict[str, Any]:
    """Those that differ from the Python client's, by their names in JavaScript."""
    changed = {}
    default = api.ClientLimits()
    for field in fields(api.ClientLimits):
        value = getattr(limits, field.name)
        if value == getattr(default, field.name):
            continue
        if field.name.endswith("_s"):
            changed[_camel(field.name[:-2]) + "Ms"] = value * 1000
        else:
            changed[_camel(field.name)] = value
    return changed


class JsConnecting:
    """What `connect` returns: enter it, or await it."""

    def __init__(self, node: Node, options: dict[str, Any]) -> None:
        self._node = node
        self._options = options
        self._client: JsClient | None = None

    async def _open(self) -> JsClient:
        core = self._node.at_once("make", **self._options)
        try:
            opened = await asyncio.wrap_future(self._node.ask("open", core=core))
        except asyncio.CancelledError:
            await asyncio.wrap_future(self._node.ask("leave", core=core))
            raise
        self._client = JsClient(self._node, core, opened)
        return self._client

    def __await__(self) -> Any:
        return self._open().__await__()

    async def __aenter__(self) -> JsClient:
        return await self._open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._client is not None
        await self._client.close(flush=error is None)


def connect(
    node: Node,
    address: str,
    *,
    token: Any,
    device_id: str | None = None,
    store: Any = None,
    timeout: float | None = 30.0,
    close_timeout: float = 5.0,
    have: Mapping[str, int] | None = None,
    client_info: Mapping[str, Any] | None = None,
    limits: api.ClientLimits | None = None,
    environment: api.Environment | None = None,
    early: bool = False,
) -> JsConnecting:
    """`imserver_client.connect`, for the JavaScript client, which has `early`, too."""
    loop = asyncio.get_running_loop()
    waits = None
    if environment is not None and not hasattr(environment.uniform, "__self__"):
        waits = node.callback(environment.uniform, None)
    options = {
        "address": address,
        "token": token if isinstance(token, str) else node.callback(token, loop),
        "store": None if store is None else place_of(node, store),
        "waits": waits,
        "timeoutMs": None if timeout is None else timeout * 1000,
        "closeTimeoutMs": close_timeout * 1000,
        "early": early,
        "have": dict(have or {}),
        "clientInfo": _given(client_info or {}),
        "limits": {} if limits is None else _limits(limits),
    }
    if device_id is not None:
        options["deviceId"] = device_id
    return JsConnecting(node, options)


def place_of(node: Node, store: Any) -> dict[str, Any]:
    """The store in Node that stands for this one. A store that has `ended` is told what ends with a token of sync."""
    if isinstance(store, api.SqliteStorage):
        return {"path": store._path}
    if not isinstance(store, api.MemoryStorage):
        return {"path": str(store)}

    def ended(since: str | None, names: list[str]) -> None:
        if hasattr(store, "ended"):
            store.ended.append((since, sorted(names)))

    node.callbacks[-id(store)] = None, ended  # which keeps the store, so that no other gets this id
    return {"memory": id(store)}


class JsMessage:
    """A message, with the names of the Python client's."""

    def __init__(self, node: Node, number: int, said: dict[str, Any]) -> None:
        self._node = node
        self._number = number
        for name, value in said.items():
            setattr(self, _snake(name), _tuples(value))

    def done(self) -> None:
        self._node.at_once("done", message=self._number)

    @property
    def text(self) -> str:
        content: Any = getattr(self, "content", None)
        text = content.get("text") if content is not None else None
        return text if isinstance(text, str) else ""


class JsStream:
    """Messages, events or answers. A read that was given up goes on, and its outcome is the next one's."""

    def __init__(self, node: Node, number: int, read: Callable[[dict[str, Any]], Any]) -> None:
        self._node = node
        self._number = number
        self._read = read
        self._pending: Future[Any] | None = None
        self._reading = False

    def __aiter__(self) -> JsStream:
        return self

    async def __anext__(self) -> Any:
        if self._reading:
            raise RuntimeError("this stream is being read already")
        self._reading = True
        try:
            if self._pending is None:
                self._pending = self._node.ask("next", stream=self._number)
            said = await asyncio.shield(asyncio.wrap_future(self._pending))
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._pending = None
            raise
        finally:
            self._reading = False
        self._pending = None
        if said is None:
            raise StopAsyncIteration
        return self._read(said)


class _Feature:
    def __init__(self, client: JsClient, name: str) -> None:
        self._client = client
        self._name = name

    async def _call(self, method: str, *args: Any) -> Any:
        return await self._client.call(f"{self._name}.{method}", *args)

    def _at_once(self, method: str, *args: Any) -> Any:
        return self._client.at_once(f"{self._name}.{method}", *args)


class _Edits(_Feature):
    async def edit(self, name: str, position: int, content: Any, *, revision: int | None = None) -> Any:
        return made(edits.Edit, await self._call("edit", name, position, content, {"revision": revision}))


class _Reactions(_Feature):
    async def put(self, name: str, position: int, emoji: str) -> None:
        await self._call("put", name, position, emoji)

    async def remove(self, name: str, position: int, emoji: str) -> None:
        await self._call("remove", name, position, emoji)

    def of(self, name: str, position: int) -> Any:
        said = self._at_once("of", name, position)
        shown = tuple(made(reactions.EmojiCount, one) for one in said["shown"])
        return reactions.Reactions(shown, said["kinds"])

    def mine(self, name: str, position: int) -> tuple[str, ...]:
        return tuple(self._at_once("mine", name, position))

    async def people(self, name: str, position: int, emoji: str | None = None, **page: Any) -> Any:
        said = await self._call("people", name, position, {"emoji": emoji, **page})
        return [made(reactions.Reactor, one) for one in said["people"]], said["next"]


class _Blocks(_Feature):
    async def put(self, user_id: str) -> None:
        await self._call("put", user_id)

    async def remove(self, user_id: str) -> None:
        await self._call("remove", user_id)

    async def people(self, **page: Any) -> Any:
        said = await self._call("people", page)
        return said["userIds"], said["next"]


class _Typing(_Feature):
    def tell(self, name: str) -> None:
        self._at_once("tell", name)


class _States(Mapping[str, Any]):
    def __init__(self, core: _Core) -> None:
        self._core = core

    def __getitem__(self, name: str) -> Any:
        said = self._core.peek("state", name)
        items = {
            int(at): SimpleNamespace(**{_snake(k): v for k, v in one.items()})
            for at, one in said.pop("items").items()
        }
        counted = {name: SimpleNamespace(**said.pop(name)) for name in ("about", "settings")}
        held = Ranges(map(tuple, said.pop("held")))
        return SimpleNamespace(**said, **counted, held=held, items=items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._core.peek("states"))

    def __len__(self) -> int:
        return len(self._core.peek("states"))


class _Core:
    """What tests look at in the Python client's core."""

    def __init__(self, node: Node, number: int) -> None:
        self._node = node
        self._number = number
        self.states = SimpleNamespace(_states=_States(self))
        self.lineage = SimpleNamespace(is_quiet=lambda name: self.peek("isQuiet", name))

    def peek(self, what: str, name: str = "") -> Any:
        return self._node.at_once("peek", core=self._number, what=what, name=name)

    @property
    def inbox(self) -> list[str]:
        return list(self.peek("follows"))

    @property
    def catch_up(self) -> Any:
        return SimpleNamespace(_since=self.peek("since"))

    def want_sync(self) -> None:
        self.peek("wantSync")


class JsClient:
    """The Python client's public API, done by a client in Node."""

    def __init__(self, node: Node, core: int, opened: dict[str, Any]) -> None:
        self._node = node
        self._number = opened["client"]
        self._core = _Core(node, core)
        self.user_id = opened["userId"]
        self.device_id = opened["deviceId"]
        self.edits = _Edits(self, "edits")
        self.reactions = _Reactions(self, "reactions")
        self.blocks = _Blocks(self, "blocks")
        self.typing = _Typing(self, "typing")

    async def call(self, path: str, *args: Any) -> Any:
        """Ask a method of the client."""
        asked = self._node.ask("call", client=self._number, path=path, args=_given(args))
        return await asyncio.wrap_future(asked)

    def at_once(self, path: str, *args: Any) -> Any:
        """The same, for what answers at once."""
        return self._node.at_once("call", client=self._number, path=path, args=_given(args))

    @property
    def state(self) -> api.State:
        return api.State(self.at_once("state"))

    @property
    def store_epoch(self) -> str:
        return str(self.at_once("storeEpoch"))

    @property
    def server_features(self) -> frozenset[str]:
        return frozenset(self.at_once("serverFeatures"))

    async def post(self, name: str, content: Any, *, key: bytes | None = None) -> api.Posted:
        aborter = self._node.at_once("aborter")
        options = {} if key is None else {"key": key}
        args = _given([name, content, options])
        asked = self._node.ask("call", client=self._number, path="post", args=args, abort=aborter)
        try:
            posted = await asyncio.wrap_future(asked)
        except asyncio.CancelledError:
            self._node.at_once("abort", thing=aborter)
            raise
        return made(api.Posted, posted)  # type: ignore[no-any-return]

    async def abandon(self, name: str, key: bytes) -> api.Posted | None:
        posted = await self.call("abandon", name, key)
        return None if posted is None else made(api.Posted, posted)

    def outbox(self) -> list[api.Queued]:
        return [made(api.Queued, one) for one in self.at_once("outbox")]

    def _stream(self, path: str, read: Callable[[dict[str, Any]], Any], *args: Any) -> JsStream:
        number = self._node.at_once("stream", client=self._number, path=path, args=_given(args))
        return JsStream(self._node, number, read)

    def messages(self) -> JsStream:
        return self._stream("messages", lambda said: JsMessage(self._node, said["message"], said["value"]))

    def events(self) -> JsStream:
        return self._stream("events", lambda said: _event(said["value"]))

    async def history(self, name: str, **page: Any) -> api.Page:
        said = await self.call("history", name, page)
        items = tuple(map(_item, said.pop("items")))
        return api.Page(items=items, **said)

    async def conversations(self, **page: Any) -> Any:
        said = await self.call("conversations", page)
        rows = []
        for one in said["conversations"]:
            last = one.pop("last")
            rows.append(made(api.Conversation, one, last=None if last is None else _item(last)))
        return values.ConversationPage(tuple(rows), said["next"])

    async def members(self, name: str) -> list[api.Member]:
        return [made(api.Member, one) for one in await self.call("members", name)]

    async def users(self, user_ids: Iterable[str]) -> list[api.User]:
        return [made(api.User, one) for one in await self.call("users", list(user_ids))]

    def show(self, name: str) -> None:
        self.at_once("show", name)

    def hide(self, name: str) -> None:
        self.at_once("hide", name)

    def item(self, name: str, position: int) -> Any:
        said = self.at_once("item", name, position)
        return None if said is None else made(api.ItemState, said)

    def about(self, name: str) -> Any:
        return _tuples(self.at_once("about", name))

    def settings(self, name: str) -> Any:
        return _tuples(self.at_once("settings", name))

    def account(self) -> Any:
        return _tuples(self.at_once("account"))

    async def ask(self, method: Any, params: Any) -> Any:
        return _shaped(await self.call("ask", method.name, _listed(params)), method)

    def watch(self, method: Any, params: Any) -> JsStream:
        return self._stream(
            "watch", lambda said: _shaped(said["value"], method), method.name, said_of(params)
        )

    async def write(self, method: Any, params: Any) -> Any:
        aim = {
            "conversationId": getattr(params, "conversation_id", ""),
            "position": getattr(params, "position", 0),
        }
        return _shaped(await self.call("write", method.name, _listed(params), aim), method)

    async def cursor(self, name: str, **upto: Any) -> api.Cursor:
        return api.Cursor(**await self.call("cursor", name, upto))

    def mark_read(self, name: str, position: int) -> None:
        self.at_once("markRead", name, position)

    def cursors(self, name: str) -> dict[str, api.Cursor]:
        return {user_id: api.Cursor(**one) for user_id, one in self.at_once("cursors", name).items()}

    def direct(self, user_id: str) -> str:
        return str(self.at_once("direct", user_id))

    def key(self) -> bytes:
        return bytes(self.at_once("key"))

    async def create_group(self, title: str, members: Iterable[str] = (), **options: Any) -> str:
        return str(await self.call("createGroup", title, list(members), options))

    async def add_member(self, name: str, user_id: str, **options: Any) -> int:
        return int(await self.call("addMember", name, user_id, options))

    async def remove_member(self, name: str, user_id: str, **options: Any) -> int:
        return int(await self.call("removeMember", name, user_id, options))

    async def leave(self, name: str, **options: Any) -> int:
        return int(await self.call("leave", name, options))

    async def renew(self, token: str) -> int:
        return int(await self.call("renew", token))

    async def close(self, *, flush: bool = True) -> None:
        await self.call("close", {"flush": flush})

    async def abort(self) -> None:
        await self.call("abort")
