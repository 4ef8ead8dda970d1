"""Words in which a refusal or a time is only apparent, and slips of the thumb: 不好意思, 工号12, 便宜一点, 三点要求, tomrw."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Final, NamedTuple

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.rules import CN as CN_NUMBER
from imserver.plugins.booking.dates.rules import CN_ANY, CN_DAY, NUM, WEEK
from imserver.plugins.booking.dates.sieve import Sieve, grams_on
from imserver.plugins.booking.dates.text import ASIDE_MARK, Sheet


def word(alternatives: str) -> str:
    """English words; Chinese may touch them, other letters may not."""
    return f"(?<![a-z])(?:{alternatives})(?![a-z])"


FALSE_REFUSALS: Final = (
    "能不能|可不可以|可不可|行不行|好不好|要不要|对不对|是不是|有没有|方不方便|会不会|得不得|在不在|开不开|来不来得及",
    "得唔得|使唔使|可唔可以|系唔系|有冇|好唔好|唔该晒?|唔紧要|唔使客气|唔好意思",
    (
        "(?<=[行可以能约及子空有开来去好位置着得会到])不(?=[?？!。~ ]{0,8}$)|不过(?![来去])|[不没]好意思|对不起|"
        "没问题|没关系|没事儿?(?=[,，。!~ 的啊呀哈]|那|$)|不客气|不见不散|不用谢|不谢|别客气|别急|别着急|"
        "不急|不着急|不麻烦"
    ),
    (
        "^不然(?!的话)|不知道?(?!.{0,4}行)|不错|要不(?!是)(?:然)?|不如|说不定|不只|不光|不仅|不止|不瞒你?说|不管|"
        "不论|不论如何|无论"
    ),
    "不多(?=[吧吗了,，。 ]|$)",
    "等不及|忍不住|不得了|了不起|没错|不久|不少|不同|不贵|不远|(?<!来)不急|没多久|大不了|少不了|巴不得|不一定要|不用改了",
    "看不太?(?:清楚?|见|到)|不太?(?:舒服|清楚)|特别|别人|别家|别的|非常|[差区性级个分]别|十分感谢|没戴过|没来过|没验过|没配过",
    "(?:不要|别|勿)迟到|别太?(?:安排)?太?[晚早迟赶久](?!于)|不要太[晚早迟赶]|别迟到|别忘了?|别取消|不是要取消|没人接|(?:不要|别|不想)(?:让|叫)?(?:我|她|他|孩子|老人)?等(?:太|很|得太)久",
    (
        "[晚早](?:一|几)[天点些]?(?:也|都)(?:行|可以|成|好)|[晚早]点(?:也|都)(?:行|可以|成)|"
        "行就行[,， ]?不行就算了|不行就算了|(?:都|实在)?没有就算了|(?:不行|不可以|不好|不能)(?:吗|"
        "么)(?=[?？]|$)"
    ),
    word(
        "no (?:problem|rush|worries|worry|hurry|matter|pressure)|why not|not only|not bad|not just|"
        "don'?t (?:mind|worry|forget)|"
        "doesn'?t matter|not that i mind|can'?t wait|if not too much|no big deal|not sure if|after all|at all|above all"
    ),
    "(?:能|可以|会|有|行)[^,，。;；!！?？不没]{1,14}(?P<word>[不没])(?=[呀啊哦]?(?:[,，。?？!！~ ]|$))",
    "(?P<asked>[一-鿿])不(?P=asked)",
    "(?<![a-z])no(?= (?:make|let'?s (?:make|do|say)) (?:it|that)(?![a-z]))",
)
"""What looks like a refusal and is none."""
GREETINGS: Final = (
    r"(?<![天日早晚周今明一二三四五六])(?:早上|上午|中午|下午|晚上)好(?![吗么不吧])|[早午晚]安|^早晨(?=[,， ]|$)",
    word(
        "good (?:morning|afternoon|evening|night)|(?:how|what) about(?! (?:[0-9]{1,2}|two|three|four|five|"
        "six|seven|eight|nine|ten|eleven|twelve)(?![0-9]))"
    ),
    "^(?:good )?(?:morning|evening|afternoon)(?=[!,.]|$)",
    word("sun ?glasses|i sat|(?:to|so) sat|the sun|march in|may (?:i|be|we|come|have)"),
)
"""What greets with a part of the day, or spells a day by chance."""
NOTES: Final = (
    (  # what is asked of the shop for somebody else: it refuses no value
        "(?:不要|别|请勿|唔好|千万别)(?:再)?(?:给|让|叫|帮|跟|对|同|向)(?:我|俺)?(?:家)?(?:她|他|佢|孩子|娃|老人|老人家|妈|爸|老公|老婆|儿子|女儿|奶奶|爷爷)"
        "(?:们)?(?:推销|推荐|介绍|配[^,.!?;，。约]{0,2}贵|买|卖|打电话|"
        "发短信|发消息|发微信|滴|散瞳|看(?:到|见)|知道|一个人|排队|付钱|付款)[^,.!?;，。0-9一二三四五六七八九十点周]{0,6}"
        "|(?<![a-z])(?:please |pls )?(?:don't|dont|do not) "
        "(?:let|make|sell|upsell|push|call|text|phone|ring|charge|rush|scare|tell) "
        "(?:her|him|them|my [a-z]{2,9})"
        "(?: (?!(?:on|at|before|after|and|but|so|mon|tue|wed|thu|fri|sat|sun|today|tomorrow|next|this|cancel)"
        ")[a-z]{1,12}){0,5}"
    ),
    (
        "(?:员?工号|尾号|后[四三六4]位|会员卡?号?|卡号|微信号?|车牌号?|学号|编号|订单号?|单号|快递|验证码|"
        "房号|座位号|门牌|证件?号?|"
        "身份证号?|电话号码?|手机号?|号码|[qv]{2}号?|工牌|桌号|"
        "排队号)(?:后[四4三六]位)?[是为]? ?[:#]? ?[一-鿿]?[a-z0-9][a-z0-9-]{0,20}"
    ),
    (
        "(?:瞳距|预算|视力|左眼|右眼|双眼|两眼|散光|近视|远视|老花|度数|轴位?|加光|下加光|眼压|pd|"
        "add) ?[大概约在是有]{0,2} ?[:=]? ?"
        r"[+-]?[0-9]{1,4}(?:\.[0-9]{1,2})?(?: ?度)?"
    ),
    r"[0-9]{2,5} ?(?:的)?(?:套餐|活动|优惠|那款|的镜框|价位)|[一二两三四五六七八九]百[零一二两三四五六七八九十]{0,3} ?[度块元]",
    (
        f"{NUM} ?周岁|(?:今天|明天|后天|下周|下个?月|这周|本周|这个?月)?(?:刚|就|要|快)?满月|(?:[0-9]{{1,3}}|"
        f"{NUM}) ?(?:号线|路(?:公交|车)?|站|室|号室|楼|层|栋|单元|弄|号院|号门|号口)|[a-z]?[0-9]出?口"
    ),
    (
        r"(?:大概|大约|差不多)?(?:要|走|开|坐|需要|等)(?:大概|大约|差不多)?(?:[0-9]{1,3}|"
        r"[一二两三四五六七八九十半]{1,3}) ?(?:多)?(?:分钟|小时|个小时)(?![后前以之])"
    ),
    (
        f"(?:可能|会|估计|也许|大概|怕|应该)(?:会|要|得)?(?:晚|迟|早)(?:到|来|个)?(?: ?(?:[0-9]{{1,3}}|"
        f"{CN_NUMBER})?个?[来几多]?(?:分钟?|小时|刻钟|钟头)|一会儿?|一?点)?(?:左右|才)?到?"
    ),
    (
        f"(?:提前|提早|早|晚|迟)(?:个)?(?:(?:[0-9]{{1,3}}|{CN_NUMBER})个?[来几多]?(?:分钟?|小时|刻钟|钟头)|"
        f"一会儿?)(?:左右|才|再)?到"
    ),
    word(
        "(?:running|be|am|is|i'm|will be) (?:about |like )?(?:[0-9]{1,3}|a few|ten|fifteen|twenty|"
        "five) ?min(?:ute)?s? late|(?:running|be|run) (?:a (?:bit|little) )?late"
    ),
    "(?:今年|都|快|已经)(?:[0-9]{2,3}|[一二三四五六七八九]?十[一二三四五六七八九]?)(?:岁|了|(?=[,， ]))",
    word("next door"),
    "(?:昨[天晚]|前天|刚才|早上|上次)(?=我(?:明明|就|已经|都)?(?:[说讲发打问选约写]|跟你))",
    "原来(?:的|那个|约的){0,2}(?:时间|点)?我?赶不(?:上|及|到)了?",
    f"(?:[0-9]{{1,2}}|{NUM}) ?号(?:强?烈?风球?|台风|波)",
    r"\((?:[0-9]{1,2})\)(?=$|[ ,.!?])|(?<![a-z])2 for 1|(?<![a-z])-?[0-9]{1,2}\.[0-9]{2} in both eyes",
    "(?:我叫|名字[是叫]?[:：]?|姓名[是:：]?|本人) ?[一-鿿]{2,4}(?=[ ,，。]|$)",
    (
        f"(?<![一-鿿])周{CN_DAY}(?![吧呢吗呀啊哦哈的都也见去来行好约早晚午上下中前后左右起到至和或跟与及是在要"
        f"想能可有没不过先就再才还改换空忙整点号天日末时{CN_ANY}])"
        "[一-鿿](?=[ ,，。]|$)"
    ),
)
"""Figures and day characters that belong to something else."""
COMPARATIVES: Final = (
    f"(?<=[涨开掉加减降升肿来回了起])一点(?![钟半整{CN_ANY}]| ?[0-9])",
    (
        f"(?:[快慢好多少大小近远高低贵亮暗轻重长短厚薄深浅松紧楚宜服俗细粗软硬宽窄热冷淡浓稳强弱胖瘦圆方直清便"
        f"宜]|清楚|舒服|好看|提[前早]|推[迟后]|延[迟后]) ?一点(?:[点儿]|(?![钟半整{CN_ANY}]| ?[0-9]))"
    ),
    (
        "一点[儿点]|一点(?=[也都不没])|[有差] ?[一两]?点(?:[儿点]|"
        "(?=[不贵远红痒疼痛模看晚早松紧歪花忘紧赶]))|[快慢好多少有大小近远][些]点"
    ),
    "(?<=[往靠朝][前后])一点|(?<=[前后]面)一点|便宜[一两二三四五]点|[打抹]个?[一二三四五六七八九]折|(?<=夜)少少",
)
"""N点 behind a quality: a little more of it."""
NO_CLOCK: Final = (
    f"{NUM} ?点(?=(?:小|大|新)?(?:要求|建议|意见|问题|想法|疑问|理由|原因|好处|优点|缺点|不满|不足|区别|说明))",
    (
        f"(?:提|讲|谈|补充|注意|以下|下面|总共|一共) ?[这那]?{NUM} ?点(?=[:：,，。]|$)|"
        f"说 ?[这那]?{NUM} ?点(?=[:：]|[,，](?:第一|一是|首先|1))|"
        f"[有这那]{NUM} ?点(?=[:：,，。]|$|要(?!能)|想|需|得|不)"
    ),
    (
        "(?:还|就|只)?[差有](?:那么)?一点(?![钟半整零一二三四五十0-9])(?=[,，。!?？吗了]|$)|三点水|小数点|"
        "几 ?点(?:钟|半)?|多少点|点几次|要点|重点|地点|观点|特点"
    ),
    "下次|下单|(?:等|稍等|稍微等)一点时间|一点时间",
    "(?<=[约订定])上(?=(?:周|星期|礼拜)[一二三四五六日天])",
    f"一下(?!午|个?{WEEK})|(?<=[问看查等试说帮])下(?=下|[今明后大])|(?<=[约订])下(?=下(?!下?个?{WEEK})|[今明后大])",
    (  # the Sunday one
        "(?<![a-z])(?:the|that|this|my|his|her|your) (?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?(?:'s)? "
        "(?P<word>ones?)(?! (?:o'?clock|thirty|fifteen|forty|ten|twenty|[ap]\\.?m)(?![a-z]))(?![a-z])"
    ),
)
"""What looks like a clock time or a day and is none."""
_TIMELY: Final = f"(?=[上下中]午|[早晚]上?[{CN_ANY}]|傍晚| ?[{CN_ANY}]{{1,3}} ?[点:])"
"""A part of the day or a clock time comes next: what stands before it is no name."""
NEAR_MISSES: Final[tuple[tuple[str, str], ...]] = (
    (f"(?<![一-鿿])[洲粥州舟](?P<day>{CN_DAY})(?=[早上下中晚傍{CN_ANY} ]|$)", "周{day}"),
    (f"下[洲粥州舟走](?={CN_DAY})", "下周"),
    (f"(?<![一-鿿])周(?:[流留溜](?=[来去吧, ]|$|{_TIMELY})|[刘柳陆]{_TIMELY})", "周六"),
    ("(?:星期|礼拜)[流留刘柳溜陆]", "星期六"),
    (f"(?<![一-鿿])周(?:[物无误勿](?=[来去吧, ]|$|{_TIMELY})|[吾午伍]{_TIMELY})", "周五"),
    ("(?:星期|礼拜)[物无吾午勿伍误]", "星期五"),
    (f"(?:星期|礼拜|周)[衣医依]{_TIMELY}", "周一"),
    (f"(?:星期|礼拜|周)[耳儿而尔]{_TIMELY}", "周二"),
    (f"(?:星期|礼拜|周)[散山伞]{_TIMELY}", "周三"),
    (f"(?:星期|礼拜|周)[是事死市]{_TIMELY}", "周四"),
    (f"(?:星期|礼拜|周)[田添填甜]{_TIMELY}", "周天"),
    (f"(?:星其|星奇|行期|礼败|理拜|里拜)(?={CN_DAY})", "星期"),
    ("[明名民命鸣铭冥](?:添|填|田|甜)|[名民命鸣铭冥]天", "明天"),
    (f"[名民命鸣铭](?=[早晚](?:上|[{CN_ANY}]))", "明"),
    ("[厚候後后猴][添填田甜]|[厚候猴]天", "后天"),
    ("(?<![现如])今[添填田甜]|金天", "今天"),
    (f"(?<=[今明])[完碗玩湾万](?=上?[{CN_ANY}])", "晚"),
    (f"下[五无吾舞物](?=[{CN_ANY}])", "下午"),
    (f"上[五无吾舞物](?=[{CN_ANY}])", "上午"),
    ("(?<=[今明后])夭", "天"),
    ("(?<=[周期拜])曰", "日"),
    (word("tomrw|tmmrw|tomrrw|tmorw|tomz"), "tomorrow"),
)
"""Words one sound or one letter from a day word, and the word that was probably meant. They are asked about."""
SPACED: Final = re.compile("(?<![^ ])(?:[一-鿿0-9] ){3,60}[一-鿿0-9](?![^ ,，。!?])")
SPELLED: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "tomorrow",
    "tonight",
)
RIGHT: Final = re.compile(
    "tom{1,2}or{1,2}ow|tonight|night|midnight|knight|(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
)
_WORD: Final = re.compile("(?<![a-z0-9])[a-z]{5,12}(?![a-z0-9])")
LIKENESS: Final = 0.8
"""difflib's ratio from which a word is taken for a misspelt day: "saterday" is 0.88, "birthday" for thursday 0.63."""


class Masked(NamedTuple):
    """Characters of a sheet that were masked: as a `refusal` that is none, a `note`, a `comparative`, or `no_clock`."""

    name: str
    start: int
    end: int


_MASKS: Final = tuple(
    (name, deferred(pattern))
    for name, patterns in (
        ("refusal", FALSE_REFUSALS),
        ("refusal", GREETINGS),
        ("note", NOTES),
        ("comparative", COMPARATIVES),
        ("no_clock", NO_CLOCK),
    )
    for pattern in patterns
)
_MASKING: Final = Sieve(pattern for _, pattern in _MASKS)
_NEAR: Final = tuple((deferred(pattern), meant) for pattern, meant in NEAR_MISSES)
_NEARING: Final = Sieve(pattern for pattern, _ in _NEAR)


def mask(sheet: Sheet) -> list[Masked]:
    """Put near misses of day words right, and blank out what looks like a refusal or a time and is none."""
    masked: list[Masked] = []
    if sheet.too_long:
        return masked
    _join(sheet)
    _spell_out(sheet)
    _put_right(sheet)
    for number in grams_on(sheet).passed(_MASKING):
        name, pattern = _MASKS[number]
        for match in tuple(pattern.finditer(sheet.text)):
            place = match.span("word" if "word" in pattern.groupindex else 0)
            if place[1] > place[0]:
                masked.append(Masked(name, *place))
                sheet.blank(*place, ASIDE_MARK)
    return masked


_PINYIN_DAYS: Final = "(?:yi|er|san|si|wu|liu|ri|tian)"
_PINYIN_NUMBERS: Final = {
    "shi ?yi": "十一", "shi ?er": "十二", "yi": "一", "er": "二", "liang": "两", "san": "三", "si": "四", "wu": "五",
    "liu": "六", "qi": "七", "ba": "八", "jiu": "九", "shi": "十", "ri": "日", "tian": "天",
}  # fmt: skip
_PINYIN_WORDS: Final = {
    "ming ?tian": "明天", "hou ?tian": "后天", "jin ?tian": "今天", "shang ?wu": "上午", "xia ?wu": "下午",
    "zhong ?wu": "中午", "wan ?shang": "晚上", "zao ?shang": "早上",
}  # fmt: skip
_SAYS: Final = re.compile(word(f"{'|'.join(_PINYIN_WORDS)}|(?:zhou|xing ?qi|li ?bai) ?{_PINYIN_DAYS}"))
_PINYIN: Final = tuple(
    (deferred(f"(?<![a-z])(?:{pattern})(?![a-z])"), meant)
    for pattern, meant in (
        (f"(?P<next>xia ?)?(?:zhou|xing ?qi|li ?bai) ?(?P<number>{_PINYIN_DAYS})", "周"),
        *_PINYIN_WORDS.items(),
        (f"(?P<number>{'|'.join(_PINYIN_NUMBERS)}|[0-9]{{1,2}}) ?dian(?: ?(?P<half>ban))?", "点"),
    )
)


def _spell_out(sheet: Sheet) -> None:
    """zhouliu xiawu san dian: days and hours in pinyin, put into characters, and guesses like misspelt ones."""
    if not _SAYS.search(sheet.text):
        return
    for pattern, meant in _PINYIN:
        for match in reversed(tuple(pattern.finditer(sheet.text))):
            said = match.groupdict()
            digit = said.get("number") or ""
            number = next(
                (char for sound, char in _PINYIN_NUMBERS.items() if re.fullmatch(sound, digit)), digit
            )
            words = number + meant if meant == "点" else meant + number
            words = ("下" if said.get("next") else "") + words + ("半" if said.get("half") else "")
            _rewrite(sheet, match, words)


def _join(sheet: Sheet) -> None:
    """周 六 下 午 三 点: a text that is spaced out is put together."""
    for match in reversed(tuple(SPACED.finditer(sheet.text))):
        for at in range(match.end() - 1, match.start(), -1):
            if sheet.text[at] == " ":
                sheet.drop(at)


def _put_right(sheet: Sheet) -> None:
    """Rewrite near misses, and remember where they stand."""
    number = -1
    while (number := next((one for one in grams_on(sheet).passed(_NEARING) if one > number), -1)) >= 0:
        pattern, meaning = _NEAR[number]
        for match in reversed(tuple(pattern.finditer(sheet.text))):
            words = meaning.format(**match.groupdict())
            _rewrite(sheet, match, words)
    for match in reversed(tuple(_WORD.finditer(sheet.text))):
        if meant := _meant(match.group()):
            _rewrite(sheet, match, meant)


@lru_cache(maxsize=1024)
def _meant(text: str) -> str:
    """The day word that a word is probably meant for; none if it is one, or like none."""
    if RIGHT.fullmatch(text):
        return ""
    return next(iter(difflib.get_close_matches(text, SPELLED, n=1, cutoff=LIKENESS)), "")


def _rewrite(sheet: Sheet, match: re.Match[str], words: str) -> None:
    grown = len(words) - len(match.group())
    sheet.rewrite(*match.span(), words)
    later = [(s + grown, e + grown) if s >= match.end() else (s, e) for s, e in sheet.misspelt]
    sheet.misspelt = sorted([*later, (match.start(), match.start() + len(words))])
