"""The bots of the demo chain, and the lines that customers and staff post to them."""

from __future__ import annotations

#: The shops of the demo chain, and lines for their bots.
SHOPS = ("store-garden", "store-river")
ENTRY = "booking"
LINES = {
    "zh": (
        "预约周六下午3点验光，我叫陈静，50岁，来过",
        "预约周五上午10点半验光，我叫王小明，成人，第一次",
        "预约明天下午验光",
        "改约 周五上午11点",
        "改约 周日下午2点",
        "我的预约",
        "取消",
        "空档",
        "好",
        "好",
        "不",
        "门店",
        "我叫王小明",
    ),
    "en": (
        "/book sat 3pm eye exam, my name is Alice, adult, first visit",
        "/book fri 10:30 eye exam, my name is Bob, adult, been before",
        "/book tomorrow afternoon eye exam",
        "/reschedule fri 11am",
        "/reschedule sun 2pm",
        "/my appointments",
        "/cancel",
        "yes",
        "yes",
        "no",
        "/stores",
        "my name is Alice",
    ),
    "staff": (
        "今日预约",
        "今日预约 周六",
        "今日预约 周五",
        "好",
        "不",
        "预约周六下午4点验光，我叫王小明，成人，第一次",
    ),
}
