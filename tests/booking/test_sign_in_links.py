"""Sign-in links for colleagues: an admin of the staff group has one made, and it goes to the admin's own chat alone."""

from __future__ import annotations

import re

import pytest

from imserver.chat.browsers import MAX_LINKS_AN_HOUR, hashed, secret_of
from imserver.model import Link, Role
from imserver.plugin_host.snapshot import PluginSnapshot
from imserver.plugins.booking.conversations import staff_role
from imserver.plugins.booking.schedule.chain_file import load_chain
from tests.booking.support.shop import GARDEN, Shop, shown

URL = "https://book.example.org"


def opened(url: str = URL) -> Shop:
    shop = Shop()
    shop.kit.public_url = url
    return shop


async def asks(shop: Shop, text: str, who: str = "staff-li", store: str = "garden") -> tuple[str, str]:
    """What the staff group hears, and what the asker hears in the direct chat with the bot."""
    group, own = await shop.staff_group(store), shop.kit.direct(who, f"store-{store}")
    said = await shop.say(who, group, text)
    heard = ["\n".join(shown(one) for one in said if one.conversation_id == place) for place in (group, own)]
    assert len(said) == sum(one.conversation_id in (group, own) for one in said), "and nobody else hears"
    return heard[0], heard[1]


async def link_in(shop: Shop, text: str) -> Link | None:
    secret = secret_of(re.findall(r"https://book\.example\.org/link#(\S+)", text)[0])
    assert secret is not None
    return await shop.kit.store.write(lambda tx: tx.link(hashed(secret)))


@pytest.mark.parametrize("name", ["王老师", "wang", "Wang", "staff-wang"])
async def test_an_admin_has_a_link_made_for_a_colleague(name: str) -> None:
    async with opened() as shop:
        group, own = await asks(shop, f"/link {name}")
        assert "link#" not in group
        assert "王老师" in group
        link = await link_in(shop, own)
        assert link is not None
        assert (link.user_id, link.expires_at - link.made_at) == ("staff-wang", 600_000)
        ((actor, about),) = [
            (row.actor_no, row.about_no) for row in await shop.kit.audit() if row.act == "link.made"
        ]
        assert actor != about
        await shop.advance(11)
        place = shop.kit.direct("staff-li", GARDEN)
        (said,) = shop.kit.messages(place)
        message = await shop.kit.store.read(
            lambda reader: PluginSnapshot("booking", reader).message(place, said.position)
        )
        assert message is not None
        assert message.content is None, "what is good for nothing any more stands nowhere"


async def test_who_is_no_admin_hears_who_is_one() -> None:
    async with opened() as shop:
        group, own = await asks(shop, "/link 李老师", "staff-wang")
        assert "李老师" in group
        assert own == ""


@pytest.mark.parametrize("name", ["张老师", "staff-zhang", "ann", "老师", "store-garden", "x" * 500])
async def test_nobody_but_a_colleague_of_this_shop(name: str) -> None:
    async with opened() as shop:
        await shop.customer("ann", "en")
        group, own = await asks(shop, f"/link {name}")
        assert "没有叫" in group
        assert len(group) < 200
        assert own == ""
        rows = await shop.kit.audit()
        assert "link.made" not in [row.act for row in rows]


async def test_without_an_address_nobody_could_open_it() -> None:
    async with opened("") as shop:
        group, own = await asks(shop, "/link 王老师")
        assert "public_url" in group
        assert own == ""


async def test_a_colleague_who_is_disabled_gets_none_and_so_many_in_an_hour() -> None:
    async with opened() as shop:
        await shop.kit.store.write(lambda tx: tx.disable_user("staff-zhou"))
        group, own = await asks(shop, "/link 小周")
        assert "没有给小周" in group
        assert own == ""
        for _ in range(MAX_LINKS_AN_HOUR):
            assert "link#" in (await asks(shop, "/link 王老师"))[1]
        group, own = await asks(shop, "/link 王老师")
        assert "太多" in group
        assert own == ""


async def test_an_admin_who_hears_nothing_of_the_bot_is_told_in_the_group() -> None:
    async with opened() as shop:
        await shop.kit.store.write(lambda tx: tx.set_block("staff-li", GARDEN, True))
        group, own = await asks(shop, "/link 王老师")
        assert "不接收" in group
        assert own == ""


async def test_whoever_is_out_of_the_group_is_no_admin_and_no_colleague() -> None:
    async with opened() as shop:
        await shop.leave("staff-wang", await shop.staff_group())
        assert "没有叫" in (await asks(shop, "/link 王老师"))[0]


def test_what_somebody_is_in_a_staff_group() -> None:
    garden, *_ = load_chain("demo").stores
    members = {GARDEN: Role.OWNER, "staff-li": Role.MEMBER, "staff-wang": Role.MEMBER, "eve": Role.ADMIN}
    told = [staff_role(members, garden, name) for name in ("staff-li", "staff-wang", "eve", "ann", GARDEN)]
    assert told == ["admin", "member", "admin", None, None]
