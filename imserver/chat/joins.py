"""Joins: a guest's browser goes on as an older account, by a code that it shows and somebody of the shop types, and a yes.

The customer with a new phone is a guest on it. The phone shows six digits; whoever stands before it and knows the customer
names them beside the old account (a plugin does, in its own words); the phone asks its guest. With a yes the browser is signed
in as that account, what plugins keep of the guest is the account's, and the guest's account ends. All of it is one record of
the ledger (`chat/records.py`): it holds whatever copy of the database comes back. Only guests go on as somebody else, and
nobody goes on as one who has a role: a role is power, and a counter gives none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from imserver.chat.accounts import CLOCKS_DIFFER_S, Accounts
from imserver.chat.browsers import MAX_BROWSERS, SECRET_BYTES, Browsers, Came, hashed, require_active
from imserver.chat.guests import CROWDED, GUEST
from imserver.chat.ports import Store
from imserver.chat.records import SERVER, do_join
from imserver.chat.transaction import Transaction
from imserver.clock import Clock
from imserver.errors import Refusal, RefusalCode
from imserver.model import BOT, Join, SignedIn, User

#: Life of a code, and of the question that it leads to (ms): people stand at a counter.
JOIN_MS = 300 * 1000
#: Codes that stand at a time, of a hundred thousand: whoever types six digits at random meets one in two hundred.
MAX_STANDING = 500
#: Codes that one guest's browsers show in an hour.
MAX_JOINS_AN_HOUR = 20
#: Bytes of what the guest is shown of the account, as JSON.
MAX_ABOUT_BYTES = 2048
#: Codes of chance of which the first free one is taken.
_TRIES = 8
#: Of Damm's check digit (H. M. Damm, 2004): with it no wrong digit, and no two that changed places, make another code.
_DAMM = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip
_RANDOM_DIGITS = 5
#: Roles that say how an account began, and give no power.
_POWERLESS = frozenset({GUEST, CROWDED})


class Carrying(Protocol):
    """Whoever keeps something of accounts beside the chat: the plugins."""

    def rehearse(self, tx: Transaction, guest_id: str, account_id: str) -> None:
        """Carry over what is kept of the guest, in a unit of which nothing stays. Raises what would go wrong."""
        ...

    async def do(self) -> None:
        """Carry over what is on record, each plugin in one transaction, before this returns."""
        ...


class _Rehearsed(Exception):
    """It can be done; nothing of it stays. `body`: of the record."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__()
        self.body = body


class Joins:
    """`random_bytes`: of codes and credentials."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        accounts: Accounts,
        browsers: Browsers,
        carrying: Carrying,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._clock = clock
        self._accounts = accounts
        self._browsers = browsers
        self._carrying = carrying
        self._random_bytes = random_bytes
        #: By the guest's browser: one that says yes twice at once waits for the same.
        self._accepting: dict[str, asyncio.Task[bytes]] = {}

    async def show(self, who: SignedIn, shop: str) -> Join:
        """The code that this browser shows, for this shop ("": for any); the same as long as it stands. FORBIDDEN for whoever
        is no guest; RATE_LIMITED; OVERLOADED."""
        require_active(who)
        codes = [new_code(self._random_bytes) for _ in range(_TRIES)]
        return await self._store.write(partial(_show, who, shop, codes))

    async def standing(self, who: SignedIn) -> Join | None:
        """What this browser shows now: a code, or with `account_id` a question; None for neither."""
        user_id, device_id = who.user.user_id, who.browser.device_id
        join = await self._store.read(lambda reader: reader.join_of(user_id, device_id))
        return join if join is not None and stands(join, self._clock.now_ms()) else None

    async def refuse(self, who: SignedIn, code: str) -> None:
        """The guest says no, or wants the code no more. GONE if it does not stand."""
        await self._store.write(partial(_refuse, who, code))

    async def accept(self, secrets: Sequence[bytes], code: str, *, key: bytes, label: str) -> Came:
        """The guest says yes. `secrets`: all that this browser holds, of which one is the guest's, or was, if an answer was
        lost; under the same `key` it gets the same credential.

        GONE for a code that does not stand; CONFLICT before anybody has asked, and for an account with too many browsers;
        FORBIDDEN if one of the two may not be joined any more."""
        for secret in secrets:
            who = await self._who(secret)
            new = self._accounts.derived(b"join", secret + key) if key else self._random_bytes(SECRET_BYTES)
            if who is not None and await self._came_of(who, code):
                found = secret  # the answer was lost, and its cookie was not
            elif who is not None and GUEST in who.user.roles:
                try:
                    found = await self._alone(who, code, new, label)
                except Refusal:
                    # The other tap was done between our look and this.
                    if not await self._was_given(new, code):
                        raise
                    found = new
            elif await self._was_given(new, code):
                found = new
            else:
                continue
            await self._carrying.do()
            session = await self._browsers.session(found)
            if session is not None:
                return Came(session, found)
        raise _over()

    async def _was_given(self, secret: bytes, code: str) -> bool:
        who = await self._who(secret)
        return who is not None and await self._came_of(who, code)

    async def _who(self, secret: bytes) -> SignedIn | None:
        found = await self._browsers.signed_in([secret])
        return found[1] if found is not None else None

    async def _came_of(self, who: SignedIn, code: str) -> bool:
        """Whether this browser came of this code."""
        join = await self._store.read(lambda reader: reader.join_shown(code))
        return join is not None and join.used_by == who.browser.device_id

    async def _alone(self, who: SignedIn, code: str, new: bytes, label: str) -> bytes:
        device_id = who.browser.device_id
        task = self._accepting.get(device_id)
        if task is None:
            # Whoever waits may go: what is on record is done all the same.
            task = asyncio.get_running_loop().create_task(self._do(who, code, new, label))
            self._accepting[device_id] = task
            task.add_done_callback(partial(self._done, device_id))
        return await asyncio.shield(task)

    def _done(self, device_id: str, task: asyncio.Task[bytes]) -> None:
        self._accepting.pop(device_id, None)
        if not task.cancelled():
            task.exception()  # also if whoever waited for it has gone

    async def _do(self, who: SignedIn, code: str, new: bytes, label: str) -> bytes:
        device_id = self._browsers.new_device_id()
        browser = {"browser": hashed(new).hex(), "device": device_id, "label": label}
        try:
            await self._store.write(partial(self._rehearse, who, code, browser))
        except _Rehearsed as rehearsed:
            await self._store.put_on_record("join", rehearsed.body)
        await self._carrying.do()
        return new

    def _rehearse(self, who: SignedIn, code: str, browser: Mapping[str, str], tx: Transaction) -> None:
        """What is on record has to be done at every start: so it is tried before."""
        join = _shown_by(tx, who, code)
        if join.account_id is None:
            raise Refusal(
                RefusalCode.CONFLICT, "nobody has asked yet: say the code to the people of the shop"
            )
        require_joinable(tx, join.user_id, join.account_id)
        if len(tx.browsers_of(join.account_id)) >= MAX_BROWSERS:
            raise Refusal(
                RefusalCode.CONFLICT, f"{MAX_BROWSERS} browsers are signed in: sign one of them out"
            )
        body = {
            "user": join.user_id,
            "account": join.account_id,
            "by": join.asked_by,
            "join": join.join_no,
            **browser,
        }
        do_join(tx, body, tx.now_ms)
        self._carrying.rehearse(tx, join.user_id, join.account_id)
        raise _Rehearsed(body)


# -- in a transaction -------------------------------------------------------------------------------------------------------


def ask(
    tx: Transaction, code: str, account_id: str, *, asked_by: str, about: Mapping[str, Any], source: str
) -> Join:
    """Have the browser that shows this code ask its guest whether to go on as this account; harmless for the same once more.
    `about`: what the guest is shown. NOT_FOUND for a code that nobody shows; CONFLICT for one that asks about another account;
    FORBIDDEN for two that may not be joined, with `detail` `guest` or `account`."""
    join = tx.join_shown(code)
    if join is None or not stands(join, tx.now_ms):
        raise Refusal(RefusalCode.NOT_FOUND, "no phone shows this code", detail="code")
    if join.account_id not in (None, account_id):
        raise Refusal(RefusalCode.CONFLICT, "this code is in use for somebody else", detail="code")
    require_joinable(tx, join.user_id, account_id)
    text = json.dumps(dict(about), ensure_ascii=False)
    if len(text.encode()) > MAX_ABOUT_BYTES:
        raise Refusal(RefusalCode.INVALID, f"about: at most {MAX_ABOUT_BYTES} bytes", detail="about")
    if join.account_id is None:
        tx.ask_join(join.join_no, account_id, asked_by, text)
        tx.audit(source, "join.asked", actor_id=asked_by, about_id=account_id)
    return tx.join_shown(code) or join


def require_joinable(tx: Transaction, guest_id: str, account_id: str) -> None:
    """FORBIDDEN unless the one is a guest, the other a person, both are in use, and neither has a role but those of guests."""
    guest, account = tx.user(guest_id), tx.user(account_id)
    if guest is None or GUEST not in guest.roles or _has_power(guest) or not tx.is_active(guest_id):
        text = "only the browser of a guest can go on as somebody else"
        raise Refusal(RefusalCode.FORBIDDEN, text, detail="guest")
    if account is None or account_id == guest_id or _has_power(account) or not tx.is_active(account_id):
        raise Refusal(RefusalCode.FORBIDDEN, "nobody can go on as this account", detail="account")


def _has_power(user: User) -> bool:
    return user.kind == BOT or not _POWERLESS.issuperset(user.roles)


def stands(join: Join, now_ms: int) -> bool:
    """Whether it is shown, or asked, now. By a clock that was put back for longer it never is."""
    return join.ended_at is None and join.made_at - CLOCKS_DIFFER_S * 1000 <= now_ms < join.expires_at


def _show(who: SignedIn, shop: str, codes: Sequence[str], tx: Transaction) -> Join:
    user_id, device_id = who.user.user_id, who.browser.device_id
    user = tx.user(user_id)
    if user is None or GUEST not in user.roles or _has_power(user) or not tx.is_active(user_id):
        text = "whoever is no guest has an account already: use a link of a browser that is signed in"
        raise Refusal(RefusalCode.FORBIDDEN, text)
    join = tx.join_of(user_id, device_id)
    if join is not None and stands(join, tx.now_ms):
        if join.shop == shop or join.account_id is not None:
            return join
        tx.end_join(join.join_no, None)
    if tx.joins_since(user_id, tx.now_ms - 3600 * 1000) >= MAX_JOINS_AN_HOUR:
        text = f"at most {MAX_JOINS_AN_HOUR} codes in an hour"
        raise Refusal(RefusalCode.RATE_LIMITED, text, retry_after_ms=600 * 1000)
    shown = (tx.join_shown(code) for code in codes)
    free = [
        code
        for code, known in zip(codes, shown, strict=True)
        if known is None or known.expires_at <= tx.now_ms
    ]
    if not free or tx.standing_joins() >= MAX_STANDING:
        raise Refusal(RefusalCode.OVERLOADED, "too many codes are shown", retry_after_ms=60 * 1000)
    tx.put_join(user_id, device_id, free[0], shop, tx.now_ms + JOIN_MS)
    made = tx.join_of(user_id, device_id)
    assert made is not None
    return made


def _refuse(who: SignedIn, code: str, tx: Transaction) -> None:
    join = _shown_by(tx, who, code)
    tx.end_join(join.join_no, None)
    if join.account_id is not None:
        tx.audit(SERVER, "join.refused", actor_id=join.user_id, about_id=join.account_id)


def _shown_by(tx: Transaction, who: SignedIn, code: str) -> Join:
    join = tx.join_of(who.user.user_id, who.browser.device_id)
    if join is None or join.code != code or not stands(join, tx.now_ms):
        raise _over()
    return join


def _over() -> Refusal:
    return Refusal(RefusalCode.GONE, "this code was used, or is older than five minutes: ask for a new one")


# -- codes ------------------------------------------------------------------------------------------------------------------


def new_code(random_bytes: Callable[[int], bytes]) -> str:
    """Six digits, the last of which is the check digit of the others."""
    digits = f"{int.from_bytes(random_bytes(8)) % 10**_RANDOM_DIGITS:0{_RANDOM_DIGITS}d}"
    return digits + _rest(digits)


def is_code(text: str) -> bool:
    """Whether it can be one: whoever mistypes a digit has none."""
    whole = len(text) == _RANDOM_DIGITS + 1 and text.isascii() and text.isdigit()
    return whole and _rest(text) == "0"


def _rest(digits: str) -> str:
    rest = "0"
    for digit in digits:
        rest = _DAMM[int(rest)][int(digit)]
    return rest
