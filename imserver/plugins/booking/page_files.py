"""The files of the customer's page as a browser gets them: parts that it may keep for a year, and what it asks for anew.

`clients/bundler` makes them (docs/decisions/0024), and a wheel holds them. They lie in memory, compressed once, for the first
browser that takes it: a server whose page nobody opens, and each of a test's thousand servers, begins without.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable

from imserver.plugin_api import Context, HttpHandler, HttpRequest, HttpResponse

#: Addresses that show the page: which of its screens, it reads off the address itself. The documents differ in what a browser
#: is told to load at once.
PAGES = (
    "/",
    "/s/{shop}",
    "/s/{shop}/time",
    "/s/{shop}/you",
    "/s/{shop}/booked/{code}",
    "/s/{shop}/move/{code}",
    "/s/{shop}/cancel/{code}",
    "/s/{shop}/chat",
    "/mine",
    "/devices",
    "/link",
)
#: The staff's: who may see what, the reads of the plugin decide.
STAFF_PAGES = (
    "/staff",
    "/staff/{shop}",
    "/staff/{shop}/group",
    "/staff/{shop}/c/{conversation}",
    "/staff/{shop}/today",
)
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/manifest+json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
#: A name stands for one content for ever.
FOR_EVER = "public, max-age=31536000, immutable"
#: Kept, and asked for anew each time: an answer of a few bytes if it is still the same.
ASK_ANEW = "no-cache"
#: What is compressed already gains nothing.
COMPRESSIBLE = frozenset({".css", ".html", ".js", ".json", ".svg"})
NOT_MADE = "the pages are not made yet: `make pages` in a clone, or `python -m clients.bundler`; a wheel holds them already\n"
#: For a page of another version of the server, which is open somewhere: it loads itself again (`pages/src/parts.js`).
ANOTHER_VERSION = {
    "error": "this part is of another version of the page: load the page again",
    "code": "GONE",
}


@dataclass(frozen=True)
class PageFile:
    """One file."""

    content_type: str
    plain: bytes
    compressible: bool
    etag: str

    @classmethod
    def of(cls, name: str, data: bytes) -> PageFile:
        """A file of this name."""
        suffix = name[name.rindex(".") :]
        etag = f'W/"{hashlib.sha256(data).hexdigest()[:16]}"'
        return cls(TYPES[suffix], data, suffix in COMPRESSIBLE, etag)

    @cached_property
    def packed(self) -> bytes:
        """The same compressed; empty where that gains nothing."""
        packed = gzip.compress(self.plain, 9, mtime=0) if self.compressible else b""
        return packed if len(packed) < len(self.plain) else b""

    def answer(self, request: HttpRequest, cache: str, *, document: bool = False) -> HttpResponse:
        """As this browser takes it; nothing, if it has it."""
        headers = {"cache-control": cache, "etag": self.etag, "vary": "accept-encoding"}
        if self.etag in request.headers.get("if-none-match", ""):
            # A browser replaces the headers of what it has by these: without those of a document the page could load nothing.
            return HttpResponse(304, headers=headers, document=document)
        body = self.plain
        if _takes_gzip(request.headers.get("accept-encoding", "")) and self.packed:
            body, headers = self.packed, {**headers, "content-encoding": "gzip"}
        return HttpResponse(200, body, self.content_type, headers, document=document)


class PageFiles:
    """All of them. `made` is false where `clients/bundler` was not run: the addresses then say so."""

    def __init__(self, folder: Traversable | None = None) -> None:
        folder = folder or resources.files(__package__) / "pages" / "built"
        self.made = (folder / "parts.json").is_file()
        self._parts: Mapping[str, PageFile] = {}
        self._named: Mapping[str, PageFile] = {}
        if self.made:
            listed = json.loads((folder / "parts.json").read_text("utf-8"))["parts"]
            self._parts = {name: PageFile.of(name, (folder / name).read_bytes()) for name in listed}
            fixed = ("page.html", "staff.html", "sw.js", "manifest.json")
            self._named = {name: PageFile.of(name, (folder / name).read_bytes()) for name in fixed}

    def offer(self, context: Context) -> None:
        """Answer for all of them."""
        if not self.made:
            context.log.warning("pages_not_made", make="make pages")
        context.route("GET", "/pages/{name}", self._part)
        for document, paths in (("page.html", PAGES), ("staff.html", STAFF_PAGES)):
            for path in paths:
                context.page(path, self._fixed(document, document=True))
        context.page("/sw.js", self._fixed("sw.js", document=True))
        context.page("/manifest.webmanifest", self._fixed("manifest.json"))

    def _fixed(self, name: str, *, document: bool = False) -> HttpHandler:
        async def answer(request: HttpRequest) -> HttpResponse:
            file = self._named.get(name)
            if file is None:
                return HttpResponse(503, NOT_MADE)
            return file.answer(request, ASK_ANEW, document=document)

        return answer

    async def _part(self, request: HttpRequest) -> HttpResponse:
        file = self._parts.get(request.params["name"])
        if file is None:
            return HttpResponse.json(ANOTHER_VERSION, 404)
        return file.answer(request, FOR_EVER)


def _takes_gzip(accept: str) -> bool:
    """RFC 9110, 12.5.3: named, and not with a weight of nothing."""
    for one in accept.lower().split(","):
        name, _, weight = (part.strip() for part in one.partition(";"))
        if name in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
