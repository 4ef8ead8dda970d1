"""The rules of the date grammar: phrases, each with its reader.

Rules run from top to bottom and blank out what they read. A row that comes first protects its words from the rows
below (二十五号 before 五号; "30 Nov 5 pm" is not 5 November), so the order is part of the meaning.
No row repeats without bound, so the work is bounded by the number of rows and `text.MAX_CHARS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from . import day_readers as days
from . import moved_readers as moves
from . import time_readers as times
from . import week_readers as weeks
from .deferred import deferred
from .holidays import HOLIDAYS
from .numerals import EN_ONES, EN_TENS, either
from .text import DAY_MARK, TIME_MARK
from .tokens import Reader, refuse

# ------------------------------------------------------------------------------------------------------------- fragments

CN: Final = "(?:[二三四五]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?|卅一?|[零〇一二两三四五六七八九])"
CN_ANY: Final = "0-9零〇一二两三四五六七八九十廿卅"
NUM: Final = f"(?:[0-9]{{1,2}}|{CN})"
ALONE: Final = f"(?<![{CN_ANY}.⁄百几数半第初])"
"""Before a number: it is not the tail of a longer one (三四点, 12.3下午) nor of 第三, 初三."""

HOUR_WORD: Final = either(EN_ONES[1:13])
EN_HOUR: Final = f"(?:[0-9]{{1,2}}|{HOUR_WORD})"
TENS_WORD: Final = either(EN_TENS)
EN_NUM: Final = f"(?:(?:{TENS_WORD})(?:[- ](?:{either(EN_ONES[1:10])}))?|{either(EN_ONES[1:])})"
COUNT: Final = f"(?P<count>an?|[0-9]{{1,3}}|{EN_NUM})"

WEEK: Final = "(?:周|星期|礼拜|(?<!礼)拜)"
CN_AFTER: Final = "(?:以后|之后|过后|后)"
CN_DAY: Final = "[一二三四五六日天]"
EN_DAY: Final = (
    "(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thr|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
    "(?![a-z])"
)
EN_MONTH: Final = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])"
)
ORDINAL: Final = "(?:st|nd|rd|th)(?![a-z])"
YEAR: Final = "(?:,? (?P<year>20[0-9]{2})(?![0-9:]))?"
AM_PM: Final = r"(?P<part>[ap])\.? ?m(?:-?ish)?(?![a-z])\.?"
AT: Final = "(?<![a-z])(?:at |@ ?)"
DIAL: Final = f"(?<![0-9a-z.])(?<![0-9]:)(?:{AT})?"

CN_AMOUNT: Final = (
    f"(?:(?P<half_hour>半) ?个?(?:小时|钟头|(?<=个)钟)|"
    f"(?P<hours>{NUM})(?P<point>\\.5)? ?个?(?P<and_half>半)?(?:小时|钟头|(?<=个)钟)"
    f"(?:零?(?P<and_minutes>{NUM}) ?分钟?)?|(?P<minutes>[0-9]{{1,3}}|{CN}) ?分钟?|(?P<quarters>[一二两三]) ?刻钟?)"
)
EN_AMOUNT: Final = (
    f"(?:(?P<half_hour>half an? hour)|(?P<quarters>a) quarter of an hour"
    f"|(?P<hours>an?|[0-9]{{1,2}}|{EN_NUM})(?P<point>\\.5| and a half)? ?(?:hours?|hrs?|h)(?P<and_half> and a half)?"
    f"(?: (?:and )?(?P<and_minutes>[0-9]{{1,2}}) ?(?:minutes?|mins?))?"
    f"|(?P<minutes>an?|[0-9]{{1,3}}|{EN_NUM}) ?(?:minutes?|mins?))(?![a-z])"
)
CANTONESE_MINUTE: Final = (
    f"(?P<fives>[一二两三四五六七八九]|十[一二]?|[0-9]{{1,2}}) ?个字|(?P<bones>[一二两三]) ?个骨|"
    f"[搭踏](?:正|(?P<struck_half>半)|(?P<struck>[一二三四五六七八九]|十[一二]?))|"
    f"(?P<figure>[二三四五六七八九]|一(?=$|[ ,，。?？!！得啦喇呀啱]))(?![{CN_ANY}]|"
    f" ?[点号日岁人位元块月个度天年周小分刻折副只双楼层店张%:/])"
)
"""三點搭九, 三點九, 三點三個字: the figure that the long hand points at, or so many of its fives."""
CN_MINUTE: Final = (
    f"(?:(?P<half>半)(?![年天个小])|(?P<quarter>[123一二两三]) ?刻钟?|(?:过 ?)?[零〇]?(?P<counted>{NUM}) ?分(?!钟)"
    f"|(?P<minute>[0-9]{{2}}|[零〇][一二三四五六七八九]|[二三四五]?十[一二三四五六七八九]?)"
    f"(?![{CN_ANY}]| ?[号日岁人位元块月个度天年周小分%:/])|{CANTONESE_MINUTE})"
)
CN_BEFORE: Final = f"差 ?(?:(?P<minute>{NUM}) ?分钟?|一刻钟?)"


@dataclass(frozen=True, slots=True)
class Rule:
    """A phrase and what it means."""

    pattern: re.Pattern[str]
    read: Reader
    timely: bool = False  # of a time of day, not of a day


def _compiled(*rows: tuple[str, Reader], timely: bool = False) -> tuple[Rule, ...]:
    return tuple(Rule(deferred(pattern), reader, timely) for pattern, reader in rows)


# ----------------------------------------------------------------------------------------------------------------- rules

CLOCKED: Final = "[上下中]午|[早晚]上?|那天|当天|$|[ ,，。]"
OVER: Final = _compiled(
    (
        "昨[天日晚早夜]?|[琴寻]日|大?前[天日](?!起)|去年|前年|(?<![a-z])yesterday(?![a-z])",
        refuse("past"),
    ),
    (f"(?<![早晚马])上(?: ?上)? ?个? ?(?:{WEEK}(?: ?{CN_DAY}|[1-7])?|月)", refuse("past")),
    (
        f"{ALONE}(?:[0-9]{{1,3}}|{CN}|半) ?(?:天|个? ?{WEEK}|个? ?月|年|个? ?小时|分钟) ?[以之]?前",
        refuse("past"),
    ),
    (
        (
            f"(?:农历|阴历|旧历|老历)的?(?:{NUM} ?月|[正冬腊]月)?的?(?:初?{CN})?|[冬腊]月的?(?:初?{CN})?|"
            f"(?<![大年月节])初{CN}(?={CLOCKED})"
        ),
        refuse("vague"),
    ),
    ("(?<![a-z])mother'?s day(?![a-z])", refuse("vague")),  # in March or in May
    ("今明两?[天日]?", days.either_day(0)),
    ("明后两?[天日]?", days.either_day(1)),
    (
        "(?<![a-z])(?:the )?weekend after next(?![a-z])|(?<![a-z])(?:the )?(?:week|weekend) (?:before|after) last(?![a-z])",
        refuse("ambiguous_week"),
    ),
    (
        (
            "(?:现在|马上|立刻|立马|这会儿|而家|即刻)(?=[就即]?(?:能|可以|想|要)?(?:来|过来|过去|去你|到你|嚟|有空|有位|有人吗?$))|"
            r"(?:(?<=come )|(?<=come in )|(?<=come over )|(?<=see me )|(?<=pop in )|(?<=drop in )|(?<=in )|(?<=available ))"
            r"(?:right |straight )?(?:now|away)(?= ?(?:$|[?.!,]))"
        ),
        days.days_ahead(0),
    ),
    (f"每 ?个? ?{WEEK} ?(?P<day>{CN_DAY})|{WEEK}(?P<day2>{CN_DAY})每周", weeks.read_every),
    (
        (
            f"(?<![a-z])(?:every (?P<day>{EN_DAY})|(?:on )?(?P<day2>mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|"
            f"sat(?:ur)?|sun)days(?! from now)(?![a-z]))"
        ),
        weeks.read_every_english,
    ),
    ("工作日|(?<![a-z])weekdays(?![a-z])", refuse("recurring")),
    (f"再下 ?(?:周|星期|礼拜)(?:{CN_DAY})?|下周再下周", refuse("ambiguous_week")),
)
_POINTING: Final = "(?<![^ ,，。;；!！?？我但可就是那在到改推挪换\x01])"
"""Before a word that points at the card: it stands by itself, not behind a day or an hour (三点那会儿)."""
SAME: Final = _compiled(
    (
        (
            f"下个?{WEEK}的?(?:同一?个?时间|这个?(?:时候|时间|点)(?:钟|(?![{CN_ANY}]))|老时间)|"
            r"(?<![a-z])(?:the )?same time next week(?![a-z])"
        ),
        moves.read_same_next_week,
    ),
    (
        (
            f"(?:再?过)?一个?{WEEK}(?:以后|之后|后|过后)?[,，]?的?(?:同一?个?时间|时间(?:不变|一样|照旧))|"
            r"(?<![a-z])(?:the )?same time (?:(?:in )?a week(?: later| after)?|the (?:week after|following week))(?![a-z])|"
            r"(?<![a-z])(?:a|one) week later,? (?:at the )?same time(?![a-z])"
        ),
        moves.read_same_next_week,
    ),
    (
        f"{_POINTING}(?:这个?点(?!钟?[{CN_ANY}半])|那个?点(?!钟?[{CN_ANY}半])|那(?:会儿?|阵儿?|时候?|个时候)|这个时候)",
        moves.same("time"),
    ),
    (f"{_POINTING}(?:当天(?![的上下中早晚]?取)|当日)", moves.same("day")),
    (f"{_POINTING}(?:的)?(?:第二[天日]|次日|翌日|隔天|隔日)", moves.same("next")),
    (r"(?:^|(?<=same time )(?:on )?(?:the )?)next day(?![a-z])", moves.same("next")),
    (
        "同一?个?样?的?(?:时间|钟点|点)|时间(?:不变|照旧|一样)|(?:一样|相同|原来|原)的?时间(?=[,，。 ]|$)",
        moves.same("time"),
    ),
    (r"(?<![a-z])(?:(?:at )?the )?same (?:time|hour)(?![a-z])", moves.same("time")),
    ("(?:这个?|那个?|该)时间[点段]?|(?<![一-鿿])时间(?=太|有点|不|早|晚)", moves.same("time")),
    (r"(?<![a-z])(?:at )?(?:that|this|the) time(?![a-z])", moves.same("time")),
    ("(?<![某哪月端节旦诞夜至午秋明庆五一])[那这](?:一)?[天日](?![下上早晚])|同一?天", moves.same("day")),
    (r"(?<![a-z])(?:on )?(?:the same|that) day(?![a-z])", moves.same("day")),
    (r"(?<![a-z])(?:(?:of|in) )?(?:the same|that)(?: same)? week(?![a-z])", moves.same("week")),
    (
        "(?:[在就])?(?:那(?:一)?个?|同一?个?|当)(?:周|星期|礼拜)(?![一二三四五六日天末])(?:的|里)?(?=[周星礼])",
        moves.same("week"),
    ),
)
_SHIFT_CN: Final = (
    "(?<!可能)(?<!估计)(?<!也许)(?<!大概)(?<!会)(?<!约)(?:再|给我)?"
    "(?:(?P<early>往前(?:提|挪|移|调|推|赶|错)?|提前|提早|早|前(?:移|挪))|往后(?:推|挪|延|移|调|错|拖|放|顺延)?|推后|推迟|延后|延迟|延期|顺延|推|延|挪后|晚|迟|后(?:推|挪|延))"
    "(?:个|了|一下)? ?"
)
_NOT_ARRIVING: Final = (
    "(?![点多]?(?:才|左右)?(?:到(?![周星礼下明后今大0-9一二两三四五六七八九十])|来|过来|过去|去))"
)
#: Behind "the day before" where it is a day, and not one before another that is named.
_BY_ITSELF: Final = (
    "(?=$|[,.?!]| (?:at|around|about|same|the same|instead|please|pls|thanks|then|in the|if)(?![a-z]))"
)
SHIFTS: Final = _compiled(
    (f"{_SHIFT_CN}{CN_AMOUNT}{_NOT_ARRIVING}", moves.read_moved_time),
    (f"{_SHIFT_CN}钟头?{_NOT_ARRIVING}", moves.read_an_hour),
    (
        (
            f"(?<![a-z])(?:push|move|bring|put)(?: it| mine| that| my appointment)? (?:back|out|(?P<early>forward|"
            f"up))(?: by)? {EN_AMOUNT}"
        ),
        moves.read_moved_time,
    ),
    (
        f"(?<![a-z])(?:postpone|delay|push)(?: it| mine| that)?(?: by)? {EN_AMOUNT}(?: back| later)?",
        moves.read_moved_time,
    ),
    (f"(?<![a-z])(?:later|(?P<early>earlier|sooner)) by {EN_AMOUNT}", moves.read_moved_time),
    (
        f"(?<![a-z])(?:postpone|delay)(?: it| mine)?(?: by)? {COUNT} (?P<unit>day|week)s?(?![a-z])",
        moves.read_moved_days,
    ),
    (f"(?<![a-z0-9.]){EN_AMOUNT} (?:later|(?P<early>earlier|sooner))(?![a-z])", moves.read_moved_time),
    (f"(?<![a-z0-9.]){COUNT} (?P<unit>day|week)s? (?P<early>earlier|sooner)(?![a-z])", moves.read_moved_days),
    (f"(?<![a-z0-9.]){COUNT} (?P<unit>day|week)s? (?P<later>later)(?![a-z])", moves.read_moved_days),
    ("(?P<later>下)(?P<count>一)?个?(?P<unit>周|星期|礼拜)的?同一天", moves.read_week_later),
    (
        (
            r"(?<![a-z])(?:on )?the (?:day after(?: that)?|(?:next|following) day)(?! tom| tmr)(?![a-z])"
            rf"|^next day(?![a-z])|(?<![a-z])day after(?: that)?{_BY_ITSELF}"
        ),
        moves.read_next_day,
    ),
    (
        (
            r"(?<![a-z])(?:(?:on )?(?:the |a ))?(?P<count>)(?P<unit>)"
            rf"(?:day (?P<early>before)(?: that)?{_BY_ITSELF}|(?P<early2>previous) day(?![a-z]))"
        ),
        moves.read_day_before,
    ),
    (
        "(?<![最太])(?:稍微?)?[早晚迟夜](?:一 ?|\x02{2})?(?:点(?!钟)|些)(?:儿|的)?(?!到)|夜\x02{2}|[早晚迟]\x02{2}",
        moves.read_moved,
    ),
)
"""Later and earlier than what was agreed."""
DATES: Final = _compiled(
    (
        (
            r"(?<![0-9/.-])(?P<year>[0-9]{4})(?P<sep>[-/.])(?P<month>[0-9]{1,2})(?P=sep)(?P<day>[0-9]{1,2})"
            r"(?:t(?=[0-9])|(?![0-9/-]|\.[0-9]))"
        ),
        days.read_date,
    ),
    (
        (
            f"{ALONE}(?:(?P<year>[0-9]{{4}}|[0-9]{{2}}|二[零〇一二三四五六七八九]{{3}}|今|明) ?年 ?的?)?(?<![上下个])"
            f"(?P<month>{NUM}) ?月(?:份|的)? ?(?P<day>{NUM})(?: ?[日号]|(?![{CN_ANY}]| ?[个点时分:年月天]))"
        ),
        days.read_date,
    ),
    (
        f"(?<![0-9a-z:./-])(?:(?:on )?the )?(?P<day>[0-9]{{1,2}})(?:{ORDINAL})? ?(?:of )?(?P<month>{EN_MONTH}){YEAR}",
        days.read_date,
    ),
    (
        (
            rf"(?<![a-z])(?:on )?(?P<month>{EN_MONTH})\.? ?(?:the )?(?P<day>[0-9]{{1,2}})(?:{ORDINAL})?"
            rf"(?![0-9:a-z]|\.[0-9]| ?[ap]\.? ?m(?![a-z])| o'){YEAR}"
        ),
        days.read_date,
    ),
    (
        r"(?<![0-9/.+-])(?P<first>[0-9]{1,2})/(?P<second>[0-9]{1,2})(?:/(?P<year>20[0-9]{2}|[0-9]{2}))?(?![0-9/]|\.[0-9])",
        days.read_slash_date,
    ),
    (
        r"(?<![0-9])(?P<year>20[0-9]{2})(?P<month>0[1-9]|1[0-2])(?P<day>[0-2][0-9]|3[01])(?![0-9])",
        days.read_date,
    ),
    (r"(?<![0-9.])(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>20[0-9]{2})(?![0-9])", days.read_date),
    (f"(?<![0-9a-z:./-])(?P<day>[0-9]{{1,2}})-(?P<month>{EN_MONTH}){YEAR}", days.read_date),
    *(
        (
            f"(?:{names})(?:的)?(?:放假|假期|小?长假|黄金周|期间|那几天|那[两三五七]天)(?:的?(?:期间|那?[两三五七]天|那几天))?",
            days.holidays(find),
        )
        for names, find in HOLIDAYS
        if not names.isascii()
    ),
    *(
        (f"(?:{names})(?:假期|放假|长假)?的?第(?P<nth>[一二三四五六七])天", days.holiday_nth(find))
        for names, find in HOLIDAYS
        if not names.isascii()
    ),
    *(
        (
            (
                f"(?:{names})的?(?P<way>那|当|前|后)[一]?个?{WEEK}(?!{CN_DAY})|"
                f"(?<![a-z])(?:in )?(?:the |a )?week (?P<way2>before|after|of) (?:{names})(?![a-z])"
            ),
            days.week_beside(find),
        )
        for names, find in HOLIDAYS
    ),
    (
        "春节(?:假期|放假)?的?第(?P<nth>[一二三四五六七])天",
        days.holiday_nth(next(find for names, find in HOLIDAYS if "大年初一" in names)),
    ),
    *(
        (f"(?<![a-z])(?:on )?(?:{names})(?![a-z])(?:那天|当天|这天|的?[头第]一天)?", days.holiday(find))
        for names, find in HOLIDAYS
    ),
    (
        "(?:春节|过年)(?:里|放假|假期|期间|那几天)",
        days.holidays(next(find for names, find in HOLIDAYS if "大年初一" in names)),
    ),
    ("(?:大年|正月|(?<![今明后去前一两三])年|春节)初(?P<nth>[二三四五六七八九十])", days.read_new_year),
    (
        f"(?:(?P<month>)月底?的?)?(?<!第)(?P<nth>)最后一?个?{WEEK}(?P<cn>{CN_DAY})(?P<en>)",
        days.read_nth_of_month,
    ),
    (
        (
            f"(?<![a-z])(?:on )?(?:the )?(?P<nth>first|second|third|fourth|last|[1-4](?:st|nd|rd|"
            f"th)) (?P<en>{EN_DAY}) (?:of|in) "
            f"(?P<month>(?:the|this|next) month|{EN_MONTH})(?P<cn>)"
        ),
        days.read_nth_of_month,
    ),
    (
        (
            f"(?P<month>(?:下下?|这|本)个?月|{ALONE}{NUM} ?月)份?的?第(?P<nth>[一二三四])个?{WEEK}"
            f"(?:(?P<cn>{CN_DAY})|(?P<weekend>末)|(?![{CN_ANY}]))"
        ),
        days.read_within_month,
    ),
    (
        (
            f"(?<![a-z])(?:in |on )?(?:the )?(?P<nth>first|second|third|fourth) (?P<cn>)week(?P<weekend>end)? (?:of|in) "
            f"(?P<month>next month|this month|{EN_MONTH})"
        ),
        days.read_within_month,
    ),
    (f"(?<!月)(?<!月的)第(?P<nth>[二三四])个{WEEK}(?P<cn>{CN_DAY})(?P<en>)", weeks.read_nth_weekday),
    (f"(?<!下)再下个{WEEK}(?P<cn>{CN_DAY})(?P<nth>)(?P<en>)", weeks.read_after_next),
    (
        (
            f"(?<![a-z])(?:the )?(?P<nth>second|third|fourth|two|three) (?P<en>{EN_DAY}|(?:mon|tues|wednes|thurs|"
            f"fri|satur|sun)days) from now(?P<cn>)"
        ),
        weeks.read_nth_weekday,
    ),
    (
        f"(?P<how>(?:下下?|这|本)?个?|{ALONE}{NUM} ?(?=月))月份?的?(?P<edge>[底末初头尾])(?:那天)?",
        days.read_month_edge,
    ),
    (
        (
            f"(?P<how>(?:下下?|这|本)个?月|{ALONE}{NUM} ?月)?份?的?(?P<tens>[上中下]旬)|"
            f"(?P<how2>(?:下下?|这|本)个?月|{ALONE}{NUM} ?月)份?(?P<tens2>中)(?![旬午学间])"
        ),
        days.read_part_of_month,
    ),
    (
        f"{ALONE}(?<![个近半满])(?P<how>{NUM} ?月)份?(?P<tens>)(?=$|[ ,，。?？!！吧呢的都能可有行想约再])",
        days.read_part_of_month,
    ),
    (
        (
            f"(?<![a-z])(?:in |on |at )?(?:the )?(?P<tens>early|mid|middle of|late)[ -](?:in )?(?P<how>next month|"
            f"this month|{EN_MONTH})(?! ?[0-9])"
        ),
        days.read_part_of_month,
    ),
    (
        f"(?<![a-z])(?:sometime |some time |any ?time )?in (?P<how>{EN_MONTH})(?P<tens>)(?! ?[0-9])",
        days.read_part_of_month,
    ),
    ("(?<![一-鿿])周中(?![午学])|(?<![a-z])mid-? ?week(?![a-z])", weeks.read_weekdays_of_week),
    (
        f"(?P<how>这|本|下下|下)?个?{WEEK}的?(?P<half>头[两三几]天|前[两三几]天|[前后上下]半[周段]|后几天|初(?![一二三四五六七八九十])|头(?![发痛疼两三几])|尾|中间?(?![{CN_ANY}午学旬])|之?内|里面?|以内)",
        weeks.read_part_of_week,
    ),
    (
        (
            r"(?<![a-z])(?:at |in )?(?:the )?(?P<half>early|late|later|mid|middle of|beginning of|start of|"
            r"end of)(?: in)? (?P<how>the|this|next) week(?![a-z]| after)"
        ),
        weeks.read_part_of_week,
    ),
    (
        (
            rf"(?<![a-z])(?:at )?(?:the )?(?P<edge>end|beginning|start) of (?P<how>(?:(?:the|this|"
            rf"next) )?(?=month)|{EN_MONTH})(?:month)?(?![a-z0-9])"
        ),
        days.read_month_edge,
    ),
    ("(?P<how>(?:下下?|这|本)?个?)(?:周|星期|礼拜) ?末|(?P<how2>)双休日?", weeks.read_weekend),
    (
        r"(?<![a-z])(?:on |at )?(?:(?P<how>the|this|next) )?(?:weekend|wk-?end|wknd)s?(?![a-z])",
        weeks.read_weekend,
    ),
)
FROM_NOW: Final = _compiled(
    (f"(?<![推迟早晚前]){ALONE}{CN_AMOUNT} ?{CN_AFTER}", moves.read_later),
    (f"(?<![点超不])(?<!点 )(?:再 ?)?过 ?{CN_AMOUNT}(?: ?{CN_AFTER})?", moves.read_later),
    (f"(?<![a-z])in {EN_AMOUNT}", moves.read_later),
    (f"(?<![a-z0-9.]){EN_AMOUNT} from now", moves.read_later),
    (
        (
            f"{ALONE}(?P<count>[0-9]{{1,3}}|[一两二三]百|{CN}|半) ?(?:个 ?)?(?P<unit>天|周|星期|礼拜|(?<=个)月|"
            f"年) ?{CN_AFTER}(?:的今天)?"
        ),
        days.read_days_later,
    ),
    (
        (
            f"(?<![点超不天日号{DAY_MARK}])(?<![周拜期]{CN_DAY})(?:再 ?过|(?<!再)过(?! ?[两几])) ?"
            f"(?P<count>{NUM}|半(?=个月)) ?个?(?P<unit>天|周|星期|礼拜|(?<=半个)月)(?!后)"
        ),
        days.read_days_later,
    ),
    (
        f"(?<![a-z])in (?:about |around )?{COUNT} (?P<unit>day|week|wk|fortnight|month)s?(?:'s?)?(?: time)?(?![a-z])",
        days.read_days_later,
    ),
    (
        f"(?<![a-z0-9]){COUNT} (?P<unit>day|week|fortnight|month)s? from (?:now|today)(?![a-z])",
        days.read_days_later,
    ),
)
DAY_NAMES: Final = _compiled(
    ("后天的?后天", days.days_ahead(4)),
    ("下(?:周|个?星期|个?礼拜)的?今天", days.days_ahead(7)),
    (
        (
            "(?:(?<![大以之最天周月年号日后前])(?=[今明])|"
            "(?<![^ ,，。:约定订改到])(?=后))(?P<day>[今明后])(?P<short>)(?P<part>)(?=[上下中]午|晌午|傍晚)"
        ),
        days.read_day_word,
    ),
    (
        r"(?<![a-z])(?:(?:the )?day after (?:tom{1,2}or{1,2}ow|tmrw?|tmw)|overmorrow)(?![a-z])",
        days.days_ahead(2),
    ),
    (
        r"(?<![a-z0-9])(?:tom{1,2}or{1,2}ow|tmrw?|tmw|tomo|tomoz|tmoz|2mor{1,2}ow|2moro|2mrw)(?![a-z])",
        days.days_ahead(1),
    ),
    (r"(?<![a-z0-9])(?:today|2day)(?![a-z])", days.days_ahead(0)),
    (
        (
            "(?<![大以之最])(?:(?P<day>大大后|大后|外后|今|明|后|听(?=[日朝]))(?:天|日|儿个?|"
            "朝(?=[早上下晚一二三四五六七八九十0-9 ,，]|$)|个(?!月|年|小时|星期|礼拜|周))|(?P<short>今|明|"
            "后|听(?=朝早|晚))(?P<part>早上|晚上|朝早|早|晚|晨|夜))(?!点)"
        ),
        days.read_day_word,
    ),
    (
        (
            f"(?:(?<![{CN_ANY}上下隔双单每])|(?<=[下这本]))(?:{WEEK})(?P<days>{CN_DAY}(?:[、,和及与/]?(?!一(?:大?"
            f"早|[上下]午(?! ?[{CN_ANY}]{{1,3}} ?[点:])|整|晚|个|块|起|家)){CN_DAY}){{1,4}})"
            f"(?![{CN_ANY}点时月号日天]| ?[到至~-] ?{NUM} ?点)"
        ),
        weeks.read_weekdays,
    ),
    (f"(?<=[约看查问试等订定])一下(?:个?{WEEK}(?P<day>{CN_DAY}))", weeks.read_weekday),
    (f"(?:一|(?<=[问看查等试说帮]))下个?{WEEK}(?P<day>{CN_DAY})", weeks.read_slurred_week),
    (
        # 下个周五 may be the coming one; 下周五, 下个星期五 and 下一周周五 are of next week
        (
            f"(?<!下)(?P<week>这|本|今|下下下|下个?下|下)(?:(?P<next>一个?(?={WEEK}{CN_DAY})|个(?=周{CN_DAY}))|[个一])?{WEEK}"
            f"(?: ?的?{WEEK}? ?(?P<day>{CN_DAY}(?![点个位月号])|[1-7](?![0-9:]| ?[点时个位月号])))?"
        ),
        weeks.read_week,
    ),
    (
        f"(?:(?<![{CN_ANY}上下隔双单每])|(?<=[周期拜]{CN_DAY})){WEEK} ?(?P<day>{CN_DAY}(?![月号])|[1-7](?![0-9:]| ?[月号]))",
        weeks.read_weekday,
    ),
    ("(?P<how>下下个?月|下个?月|[这本]个?月)(?:份|的)?(?![底初中末])", days.read_month),
    (
        (
            f"{ALONE}(?<![0-9月/])(?P<first>{NUM}) ?(?P<sep>[、,和或&~-]|或者|"
            f"还是) ?(?P<last>{NUM}) ?(?:号(?![码店楼线])|日(?![抛常期子用历]))"
        ),
        days.read_month_days,
    ),
    (f"{ALONE}(?P<day>{NUM}) ?(?:号(?![码店楼线])|日(?![抛常期子用历]))", days.read_month_day),
    (
        r"(?<![a-z])(?P<week>the|this|next) week(?P<after> after next)?(?![a-z]| (?:before|of|following)| after(?! next))",
        weeks.read_english_week,
    ),
    (r"(?<![a-z])(?P<how>this|next) month(?![a-z])", days.read_month),
    (
        f"(?<![a-z])(?:on )?(?:(?P<how>this coming|coming|this|next|nxt) )?(?P<day>{EN_DAY})",
        weeks.read_english_weekday,
    ),
    (f"(?<![a-z0-9])(?:on )?(?:the )?(?P<day>[0-9]{{1,2}}){ORDINAL}", days.read_month_day),
    (f"(?<![a-z0-9]){COUNT} (?P<unit>day|week)s? from (?:the )?(?={DAY_MARK})", days.read_shift),
    (
        f"(?<![a-z])(?P<count>a|one|two|three) (?P<unit>week|fortnight)s? (?:on )?(?={DAY_MARK})",
        days.read_shift,
    ),
    (
        f"(?<={DAY_MARK}) (?P<count>)(?P<unit>week|fortnight)(?![a-z]| (?:after|before|of|from|the))",
        weeks.read_day_week,
    ),
    (f"(?<={DAY_MARK}) ?的?(?:往)?(?P<way>[前后])(?P<count>[一两二三])天", moves.read_beside),
    (f"(?<={DAY_MARK}) ?再 ?过 ?(?P<way>)(?P<count>[一两二三])天", moves.read_beside),
    (f"(?<={DAY_MARK})的?(?:(?P<way>后)面?(?:那|的)一?天|(?P<way2>第二天|次日))(?!的)", moves.read_beside),
    (f"(?<={DAY_MARK})的下一?个?(?P<count>)(?P<unit>周|星期|礼拜)(?!{CN_DAY})", weeks.read_day_week),
    (f"(?<![a-z])(?:the )?day (?P<way>before|after) (?={DAY_MARK})", moves.read_beside),
    (
        f"{_SHIFT_CN}(?P<count>{NUM}) ?个?(?P<unit>[天周]|星期|礼拜)(?![一二三四五六日天]){_NOT_ARRIVING}",
        moves.read_moved_days,
    ),
    (
        f"(?<![{CN_ANY}上下今明大以之最的往天日])(?:(?P<early>前)|后)(?P<count>[一两])(?P<unit>天)",
        moves.read_moved_days,
    ),
    (
        r"(?<![0-9.])(?P<month>[0-9]{1,2})\.(?P<day>[0-9]{1,2})\.?(?= ?(?:[上下中]午|[早晚傍凌]|[0-9]{1,2} ?[:点时h]))",
        days.read_dotted,
    ),
    (
        r"(?<![0-9.])(?P<month>1[0-2]|0[1-9])\.(?P<day>[0-3][0-9])(?![0-9.%]| ?[度米元块折个])",
        days.read_dotted,
    ),
    (
        (
            r"(?<![0-9/.:+a-z-])(?P<first>[0-9]{1,2})-(?P<second>[0-9]{1,2})(?P<year>)(?= ?(?:[上下中]午|"
            r"[早晚傍凌])| [0-9]{1,2} ?(?:[:点时h]|[ap]m))"
        ),
        days.read_dashed,
    ),
)
_NO_HOUR: Final = "(?<![点半分钟刻0-9])"
"""Before what one does then: no hour of it was said, so it is a part of the day."""
_DONE: Final = "[以之]?后|过后"
TIMES: Final = _compiled(
    (  # 1430 on Friday, at 0900
        (
            f"(?<![0-9:./#a-z-])(?:(?<=at )|(?<={DAY_MARK}, )|(?=[0-9]{{4}} ?(?:h|hrs?|hours)?"
            f"(?: on| this| next|,)? ?{DAY_MARK}))(?P<hour>0[7-9]|1[0-9]|"
            f"2[01])(?P<minute>[0-5][05])(?: ?(?:h|hrs?|hours)(?![a-z]))?"
            f"(?![0-9.:/%元块度a-z])"
        ),
        times.read_written,
    ),
    (f"(?<![a-z0-9:./])(?:at |about |around )?(?P<hour>{EN_HOUR})[- ]?ish(?![a-z])", times.read_hour),
    (
        (
            f"(?<![a-z0-9])(?:at )?(?P<minute>half|(?:a )?(?:quarter|qtr)|(?:[0-9]{{1,2}}|{EN_NUM})(?: minutes?)?)[ -]past[ -]"
            f"(?P<hour>{EN_HOUR})(?![a-z0-9:])"
        ),
        times.read_past,
    ),
    (
        (
            f"(?<![a-z0-9:.])(?:at )?(?P<first>{EN_HOUR})(?::(?P<minute>[0-9]{{2}}))? ?(?P<to>-|~|to|until|till|and) ?"
            f"(?P<last>{EN_HOUR})(?::(?P<last_minute>[0-9]{{2}}))? ?{AM_PM}"
        ),
        times.read_hours,
    ),
    (
        (
            f"(?:(?<=between )|(?<=btw )|"
            f"(?<=btwn ))(?P<first>{EN_HOUR})(?::(?P<minute>[0-9]{{2}}))? (?:and|n|"
            f"&) (?P<last>{EN_HOUR})(?::(?P<last_mi"
            f"nute>[0-9]{{2}}))?"
            f"(?![0-9a-z:])"
        ),
        times.read_hours,
    ),
    (f"(?<![a-z])(?:at )?half (?P<hour>{HOUR_WORD}|1[0-2]|[1-9])(?![a-z0-9:])", times.read_half),
    (  # "ten to five" may be a range; with "minutes" it is not
        (
            f"(?<![a-z0-9])(?:at )?(?P<minute>(?:a )?(?:quarter|qtr)|(?:[0-9]{{1,2}}|{EN_NUM}) minutes?|"
            f"twenty(?:[- ]five)?) (?:to|of|til|till) "
            f"(?P<hour>{EN_HOUR})(?![a-z0-9:])"
        ),
        times.read_to,
    ),
    (rf"{DIAL}(?P<hour>[0-9]{{1,2}})[;, -](?P<minute>00|15|[2-5][05]) ?{AM_PM}", times.read_am_pm),
    (rf"{DIAL}(?P<hour>{EN_HOUR})(?:[:.](?P<minute>[0-9]{{2}}))? ?{AM_PM}", times.read_am_pm),
    (
        rf"(?<={DAY_MARK}) (?:at )?(?P<hour>[0-9]{{1,2}})(?::(?P<minute>[0-9]{{2}}))?(?P<part>[ap])(?![a-z0-9])",
        times.read_am_pm,
    ),
    (
        rf"{DIAL}(?P<hour>[0-9]{{1,2}}):(?P<minute>[0-9]{{2}})(?::00| ?h(?:rs|ours)?(?![a-z]))?(?![0-9a-y:])",
        times.read_written,
    ),
    (
        (
            rf"(?<={DAY_MARK}) (?:at )?(?P<hour>[0-9]{{1,2}})[; ](?P<minute>00|15|30|45)"
            "(?=$|[,.?!]| (?:pls|please|ok|thx|thanks|i|im|i'm|for|exam|eyes?|glasses|name|my|check|new)(?![a-z]))"
        ),
        times.read_behind_day,
    ),
    (
        rf"{DIAL}(?P<hour>[0-9]{{1,2}})(?: : ?| ?h ?|: )(?P<minute>[0-9]{{2}})(?![0-9a-z:])",
        times.read_written,
    ),
    (
        f"(?<={DAY_MARK})(?:的| |, )?(?:at )?(?P<hour>[0-9]{{1,2}})[.](?P<minute>[0-5][0-9])(?![0-9.%]| ?[度元块])",
        times.read_behind_day,
    ),
    (
        (
            f"(?:(?<={DAY_MARK})|(?<=[上下中]午)) ?(?P<hour>[01]?[0-9]|"
            f"2[0-3])(?P<minute>[0-5][05])(?: ?h(?:rs|ours)?(?![a-z]))?(?![0-9.:/%元块度])"
        ),
        times.read_behind_day,
    ),
    (
        (
            f"(?<={DAY_MARK}) (?:at )?(?P<hour>[1-9]|1[0-2])(?:-?ish)?(?=$|[,.?!]| (?:pls|please|ok|thx|thanks|if|"
            f"works|good|for|then|or)(?![a-z]))"
        ),
        times.read_behind_day,
    ),
    (
        (
            f"(?<={DAY_MARK})[ ,]{{1,2}}(?:from |between )?(?P<first>{EN_HOUR}) ?(?P<to>-|~|to|till|until|"
            f"and) ?(?P<last>{EN_HOUR})"
            f"(?![0-9a-z:/]|[.][0-9]| ?[ap]m)"
        ),
        times.read_hours,
    ),
    (
        (
            f"(?<={DAY_MARK}) (?:at )?(?P<hour>{HOUR_WORD})(?=$|[,.?!]| (?:pls|please|ok|thx|thanks|if|works|good|"
            f"for|then)(?![a-z]))"
        ),
        times.read_behind_day,
    ),
    (
        f"(?<={DAY_MARK}) (?P<hour>[1-9]|1[0-2])(?= (?:onwards?|at the (?:latest|earliest)|or (?:later|after|before|earlier)))",
        times.read_behind_day,
    ),
    (f"(?<={DAY_MARK}) ?(?P<hour>[1-9]|1[0-2])-?ish(?![a-z])", times.read_behind_day),
    (
        rf"{AT}(?P<hour>[01]?[0-9]|2[0-3])(?P<minute>[0-5][05])(?: ?h(?:rs|ours)?)?(?![0-9a-z:.%/])",
        times.read_written,
    ),
    (
        (
            rf"(?:^|(?<=me )|(?<=for ))(?P<hour>0[7-9]|1[0-9]|20)(?P<minute>00|15|30|45)(?: ?h(?:rs|ours)?)?"
            rf"(?=$|[,.?!](?![0-9])| (?:on )?{DAY_MARK}| (?:pls|please|ok|thx|thanks|works|is)(?![a-z]))"
        ),
        times.read_written,
    ),
    (
        r"(?<![0-9a-z:./])(?P<hour>[1-9]|1[0-2])(?:[.:](?P<minute>[0-5][05]))?-?ish(?![a-z])",
        times.read_hour_minute,
    ),
    (rf"{AT}(?P<hour>[0-9]{{1,2}})\.(?P<minute>[0-9]{{2}})(?![0-9a-z:.])", times.read_written),
    (
        (
            f"(?=[1-9])(?:^|(?<=ok )|(?<=okay )|(?<=yes )|(?<=so )|(?<=can do )|(?<=let's do ))"
            f"(?P<hour>[1-9]|1[0-2])(?P<minute>)(?= {DAY_MARK})"
        ),
        times.read_hour_minute,
    ),
    (
        (
            f"(?<![a-z])(?:at )?(?P<hour>{HOUR_WORD})[- ]"
            f"(?P<minute>oh[- ]five|ten|fifteen|(?:twenty|thirty|forty|fifty)(?:[- ]five)?)(?![a-z])"
        ),
        times.read_spoken,
    ),
    (
        (
            f"(?<= )(?:(?<=after )|(?<=aft )|(?<=aftr )|(?<=before )|(?<=b4 )|(?<=abt )|(?<=\x00 like )|"
            f"(?<=around )|(?<=about )|(?<=round )|(?<=ideally )|(?<=preferably )|"
            f"(?<=later than )|(?<=earlier than )|(?<=by )|(?<=until )|(?<=till )|(?<=from )|"
            f"(?<=past )|(?<=not )|(?<=instead of )|(?<=than )|(?<=make it )|(?<=can't do )|"
            f"(?<=say ))(?P<hour>{EN_HOUR})"
            f"(?:[.](?P<minute>[0-9]{{2}}))?(?=$|[,?!]|[.](?![0-9])| (?:on|and|to|at|today|or|if|please|pls|for|"
            f"but|instead|not|then|works|would|is|tomorrow|{DAY_MARK})| ?{DAY_MARK})"
        ),
        times.read_hour_minute,
    ),
    (
        (
            f"(?<= )(?:(?<=make that )|(?<=(?<![a-z])do )|(?<=i said )|(?<=i meant )|(?<=prefer )|(?<=go with )|(?<=go for )|"
            f"(?<=change to )|(?<=switch to )|(?<=move to )|(?<=push to )|(?<=shift to )|(?<=it to )|(?<=time to )|"
            f"(?<=back to )|(?<=time but )|(?<=rather )|(?<=how about )|(?<=what about )|(?<=\x01 or )|"
            f"(?<=\x01 to )|(?<=\x01 till )|(?<=\x01 & )|(?<=so )|(?<=late, )|(?<=early, )|(?<=late )|"
            f"(?<=early )|(?<=work, )|(?<=good, )|(?<=arnd ))"
            f"(?P<hour>(?!one(?![a-z])){EN_HOUR})(?:[.:](?P<minute>[0-9]{{2}}))?(?=$|[,?!]|[.](?![0-9])| "
            f"(?:on|and|to|at|today|or|if|please|pls|for|but|instead|not|then|works|would|is|tomorrow|{DAY_MARK})| ?{DAY_MARK})"
        ),
        times.read_hour_minute,
    ),
    (
        (
            r"(?<![0-9:.a-z])(?P<hour>[1-9]|1[0-2])(?P<minute>)(?= (?:onwards?|at the (?:latest|earliest)|"
            r"or (?:later|earlier))(?![a-z]))"
        ),
        times.read_hour_minute,
    ),
    (
        r"(?<=(?<![a-z])the )(?P<hour>[1-9]|1[0-2])[.](?P<minute>[0-5][05])(?=$|[ ,?!]|[.](?![0-9]))",
        times.read_hour_minute,
    ),
    (r"(?:(?<=and )|(?<=or ))(?P<hour>[0-9]{1,2})[.](?P<minute>[0-5][0-9])(?![0-9])", times.read_hour_minute),
    (
        (
            rf"(?<![0-9:.a-z])(?<!room )(?<!floor )(?<!number )(?<!option )(?<!no )(?P<hour>[1-9]|1[0-2]|"
            rf"(?!one){HOUR_WORD})(?P<minute>)(?='?s? (?:(?:is )?(?:too |no (?:good|go|way)|a bit |a little |"
            rf"a tad |kinda |way |not )|is (?:better|good|ok|fine|best|perfect|bad|hard|difficult)|doesn't|"
            rf"does not|won't|isn't|works|would(?: be| suit| work|(?=$|[ ,.!]))|not (?:good|great|possible|ok)|"
            rf"suits|better|sounds))"
        ),
        times.read_hour_minute,
    ),
    (
        r"(?:(?<=have )|(?<=get )|(?<=take )|(?<=say ))(?P<hour>[1-9]|1[0-2])[.](?P<minute>[0-5][05])(?![0-9.]|[ap]m)",
        times.read_hour_minute,
    ),
    (f"(?<![a-z0-9:.])(?:at )?(?P<hour>{EN_HOUR}) ?o ?'?clock(?![a-z])", times.read_hour),
    (rf"{AT}(?P<hour>{EN_HOUR})(?![0-9a-z:/%]|\.[0-9])", times.read_hour),
    (
        (
            f"(?<![a-z0-9:./-])(?P<hour>{EN_HOUR})"
            f"(?= ?(?:in the|this|at|{DAY_MARK}{{1,20}}) ?(?:morning|afternoon|evening|night)| ?(?:noon|midday))"
        ),
        times.read_hour,
    ),
    (r"(?<![a-z])this (?P<part>morning|afternoon|evening|arvo)(?![a-z])", times.read_part_today),
    (r"(?<![a-z0-9])(?P<part>tonight|tonite|2nite)(?![a-z])", times.read_part_today),
    (
        r"(?<![a-z])(?P<part>afternoon)s(?![a-z])|(?<![a-z])after (?:lunch|school|class)(?![a-z])",
        times.read_afternoon,
    ),
    (
        r"(?<![a-z])after (?:work|dinner|supper)(?![a-z])|(?<![a-z])(?:at )?dinner ?time(?![a-z])",
        times.read_evening,
    ),
    (
        r"(?<![a-z])(?:first thing(?: in the morning)?|before (?:lunch|work|school|class)|after breakfast)(?![a-z])",
        times.read_morning,
    ),
    (r"(?<![a-z])(?:in the )?fore-?noon(?![a-z])", times.read_morning),
    (r"(?<![a-z])before (?:dinner|supper|tea)(?![a-z])", times.read_afternoon),
    (
        f"{_NO_HOUR}(?:下(?:了班|完班|班(?:{_DONE}|完|了))|[放收]咗?工(?:{_DONE}|先|完)?|[落收]咗?班(?:{_DONE})?)",
        times.read_evening,
    ),
    (
        f"{_NO_HOUR}(?:[放下散]咗?(?:了|完)?学(?:{_DONE}|完|了)|(?:下|落|放)咗?了?课(?:{_DONE}|了))",
        times.read_afternoon,
    ),
    (f"{_NO_HOUR}(?:上[班课学]|开工|返工|返学)(?:[以之]?前)", times.read_morning),
    (
        f"(?:[吃食](?:完|过|咗|了)?)?(?:早饭|早餐|早茶)(?:{_DONE}|完)|(?:[吃食](?:完|过|咗|了))(?:早饭|早餐|早茶)",
        times.read_morning,
    ),
    ("(?:[吃食])?(?:午饭|中饭|午餐|晏)(?:[以之]?前)", times.read_morning),
    (
        f"(?:[吃食](?:完|过|咗|了)?)?(?:午饭|中饭|午餐)(?:{_DONE}|完)|[吃食](?:完|过|咗|了)(?:午饭|中饭|午餐|晏昼?)(?:{_DONE})?",
        times.read_afternoon,
    ),
    ("(?:[吃食]?(?:午饭|中饭|午餐)|食晏)(?:[那嗰]?阵|的?时候|时(?!间))", times.read_noon),
    ("(?:[吃食])?(?:晚饭|晚餐|夜饭)(?:[以之]?前)", times.read_afternoon),
    (
        f"(?:[吃食](?:完|过|咗|了)?)?(?:晚餐|夜饭)(?:{_DONE}|完)|[吃食](?:完|过|咗|了)(?:晚饭|晚餐|夜饭)(?:{_DONE})?",
        times.read_evening,
    ),
    (
        f"(?<={DAY_MARK})(?:的)?(?P<part>[早晚])(?P<hour>[六七八九十])(?=$|[ ,，。吧行可能来去有约验])",
        times.read_part_clock,
    ),
    (r"(?<![a-z])(?:in the |any )?(?P<part>morning|evening)s?(?![a-z])(?<=s)", times.read_part),
    (
        (
            r"(?<![a-z])(?:(?:at |around |over |during |my )?lunch ?(?:time|break|hour)|(?:at|around|over|"
            r"during) lunch|(?:at )?noon-?ish)(?![a-z])"
        ),
        times.read_noon,
    ),
    (
        r"(?<![a-z0-9])(?:at )?(?P<hour>[1-9]|1[0-2]) (?P<minute>fifteen|thirty|forty[- ]five)(?![a-z])",
        times.read_spoken,
    ),
    (
        r"(?<![a-z])(?:in the |at )?(?P<part>morning|afternoon|evening|night|noon|midday)(?![a-z])",
        times.read_part,
    ),
    (rf"(?<={DAY_MARK}) (?P<part>morn|arvo|aft|eve|nite)(?![a-z]| ?[0-9{TIME_MARK}])", times.read_part),
    (r"(?<![a-z])(?P<part>p)\.?m(?![a-z])\.?", times.read_part),  # sat pm, PM 3:00
    (rf"(?:(?<={DAY_MARK}) ?|(?<![a-z ]))(?P<part>a)\.?m(?![a-z])\.?", times.read_part),  # not "I am"
    (
        (
            f"(?<!最)(?:一整个?|整个?|(?<![初周期拜十{CN_ANY}])一(?=[上下]午|"
            f"晚上))?(?P<part>{either(word for word in times.PARTS if len(word) > 1 and not word.isascii())})"
        ),
        times.read_part,
    ),
    (f"(?<![最提尽趁太更再别])(?P<part>[早晚])(?= ?{NUM} ?[点时:]| ?{TIME_MARK})", times.read_part),
    (f"(?<={TIME_MARK}) (?P<hour>[1-9]|1[0-2])(?=$|[ ,.?!](?![0-9ap点]))", times.read_behind_day),
    (
        (
            f"{ALONE}(?P<first>{NUM}) ?(?:点钟?)?(?:到|至|-|~) ?(?P<last>[0-9]{{1,2}}|{CN}) ?点(?:钟|"
            f"整)?(?P<half>半)?(?![{CN_ANY}])"
        ),
        times.read_hours,
    ),
    (
        f"{ALONE}(?P<first>[二两三四五六七八九]|[2-9](?=、))、?(?P<next>)(?P<last>[三四五六七八九十]|[3-9]|10) ?点钟?",
        times.read_hours,
    ),
    (rf"{ALONE}(?P<hour>{NUM}) ?(?:\.点|[.。]半)(?P<half>)", times.read_dotted_clock),
    (f"{ALONE}{CN_BEFORE}到? ?(?P<hour>{NUM}) ?点钟?", times.read_chinese_before),
    (f"{ALONE}(?P<hour>{NUM}) ?点 ?{CN_BEFORE}", times.read_chinese_before),
    (
        f"{ALONE}(?P<hour>{NUM}) ?(?:点|时(?![候间段长常光差尚区]))(?:钟|整|正)?(?: ?{CN_MINUTE})?",
        times.read_chinese_clock,
    ),
    timely=True,
)
RULES: Final = (*OVER, *SHIFTS, *SAME, *DATES, *FROM_NOW, *DAY_NAMES, *TIMES)
