"""The ends of rows and pages, which tell of state: encoded from the model, read by shapes, cut off where there is nothing."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgpack
import pytest

from imserver.model import ConversationRow, Cursors, ItemPage, Kind, Message, Role
from imserver.net.dispatch import encode_page, wire_conversation, wire_sync_row
from imserver_client import wire
from imserver_protocol.methods import conversations, history, sync
from imserver_protocol.session.posts import encode_result

#: A map as the store keeps it, and what it says.
MAPS: list[tuple[bytes | None, dict[str, Any]]] = [
    (None, {}),
    (b"\x80", {}),
    (msgpack.packb({"x-pins": [1, 2]}), {"x-pins": (1, 2)}),
]
#: Whatever the state of a conversation is, a change of it has been counted.
STATES = [
    *product(MAPS, MAPS, (1, 2**41), (None, "group/" + "0" * 32)),
    *product(MAPS[:1], MAPS[:1], (0,), (None, "group/" + "0" * 32)),
]


def row_of(settings: bytes | None, about: bytes | None, modseq: int, team: str | None) -> ConversationRow:
    return ConversationRow(
        "group/c", Kind.GROUP, "Lunch", 3, 1, None, Role.MEMBER, Cursors(2, 1), (("bob", Cursors(3, 3)),), 2,
        Message("group/c", 3, "bob", 7, b"k" * 16, b"\x80", 1), settings, about, modseq, team,
    )  # fmt: skip


def said(fields: Any) -> Any:
    """As it comes out of a frame."""
    return msgpack.unpackb(encode_result(fields).data, use_list=False)


@pytest.mark.parametrize(("settings", "about", "modseq", "team"), STATES)
def test_rows_end_with_what_there_is(settings: Any, about: Any, modseq: int, team: str | None) -> None:
    row = row_of(settings[0], about[0], modseq, team)
    kinds: list[tuple[Any, Any, int]] = [
        (said(wire_sync_row(row)), sync.SyncRow, 11),
        (said(wire_conversation(row)), conversations.ConversationRow, 7),
    ]
    for fields, shape, mandatory in kinds:
        read = wire.read(fields, shape)
        assert (read.settings or {}, read.about or {}, read.modseq or 0, read.team) == (
            settings[1],
            about[1],
            modseq,
            team,
        )
        assert len(fields) == mandatory or fields[-1] is not None
        assert (len(fields) == mandatory) is (not modseq and team is None)


def test_settings_are_a_map_in_rows_of_sync() -> None:
    for data, meant in MAPS:
        assert said(wire_sync_row(row_of(data, None, 1, None)))[9] == meant


@pytest.mark.parametrize("modseq", [0, 1, 2**41])
def test_a_page_ends_with_its_modseq_if_there_ever_was_a_state(modseq: int) -> None:
    item = (1, "bob", 7, b"k" * 16, b"\x80", 1)
    fields = msgpack.unpackb(encode_page(ItemPage([item], 1, 1, 1, modseq)).data, use_list=False)
    assert fields == ((item,), 1, 1, 1, modseq)[: 4 + bool(modseq)]
    assert wire.read(fields, history.HistoryResult).modseq == (modseq or None)
