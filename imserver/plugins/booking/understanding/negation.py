"""What is refused, put right or only spoken of.

Some forty templates say which value a word is about. A scope ends at punctuation, at 但 不过 那 改 就, and in Chinese at a
blank before the value; two templates that claim one word for different values leave it unclear, and it is asked about.
Words that only look like a refusal are masked before (`masks.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from imserver.plugins.booking.dates.deferred import deferred
from imserver.plugins.booking.dates.sieve import Sieve, grams_on
from imserver.plugins.booking.dates.text import MARKS, Sheet

from .occasions import DEEDS, EVENTS, EVENTS_ENGLISH, OTHERS, TOLD_BEHIND, TOLD_BY, TOLD_BY_THEM, TOLD_ENGLISH
from .stories import elsewhere, told

VALUE: Final = "\ue000"
"""Stands for a value in the templates. Folding never leaves one in a text."""
Verdict = Literal["refused", "wanted", "old", "busy", "elsewhere", "cancelled", "told"]
"""refused: not this. wanted: this instead. old: what is to be changed. busy: one is taken then. elsewhere: an occasion.
cancelled: the appointment that is to go. told: what was done then, or by when an answer comes."""


class Scope(NamedTuple):
    """What a template says of a value: its number, the verdict, where the words are that say so, and what replaces it.

    keeps_time: a value that put another right in the same breath keeps its hour (周五下午三点，不对，周六).
    """

    value: int
    verdict: Verdict
    words: tuple[tuple[int, int], ...]
    instead: int | None = None
    keeps_time: bool = False


V: Final = VALUE
_CN_FILL: Final = (
    "(?:[给帮]我|我|你|您|们|他|她|再|约|预约|选|挑|排|安排|订|定|在|放|去|来|那个|这个|那|这|是|了|想|"
    "要|能|时间|下|到|说|给|等到?|拖到?|必须?|非得|约在|安排)"
)
_CN_TAIL: Final = (
    "(?:[之以]?[前后](?![台面天])|那天|那个|这个|那边|的话|的|我们|我|他|她|家里|公司|单位|学校|孩子|客户|都|也|可能|"
    "恐怕|好像|实在|确实|真的|我?爸|我?妈|老公|老婆|媳妇|娃|闺女|儿子|女儿|家里人|人|这边|另外|还有|别的|"
    "临时|突然|全天|整天|一整天|"
    "一天|要|得|还|又|才|仲|正?在|就|时间|时候|有点|有些|刚好|正好|估计|应该|大概|约|因为|是|会|要去|去|一直|已经|"
    "对我来说|你们|那时候?|那阵|那会儿?|给(?:小孩|孩子|娃|儿子|女儿)|太|又要|\x02| )"
)
_EN_FILL: Final = (
    "(?: |the|to|get|there|by|on|at|for|do|make|it|come|in|book|want|any|this|that|be|have|me|us|like|is|"
    "a|of|there)"
)
_EN_TAIL: Final = (
    "(?: |is|'s|'ve|i've|are|was|will|be|just|really|also|actually|i'm|im|i am|i|we're|we are|we|my|am|for|me|us|"
    "slot|one|a|an|bit|little|kinda|with|that|it's|it|"
    "unfortunately|sadly|now|probably|still|so|afraid)"
)
_ANSWERED: Final = "(?![吗么嘛]|[?？])"
CANNOT_CN: Final = (
    "(?:[来去到过赶走抽腾脱空起回出挤轮请顾爬排](?:得)?不(?:[了成来到及上开出过着起动]|[过回起]来|[过回]去)"
    "(?:身|空|时间|功夫|假)?[来去]?)"
)
"""来不成, 腾不出空来, 赶不回来: one cannot."""
BEFORE_CN: Final = (
    "(?<!是)(?<!没说)(?:千万)?(?:不要|不想要?|不想|不用|不约|不选|不定|不订|不排|不考虑|不去|不来|"
    "不能要?|不可以|没法|没办法|无法|没必要|不必|用不着|犯不着|别(?!的|人)|勿|甭|(?<!除)非(?!常|得|要)|"
    "不是(?!不|因为|说|要)|(?<![a-z])(?:no|not) ?要|(?:不|not )free ?|"
    "除了|除咗|除开|除去|除|避开|躲开|避免|绕开|拒绝|受不了|不喜欢|"
    "不爱|唔好|唔要|唔系|唔想|别系|(?<![哦噢呃啊嗯额\ue000差])不)"
)
BEFORE_EN: Final = (
    r"(?<![a-z])(?:not|no|never|(?:i |we )?can'?t|(?:i |we )?cannot|(?:i )?don'?t|(?:i )?won'?t|isn'?t|"
    r"anything but|any ?day but|any ?time but|(?:won't be|not|isn't) able to|unable to|not around|not free|"
    r"all but|except(?: for)?|other than|apart from|avoid(?:ing)?|skip|i hate|without|unavailable|"
    r"unless)(?![a-z'])"
)
BEHIND_CN: Final = (
    f"(?:不行{_ANSWERED}|不可以{_ANSWERED}|不可{_ANSWERED}|不太?方便|不太?合适|不太行|不太好|不大方便|"
    f"不成{_ANSWERED}|不得空|不得闲|不得行|不凑巧|不巧|不现实|不太?(?:ok|okay)|{CANNOT_CN}{_ANSWERED}|不去了?|不来了?|不约了?|"
    f"不要了?(?![早晚迟]于|超过)|不想去?|不考虑了?|不算数?|不在(?:家|市里|本地|国内)?|不空|"
    f"不能来?去?(?![早晚迟]于|超过){_ANSWERED}|不赶趟|没空|"
    f"没时间|没有空|没有时间|没[功工]夫|没档期|没有?(?:下班|放学|忙完|起床|睡醒|到家|醒|起|回来|空闲)|"
    f"没法[来去]?|没办法|没戏|没位置?|算了|就算了|免了|"
    f"满了(?:吗)?|约满(?:了)?(?:吗)?|排满(?:了)?(?:吗)?|过期|来不了|来不及|来唔到|去不了|到不了|过不来|"
    f"过不去|约不了|做不了|赶不上|赶不及|走不开|抽不开身|"
    f"够呛|够戗|未必(?:[来去赶起到得过能行])[^,，。 ]{{0,4}}|别(?:约|排|安排|选|定)(?=$|[ ,，。])|"
    f"人太多|太挤|不对(?![吗么劲])|有误|有问题|错了|不合适|有点儿?悬|悬(?=[了啊吧呀,， ]|$)|"
    f"难说|难办|有困难|有冲突|时间冲突|冲突|撞(?:了|上|车|期)|泡汤|没辙|pass(?![a-z])|冇空|冇时间|唔得闲?|"
    f"唔方便|唔系|唔嚟(?:得|喇|啦|了)?|嚟唔到|唔去(?:喇|啦|了)?|去唔到|除外|[以之]外|外(?![面地国卖边套])|太早|"
    f"太晚|太赶|太迟|太紧|[嫌显]太?[早晚迟赶]|"
    f"(?:有点儿?|有些|稍微?|略微?|\x02{{3}})太?[早晚迟赶紧][了点些]{{0,2}}|早了点?|"
    f"晚了点?|起不来|也不(?=[ ,，]|$)|不(?=[ ,，]|$))"
)
BUSY_CN: Final = (
    "(?:(?<=[要得在去])(?:接送?|送|陪|带)(?:一?下)?(?:孩子|娃|小孩|老人|爸|妈|客户|客人|人)(?!来|过来|去你|到你)|另有(?:安排|事)|约了人|"
    "(?:还|都|正|人|我){0,4}在(?!家|附近|店|你|这|门口|休息|网上|手机|线|呢|吗|哪|的|中午|下午|"
    "上午|早上|晚上|周|我家)[一-鿿]{1,6}(?=$|[ ,，.!。])|"
    "限行|停电|停水|值日|轮班|封路|开学|军训|团建|扫墓|打风|有(?:人)?(?:结婚|生日会)|(?:洗|拔|补)牙|接电话|家长会|开家长会|饮茶|喝茶|去饮|"
    "补课|值班|过寿|过生日(?!来)|(?:办|喝|吃)(?:喜酒|席|酒席?)|有喜事|办喜事|走亲戚|轮到(?:我)?(?:值|上|当)?班?|(?<=在)接(?:孩子|娃)|当班|(?<![放下散])上学|在(?:外地|外面|上学|路上|单位)|有事情?|有课|有个?会(?!员)|有约|有安排|有考试|要?开.{0,2}会|上课(?![吗么不])|(?<!你们)(?<!你们还)(?<!你们都)上班(?![吗么不])|加班|返工|出差|出国|出门|出去|考试|值夜?班|旅游|旅行|回老家|搬家|很忙|忙(?!吗)|体检|面试|"
    "手术|住院|陪客户|客户来|接客户|打针|结婚|聚会|聚餐)"
)
OCCASION_CN: Final = (
    "(?:下课|放学|下班|收工|起飞|到站|火车|高铁|动车|飞机|航班|船|车票|发车|登机|电影|演出|比赛|接孩子|接娃|"
    "接小孩|送孩子|送娃|吃药|关门|打烊|送货|例会|会推了|会结束|"
    "的会|的课|的车|开场|打烊|营业|才?起床|才醒|睡觉|开完)"
)
BEHIND_EN: Final = (
    r"(?:does ?n'?t work|does not work|(?:does|do) ?n'?t (?:really )?(?:work|suit|fit|do)|clash(?:es)?|"
    r"conflicts?|wo ?n'?t (?:work|do)|will not work|is ?n'?t (?:good|"
    r"possible|ok|great|ideal)|is not|aren'?t|not (?:good|ok|possible|great|ideal|free|going)|"
    r"no[- ]go|a no(?! )|no good|(?:bit |little |kinda |kind of |tad )(?:too )?(?:early|late)|"
    r"(?<=is a bit )(?:early|late)|too (?:early|late|soon)|out(?![a-z])|impossible|unavailable|"
    r"not available|"
    r"can ?n?o?'?t(?: do| make| come)?|not(?! ?(?:the |on |at |before |after |later than |"
    r"earlier than )?\ue000)|fully booked|wrong|off the table|bad|"
    r"hard|difficult)(?![a-z])"
)
BUSY_EN: Final = (
    r"(?:busy|at work|working|on strike|teaching|at (?:the|my|a) (?:dentist|doctor|doctors|"
    r"hospital|clinic|vet|hairdresser|gym|office)|at (?:school|college|uni|church)|got (?:work|"
    r"plans|class)|away|abroad|travell?ing|in a meeting|have (?:a )?(?:class|work|meeting|"
    r"school|lesson|shift|an exam|an appointment)|work(?=$|[ ,.])|on holiday|out of town)(?![a-z])"
)
OCCASION_EN: Final = (
    r"(?<![a-z])(?:flight|plane|train|bus|class|lecture|meeting|school|shift|exam|game|match|film|movie|"
    r"ferry|(?:don'?t |can'?t |won'?t )?finish(?:es)?(?: work)?|get off(?: work)?|off work|"
    r"drop(?:ping)? (?:the |my )?[a-z]{1,8} off|pick(?:ing)? (?:the |my )?[a-z]{1,8} up|"
    r"pick(?:ing)? up (?:the |my )?[a-z]{1,8}|wake up|arrive home|gets? home|be (?:at work|home|back|done|"
    r"finished|out|gone)|ends?|lands?|leaves?)"
    r"(?: (?:is|at|lands|leaves|ends|starts|departs|until|till|on|by|finishes|goes|gets in|arrives|"
    r"comes in)){0,3} "
)
OLD_CN: Final = (
    "(?:原[来本先]?(?:是)?(?:约|定|订|预约)?[的于在]?(?:是|那个)?|本来(?:是)?(?:约|定|订)?的?(?:是)?|(?:上次|"
    "之前|刚才|刚刚|昨天|前面)(?:说|约|定|订|"
    "预约)?(?:好)?(?:了)?的?(?:是|那个)?|"
    "(?:我|已经|现在)?(?:约|定|订|预约)(?:了|好了|的是|的)(?:是|在)?|把(?:我的?|那个|这个|我们的?)?)"
)
_MOVE_CN: Final = (
    "(?:调整|变更|更改|修改|改|换|挪|调|移|转|推迟|推|提前|延后|延|变|顺延|往后挪|往前挪)(?:期|约|"
    "一下|个)?(?:成|为|去|在|到|至)?"
)
_GAP: Final = f"[^{V},，。;；!！?？]"
MOVED: Final = (
    rf"(?:从|由|自)?(?P<old>{V})(?:的)?(?:{_GAP}){{0,14}}?{_MOVE_CN}(?:{_GAP}){{0,4}}?(?=(?P<yes>{V}))",
    rf"(?:{OLD_CN})(?P<old>{V})(?:{_GAP}){{0,10}}[,， ]{{0,2}}(?:{_GAP}){{0,8}}?{_MOVE_CN}(?:{_GAP}){{0,4}}?(?=(?P<yes>{V}))",
    (
        rf"(?P<old>{V})[^{V},，。;；!！?？可行空能好想要约订也]{{1,6}}[,，] ?(?:那就|就|还是|那)?{_MOVE_CN}"
        rf"(?=(?P<yes>{V})(?!吧?也))"
    ),
    rf"(?P<old>{V}) ?(?:→|->|=>|⇒|➡|>>?) ?(?=(?P<yes>{V}))",
    (
        rf"(?<![a-z])(?:move|change|switch|reschedule|push|shift|swap|"
        rf"chnage)(?![a-z])[^{V},.;!?]{{0,24}}?(?P<old>{V})[^{V},.;!?]{{0,14}}?(?<![a-z])(?:to|for|until|"
        rf"into) (?:the |any |on )?(?=(?P<yes>{V}))"
    ),
)
PAIR: Final = (  # the first is put right by the second, and by nothing between them
    (
        rf"(?P<no>{V})[ ,，.。…]{{0,3}}(?:哦|噢|喔|呃|额|嗯|啊|诶|哎|唉|不是|哎呀|"
        rf"等等){{0,2}}[ ,，]{{0,2}}(?:不对|不不|错了|说错了?|搞错了?|写错了?|打错了?|口误|更正|"
        rf"不是(?=[,，啊]))(?:啊|了|呀)?"
        rf"[ ,，.。!]{{0,3}}(?:应该)?(?:是|要|我是说|改成?|换成?)?(?:{_GAP}){{0,4}}?(?=(?P<same>{V}))"
    ),
    rf"(?P<no>{V})(?:哦|噢|喔|呃|额|嗯|啊|诶|哎| )?不(?=(?P<same>{V}))",
    (
        rf"(?P<no>{V})[ ,，.。…?？!~]{{1,4}}(?:哦|噢|喔|呃|额|啊|诶|嗯|\x02{{2,3}}){{0,2}}[ ,，]{{0,1}}"
        rf"(?:不(?={V})|(?:不|唔系|唔对|no|nope)(?:对|行)?[ ,，。.]{{1,3}}(?:是|还是|改|要|应该是|"
        rf"i mean |make it )?)(?=(?P<same>{V}))"
    ),
    (
        rf"(?P<no>{V})[ ,，。.]{{0,3}}(?:算了|罢了|never ?mind|nvm|forget it)[ ,，]{{0,2}}(?:还是|就|改|"
        rf"make it |let's do )?(?=(?P<same>{V}))"
    ),
    (
        rf"(?:没说(?:是|要)?|never said |didn't say )(?:on |"
        rf"at )?(?P<no>{V})[ ,，]{{0,2}}(?:我)?(?:说的?是|说的|是|i said |it's |it was )?(?:on |"
        rf"at )?(?=(?P<same>{V}))"
    ),
    (
        rf"(?P<no>{V})[ ,.\-…]{{0,4}}(?:oh |uh |um |er |no |wait |oops |w8 ){{0,3}}(?:no wait|wait no|no i said|i said|no|wait|"
        rf"sorry|i mean|actually|scratch that|or rather|make that|oops|correction)"
        rf"(?![a-z])[ ,.\-]{{0,3}}(?:sorry|wait|i mean|i meant|make it|make that|actually|not|it's|its|,|"
        rf" ){{0,4}}(?:the |at |on )?(?=(?P<same>{V}))"
    ),
)
INSTEAD: Final = (  # this, and not that
    (
        rf"(?P<yes>{V})(?: please)?[ ,]{{0,2}}(?<![a-z])(?:instead of|rather than|not|and not|"
        rf"over)(?![a-z]) (?:the |on |at )?(?P<no>{V})"
    ),
    (
        rf"(?<![a-z])(?:rather|sooner|prefer) (?:have |do |come |on |the )?(?P<same>{V})[ ,]{{1,2}}"
        rf"(?:than|over) (?:on |the )?(?P<no>{V})"
    ),
    (
        rf"(?P<same>{V})(?: is| would be| works| suits me|'s|'d be){{0,1}}(?: (?:much|a bit|far)){{0,1}} better"
        rf"(?: for me)?(?: than (?:on |the )?)(?P<no>{V})"
    ),
    rf"(?:与其)(?:{_CN_FILL}){{0,3}}(?P<no>{V})[,，]?(?:还)?(?:不如|宁可|\x02{{2}}|倒不如)(?:{_CN_FILL}){{0,3}}(?P<yes>{V})",
    rf"(?P<no>{V})[?？] ?(?:不是)?(?:我)?(?:说|讲|要|约|定)的?(?:是)(?=(?P<yes>{V}))",
    (
        rf"(?<![a-z])(?:instead of|rather than|not) (?:the |on )?(?P<no>{V})[ ,]{{1,2}}(?:but |do |can we do |"
        rf"could we do |let's do |"
        rf"make it |i'd like |i want |how about |\x02{{1,9}} |on |at ){{0,2}}(?=(?P<yes>{V}))"
    ),
    rf"(?P<yes>{V})[ ,，]{{1,2}}(?:not|不是|而不是|不要) ?(?P<no>{V})",
)
ALONE: Final[tuple[tuple[Verdict, str], ...]] = (
    (
        "refused",
        rf"(?:{BEFORE_CN})(?![来去到成约]{{0,2}}了)(?:{_CN_FILL}|\x02){{0,5}}(?P<no>{V})(?:[、和或跟及/](?P<no2>{V}))?",
    ),
    ("refused", rf"(?:{BEFORE_EN}) ?{_EN_FILL}{{0,8}}(?P<no>{V})(?: ?(?:or|and|nor|/) ?(?P<no2>{V}))?"),
    ("refused", rf"(?:(?P<no2>{V})(?:[、和或跟及/]| or | and ))?(?P<no>{V}){_CN_TAIL}{{0,6}}(?:{BEHIND_CN})"),
    ("refused", rf"(?P<no>{V}){_EN_TAIL}{{0,8}}(?:{BEHIND_EN})"),
    (
        "refused",
        rf"(?:怎么|咋|为什么|为啥|干嘛)(?:还|又|就|会|给我|把我|都){{0,4}}(?:是|成|变成?|[约订定写改]成?)的?了?(?P<no>{V})",
    ),
    (
        "busy",
        rf"(?:(?P<no2>{V})(?:[、和或跟及]|(?={V}[^{V},，。]{{0,3}}都)))?(?P<no>{V}){_CN_TAIL}{{0,8}}(?:{BUSY_CN})(?![前后完]|[以之][前后])",
    ),
    ("busy", rf"(?P<no>{V}){_EN_TAIL}{{0,8}}(?:{BUSY_EN})"),
    (
        "busy",
        (
            rf"(?P<no>{V})(?:'s| is| are) (?:my|the|our) (?!best|one|day|only|better|ideal|preferred|favou?rite|first|earliest|"
            rf"latest|time|same|next|last|most|perfect|right)[a-z' ]{{2,20}}(?=$|[,.!;])"
        ),
    ),
    (
        "busy",
        (
            rf"(?<![a-z])(?:i work|(?:i'm |i'll be )?(?:busy|away|at work|abroad|out of town|travell?ing)|"
            rf"got (?:something|stuff|work|plans|class)|working|i have (?:work|class|school))(?: on|"
            rf" at)? (?P<no>{V})"
        ),
    ),
    ("elsewhere", rf"(?P<no>{V}){_CN_TAIL}{{0,4}}(?:{OCCASION_CN})(?![前后]|[以之][前后])"),
    (
        "elsewhere",
        (
            rf"(?P<no>{V})(?:的|那个|那位|那)(?:客人|客户|顾客|病人|患者|单子)|(?P<no3>{V})(?:的|那个|那场)会(?!儿)|"
            rf"您(?P<no2>{V})的"
        ),
    ),
    ("elsewhere", rf"(?:飞机|火车|高铁|动车|航班|大巴)(?:是|在|票是?){{0,1}}(?P<no>{V})"),
    ("elsewhere", rf"(?:{OCCASION_EN})(?:{_EN_FILL}){{0,4}}(?P<no>{V})(?: on (?P<no2>{V}))?"),
    (
        "elsewhere",
        (
            rf"(?:开完|结束|做完|上完|下完)(?:大概|大约|要|差不多|也|都|得|\x02|\x03){{0,4}}(?P<no>{V})"
            rf"(?!(?:再|就|能|可以|我){0, 3}(?:过来|来|到店|到你|过去|去))"
        ),
    ),
    (
        "cancelled",
        rf"(?:取消|退掉|撤销|cancel掉?)(?:{_GAP}){{0,4}}?(?P<no>{V})|(?P<no2>{V})(?:{_GAP}){{0,8}}?(?:取消|退掉|cancel掉?)",
    ),
    ("cancelled", rf"(?<![a-z])cancel(?:led)? (?:the |my |our |it |on |for ){{0,3}}(?P<no>{V})"),
    (
        "elsewhere",
        (
            rf"(?P<no>{V})(?:{_CN_TAIL}|人|仍|还|仲|喺度|嗰阵|咁啱|刚){{0,6}}(?:[在喺](?=[一-鿿])(?!你们|你哋|您|贵|店|这|那|哪|线|嗰|家附近|附近|家等)|"
            rf"(?:有|得去|要去|去|[给帮陪替跟][一-鿿]{{1,4}})?(?:{DEEDS}|{EVENTS}))(?![前后完]|[以之][前后])"
        ),
    ),
    (
        "elsewhere",
        (
            rf"(?<![a-z])(?:i|we|he|she|they|kids?|my [a-z]{{2,10}})(?:'ve|'s| have| has)?(?: got| need| to be at| to go to)? "
            rf"(?:a |an |my |the |his |her |our |their |"
            rf"another ){{1}}(?:[a-z]{{2,12}} ){{0,2}}?(?:{EVENTS_ENGLISH})(?:{_EN_FILL}|from|"
            rf"between){{0,4}} ?(?P<no>{V})"
        ),
    ),
    (
        "elsewhere",
        (
            rf"(?<![a-z])(?:the|my|his|her|our|their) (?:[a-z']{{2,14}} ){{0,1}}?(?:{EVENTS_ENGLISH})(?:'s|"
            rf" is| are| starts?| begins?| comes?| coming| is coming| at){{0,3}}"
            rf" (?:at |on |from |between |till |until )?(?P<no>{V})"
        ),
    ),
    (
        "elsewhere",
        (
            rf"(?<![a-z])(?:i|we|he|she|they)(?:'m|'re|'ll be| am| are| will be|'ll still be| will still be|'s| is)"
            rf"(?: still| already| stuck| due)? (?:in|at|on) (?!yours|your|town|the area|the shop|the store|[a-z]{{0,3}} ?{V})"
            rf"(?:a |the |my )?[a-z]{{3,15}} (?:at |on |around |about )?(?P<no>{V})"
        ),
    ),
    (
        "busy",
        (
            rf"(?<![a-z])(?:busy|tied up|at work|working|teaching|in (?:a )?(?:meeting|class|lesson)s?|"
            rf"nothing) (?:before|after|up to) (?P<no>{V})"
        ),
    ),
    (
        "refused",
        rf"(?<![a-z])(?:any|every|all)(?: ?days?| ?time)?[^{V},.;]{{0,12}}{V} (?:but|bar)(?: not)? (?:the |on )?(?P<no>{V})",
    ),
    (
        "refused",
        (
            rf"(?<![a-z])(?:was|were) (?:going|meant|supposed|planning|due|hoping|"
            rf"thinking)(?![a-z])[^{V},.;]{{0,24}}(?P<no>{V})"
            rf"(?=[^{V}]{{0,60}}(?<![a-z])(?:but|so|instead|then|can|could)(?![a-z])[^{V}]{{0,40}}{V})"
        ),
    ),
    (
        "elsewhere",
        (
            rf"(?P<no>{V})[ ,]{{0,2}}(?:(?:i|we|he|she|they)(?:'m|'re|'ll be|'ll still be| am| are| will be|"
            rf"'s| is)(?: still| already| stuck)?"
            rf" (?:in|at|on) (?!yours|your|town|the area|the shop|the store|time|my way)(?:a |the |my )?[a-z]{{3,15}}|"
            rf"(?:is|'s|was) (?:when )?(?:my|our|his|her) [a-z])"
        ),
    ),
    (
        "elsewhere",
        (
            rf"(?<![a-z])(?:my [a-z]{{2,12}}|he|she|they)(?:'s|'re| is| are)(?: already)? (?:in|booked|"
            rf"booked in|booked with you)(?: at| for| on)? (?P<no>{V})"
        ),
    ),
    (
        "told",
        rf"(?P<no>{V})(?:我|就|才|大概|应该|左右){{0,3}}(?:能|可以)?(?:赶得?(?:到|及|上)|到得了|能到|到店|走得到)[^{V}]{{0,8}}?(?:约|订|定|排|就)(?=[^{V}]{{0,2}}{V})",
    ),
    ("told", rf"(?P<no>{V})[^{V},，。;；!！?？想要约能可吗]{{0,6}}?(?:{TOLD_BEHIND})(?![话人])"),
    (
        "told",
        rf"{TOLD_BY}[^{V},，。;；!！?？想要约能可吗]{{0,3}}(?P<no>{V})[^{V},，。;；!！?？想要约能可吗]{{0,8}}?(?:{TOLD_BY_THEM})(?![话人])",
    ),
    (
        "told",
        (
            rf"{TOLD_ENGLISH}(?![a-z' ]{{0,40}} (?:so|but|then) )[a-z' ]{{0,40}}? (?:at |on |since |from |"
            rf"by |till |until |after |before |in )?(?P<no>{V})"
        ),
    ),
    ("told", rf"(?:{OTHERS})(?:[^{V},，。;；.!！?？]){{0,24}}?(?P<no>{V})"),
    *(("elsewhere", template) for template in elsewhere(V)),
    *(("told", template) for template in told(V)),
    ("elsewhere", rf"(?<![a-z])my (?P<no>{V})(?! (?:time|clock))"),
    (
        "elsewhere",
        rf"(?<![a-z])(?:my|the) (?:flight|train|class|meeting|exam)(?: is| at| on){{0,3}} (?P<no>{V})",
    ),
)
"""Templates of one value: the refusal before it, or behind it, or what one does then."""
_OF_TWO: Final = tuple(
    (kind, deferred(template))
    for kind, templates in (("old", MOVED), ("pair", PAIR), ("instead", INSTEAD))
    for template in templates
)
_OF_ONE: Final = tuple((verdict, deferred(template)) for verdict, template in ALONE)
_PAIRS: Final = Sieve(template for _, template in _OF_TWO)
_SINGLES: Final = Sieve(template for _, template in _OF_ONE)
_FOLLOWED: Final = re.compile(f"(?:[ ,]?(?:还是|或者?|or|and|[和跟与及、])(?: |是)?)?{VALUE}")
DOUBLE: Final = re.compile("不是不|没说|不是说|并非不|不得不|(?<![a-z])not (?:that|saying|un)|didn'?t say")
"""Two negations, or one of what was said: nobody knows what is left."""
_DOUBLES: Final = Sieve([DOUBLE])
_SAID: Final = re.compile(
    rf"(?:没说(?:是|要)?|didn't say )(?:on |at )?{V}(?=[ ,，]{{0,2}}(?:我)?(?:说的?是|说的|是|i said |it's |it was )?{V})"
)


def scopes(sheet: Sheet, values: Sequence[tuple[int, int]]) -> list[Scope] | None:
    """What the templates say of the values of a text, by their number; None if it is unclear and has to be asked.

    sheet: what was masked or read already is marks.  values: where they stand, ascending and apart.
    """
    grams = grams_on(sheet)
    doubles, pairs, singles = map(grams.passed, (_DOUBLES, _PAIRS, _SINGLES))
    if not (doubles or pairs or singles):
        return []
    skeleton = _Skeleton(sheet.text, values)
    if doubles and DOUBLE.search(_SAID.sub("", skeleton.text)):
        return None
    found: list[Scope] = []
    for number in pairs:
        kind, template = _OF_TWO[number]
        for match in template.finditer(skeleton.text):
            found += skeleton.of_two(match, kind)
    for number in singles:
        verdict, template = _OF_ONE[number]
        for match in template.finditer(skeleton.text):
            if skeleton.torn(match):
                return None
            found += skeleton.of_one(match, verdict)
    return None if _unclear(found) else found


class _Skeleton:
    """The text with one character for each value."""

    def __init__(self, text: str, values: Sequence[tuple[int, int]]) -> None:
        pieces: list[str] = []
        self._places: list[tuple[int, int]] = []
        last = 0
        for start, end in (*values, (len(text), len(text))):
            pieces.append(text[last:start])
            self._places += zip(range(last, start), range(last + 1, start + 1), strict=True)
            if end > start:
                pieces.append(VALUE)
                self._places.append((start, end))
            last = end
        self.text = "".join(pieces)

    def of_two(self, match: re.Match[str], kind: str) -> list[Scope]:
        """The two values of a template: one goes, the other comes."""
        groups = match.groupdict()
        gone = next(name for name in ("old", "no") if groups.get(name))
        come = next(name for name in ("same", "yes") if groups.get(name))
        first, second = self._number(match.start(gone)), self._number(match.start(come))
        words = self._words(match)
        verdict: Verdict = "old" if kind == "old" else "refused"
        return [
            Scope(first, verdict, words, second, keeps_time=come == "same"),
            Scope(second, "wanted", words),
        ]

    def of_one(self, match: re.Match[str], verdict: Verdict) -> list[Scope]:
        """The value, or the two of a list, that a template says one thing of."""
        names = [name for name in ("no", "no2", "no3") if match.groupdict().get(name)]
        words = self._words(match)
        return [Scope(self._number(match.start(name)), verdict, words) for name in names]

    def torn(self, match: re.Match[str]) -> bool:
        """不要周六周日, 不要三点还是四点: whether another value follows the refused one with nothing between them."""
        if self.text[match.end() - 1] != VALUE or self.text[match.start()] == VALUE:
            return False
        return _FOLLOWED.match(self.text, match.end()) is not None

    def _number(self, at: int) -> int:
        return self.text.count(VALUE, 0, at)

    def _words(self, match: re.Match[str]) -> tuple[tuple[int, int], ...]:
        """Where the words of a match stand in the text, without its values and masked places."""
        kept = [at for at in range(*match.span()) if self.text[at] not in f"{VALUE}{MARKS}"]
        return tuple(self._places[at] for at in kept)


def _unclear(found: Sequence[Scope]) -> bool:
    """Whether a word was claimed for two values by templates of one value, or a value is wanted and refused at once."""
    single = [scope for scope in found if scope.verdict in ("refused", "busy") and scope.instead is None]
    owners: dict[tuple[int, int], Scope] = {}
    for scope in single:
        for place in scope.words:
            owner = owners.setdefault(place, scope)
            if owner.value != scope.value and owner.words is not scope.words:
                return True
    wanted = {scope.value for scope in found if scope.verdict == "wanted"}
    return any(scope.value in wanted for scope in single)
