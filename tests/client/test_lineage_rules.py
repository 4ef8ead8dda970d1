"""The client's rules for older copies, one by one; `tests/lineage` judges what they come to together."""

from __future__ import annotations

from typing import Any

import pytest

from imserver_client.core.lineage import (
    ACCOUNT,
    MAX_EDITED_RANGES,
    MAX_OWN,
    OWN_SLACK,
    Checked,
    Forgotten,
    Lineage,
)
from imserver_client.core.state import UNSAID, ConversationState, Counted
from imserver_client.storage import LineageStep, Notice, SavedOwn, SavedTrail
from imserver_protocol.methods.check import CheckAnswer, Known
from imserver_protocol.methods.sync import SyncRow
from imserver_protocol.shared.bounds import MAX_CHECKED

KEY, OTHER_KEY = b"k" * 16, b"o" * 16


def row(name: str = "c", head: int = 9, *, left: int | None = None, team: str | None = None) -> SyncRow:
    return SyncRow(name, "group", "", head, 1, left, "member", 0, 0, {}, (), {}, 0, team, 0)


def opened(*dirty: str, place: str = "p1") -> Lineage:
    """In a session whose sync was answered, and in which these moved."""
    lineage = Lineage()
    lineage.begin(place, since="s1", followed=True)
    lineage.sync_asked()
    lineage.sync_answered(more=False)
    for name in dirty:
        lineage.moved(name)
    return lineage


def again(lineage: Lineage, place: str = "p2", known: tuple[int, int] = (9, 0)) -> list[Known] | None:
    """A fresh session, and its first question."""
    lineage.begin(place, since="s1", followed=True)
    return lineage.question(lambda name: known)


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


def test_to_lose_a_conversation_of_a_team_is_ordinary_if_the_token_is_good() -> None:
    lineage = opened("c")
    lineage.row("c", former=False, team="staff")
    again(lineage)
    lineage.answer([None])
    assert lineage.notices() == []
    assert lineage.unsaved().notices == {"c": Notice("c", forgotten=True, pending=True)}
    lineage.sync_asked()
    lineage.sync_answered(more=False)
    assert lineage.unsaved().notices == {"c": None}


def test_and_is_told_if_the_token_is_refused() -> None:
    lineage = opened("c")
    lineage.row("c", former=False, team="staff")
    again(lineage)
    lineage.answer([None])
    lineage.let_go("s1", [])
    assert lineage.notices() == [Notice("c", forgotten=True)]


def test_and_is_told_if_there_is_more_to_tell_of_it() -> None:
    lineage = opened("c")
    lineage.row("c", former=False, team="staff")
    again(lineage)
    lineage.answer([CheckAnswer(4, True, row(team="staff"))])
    again(lineage, "p3", (4, 0))
    lineage.answer([None])
    assert lineage.notices() == [Notice("c", replaced=True, agreed=4, forgotten=True)]


def by_team(*names: str) -> Lineage:
    """A device that is in these by the team "staff", of which it has learnt that it was left; `since` vouches for them."""
    lineage = opened(*names)
    lineage.sync_asked()
    for name in names:
        lineage.row(name, former=False, team="staff")
    lineage.sync_answered(more=False)
    lineage.sync_asked()
    lineage.teams_left({"others", "staff"})
    return lineage


def everything(name: str) -> bool:
    """All conversations are followed."""
    return True


def test_who_leaves_a_team_loses_its_conversations_at_the_end_of_the_listing() -> None:
    lineage = opened("c", "d")
    lineage.row("c", former=False, team="staff")
    lineage.teams_left({"others"})
    assert lineage.ended(everything) == ([], [])
    lineage.teams_left({"staff"})
    lineage.sync_asked()
    assert lineage.ended(everything) == (["c"], [])
    lineage.forget("c")
    assert lineage.ended(everything) == ([], [])
    assert [known.conversation_id for known in again(lineage) or []] == ["d"]


@pytest.mark.parametrize("team", [None, "staff"], ids=["by a place of one's own", "by the team again"])
def test_what_a_row_behind_it_tells_of_is_not_lost(team: str | None) -> None:
    lineage = by_team("c", "d")
    lineage.sync_answered(more=True)
    lineage.sync_asked()
    lineage.row("c", former=False, team=team)
    assert lineage.ended(everything) == (["d"], [])
    assert lineage.team_of("c") == team


def test_what_came_since_the_last_page_was_asked_is_decided_by_the_next_sync() -> None:
    lineage = by_team("c", "d")
    lineage.moved("c")
    assert lineage.ended(everything) == (["d"], ["c"])
    lineage.sync_asked()
    assert lineage.ended(everything) == (["c", "d"], [])


def test_that_a_team_was_left_is_kept_across_a_kill() -> None:
    lineage = by_team("c")
    kept = lineage.unsaved().trails
    assert kept["c"] is not None
    restored = Lineage()
    restored.restore({"c": kept["c"]}, {}, {})
    assert restored.ended(everything) == (["c"], [])
    assert restored.ended(lambda name: False) == ([], []), "what is not followed is not lost"


def test_what_is_forgotten_is_not_asked_any_more() -> None:
    lineage = opened("c", "d")
    again(lineage)
    lineage.answer([None])
    assert [known.conversation_id for known in lineage.question(lambda name: (9, 0)) or []] == ["d"]


def test_what_is_forgotten_is_asked_from_the_beginning_if_it_comes_again() -> None:
    lineage = opened("c")
    lineage.posted("c", 5, KEY)
    lineage.forget("c")
    lineage.moved("c")
    assert again(lineage, known=(0, 0)) == [Known("c", "p1", 0, 0)]
    assert lineage.unsaved().own == {KEY: None}


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


def test_state_that_a_former_member_read_is_doubted_without_a_word() -> None:
    lineage = opened("c")
    lineage.left("c")
    again(lineage)
    assert lineage.answer([CheckAnswer(9, True, row())]) == [Checked(row(), 9, None, False, True)]
    assert lineage.notices() == []
    again(lineage, "p3")
    assert lineage.answer([CheckAnswer(9, True, row())]) == [Checked(row(), 9, None, False)], "once"


def test_and_goes_if_it_is_bad() -> None:
    lineage = opened("c")
    lineage.left("c")
    again(lineage)
    assert lineage.answer([CheckAnswer(9, False, row())]) == [Checked(row(), 9, None, True)]
    assert lineage.notices() == []


def test_what_came_behind_leaving_is_not_the_former_members() -> None:
    lineage = opened("c")
    again(lineage, known=(5, 0))
    answer = CheckAnswer(5, True, row(head=9, left=5))
    assert lineage.answer([answer]) == [Checked(answer.row, 5, None, False, True)]


def test_who_came_back_and_asked_all_changes_has_seen_what_was_hidden() -> None:
    lineage = opened("c")
    lineage.left("c")
    lineage.changes_asked("c")
    lineage.changes_answered("c")
    again(lineage)
    assert lineage.answer([CheckAnswer(9, True, row())]) == [Checked(row(), 9, None, False)]


def test_unless_one_left_meanwhile() -> None:
    lineage = opened("c")
    lineage.left("c")
    lineage.changes_asked("c")
    lineage.left("c")
    lineage.changes_answered("c")
    again(lineage)
    assert lineage.answer([CheckAnswer(9, True, row(left=9))]) == [Checked(row(left=9), 9, None, False, True)]


def test_nor_if_one_came_back_before_the_answer() -> None:
    lineage = opened("c")
    lineage.left("c")
    lineage.changes_asked("c")
    lineage.left("c")
    lineage.changes_answered("c")
    again(lineage)
    assert lineage.answer([CheckAnswer(9, True, row())]) == [Checked(row(), 9, None, False, True)]


def test_that_it_was_seen_is_stored() -> None:
    lineage = opened("c")
    lineage.left("c")
    lineage.changes_asked("c")
    lineage.saved()
    lineage.changes_answered("c")
    assert lineage.unsaved().trails == {"c": SavedTrail("p1")}


def replaced_with_edits(*positions: int) -> Lineage:
    lineage = opened("c")
    for position in positions:
        lineage.edited("c", position)
    again(lineage, known=(99, 0))
    lineage.answer([CheckAnswer(50, True, row())])
    lineage.saved()
    return lineage


def test_edited_messages_are_read_again_a_run_at_a_time() -> None:
    lineage = replaced_with_edits(2, 3, 4, 7)
    assert lineage.to_reread() == ["c"]
    assert lineage.reread("c", 2) == (2, 3)
    assert lineage.reread("c", 2) is None
    lineage.reread_answered("c", 3)
    assert lineage.reread("c", 2) == (4, 4)
    lineage.reread_answered("c", None)
    assert lineage.reread("c", 2) == (4, 4), "there was no page"
    lineage.reread_answered("c", 4)
    assert lineage.reread("c", 2) == (7, 7)
    lineage.reread_answered("c", 7)
    assert lineage.to_reread() == []


def test_what_is_edited_while_it_is_read_again_is_read_once_more() -> None:
    lineage = replaced_with_edits(2, 3)
    assert lineage.reread("c", 9) == (2, 3)
    lineage.edited("c", 3)
    lineage.message("c", 2, 5, None)
    lineage.reread_answered("c", 3)
    assert lineage.reread("c", 9) == (3, 3)


def test_a_page_that_ends_early_leaves_the_rest() -> None:
    lineage = replaced_with_edits(2, 3, 4)
    assert lineage.reread("c", 9) == (2, 4)
    lineage.reread_answered("c", 3)
    assert lineage.reread("c", 9) == (4, 4)


def test_and_only_once_if_that_page_did_not_come() -> None:
    lineage = replaced_with_edits(2, 3)
    lineage.reread("c", 9)
    lineage.edited("c", 3)
    lineage.reread_answered("c", None)
    assert lineage.reread("c", 9) == (2, 3)
    lineage.reread_answered("c", 3)
    assert lineage.to_reread() == []


def test_what_was_replaced_once_more_is_not_read_again_above_it() -> None:
    lineage = replaced_with_edits(2, 7)
    again(lineage, "p3", (50, 0))
    lineage.answer([CheckAnswer(5, True, row())])
    assert lineage.reread("c", 9) == (2, 2)
    lineage.reread_answered("c", 2)
    assert lineage.to_reread() == []


def test_a_session_that_is_lost_reads_again_from_the_beginning() -> None:
    lineage = replaced_with_edits(2)
    lineage.reread("c", 9)
    assert lineage.unsaved().trails == {}, "a kill loses nothing"
    again(lineage, "p3")
    assert lineage.to_reread() == ["c"]


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


# -- state ---------------------------------------------------------------------------------------------------------------


def state() -> ConversationState[str]:
    shown = ConversationState[str]()
    for position in (1, 2, 3):
        shown.message(position)
        shown.push_items(position, [(position, f"v{position}", UNSAID)])
    return shown


def test_what_stood_above_goes_with_its_values() -> None:
    shown = state()
    shown.cap(2)
    assert (shown.held.pairs(), sorted(shown.items), shown.have, shown.seen) == ([(1, 2)], [1, 2], 2, 3)


def test_discarded_state_is_asked_from_the_beginning() -> None:
    shown = state()
    assert shown.discard(former=False) == [1, 2, 3]
    shown.replace(2, None, 0, None, former=False)
    assert (shown.seen, shown.top, shown.met, shown.due(), shown.ask()) == (0, 2, 2, True, 0)
    shown.answer([(1, 2, "other", None)], 2, False)
    assert {at: kept.extra for at, kept in shown.items.items()} == {1: "other"}


def test_a_former_member_holds_nothing_then() -> None:
    shown = state()
    shown.about.replace(3, "lenses")
    shown.discard(former=True)
    shown.replace(2, None, 0, None, former=True)
    assert not shown.held
    assert not shown.due()
    assert shown.about.value is None


def test_doubted_state_is_shown_until_all_of_it_was_told() -> None:
    """What nobody tells then, as it is of another history, goes at the end; and what stays the same is no news."""
    shown = state()
    shown.items[1].mine = "mine"
    shown.unsaved.clear()
    shown.doubt()
    shown.replace(3, None, 0, None, former=False)
    assert {at: kept.extra for at, kept in shown.items.items()} == {1: "v1", 2: "v2", 3: "v3"}
    assert (shown.seen, shown.top, shown.met, shown.unsaved) == (-1, 3, 3, {1, 2, 3})
    assert (shown.due(), shown.ask()) == (True, 0)
    assert shown.push_items(4, [(1, "v1", UNSAID)]) == []
    assert shown.answer([(2, 2, "v2", None)], 2, True) == ([], False)
    assert shown.ask() == 2
    assert shown.answer([], 4, False) == ([1, 3], False)
    assert {at: (kept.extra, kept.mine) for at, kept in shown.items.items()} == {
        1: ("v1", None),
        2: ("v2", None),
    }
    assert shown.seen == 4


@pytest.mark.parametrize("told", [0, 1])
def test_doubted_state_is_asked_whatever_the_count_is_now(told: int) -> None:
    shown = state()
    shown.doubt()
    shown.replace(0, None, 0, None, former=False)
    if told:
        shown.push_items(1, [])  # the next one of none: but not all was right before
    assert (shown.due(), shown.ask()) == (True, 0)
    assert shown.answer([], told, False) == ([1, 2, 3], False)
    assert (shown.items, shown.seen, shown.due()) == ({}, told, False)


def test_of_doubted_state_only_what_is_shown_stays() -> None:
    shown = state()
    shown.push_items(4, [(9, "before its message", UNSAID)])
    shown.doubt()
    assert sorted(shown.items) == [1, 2, 3]


def test_a_page_replaces_what_is_doubted() -> None:
    shown = state()
    shown.doubt()
    shown.replace(0, None, 0, None, former=True)
    assert shown.page(0, [(2, None, None), (3, "v3", None)]) == [2]


def test_a_former_members_row_says_nothing_of_the_conversation() -> None:
    """What was shown stays, until any row of a member tells."""
    shown = state()
    shown.about.replace(3, "lenses")
    shown.doubt()
    shown.replace(3, None, 0, None, former=True)
    assert shown.about.value == "lenses"
    assert shown.row_about(0, None)
    assert shown.about.value is None


@pytest.mark.parametrize(("seq", "value"), [(1, "old"), (9, None)])
def test_a_counted_value_is_replaced_whatever_its_counter(seq: int, value: Any) -> None:
    counted = Counted(5, "new")
    assert counted.replace(seq, value)
    assert (counted.seq, counted.value) == (seq, value)
    assert not counted.replace(seq + 1, value)
