"""Parameters that no conversation, key or number can be are refused before they are kept anywhere."""

from __future__ import annotations

import pytest

from imserver.errors import Refusal, RefusalCode
from imserver.net.dispatch import MAX_CONVERSATION_ID_BYTES, METHODS, read_params


@pytest.mark.parametrize("method", ["post", "abandon", "history", "cursor", "edit", "add", "members"])
def test_an_id_longer_than_any_is_nobodys_conversation(method: str) -> None:
    rest = {
        "post": (b"k" * 16, b""),
        "abandon": (b"k" * 16,),
        "edit": (b"k" * 16, 1, None, b""),
        "add": (b"k" * 16, "bob"),
    }.get(method, ())
    longest = "x" * MAX_CONVERSATION_ID_BYTES
    assert read_params(METHODS[method], (longest, *rest)).conversation_id == longest
    for longer in (longest + "x", "é" * (MAX_CONVERSATION_ID_BYTES // 2 + 1)):
        with pytest.raises(Refusal) as refused:
            read_params(METHODS[method], (longer, *rest))
        assert refused.value.code is RefusalCode.NOT_FOUND
