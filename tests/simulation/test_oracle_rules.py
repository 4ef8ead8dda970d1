"""Each rule of the oracle finds a history in which it is broken, no other rule does, and an untouched history passes all.

The table's rows are the oracle's own: a rule that is left out of `CHECKS`, or that has no row here, fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from imserver.proof.acts import digest_of
from imserver.proof.simulation.oracle import CHECKS, judge
from imserver.proof.simulation.record import Answer, Heard, Post
from imserver.proof.stored_rows import StoredMessage
from imserver.proof.taken_back import Restore
from imserver_client.storage import SavedPosition

from .history import (
    ASIDE,
    GROUP,
    PAIR,
    ROBOT,
    SHOP,
    History,
    heard,
    item_of,
    key,
    right,
    row,
    said,
    system,
    with_team,
)

Break = Callable[[History], Any]
#: When cy's leaving was committed, in the history as it is.
LEFT_AT = 10.0


def gone_silently(history: History) -> None:
    """A post that was stored in a history which is gone."""
    post = Post(key(220), GROUP, said("gone"), 20, replaced=True)
    history.records["bob-1"].posts[post.key] = post


def fall(history: History, told: int | None = None) -> None:
    """The device had been shown more than the pair's messages."""
    record = history.records["ann-1"]
    record.falls[PAIR] = 3
    if told is not None:
        record.told.append((PAIR, told))


def drop_row(history: History, conversation_id: str, position: int) -> None:
    history.rows.remove(history.row(conversation_id, position))


def change_row(history: History, conversation_id: str, position: int, **changes: Any) -> None:
    at = history.rows.index(history.row(conversation_id, position))
    history.rows[at] = replace(history.rows[at], **changes)


def swap_rows(history: History, one: int, other: int) -> None:
    rows = history.rows
    rows[one], rows[other] = rows[other], rows[one]


def change_head_row(history: History, position: int) -> None:
    """The last message of a conversation stands somewhere else, and the head with it."""
    at = history.rows.index(history.row(ASIDE, history.heads[ASIDE]))
    history.rows[at] = replace(history.rows[at], position=position)
    history.heads[ASIDE] = position


def add_row(history: History, sender: str, number: int, content: Any, conversation_id: str = ASIDE) -> None:
    position = history.heads[conversation_id] = history.heads[conversation_id] + 1
    history.rows.append(row(conversation_id, position, sender, number, content))


def show_otherwise(history: History, device: str, position: int, **changes: Any) -> None:
    """Of the pair's conversation."""
    shown = history.records[device].shown
    at = next(
        n
        for n, one in enumerate(shown)
        if (one.message.conversation_id, one.message.position) == (PAIR, position)
    )
    shown[at] = replace(shown[at], message=replace(shown[at].message, **changes))


def show_again(
    history: History, position: int, *, life: int, again: bool, unfinished: int | None = None
) -> None:
    """The last message of the pair's conversation, or one before it."""
    if unfinished is not None:
        history.records["ann-1"].unfinished[unfinished] = (PAIR, position)
    history.show("ann-1", history.row(PAIR, position), life=life, again=again)


def forget_shown(history: History, device: str, *places: tuple[str, int]) -> None:
    record = history.records[device]
    record.shown = [
        one for one in record.shown if (one.message.conversation_id, one.message.position) not in places
    ]


def begins(history: History, device: str, conversation_id: str, begin: int, first_sync: bool) -> None:
    history.storages[device].begins[conversation_id] = (begin, first_sync)


def member(history: History, conversation_id: str, user_id: str, **changes: Any) -> None:
    members = history.members[conversation_id]
    members[user_id] = replace(members[user_id], **changes)


def take_back(history: History, position: int = 1) -> None:
    """A message of the group, which was edited, answered and seen by all, is gone; so much of it is still known."""
    old = history.row(GROUP, position)
    change_row(history, GROUP, position, contents={old.revision + 1: None}, revision=old.revision + 1)
    for record in history.records.values():
        if GROUP in record.final:
            head, items = record.final[GROUP]
            gone = item_of(old, content=None, revision=old.revision + 1)
            record.final[GROUP] = (head, [gone if item.position == position else item for item in items])


def taken_back_and(spoil: Break) -> Break:
    def both(history: History) -> None:
        take_back(history)
        spoil(history)

    return both


def post_unstored(history: History) -> None:
    history.records["bob-1"].posts[key(300)] = Post(key(300), PAIR, said("gone"), 20, "stored", 3, 1)


def swap_numbers(history: History) -> None:
    """The two posts to the pair's conversation."""
    one, other = history.post("ann-1", 2), history.post("ann-1", 4)
    one.number, other.number = other.number, one.number


def final(history: History, head_by: int, items: slice) -> None:
    head, all_items = history.records["ann-1"].final[GROUP]
    history.records["ann-1"].final[GROUP] = (head + head_by, all_items[items])


def final_item(history: History, **changes: Any) -> None:
    head, items = history.records["ann-1"].final[GROUP]
    history.records["ann-1"].final[GROUP] = (head, [*items[:-1], replace(items[-1], **changes)])


def edits(history: History, at: int, value: Any) -> None:
    """One field of the edit that was answered."""
    [edit] = history.records["ann-1"].notes["edits"]
    history.records["ann-1"].notes["edits"] = [(*edit[:at], value, *edit[at + 1 :])]


def edited(history: History, *facts: Any) -> None:
    """One more edit that was answered."""
    history.records["ann-1"].notes["edits"].append(facts)


def typed(history: History, conversation_id: str, typist: str) -> None:
    """bob was told that somebody writes."""
    history.records["bob-1"].notes["typing"].append((conversation_id, typist))


def told_of_edit(history: History, at: int, value: Any) -> None:
    """One field of the edit that somebody else was told of."""
    [edit] = history.records["bob-1"].replaced
    history.records["bob-1"].replaced = [(*edit[:at], value, *edit[at + 1 :])]


def answered(history: History, device: str, what: str, asked_at: float, *, to: str = SHOP) -> None:
    """In a history with a team."""
    with_team(history)
    history.records[device].answers.append(Answer(what, to, asked_at, asked_at + 1))


def followed(history: History, device: str) -> None:
    with_team(history)
    history.storages[device]._saved.positions[SHOP] = SavedPosition(1, 1, 1)


def signalled(history: History, cursors: tuple[int, int] | None, said_at: float) -> None:
    """ann wrote, or read, and cy heard of it in the end."""
    with_team(history)
    history.watch = SimpleNamespace(
        signals=[(said_at, "ann", "typing", (SHOP,))],
        cursors={(SHOP, "ann"): [(said_at, 1, 1)]},
        refused=set(),
    )
    history.records["cy-1"].heard.append(Heard(100.0, SHOP, "ann", cursors))


def echo_twice(history: History) -> None:
    """The bot dealt with one message twice, and noted it both times."""
    add_row(history, "echo", 82, heard(15), ROBOT)
    history.echoes.append(("heard", key(15).hex(), 3))


#: Rule -> what breaks it alone, and what is said then.
BROKEN: dict[str, list[tuple[Break, str]]] = {
    "positions_without_gap": [
        (lambda h: change_head_row(h, 6), f"message 6 of {ASIDE} follows message 4"),
        (lambda h: swap_rows(h, 16, 18), f"message 5 of {ASIDE} follows message 2"),
        (lambda h: h.heads.update({ASIDE: 6}), "heads are"),
        (lambda h: h.heads.update({ASIDE: 4}), "heads are"),
        (lambda h: h.heads.update(nowhere=0), "heads are"),
    ],
    "one_row_for_a_key": [
        (lambda h: change_row(h, ASIDE, 5, key=key(10)), r"doubled: post 000a of dee is at \[1, 5\]"),
    ],
    "shown_is_stored": [
        (lambda h: h.show("ann-1", row(PAIR, 3, "bob", 60, said("x"))), f"lost: message 3 of {PAIR} was shown to ann-1"),
        (lambda h: show_otherwise(h, "ann-1", 1, key=key(61)), "altered: message 1 .* is another one"),
        (lambda h: show_otherwise(h, "bob-1", 1, sender_id="bob"), "altered: message 1 .* is another one"),
        (lambda h: show_otherwise(h, "bob-1", 2, sent_at=1), "altered: message 2 .* is another one"),
        (lambda h: show_otherwise(h, "bob-1", 2, content=said("x")), "revision 1 of message 2 .* says something else"),
        (lambda h: show_otherwise(h, "bob-1", 2, revision=2), "revision 2 of message 2 .* says something else"),
        (lambda h: h.records["cy-1"].items.append(item_of(h.row(GROUP, 8), content=said("x"))), "else than cy-1"),
        (lambda h: h.records["cy-1"].items.append(item_of(h.row(GROUP, 8), key=key(62))), "another one than cy-1"),
        (lambda h: told_of_edit(h, 1, 13), "told of revision 2 of message 13"),
        (lambda h: told_of_edit(h, 2, 3), "told of revision 3 of message 1"),
        (lambda h: told_of_edit(h, 3, said("x")), "told of revision 2 of message 1"),
        (lambda h: h.records["cy-1"].retracted.append((GROUP, 1, 3)), "told that message 1 .* as revision 3"),
        (taken_back_and(lambda h: h.records["cy-1"].retracted.append((GROUP, 1, 2))), "told that message 1 .* as revision 2"),
        (lambda h: h.records["cy-1"].retracted.append((GROUP, 13, 2)), "told that message 13"),
        (taken_back_and(lambda h: told_of_edit(h, 2, 3)), "told of revision 3 of message 1"),
        (taken_back_and(lambda h: told_of_edit(h, 2, 4)), "told of revision 4 of message 1"),
        (taken_back_and(lambda h: told_of_edit(h, 3, None)), "told of revision 2 of message 1"),
    ],
    "shown_once_and_in_order": [
        (lambda h: show_again(h, 2, life=0, again=False), "doubled: message 2 of .* after message 2"),
        (lambda h: show_again(h, 2, life=1, again=False, unfinished=0), "doubled: message 2"),
        (lambda h: show_again(h, 2, life=1, again=True), "doubled: message 2"),
        (lambda h: show_again(h, 2, life=1, again=True, unfinished=1), "doubled: message 2"),
        (lambda h: show_again(h, 1, life=1, again=True, unfinished=0), "out of order: message 1 .* after message 2"),
        (lambda h: show_again(h, 1, life=0, again=False), "out of order: message 1"),
        (lambda h: show_otherwise(h, "ann-1", 2, redelivered=True), "called redelivered to ann-1"),
    ],
    "everything_was_shown": [
        (lambda h: forget_shown(h, "ann-1", (GROUP, 3)), r"lost: messages \[3\] of group/1 were never shown to ann-1"),
        (lambda h: forget_shown(h, "ann-1", (GROUP, 1)), r"lost: messages \[1\] of"),
        (lambda h: forget_shown(h, "ann-1", (GROUP, 12)), r"lost: messages \[12\] of"),
        (lambda h: forget_shown(h, "bob-1", (GROUP, 2), (PAIR, 1)), r"lost: messages \[2\] of group/1"),
        (lambda h: forget_shown(h, "cy-1", (GROUP, 10)), r"lost: messages \[10\] of group/1 were never shown to cy-1"),
        (lambda h: h.storages["ann-1"].begins.pop(PAIR), f"lost: ann-1 was never told of {PAIR}"),
        (lambda h: begins(h, "ann-1", PAIR, 1, False), "began for ann-1 at 1, and it joined at"),
        (lambda h: begins(h, "cy-1", GROUP, 6, False), r"began for cy-1 at 6, and it joined at \[5\]"),
        (lambda h: h.committed.update({(GROUP, 1): 0.6}), "lost: message 1 .* is younger than the first sync of bob-1"),
    ],
    "answers_are_true": [
        (lambda h: setattr(h.post("ann-1", 1), "content", said("x")), "altered: post 1 of ann-1 .* with another content"),
        (lambda h: setattr(h.post("bob-1", 1), "content", said("x")), "altered: post 1 of bob-1"),
        (post_unstored, "lost: post 20 of bob-1 .* was called stored and is not in the database"),
        (lambda h: setattr(h.post("ann-1", 1), "position", 2), "altered: .* was called stored at 2 and is at 1"),
        (lambda h: setattr(h.post("ann-1", 1), "sent_at", 5), "at the time 5 and has 1001"),
        (lambda h: setattr(h.post("ann-1", 1), "outcome", "refused"), r"was called refused \(\) and is message 1"),
        (lambda h: setattr(h.post("bob-1", 1), "outcome", "abandoned"), r"was called abandoned \(\) and is message 3"),
    ],
    "gone_posts_are_told": [
        (gone_silently, "silent: post 20 of bob-1 to group/1 was stored, and is gone without a word"),
    ],
    "falls_were_told": [
        (fall, f"silent: {PAIR} fell to 3 for ann-1, which was not told"),
        (lambda h: fall(h, 5), f"silent: {PAIR} fell to 3 for ann-1, which was told 5"),
        (lambda h: h.records["ann-1"].told.append((PAIR, 2)), f"ann-1 was told that {PAIR} fell to 2, and nothing is gone"),
    ],
    "posts_in_order": [
        (swap_numbers, "out of order: post 4 of ann-1 to direct/ann/bob is message 1, and the earlier post 2 is message 2"),
    ],
    "rows_were_posted": [
        (lambda h: h.records["bob-1"].posts.pop(key(3)), f"nobody posted message 3 of {GROUP} by bob"),
        (lambda h: h.records["ann-1"].posts.pop(key(9)), f"nobody posted message 2 of {PAIR} by ann"),
    ],
    "features_agree": [
        (lambda h: edits(h, 3, digest_of(said("x"))), "lost: revision 2 of message 1 .* is not stored"),
        (lambda h: edits(h, 4, 13), "message 13 of group/1 does not tell of that edit"),
        (lambda h: edits(h, 4, 6), "message 6 of group/1 does not tell of that edit"),
        (lambda h: edited(h, GROUP, 1, 1, digest_of(said("one")), 5), "message 5 .* does not tell"),
        (lambda h: edited(h, GROUP, 3, 2, digest_of(said("later never mind")), 5), "message 5 .* does not tell"),
        (lambda h: edited(h, GROUP, 20, 2, digest_of(said("x")), 5), "lost: revision 2 of message 20"),
        (lambda h: typed(h, ASIDE, "cy"), "bob-1 was told that cy writes in group/aside: bob is no member"),
        (lambda h: typed(h, GROUP, "eve"), "bob-1 was told that eve writes in group/1: eve is no member"),
        (lambda h: typed(h, GROUP, "bob"), "bob-1 was told that its own user writes in group/1"),
    ],
    "cursors_only_rise": [
        (lambda h: h.records["bob-1"].told_cursors.append((1, GROUP, "ann", 11, 11)), "told of cursors 11, 11 of ann"),
        (lambda h: h.records["bob-1"].told_cursors.append((1, GROUP, "ann", 12, 10)), "told of cursors 12, 10 of ann"),
        (lambda h: h.records["bob-1"].told_cursors.append((2, GROUP, "cy", 13, 0)), r"13, 0 of cy in group/1 \(head 12\)"),
        (lambda h: h.records["bob-1"].told_cursors.append((2, GROUP, "cy", 0, 13)), r"0, 13 of cy in group/1 \(head 12\)"),
        (lambda h: h.records["bob-1"].told_cursors.append((0, PAIR, "ann", 0, 1)), f"0, 1 of ann in {PAIR}"),
        (lambda h: h.records["ann-1"].cursors.append((PAIR, 1, 0)), "lost: cursors 1, 0 of ann-1"),
        (lambda h: h.records["ann-1"].cursors.append((PAIR, 0, 1)), "lost: cursors 0, 1 of ann-1"),
        (lambda h: h.records["ann-1"].cursors.append((ASIDE, 0, 0)), "lost: cursors 0, 0 of ann-1 in group/aside: None"),
        (lambda h: member(h, PAIR, "bob", delivered=3), f"cursors of bob in {PAIR} are above the head"),
        (lambda h: member(h, PAIR, "bob", read=3), f"cursors of bob in {PAIR} are above the head"),
    ],
    "changes_are_told": [
        (lambda h: h.records["ann-1"].changes.append((GROUP, 13)), "lost: message 13 .* should tell of a change by ann-1"),
        (lambda h: h.records["ann-1"].changes.append((GROUP, 11)), "lost: message 11 .* should tell of a change"),
        (lambda h: h.records["bob-1"].changes.append((GROUP, 6)), "lost: message 6 .* should tell of a change by bob-1"),
        (lambda h: h.records["ann-1"].created.append((GROUP, ["bob", "dee"])), r"lost: \['dee'\] should be in"),
        (lambda h: h.records["cy-1"].created.append((PAIR, ["ann"])), r"lost: \['cy'\] should be in"),
        (lambda h: h.records["ann-1"].created.append(("group/9", [])), r"lost: \['ann'\] should be in group/9"),
    ],
    "only_members_see_and_speak": [
        (lambda h: h.show("cy-1", h.row(GROUP, 11), life=1), r"message 11 of group/1 was shown to cy-1, who is no member"),
        (lambda h: h.records["cy-1"].items.append(item_of(h.row(GROUP, 12))), "message 12 of group/1 was shown to cy-1"),
        (lambda h: h.show("ann-1", h.row(ASIDE, 1)), "message 1 of group/aside was shown to ann-1, who is no member"),
        (lambda h: h.records["cy-1"].items.append(item_of(h.row(PAIR, 1))), "message 1 of direct/ann/bob was shown to cy-1"),
        (lambda h: change_row(h, ASIDE, 5, sender_id="fay"), "fay posted message 5 .* without being a member"),
        (lambda h: change_row(h, ASIDE, 1, sender_id="fay"), "fay posted message 1 .* without being a member"),
        (lambda h: change_row(h, ASIDE, 3, sender_id="eve"), "eve posted message 3 .* without being a member"),
        (lambda h: add_row(h, "fay", 70, said("x")), "fay posted message 6"),
    ],
    "whoever_is_out_is_told_nothing": [
        (lambda h: answered(h, "cy-1", "members", LEFT_AT + 1), "cy-1 was answered .*'members'.* and was out"),
        (lambda h: answered(h, "cy-1", "history", LEFT_AT + 1), "cy-1 was answered .*'history'.* and was out"),
        (lambda h: followed(h, "cy-1"), f"cy-1 still follows {SHOP}, and is out"),
        (lambda h: signalled(h, None, LEFT_AT + 1), "cy-1 was told Heard.*cursors=None.* and was out"),
        (lambda h: signalled(h, (1, 1), LEFT_AT + 1), r"cy-1 was told Heard.*cursors=\(1, 1\).* and was out"),
    ],
    "echoed_once": [
        (lambda h: h.echoes.remove(("heard", key(1).hex(), 2)), r"heard of 0001: asked at 1, answered at \[2\], noted \[\]"),
        (lambda h: h.echoes.append(("heard", key(1).hex(), 2)), r"echo heard of 0001: .* noted \[2, 2\]"),
        (lambda h: h.echoes.append(("heard", "00ff", 2)), r"echo heard of 00ff: asked at None"),
        (lambda h: h.echoes.remove(("later", key(6).hex(), 9)), r"echo later of 0006: asked at 7"),
        (lambda h: h.echoes.append(("later", key(3).hex(), 4)), r"echo later of 0003: .* answered at \[\], noted \[4\]"),
        (lambda h: change_row(h, ROBOT, 2, contents={1: heard(16)}), r"echo heard of 0010: asked at None, answered at \[2\]"),
        (lambda h: add_row(h, "echo", 80, heard(15), ROBOT), r"echo heard of 000f: asked at 1, answered at \[2, 3\]"),
        (echo_twice, r"echo heard of 000f: asked at 1, answered at \[2, 3\], noted \[2, 3\]"),
        (lambda h: add_row(h, "dee", 81, said("and?"), ROBOT), r"echo heard of 0051: asked at 3, answered at \[\]"),
        (lambda h: h.echoes.__setitem__(4, ("heard", key(15).hex(), 1)), r"answered at \[2\], noted \[1\]"),
    ],
    "no_plugin_failed": [
        (lambda h: h.failures.append("echo 7 twice"), "a plugin failed: echo 7 twice"),
    ],
    "all_read_the_same": [
        (lambda h: h.records["ann-1"].final.pop(PAIR), r"ann-1 lists \['group/1'\], and is in"),
        (lambda h: h.records["cy-1"].final.update({GROUP: h.records["ann-1"].final[GROUP]}), "cy-1 lists"),
        (lambda h: final(h, 1, slice(None)), r"ann-1 reads .* of 13 in group/1"),
        (lambda h: final(h, -1, slice(-1)), r"ann-1 reads .* of 11 in group/1"),
        (lambda h: final(h, 0, slice(-1)), r"ann-1 reads .* of 12 in group/1"),
        (lambda h: final(h, 0, slice(None, None, 2)), r"ann-1 reads .* of 12 in group/1"),
        (lambda h: final_item(h, content=said("x")), "altered: ann-1 reads another message 12"),
        (lambda h: final_item(h, key=key(90)), "altered: ann-1 reads another message 12"),
        (lambda h: final_item(h, revision=2), "altered: ann-1 reads another message 12"),
    ],
}  # fmt: skip


CASES = [
    pytest.param(rule, spoil, words, id=f"{rule}-{number}")
    for rule, cases in BROKEN.items()
    for number, (spoil, words) in enumerate(cases)
]


def test_an_untouched_history_passes_every_rule() -> None:
    assert judge(right().evidence()) == []


def test_every_rule_has_its_rows_and_every_row_its_rule() -> None:
    assert [check.__name__ for check in CHECKS] == list(BROKEN)
    assert all(BROKEN.values())


@pytest.mark.parametrize(("rule", "spoil", "words"), CASES)
def test_a_broken_rule_is_found_by_that_rule_alone(rule: str, spoil: Break, words: str) -> None:
    history = right()
    spoil(history)
    evidence = history.evidence()
    found = judge(evidence)
    assert any(re.search(words, text) for text in found), found
    assert [check.__name__ for check in CHECKS if list(check(evidence))] == [rule]


@pytest.mark.parametrize(
    "rightly",
    [
        with_team,
        lambda h: answered(h, "cy-1", "members", LEFT_AT - 1),
        lambda h: answered(h, "ann-1", "members", LEFT_AT + 1),
        lambda h: answered(h, "cy-1", "history", LEFT_AT + 1, to=GROUP),
        lambda h: followed(h, "ann-1"),
        lambda h: signalled(h, None, LEFT_AT - 1),
        lambda h: signalled(h, (1, 1), LEFT_AT - 1),
        lambda h: signalled(h, (2, 2), LEFT_AT + 1),
    ],
)
def test_what_was_said_or_asked_before_the_team_was_left_may_be_told(rightly: Break) -> None:
    history = right()
    rightly(history)
    assert judge(history.evidence()) == []


def test_a_post_that_was_refused_for_good_may_be_stored_behind_later_ones() -> None:
    """Nobody heard of the refusal, and who had gone had come back when it was offered again."""
    history = right()
    swap_numbers(history)
    history.watch = SimpleNamespace(signals=[], cursors={}, refused={history.post("ann-1", 2).key})
    assert judge(history.evidence()) == []


def test_a_conversation_that_began_in_a_gone_history_may_have_begun_anywhere() -> None:
    """A team was left and joined again, and a copy of before came back, in which nobody had left: seed 49 did so."""
    history = right()
    begins(history, "cy-1", GROUP, 6, False)
    history.records["cy-1"].began_elsewhere.add(PAIR)
    assert any("began for cy-1" in text for text in judge(history.evidence()))
    history.records["cy-1"].began_elsewhere.add(GROUP)
    assert judge(history.evidence()) == []


def test_who_is_in_a_team_posts_and_reads_in_what_names_it_and_nobody_else_does() -> None:
    history = with_team(right())
    add_row(history, "cy", 301, said("am I?"), SHOP)
    assert any("cy posted message 2 of group/shop without" in text for text in judge(history.evidence()))
    history = with_team(right())
    history.show("cy-1", history.row(SHOP, 1))
    assert any("shown to cy-1, who is no member" in text for text in judge(history.evidence()))
    history = with_team(right())
    history.storages["bob-1"].begins.pop(SHOP)
    assert judge(history.evidence()) == [f"lost: bob-1 was never told of {SHOP}"]
    history = with_team(right())
    history.records["bob-1"].final.pop(SHOP)
    assert any("bob-1 lists" in text for text in judge(history.evidence()))
    history = with_team(right())
    history.records["ann-1"].cursors.append((SHOP, 1, 0))
    assert any("lost: cursors 1, 0 of ann-1" in text for text in judge(history.evidence()))


@pytest.mark.parametrize("position", [1, 3, 7, 11])
def test_what_was_taken_back_may_have_said_anything(position: int) -> None:
    """Posted, edited, shown, and heard by a plugin or not: nothing tells any more. All read the tombstone."""
    history = right()
    take_back(history, position)
    now = history.row(GROUP, position)
    history.records["ann-1"].items.append(replace(item_of(now), content=None))
    history.records["bob-1"].retracted.append((GROUP, position, now.revision))
    assert judge(history.evidence()) == []
    history.records["ann-1"].final[PAIR][1][-1] = replace(
        history.records["ann-1"].final[PAIR][1][-1], content=None
    )
    assert len(judge(history.evidence())) == 1


def test_a_plugin_may_have_heard_what_was_taken_back_or_not() -> None:
    history = right()
    add_row(history, "dee", 83, said("later, robot"), ROBOT)
    assert re.search("echo heard of 0053: asked at 3", "\n".join(judge(history.evidence())))
    change_row(history, ROBOT, 3, contents={2: None}, revision=2)
    assert judge(history.evidence()) == []
    add_row(history, "echo", 84, heard(83, "later"), ROBOT)
    assert re.search("echo later of 0053", "\n".join(judge(history.evidence()))), "answered, and not noted"
    history.echoes.append(("later", key(83).hex(), 4))
    assert judge(history.evidence()) == []


def test_each_of_two_things_that_are_wrong_is_told_once() -> None:
    history = right()
    history.show("ann-1", history.row(PAIR, 2))
    history.show("ann-1", history.row(PAIR, 2))
    history.failures.append("echo")
    assert [text.partition(":")[0] for text in judge(history.evidence())] == ["doubled", "a plugin failed"]


def test_who_was_invited_speaks_from_the_beginning_and_who_came_back_is_in_again() -> None:
    """fay is a member twice: what stands between the two stays is not hers, and what stands behind is."""
    history = right()
    add_row(history, "dee", 91, system("added", user="fay"))
    member(history, ASIDE, "fay", joined_at=6, left_at=None)
    add_row(history, "fay", 92, said("again"))
    assert judge(history.evidence()) == []
    change_row(history, ASIDE, 5, sender_id="fay")
    assert re.search("fay posted message 5 .* without being", "\n".join(judge(history.evidence())))
    history = right()
    change_row(history, ASIDE, 1, sender_id="fay")
    history.records["ann-1"].created.append((ASIDE, ["fay"]))
    history.members[ASIDE]["ann"] = history.members[PAIR]["ann"]
    assert not any("posted" in text for text in judge(history.evidence()))


def test_what_an_older_copy_took_is_no_fault_of_a_feature() -> None:
    """An edit that was answered and is gone, and a conversation of which somebody was a member in a history that is gone."""
    history = right()
    edits(history, 3, digest_of(said("x")))
    typed(history, ASIDE, "cy")
    assert len(judge(history.evidence())) == 3
    telling = StoredMessage(GROUP, 5, key(4), "ann", 1, 1, {}, {"type": "system", "target": 1, "revision": 2})
    moved = frozenset({("bob", ASIDE), ("cy", ASIDE)})
    history.restores.append(Restore(1.0, messages=(telling,), members=moved))
    assert judge(history.evidence()) == []
