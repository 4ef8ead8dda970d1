"""Times of something else: what one has to do then, what was done then, until when one is busy. None of them is a wish."""

import pytest

from .support.speech import CARD, acts, when

NO_WISH = [
    "后天两点半我还在法院",
    "我周四下午两点开庭",
    "星期五兩點我仲喺公司",
    "周五三点有面试",
    "I'll be in court at 2:30 on friday",
    "we have a wedding on saturday at 2",
    "my daughter's recital is friday at 3",
    "at 3 on friday i'm in court",
    # what was done then
    "我三点给你们打过电话",
    "我五号交的钱",
    "I called at 3 and nobody answered",
    "I paid on the 5th",
    # by when an answer comes, and when to call
    "晚上十点前给你答复",
    "三点给我回电",
    "call me at 3",
    "give me till tomorrow",
    # what others have to offer
    "他们也给我留了周五四点",
]


@pytest.mark.parametrize("text", NO_WISH)
def test_a_time_of_something_else_is_no_wish(text: str) -> None:
    assert "give" not in acts(text)
    assert when(text).startswith("?")


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("周六三点我们家有客人，五点以后行不行", "11-21 17:00..00:00 wish 17:00"),
        ("周五两点在医院挂了号，四点左右能赶过来", "11-20 16:00"),
        ("九点半太早，十点半又要接电话，十一点半吧", "11-18 11:30"),
        ("the plumber is coming between 9 and 12 tomorrow so 3pm please", "11-19 15:00"),
        ("they gave me friday at 4 but could you do 3pm", "11-20 15:00"),
        ("I have an interview at 2 on friday, can i come at 4", "11-20 16:00"),
    ],
)
def test_of_two_hours_the_one_that_is_wished(text: str, wish: str) -> None:
    assert when(text) == wish


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("周五要到四点才有空", "11-20 16:00..00:00 wish 16:00"),
        ("周五最早也得四点", "11-20 16:00..00:00 wish 16:00"),
        ("earliest i can do friday is 4pm", "11-20 16:00..00:00 wish 16:00"),
        ("at the earliest 5pm friday", "11-20 17:00..00:00 wish 17:00"),
        ("周五過咗四點先得", "11-20 16:00..00:00 wish 16:00"),
        # one has to come from there: no start is wished for
        ("not until 4 on friday", "11-20 16:00..00:00"),
        ("I can't make it until 4 on friday", "11-20 16:00..00:00"),
        ("I'm at work till 5 on friday", "11-20 17:00..00:00"),
        ("friday I have class until 2", "11-20 14:00..00:00"),
        ("周六补课补到十一点", "11-21 11:00..00:00"),
        ("周六陪客户吃饭吃到两点", "11-21 14:00..00:00"),
        ("礼拜日饮茶饮到一点", "11-22 13:00..00:00"),
        # one can until then
        ("周五四点之前", "11-20 00:00..16:00"),
        ("i'm in town until 5 on friday", "11-20 00:00..17:00"),
        ("周六我能待到五点", "11-21 00:00..17:00"),
        ("i'm free from 2 to 5 on friday", "11-20 14:00..17:00 wish 14:00"),
    ],
)
def test_busy_until_then_is_free_from_then_on(text: str, window: str) -> None:
    assert when(text) == window


@pytest.mark.parametrize(
    "text",
    [
        "三点我还在上班",
        "周五三点要去喝喜酒",
        "I have a call at 3",
        "3点有面试",
        "三点孩子刚睡醒",
        "at 3 on friday i'm in court",
    ],
)
def test_what_one_does_at_the_hour_of_the_card_refuses_it(text: str) -> None:
    assert acts(text, CARD) == "refuse time 15:00"


def test_at_another_hour_than_the_cards_it_refuses_nothing() -> None:
    assert acts("我五点有面试", CARD) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("周三周四都要上学，只有周六能来", "refuse day 11-18, refuse day 11-19, give day 11-21"),
        ("any day next week but wednesday", "refuse day 11-25"),
        ("周一到周四除了周三都行", "refuse day 11-25"),
        ("not friday, the day after", "refuse day 11-20, give day 11-21"),
    ],
)
def test_of_several_days_some_are_left_out(text: str, said: str) -> None:
    found = acts(text).split(", ")
    assert set(said.split(", ")) <= set(found)
    assert "give day 11-25" not in found
    assert "give day 11-18" not in found
