"""The words on the demo chain's cards: the status that a title means, and the formats of a time. For the checker."""

from __future__ import annotations

from datetime import datetime

#: The status that the title of a customer's card means, in both languages. A card is shown or edited whenever its appointment
#: changes, also when staff say that the customer came or did not; an appointment that is only held is no promise.
STATUSES = {
    "等待门店确认": "pending",
    "Waiting for the shop": "pending",
    "预约成功": "confirmed",
    "Booked": "confirmed",
    "已到店": "arrived",
    "Arrived": "arrived",
    "验光中": "in_exam",
    "In the exam": "in_exam",
    "已完成": "done",
    "Done": "done",
    "已取消": "cancelled",
    "Cancelled": "cancelled",
    "未到店": "no_show",
    "Did not come": "no_show",
}
#: The same for the news in the staff group, which has every change of every appointment.
NEWS = {
    "新预约": "confirmed",
    "已确认": "confirmed",
    "改约": "confirmed",
    "到店": "arrived",
    "开始": "in_exam",
    "完成": "done",
    "取消": "cancelled",
    "爽约": "no_show",
    "时间不变": "confirmed",
    "更正": "confirmed",
    "没有确认，已结束": "cancelled",
    # Until the shop says yes to another time, and when it never does, the appointment is what it was.
    "想改时间，请确认": "confirmed",
    "不改": "confirmed",
    "改时间没有确认，已结束": "confirmed",
    "没有改成": "confirmed",
    "不改了": "confirmed",
}


def time_words(wall: datetime) -> list[str]:
    """A time as the demo chain's cards write it, in Chinese and in English."""
    weekday = "一二三四五六日"[wall.weekday()]
    return [
        f"{wall.month}月{wall.day}日 周{weekday} {wall:%H:%M}",
        f"{wall:%a} {wall.day} {wall:%b} {wall:%H:%M}",
    ]
