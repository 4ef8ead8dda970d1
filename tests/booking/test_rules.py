"""The rules that everybody relies on, written down a second time: who may do what to an appointment, and when one may start."""

from datetime import datetime

import msgspec
import pytest

from imserver.plugins.booking.schedule.slots import why_not
from imserver.plugins.booking.schedule.status import (
    LIVE,
    OWNING,
    Action,
    Actor,
    NotPossible,
    Status,
    next_status,
)
from tests.booking.support.booked import booked
from tests.booking.support.chains import trial
from tests.booking.support.ledger import NOW, ZONE, ms
from tests.booking.support.shop import Shop

#: status: what the customer, the staff and the timer may do, and where it leads. Not derived from the table in the code.
MAY = {
    "held": {
        "customer": "request>pending confirm>confirmed move>held correct>held cancel>cancelled",
        "staff": "request>pending confirm>confirmed move>held correct>held cancel>cancelled",
        "timer": "expire>expired",
    },
    "pending": {
        "customer": "move>pending cancel>cancelled correct>pending",
        "staff": "confirm>confirmed move>pending cancel>cancelled correct>pending",
        "timer": "lapse>cancelled",
    },
    "confirmed": {
        "customer": "move>confirmed cancel>cancelled correct>confirmed ask_move>confirmed keep_time>confirmed",
        "staff": "move>confirmed cancel>cancelled correct>confirmed ask_move>confirmed keep_time>confirmed arrive>arrived"
        " no_show>no_show finish>done",
        "timer": "keep_time>confirmed",
    },
    "arrived": {"staff": "start>in_exam finish>done cancel>cancelled"},
    "in_exam": {"staff": "finish>done"},
}


@pytest.mark.parametrize("status", Status)
def test_who_may_do_what_to_an_appointment(status):
    for actor in Actor:
        steps = dict(step.split(">") for step in MAY.get(str(status), {}).get(str(actor), "").split())
        for action in Action:
            if action in steps:
                assert next_status(status, action, actor) == steps[action]
            else:
                with pytest.raises(NotPossible):
                    next_status(status, action, actor)


def test_which_appointments_own_their_time_and_which_are_shown_as_mine():
    assert sorted(OWNING) == ["arrived", "confirmed", "held", "in_exam", "pending"]
    assert sorted(LIVE) == ["arrived", "confirmed", "in_exam", "pending"]


@pytest.mark.parametrize(
    ("wall", "reason"),
    [
        ("2026-11-18T09:55", "past"),
        ("2026-11-18T10:00", "lead"),
        ("2026-11-18T11:45", "lead"),
        ("2026-11-18T12:00", None),
        ("2026-11-18T12:05", "step"),
        ("2026-11-18T17:30", None),
        ("2026-11-18T17:45", "hours"),
        ("2026-11-18T08:00", "past"),
        ("2026-11-21T10:00", None),
        ("2026-11-22T10:00", "horizon"),
    ],
)
def test_why_a_start_is_refused(wall, reason):
    (store,) = trial(extra="horizon_days = 3").stores
    store = msgspec.structs.replace(store, lead_min=120)
    assert why_not(store, datetime.fromisoformat(wall), 30, NOW) == reason
    assert ms("2026-11-18T10:00", ZONE) == NOW


async def test_what_was_cancelled_is_no_more_mine_and_makes_room_for_another():
    async with Shop() as shop:
        here, code = await booked(shop)
        assert code in await shop.hear("ming", here, "我的预约")
        for text in (f"取消 {code}", "好"):
            await shop.say("ming", here, text)
        mine = await shop.hear("ming", here, "我的预约")
        assert f"改约 {code}" not in mine
        assert "没有" in await shop.hear("ming", here, "改约")
