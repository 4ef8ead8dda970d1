"""HTTP under `/x/PLUGIN/`, and pages of the site itself: which route a request means, and what is answered, whatever the
handler does.

Nothing here listens: whoever does passes a request to `Web.answer`, its body as it comes in, and the visitor in place of the
cookie. Bounds and deadlines hold here, so that every listener has them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from imserver.errors import PluginError, Refusal
from imserver.http_requests import NOBODY, InWork, Unanswerable, Visitor, VisitorOf, read_body, refused
from imserver.networks import counted_as
from imserver.plugin_api import HttpHandler, HttpRequest, HttpResponse
from imserver.plugin_host.limits import HostLimits

PREFIX = "/x/"
#: First parts of addresses that no page may have: the server's own, and those of features.
NO_PAGES = frozenset({"admin", "api", "files", "healthz", "metrics", "readyz", "socket", "x"})
#: Methods that a route may have; HEAD is answered by GET routes.
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
#: Longest path with its query (characters), and most fields in a query.
MAX_TARGET_CHARS = 2_048
MAX_QUERY_FIELDS = 64
#: What a handler sees of the request's headers. What identifies a visitor is not among them.
REQUEST_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "content-type",
        "if-modified-since",
        "if-none-match",
        "origin",
        "sec-fetch-site",
    }
)
#: What a handler may say in headers.
RESPONSE_HEADERS = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "etag",
        "last-modified",
        "location",
        "retry-after",
        "service-worker-allowed",
        "vary",
    }
)
#: Answers without a body (RFC 9110).
BODILESS = frozenset({204, 304})
#: All that a plugin keeps of one visitor (bytes of names and values).
MAX_SESSION_BYTES = 1_024
_PARAM = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")
_FIELD_VALUE = re.compile(r"[\x20-\x7e]*")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Answer(NamedTuple):
    """What the listener writes. `headers` are whole, but for those of every answer of its own; `session` is what it keeps for
    this plugin and visitor from now on (None: what there is)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    session: Mapping[str, str] | None = None
    document: bool = False
    plugin: str = ""


class _Route(NamedTuple):
    method: str
    #: Parts of the path behind `/x/PLUGIN/`, or behind `/` of a page; None for one that is a param.
    parts: tuple[str | None, ...]
    names: tuple[str, ...]
    plugin: str
    handler: HttpHandler
    log: Any
    prefix: str

    @property
    def pattern(self) -> str:
        """The route as it was registered: the path itself may name a person, and does not belong into a log."""
        names = iter(self.names)
        said = "/".join(part if part is not None else f"{{{next(names)}}}" for part in self.parts)
        return self.prefix + said


class Web:
    """The routes of all plugins of one server."""

    def __init__(self, random_bytes: Callable[[int], bytes], limits: HostLimits) -> None:
        self._random_bytes = random_bytes
        self._limits = limits
        self._routes: dict[str, list[_Route]] = {}
        #: GET at addresses of the site itself, of all plugins.
        self._pages: list[_Route] = []
        #: Of each plugin.
        self._in_work: defaultdict[str, InWork] = defaultdict(
            lambda: InWork(limits.max_http_requests, limits.max_http_requests_of_address)
        )
        #: Hides addresses; made when the first one comes.
        self._secret = b""

    # -- routes -------------------------------------------------------------------------------------------------------

    def add(self, plugin: str, method: str, path: str, handler: HttpHandler, log: Any) -> Callable[[], None]:
        """Add a route; returns what takes it away. Raises PluginError for one that cannot work, or is there."""
        where = f"route {method} {path!r}"
        if method not in METHODS:
            raise PluginError(f"{where}: one of {', '.join(METHODS)}")
        parts, names = _parts_of(path, where)
        routes = self._routes.setdefault(plugin, [])
        if any(route.method == method and route.parts == parts for route in routes):
            raise PluginError(f"{where}: there is such a route already")
        if len(routes) >= self._limits.max_routes:
            raise PluginError(f"{where}: more than {self._limits.max_routes} routes")
        route = _Route(method, parts, names, plugin, handler, log, f"{PREFIX}{plugin}/")
        routes.append(route)

        def remove() -> None:
            routes.remove(route)
            if not routes:
                self._routes.pop(plugin, None)

        return remove

    def add_page(self, plugin: str, path: str, handler: HttpHandler, log: Any) -> Callable[[], None]:
        """Add a page: GET at an address of the site itself. Returns what takes it away. Raises PluginError for one that cannot
        work, or is somebody's already, be it another plugin's."""
        where = f"page {path!r}"
        parts, names = _parts_of(path, where)
        if parts[0] is None or parts[0] in NO_PAGES:
            raise PluginError(
                f"{where}: begins with a word, and not with one of {', '.join(sorted(NO_PAGES))}"
            )
        owner = next((page.plugin for page in self._pages if page.parts == parts), None)
        if owner is not None:
            raise PluginError(f"{where}: the plugin {owner!r} has it")
        if sum(page.plugin == plugin for page in self._pages) >= self._limits.max_pages:
            raise PluginError(f"{where}: more than {self._limits.max_pages} pages")
        page = _Route("GET", parts, names, plugin, handler, log, "/")
        self._pages.append(page)
        return lambda: self._pages.remove(page)

    @property
    def pages(self) -> list[tuple[str, str]]:
        """The plugin and the address of each page, as they were registered."""
        return [(page.plugin, page.pattern) for page in self._pages]

    def _find(self, method: str, target: str) -> tuple[_Route, str, tuple[str, ...]]:
        """The route, the decoded path, and the values of its params. Raises `Unanswerable`."""
        path = target.partition("?")[0]
        if len(target) > MAX_TARGET_CHARS:
            raise Unanswerable(414, "the address is too long")
        prefix, routes, parts = self._among(path)
        found = [route for route in routes if _fits(route.parts, parts)]
        if not found:
            raise Unanswerable(404, "there is nothing here")
        wanted = "GET" if method == "HEAD" else method
        # What is said literally goes before a param, from the left.
        route = min(
            (route for route in found if route.method == wanted),
            key=lambda route: [part is None for part in route.parts],
            default=None,
        )
        if route is None:
            methods = {route.method for route in found}
            allowed = sorted(methods | {"HEAD"} if "GET" in methods else methods)
            raise Unanswerable(405, f"{method} is not for this address", allow=", ".join(allowed))
        values = tuple(given for part, given in zip(route.parts, parts, strict=True) if part is None)
        return route, prefix + "/".join(parts), values

    def _among(self, path: str) -> tuple[str, Sequence[_Route], list[str]]:
        """Among which routes a path is looked for: what stands before their parts, they, and the parts of the path."""
        if path.startswith(PREFIX):
            plugin, *parts = (_decoded(part) for part in path.removeprefix(PREFIX).split("/"))
            return f"{PREFIX}{plugin}/", self._routes.get(plugin, ()), parts
        if path.startswith("/"):
            return "/", self._pages, [_decoded(part) for part in path[1:].split("/")]
        raise Unanswerable(404, "there is nothing here")

    # -- requests -----------------------------------------------------------------------------------------------------

    async def answer(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes],
        visitor: Visitor | VisitorOf = NOBODY,
        address: str = "",
    ) -> Answer:
        """The answer to a request, whatever comes. `headers` has small names; `body` is read only as far as it may be.
        `visitor`: who asks, or how to know it for a plugin, once that is known. `address` is the client's; no plugin sees it.
        """
        try:
            answer = await self._answer(method, target, headers, body, visitor, address)
        except Unanswerable as wrong:
            # Somebody who mistyped an address reads words; programs, and parts of pages, read JSON.
            reads = not target.startswith(PREFIX) and "text/html" in headers.get("accept", "")
            if wrong.status == 404 and reads and self._pages:
                answer = _answer(404, [("content-type", "text/html; charset=utf-8")], _NO_SUCH_PAGE, None)
            else:
                answer = _said(wrong.status, {"error": str(wrong)}, wrong.headers)
        if method == "HEAD":
            return answer._replace(body=b"")
        return answer

    async def _answer(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes],
        visitor: Visitor | VisitorOf,
        address: str,
    ) -> Answer:
        route, path, values = self._find(method, target)
        query = _query_of(target.partition("?")[2])
        limits = self._limits
        data = await read_body(
            headers, body, most=limits.max_http_body_bytes, within_s=limits.http_body_deadline_s
        )
        try:
            with self._in_work[route.plugin].one(address):
                who = visitor if isinstance(visitor, Visitor) else await visitor(route.plugin)
                request = HttpRequest(
                    method,
                    path,
                    dict(zip(route.names, values, strict=True)),
                    query,
                    {name: value for name, value in headers.items() if name in REQUEST_HEADERS},
                    data,
                    who.session,
                    who.user_id,
                    self._visitor_key(address),
                )
                return await self._handled(route, request)
        except Refusal as refusal:  # there is no room, or the store has no time to say who it is
            return _said(*refused(refusal))

    def _visitor_key(self, address: str) -> str:
        """What plugins see of an address (of IPv6: of its /64): a name that tells nothing of it without the secret."""
        if not self._secret:
            self._secret = self._random_bytes(16)
        counted = counted_as(address) or address
        return hashlib.blake2b(counted.encode(), key=self._secret, digest_size=12).hexdigest()

    async def _handled(self, route: _Route, request: HttpRequest) -> Answer:
        deadline = asyncio.timeout(self._limits.http_deadline_s)
        try:
            async with deadline:
                response = await route.handler(request)
            return _written(response)._replace(plugin=route.plugin)
        except Refusal as refusal:
            return _said(*refused(refusal))
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                route.log.error("http_handler_late", method=route.method, path=route.pattern)
                raise Unanswerable(503, "this took too long", **{"retry-after": "1"}) from None
            # The cause stays in our log; the visitor gets an id that finds it there.
            error_id = self._random_bytes(4).hex()
            route.log.error(
                "http_handler_failed",
                error_id=error_id,
                method=route.method,
                path=route.pattern,
                exc_info=error,
            )
            return _said(500, {"error": f"that did not work (id {error_id})"})


# -- paths and queries ------------------------------------------------------------------------------------------------------


def _parts_of(path: str, where: str) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    if not path.startswith("/"):
        raise PluginError(f"{where}: the path begins with /")
    parts: list[str | None] = []
    names: list[str] = []
    for part in path[1:].split("/"):
        param = _PARAM.fullmatch(part)
        if param is not None:
            parts.append(None)
            names.append(param[1])
        elif (_LITERAL.fullmatch(part) and part.strip(".")) or (part == "" and path == "/"):
            parts.append(part)
        else:
            raise PluginError(f"{where}: {part!r} is neither a word of a path nor a {{name}}")
    if len(set(names)) != len(names):
        raise PluginError(f"{where}: two params of one name")
    return tuple(parts), tuple(names)


def _fits(pattern: Sequence[str | None], parts: Sequence[str]) -> bool:
    return len(pattern) == len(parts) and all(
        part == wanted if wanted is not None else part != ""
        for wanted, part in zip(pattern, parts, strict=True)
    )


def _decoded(part: str) -> str:
    """A part of a path, after it was split: an encoded / separates nothing. Raises `Unanswerable`."""
    if _ESCAPE.search(part):
        raise Unanswerable(400, "a % in an address is followed by two hex digits")
    try:
        text = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise Unanswerable(400, "an address is UTF-8") from None
    if not text.isprintable():
        raise Unanswerable(400, "an address has no control characters")
    if text in (".", ".."):
        raise Unanswerable(404, "there is nothing here")
    return text


def _query_of(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS, separator="&"
        )
    except ValueError:
        raise Unanswerable(400, f"a query is UTF-8, of at most {MAX_QUERY_FIELDS} fields") from None
    query: dict[str, str] = {}
    for name, value in pairs:
        query.setdefault(name, value)
    return query


# -- answers ----------------------------------------------------------------------------------------------------------------


def _written(response: object) -> Answer:
    """A handler's response as it is sent. Raises PluginError for one that cannot be."""
    if not isinstance(response, HttpResponse):
        raise PluginError(f"a handler answers an HttpResponse, not {type(response).__name__}")
    body = response.body.encode() if isinstance(response.body, str) else bytes(response.body)
    if not 200 <= response.status <= 599:
        raise PluginError(f"status {response.status}: 200-599")
    if response.status in BODILESS and body:
        raise PluginError(f"status {response.status} has no body")
    headers = [] if response.status in BODILESS else [("content-type", response.content_type)]
    for name, value in response.headers.items():
        if name.lower() not in RESPONSE_HEADERS:
            raise PluginError(f"the header {name!r} is not a plugin's to set")
        headers.append((name.lower(), value))
    for name, value in headers:
        if _FIELD_VALUE.fullmatch(value) is None:
            raise PluginError(f"the header {name!r}: printable ASCII")
    session = response.session
    if session is not None:
        session = dict(session)
        if (
            sum(len(name.encode()) + len(value.encode()) for name, value in session.items())
            > MAX_SESSION_BYTES
        ):
            raise PluginError(f"a session has at most {MAX_SESSION_BYTES} bytes")
    return _answer(response.status, headers, body, session)._replace(document=response.document)


#: Without a script and a style: nobody knows whose page it would have been. Its link is to this site.
_NO_SUCH_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>No such page</title>
<h1>There is no such page</h1>
<p>The address may have been cut off. <a href="/">To the start</a></p>
<div lang="zh-CN"><h2>没有这个页面</h2><p>网址可能不完整。<a href="/">去首页</a></p></div>
""".encode()


def _said(status: int, said: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
    body = msgspec.json.encode(said)
    return _answer(status, [("content-type", "application/json"), *(headers or {}).items()], body, None)


def _answer(
    status: int, headers: list[tuple[str, str]], body: bytes, session: Mapping[str, str] | None
) -> Answer:
    more = [("x-content-type-options", "nosniff")]
    if status not in BODILESS:
        more.append(("content-length", str(len(body))))
    return Answer(status, headers + more, body, session)
