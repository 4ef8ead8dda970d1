"""Browsers: who is signed in by a cookie, guests that are made by their first act, and links that sign another browser in.

A browser holds a secret that its scripts cannot read; the store has the hash. With it, it gets tokens of ten minutes for its
device, which are all that the protocol knows of. Whatever ends a browser (its user, an operator, an older copy that comes back)
ends its tokens, too: `chat/records.py`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, NoReturn

from imserver.chat.accounts import CLOCKS_DIFFER_S, Accounts
from imserver.chat.guests import GUEST
from imserver.chat.naming import put_account
from imserver.chat.ports import Store
from imserver.chat.rates import Rates
from imserver.chat.reader import Reader
from imserver.chat.records import SERVER
from imserver.chat.transaction import Transaction
from imserver.clock import Clock
from imserver.errors import Refusal, RefusalCode
from imserver.model import Browser, Link, SignedIn, User, is_printable

#: Bytes of the secret of a browser, and of a link.
SECRET_BYTES = 32
#: Days behind its last use for which a credential is good: what browsers allow a cookie at most.
BROWSER_DAYS = 400
DAY_MS = 24 * 3600 * 1000
#: Where a link leads, with its secret behind `#`.
LINK_PATH = "/link"
#: Life of a token (seconds), and of a link; a page that lost an answer may ask again with its key for as long (ms).
TOKEN_TTL_S = 600
LINK_TTL_MS = KEY_MS = 600 * 1000
#: Between two writes of when a browser was seen: not one for each token.
SEEN_EVERY_MS = 3600 * 1000
#: Browsers of one account, and links that it makes in an hour: more than anybody has phones.
MAX_BROWSERS = 32
MAX_LINKS_AN_HOUR = 20
#: Browsers that people of one account sign out in a day: each stays in the ledger for ever, with a sync of the disk.
MAX_SIGN_OUTS_A_DAY = 20
#: Names that people of one account give to its browsers in a day: each is a row of the audit log.
MAX_NAMES_A_DAY = 50
MAX_LABEL_CHARS = 60
MAX_SHOP_CHARS = 64
#: What a guest is called until he says a name; with a number, by which staff tell guests apart.
_NAMES = {"zh": "访客", "en": "Guest"}


_TEXT = re.compile(r"[A-Za-z0-9_-]{43}")


class Session(NamedTuple):
    """What a page gets: who it is, and a token for its device (`expires_at`: UTC ms). `joined`: browsers that were signed in by
    a link since this one asked last; told once."""

    user: User
    device_id: str
    token: str
    expires_at: int
    joined: Sequence[Browser] = ()

    @property
    def guest(self) -> bool:
        return GUEST in self.user.roles


class Came(NamedTuple):
    """A session, and the secret of its browser if it is a new one."""

    session: Session
    secret: bytes | None


class Wish(NamedTuple):
    """A guest who wants to be made. `key`: of the page, so that one who asks twice is made once (empty: no key)."""

    key: bytes
    language: str
    label: str
    shop: str = ""
    ref: str = ""


def hashed(secret: bytes) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret).digest()


class Browsers:
    """`admit`: the roles of one more guest (`GuestLimits.admit`), or a refusal."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        accounts: Accounts,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._clock = clock
        self._accounts = accounts
        self._random_bytes = random_bytes
        #: Guests that are being made, by the hash of their secret: a page that asks twice at once waits for the same.
        self._making: dict[bytes, asyncio.Task[SignedIn]] = {}
        self._sign_outs = Rates(MAX_SIGN_OUTS_A_DAY / (24 * 3600), MAX_SIGN_OUTS_A_DAY, clock)
        self._names = Rates(MAX_NAMES_A_DAY / (24 * 3600), MAX_NAMES_A_DAY, clock)

    # -- who is signed in ---------------------------------------------------------------------------------------------

    async def signed_in(self, secrets: Sequence[bytes]) -> tuple[bytes, SignedIn] | None:
        """Who is signed in with the first of these secrets that is good, be the account disabled or not; None if nobody is, or
        it was not used for too long."""
        if not secrets:
            return None

        def query(reader: Reader) -> tuple[bytes, SignedIn] | None:
            both = ((secret, reader.signed_in(hashed(secret))) for secret in secrets)
            return next(
                ((one, found) for one, found in both if found is not None and self._is_good(found)), None
            )

        return await self._store.read(query)

    async def session(self, secret: bytes | None) -> Session | None:
        """A token for the browser with this secret; None if nobody is signed in with it. FORBIDDEN for a disabled account."""
        if secret is None:
            return None
        secret_hash = hashed(secret)

        def query(reader: Reader) -> tuple[SignedIn | None, list[Browser]]:
            found = reader.signed_in(secret_hash)
            return found, reader.browsers_of(found.user.user_id) if found is not None else []

        found, browsers = await self._store.read(query)
        if found is None or not self._is_good(found):
            return None
        require_active(found)
        joined = [
            each
            for each in browsers
            if each.made_at > found.told_at and each.device_id != found.browser.device_id
        ]
        unseen_ms = self._clock.now_ms() - found.browser.seen_at
        if joined or unseen_ms >= SEEN_EVERY_MS:
            await self._store.write(lambda tx: tx.see_browser(secret_hash))
        return self._session(found, joined)

    def _is_good(self, found: SignedIn) -> bool:
        return self._clock.now_ms() - found.browser.seen_at < BROWSER_DAYS * DAY_MS

    def _session(self, found: SignedIn, joined: Sequence[Browser] = ()) -> Session:
        device_id = found.browser.device_id
        made = self._accounts.short_token(found.user.user_id, ttl_s=TOKEN_TTL_S, device_id=device_id)
        return Session(found.user, device_id, made.token, made.expires_at, joined)

    # -- guests -------------------------------------------------------------------------------------------------------

    async def make_guest(self, wish: Wish, admit: Callable[[], Sequence[str]]) -> Came:
        """Make an account for a browser without one. GONE for a key of long ago, or whose browser was signed out; what `admit`
        refuses."""
        secret = self._accounts.derived(b"guest", wish.key) if wish.key else self._random_bytes(SECRET_BYTES)
        secret_hash = hashed(secret)
        found = await self._store.read(lambda reader: reader.signed_in(secret_hash)) if wish.key else None
        if found is None:
            task = self._making.get(secret_hash)
            if task is None:
                task = asyncio.get_running_loop().create_task(self._make(secret_hash, wish, admit()))
                self._making[secret_hash] = task
                task.add_done_callback(partial(self._made, secret_hash))
            found = await asyncio.shield(task)
        age_ms = self._clock.now_ms() - found.browser.made_at
        if not -CLOCKS_DIFFER_S * 1000 <= age_ms < KEY_MS:
            raise Refusal(RefusalCode.GONE, "this page is too old: load it again")
        require_active(found)
        return Came(self._session(found), secret)

    async def _make(self, secret_hash: bytes, wish: Wish, roles: Sequence[str]) -> SignedIn:
        number = int.from_bytes(self._random_bytes(4)) % 9000 + 1000
        name = f"{_NAMES['zh' if wish.language.startswith('zh') else 'en']} {number}"
        # Nobody can tell one: ids stand in the ids of others' conversations, and stay there. That of a page's key is always the
        # same, so that there is something by which it is known when its browser has gone.
        made = self._accounts.derived(b"guest account", wish.key) if wish.key else self._random_bytes(10)
        user = User(f"guest-{made[:10].hex()}", name, wish.language, tuple(roles))
        return await self._store.write(partial(_put_guest, secret_hash, user, self.new_device_id(), wish))

    def _made(self, secret_hash: bytes, task: asyncio.Task[SignedIn]) -> None:
        self._making.pop(secret_hash, None)
        if not task.cancelled():
            task.exception()  # also if whoever waited for it has gone

    def new_device_id(self) -> str:
        """Of a browser that is to be signed in; no other one ever has it."""
        return f"web-{self._random_bytes(8).hex()}"

    # -- browsers of an account ---------------------------------------------------------------------------------------

    async def browsers(self, who: SignedIn) -> list[Browser]:
        """All browsers of this account that can still be used."""
        found = await self._store.read(lambda reader: reader.browsers_of(who.user.user_id))
        return [each for each in found if self._is_good(who._replace(browser=each))]

    async def sign_out(self, who: SignedIn, device_id: str) -> None:
        """End a browser of this account, at once and for ever, whatever copy of the database comes back. NOT_FOUND;
        RATE_LIMITED."""
        if device_id not in {each.device_id for each in await self.browsers(who)}:
            _no_browser()
        self._count_sign_out(who)
        await self._end(who.user.user_id, device_id)

    def _count_sign_out(self, who: SignedIn) -> None:
        wait_s = self._sign_outs.take(who.user.user_id)
        if wait_s:
            text = f"at most {MAX_SIGN_OUTS_A_DAY} browsers a day are signed out like this: the people who run it can do more"
            raise Refusal(RefusalCode.RATE_LIMITED, text, retry_after_ms=int(wait_s * 1000) + 1)

    async def _end(self, user_id: str, device_id: str) -> None:
        await self._store.put_on_record("sign_out", {"user": user_id, "device": device_id, "by": SERVER})

    async def label(self, who: SignedIn, device_id: str, label: str) -> None:
        """Call one of them this. NOT_FOUND; INVALID; RATE_LIMITED."""
        wait_s = self._names.take(who.user.user_id)
        if wait_s:
            text = f"at most {MAX_NAMES_A_DAY} names a day"
            raise Refusal(RefusalCode.RATE_LIMITED, text, retry_after_ms=int(wait_s * 1000) + 1)
        await self._store.write(partial(put_label, who.user.user_id, device_id, label, SERVER))

    # -- links --------------------------------------------------------------------------------------------------------

    async def make_link(self, who: SignedIn) -> tuple[bytes, int]:
        """The secret of a link that signs one more browser of this account in, and until when it is good (UTC ms).
        RATE_LIMITED."""
        require_active(who)
        secret = self._random_bytes(SECRET_BYTES)
        made_by = who.browser.device_id
        return secret, await self._store.write(partial(put_link, who.user.user_id, secret, made_by, SERVER))

    async def redeem(
        self, link_secret: bytes, secret: bytes | None, *, key: bytes = b"", label: str, leaves: bool = False
    ) -> Came:
        """Sign a browser in by a link. `secret`: with which the browser is signed in now; it stays who it is if that is the
        account of the link, which is good for another one then. `leaves`: it may be signed out of another account.

        GONE for a link that is used, old, or none; CONFLICT for a browser of another account."""
        new = self._accounts.derived(b"link", link_secret + key) if key else self._random_bytes(SECRET_BYTES)
        current = None if secret is None else hashed(secret)
        if leaves and secret is not None and (who := await self.signed_in([secret])) is not None:
            self._count_sign_out(who[1])
        work = partial(
            _redeem, hashed(link_secret), hashed(new), current, self.new_device_id(), label, leaves
        )
        found, left = await self._store.write(work)
        if left is not None:
            await self._end(left.user.user_id, left.browser.device_id)
        stays = current is not None and left is None and await self._is(current, found)
        return Came(self._session(found), None if stays else new)

    async def _is(self, secret_hash: bytes, found: SignedIn) -> bool:
        now = await self._store.read(lambda reader: reader.signed_in(secret_hash))
        return now is not None and now.browser.device_id == found.browser.device_id


# -- in a transaction -------------------------------------------------------------------------------------------------------


def _put_guest(secret_hash: bytes, user: User, device_id: str, wish: Wish, tx: Transaction) -> SignedIn:
    found = tx.signed_in(secret_hash)  # made by another request of the page, whose answer was lost
    if found is None:
        if tx.user(user.user_id) is not None:
            raise Refusal(RefusalCode.GONE, "this page was signed out: load it again")
        put_account(tx, user, giver=SERVER)
        tx.put_browser(secret_hash, user.user_id, device_id, wish.label)
        tx.put_guest(user.user_id, wish.shop, wish.ref)
        tx.audit(SERVER, "guest.made", about_id=user.user_id)
        found = tx.signed_in(secret_hash)
    assert found is not None
    return found


def put_link(
    user_id: str, secret: bytes, made_by: str, source: str, tx: Transaction, actor_id: str | None = None
) -> int:
    """Keep a link; until when it is good (UTC ms). `made_by`: a browser of the user, or "" for an operator, or for somebody
    else (`actor_id`) by way of `source`. RATE_LIMITED."""
    if tx.links_since(user_id, tx.now_ms - 3600 * 1000) >= MAX_LINKS_AN_HOUR:
        text = f"at most {MAX_LINKS_AN_HOUR} links in an hour"
        raise Refusal(RefusalCode.RATE_LIMITED, text, retry_after_ms=3600 * 1000)
    expires_at = tx.now_ms + LINK_TTL_MS
    tx.put_link(hashed(secret), user_id, made_by, expires_at)
    tx.audit(source, "link.made", about_id=user_id, actor_id=user_id if made_by else actor_id)
    return expires_at


def put_label(user_id: str, device_id: str, label: str, source: str, tx: Transaction) -> None:
    """Call a browser of a user this. NOT_FOUND; INVALID."""
    if not (0 < len(label) <= MAX_LABEL_CHARS and label.strip() and is_printable(label)):
        raise Refusal(RefusalCode.INVALID, f"a name of 1-{MAX_LABEL_CHARS} printable characters")
    if not tx.label_browser(user_id, device_id, label):
        _no_browser()
    tx.audit(source, "browser.named", about_id=user_id, actor_id=user_id if source == SERVER else None)


def _redeem(
    link_hash: bytes,
    secret_hash: bytes,
    current_hash: bytes | None,
    device_id: str,
    label: str,
    leaves: bool,
    tx: Transaction,
) -> tuple[SignedIn, SignedIn | None]:
    """The browser that is signed in, and the one of another account that it was before."""
    link = tx.link(link_hash)
    if link is None:
        _gone()
    known = tx.signed_in(secret_hash)
    lately = link.used_at is not None and abs(tx.now_ms - link.used_at) < KEY_MS
    if known is not None and lately and known.browser.device_id == link.used_by:
        return known, None  # the answer was lost, and the page asks again
    current = tx.signed_in(current_hash) if current_hash is not None else None
    if current is not None and current.user.user_id == link.user_id and link.used_at is None:
        return current, None
    if link.used_at is not None or not is_fresh(link, tx.now_ms):
        _gone()
    if current is not None and not leaves:
        text = f"this browser is signed in as {current.user.display_name}; what was booked there stays with that account"
        raise Refusal(RefusalCode.CONFLICT, text)
    if not tx.is_active(link.user_id):
        _disabled()
    if len(tx.browsers_of(link.user_id)) >= MAX_BROWSERS:
        raise Refusal(RefusalCode.CONFLICT, f"{MAX_BROWSERS} browsers are signed in: sign one of them out")
    tx.put_browser(secret_hash, link.user_id, device_id, label)
    tx.use_link(link_hash, device_id)
    tx.audit(SERVER, "link.redeemed", about_id=link.user_id)
    found = tx.signed_in(secret_hash)
    assert found is not None
    return found, current


def is_fresh(link: Link, now_ms: int) -> bool:
    """Whether it is time to use it. By a clock that was put back for longer it never is: nobody knows how old it is."""
    return link.made_at - CLOCKS_DIFFER_S * 1000 <= now_ms < link.expires_at


def require_active(who: SignedIn) -> None:
    """FORBIDDEN for a disabled account."""
    if not who.active:
        _disabled()


def _disabled() -> NoReturn:
    raise Refusal(RefusalCode.FORBIDDEN, "this account is disabled; please ask the people who run it")


def _gone() -> NoReturn:
    raise Refusal(RefusalCode.GONE, "this link was used, or is older than ten minutes: ask for a new one")


def _no_browser() -> NoReturn:
    raise Refusal(RefusalCode.NOT_FOUND, "no such browser")


# -- secrets as text --------------------------------------------------------------------------------------------------------


def text_of(secret: bytes) -> str:
    """A secret as it stands in a cookie or an address."""
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode("ascii")


def secret_of(text: str) -> bytes | None:
    """The secret; None for what is none."""
    if not _TEXT.fullmatch(text):
        return None
    secret = base64.urlsafe_b64decode(text + "=")
    return secret if len(secret) == SECRET_BYTES and text_of(secret) == text else None
