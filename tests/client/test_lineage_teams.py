"""Conversations that come and go with a team, and what their former members still hold."""

from __future__ import annotations

import pytest

from imserver_client.core.lineage import Checked, Lineage
from imserver_client.storage import Notice, SavedTrail
from imserver_protocol.methods.check import CheckAnswer, Known
from tests.client.support.lineages import KEY, again, opened, row

# -- teams


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


# -- former members


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
