"""Edited messages of a history that was replaced are read again, each once."""

from __future__ import annotations

from imserver_client.core.lineage import Lineage
from imserver_protocol.methods.check import CheckAnswer
from tests.client.support.lineages import again, opened, row


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
