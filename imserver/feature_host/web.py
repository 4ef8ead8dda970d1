"""HTTP at addresses of features: what happens around a handler, whatever it does.

Nothing here listens: whoever does passes requests to what is `served`. Bounds and deadlines are those of plugins' routes.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from imserver.chat.posting import Posting
from imserver.errors import Refusal
from imserver.feature_api import Feature, Route
from imserver.feature_host.host import FeatureHost, FeatureServices
from imserver.http_requests import (
    BODY_DEADLINE_S,
    HANDLER_DEADLINE_S,
    MAX_AT_ONCE,
    MAX_BODY_BYTES,
    MAX_OF_AN_ADDRESS,
    Answering,
    Asked,
    InWork,
    Page,
    Unanswerable,
    read_body,
    refused,
    said,
)

#: Methods that a route may have; HEAD goes with GET.
METHODS = frozenset({"DELETE", "GET", "PATCH", "POST", "PUT"})
#: `/`, words, and `/` again for all that is below. A word of dots alone means another place.
_PATH = re.compile(r"/(?:(?!\.+(?:/|$))[A-Za-z0-9._~-]+/)*(?!\.+$)[A-Za-z0-9._~-]*")
_FIELD_NAME = re.compile(r"[A-Za-z0-9-]+")
_FIELD_VALUE = re.compile(r"[\x20-\x7e]*")


class Served(NamedTuple):
    """An address, and who answers it: all below it if it ends in `/`."""

    feature: str
    path: str
    methods: Sequence[str]
    answer: Answering


class FeatureWeb:
    """The routes of all features of one server. Raises ValueError for one that cannot work; whether two are in each other's way
    the listener knows, who has addresses of his own."""

    def __init__(
        self, host: FeatureHost, posting: Posting, log: Any, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._host = host
        self._posting = posting
        self._log = log
        self._random_bytes = random_bytes
        #: Of each feature.
        self._in_work: defaultdict[str, InWork] = defaultdict(lambda: InWork(MAX_AT_ONCE, MAX_OF_AN_ADDRESS))
        self.served = tuple(
            self._served(feature, route) for feature in host.features for route in feature.routes
        )

    def _served(self, feature: Feature, route: Route) -> Served:
        where = f"feature {feature.name!r}: route {route.path!r}"
        if _PATH.fullmatch(route.path) is None:
            raise ValueError(f"{where}: a path is / and words of a-z, 0-9 and ._~- with / between them")
        if not route.methods or not METHODS.issuperset(route.methods):
            raise ValueError(f"{where}: methods are of {', '.join(sorted(METHODS))}")
        return Served(feature.name, route.path, route.methods, partial(self._answer, feature, route))

    async def _answer(self, feature: Feature, route: Route, asked: Asked) -> Page:
        """The answer to a request, whatever the handler does."""
        if self._posting.draining:
            return said(503, {"error": "the server is going down"}, retry_after="3")
        try:
            data = await read_body(asked.headers, asked.body, most=MAX_BODY_BYTES, within_s=BODY_DEADLINE_S)
            with self._in_work[feature.name].one(asked.address):
                return await self._handled(feature, route, asked._replace(body=_Whole(data)))
        except Unanswerable as wrong:
            return said(wrong.status, {"error": str(wrong)}, **wrong.headers)
        except Refusal as refusal:  # there is no room
            status, words, headers = refused(refusal)
            return said(status, words, **headers)

    async def _handled(self, feature: Feature, route: Route, asked: Asked) -> Page:
        deadline = asyncio.timeout(HANDLER_DEADLINE_S)
        try:
            async with deadline:
                page = await route.handler(FeatureServices(self._host, feature), asked)
            return _checked(page)
        except Refusal as refusal:
            status, words, headers = refused(refusal)
            return said(status, words, **headers)
        except Exception as error:
            facts = {"feature": feature.name, "method": asked.method, "path": route.path}
            if isinstance(error, TimeoutError) and deadline.expired():
                self._log.error("http_handler_late", **facts)
                raise Unanswerable(503, "this took too long", **{"retry-after": "1"}) from None
            # The cause stays in our log; who asked gets an id that finds it there.
            error_id = self._random_bytes(4).hex()
            self._log.error("http_handler_failed", error_id=error_id, **facts, exc_info=error)
            return said(500, {"error": f"that did not work (id {error_id})"})


class _Whole:
    """A body that has come, as `Asked` has it."""

    __slots__ = ("_chunks",)

    def __init__(self, data: bytes) -> None:
        self._chunks = iter((data,) if data else ())

    def __aiter__(self) -> _Whole:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


def _checked(page: object) -> Page:
    """A handler's page, if it can be sent. Raises TypeError or ValueError."""
    if not isinstance(page, Page):
        raise TypeError(f"a handler answers a Page, not {type(page).__name__}")
    if not 200 <= page.status <= 599:
        raise ValueError(f"status {page.status}: 200-599")
    for name, value in page.headers:
        if _FIELD_NAME.fullmatch(name) is None or _FIELD_VALUE.fullmatch(value) is None:
            raise ValueError(f"the header {name!r}: printable ASCII")
    return page
