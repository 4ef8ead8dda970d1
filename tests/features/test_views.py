"""A feature touches nothing outside of what its asker was granted, and what a method costs follows from who hears of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from imserver.chat.permissions import Grant
from imserver.errors import Refusal, RefusalCode
from imserver.feature_host.views import FeatureTransaction, Request
from tests.features.trial import Trial
from tests.support.methods import METHOD_TABLE

HERE = "group/here"


class Kernel:
    """Takes every call."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def called(*_: Any, **__: Any) -> None:
            self.calls.append(name)

        return called


@pytest.mark.parametrize(("position", "within"), [(4, False), (5, True), (9, True), (10, False)])
def test_positions_outside_of_the_grant_are_not_there(position: int, within: bool) -> None:
    kernel: Any = Kernel()
    tx = FeatureTransaction(
        kernel, Trial().feature(), Request(HERE, "ann", Grant(5, 9), b"k" * 16, b"d" * 16)
    )
    acts = {
        "set_item": lambda place: tx.set_item(place, position, 1),
        "item": lambda place: tx.item(place, position, "ann"),
        "replace_content": lambda place: tx.replace_content(place, position, None),
    }
    for name, act in acts.items():
        if within:
            act(HERE)
            assert kernel.calls[-1] == name
            continue
        before = list(kernel.calls)
        with pytest.raises(Refusal) as refused:
            act(HERE)
        assert refused.value.code is RefusalCode.NOT_FOUND
        assert kernel.calls == before
        act("group/elsewhere")  # of which the grant says nothing: the feature's own business


def test_what_nobody_asked_for_has_no_key_to_tell_anything_under() -> None:
    kernel: Any = Kernel()
    with pytest.raises(TypeError):
        FeatureTransaction(kernel, Trial().feature()).post_system(HERE, {"event": "x"})
    FeatureTransaction(kernel, Trial().feature()).set_item(HERE, 1, 1)
    assert kernel.calls == ["set_item"]


def test_what_all_members_hear_of_costs_as_often_as_a_post_to_them() -> None:
    edit, cursor, create = (METHOD_TABLE[name] for name in ("edit", "cursor", "create"))
    params: Any = object()
    for post_cost in (1.0, 3.0, 51.0):
        price = partial(float, post_cost)
        assert edit.cost(params, price) == post_cost
        assert cursor.cost(params, price) == 0.2
        assert create.cost(params, price) == 5.0
