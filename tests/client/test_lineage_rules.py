"""What the client asks of a database that came back, and what it takes from the answers."""

from __future__ import annotations

from imserver_client.core.lineage import (
    ACCOUNT,
    MAX_EDITED_RANGES,
    MAX_OWN,
    OWN_SLACK,
    Checked,
    Forgotten,
    Lineage,
)
from imserver_client.storage import LineageStep, Notice, SavedOwn, SavedTrail
from imserver_protocol.methods.check import CheckAnswer, Known
from imserver_protocol.shared.bounds import MAX_CHECKED
from tests.client.support.lineages import KEY, OTHER_KEY, again, opened, row

# -- asked


def test_a_new_device_has_nothing_to_ask() -> None:
    lineage = Lineage()
    lineage.begin("p1", since=None, followed=False)
    assert lineage.open
    assert lineage.question(lambda name: (0, 0)) is None


def test_nor_is_it_new_once_it_has_posted() -> None:
    """The post was answered, and the session lost before its sync: it follows nothing, and has no token."""
    lineage = Lineage()
    lineage.begin("p1", since=None, followed=False)
    lineage.posted("direct/a/b", 1, KEY)
    lineage.moved("direct/a/b")
    lineage.begin("p2", since=None, followed=False)
    assert not lineage.open
    assert lineage.question(lambda name: None) == [Known("direct/a/b", "p1", 1, 0)]


def test_who_has_a_token_waits_for_sync() -> None:
    lineage = Lineage()
    lineage.begin("p1", since="s1", followed=True)
    assert lineage.question(lambda name: (0, 0)) is None
    assert not lineage.open
    lineage.sync_asked()
    lineage.sync_answered(more=True)
    assert lineage.open


def test_what_moved_is_asked_with_the_place_of_its_session() -> None:
    lineage = opened("c")
    assert again(lineage, known=(9, 4)) == [Known("c", "p1", 9, 4)]
    assert lineage.answer([CheckAnswer(9, True, row())]) == [Checked(row(), 9, None, False)]
    assert lineage.question(lambda name: (9, 4)) is None
    assert again(lineage, "p3", (9, 4)) == [Known("c", "p2", 9, 4)], (
        "since then it has the place of that session"
    )


def test_a_finished_sync_covers_what_did_not_move_since_it_was_asked() -> None:
    lineage = opened("c", "d", "e")
    lineage.sync_asked()
    lineage.moved("d")
    lineage.sync_answered(more=True)
    lineage.sync_asked()
    lineage.moved("e")
    lineage.sync_answered(more=False)
    assert [known.conversation_id for known in again(lineage) or []] == ["e"]


def test_questions_come_in_portions_and_what_is_not_answered_is_asked_again() -> None:
    names = [f"c{number}" for number in range(MAX_CHECKED + 1)]
    lineage = opened(*names)
    assert len(again(lineage) or []) == MAX_CHECKED
    lineage.answer([CheckAnswer(9, True, row(name)) for name in names[:98]])
    rest = lineage.question(lambda name: (9, 0))
    assert [known.conversation_id for known in rest or []] == names[98:]


def test_a_lost_session_asks_all_of_it_again() -> None:
    lineage = opened("c", "d")
    again(lineage)
    lineage.answer([CheckAnswer(9, True, row("c"))])
    assert [known.place for known in again(lineage, "p3") or []] == ["p2", "p1"]


def test_the_account_alone_is_asked_with_an_empty_list() -> None:
    lineage = opened(ACCOUNT)
    assert again(lineage) == []
    assert lineage.answer([]) == []
    assert lineage.question(lambda name: (0, 0)) is None


def test_what_check_says_of_the_account_is_learnt_in_this_session() -> None:
    """Else it would be kept when the next copy is one in which the old token is good again."""
    lineage = opened("c")
    again(lineage)
    lineage.answer([CheckAnswer(9, True, row())])
    assert lineage.unsaved().trails[ACCOUNT] == SavedTrail("p2")


def test_a_refused_token_is_the_place_of_all_that_it_vouched_for() -> None:
    lineage = opened("dirty")
    again(lineage)
    lineage.answer([CheckAnswer(9, True, row("dirty"))])
    lineage.sync_asked()
    lineage.let_go("s1", ["dirty", "clean"])
    assert not lineage.open
    assert lineage.question(lambda name: (9, 0)) == [Known("clean", "s1", 9, 0)]
    assert {name: trail and trail.place for name, trail in lineage.unsaved().trails.items()} == {
        "dirty": "p2", "clean": "s1", ACCOUNT: "p2",
    }  # fmt: skip


def test_replaced() -> None:
    """Own messages above `agreed` are looked for, and edited ones below it are read again."""
    lineage = opened("c")
    lineage.message("c", 3, 2, None)
    lineage.message("c", 5, 1, KEY)
    lineage.message("c", 8, 2, None)
    lineage.posted("c", 9, OTHER_KEY)
    assert again(lineage) == [Known("c", "p1", 9, 0)]
    assert lineage.answer([CheckAnswer(4, False, row(head=7))]) == [Checked(row(head=7), 7, 4, True)]
    assert lineage.notices() == [Notice("c", replaced=True, agreed=4)]
    assert lineage.unsaved() == LineageStep(
        {"c": SavedTrail("p2", ((3, 3),), ((3, 3),)), ACCOUNT: SavedTrail("p2")},
        {KEY: SavedOwn("c", 5, True), OTHER_KEY: SavedOwn("c", 9, True)},
        {"c": Notice("c", replaced=True, agreed=4)},
    )
    assert lineage.looked_for() == ["c"]
    lineage.message("c", 6, 1, KEY)
    lineage.reached("c")
    assert lineage.notices() == [Notice("c", replaced=True, agreed=4, gone=(OTHER_KEY,))]
    assert lineage.looked_for() == []


def test_nothing_that_is_kept_is_known_to_be_the_same() -> None:
    lineage = opened("c")
    again(lineage)
    assert lineage.answer([CheckAnswer(None, True, row())]) == [Checked(row(), 9, 0, False)]
    assert lineage.notices() == [Notice("c", replaced=True, agreed=None)]


def test_the_search_for_own_messages_survives_a_kill_and_another_reset() -> None:
    lineage = opened("c")
    lineage.message("c", 5, 1, KEY)
    again(lineage)
    lineage.answer([CheckAnswer(4, True, row())])
    step = lineage.unsaved()
    later = Lineage()
    later.restore(
        {name: trail for name, trail in step.trails.items() if trail},
        {key: own for key, own in step.own.items() if own},
        {name: notice for name, notice in step.notices.items() if notice},
    )
    assert again(later, "p3", (4, 0)) == [Known("c", "p2", 4, 0)]
    later.answer([CheckAnswer(2, True, row(head=2))])
    later.reached("c")
    assert later.notices() == [Notice("c", replaced=True, agreed=2, gone=(KEY,))]


def test_a_notice_stays_until_it_was_told_as_it_is() -> None:
    lineage = opened("c")
    lineage.message("c", 5, 1, KEY)
    again(lineage)
    lineage.answer([CheckAnswer(4, True, row())])
    first = lineage.notices()[0]
    lineage.reached("c")
    lineage.told(first)
    assert lineage.notices() == [Notice("c", replaced=True, agreed=4, gone=(KEY,))]
    lineage.told(lineage.notices()[0])
    assert lineage.notices() == []
    assert lineage.unsaved().notices == {"c": None}


def test_what_was_lost_twice_is_told_whole() -> None:
    lineage = opened("c")
    lineage.message("c", 3, 1, OTHER_KEY)
    lineage.message("c", 5, 1, KEY)
    again(lineage)
    lineage.answer([CheckAnswer(4, True, row())])
    lineage.reached("c")
    again(lineage, "p3")
    lineage.answer([CheckAnswer(2, True, row())])
    lineage.reached("c")
    assert lineage.notices() == [Notice("c", replaced=True, agreed=2, gone=(KEY, OTHER_KEY))]


def test_what_is_gone_behind_a_notice_that_was_told_says_nothing_of_positions() -> None:
    lineage = opened("c")
    lineage.message("c", 5, 1, KEY)
    again(lineage)
    lineage.answer([CheckAnswer(4, True, row())])
    lineage.told(lineage.notices()[0])
    lineage.reached("c")
    assert lineage.notices() == [Notice("c", gone=(KEY,))]


def test_what_is_not_found_is_forgotten_and_told() -> None:
    lineage = opened("c")
    lineage.message("c", 5, 1, KEY)
    again(lineage)
    assert lineage.answer([None]) == [Forgotten("c")]
    assert lineage.notices() == [Notice("c", forgotten=True, gone=(KEY,))]


def test_what_is_not_found_is_asked_again_until_a_sync_covers_it() -> None:
    """The next copy may have it, and be one of which an old token tells nothing."""
    lineage = opened("c")
    again(lineage)
    lineage.answer([None])
    lineage.told(lineage.notices()[0])
    lineage.begin("p3", since="s1", followed=True)
    assert lineage.question(lambda name: None) == [Known("c", "p2", 0, 0)]
    assert lineage.answer([None]) == [Forgotten("c")]
    assert lineage.notices() == [], "it is told once"
    lineage.sync_asked()
    lineage.sync_answered(more=False)
    assert again(lineage, "p4") is None


# -- posts


def test_only_the_answer_that_a_post_had_is_taken_back() -> None:
    """It may have been offered again meanwhile, and be at another position."""
    lineage = opened("c")
    lineage.posted("c", 5, KEY)
    assert not lineage.take_back(KEY, 4)
    assert not lineage.take_back(OTHER_KEY, 5)
    assert lineage.take_back(KEY, 5)
    assert not lineage.take_back(KEY, 5)
    assert lineage.unsaved().own == {KEY: None}


def test_a_post_to_a_conversation_that_no_row_told_of_is_asked() -> None:
    lineage = opened()
    lineage.posted("direct/a/b", 1, KEY)
    lineage.moved("direct/a/b")
    lineage.begin("p2", since="s1", followed=True)
    assert lineage.question(lambda name: None) == [Known("direct/a/b", "p1", 1, 0)]
    lineage.answer([None])
    assert lineage.notices() == [Notice("direct/a/b", forgotten=True, gone=(KEY,))]


# -- bounds


def test_own_messages_are_bounded_and_the_newest_are_kept() -> None:
    lineage = opened("c")
    for number in range(MAX_OWN + OWN_SLACK + 1):
        lineage.message("c", number + 1, 1, b"%016d" % number)
        if number == MAX_OWN + OWN_SLACK - 1:
            assert None not in lineage.unsaved().own.values()
            lineage.saved()
    step = lineage.unsaved()
    assert [key for key, own in step.own.items() if own is None] == [b"%016d" % n for n in range(OWN_SLACK)]
    assert step.own[b"%016d" % (MAX_OWN + OWN_SLACK)] == SavedOwn("c", MAX_OWN + OWN_SLACK + 1)


def test_the_store_knows_of_a_post_by_its_answer() -> None:
    lineage = opened("c")
    lineage.saved()
    lineage.posted("c", 5, KEY)
    lineage.message("c", 5, 1, KEY)
    lineage.message("c", 6, 1, None)
    assert lineage.step() is None
    again(lineage)
    lineage.answer([CheckAnswer(4, True, row())])
    assert lineage.unsaved().own == {KEY: SavedOwn("c", 5, lost=True)}
    lineage.saved()
    lineage.posted("c", 6, KEY)
    assert lineage.looked_for() == []
    assert lineage.unsaved().own == {KEY: SavedOwn("c", 6)}, "else it would be looked for after a kill"


def test_ranges_of_edits_are_bounded_and_none_is_lost() -> None:
    positions = range(1, 6 * MAX_EDITED_RANGES, 3)
    lineage = opened("c")
    for position in positions:
        lineage.edited("c", position)
    trail = lineage.unsaved().trails["c"]
    assert trail is not None
    assert len(trail.edited) == MAX_EDITED_RANGES
    assert all(any(low <= at <= high for low, high in trail.edited) for at in positions)
