"""A retry never overtakes an earlier post, and is never overtaken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import hypothesis.strategies as st
from hypothesis import given

from imserver.chat.holds import HELD_WINDOWS, RELEASED_WINDOWS, Holds
from imserver.chat.tickets import Ticket

TALK = "direct/alice/bob"


def taken(holds: Holds, key: bytes) -> Ticket:
    ticket = holds.offer(TALK, key)
    assert ticket is not None
    return ticket


def test_what_is_behind_a_refused_post_waits_until_it_is_offered_again() -> None:
    holds = Holds()
    first = taken(holds, b"1")
    holds.hold(TALK, first, b"1")
    assert holds.offer(TALK, b"2") is None
    again = taken(holds, b"1")
    assert not holds.overtakes(TALK, again)
    assert not holds.overtakes(TALK, taken(holds, b"2"))


def test_what_was_queued_before_the_refused_post_is_not_touched() -> None:
    holds = Holds()
    earlier, refused = taken(holds, b"1"), taken(holds, b"2")
    holds.hold(TALK, refused, b"2")
    assert not holds.overtakes(TALK, earlier)


def test_what_was_queued_behind_it_is_withdrawn_even_when_the_hold_is_over_again() -> None:
    holds = Holds()
    refused, behind = taken(holds, b"1"), taken(holds, b"2")
    holds.hold(TALK, refused, b"1")
    assert holds.overtakes(TALK, behind)
    again = taken(holds, b"1")
    assert holds.overtakes(TALK, behind)
    assert not holds.overtakes(TALK, again)


def test_several_refused_keys_come_back_oldest_first() -> None:
    holds = Holds()
    first, second = taken(holds, b"1"), taken(holds, b"2")
    holds.hold(TALK, second, b"2")
    holds.hold(TALK, first, b"1")
    assert holds.offer(TALK, b"2") is None
    again = taken(holds, b"1")
    assert not holds.overtakes(TALK, again)
    second_again = taken(holds, b"2")
    assert not holds.overtakes(TALK, second_again)


def test_an_abandoned_key_lets_the_rest_go_on() -> None:
    holds = Holds()
    holds.hold(TALK, taken(holds, b"1"), b"1")
    holds.release(TALK, b"1")
    assert holds.offer(TALK, b"2") is not None


def test_other_conversations_are_not_held() -> None:
    holds = Holds()
    holds.hold(TALK, taken(holds, b"1"), b"1")
    assert holds.offer("direct/alice/carol", b"2") is not None


def test_what_a_session_holds_is_bounded_whatever_it_does() -> None:
    holds = Holds(max_under_way=8)
    most = (HELD_WINDOWS + RELEASED_WINDOWS) * 8
    for number in range(1000):
        here, key = f"group/{number}", bytes([number % 256])
        ticket = holds.offer(here, key)
        assert ticket is not None
        holds.hold(here, ticket, key)
        assert len(holds) <= most
    for number in range(1000):
        holds.release(f"group/{number}", bytes([number % 256]))
        ticket = holds.offer(TALK, bytes([number % 256]))
        assert ticket is not None
        holds.hold(TALK, ticket, bytes([number % 256]))
        holds.release(TALK, bytes([number % 256]))
        assert len(holds) <= most


def test_the_oldest_hold_goes_and_what_is_queued_behind_it_is_withdrawn() -> None:
    holds = Holds(max_under_way=8)
    refused, behind = taken(holds, b"1"), taken(holds, b"2")
    holds.hold(TALK, refused, b"1")
    for number in range(HELD_WINDOWS * 8):
        ticket = holds.offer(f"group/{number}", b"k")
        assert ticket is not None
        holds.hold(f"group/{number}", ticket, b"k")
    assert holds.overtakes(TALK, behind)
    later = taken(holds, b"3")
    assert not holds.overtakes(TALK, later), "its client had heard of the refusal, and orders what it says"


def test_a_conversation_that_holds_more_than_there_is_room_for_goes_on_holding() -> None:
    holds = Holds(1)
    for number in range(HELD_WINDOWS + 1):
        holds.hold(TALK, Ticket(number, number), b"%d" % number)
    assert holds.offer(TALK, b"another") is None


def test_one_key_held_again_and_again_is_one_release() -> None:
    holds = Holds(max_under_way=8)
    for _ in range(100):
        holds.hold(TALK, taken(holds, b"1"), b"1")
    assert len(holds) <= 2


class PipeliningClient:
    """Sends without waiting for answers, and offers again, oldest first, whatever was refused before it says more."""

    def __init__(self) -> None:
        self.holds = Holds()
        self.queue: deque[tuple[int, Ticket]] = deque()
        self.stored: list[int] = []
        self.refused: list[int] = []
        self.said = 0

    def send(self, *, refused: bool) -> None:
        """The next post arrives. While something was refused and something else is undecided, the client waits."""
        if self.refused and self.queue:
            return
        if self.refused:
            number = min(self.refused)
            self.refused.remove(number)
        else:
            number, self.said = self.said, self.said + 1
        ticket = self.holds.offer(TALK, bytes([number]))
        if ticket is None:
            self.refused.append(number)
        elif refused:
            self._refuse(number, ticket)
        else:
            self.queue.append((number, ticket))

    def decide(self, *, refused: bool) -> None:
        """The oldest queued post comes to its end."""
        if self.queue:
            number, ticket = self.queue.popleft()
            if refused or self.holds.overtakes(TALK, ticket):
                self._refuse(number, ticket)
            else:
                self.stored.append(number)

    def _refuse(self, number: int, ticket: Ticket) -> None:
        self.holds.hold(TALK, ticket, bytes([number]))
        self.refused.append(number)


@given(
    st.lists(
        st.tuples(st.sampled_from([PipeliningClient.send, PipeliningClient.decide]), st.booleans()),
        max_size=80,
    )
)
def test_whatever_is_refused_when_the_stored_order_is_the_order_of_sending(
    moves: list[tuple[Callable[..., None], bool]],
) -> None:
    client = PipeliningClient()
    for move, refused in moves:
        move(client, refused=refused)
    for _ in range(len(moves) + 1):
        while client.queue:
            client.decide(refused=False)
        if client.refused:
            client.send(refused=False)
    assert client.stored == list(range(client.said))


def test_holds_that_are_over_do_not_push_out_those_that_are_not() -> None:
    """What was offered again, given up, or held twice counts no more, or once."""
    holds = Holds(max_under_way=4)
    holds.hold(TALK, taken(holds, b"1"), b"1")
    for number in range(100):
        here = f"group/{number}"
        for key in (b"k", b"l"):
            ticket = holds.offer(here, b"k")
            assert ticket is not None
            for _ in range(3):
                holds.hold(here, ticket, b"k")
            if key == b"k":
                holds.release(here, key)
        assert holds.offer(here, b"k") is not None
        assert holds.offer(TALK, b"2") is None, "the first one is not decided"
    assert len(holds) <= RELEASED_WINDOWS * 4 + 1


def test_of_many_holds_the_one_that_was_held_last_stays_longest() -> None:
    holds = Holds(max_under_way=4)
    places = [f"group/{number}" for number in range(3 * HELD_WINDOWS * 4)]
    queued: dict[str, Ticket] = {}
    for place in places:
        for key in (b"1", b"2"):
            ticket = holds.offer(place, key)
            assert ticket is not None
            queued[place + str(key)] = ticket
        behind = holds.offer(place, b"3")
        assert behind is not None
        queued[place] = behind
        for key in (b"2", b"1"):
            holds.hold(place, queued[place + str(key)], key)
    held = [place for place in places if holds.offer(place, b"4") is None]
    assert held == places[-len(held) :]
    assert len(held) == HELD_WINDOWS * 4 // 2, "two keys each"
    assert all(holds.overtakes(place, queued[place]) for place in held)
    # Those that went lately still keep what was queued behind their first key from coming before it.
    lately = places[-len(held) - RELEASED_WINDOWS * 4 : -len(held)]
    assert all(holds.overtakes(place, queued[place + str(b"2")]) for place in lately)


def test_sessions_that_held_nothing_share_nothing() -> None:
    """They begin with one empty table in common."""
    one, other = Holds(), Holds()
    ticket = one.offer("talk", b"k")
    assert ticket is not None
    one.hold("talk", ticket, b"k")
    one.release("talk", b"k")
    one.write_waits("talk", 1.0)
    assert len(one) == 1
    for untouched in (other, Holds()):
        assert (len(untouched), untouched.matter, untouched.waiting, untouched.waiting_tokens) == (
            0,
            False,
            {},
            0.0,
        )
