"""Contract: posts, keys, positions and who may post."""

from __future__ import annotations

import pytest

from imserver.chat.transaction import Posted, Transaction
from imserver.chat.units import PostUnit
from imserver.errors import Refusal, RefusalCode
from imserver.events import MessagePosted
from imserver.model import Kind, Role, User, content_digest
from tests.store.homes import Home
from tests.store.support import DIRECT, Stand, Work, edit_message, key, outcome, post, refusal_of, said


async def test_positions_count_from_one_in_the_order_of_submission(stand: Stand) -> None:
    assert await stand.post(post(1), post(2, "bob"), post(3)) == [
        (1, 1001, False),
        (2, 1002, False),
        (3, 1003, False),
    ]
    page = await stand.store.read(lambda reader: reader.history(DIRECT, "bob", 0, None, 10, 10_000))
    assert [(item.position, item.sender_id, item.sent_at, item.key, item.content) for item in page.items] == [
        (1, "ann", 1001, key(1), said("1")),
        (2, "bob", 1002, key(2), said("2")),
        (3, "ann", 1003, key(3), said("3")),
    ]


async def test_the_same_key_gives_the_same_position_now_later_and_with_others_between(stand: Stand) -> None:
    assert await stand.post(post(1), post(1), post(2)) == [
        (1, 1001, False),
        (1, 1001, True),
        (2, 1002, False),
    ]
    assert await stand.post(post(3), post(1), post(4), post(2)) == [
        (3, 1003, False),
        (1, 1001, True),
        (4, 1004, False),
        (2, 1002, True),
    ]
    posted = [event for event in stand.recorder.events if isinstance(event, MessagePosted)]
    assert [event.message.position for event in posted] == [1, 2, 3, 4]


@pytest.mark.parametrize("known_at", range(7))
async def test_a_known_key_anywhere_in_a_run_leaves_the_others_in_order(stand: Stand, known_at: int) -> None:
    """Posts of one run may be stored in groups: the one that finds the key may come after others that are done."""
    await stand.post(post(100))
    units = [post(100) if number == known_at else post(number) for number in range(7)]
    outcomes = await stand.post(*units)
    assert outcomes[known_at] == (1, 1100, True)
    assert [position for position, _, duplicate in outcomes if not duplicate] == [2, 3, 4, 5, 6, 7]
    page = await stand.read(lambda reader: reader.history(DIRECT, "ann", 0, None, 99, 99_999))
    assert [item.position for item in page.items] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_duplicate_keeps_its_first_time(stand: Stand) -> None:
    await stand.post(post(1))
    again = post(1)
    again.sent_at = 99
    assert await stand.post(again) == [(1, 1001, True)]


async def test_a_duplicate_in_the_same_batch_keeps_the_first_time(stand: Stand) -> None:
    again = post(1)
    again.sent_at = 99
    assert await stand.post(post(1), again) == [(1, 1001, False), (1, 1001, True)]


async def test_a_key_with_another_content_is_refused_in_the_batch_and_later(stand: Stand) -> None:
    assert await stand.post(post(1, text="a"), post(1, text="b")) == [
        (1, 1001, False),
        RefusalCode.KEY_REUSED,
    ]
    assert await stand.post(post(1, text="b"), post(1, text="a"), post(2)) == [
        RefusalCode.KEY_REUSED,
        (1, 1001, True),
        (2, 1002, False),
    ]


async def test_a_refused_key_in_a_batch_does_not_shadow_the_right_one_behind_it(stand: Stand) -> None:
    """The first of the pair is new to its batch only as long as the store was not asked."""
    await stand.post(post(1, text="old"))
    outcomes = await stand.post(post(1, text="new"), post(1, text="old"), post(2))
    assert outcomes == [RefusalCode.KEY_REUSED, (1, 1001, True), (2, 1002, False)]


async def test_a_key_belongs_to_its_sender_and_conversation(stand: Stand) -> None:
    other = "direct/ann/cy"
    assert await stand.post(post(1), post(1, "bob"), post(1, "ann", other)) == [
        (1, 1001, False),
        (2, 1001, False),
        (1, 1001, False),
    ]


async def test_one_key_in_two_conversations_of_one_batch_is_two_messages(stand: Stand) -> None:
    """A client that forwards may use one key: each conversation has keys of its own."""
    other = "direct/ann/cy"
    await stand.post(post(1), post(2, "ann", other))
    assert await stand.post(post(3), post(3, "ann", other), post(3, "bob")) == [
        (2, 1003, False),
        (2, 1003, False),
        (3, 1003, False),
    ]


async def test_a_duplicate_carries_no_event_of_its_neighbour(stand: Stand) -> None:
    """A second push, plugin event or reminder would follow from it."""
    await stand.post(post(1))

    def again(number: int) -> Work:
        return Work(lambda tx: tx.post(DIRECT, "ann", key(number), said(str(number)), sent_at=1_000 + number))

    units = [again(2), again(1), again(3), again(2)]
    await stand.do(units)
    assert [len(unit.events()) for unit in units] == [1, 0, 1, 0]


async def test_a_final_refusal_holds_nobody_behind_it(stand: Stand) -> None:
    class Refused(PostUnit):
        """As a post that is refused before the queue."""

        def run(self, tx: Transaction) -> Posted:
            raise Refusal(RefusalCode.FORBIDDEN, "no")

    await stand.post(post(1))
    refused = Refused(DIRECT, "ann", key(2), said("2"), content_digest(said("2")), 1002)
    assert await stand.post(refused, post(3)) == [RefusalCode.FORBIDDEN, (2, 1003, False)]


async def test_many_posts_to_many_conversations_in_one_batch(stand: Stand) -> None:
    """However an engine cuts a run into statements: their number is no power of two, and changes follow the order."""
    names = ["direct/ann/bob", "direct/ann/cy", "direct/ann/dee"]
    units = [post(number, "ann", names[number % 3]) for number in range(777)]
    outcomes = await stand.post(*units)
    for index, name in enumerate(names):
        positions = [outcome[0] for outcome in outcomes[index::3]]
        assert positions == list(range(1, 260)), name
    changes = [event.change for event in stand.recorder.events]
    assert changes == sorted(changes)
    assert len(set(changes)) == 777


async def test_events_carry_change_message_and_audience(stand: Stand) -> None:
    await stand.post(post(1))
    [event] = stand.recorder.events
    assert isinstance(event, MessagePosted)
    assert event.message.conversation_id == DIRECT
    assert event.message.revision == 1
    assert dict(event.audience) == {"ann": Role.MEMBER, "bob": Role.MEMBER}


@pytest.mark.parametrize(
    ("conversation_id", "sender_id"),
    [
        ("direct/ann/bob", "cy"),  # not one of the pair
        ("direct/bob/ann", "ann"),  # not the canonical id
        ("direct/ann/nobody", "ann"),  # the other does not exist
        ("direct/ann/nobody", "nobody"),  # the sender does not exist
        ("direct/ann/ann", "ann"),
        ("direct/ann", "ann"),
        ("group/0123", "ann"),
        ("", "ann"),
        ("direct/ann/\ud800", "ann"),  # no UTF-8
        ("direct/ann/bob", "\ud800"),
        ("direct/ann/bob'; DROP TABLE messages; --", "ann"),
    ],
)
async def test_where_one_is_not_a_member_there_is_nothing(
    stand: Stand, conversation_id: str, sender_id: str
) -> None:
    """In a run with a good post on either side, which must not suffer."""
    outcomes = await stand.post(post(1), post(2, sender_id, conversation_id), post(3))
    assert outcomes == [(1, 1001, False), RefusalCode.NOT_FOUND, (2, 1003, False)]


async def test_a_key_that_is_no_key_is_invalid(stand: Stand) -> None:
    content = said("x")
    unit = PostUnit(DIRECT, "ann", b"short", content, content_digest(content), 5)
    assert await stand.post(post(1), unit) == [(1, 1001, False), RefusalCode.INVALID]


async def test_readers_of_a_channel_and_outsiders_do_not_post(stand: Stand) -> None:
    channel, _, _ = await stand.tx(
        lambda tx: tx.create_conversation(
            "ann", key(90), Kind.CHANNEL, "news", {"bob": Role.READER, "cy": Role.MEMBER}
        )
    )
    assert await stand.post(
        post(1, "ann", channel), post(2, "bob", channel), post(3, "cy", channel), post(4, "dee", channel)
    ) == [(2, 1001, False), RefusalCode.FORBIDDEN, (3, 1003, False), RefusalCode.NOT_FOUND]


async def test_the_original_answer_comes_before_any_refusal(stand: Stand) -> None:
    group, _, _ = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER})
    )
    await stand.post(post(1, "bob", group))
    await stand.tx(lambda tx: tx.remove_member(group, "ann", key(91), "bob"))
    assert await stand.post(post(1, "bob", group), post(2, "bob", group), post(1, "bob", group, "other")) == [
        (2, 1001, True),
        RefusalCode.NOT_FOUND,
        RefusalCode.KEY_REUSED,
    ]


async def test_a_removal_queued_before_a_post_wins(stand: Stand) -> None:
    group, _, _ = await stand.tx(
        lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER})
    )
    removing = Work(lambda tx: tx.remove_member(group, "ann", key(91), "bob"))
    early, late, bystander = post(1, "bob", group), post(2, "bob", group), post(3, "ann", group)
    await stand.do([early, removing, late, bystander])
    assert early.result[:1] == (2,)
    assert removing.result == (3, False)
    assert isinstance(late.error, Refusal)
    assert bystander.result[:1] == (4,)
    [event] = bystander.events()
    assert isinstance(event, MessagePosted)
    assert "bob" not in event.audience


async def test_a_unit_that_raises_leaves_no_trace(stand: Stand) -> None:
    def spoiled(tx: Transaction) -> None:
        tx.post(DIRECT, "ann", key(5), said("gone"), sent_at=1)
        tx.put_user(User("eve", "Eve"))
        tx.create_conversation("ann", key(6), Kind.GROUP, "gone", {"bob": Role.MEMBER})
        tx.move_cursors(DIRECT, "bob", 1, 1)
        raise ValueError("spoiled")

    before, bad, after = post(1), Work(spoiled), post(2)
    await stand.do([before, bad, after])
    assert isinstance(bad.error, ValueError)
    assert list(bad.events()) == []
    assert after.result == (2, 1002, False)
    assert await stand.post(post(5)) == [(3, 1005, False)]
    rows, _, _ = await stand.store.read(lambda reader: reader.sync("bob", None, 10))
    assert [row.conversation_id for row in rows] == [DIRECT]
    assert rows[0].cursors.read == 0
    changes = [event.change for event in stand.recorder.events]
    assert changes == sorted(set(changes))


@pytest.mark.parametrize("code", [RefusalCode.STORE_FULL, RefusalCode.OVERLOADED, RefusalCode.CONFLICT])
async def test_a_unit_that_fails_carries_no_events_and_no_result(stand: Stand, code: RefusalCode) -> None:
    """Whatever refused it, after whatever it had done: nobody may hear of what did not happen."""

    class Spoiled(PostUnit):
        __slots__ = ()

        def run(self, tx: Transaction) -> Posted:
            super().run(tx)
            tx.move_cursors(DIRECT, "bob", 1, 1)
            raise Refusal(code, "not now")

    plain = post(2)
    spoiled = Spoiled(DIRECT, "ann", plain.key, plain.content, plain.digest, plain.sent_at)
    behind, other = post(3), post(4, "bob")
    units = [post(1), spoiled, behind, other]
    await stand.do(units)
    assert outcome(spoiled) == code
    # A post that may be offered again holds back what its author said behind it.
    assert outcome(behind) == (RefusalCode.HELD if code.retryable else (2, 1003, False))
    for unit in units:
        assert bool(unit.events()) == (unit.error is None)
        assert (unit.result is None) == (unit.error is not None)
    told = [event.message.key for event in stand.recorder.events if isinstance(event, MessagePosted)]
    assert told == [unit.key for unit in units if unit.error is None]


async def test_when_plugin_tables_end_the_transaction_only_what_is_stored_is_told(
    engine_home: Home, engine_stand: Stand
) -> None:
    script = "CREATE TABLE shop_orders (code TEXT PRIMARY KEY); INSERT INTO shop_orders VALUES ('A')"
    await engine_stand.store.migrate_plugin("shop", [(1, script)])
    statement = engine_home.ending or "INSERT INTO shop_orders (code) VALUES ('A')"

    def ending(tx: Transaction) -> None:
        tx.post(DIRECT, "ann", key(9), said("gone"), sent_at=1)
        tx.plugin_sql("shop", statement)

    units = [post(1), Work(ending), post(2), post(3, "cy")]
    await engine_stand.do(units)
    assert [unit.error is None for unit in units] == [True, False, True, False]
    for unit in units:
        assert bool(unit.events()) == (unit.error is None)
        assert unit.result is None or unit.error is None
    told = [event.message.key for event in engine_stand.recorder.events if isinstance(event, MessagePosted)]
    assert told == [key(1), key(2)]


async def test_a_value_that_no_column_holds_spoils_its_own_post_and_takes_no_number(
    engine_stand: Stand,
) -> None:
    """In the middle of a run: its neighbours are stored as if it had not been there; its author waits behind it."""
    before = await engine_stand.read(lambda reader: reader.head_change())
    odd = post(2)
    odd.sent_at = 2**70
    units = [post(1), odd, post(3, "bob"), post(4), post(5, "bob")]
    outcomes = await engine_stand.post(*units)
    assert isinstance(outcomes[1], Exception)
    assert not isinstance(outcomes[1], Refusal)
    assert [*outcomes[:1], *outcomes[2:]] == [
        (1, 1001, False),
        (2, 1003, False),
        RefusalCode.HELD,
        (3, 1005, False),
    ]
    assert [event.change for event in engine_stand.recorder.events] == [before + 1, before + 2, before + 3]
    page = await engine_stand.read(lambda reader: reader.history(DIRECT, "ann", 0, None, 9, 9_999))
    assert [item.key for item in page.items] == [key(1), key(3), key(5)]


async def test_a_direct_conversation_of_a_unit_that_raises_can_be_made_again(stand: Stand) -> None:
    def spoiled(tx: Transaction) -> None:
        tx.post(DIRECT, "ann", key(1), said("1"), sent_at=1)
        raise ValueError

    bad = Work(spoiled)
    await stand.do([bad, post(1, text="other")])
    assert await stand.post(post(2)) == [(2, 1002, False)]


async def test_a_refusal_inside_a_unit_may_be_caught(stand: Stand) -> None:
    def work(tx: Transaction) -> Posted:
        with pytest.raises(Refusal):
            tx.post("group/none", "ann", key(1), said("x"), sent_at=1)
        return tx.post(DIRECT, "ann", key(1), said("x"), sent_at=1)

    assert await stand.tx(work) == (1, 1, False)


async def test_find_key_tells_what_was_committed(stand: Stand) -> None:
    await stand.post(post(1))
    digest = content_digest(said("1"))
    assert await stand.tx(lambda tx: tx.find_key(DIRECT, "ann", key(1))) == (1, 1001, True)
    assert await stand.tx(lambda tx: tx.find_key(DIRECT, "ann", key(1), digest)) == (1, 1001, True)
    assert await stand.tx(lambda tx: tx.find_key(DIRECT, "bob", key(1))) is None
    assert await stand.tx(lambda tx: tx.find_key("group/none", "bob", key(1))) is None
    assert (
        await refusal_of(stand.tx(lambda tx: tx.find_key(DIRECT, "ann", key(1), bytes(16))))
        == RefusalCode.KEY_REUSED
    )


async def test_a_subclass_with_a_run_of_its_own_runs_it(stand: Stand) -> None:
    class Looking(PostUnit):
        __slots__ = ()

        def run(self, tx: Transaction) -> Posted:
            found = tx.find_key(self.conversation_id, self.sender_id, self.key)
            if found is None:
                raise Refusal(RefusalCode.TOO_LARGE, "never")
            return found

    content = said("1")
    looking = Looking(DIRECT, "ann", key(1), content, content_digest(content), 1)
    assert await stand.post(post(1), looking) == [(1, 1001, False), (1, 1001, True)]
    unknown = Looking(DIRECT, "ann", key(2), content, content_digest(content), 1)
    assert await stand.post(unknown) == [RefusalCode.TOO_LARGE]


@pytest.mark.parametrize("expected", [None, 0, 1, 2, 3, 4, 5])
async def test_an_edit_of_another_revision_than_expected_is_a_conflict(
    stand: Stand, expected: int | None
) -> None:
    """An older one, a newer one: whoever edits says which text was on the screen."""
    await stand.post(post(1))
    for number in (2, 3):
        await stand.tx(lambda tx, n: edit_message(tx, DIRECT, "ann", key(n), 1, said(f"{n}")), number)
    edit = stand.tx(
        lambda tx: edit_message(tx, DIRECT, "ann", key(4), 1, said("4"), expected_revision=expected)
    )
    if expected in (None, 3):
        assert (await edit)[1] == 4
    else:
        assert await refusal_of(edit) is RefusalCode.CONFLICT
