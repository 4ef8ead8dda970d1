"""Unread words that make the times beside them doubtful: they are asked about.

Doubts are looked for last, when marks show where days and times stand and every word that a template understands is
gone: a word that turns a time into something else, or date-like text that no rule took.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from .numerals import EN_ONES, EN_TENS, either
from .rules import CN_AFTER, CN_ANY, CN_DAY, EN_DAY, EN_MONTH, WEEK
from .sieve import Sieve, TextGrams
from .text import ASIDE_MARK, DAY_MARK, TIME_MARK, WORD_MARK
from .tokens import Reason


def word(alternatives: str) -> str:
    """English words; Chinese may touch them, other letters may not."""
    return f"(?<![a-z])(?:{alternatives})(?![a-z])"


# ---------------------------------------------------------------------------------------------------------------- doubts

NAMED: Final = f"[{DAY_MARK}{TIME_MARK}]"
#: 我上次来配过眼镜的这周六下午三点行不行: behind the story a day is wished, in the same breath.
WISHED_SINCE: Final = (
    f"[^约订定说讲,，。]{{0,60}}{DAY_MARK}[^,，。]{{0,12}}"
    f"(?:{TIME_MARK}[{WORD_MARK} ]{{0,12}}{ASIDE_MARK}{{2}}|(?:可以|行|好|方便)[吗么]|有[空位]|能约|[来去]取|过来)"
)
MOVED: Final = "(?<![改换挪推约调移延期迟前放排定订变])"
"""改到, 推迟到, 提前到 lead to the new time; any other 到 before a time says until when."""

_DOUBTS: Final[tuple[tuple[Reason, tuple[str, ...]], ...]] = (
    ("range", ("不[早晚迟]于|不超过",)),
    (
        "negated",
        (
            "(?<!差)不|没|别|勿|除|取消|无法|算了|避开|拒绝|有事|开会|(?<!开始)上[班课](?![吗么\x02])|(?<!帮)忙|[以之]外",
            word(
                "not?|nor|never|neither|cannot|without|except|unless|cancel(?:led)?|instead of|rather than|avoid|skip"
            ),
            word("unable|unavailable|busy|meeting|dont|cant|wont|doesnt|didnt|[a-z]{2,7}n't"),
        ),
    ),
    (
        "past",
        (
            word(
                "last(?! (?:slot|one|available|thing|minute|appointment))|ago|previous|earlier today|came|went|"
                "visited|was(?! wondering| hoping| thinking)"
            ),
            f"上[次回](?!{WISHED_SINCE})|原[来定本]|本来|刚[才刚]",
        ),
    ),
    (
        "recurring",
        (
            "每|天天|周周|工作日|平日|平时",
            word(
                "every|everyday|each|daily|weekly|monthly|once|twice|weekdays?|(?:mon|tues|wednes|thurs|fri|satur|sun)days"
            ),
        ),
    ),
    ("several", ("或|还是|要么", word("or|either"))),
    (
        "range",
        (
            f"{MOVED}[到至] ?{NAMED}|{NAMED} ?[到至~-] ?[{CN_ANY}日天](?![楼家店])|[{CN_ANY}] ?(?:[到至~-]|to) ?{TIME_MARK}",
            f"{TIME_MARK} ?(?:[~-]|to|thr(?:o)?u(?:gh)?) ?{TIME_MARK}|{DAY_MARK} ?(?:[~-]|to|thr(?:o)?u(?:gh)?) ?{DAY_MARK}",
            (
                f"{NAMED} ?(?:[以之]?前(?!后|台|往|来|去)|{CN_AFTER}|[以之]?内|起)|[从自打等] ?{NAMED}|"
                f"最[早晚迟]|至少|[截直][到至止]"
            ),
            "[班学饭餐课][前后]|下班|放学",
            word(
                "before|after|until|till?|between|within|during|since|earliest|latest|at least|onwards?|starting"
            ),
            word(f"(?:from|by|past) ?{NAMED}"),
        ),
    ),
    (
        "vague",
        (
            "以为|(?<![a-z])thought(?![a-z])",
            "谁说|假如|假设|已经?(?:约|订)[了好过]|[再另]说[吧啦了嘛]{0,3}(?=$|[ ,.。!])",
            f"约了(?:{ASIDE_MARK}{{2}}|人|朋友|客户|同学|同事)",
        ),
    ),
    ("vague", ("[开关]门|营业|打烊|开着|开吗|开不|下线",)),
    ("vague", ("帮您[留约改看]|您直接[来过]|给您[留约改安]",)),
    (  # 周一、三、五; 周六日
        "several",
        (f"{DAY_MARK} ?[、,和及与/]? ?{CN_DAY}(?=$|[ 、,和及与/都一二三四五六{DAY_MARK}{TIME_MARK}])",),
    ),
    (
        "vague",
        (
            f"左右|前后|大概|大约|差不多|估计|{TIME_MARK} ?(?:[多几]|来[钟点])",
            f"[周期拜{DAY_MARK}] ?末|双休|休息日|月[底初中末]|年[底初前后]|[上中下]旬",
            "几 ?[天号周时个]|改[天日]|[这过]?两天|最近|近期|[某哪那当同]一?天|翌日|次日|隔[天日]|第[^ ]天",
            "农历|阴历|腊月|正月|大年|初[一二三四五六七八九十]|生日|出生",
            "(?<![季调关细环章])节(?![约省])|元旦|元宵|清明|五一|国庆",
            "端午|中秋|圣诞|除夕|小年|七夕|冬至|双十|平安夜|放假|开学|[寒暑]假",
            f"~ ?{NAMED}|{NAMED}-?ish(?![a-z])|(?<![a-z])(?:black|good) {DAY_MARK}",
            word(f"(?:around|about|approx(?:imately)?|roughly|circa|almost)\\.? ?{NAMED}"),
            word(
                "in a (?:while|bit)|later|earlier|sooner|couple|few|several|sometime|weekends?|birthday|born|holidays?"
            ),
            word("christmas|xmas|easter|thanksgiving|halloween|new year|eve of|(?:the|every) other"),
            "[0-9一二三十百]来 ?[天个周年]|[0-9十百]多 ?[天个周]",
        ),
    ),
    ("midnight", ("午夜|子夜", word("midnight"))),
    (
        "zone",
        (
            f"(?<={TIME_MARK}) ?z(?![a-z])|(?:北京|当地|东京|纽约|伦敦)时间",
            word("utc|gmt|[ecmp][sd]?t|cet|cest|bst|jst|hkt|local time"),
        ),
    ),
)
DOUBTS: Final = tuple((re.compile("|".join(patterns)), reason) for reason, patterns in _DOUBTS)
"""Words that may turn a time into something else; the first match gives the reason."""
_SIEVE: Final = Sieve(pattern for pattern, _ in DOUBTS)

_NEGATED: Final = next(pattern for pattern, reason in DOUBTS if reason == "negated")

# --------------------------------------------------------------------------------------------------------------- residue

FOREIGN: Final = (
    "lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|demain|aujourdhui|apres-demain",
    "montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|morgen|heute|ubermorgen|uebermorgen",
    "lunes|martes|miercoles|jueves|viernes|sabado|domingo|hoy|manana",
    "luned[iì]|marted[iì]|mercoled[iì]|gioved[iì]|venerd[iì]|sabato|domenica|domani|oggi|dopodomani",
    "segunda|terca|quarta|quinta|sexta|amanha|hoje|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag|overmorgen",
    "isnin|selasa|rabu|khamis|jumaat|sabtu|ahad|besok|esok|senin|kamis|jumat|minggu|lusa|bukas|ngayon|mingtian|houtian",
)
"""Days in languages that no rule reads: alone, the time beside them would be taken for today's."""
UNITS: Final = f"(?:点|时(?![候间])|分|刻|号|日|天|月|年|{WEEK}|小时|钟|工作日)"
RESIDUE: Final = re.compile(
    "|".join(
        (
            "[0-9⁄]",
            f"[{CN_ANY}百半几数] ?个? ?半? ?{UNITS}",
            f"[一二两三四五六七八九十]{{2}}|{TIME_MARK} ?[二两三四五六七八九十]",
            f"星期|礼拜|周[{CN_ANY}日天末]|[上下隔双单] ?个? ?[周月]|[周年月大] ?{NAMED}|下 {NAMED}|(?<![改换调挪])下{NAMED}",
            "[今明后昨] ?天|[今明] ?[早晚]|[上下] ?午|[今明后来] ?年",
            "[名民命]天|星其|礼败|下走|曜",
            "[^\\W0-9_a-z\u3400-\u9fff\U00020000-\U0003ffff]",  # a script that no rule reads: 내일, завтра, mañana
            word(
                f"{EN_DAY}|(?!may){EN_MONTH}|next|following|(?:the|on) (?:first|second)|weeks?|months?|days|hours?|minutes?"
            ),
            word("hrs?|mins?|o'?clock|pm|half|quarter"),
            word("|".join(FOREIGN)),
            word(either((*EN_ONES[2:], *EN_TENS, "third", "fourth", "fifth", "tenth"))),
        )
    )
)
"""Date-like text that no rule took: part of the time may be in it."""

CODE: Final = re.compile(
    "(?<![a-z0-9])(?=[a-z]{0,5}[0-9])(?=[0-9]{0,5}[a-z])(?![0-9]{1,5}(?:[ap]m|st|nd|rd|th|hr|wk|day|mth|yr))"
    "[a-hj-np-z2-9]{4,6}(?![a-z0-9])"
)
"""An appointment's or an order's code (`A7K2`: no 0/O, no 1/I) is no residue."""

MISSPELT: Final = (*("january", "february", "august", "september", "october", "november", "december"),)
_END: Final = re.compile("[,，。;；!！?？\n]| - ")
_SHORT: Final = 10
LIKENESS: Final = 0.8
"""difflib's ratio from which a word is taken for a misspelt month."""


def doubt(text: str, grams: TextGrams, wishes: Sequence[tuple[int, int]]) -> Reason | None:
    """Why the wishes at these places of `text` may not be trusted; None if nothing in their clauses speaks against them.

    grams: what the text can match.

    A short clause behind a wish that has no time of its own may speak of the wish (周五下午三点，我没空).
    """
    clauses = _clauses(text, wishes)
    # two clauses stand side by side now that did not before
    numbers = (TextGrams(clauses) if "\n" in clauses else grams).passed(_SIEVE)
    found = next(
        (reason for pattern, reason in map(DOUBTS.__getitem__, numbers) if pattern.search(clauses)), None
    )
    return found or ("leftover" if _residue(clauses) else None)


def doubt_elsewhere(text: str) -> Reason | None:
    """Why a text that is read alone, and by nobody else, is asked about: a negation or figures in any of its clauses."""
    if _NEGATED.search(text):
        return "negated"
    return "leftover" if _residue(text) else None


def _residue(text: str) -> bool:
    rest = CODE.sub(lambda match: ASIDE_MARK * len(match.group()), text)
    return bool(RESIDUE.search(rest)) or any(map(_misspelt, re.findall("[a-z]{6,12}", rest)))


def _clauses(text: str, wishes: Sequence[tuple[int, int]]) -> str:
    """The clauses that the wishes stand in."""
    kept = []
    for start, end in wishes:
        before = max((match.end() for match in _END.finditer(text, 0, start)), default=0)
        behind = _END.search(text, end)
        stop = behind.start() if behind else len(text)
        after = _END.search(text, stop + 1)
        next_stop = after.start() if after else len(text)
        following = text[stop:next_stop]
        timed = DAY_MARK in following or TIME_MARK in following
        if len(following) <= _SHORT and not timed and _NEGATED.search(following):
            stop = next_stop
        kept.append(text[before:stop])
    return "\n".join(dict.fromkeys(kept))


@lru_cache(maxsize=1024)
def _misspelt(text: str) -> bool:
    return bool(difflib.get_close_matches(text, MISSPELT, n=1, cutoff=LIKENESS))
