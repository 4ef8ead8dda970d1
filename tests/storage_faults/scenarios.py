"""What the store does while its disk fails: each scenario prepares a database and then takes steps that can be taken again."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from imserver.errors import UniqueViolation
from imserver.model import Kind, Role, User, direct_conversation_id, group_conversation_id
from imserver.store.sqlite import database
from imserver.store.sqlite import store as sqlite_store
from tests.storage_faults.faults import Kind as Call
from tests.storage_faults.life import DATABASE, START_MS, Deed, Ended, Life, Step, do, key, post, said, work
from tests.store.old_databases import SCHEMA_1
from tests.store.support import edit_message

USERS = ("ann", "bob", "cy", "dee", "bot")
DIRECT = direct_conversation_id("ann", "bob")
GROUP = group_conversation_id("ann", key(1_000))

Prepare = Callable[[Life], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """`prepare` runs on a good disk, and its database is closed in good order unless `killed`; or the database is `given`, as
    an older version left it. `steps` meet the faults."""

    name: str
    steps: Sequence[Step]
    prepare: Prepare | None = None
    killed: bool = False
    given: Callable[[Path], None] | None = None
    #: Faults may strike from the opening on, and not only while the steps are taken; also while the store is closed.
    while_opening: bool = False
    while_closing: bool = False
    #: In force while the steps are taken.
    setting: Callable[[], AbstractContextManager[Any]] = nullcontext
    #: Changes the files before the steps (an old copy is put back).
    tamper: Callable[[Path], None] | None = None
    #: What is not compared with the run without faults.
    unlike: frozenset[str] = frozenset()
    calls: frozenset[Call] = frozenset(Call) - {Call.READ}
    make_life: Callable[..., Life] = Life
    #: Of a sample: less where a point takes longer.
    share: float = 1.0


def accounts(*names: str) -> Deed:
    def put(tx: Any) -> None:
        for name in names:
            tx.put_user(User(name, name.title()))

    return work("accounts", put)


async def people(life: Life) -> None:
    await life.do(accounts(*USERS))
    await life.do(post(1, "ann", DIRECT))


async def busy(life: Life) -> None:
    """A group and some talk."""
    await people(life)
    await life.do(create_group())
    await life.do(*[post(n, USERS[n % 2], DIRECT) for n in range(2, 15)])
    await life.do(*[post(n, USERS[n % 3], GROUP) for n in range(20, 36)])


def create_group() -> Deed:
    members = {"bob": Role.MEMBER, "cy": Role.ADMIN}
    return work(
        "create", lambda tx: tx.create_conversation("ann", key(1_000), Kind.GROUP, "Friends", members)
    )


def add(number: int, actor: str, user: str, role: Role = Role.MEMBER) -> Deed:
    return work(f"add {number}", lambda tx: tx.add_member(GROUP, actor, key(number), user, role))


def remove(number: int, actor: str, user: str) -> Deed:
    return work(f"remove {number}", lambda tx: tx.remove_member(GROUP, actor, key(number), user))


def edit(number: int, editor: str, position: int, text: str) -> Deed:
    return work(
        f"edit {number}", lambda tx: edit_message(tx, DIRECT, editor, key(number), position, said(text))
    )


def cursor(name: str, conversation: str, user: str, delivered: int | None, read: int | None) -> Deed:
    """Its answer depends on what was moved before, also when it is asked again: only that it worked is noted."""

    def move(tx: Any) -> None:
        tx.move_cursors(conversation, user, delivered, read)

    return work(f"cursor {name}", move)


def account(name: str, user: User) -> Deed:
    return work(f"account {name}", lambda tx: tx.put_user(user))


def token(name: str, user: str, device: str) -> Deed:
    return work(f"token {name}", lambda tx: tx.bind_token(name, user, device))


def see(conversation: str, user: str) -> Step:
    return lambda life: life.see(conversation, user)


async def look_around(life: Life) -> None:
    """Reads of every kind, beside writes."""
    await life.see(DIRECT, "ann")
    await life.see(GROUP, "bob")
    await life.read(lambda reader: reader.sync("bob", None, 100))
    await life.read(lambda reader: reader.conversations("ann", None, 100))
    await life.read(lambda reader: reader.members(GROUP))


# -- many senders in one commit ---------------------------------------------------------------------------------------


def crowd() -> list[Step]:
    """Batches of posts by many senders in two conversations, with keys that come again in the same batch and in later ones."""
    rng = random.Random(3)
    steps: list[Step] = []
    for batch in range(4):
        deeds = [
            post(n, rng.choice(("ann", "bob")), DIRECT)
            if n % 3
            else post(n, rng.choice(("ann", "bob", "cy")), GROUP)
            for n in range(100 + 12 * batch, 112 + 12 * batch)
        ]
        steps.append(do(*deeds, deeds[0], deeds[5]))
        steps.append(do(deeds[3]))
    return steps


# -- a plugin: rows, a message, a timer and the mark, or nothing ------------------------------------------------------

SHOP = [
    (1, "CREATE TABLE shop_sold (n INTEGER PRIMARY KEY, position INTEGER NOT NULL, timer INTEGER NOT NULL)")
]
SHOP_2 = (
    2,
    (
        "ALTER TABLE shop_sold ADD COLUMN price INTEGER NOT NULL DEFAULT 3;"
        "CREATE TABLE shop_prices (n INTEGER PRIMARY KEY, text TEXT NOT NULL);"
        "INSERT INTO shop_prices WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 300)"
        " SELECT n, printf('%040d', n) FROM c;"
        "CREATE INDEX shop_prices_text ON shop_prices (text)"
    ),
)


async def shop(life: Life) -> None:
    await people(life)
    await life.store.migrate_plugin("shop", SHOP)


def sell(number: int) -> Deed:
    def sale(tx: Any) -> None:
        tx.mark_handled("shop", number)
        posted = tx.post(DIRECT, "bob", key(2_000 + number), said(f"sold {number}"), sent_at=START_MS)
        timer = tx.schedule("shop", START_MS + number, "remind", {"n": number})
        tx.plugin_sql(
            "shop", "INSERT INTO shop_sold (n, position, timer) VALUES (?, ?, ?)", (number, posted[0], timer)
        )

    return work(f"sell {number}", sale)


def fire(number: int) -> Deed:
    """The timer of a sale: it is done, and says so."""

    def fired(tx: Any) -> None:
        [(timer,)] = tx.plugin_sql("shop", "SELECT timer FROM shop_sold WHERE n = ?", (number,))
        tx.mark_timer_done(timer)
        tx.post(DIRECT, "bob", key(3_000 + number), said(f"come for {number}"), sent_at=START_MS)

    return work(f"fire {number}", fired)


def broken_sale(number: int) -> Deed:
    """Ends the whole transaction by its own doing (ON CONFLICT ROLLBACK), is undone alone, and is told so."""

    def sale(tx: Any) -> None:
        tx.plugin_sql("shop", "INSERT OR ROLLBACK INTO shop_sold VALUES (?, 1, 1)", (number,))

    deed = work(f"broken {number}", sale)
    return Deed(deed.name, deed.make, fails=UniqueViolation)


async def migrate_shop(life: Life) -> None:
    """As a plugin host does at start."""
    await life.writing(life.store.migrate_plugin("shop", [*SHOP, SHOP_2]))


# -- migrations, checkpoints, starts ----------------------------------------------------------------------------------

NEXT = """
BEGIN;
ALTER TABLE users ADD COLUMN born INTEGER NOT NULL DEFAULT 0;
CREATE TABLE words (word TEXT NOT NULL, change INTEGER NOT NULL, PRIMARY KEY (word, change)) STRICT, WITHOUT ROWID;
INSERT INTO words SELECT hex(key), change FROM messages;
CREATE INDEX messages_by_sender ON messages (sender_no, change);
UPDATE conversations SET title = title || '!';
PRAGMA user_version = {number};
COMMIT;
"""


def with_next_migration() -> AbstractContextManager[Any]:
    """One more than there are."""
    made = database.migrations()
    number = made[-1][0] + 1
    return mock.patch.object(
        database, "migrations", return_value=[*made, (number, NEXT.format(number=number))]
    )


def of_schema_1(folder: Path) -> None:
    SCHEMA_1.put(folder / DATABASE)


def with_eager_checkpoints() -> AbstractContextManager[Any]:
    """The idle writer checkpoints after every batch."""
    return mock.patch.object(sqlite_store, "CHECKPOINT_PAGES", 1)


def with_checkpoints_in_commit() -> AbstractContextManager[Any]:
    """COMMIT checkpoints by itself."""
    return mock.patch.object(database, "MAX_WAL_PAGES", 6)


async def close(life: Life) -> None:
    await life.close()
    raise Ended("closed")


def claim_more(folder: Path) -> None:
    """The side file has seen more than the database holds: an old copy was put back."""
    side = folder / f"{DATABASE}.high"
    epoch, change = side.read_text().split()
    side.write_text(f"{epoch} {int(change) + 100}\n")


def some_posts(start: int, count: int, step: int = 1, size: int = 0) -> list[Step]:
    """Single posts, or `step` of them at once."""
    numbers = range(start, start + count)
    return [
        do(*[post(n, "ann", DIRECT, f"{n} " + "x" * size if size else "") for n in numbers[i : i + step]])
        for i in range(0, count, step)
    ]


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("posts, one by one", some_posts(40, 6), people),
    Scenario("batches of many senders", crowd(), busy),
    Scenario("long contents", some_posts(40, 4, 2, size=9_000), people),
    Scenario(
        "groups: create, add, remove, leave",
        [
            do(create_group()),
            do(post(40, "bob", GROUP), add(41, "ann", "dee"), post(42, "dee", GROUP)),
            do(remove(43, "cy", "bob")),
            do(remove(44, "ann", "ann"), add(45, "cy", "bob")),
            do(post(46, "bob", GROUP), post(47, "cy", GROUP)),
        ],
        people,
    ),
    Scenario(
        "edits",
        [
            do(edit(50, "ann", 1, "better")),
            do(edit(51, "ann", 1, "still better"), post(52, "bob", DIRECT), edit(53, "bob", 4, "changed")),
            do(edit(54, "ann", 1, "best")),
        ],
        people,
    ),
    Scenario(
        "cursors",
        [
            do(cursor("1", DIRECT, "bob", 3, None), cursor("2", GROUP, "cy", 4, 2)),
            do(
                cursor("3", DIRECT, "bob", None, 5), post(60, "ann", DIRECT), cursor("4", DIRECT, "ann", 9, 9)
            ),
            do(cursor("5", GROUP, "bob", 12, 12)),
        ],
        busy,
    ),
    Scenario(
        "reads beside writes",
        [
            look_around,
            do(post(70, "ann", DIRECT), post(71, "bob", GROUP)),
            look_around,
            do(edit(72, "bob", 3, "read again"), post(73, "cy", GROUP)),
            look_around,
        ],
        busy,
        calls=frozenset(Call),
    ),
    Scenario(
        "accounts and tokens",
        [
            do(account("new", User("eve", "Eve", "zh")), token("t1", "ann", "phone")),
            do(account("renamed", User("eve", "Eva", "en", ("staff",)))),
            do(token("t2", "eve", "desk"), post(80, "eve", direct_conversation_id("ann", "eve"))),
        ],
        people,
    ),
    Scenario("a plugin sells", [do(sell(n), post(90 + n, "ann", DIRECT)) for n in (1, 2, 3)], shop),
    Scenario(
        "a unit ends its transaction",
        [
            do(sell(1)),
            do(post(91, "ann", DIRECT), broken_sale(1), post(92, "bob", DIRECT)),
            do(broken_sale(1), sell(2)),
        ],
        shop,
    ),
    Scenario("timers fire", [do(sell(1), sell(2)), do(fire(1)), do(fire(2), post(95, "ann", DIRECT))], shop),
    Scenario(
        "a plugin's second migration",
        [migrate_shop, do(sell(1)), *some_posts(40, 1)],
        shop,
        while_opening=True,
    ),
    Scenario(
        "the next migration",
        some_posts(40, 2),
        busy,
        while_opening=True,
        setting=with_next_migration,
    ),
    Scenario(
        "a database of schema 1",
        [*some_posts(40, 1), do(edit(50, "ann", 1, "better")), see(SCHEMA_1.group, "cy")],
        given=of_schema_1,
        while_opening=True,
    ),
    Scenario("checkpoints while idle", some_posts(40, 5), busy, setting=with_eager_checkpoints),
    Scenario("checkpoints in COMMIT", some_posts(40, 6), busy, setting=with_checkpoints_in_commit),
    Scenario("closing", [*some_posts(40, 3), close], busy, while_closing=True),
    Scenario(
        "first start",
        [do(accounts(*USERS)), *some_posts(40, 2)],
        while_opening=True,
        calls=frozenset(Call),
    ),
    Scenario(
        "start after a kill",
        some_posts(40, 2),
        busy,
        killed=True,
        while_opening=True,
        calls=frozenset(Call),
    ),
    Scenario(
        "start with an old copy",
        some_posts(40, 2),
        busy,
        while_opening=True,
        tamper=claim_more,
    ),
)
