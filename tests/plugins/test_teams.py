"""Plugins and teams: a conversation of a plugin has the staff of a group as members, who are never listed one by one."""

import pytest

from imserver.chat.permissions import Relation
from imserver.errors import PluginError, Refusal, RefusalCode
from imserver.model import Cursors, Kind, Role
from imserver.plugin_host.snapshot import PluginSnapshot
from imserver.testing import PluginKit
from tests.plugins.bench import made_with
from tests.plugins.conftest import QUICK
from tests.store.team_scene import make_bot

M, A, W = Role.MEMBER, Role.ADMIN, Role.OWNER


@pytest.fixture
async def kit(make_store, clock):
    """A plugin with a bot, ann and bob on the staff, and cy, a customer."""
    async with PluginKit(
        made_with(lambda context: None), store=make_store(), clock=clock, limits=QUICK
    ) as kit:
        for user_id in ("ann", "bob", "cy", "dee"):
            await kit.user(user_id)
        await kit.store.write(lambda tx: make_bot(tx, "bot"))
        yield kit


def staff(tx):
    return tx.ensure_conversation("staff", Kind.GROUP, {"ann": M, "bob": M}, title="staff")


def service(tx):
    return tx.ensure_conversation("service/cy", Kind.GROUP, {"cy": M}, title="service", team=staff(tx))


def do(kit, work):
    return kit.plugin.context.transaction(work)


async def refused(kit, work):
    with pytest.raises(Refusal) as caught:
        await do(kit, work)
    return caught.value.code, caught.value.detail


async def test_members_are_those_of_the_team_too_at_every_moment(kit):
    place = await do(kit, service)
    assert await do(kit, service) == place
    assert await do(kit, lambda tx: tx.members(place)) == {"bot": W, "cy": M, "ann": M, "bob": M}

    def swap(tx):
        tx.remove_member(staff(tx), "bob")
        tx.add_member(staff(tx), "dee")
        return tx.members(place)

    assert await do(kit, swap) == {"bot": W, "cy": M, "ann": M, "dee": M}
    assert await refused(kit, lambda tx: tx.remove_member(place, "dee")) == (RefusalCode.FORBIDDEN, "team")


async def test_who_is_added_stays_whatever_becomes_of_the_team(kit):
    place = await do(kit, service)
    await do(kit, lambda tx: tx.add_member(place, "bob", A))
    await do(kit, lambda tx: tx.add_member(place, "bob", M))  # was added already
    await do(kit, lambda tx: tx.remove_member(staff(tx), "bob"))
    assert (await do(kit, lambda tx: tx.members(place)))["bob"] is A
    await do(kit, lambda tx: tx.remove_member(place, "bob"))
    assert "bob" not in await do(kit, lambda tx: tx.members(place))


async def test_another_title_is_in_the_rows_that_are_read_from_then_on(kit):
    place = await do(kit, service)
    before = {
        who: (await kit.store.read(lambda reader, who=who: reader.sync(who, None, 9)))[1]
        for who in ("cy", "ann")
    }
    await do(kit, lambda tx: tx.set_title(place, "Cy"))
    for who, since in before.items():
        listed, _ = await kit.store.read(lambda reader, who=who: reader.conversations(who, None, 9))
        changed, _, _ = await kit.store.read(lambda reader, who=who, since=since: reader.sync(who, since, 9))
        assert ["Cy" in [one.title for one in rows] for rows in (listed, changed)] == [True, True], who
    assert await refused(kit, lambda tx: tx.set_title(place, "two\nlines")) == (RefusalCode.INVALID, "title")
    assert (await refused(kit, lambda tx: tx.set_title("group/none", "x")))[0] is RefusalCode.NOT_FOUND


async def test_a_conversation_from_before_gets_its_team_and_staff_keep_their_cursors(kit):
    """Whoever is no staff any more is for the plugin to remove."""
    place = await do(
        kit,
        lambda tx: tx.ensure_conversation("service/cy", Kind.GROUP, {"cy": M, "ann": A, "bob": A, "dee": A}),
    )
    await kit.store.write(lambda tx: tx.move_cursors(place, "ann", None, 1))

    def moves(tx):
        group = staff(tx)
        for user_id in tx.members(place).keys() - tx.members(group).keys() - {"cy"}:
            tx.remove_member(place, user_id)
        tx.set_team(place, group)
        tx.set_team(place, group)

    await do(kit, moves)
    assert await do(kit, lambda tx: tx.members(place)) == {"bot": W, "cy": M, "ann": M, "bob": M}
    await do(kit, lambda tx: tx.remove_member(staff(tx), "bob"))
    assert await do(kit, lambda tx: tx.members(place)) == {"bot": W, "cy": M, "ann": M}
    assert await kit.store.write(lambda tx: tx.move_cursors(place, "ann", 0, 0)) == Cursors(1, 1)
    assert await refused(kit, lambda tx: tx.set_team(place, place)) == (RefusalCode.CONFLICT, None)


async def test_a_plugin_names_only_groups_that_a_bot_of_it_runs(kit):
    place = await do(kit, lambda tx: tx.ensure_conversation("plain", Kind.GROUP, {"cy": M}))
    foreign = await kit.group("ann", "bob")
    member = await kit.group("ann", "bob", "bot")
    for team, code in ((foreign, RefusalCode.NOT_FOUND), (member, RefusalCode.FORBIDDEN)):
        assert (await refused(kit, lambda tx, team=team: tx.set_team(place, team)))[0] is code
        made = await refused(
            kit, lambda tx, team=team: tx.ensure_conversation("new", Kind.GROUP, {}, team=team)
        )
        assert made[0] is code
        # Nor does it decide about a group of others.
        named = await refused(kit, lambda tx, place=team: tx.set_team(place, staff(tx)))
        assert named[0] is code
    with pytest.raises(PluginError, match="no team"):
        await do(kit, lambda tx: tx.ensure_conversation("", Kind.DIRECT, {"cy": M}, team=staff(tx)))


async def test_the_kit_makes_groups_with_a_team(kit):
    team = await kit.group("ann", "bob")
    place = await kit.group("ann", "cy", team=team)
    assert await do(kit, lambda tx: tx.members(place)) == {"ann": W, "cy": M, "bob": M}


async def test_who_is_kept_stays_whatever_becomes_of_the_team_and_no_other_former_member_reads(kit):
    """cy and dee were staff once, and left the conversation; cy is to keep what was his."""
    place = await do(
        kit,
        lambda tx: tx.ensure_conversation("service/bob", Kind.GROUP, {"ann": A, "bob": M, "cy": M, "dee": A}),
    )

    def were_staff(tx):
        for user_id in ("cy", "dee"):
            tx.add_member(staff(tx), user_id)
            tx.remove_member(staff(tx), user_id)
            tx.remove_member(place, user_id)

    await do(kit, were_staff)
    await do(kit, lambda tx: tx.set_team(place, staff(tx), keep=["bob", "cy", "nobody"]))
    await do(kit, lambda tx: tx.remove_member(staff(tx), "bob"))
    await do(kit, lambda tx: tx.remove_member(staff(tx), "ann"))

    async def stands(user_id):
        return await kit.store.read(lambda reader: reader.seat(place, user_id).standing.relation)

    assert [await stands(user_id) for user_id in ("bob", "cy", "dee", "ann")] == [
        Relation.MEMBER,
        Relation.FORMER,
        Relation.FORMER_TEAM_MEMBER,
        Relation.FORMER_TEAM_MEMBER,
    ]


async def test_a_check_sees_rows_and_team_apart(kit):
    place = await do(kit, service)
    await do(kit, lambda tx: tx.add_member(place, "dee"))
    await do(kit, lambda tx: tx.remove_member(place, "dee"))
    rows, team = await kit.store.read(lambda reader: reader.added(place))
    look = await kit.store.read(lambda reader: PluginSnapshot("bench", reader).added(place))
    assert look == {"bot": W, "cy": M, "dee": None}
    assert [row.user_id for row in rows] == ["bot", "cy", "dee"]
    assert team == await do(kit, staff)
    assert await kit.store.read(lambda reader: PluginSnapshot("bench", reader).team(place)) == team
    assert await kit.store.read(lambda reader: reader.added("group/none")) == ([], None)
