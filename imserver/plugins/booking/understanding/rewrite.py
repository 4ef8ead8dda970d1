"""One way of writing before anything is read: traditional characters, emoji that say something, Cantonese day words.

Every rewriting is as long as what it replaces, so a place in the rewritten text is the same place in the text as typed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from imserver.plugins.booking.dates.text import TRADITIONAL

_TRADE: Final = dict(
    zip(
        "見閃劇傷濺強鹼噴確認復複檢測隱軟園師報幫舊頭動燈約貓聯絡鐵顏漲運壓腫癢帶鬆緊爛壞媽爺嬤婆紅眾買賣價費貴錢優惠險證醫藥癢痠"
        "煩們邊個嗰冇嚟攞搵諗睇幾耐哋啲單訂帳賬號碼電話機發給讓說話講談請謝歡迎對錯選擇換轉轎車輛停場處裡裏麵樣種類歲齡壯陳張劉黃吳鄭"
        "馮許蔣楊蕭趙錢孫蘇葉葛盧鐘鍾羅龍歐鄧鄒莊韓顧鄺區譚關閻馬賴簡塗藍鄔雲嚴萬龔賀欒齊衛範龐華魯韋鳳鮑費俞薛雷賓資納級纖維線"
        "練習經濟結構組織終級總讀書員閒閑間開問聞閱陽陰隊際陸險隨隻雙難離雞電需靈靜響頁順須預頓願顯風飛飯館駕騎驗驚體麗黑點齒"
        "術愛聲聽聯職腦臉臨舉舊與興藝節華著虛處蟲補裝製訊記設許試詳誤諾證識議護讓貨質購跡踐輕轉農達過遠違遲適選還鄉醜醫釋針鈴銀",
        "见闪剧伤溅强碱喷确认复复检测隐软园师报帮旧头动灯约猫联络铁颜涨运压肿痒带松紧烂坏妈爷嬷婆红众买卖价费贵钱优惠险证医药痒酸"
        "烦们边个嗰冇嚟攞搵谂睇几耐哋啲单订账账号码电话机发给让说话讲谈请谢欢迎对错选择换转轿车辆停场处里里面样种类岁龄壮陈张刘黄吴郑"
        "冯许蒋杨萧赵钱孙苏叶葛卢钟钟罗龙欧邓邹庄韩顾邝区谭关阎马赖简涂蓝邬云严万龚贺栾齐卫范庞华鲁韦凤鲍费俞薛雷宾资纳级纤维线"
        "练习经济结构组织终级总读书员闲闲间开问闻阅阳阴队际陆险随只双难离鸡电需灵静响页顺须预顿愿显风飞饭馆驾骑验惊体丽黑点齿"
        "术爱声听联职脑脸临举旧与兴艺节华着虚处虫补装制讯记设许试详误诺证识议护让货质购迹践轻转农达过远违迟适选还乡丑医释针铃银",
        strict=True,
    )
)
SIMPLIFIED: Final = TRADITIONAL | _TRADE | {"係": "系", "妳": "你"}
"""Traditional characters of dates and of the trade, one for one; others are left alone."""

_EMOJI: Final = {
    **dict.fromkeys("👍👌🆗✅✔☑🤝💯", "好"),
    **dict.fromkeys("🙅👎", "不"),
    **dict.fromkeys("❌✖🚫", "别"),
    **dict.fromkeys("👋🙋", "嗨"),
    **dict.fromkeys("❓❔⁉", "?"),
    **dict.fromkeys("→➡➔➜⇒", "改"),
    **dict.fromkeys("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff", " "),
}
_TABLE: Final = str.maketrans(SIMPLIFIED | _EMOJI)


_ASKED: Final = re.compile(
    "(?<=[子行以好位能成间约验配做开来班门空号座光镜片框眼钱费贵远近车店货准假息歇业过用戴卡修取查检票证折懂够住停带样啦呀下个次回])不(?=[呀啊哦]?(?:$|[\\s,.!?，。！？]))(?!不)"
)
#: "But" where a clause begins ends whatever was refused before; its 不 refuses nothing.
_HOWEVER: Final = re.compile("(?<=[,，。;；])[ ]?不过(?!去|来|期|了)")


def rewrite(text: str) -> str:
    """The text in one way of writing, character for character: a 不 that asks is 吗 (位子不, 能约不)."""
    plain = text.translate(_TABLE)
    return _HOWEVER.sub(lambda match: match[0].replace("不过", "但是"), _ASKED.sub("吗", plain))


def fold(text: str) -> str:
    """A label, or a word of a chain, in the one form in which two of them are compared."""
    pieces = []
    for char in unicodedata.normalize("NFKC", text.translate(_TABLE)):
        kind = unicodedata.category(char)
        if kind not in ("Cf", "Mn", "Me"):
            pieces.append(" " if kind[0] in "CZ" or kind == "So" else SIMPLIFIED.get(char, char))
    return " ".join("".join(pieces).split()).casefold()
