"""Pages of long lists cost what they hold; what is kept for them is bounded, and used only where it is complete."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from imserver.model import Kind, Role, direct_conversation_id, group_conversation_id
from imserver.store.sqlite import conversation_lists
from imserver.store.sqlite.listings import LruCache
from imserver.store.sqlite.reader import SqliteReader
from tests.store.costs import Cost, opened
from tests.store.support import Stand, key, post

PAGE = 5


def others(count: int) -> list[str]:
    return [f"user{number:03}" for number in range(count)]


async def talk(stand: Stand, count: int, first_key: int = 1) -> None:
    """Ann says something to each of `count` people."""
    await stand.post(
        *(
            post(first_key + number, "ann", direct_conversation_id("ann", name))
            for number, name in enumerate(others(count))
        )
    )


async def test_a_page_of_conversations_costs_what_it_holds(sqlite_stand: Stand, tmp_path: Path) -> None:
    """The second page, of 40 and of 400 conversations, and again when something was said meanwhile."""
    await sqlite_stand.users(*others(400))
    costs: list[list[int]] = []
    for count in (40, 400):
        await talk(sqlite_stand, count, first_key=1000 * count)
        with closing(opened(tmp_path / "chat.db")) as connection:
            cost = Cost(connection)
            _, since, _ = cost.reader.sync("ann", None, PAGE)
            _, before = cost.reader.conversations("ann", None, PAGE)
            await sqlite_stand.post(post(1000 * count + 999, "ann", direct_conversation_id("ann", "user001")))
            costs.append(
                [
                    cost.of(partial(SqliteReader.sync, user_id="ann", since=since, limit=PAGE)),
                    cost.of(partial(SqliteReader.conversations, user_id="ann", before=before, limit=PAGE)),
                ]
            )
    (few, few_listed), (many, many_listed) = costs
    assert many < 1.3 * few
    assert many_listed < 1.3 * few_listed


async def test_a_page_of_members_costs_what_it_holds(sqlite_stand: Stand, tmp_path: Path) -> None:
    await sqlite_stand.users(*others(400))
    costs = []
    for count in (40, 400):
        members = dict.fromkeys(others(count), Role.MEMBER)
        group, _, _ = await sqlite_stand.tx(
            lambda tx, number, members: tx.create_conversation("ann", key(number), Kind.GROUP, "g", members),
            count,
            members,
        )
        with closing(opened(tmp_path / "chat.db")) as connection:
            cost = Cost(connection)
            costs.append(
                cost.of(
                    partial(SqliteReader.members_page, conversation_id=group, after="user010", limit=PAGE)
                )
            )
            assert [member.user_id for member in cost.answer] == others(16)[11:]
    assert costs[1] < 1.3 * costs[0]


async def test_members_who_come_and_go_are_seen_on_the_next_page(stand: Stand) -> None:
    group = group_conversation_id("ann", key(1))
    members = {"bob": Role.MEMBER, "cy": Role.MEMBER}
    await stand.tx(lambda tx: tx.create_conversation("ann", key(1), Kind.GROUP, "g", members))

    async def page(after: str | None) -> list[tuple[str, Role]]:
        found = await stand.read(lambda reader: reader.members_page(group, after, 2))
        return [(member.user_id, member.role) for member in found]

    assert await page(None) == [("ann", Role.OWNER), ("bob", Role.MEMBER)]
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(2), "dee", Role.MEMBER))
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(3), "cy"))
    assert await page("bob") == [("dee", Role.MEMBER)]
    await stand.tx(lambda tx: tx.add_member(group, "ann", key(4), "dee", Role.ADMIN))
    assert await page("bob") == [("dee", Role.ADMIN)]
    assert await page("dee") == []
    assert await stand.read(lambda reader: reader.members_page("group/none", None, 2)) == []


@pytest.mark.parametrize("most", [3, 7])
async def test_a_list_too_long_to_keep_is_read_in_parts(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(conversation_lists, "MAX_LISTED", most)
    monkeypatch.setattr(conversation_lists, "LIST_SIZE", 0)
    await stand.users(*others(20))
    await talk(stand, 20)
    changed: list[str] = []
    since, more = None, True
    while more:
        rows, since, more = await stand.read(lambda reader, since=since: reader.sync("ann", since, PAGE))
        changed.extend(row.conversation_id for row in rows)
    expected = [direct_conversation_id("ann", name) for name in others(20)]
    assert changed == expected
    listed: list[str] = []
    before, asked = None, 0
    while asked == 0 or before is not None:
        rows, before = await stand.read(
            lambda reader, before=before: reader.conversations("ann", before, PAGE)
        )
        listed.extend(row.conversation_id for row in rows)
        asked += 1
    assert listed == expected[::-1]


async def test_what_is_kept_for_one_device_hides_nothing_from_another(stand: Stand) -> None:
    """One goes on from where it was, the other begins; the list of the first lacks what has not changed since."""
    await stand.users(*others(12))
    await talk(stand, 4)
    _, since, _ = await stand.read(lambda reader: reader.sync("ann", None, 100))
    await stand.post(
        *(
            post(50 + number, "ann", direct_conversation_id("ann", name))
            for number, name in enumerate(others(12)[4:])
        )
    )
    for limit in (2, 100):
        rows, _, _ = await stand.read(lambda reader, limit: reader.sync("ann", since, limit), limit)
        assert len(rows) == min(limit, 8)
        rows, _, _ = await stand.read(lambda reader, limit: reader.sync("ann", None, limit), limit)
        assert [row.conversation_id for row in rows] == [
            direct_conversation_id("ann", name) for name in others(12)[:limit]
        ]


async def test_a_list_in_which_everything_has_moved_is_made_anew(sqlite_stand: Stand, tmp_path: Path) -> None:
    """And not looked through to its end: each of its conversations would be asked for in vain."""
    await sqlite_stand.users(*others(200))
    await talk(sqlite_stand, 200)
    with closing(opened(tmp_path / "chat.db")) as connection:
        cost = Cost(connection)
        _, since, _ = cost.reader.sync("ann", None, PAGE)
        usual = cost.of(lambda reader: reader.sync("ann", since, PAGE))
        await talk(sqlite_stand, 200, first_key=1000)
        rows, _, more = cost.reader.sync("ann", since, PAGE)
        assert [row.conversation_id for row in rows] == [
            direct_conversation_id("ann", name) for name in others(PAGE)
        ]
        assert more
        assert cost.of(lambda reader: reader.sync("ann", since, PAGE)) < 1.3 * usual, "the new list is kept"


def test_what_was_used_last_is_kept() -> None:
    kept: LruCache[str] = LruCache(10, 0)
    kept.put("a", "A", 4)
    kept.put("b", "B", 4)
    assert kept.get("a") == "A"
    kept.put("c", "C", 4)
    assert [kept.get(name) for name in "abc"] == ["A", None, "C"]
    kept.put("a", "A2", 6)
    assert [kept.get(name) for name in "ac"] == ["A2", "C"]
    kept.put("d", "D", 11)
    assert [kept.get(name) for name in "acd"] == [None, None, None]
    kept.drop("d")
    kept.put("e", "E", 10)
    assert kept.get("e") == "E"


def test_an_entry_counts_by_itself_so_many_short_lists_are_bounded_too() -> None:
    kept: LruCache[str] = LruCache(100, 40)
    for number in range(10):
        kept.put(number, "x", 1)
    assert [kept.get(number) for number in range(10)] == [None] * 8 + ["x"] * 2
