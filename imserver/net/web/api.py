"""`/api/…`: who a browser is signed in as. A page asks here for its token, makes a guest, links another
phone, goes on as an older account, signs out.

A request that changes something comes from a page of ours: browsers say which page sends one (Origin, Sec-Fetch-Site), and no
page can make them say another.
"""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from imserver.chat.accounts import Accounts
from imserver.chat.browsers import LINK_PATH, Browsers, Came, Session, Wish, secret_of, text_of
from imserver.chat.guests import CROWDED, GUEST, GuestLimits
from imserver.chat.joins import Joins
from imserver.errors import Refusal, RefusalCode
from imserver.http_requests import (
    BODY_DEADLINE_S,
    Answering,
    Asked,
    InWork,
    Page,
    Unanswerable,
    read_body,
    refused,
    said,
)
from imserver.model import Browser, SignedIn
from imserver.net.web.bodies import Nothing, key_of, read_as, require_words
from imserver.net.web.cookies import Cookies
from imserver.net.web.joining import JoinRoutes
from imserver.net.web.origins import NONE_OF_ITS_OWN, Origins
from imserver.net.web.user_agent import label_of

PREFIX = "/api/"
#: Bytes of a body: a secret, a key, a few words.
MAX_BODY_BYTES = 4096
#: Requests in work, and those of one address; above, they are to come again. A crowd that opens its pages in one moment fits,
#: be it all behind one address.
MAX_AT_ONCE = 512
MAX_OF_AN_ADDRESS = 256
#: A language as browsers and accounts name it.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


class GuestAsked(msgspec.Struct):
    """Who wants to be a guest: `shop` and `ref` are what the page was opened for."""

    language: str = "en"
    shop: str = ""
    ref: str = ""


class SessionAsked(msgspec.Struct):
    guest: GuestAsked | None = None
    #: 16 bytes in hex, the page's own: the same key within ten minutes makes no second guest.
    key: str = ""


class DeviceAsked(msgspec.Struct):
    id: str


class DeviceNamed(msgspec.Struct):
    id: str
    label: str


class LinkAsked(msgspec.Struct):
    secret: str
    key: str = ""
    #: The browser may be signed out of another account.
    leave: bool = False


class Serving(Protocol):
    """The server behind it."""

    @property
    def accounts(self) -> Accounts: ...

    @property
    def browsers(self) -> Browsers: ...

    @property
    def joins(self) -> Joins: ...

    @property
    def draining(self) -> bool: ...


class SignedOut(Exception):
    """Nobody is signed in with what the browser sends."""


#: Gets the body, too, which has come by then.
Handler = Callable[[Asked, bytes], Awaitable[Page]]


class Api:
    """The answers. `public_url`: how people reach this server; "": as the request did."""

    def __init__(
        self,
        serving: Serving,
        guests: GuestLimits,
        origins: Origins,
        cookies: Cookies,
        public_url: str,
    ) -> None:
        self._serving = serving
        self._guests = guests
        self._origins = origins
        self._cookies = cookies
        self._public_url = public_url.rstrip("/")
        self._in_work = InWork(MAX_AT_ONCE, MAX_OF_AN_ADDRESS)
        #: Path -> method -> handler.
        self.routes: Mapping[str, Mapping[str, Handler]] = {
            f"{PREFIX}session": {"POST": self._session, "DELETE": self._sign_out},
            f"{PREFIX}devices": {"GET": self._devices},
            f"{PREFIX}devices/revoke": {"POST": self._revoke},
            f"{PREFIX}devices/name": {"POST": self._name},
            f"{PREFIX}links": {"POST": self._link},
            f"{PREFIX}links/redeem": {"POST": self._redeem},
            **JoinRoutes(self, serving.joins).handlers(PREFIX),
        }

    def answering(self, path: str) -> Answering:
        """Who answers at a path of `routes`, for its methods."""
        handlers = self.routes[path]

        async def answer(asked: Asked) -> Page:
            handler = handlers.get("GET" if asked.method == "HEAD" else asked.method)
            assert handler is not None, "the site lets no other method pass"
            return await self._answer(handler, asked)

        return answer

    async def _answer(self, handler: Handler, asked: Asked) -> Page:
        try:
            if self._serving.draining:
                raise Refusal(RefusalCode.OVERLOADED, "the server is going down", retry_after_ms=3000)
            if not self._serving.accounts.signs:
                raise Refusal(RefusalCode.FORBIDDEN, "whoever makes tokens here is elsewhere: see [auth]")
            data = b""
            if asked.method not in ("GET", "HEAD"):
                self._require_our_page(asked)
                # Before it takes a place: who is slow to send keeps nobody out.
                data = await read_body(
                    asked.headers, asked.body, most=MAX_BODY_BYTES, within_s=BODY_DEADLINE_S
                )
            with self._in_work.one(asked.address):
                return await handler(asked, data)
        except SignedOut:
            page = said(401, {"error": "nobody is signed in here", "code": "SIGNED_OUT"})
            name = self._name_of(asked)
            sent = self._cookies.sends(asked.headers.get("cookie", ""), name)
            taken = [self._cookies.taken(name)] if sent else []
            return page._replace(headers=[*page.headers, *taken])
        except Refusal as refusal:
            status, words, headers = refused(refusal)
            return said(status, words, **headers)
        except Unanswerable as wrong:
            return said(
                wrong.status, {"error": str(wrong), "code": RefusalCode.INVALID.name}, **wrong.headers
            )

    def _require_our_page(self, asked: Asked) -> None:
        """403 for what a page of another site, or none, has sent."""
        origin, site = asked.headers.get("origin", ""), asked.headers.get("sec-fetch-site")
        listed = (
            origin
            and origin != NONE_OF_ITS_OWN
            and self._origins.allow(origin, asked.headers.get("host", ""))
        )
        if not listed or site not in (None, "same-origin"):
            raise Refusal(RefusalCode.FORBIDDEN, "only a page of this server may ask this")

    # -- the cookie ---------------------------------------------------------------------------------------------------

    def _name_of(self, asked: Asked) -> str:
        return self._cookies.name(asked.headers.get("host", ""))

    async def who(self, asked: Asked) -> tuple[bytes, SignedIn] | None:
        """Who is signed in, and by which secret. Of several, which somebody else must have set, the first that is good."""
        return await self._serving.browsers.signed_in(self.secrets(asked))

    def secrets(self, asked: Asked) -> list[bytes]:
        """All that the browser holds, good or not."""
        return self._cookies.found(asked.headers.get("cookie", ""), self._name_of(asked), secret_of)

    async def known(self, asked: Asked) -> tuple[bytes, SignedIn]:
        """The same. Raises `SignedOut`, and FORBIDDEN for a disabled account."""
        found = await self.who(asked)
        if found is None:
            raise SignedOut
        if not found[1].active:
            raise Refusal(RefusalCode.FORBIDDEN, "this account is disabled; please ask the people who run it")
        return found

    def _welcomed(self, asked: Asked, session: Session, secret: bytes) -> Page:
        user = session.user
        words = {
            "token": session.token,
            "expires_at": session.expires_at,
            "user_id": user.user_id,
            "device_id": session.device_id,
            "name": user.display_name,
            "guest": session.guest,
            # That one is of a crowd is for shops.
            "roles": [role for role in user.roles if role not in (GUEST, CROWDED)],
            "language": user.language,
            "joined": [_told(each) for each in session.joined],
        }
        page = said(200, words)
        cookie = self._cookies.given(self._name_of(asked), text_of(secret))
        return page._replace(headers=[*page.headers, cookie])

    # -- handlers -----------------------------------------------------------------------------------------------------

    async def _session(self, asked: Asked, data: bytes) -> Page:
        wanted = read_as(asked, data, SessionAsked)
        found = await self.who(asked)
        if found is not None:
            session = await self._serving.browsers.session(found[0])
            if session is not None:
                return self._welcomed(asked, session, found[0])
        if wanted.guest is None:
            raise SignedOut
        wish = _wish(wanted.guest, wanted.key, label_of(asked.headers.get("user-agent", "")))
        came = await self._serving.browsers.make_guest(
            wish, lambda: self._guests.admit(asked.address, wish.shop)
        )
        return self.came(asked, came)

    def came(self, asked: Asked, came: Came, now: bytes = b"") -> Page:
        """The answer to whoever is signed in now, with the cookie."""
        return self._welcomed(asked, came.session, came.secret or now)

    async def _sign_out(self, asked: Asked, data: bytes) -> Page:
        found = await self.who(asked)
        if found is not None:
            await self._serving.browsers.sign_out(found[1], found[1].browser.device_id)
        page = said(200, {})
        return page._replace(headers=[*page.headers, self._cookies.taken(self._name_of(asked))])

    async def _devices(self, asked: Asked, data: bytes) -> Page:
        _, who = await self.known(asked)
        rows = await self._serving.browsers.browsers(who)
        this = who.browser.device_id
        told = [{**_told(each), "seen_at": each.seen_at, "this": each.device_id == this} for each in rows]
        return said(200, {"devices": told})

    async def _revoke(self, asked: Asked, data: bytes) -> Page:
        wanted = read_as(asked, data, DeviceAsked)
        _, who = await self.known(asked)
        await self._serving.browsers.sign_out(who, wanted.id)
        return said(200, {})

    async def _name(self, asked: Asked, data: bytes) -> Page:
        wanted = read_as(asked, data, DeviceNamed)
        _, who = await self.known(asked)
        await self._serving.browsers.label(who, wanted.id, wanted.label)
        return said(200, {})

    async def _link(self, asked: Asked, data: bytes) -> Page:
        read_as(asked, data, Nothing)
        _, who = await self.known(asked)
        secret, expires_at = await self._serving.browsers.make_link(who)
        base = self._public_url or asked.headers["origin"]
        address = link_address(base, secret)
        return said(200, {"address": address, "expires_at": expires_at, "qr_svg": _qr_svg(address)})

    async def _redeem(self, asked: Asked, data: bytes) -> Page:
        wanted = read_as(asked, data, LinkAsked)
        secret, found = secret_of(wanted.secret), await self.who(asked)
        if secret is None:
            raise Refusal(RefusalCode.GONE, "this link is not whole: open it again, or ask for a new one")
        now = found[0] if found is not None else None
        label = label_of(asked.headers.get("user-agent", ""))
        came = await self._serving.browsers.redeem(
            secret, now, key=key_of(wanted.key), label=label, leaves=wanted.leave
        )
        return self.came(asked, came, now or b"")


def link_address(base: str, secret: bytes) -> str:
    """The address of a link. What stands behind `#` stays in the browser: neither logs nor previews get it."""
    return f"{base.rstrip('/')}{LINK_PATH}#{text_of(secret)}"


def _qr_svg(address: str) -> str:
    """The address for the camera of the other phone; dark on light whatever the page looks like, for cameras see only that."""
    import segno  # when somebody asks for it: few do

    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, border=4, light="#fff", omitsize=True
    )
    return out.getvalue().decode("ascii").strip()


def _told(browser: Browser) -> dict[str, Any]:
    return {"id": browser.device_id, "label": browser.label, "made_at": browser.made_at}


def _wish(asked: GuestAsked, key: str, label: str) -> Wish:
    if not _LANGUAGE.fullmatch(asked.language):
        raise Refusal(RefusalCode.INVALID, "language: a tag such as zh-CN", detail="language")
    require_words((("shop", asked.shop), ("ref", asked.ref)))
    return Wish(key_of(key), asked.language, label, asked.shop, asked.ref)
