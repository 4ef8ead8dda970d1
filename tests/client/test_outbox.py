"""The outbox and the inbox with plain numbers."""

from __future__ import annotations

import random

import pytest

from imserver_client.core.inbox import Inbox, Place
from imserver_client.core.outbox import Entry, Outbox
from imserver_client.storage import SavedPosition
from imserver_protocol.methods.sync import SyncRow


def fill(outbox: Outbox, lane: str, count: int) -> list[Entry]:
    return [outbox.add(lane, f"{lane}{number}".encode(), b"x") for number in range(count)]


def taken(outbox: Outbox) -> list[bytes]:
    found = []
    while (entry := outbox.next()) is not None:
        found.append(entry.key)
    return found


def row(conversation_id: str, head: int, joined_at: int = 1, left_at: int | None = None) -> SyncRow:
    return SyncRow(conversation_id, "group", "", head, joined_at, left_at, "member", 0, 0, {}, ())


class TestOutbox:
    def test_lanes_take_turns(self):
        outbox = Outbox()
        fill(outbox, "a", 3)
        fill(outbox, "b", 2)
        assert taken(outbox) == [b"a0", b"b0", b"a1", b"b1", b"a2"]
        assert outbox.in_flight == 5

    def test_a_refused_post_goes_before_those_that_were_in_flight_behind_it(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 4)
        assert len(taken(outbox)) == 4
        outbox.held(entries[0], until=5)
        assert taken(outbox) == [], "the rest is still in flight"
        for entry in reversed(entries[1:]):
            outbox.held(entry, until=0)
        assert outbox.lift(4) == 5
        assert taken(outbox) == []
        assert outbox.lift(5) is None
        assert taken(outbox) == [b"a0"], "one goes first"
        outbox.remove(entries[0], accepted=True)
        assert taken(outbox) == [b"a1", b"a2"], "then two"

    def test_of_two_older_copies_what_the_later_one_lacks_goes_first(self):
        outbox = Outbox()
        outbox.offer_first([("a", b"1", b"x"), ("a", b"2", b"x")])
        outbox.offer_first([("a", b"0", b"x")])
        assert taken(outbox) == [b"0", b"1", b"2"]

    def test_one_that_was_posted_again_has_its_place_among_those_that_are_offered_again(self):
        outbox = Outbox()
        outbox.add("a", b"1", b"x", offered=True)
        fill(outbox, "a", 2)
        outbox.offer_first([("a", key, b"x") for key in (b"0", b"1", b"2")])
        assert [entry.key for entry in outbox] == [b"0", b"1", b"2", b"a0", b"a1"]
        assert taken(outbox) == [b"0", b"1", b"2", b"a0", b"a1"]
        assert outbox.bytes == 5

    def test_there_was_no_room(self):
        outbox = Outbox()
        fill(outbox, "a", 2)
        first = outbox.next()
        assert first is not None
        outbox.back(first)
        assert outbox.in_flight == 0
        assert taken(outbox) == [b"a0", b"a1"]

    def test_a_settled_post_is_not_offered(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 3)
        assert outbox.next() is entries[0]
        outbox.remove(entries[1])
        outbox.remove(entries[0])
        outbox.landed(entries[0])
        assert taken(outbox) == [b"a2"]
        assert len(outbox) == 1
        assert outbox.bytes == 1

    def test_a_refused_post_that_turns_out_to_be_committed_is_offered_again_to_lift_its_hold(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 2)
        assert len(taken(outbox)) == 2
        outbox.held(entries[0], until=1)
        outbox.held(entries[1], until=1)
        outbox.remove(entries[0])  # a page has shown it
        outbox.lift(1)
        assert taken(outbox) == [b"a0"], "or the server would refuse a1 HELD for ever"
        outbox.held(entries[0], until=2)
        outbox.lift(2)
        assert taken(outbox) == [b"a0"]
        outbox.landed(entries[0])
        assert taken(outbox) == [b"a1"]

    def test_a_fresh_session_has_no_holds(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 2)
        assert len(taken(outbox)) == 2
        outbox.held(entries[0], until=1)
        outbox.held(entries[1], until=1)
        outbox.remove(entries[0])
        outbox.session_lost()
        outbox.lift(1)
        assert taken(outbox) == [b"a1"]

    def test_a_post_that_is_being_given_up_waits(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 2)
        outbox.give_up(entries[0])
        assert taken(outbox) == [b"a0", b"a1"], "what this session has not refused yet is offered first"
        outbox.held(entries[0], until=1)
        outbox.remove(entries[1])
        outbox.lift(1)
        assert taken(outbox) == []
        outbox.resume(entries[0])
        assert taken(outbox) == [b"a0"]

    def test_a_post_that_is_being_given_up_is_offered_again_in_a_fresh_session(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 3)
        assert len(taken(outbox)) == 3
        outbox.give_up(entries[1])
        for entry in entries:
            outbox.held(entry, until=1)
        outbox.lift(1)
        assert taken(outbox) == []
        outbox.session_lost()
        assert taken(outbox) == [b"a0"]
        outbox.remove(entries[0], accepted=True)
        assert taken(outbox) == [b"a1", b"a2"]

    def test_nothing_overtakes_a_post_whose_giving_up_is_not_answered(self):
        """If the session ends before the answer it is offered again, and would come behind them."""
        outbox = Outbox()
        entries = fill(outbox, "a", 3)
        assert len(taken(outbox)) == 3
        for entry in entries:
            outbox.held(entry, until=1)
        outbox.lift(1)
        outbox.give_up(entries[0])
        outbox.give_up(entries[0])
        late = outbox.add("a", b"late", b"x")
        assert taken(outbox) == []
        outbox.resume(entries[0])
        assert taken(outbox) == [], "another call is at it"
        outbox.remove(entries[0])
        outbox.given_up(entries[0])
        assert taken(outbox) == [b"a1"]
        outbox.remove(entries[1], accepted=True)
        assert taken(outbox) == [b"a2", late.key]

    def test_a_committed_post_whose_giving_up_failed_lifts_its_hold(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 2)
        assert len(taken(outbox)) == 2
        for entry in entries:
            outbox.held(entry, until=1)
        outbox.lift(1)
        outbox.give_up(entries[0])
        outbox.remove(entries[0])  # a page has shown it
        assert taken(outbox) == []
        outbox.resume(entries[0])
        assert taken(outbox) == [b"a0"], "or the server would refuse a1 HELD for ever"

    def test_what_was_in_flight_when_the_session_was_lost_is_offered_again_in_order(self):
        outbox = Outbox()
        fill(outbox, "a", 4)
        assert [entry and entry.key for entry in (outbox.next(), outbox.next())] == [b"a0", b"a1"]
        outbox.session_lost()
        assert outbox.in_flight == 0
        assert taken(outbox) == [b"a0", b"a1", b"a2", b"a3"]

    def test_a_fresh_session_does_not_wait_for_the_time_of_the_old_one(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 2)
        assert len(taken(outbox)) == 2
        outbox.held(entries[0], until=600)
        outbox.held(entries[1], until=600)
        outbox.session_lost()
        assert outbox.lift(0) is None
        assert taken(outbox) == [b"a0"]

    def test_only_a_post_that_was_alone_is_blamed(self):
        outbox = Outbox()
        entries = fill(outbox, "a", 2)
        assert len(taken(outbox)) == 2
        assert outbox.violation(by_server=True) is None
        outbox.session_lost()
        for blamed in (None, entries[0]):
            assert taken(outbox) == [b"a0"]
            assert outbox.violation(by_server=True) is blamed
            outbox.session_lost()
        outbox.remove(entries[0])
        assert taken(outbox) == [b"a1"]
        assert outbox.violation(by_server=False) is None
        assert entries[1].violations == 0, "our own complaint is nobody's fault here"
        outbox.session_lost()
        late = outbox.add("a", b"late", b"x")
        outbox.remove(entries[1])
        assert not outbox.one_by_one
        assert taken(outbox) == [late.key]

    @pytest.mark.parametrize("seed", range(20))
    def test_whatever_happens_lanes_keep_their_order_and_nothing_is_lost(self, seed):
        dice = random.Random(seed)
        outbox = Outbox()
        accepted: dict[str, list[int]] = {"a": [], "b": []}
        in_flight: list[Entry] = []
        giving_up: list[Entry] = []
        now, added, given_up = 0.0, 0, 0
        while added < 200 or len(outbox):
            now += 1
            outbox.lift(now)
            if added < 200 and dice.random() < 0.5:
                outbox.add(dice.choice("ab"), added.to_bytes(16, "big"), b"x")
                added += 1
            offered = [entry for entry in outbox if entry.offered and entry not in giving_up]
            if offered and dice.random() < 0.1:
                giving_up.append(dice.choice(offered))
                outbox.give_up(giving_up[-1])
            for _ in range(dice.randrange(6)):
                if (entry := outbox.next()) is not None:
                    assert entry not in in_flight
                    in_flight.append(entry)
            if dice.random() < 0.03:
                outbox.violation(by_server=False)
                outbox.session_lost()
                in_flight.clear()
            # The server holds a conversation from the first refusal on; answers may come late.
            for lane in "ab":
                mine = [entry for entry in in_flight if entry.conversation_id == lane]
                holding = False
                for entry in mine:
                    holding = holding or dice.random() < 0.2
                    in_flight.remove(entry)
                    if holding:
                        outbox.held(entry, now + dice.randrange(4))
                    else:
                        accepted[lane].append(entry.number)
                        outbox.remove(entry, accepted=True)
            # A refused one may be given up; the answer comes late, or never in this session.
            for entry in [entry for entry in giving_up if entry.gone or entry.given_up]:
                if dice.random() < 0.3:
                    giving_up.remove(entry)
                    given_up += not entry.gone
                    outbox.remove(entry)
                    outbox.given_up(entry)
        assert accepted["a"] == sorted(accepted["a"])
        assert accepted["b"] == sorted(accepted["b"])
        assert len({*accepted["a"], *accepted["b"]}) == 200 - given_up
        assert len(accepted["a"] + accepted["b"]) == 200 - given_up
        assert given_up > 0
        assert (outbox.in_flight, outbox.bytes) == (0, 0)


class TestInbox:
    def test_places(self):
        inbox = Inbox(10, 10)
        inbox.restore({"c": SavedPosition(have=4, handed=5, known_head=4)})
        assert inbox.place("c", 4) is Place.DUPLICATE
        assert inbox.place("c", 5) is Place.NEXT
        assert inbox.place("c", 6) is Place.AHEAD
        assert inbox.place("unknown", 1) is Place.AHEAD
        inbox.advance("c", 5)
        assert inbox.place("c", 6) is Place.NEXT
        assert inbox.next_to_read() is None

    def test_what_is_behind_is_read_longest_waiting_first(self):
        inbox = Inbox(10, 10)
        inbox.restore({name: SavedPosition(1, 1, 1) for name in "abc"})
        assert not inbox.note_head("b", 3)
        inbox.note_head("a", 2)
        assert inbox.next_to_read() == "b"
        inbox.advance("b", 3)
        assert inbox.next_to_read() == "a"
        inbox.give_up("a")
        assert inbox.next_to_read() is None

    def test_where_conversations_start(self):
        inbox = Inbox(10, 10)
        assert inbox.apply([row("old", 7)], first_sync=True) == {"old": SavedPosition(7, 0, 7)}
        changed = inbox.apply(
            [row("old", 9), row("new", 6, joined_at=5), row("left", 9, 2, 4)], first_sync=False
        )
        assert changed == {
            "old": SavedPosition(0, 0, 9),
            "new": SavedPosition(4, 0, 6),
            "left": SavedPosition(1, 0, 4),
        }

    def test_heads_of_unknown_conversations_wait_for_sync(self):
        inbox = Inbox(10, max_unknown=1)
        assert inbox.note_head("c", 3)
        assert inbox.note_head("d", 3), "dropped, but sync will list it"
        inbox.apply([row("c", 2)], first_sync=True)
        track = inbox.get("c")
        assert track is not None
        assert (track.have, track.known_head) == (2, 3)
        assert inbox.explained() == []
