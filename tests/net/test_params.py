"""Parameters that no conversation, key or number can be are refused before they are kept anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from imserver.errors import Refusal, RefusalCode
from imserver.net.dispatch import read_params
from imserver_protocol.shared.ids import MAX_CONVERSATION_ID_BYTES
from tests.support.methods import METHOD_TABLE


@pytest.mark.parametrize("name", ["post", "abandon", "history", "cursor", "edit", "add", "members"])
def test_an_id_longer_than_any_is_nobodys_conversation(name: str) -> None:
    method = METHOD_TABLE[name].method
    rest: tuple[Any, ...] = {
        "post": (b"k" * 16, b""),
        "abandon": (b"k" * 16,),
        "edit": (b"k" * 16, 1, None, b""),
        "add": (b"k" * 16, "bob"),
    }.get(name, ())
    longest = "x" * MAX_CONVERSATION_ID_BYTES
    assert read_params(method, (longest, *rest)).conversation_id == longest
    for longer in (longest + "x", "é" * (MAX_CONVERSATION_ID_BYTES // 2 + 1)):
        with pytest.raises(Refusal) as refused:
            read_params(method, (longer, *rest))
        assert refused.value.code is RefusalCode.NOT_FOUND
