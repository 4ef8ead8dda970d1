"""How the cards of the demo chain are read: the status that a title means, and how a time is written. For the checker."""

from __future__ import annotations

from datetime import datetime

#: The status that the title of a customer's card means, in both languages.
STATUSES = {
    "预约成功": "confirmed", "已到店": "arrived", "验光中": "in_exam", "已完成": "done", "已取消": "cancelled",
    "未到店": "no_show",
    "Booked": "confirmed", "Arrived": "arrived", "In the exam": "in_exam", "Done": "done", "Cancelled": "cancelled",
    "Did not come": "no_show",
}  # fmt: skip
#: The same of the news in the staff group, which has every change of every appointment.
NEWS = {"新预约": "confirmed", "改约": "confirmed", "取消": "cancelled"}


def time_words(wall: datetime) -> list[str]:
    """How the demo chain's cards write a time, in Chinese and in English."""
    weekday = "一二三四五六日"[wall.weekday()]
    return [
        f"{wall.month}月{wall.day}日 周{weekday} {wall:%H:%M}",
        f"{wall:%a} {wall.day} {wall:%b} {wall:%H:%M}",
    ]
