"""The catalogue: whole in both languages, used and usable; a store's own texts; the chain file and its complaints."""

import re
import string

import pytest

from imserver.errors import ConfigError
from imserver.plugins.booking.dialogue import router
from imserver.plugins.booking.messages.texts import Catalogue, language_of, load_words, placeholders
from imserver.plugins.booking.schedule import codes
from imserver.plugins.booking.schedule.chain_file import ChainError, load_chain, parse_chain
from imserver.plugins.booking.understanding.acts import Kind
from tests.booking.support.chains import trial
from tests.booking.support.demo_chain import DEMO, SOURCES
from tests.booking.support.heard import hear

ZH, EN = load_words("zh"), load_words("en")


def test_both_languages_have_the_same_texts_and_placeholders():
    assert list(ZH) == list(EN)
    for key in ZH:
        # A date is spelled with other parts in each language.
        if key != "date":
            assert placeholders(ZH[key]) == placeholders(EN[key]), key
        assert type(ZH[key]) is type(EN[key])
        assert all(ZH[key]), key


def test_every_key_in_the_code_exists_and_every_text_is_used():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    literal = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)"', code)) | set(
        re.findall(r'(?<!load_)words\("([a-z_.]+)"', code)
    )
    literal -= set(re.findall(r'\.audit\("([a-z_.]+)"', code))  # what the audit log names
    families = tuple({*re.findall(r"f[\"']([a-z_]+\.[a-z_]*)\{", code)})
    assert {
        key
        for key in literal
        if key not in ZH
        and not key.endswith(
            (".toml", ".tsv", ".txt", ".json", ".html", ".js", ".plugin_api", "plugins.booking", "re._parser")
        )
    } == set()
    quoted = set(re.findall(r"[\"']([a-z_.]+)[\"']", code))
    named = {key for key in ZH if {key, key.removesuffix("_title"), key.removesuffix("_none")} & quoted}
    unused = {key for key in ZH if key not in named and not key.startswith(families)}
    assert unused == set()


def test_commands_on_buttons_are_commands():
    for words in (ZH, EN):
        for key in (key for key in words if key.startswith("command.")):
            name, rest = router.split(str(words[key])) or ("", "?")
            assert rest == ""
            assert name.replace("-", "_") in (key.removeprefix("command."), "done")


def test_labels_that_answer_are_understood():
    for words in (ZH, EN):
        assert hear(str(words["answer.first_visit"]), 0).given("first") is True
        assert hear(str(words["answer.returning"]), 0).given("first") is False
        assert hear(str(words["answer.yes"]), 0, step="confirm").has(Kind.YES)
    for service in load_chain("demo").services:
        for name in (service.names.zh, service.names.en):
            assert hear(name, 0).given("service") == service.id, name
    for band in load_chain("demo").age_bands:
        for name in band.words:  # the band's whole name is a label: test_labels
            assert hear(name, 0, step="age").given("age") == band.id, name
    for store in load_chain("demo").stores:
        for name in (store.names.zh, store.names.en, store.id):
            assert hear(f"{name} 明天", 0).given("shop") == store.id, name


def test_languages():
    assert [language_of(tag) for tag in ("zh-CN", "ZH", "zh-Hant", "en", "de", "")] == [
        "zh",
        "zh",
        "zh",
        "en",
        "en",
        "en",
    ]


def test_a_store_overrides_a_text():
    chain = trial(extra='texts = { zh = { "help.title" = "问我" } }')
    catalogue = Catalogue(chain)
    assert catalogue.words("zh", chain.stores[0])("help.title") == "问我"
    assert catalogue.words("zh")("help.title") == ZH["help.title"]
    assert catalogue.words("en", chain.stores[0])("help.title") == EN["help.title"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{nobody}", "nobody"), ("{", "texts.zh"), ("{0}", "0")],
)
def test_a_text_with_a_wrong_placeholder_is_refused(text, complaint):
    chain = trial(extra=f'texts = {{ zh = {{ "ask.name" = "{text}" }} }}')
    with pytest.raises(ChainError, match=re.escape(complaint)):
        Catalogue(chain)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (
            'zone = "Asia/Shanghai"',
            'zone = "Asia/Shanghi"',
            "stores.garden.zone: Asia/Shanghi: no such time zone",
        ),
        (
            'mon = ["09:00-20:00"]',
            'mon = ["9-20"]',
            "stores.garden.hours.mon: 9-20: a span looks like 09:00-14:00",
        ),
        ('mon = ["09:00-20:00"]', 'mom = ["09:00-20:00"]', "mom"),
        ('mon = ["09:00-20:00"]', 'mon = ["20:00-09:00"]', "stores.garden.hours.mon: 20:00-09:00: must end"),
        (
            'mon = ["09:00-20:00"]',
            'mon = ["09:00-12:00", "11:00-20:00"]',
            "stores.garden.hours.mon: 11:00-20:00: overlaps",
        ),
        ('"2027-01-01" = []', '"2027-13-01" = []', "stores.garden.exceptions.2027-13-01: 2027-13-01: a day"),
        ("minutes = 30\n", "minutes = 32\n", "services.exam.minutes: 32"),
        ('id = "garden-wang"', 'id = "garden-li"', "there twice"),
        ('bot = "store-river"', 'bot = "store-garden"', "there twice"),
        ('id = "river"', 'id = "river"\nservices = ["haircut"]', "no service 'haircut'"),
        ('age_band = "child"', 'age_band = "kid"', "services.child-exam.age_band"),
        ('"senior" = 40', '"elder" = 40', "services.exam.minutes_for.elder"),
    ],
)
def test_a_mistake_in_the_chain_file_is_named_with_its_path(old, new, path):
    assert old in DEMO
    with pytest.raises(ChainError, match=re.escape(path)):
        parse_chain(DEMO.replace(old, new, 1))


@pytest.mark.parametrize("source", ["nowhere.toml", "other", "../demo", ""])
def test_a_chain_that_is_not_there(source):
    with pytest.raises((ChainError, ConfigError)):
        load_chain(source)


def test_codes_are_unique_sayable_and_grow():
    made = [codes.code_of(number) for number in range(1, 40_000)]
    assert len(set(made)) == len(made)
    assert {len(code) for code in made} == {4, 5}
    assert not set("".join(made)) & set("0O1I")
    assert all(codes.PATTERN.fullmatch(code) for code in made)
    assert len(codes.code_of(1_000_000_000)) == 8
    for text in ("下午3点", "10:30", "12/3", "2026-11-18", "v2", "B1", "350ml"):
        assert not codes.PATTERN.search(text)
    assert codes.PATTERN.search("取消a2s4吧")


def test_texts_have_only_named_placeholders():
    for words in (ZH, EN):
        for text in words.values():
            for one in [text] if isinstance(text, str) else text:
                assert all(
                    name is None or name.isidentifier() for _, name, _, _ in string.Formatter().parse(one)
                )
