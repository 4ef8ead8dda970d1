"""The checker's rules for clients that were killed, or kept a record of their posts: what is right passes."""

from __future__ import annotations

from dataclasses import replace

from imserver.proof.checker import Fault, check
from imserver.proof.stored_rows import StoredMessage, StoredRows
from imserver.proof.transcript import Acknowledged, Post, Seen, Transcript
from tests.proof.histories import HERE, WORDS, faults, shown, stored


def rows(*messages: StoredMessage) -> StoredRows:
    return StoredRows(list(messages), {"ann": {HERE: (1, None)}, "bob": {HERE: (1, None)}})


def bob(*lives: list[Seen]) -> Transcript:
    """A reader whose process was killed between these lists."""
    transcript = Transcript("bob")
    for number, life in enumerate(lives):
        if number:
            transcript.lives.append(len(transcript.seen))
        transcript.seen += life
    return transcript


def ann(*posts: int, taken: bool = True) -> Transcript:
    """A writer that keeps a record of its posts, and was shown them all."""
    transcript = Transcript("ann", seen=[shown(position) for position in posts])
    transcript.posts = {stored(n).key: Post(HERE, stored(n).digests[1], taken) for n in posts}
    transcript.posted = list(transcript.posts)
    return transcript


def of(transcript: Transcript, *messages: StoredMessage) -> list[Fault]:
    return faults(check([transcript], rows(*messages), WORDS))


ALL = (stored(1), stored(2), stored(3))


# -- killed readers -----------------------------------------------------------------------------------------------------


def test_after_a_kill_the_unfinished_message_may_come_again_marked() -> None:
    reader = bob([shown(1), shown(2)], [shown(2, again=True), shown(3)])
    report = check([reader], rows(*ALL), WORDS)
    assert (report.findings, report.marked, report.repeated) == ([], 1, 1)


def test_a_mark_may_be_for_nothing() -> None:
    """The kill came before the message was written down: it was handed over, but nobody can say so."""
    report = check([bob([shown(1)], [shown(2, again=True), shown(3)])], rows(*ALL), WORDS)
    assert (report.findings, report.marked, report.repeated) == ([], 1, 0)


def test_without_a_mark_it_is_doubled() -> None:
    assert of(bob([shown(1), shown(2)], [shown(2), shown(3)]), *ALL) == [Fault.DOUBLED]


def test_without_a_kill_it_is_doubled() -> None:
    assert Fault.DOUBLED in of(bob([shown(1), shown(2), shown(2, again=True), shown(3)]), *ALL)


def test_one_message_for_each_kill_and_no_more() -> None:
    again = [shown(1, again=True), shown(2, again=True), shown(3)]
    assert Fault.DOUBLED in of(bob([shown(1), shown(2)], again), *ALL)


def test_an_older_one_is_out_of_order() -> None:
    assert Fault.OUT_OF_ORDER in of(bob([shown(1), shown(2)], [shown(1, again=True), shown(3)]), *ALL)


def test_what_was_committed_after_the_last_look_need_not_have_been_shown() -> None:
    reader = bob([shown(1), shown(2)])
    reader.ends = {HERE: 2}
    assert not of(reader, *ALL)
    reader.ends = {HERE: 3}
    assert of(reader, *ALL) == [Fault.LOST]
    reader.ends = {}
    reader.seen = []
    assert not of(reader, *ALL)


# -- posts --------------------------------------------------------------------------------------------------------------


def test_what_the_outbox_took_is_stored_also_without_an_answer() -> None:
    assert not of(ann(1, 2, 3), *ALL)
    writer = ann(1, 2)
    writer.posts[b"another"] = Post(HERE, b"digest", taken=True)
    assert of(writer, *ALL[:2]) == [Fault.LOST]
    writer.posts[b"another"].taken = False  # killed before it was in the outbox
    assert not of(writer, *ALL[:2])


def test_what_was_given_up_is_not_stored() -> None:
    writer = ann(1, 2)
    writer.given_up = {stored(2).key}
    assert of(writer, *ALL[:2]) == [Fault.UNASKED]
    writer.seen.pop()
    assert not of(writer, *ALL[:1])


def test_a_post_that_the_server_did_not_want() -> None:
    writer = ann(1)
    writer.posts[b"another"] = Post(HERE, b"digest", taken=True)
    writer.refused = {b"another": "TOO_LONG"}
    assert of(writer, stored(1)) == [Fault.REFUSED]


def test_what_is_stored_was_posted_so() -> None:
    assert of(ann(1, 2), stored(1), stored(2, digests={1: b"other"})) == [Fault.ALTERED]
    assert Fault.ALTERED in of(ann(1, 2), stored(1), stored(2, conversation_id="group/other"))


def test_what_nobody_posted_is_not_stored() -> None:
    writer = ann(1)
    writer.seen.append(shown(2))
    assert of(writer, *ALL[:2]) == [Fault.UNASKED]
    assert not of(writer, stored(1), stored(2, telling={"type": "system"}))
    writer.heads = {HERE: 2}
    assert not of(writer, *ALL[:2]), "before it began to keep a record"


def test_posts_are_in_order_also_without_an_answer() -> None:
    writer = ann(1, 2)
    writer.posts = dict(reversed(writer.posts.items()))
    writer.posted.reverse()
    assert of(writer, *ALL[:2]) == [Fault.OUT_OF_ORDER]


def test_an_answer_is_counted_once() -> None:
    writer = ann(1)
    writer.acknowledged = [Acknowledged(HERE, 1, stored(1).key, stored(1).digests[1])] * 2
    report = check([writer], rows(stored(1)), WORDS)
    assert (report.acknowledged, report.findings) == (1, [])


def test_troubles_of_a_client_are_findings() -> None:
    reader = bob([shown(1)])
    reader.troubles = ["the client gave up"]
    assert of(reader, stored(1)) == [Fault.BROKEN]


# -- members ------------------------------------------------------------------------------------------------------------


def came_and_went(transcript: Transcript, left_at: int | None, *messages: StoredMessage) -> list[Fault]:
    seen = rows(*messages)
    seen.members[transcript.user_id] = {HERE: (1, left_at)}
    return faults(check([transcript], seen, WORDS))


def test_who_was_removed_is_shown_what_was_before_and_nothing_behind() -> None:
    assert not came_and_went(bob([shown(1), shown(2)]), 2, *ALL)
    assert came_and_went(bob([shown(1), shown(2), shown(3)]), 2, *ALL) == [Fault.TRESPASS]


def test_who_was_never_a_member_is_shown_nothing() -> None:
    stranger = replace(bob([shown(1)]), user_id="eve")
    assert of(stranger, stored(1)) == [Fault.TRESPASS]
    assert not of(replace(stranger, seen=[]), stored(1))


def test_nothing_by_one_who_was_removed_stands_behind_the_removal() -> None:
    assert not came_and_went(ann(1, 2), 2, *ALL[:2])
    assert Fault.TRESPASS in came_and_went(replace(ann(1, 2, 3), seen=[]), 2, *ALL)
    assert not came_and_went(ann(1, 2), 2, *ALL[:2], stored(3, telling={"type": "system"}))


def test_who_was_removed_may_be_refused_and_then_it_is_not_stored() -> None:
    writer = ann(1)
    writer.posts[b"another"] = Post(HERE, b"digest", taken=True)
    writer.refused = {b"another": "NOT_FOUND"}
    assert not came_and_went(writer, 1, stored(1))
    assert came_and_went(writer, None, stored(1)) == [Fault.REFUSED]
    another = stored(2, key=b"another", digests={1: b"digest"})
    assert Fault.REFUSED in came_and_went(writer, 3, stored(1), another)
