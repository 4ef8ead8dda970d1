"""What was revoked lets nobody in and ends who is in: one token, a device's, all of before. What is another's goes on."""

from __future__ import annotations

import asyncio
import string
import time
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.accounts import CLOCKS_DIFFER_S
from imserver.chat.administration import FOR_EVER
from imserver.chat.endings import ends
from imserver.errors import NotAuthorized, Refusal, RefusalCode
from imserver.events import AccessEnded
from imserver.model import User
from imserver.store.sqlite.account_rows import KEPT_BEHIND_MS
from imserver.testing import ManualClock
from imserver_protocol.errors import CloseCode
from tests.accounts.tokens import ABSENT, ended, home, posts, token, turned_away
from tests.limits.raw import Raw
from tests.store.support import refusal_of
from tests.support.servers import config, running

REVOKED = (CloseCode.REVOKED, "no longer authorized")
DAY_S = 24 * 3600


def now() -> int:
    return int(time.time())


async def test_one_token_by_its_jti(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        stolen, kept = token(jti="stolen", iat=now()), token(jti="kept", iat=now())
        thief, alice = await here.enter(stolen, "phone"), await here.enter(kept, "desk")
        bob = await here.enter(token("bob", jti="stolen", iat=now()), "phone")
        done = await here.server.administration.revoke("alice", token_id="stolen")
        assert (done["known"], done["sessions_ended"]) == (True, 1)
        assert await ended(thief) == REVOKED
        assert await turned_away(here.server, stolen, "phone")
        assert await posts(alice, "alice", "bob") == 0
        assert await posts(bob, "alice", "bob") == 0, "another one's token of this name is another token"
        assert not await turned_away(here.server, kept, "desk")


async def test_one_without_a_jti_by_its_digest(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        stolen, kept = token(iat=now()), token(iat=now() - 1)
        thief, alice = await here.enter(stolen, "phone"), await here.enter(kept, "desk")
        used = (await here.server.administration.tokens("alice"))["tokens"]
        [shown] = [one["token_id"] for one in used if one["device_id"] == "phone"]
        assert shown.startswith("sha256:")
        await here.server.administration.revoke("alice", token_id=shown)
        assert await ended(thief) == REVOKED
        assert await turned_away(here.server, stolen, "phone")
        assert await posts(alice, "alice", "bob") == 0


def respelt(text: str) -> dict[str, str]:
    """The same token: what it says and what signs it are what they were, but its signature is written in other characters."""
    said, _, signature = text.rpartition(".")
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    unused = letters[letters.index(signature[-1]) ^ 1]  # its last two bits are no part of the 256
    return {
        "padded": f"{text}=",
        "other bits": f"{text[:-1]}{unused}",
        "with what is no letter": f"{said}.{signature[:5]}!!!!{signature[5:]}",
        "with a blank": f"{said}.{signature} ",
    }


@pytest.mark.parametrize("how", respelt("a.A"))
async def test_one_without_a_jti_in_whatever_spelling(tmp_path: Path, how: str) -> None:
    """Neither is it another token once it was revoked, nor on another device before; the next one that was made lets in."""
    async with home(tmp_path, "alice bob") as here:
        first = token()
        raw = await here.enter(first, "phone")
        assert await turned_away(here.server, respelt(first)[how], "desk")
        [used] = (await here.server.administration.tokens("alice"))["tokens"]
        await here.server.administration.revoke("alice", token_id=used["token_id"])
        assert await ended(raw) == REVOKED
        assert await turned_away(here.server, first, "phone")
        for device_id in ("phone", "desk"):
            assert await turned_away(here.server, respelt(first)[how], device_id)
        assert not await turned_away(here.server, token(note="another"), "phone")
        assert not await turned_away(here.server, token("bob"), "phone")


async def test_one_that_was_never_used_here(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        done = await server.administration.revoke("alice", token_id="unseen")
        assert not done["known"]
        assert await turned_away(server, token(jti="unseen"))
        assert not await turned_away(server, token(jti="other"))


@pytest.mark.parametrize("claimed", [False, True], ids=["bound by use", "named by the token"])
async def test_all_of_a_device_that_were_issued_before(tmp_path: Path, claimed: bool) -> None:
    device: Any = "phone" if claimed else ABSENT
    async with home(tmp_path) as here:
        old, unused = (token(jti=jti, iat=now() - 5, device=device) for jti in ("old", "unused"))
        lost, desk = await here.enter(old, "phone"), await here.enter(token(jti="desk", iat=now()), "desk")
        await here.server.administration.revoke("alice", device_id="phone")
        assert await ended(lost) == REVOKED
        for one in (old, unused):
            assert await turned_away(here.server, one, "phone")
        assert await posts(desk, "alice", "bob") == 0
        fresh = here.server.accounts.make_token("alice", ttl_s=60)
        assert not await turned_away(here.server, fresh, "phone"), "made behind it, in the same second or not"


async def test_all_that_were_issued_before(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        old = token(jti="old", iat=now() - 5)
        crowd = [await here.enter(token(jti=f"{n}", iat=now() - n), f"device {n}") for n in range(4)]
        bob = await here.enter(token("bob", jti="1", iat=now() - 5))
        done = await here.server.administration.revoke("alice", everything=True)
        assert done["sessions_ended"] == 4
        assert [await ended(raw) for raw in crowd] == [REVOKED] * 4
        assert await turned_away(here.server, old)
        assert await posts(bob, "alice", "bob") == 0
        fresh = here.server.accounts.make_token("alice", ttl_s=60)
        assert not await turned_away(here.server, fresh)


@pytest.mark.parametrize("iat", [ABSENT, None, "0", True, [], 1e400], ids=str)
async def test_a_token_that_does_not_say_when_counts_as_issued_before(tmp_path: Path, iat: Any) -> None:
    async with home(tmp_path) as here:
        raw = await here.enter(token(jti="a", iat=iat))
        await here.server.administration.revoke("alice", everything=True)
        assert await ended(raw) == REVOKED
        assert await turned_away(here.server, token(jti="a", iat=iat))
        assert await turned_away(here.server, token(jti="another", iat=iat))


async def test_one_that_was_made_in_the_moment_of_the_revocation_is_a_later_one(tmp_path: Path) -> None:
    """At the door and for a session that stands on it: else whoever is let in would be put out, or the other way round."""
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        old = server.accounts.make_token("alice", ttl_s=60)
        clock.advance(0.001)
        await server.administration.revoke("alice", everything=True)
        with pytest.raises(NotAuthorized, match="revoked"):
            await server.accounts.authenticate(old, "phone")
        fresh = await server.accounts.authenticate(server.accounts.make_token("alice", ttl_s=60), "phone")
        moment = clock.now_ms()
        assert fresh.issued_at == moment
        assert not ends(AccessEnded(1, "alice", issued_before=moment), fresh)
        assert ends(AccessEnded(1, "alice", issued_before=moment + 1), fresh)


async def test_one_of_an_issuer_whose_clock_is_ahead_was_issued_before_it_was_used(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        early = token(jti="a", iat=now() + 120)
        raw = await here.enter(early)
        await here.server.administration.revoke("alice", everything=True)
        assert await ended(raw) == REVOKED
        assert await turned_away(here.server, early)


async def test_one_of_that_issuer_that_was_used_in_the_millisecond_of_the_revocation_is_older(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        begin = clock.now_ms() // 1000
        early = token(jti="a", iat=begin + 120, exp=begin + 7200)
        used = await server.accounts.authenticate(early, "phone")
        await server.administration.revoke("alice", everything=True)
        assert ends(AccessEnded(1, "alice", issued_before=clock.now_ms()), used)
        assert [one["state"] for one in (await server.administration.tokens("alice"))["tokens"]] == [
            "revoked"
        ]
        with pytest.raises(NotAuthorized, match="revoked"):
            await server.accounts.authenticate(early, "phone")


async def test_one_that_says_it_is_of_tomorrow_is_of_before(tmp_path: Path) -> None:
    """Else one that was kept back would outlive the revocation of all."""
    async with home(tmp_path) as here:
        kept_back = token(jti="a", iat=now() + 3600, exp=now() + 7200)
        await here.server.administration.revoke("alice", everything=True)
        assert await turned_away(here.server, kept_back)
        assert await posts(await here.enter(token(jti="b", sub="bob", iat=now() + 3600)), "alice", "bob") == 0


async def test_revoked_tokens_do_not_renew_and_renewed_sessions_stand_on_the_new_one(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        raw = await here.enter(token(jti="a", iat=now()))
        await here.server.administration.revoke("alice", token_id="b")
        answer = await raw.ask("renew", token(jti="b", iat=now(), exp=now() + 9000))
        assert (answer.code, answer.text) == (RefusalCode.FORBIDDEN, "this token was not accepted")
        assert (await raw.ask("renew", token(jti="c", iat=now(), exp=now() + 9000))).code == 0
        await here.server.administration.revoke("alice", token_id="a")
        assert await posts(raw, "alice", "bob") == 0
        await here.server.administration.revoke("alice", token_id="c")
        assert await ended(raw) == REVOKED


async def test_a_lost_connection_is_not_resumed_with_it(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        good = token(jti="a", iat=now())
        raw = await Raw.open(server)
        raw.hello(good)
        welcomed = await raw.welcome()
        raw.reset()
        await raw.hang_up()
        await server.administration.revoke("alice", token_id="a")
        async with await Raw.open(server) as again:
            again.hello(good, resume=(welcomed.session_id, welcomed.token))
            assert (await again.goodbye()).code == CloseCode.AUTH_FAILED
        async with await Raw.open(server) as again:
            again.hello(token(jti="b", iat=now(), device="raw"), resume=(welcomed.session_id, welcomed.token))
            assert not (await again.welcome()).resumed


async def test_a_jti_that_looks_like_a_digest_lets_nobody_in(tmp_path: Path) -> None:
    """Who revokes by what is shown would reach another token."""
    async with running(tmp_path) as server:
        assert await turned_away(server, token(jti="sha256:00"))


# -- what is shown and kept ---------------------------------------------------------------------------------------------------


async def test_what_is_shown_of_tokens(tmp_path: Path) -> None:
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        administration, start = server.administration, clock.now_ms()
        begin = start // 1000
        for jti, ttl, device in (("short", 60, "phone"), ("long", 600, "phone"), ("mine", 90, "desk")):
            await server.accounts.authenticate(
                token(jti=jti, iat=begin, exp=begin + ttl, device=device), device
            )
        clock.advance(61)
        await administration.revoke("alice", token_id="mine")
        told = await administration.tokens("alice")
        assert [(one["token_id"], one["state"]) for one in told["tokens"]] == [
            ("long", "live"),
            ("mine", "revoked"),
            ("short", "expired"),
        ]
        assert told["tokens"][0] == {
            "token_id": "long",
            "device_id": "phone",
            "used_at": start,
            "issued_at": begin * 1000,
            "expires_at": (begin + 600) * 1000,
            "revoked": False,
            "state": "live",
        }
        assert (told["revoked_before"], told["more"]) == ([], False)
        assert (await administration.user("alice"))["tokens"] == 1
        await administration.revoke("alice", device_id="phone")
        told = await administration.tokens("alice")
        assert told["revoked_before"] == [{"device_id": "phone", "before": clock.now_ms()}]
        assert {one["state"] for one in told["tokens"]} == {"revoked"}


async def test_tokens_are_shown_as_the_door_takes_them(tmp_path: Path) -> None:
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        administration, begin = server.administration, clock.now_ms() // 1000

        async def states() -> dict[str, str]:
            return {one["token_id"]: one["state"] for one in (await administration.tokens("alice"))["tokens"]}

        for jti, iat in (("old", begin - 5), ("undated", ABSENT)):
            await server.accounts.authenticate(token(jti=jti, iat=iat, exp=begin + 600), jti)
        done = await administration.revoke("alice", device_id="tablet")
        assert (done["known"], await states()) == (False, {"old": "live", "undated": "live"})
        assert (await administration.revoke("alice", device_id="old"))["known"]
        assert await states() == {"old": "revoked", "undated": "live"}
        await administration.revoke("alice", everything=True)
        fresh = token(jti="fresh", iat=clock.now_ms() / 1000, exp=begin + 60)
        await server.accounts.authenticate(fresh, "phone")
        assert await states() == {"old": "revoked", "undated": "revoked", "fresh": "live"}
        clock.advance(begin + 60 - clock.now_ms() / 1000)
        with pytest.raises(NotAuthorized, match="expired"):
            await server.accounts.authenticate(fresh, "phone")
        assert (await states())["fresh"] == "expired"


async def test_rows_go_once_nobody_can_ask_for_them(tmp_path: Path) -> None:
    """Those of tokens without a `jti`, each of which is one text. Those of a `jti` stay: see below."""
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        begin = clock.now_ms() // 1000

        async def used_and_revoked(text: str) -> str:
            await server.accounts.authenticate(text, "phone")
            [used] = (await server.administration.tokens("alice"))["tokens"]
            await server.administration.revoke("alice", token_id=used["token_id"])
            with pytest.raises(NotAuthorized, match="revoked"):
                await server.accounts.authenticate(text, "phone")
            shown: str = used["token_id"]
            return shown.removeprefix("sha256:")

        await used_and_revoked(token(iat=begin, exp=begin + 60))
        await server.administration.revoke("alice", token_id="unseen")
        clock.advance(60 + KEPT_BEHIND_MS / 1000 + 1)
        end = clock.now_ms() // 1000 + 60
        later = await used_and_revoked(token(iat=begin, exp=end))
        rows = await server.store.read(
            lambda reader: reader._sql("SELECT token_id, until FROM revoked_tokens ORDER BY until")  # type: ignore[attr-defined]
        )
        assert rows == [(later, end * 1000), ("alice\nunseen", FOR_EVER)]


async def test_a_token_that_ended_is_known_for_a_day(tmp_path: Path) -> None:
    """A clock may be put back."""
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        begin = clock.now_ms() // 1000
        await server.accounts.authenticate(token(jti="a", iat=begin, exp=begin + 60), "phone")
        clock.advance(KEPT_BEHIND_MS / 1000)
        other = token(jti="other", iat=begin, exp=clock.now_ms() // 1000 + 10)
        await server.accounts.authenticate(other, "phone")
        told = (await server.administration.tokens("alice"))["tokens"]
        assert {one["token_id"] for one in told} == {"a", "other"}
        clock.advance(KEPT_BEHIND_MS / 1000 + 60)
        again = token(jti="b", iat=begin, exp=clock.now_ms() // 1000 + 60)
        await server.accounts.authenticate(again, "phone")
        assert [one["token_id"] for one in (await server.administration.tokens("alice"))["tokens"]] == ["b"]


async def test_another_token_of_the_same_jti_is_revoked_for_as_long_as_it_lives(tmp_path: Path) -> None:
    """An issuer that renews under one id: the later token was never used here when the id was revoked."""
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        begin = clock.now_ms() // 1000
        renewed = [token(jti="a", iat=begin, exp=begin + life, device="phone") for life in (60, 30 * DAY_S)]
        await server.accounts.authenticate(renewed[0], "phone")
        await server.administration.revoke("alice", token_id="a")
        for wait_s in (0, 60 + KEPT_BEHIND_MS / 1000 + 1):
            clock.advance(wait_s)
            await server.administration.revoke("bob", token_id=f"another after {wait_s:g}")
            with pytest.raises(NotAuthorized, match="revoked"):
                await server.accounts.authenticate(renewed[1], "phone")
        kept = token(jti="b", iat=begin, exp=begin + 30 * DAY_S)
        assert (await server.accounts.authenticate(kept, "phone")).token_id == "alice\nb"


async def test_a_revocation_holds_for_as_long_as_the_longest_that_was_seen_of_its_name(
    tmp_path: Path,
) -> None:
    """An issuer may make a token of the same `jti` anew, with a later end: it is the same one, and does not sleep."""
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        begin = clock.now_ms() // 1000
        ends_at = [begin + 60, begin + 7 * DAY_S, begin + 120]
        for end in ends_at:
            await server.accounts.authenticate(token(jti="a", iat=begin, exp=end), "phone")
        with pytest.raises(NotAuthorized, match="first used by another device"):
            await server.accounts.authenticate(token(jti="a", iat=begin, exp=max(ends_at) + 1), "desk")
        [shown] = (await server.administration.tokens("alice"))["tokens"]
        assert (shown["device_id"], shown["expires_at"]) == ("phone", (max(ends_at) + 1) * 1000)
        await server.administration.revoke("alice", token_id="a")
        clock.advance(120 + KEPT_BEHIND_MS / 1000 + 1)
        await server.administration.revoke("alice", token_id="another")  # which lets go of what has ended
        with pytest.raises(NotAuthorized, match="revoked"):
            await server.accounts.authenticate(token(jti="a", iat=begin, exp=max(ends_at)), "phone")


async def test_two_first_uses_at_once_keep_the_later_end(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        for end in (200, 100):
            await server.store.write(
                lambda tx, end=end: tx.bind_token("alice\na", "alice", "phone", 1, end)  # type: ignore[misc]
            )
        used = await server.store.read(lambda reader: reader.used_token("alice", "alice\na"))
        assert used is not None
        assert used.expires_at == 200


async def test_a_later_revocation_lets_none_of_before_in_sooner(tmp_path: Path) -> None:
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        start = clock.now_ms()
        old = token(jti="old", iat=start // 1000 - 5, exp=start // 1000 + 10 * DAY_S)
        for before, until in ((start, FOR_EVER), (start + 1, start + 2)):
            await server.store.write(
                lambda tx, before=before, until=until: tx.revoke_before("alice", None, before, until)  # type: ignore[misc]
            )
        clock.advance(2 * DAY_S)
        await server.administration.revoke("alice", token_id="another")  # which lets go of what has ended
        with pytest.raises(NotAuthorized, match="revoked"):
            await server.accounts.authenticate(old, "phone")


async def test_nothing_else_is_asked_for_and_nobody_is_made_up(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        revoke = server.administration.revoke
        assert not (await revoke("alice", token_id="bobs"))["known"]
        for wrong in ({}, {"token_id": "a", "device_id": "b"}, {"device_id": "b", "everything": True}):
            assert await refusal_of(revoke("alice", **wrong)) is RefusalCode.INVALID
        for act in (revoke("nobody", everything=True), server.administration.disable("nobody")):
            assert await refusal_of(act) is RefusalCode.NOT_FOUND
        assert await refusal_of(server.administration.kick("nobody")) is RefusalCode.NOT_FOUND
        assert await refusal_of(server.administration.tokens("nobody")) is RefusalCode.NOT_FOUND
        assert await server.chat.users(["nobody"]) == []


@pytest.mark.parametrize("name", ["", " ", "\udcff", "a\nb", "x" * 65])
@pytest.mark.parametrize("what", ["device_id", "token_id"])
async def test_what_names_nothing_is_not_put_on_record(tmp_path: Path, what: str, name: str) -> None:
    """A byte of another encoding on the command line would be in the way of every later act and start; and "" is not all."""
    async with home(tmp_path) as here:
        raw = await here.enter(token(), "phone")
        wrong: dict[str, Any] = {what: name}
        assert await refusal_of(here.server.administration.revoke("alice", **wrong)) is RefusalCode.INVALID
        assert await posts(raw, "alice", "bob") == 0
        assert (await here.server.administration.disable("bob"))["changed"]
        right: dict[str, Any] = {what: "phone"}
        assert (await here.server.administration.revoke("alice", **right))["user_id"] == "alice"
    async with home(tmp_path) as here:
        assert not (await here.server.administration.disable("bob"))["changed"]
        assert await turned_away(here.server, token("bob"), "phone")


# -- the longest life ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("iat", "life", "good"),
    [
        (0, 400 * DAY_S, True),
        (0, 400 * DAY_S + CLOCKS_DIFFER_S + 60, False),
        (-300 * DAY_S, 390 * DAY_S, True),
        (-300 * DAY_S, 410 * DAY_S, False),
        (ABSENT, 399 * DAY_S, True),
        (ABSENT, 410 * DAY_S, False),
        (50 * 365 * DAY_S, 30, False),
    ],
    ids=str,
)
async def test_no_token_lives_for_longer_whoever_made_it(
    tmp_path: Path, iat: Any, life: int, good: bool
) -> None:
    """From when it was issued, or, if it does not say, or says something to come, from now."""
    issued = ABSENT if iat is ABSENT else now() + iat
    begin = now() if iat is ABSENT else now() + iat
    async with running(tmp_path) as server:
        assert await turned_away(server, token(iat=issued, exp=begin + life)) is not good


async def test_the_bound_is_the_operators(tmp_path: Path) -> None:
    async with running(tmp_path, auth={"max_token_ttl_s": 3600}) as server:
        assert await turned_away(server, token(iat=now(), exp=now() + 7200))
        assert not await turned_away(server, server.accounts.make_token("alice", ttl_s=3600))


async def test_the_second_in_which_it_ends_is_not_part_of_its_life(tmp_path: Path) -> None:
    clock = ManualClock()
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("alice", "Alice"))
        begin = clock.now_ms() // 1000
        short = token(jti="a", iat=begin, exp=begin + 60)
        clock.advance(begin + 60 - clock.now_ms() / 1000 - 0.001)
        await server.accounts.authenticate(short, "phone")
        clock.advance(0.001)
        assert clock.now_ms() == (begin + 60) * 1000
        with pytest.raises(NotAuthorized, match="expired"):
            await server.accounts.authenticate(short, "phone")


# -- sessions, and two operators ----------------------------------------------------------------------------------------------


async def test_who_is_kicked_is_told_to_stop_and_may_come_again(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        good = token(jti="a", iat=now())
        phone, desk = await here.enter(good, "phone"), await here.enter(token(jti="b"), "desk")
        bob = await here.enter(token("bob"))
        listed = await here.server.administration.sessions("alice")
        assert {(one["device_id"], one["connected"]) for one in listed["sessions"]} == {
            ("phone", True),
            ("desk", True),
        }
        assert (await here.server.administration.kick("alice", "phone"))["sessions_ended"] == 1
        assert await ended(phone) == (CloseCode.OK, "ended by an operator")
        assert await posts(desk, "alice", "bob") == await posts(bob, "alice", "bob") == 0
        assert not await turned_away(here.server, good, "phone")


async def test_sessions_are_listed_page_by_page(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        for number in range(5):
            await here.enter(token(jti=f"{number}"), f"device {number}")
        await here.enter(token("bob"))
        seen: list[str] = []
        after = None
        while True:
            page = await here.server.administration.sessions(after=after, limit=2)
            seen += [one["id"] for one in page["sessions"]]
            after = page["next"]
            if after is None:
                break
        assert len(seen) == 6
        assert seen == sorted(set(seen))


async def test_two_operators_at_once_are_both_right(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        await here.enter(token(jti="a", iat=now()))
        administration = here.server.administration
        both = await asyncio.gather(*(administration.disable("alice") for _ in range(2)))
        assert [one["state"] for one in both] == ["disabled"] * 2
        assert await acts(here.server) == ["user.disabled"]
        either = await asyncio.gather(
            administration.enable("alice"),
            administration.disable("alice"),
            administration.revoke("alice", everything=True),
            administration.put_user("alice", roles=["staff"]),
            administration.put_user("alice", roles=["night"]),
            administration.kick("alice"),
        )
        state = (await administration.user("alice"))["state"]
        assert state in ("active", "disabled")
        assert (state == "active") == await here.server.store.write(lambda tx: tx.is_active("alice"))
        assert either[0]["changed"]
        roles = [row["role"] for row in (await administration.user("alice"))["roles"]]
        assert roles == ["night"], "the later one's word, whole"


async def acts(server: Server) -> list[str]:
    rows = await server.store.read(lambda reader: reader.audit_after(0, 100))
    assert {row.source for row in rows} <= {"operator"}
    return [row.act for row in rows]


async def test_each_act_is_in_the_audit_log_once(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        administration = here.server.administration
        for _ in range(2):
            await administration.put_user("carol", display_name="Carol")
        await administration.put_user("carol", language="de", roles=["staff"])
        await here.enter(token("carol", jti="a", iat=now()))
        await administration.kick("carol")
        await administration.kick("carol")
        for _ in range(2):
            await administration.revoke("carol", token_id="a")
        await administration.revoke("carol", device_id="phone")
        await administration.revoke("carol", everything=True)
        for _ in range(2):
            await administration.disable("carol")
        for _ in range(2):
            await administration.enable("carol")
        with pytest.raises(Refusal):
            await administration.disable("nobody")
        assert await acts(here.server) == [
            "user.added",
            "user.changed",
            "session.kicked",
            "token.revoked",
            "device.revoked",
            "tokens.revoked",
            "user.disabled",
            "user.enabled",
        ]
