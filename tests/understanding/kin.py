"""Kin: which words mean the same person, so that 我妈, 妈妈 and mum are one."""

from __future__ import annotations

#: The longest word that stands in a text counts, so grandmother is not mother, and 岳母 not 母.
_WORDS = {
    "mother": "妈妈 妈 母亲 老妈 阿妈 媽媽 媽 娘 mother mum mom mummy mama",
    "father": "爸爸 爸 父亲 老爸 阿爸 老豆 老竇 father dad daddy papa",
    "grandmother": "奶奶 外婆 姥姥 祖母 嫲嫲 阿嫲 婆婆 阿婆 grandmother grandma granny nan",
    "grandfather": "爷爷 外公 姥爷 祖父 阿公 阿爺 grandfather grandpa granddad",
    "wife": "老婆 妻子 太太 媳妇 爱人 内人 太座 wife missus",
    "husband": "老公 丈夫 先生 husband hubby",
    "son": "儿子 小儿子 大儿子 仔仔 阿仔 son boy",
    "daughter": "女儿 小女儿 大女儿 闺女 囡囡 阿女 daughter girl",
    "child": "孩子 小孩 小孩子 小朋友 娃 宝宝 小宝 细路 child kid kids children baby bb",
    "brother": "哥哥 弟弟 兄弟 哥 弟 細佬 细佬 大佬 brother",
    "sister": "姐姐 妹妹 姐妹 姐 妹 家姐 細妹 sister",
    "grandson": "孙子 外孙 grandson",
    "granddaughter": "孙女 外孙女 granddaughter",
    "aunt": "阿姨 姑姑 姨妈 舅妈 婶婶 aunt auntie",
    "uncle": "叔叔 舅舅 伯伯 姑父 uncle",
    "mother-in-law": "岳母 丈母娘 mother-in-law",
    "father-in-law": "岳父 老丈人 公公 father-in-law",
    "friend": "朋友 闺蜜 friend mate",
    "colleague": "同事 colleague coworker co-worker",
    "boss": "老板 领导 boss",
    "girlfriend": "女朋友 女友 girlfriend gf",
    "boyfriend": "男朋友 男友 boyfriend bf",
}
_RELATION = {word: relation for relation, words in _WORDS.items() for word in words.split()}
_LONGEST_FIRST = sorted(_RELATION, key=len, reverse=True)
#: Who is named more closely than was asked is right, too.
_CLOSER = {"child": frozenset({"son", "daughter", "grandson", "granddaughter"})}


def relation(word: str) -> str:
    """The relation that a word names; the word itself if it is none that is known."""
    plain = word.casefold().strip()
    return next((_RELATION[known] for known in _LONGEST_FIRST if known in plain), plain)


def same_person(wanted: str, heard: str) -> bool:
    """Whether two words are one person's."""
    one, other = relation(wanted), relation(heard)
    return one == other or other in _CLOSER.get(one, ())
