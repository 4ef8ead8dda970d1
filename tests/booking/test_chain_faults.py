"""`imserver booking check` says all that is wrong with a chain file, in words, each where it stands; `init` writes one that is
right; what `export` writes reads the same again."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking import plugin
from imserver.plugins.booking.schedule.chain_file import WANTED, ChainError, chain_of, parse_tree
from imserver.plugins.booking.schedule.chain_text import as_toml
from imserver.plugins.booking.schedule.notes import notes
from imserver.plugins.booking.schedule.shops import Id, leave_text, leave_walls
from imserver.plugins.booking.setup import SETUP_LANGUAGES, Shop, chain_text, name_of
from tests.booking.support.chains import DEMO

TEXT = DEMO.read_text("utf-8")


def faults(*changes: tuple[str, str]) -> list[str]:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return [str(fault) for fault in chain_of(parse_tree(text))[1]]


def test_all_faults_are_said_and_each_once() -> None:
    found = faults(
        ('mon = ["09:00-20:00"]', 'mon = ["09:00-1400"]'),
        ('tue = ["09:00-20:00"]', 'tue = "09:00-20:00"'),
        ("[stores.exceptions]\n", '[stores.exceptions]\n"2026-12-32" = []\n'),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Shanghi"'),
        ("minutes = 30\n", "minutes = 3\n"),
        ("buffer_min = 5\n", "bufer_min = 5\n"),
        ('kind = "person"\nrole = "optometrist"', 'kind = "persn"\nrole = "optometrist"'),
        ('id = "garden-wang"', 'id = "Garden Wang"'),
        ("medical_licence = false", 'medical_licence = "no"'),
        ('staff_language = "zh"\n', ""),  # has a default
        ('phone = "000-5550-1801"', "phone = 5550"),
    )
    assert sorted(found) == [
        "services.exam.bufer_min: there is no such field; did you mean buffer_min?",
        "services.exam.minutes: 3: a whole number from 5 to 480 is wanted",
        "stores.garden.exceptions.2026-12-32: 2026-12-32: a day looks like 2026-12-31; there is no such one",
        "stores.garden.hours.mon: 09:00-1400: a span looks like 09:00-14:00; did you mean 09:00-14:00?",
        'stores.garden.hours.tue: 09:00-20:00: a list is wanted here, in brackets: ["09:00-20:00"]',
        "stores.garden.medical_licence: no: true or false is wanted",
        "stores.garden.phone: 5550: a text in quotes is wanted",
        f"stores.garden.resources.Garden Wang.id: Garden Wang: {WANTED[Id]}; did you mean garden-wang?",
        'stores.garden.resources.garden-li.kind: persn: one of "person", "room", "device" is wanted',
        "stores.garden.zone: Asia/Shanghi: no such time zone; did you mean Asia/Shanghai?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('name = "demo"\n', "", "name: is missing; an id is small letters"),
        (
            "[stores.hours]\nmon",
            "[stores.hors]\nmon",
            "stores.garden.hors: there is no such field; did you mean hours?",
        ),
        (
            'sat = ["09:00-20:00"]',
            'sat = ["09:00-12:00", "11:00-20:00"]',
            "stores.garden.hours.sat: 11:00-20:00: overlaps the span before it",
        ),
        (
            'breaks = ["12:00-13:00"]',
            'breaks = ["13:00-12:00"]',
            "stores.river.resources.river-chen.breaks: 13:00-12:00: must end after",
        ),
        (
            'breaks = ["12:00-13:00"]',
            'leave = ["2026-02-30"]',
            "stores.river.resources.river-chen.leave: 2026-02-30: there is no such day",
        ),
        (
            'breaks = ["12:00-13:00"]',
            'leave = ["friday"]',
            "stores.river.resources.river-chen.leave: friday: leave looks like",
        ),
        ('skills = ["counter"]\nuser_id = "staff-zhou"', 'user_id = "staff-zhou"', None),
        ("[[stores]]\n", '[[stores]]\nservices = ["collect"]\n', None),
        (
            "[[stores]]\n",
            '[[stores]]\nservices = ["colect"]\n',
            "stores.garden.services: no service 'colect'; did you mean collect?",
        ),
        (
            "minutes = 30\n",
            'minutes = "30"\n',
            "services.exam.minutes: 30: a whole number from 5 to 480 is wanted, without quotes",
        ),
        (
            'sat = ["09:00-20:00"]',
            'sat = ["9:00–20:00"]',
            "stores.garden.hours.sat: 9:00–20:00: a span looks like 09:00-14:00; did you mean 09:00-20:00?",
        ),
        (
            'sat = ["09:00-20:00"]',
            'sat = ["09：00-20：00"]',
            "stores.garden.hours.sat: 09：00-20：00: a span looks like 09:00-14:00; did you mean 09:00-20:00?",
        ),
        (
            'sat = ["09:00-20:00"]',
            'sat = ["09:00-26:00"]',
            "stores.garden.hours.sat: 09:00-26:00: a span looks like 09:00-14:00",
        ),
        (
            'sat = ["09:00-20:00"]',
            'sat = ["20:00-02:00"]',
            "stores.garden.hours.sat: 20:00-02:00: must end after it begins; past midnight",
        ),
        (
            'sat = ["09:00-20:00"]',
            'sat = ["09:02-20:00"]',
            "stores.garden.hours.sat: 09:02-20:00: must begin and end in steps of 5 minutes",
        ),
        (
            'zone = "Asia/Shanghai"',
            'zone = "shanghai"',
            "stores.garden.zone: shanghai: no such time zone; did you mean Asia/Shanghai?",
        ),
        (
            'zone = "Asia/Shanghai"',
            'zone = "Mars"',
            "stores.garden.zone: Mars: no such time zone; one looks like Asia/Shanghai",
        ),
        (
            "[stores.exceptions]\n",
            '[stores.exceptions]\n"25.12." = []\n',
            "stores.garden.exceptions.25.12.: 25.12.: a day looks like 2026-12-31",
        ),
    ],
)
def test_a_fault_is_named_where_it_stands(old: str, new: str, fault: str | None) -> None:
    found = faults((old, new))
    if fault is None:
        assert found == []
    else:
        assert found[0].startswith(fault)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[stores",
        "stores = 3",
        "stores = [3]",
        "[[stores]]\n",
        "stores = []",
        "a" * 9,
        "name = '\\ud800'",
    ],
)
def test_whatever_stands_there_is_a_line_and_never_a_traceback(text: str, tmp_path: Path) -> None:
    file = tmp_path / "chain.toml"
    file.write_text(text)
    result = CliRunner().invoke(plugin().cli, ["check", str(file)], standalone_mode=False)
    assert result.return_value == 2
    assert result.exception is None
    assert all(line.startswith(f"{file}: ") for line in result.stderr.splitlines())
    assert result.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "demo"', 'name = "demo', 'name = "demo: a text does not end: the closing " is missing'),
        ('name = "demo"', "name = demo", "name = demo: a value is wanted here"),
        ('name = "demo"', "name = “demo”", 'name = “demo”: write " where “ stands'),
        ('name = "demo"', 'name ＝ "demo"', 'name ＝ "demo": write = where ＝ stands'),
        ('name = "demo"', 'name "demo"', "the = is missing"),
        ('name = "demo"', 'name = "demo" ours', "one field a line"),
        ('name = "demo"', 'name = "a\\d"', "in a text: write \\\\"),
        ('name = "demo"', 'name = "demo"\nname = "demo"', 'name = "demo": this stands in the file twice'),
        ('mon = ["09:00-20:00"]', 'mon = ["09:00-20:00"', 'mon = ["09:00-20:00": a list does not end'),
        ('mon = ["09:00-20:00"]', 'mon = ["09:00-20:00" "21:00-22:00"]', "a comma between two"),
        ('mon = ["09:00-20:00"]', 'mon = ["09:00-10:00"，"11:00-20:00"]', "write , where ， stands"),
        ("[stores.hours]", "[stores.hours", "[stores.hours: a header looks like"),
        ("[stores.hours]", "What we do", "What we do: `field = value`"),
        ("[stores.hours]", "{}", "{}: `field = value`"),
    ],
)
def test_what_is_no_toml_is_said_in_words_with_its_line(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    assert TEXT.count(old) >= 1
    place = TEXT[: TEXT.index(old)].count("\n") + 1 + new.count("\n")
    for end in ("\n", "\r\n"):
        file = tmp_path / "chain.toml"
        file.write_bytes(TEXT.replace(old, new, 1).replace("\n", end).encode())
        result = CliRunner().invoke(plugin().cli, ["check", str(file)], standalone_mode=False)
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"{file}: line {place}: ")
        assert said in line


@given(st.text(max_size=200) | st.text(alphabet="[]{}=\"'#,\\\n\r ax1“，", max_size=60))
def test_any_text_is_a_tree_or_a_line_about_why_not(text: str) -> None:
    told = ""
    try:
        parse_tree(text)
    except ChainError as error:
        told = str(error)
    assert told == "" or told.startswith("chain: ")
    assert "\n" not in told


def test_what_is_right_and_probably_not_meant_is_noted(tmp_path: Path) -> None:
    def noted(*changes: tuple[str, str]) -> list[str]:
        text = chain_text(Shop("Clearview", "en", "Asia/Shanghai"))
        for old, new in (("Please write the address here", "1 Road"), ("请填写地址", "路1号"), *changes):
            assert old in text
            text = text.replace(old, new)
        return [str(note) for note in notes(chain_of(parse_tree(text))[0])]

    assert noted() == []
    assert noted(("1 Road", "Please write the address here")) == [
        "stores.main.address: is still the one of the template, and customers read it"
    ]
    assert noted(('skill = "refraction"', 'skill = "refracton"')) == [
        "services.exam: no shop offers it: there is no person with the skill 'refracton'",
        "services.glasses: no shop offers it: there is no person with the skill 'refracton'",
        "stores.main.resources.optometrist-1.skills: no service needs 'refraction'; did you mean refracton?",
    ]
    assert noted(('"staff-2"', '"staff-1"')) == [
        "stores.main.resources: two people have the account staff-1; each chats with their own"
    ]
    assert noted(('["10:00-19:00"]', "[]"), ('["10:00-18:00"]', "[]")) == [
        "stores.main.hours: the shop is never open"
    ]
    file = tmp_path / "chain.toml"
    file.write_text(chain_text(Shop("Clearview", "en", "UTC")), "utf-8")
    result = CliRunner().invoke(plugin().cli, ["check", str(file)], standalone_mode=False)
    assert result.return_value == 0
    assert result.stderr.startswith(f"{file}: note: stores.main.address: ")


def test_a_shops_own_texts_are_looked_at_too(tmp_path: Path) -> None:
    file = tmp_path / "chain.toml"
    file.write_text(f'{TEXT}\n[stores.texts.zh]\n"ask.nam" = "谁"\n"ask.name" = "{{wer}}"\n')
    result = CliRunner().invoke(plugin().cli, ["check", str(file)], standalone_mode=False)
    assert result.stderr.splitlines() == [
        f"{file}: stores.river.texts.zh.ask.nam: there is no text of this name",
        f"{file}: stores.river.texts.zh.ask.name: {{wer}}: no value for {{wer}}",
    ]


@pytest.mark.parametrize("language", SETUP_LANGUAGES)
@pytest.mark.parametrize("name", ["Clearview", 'Wang & "Sons"', "明视眼镜", "a\\b", "Ünï-Øptics 3"])
def test_what_init_writes_is_right(language: str, name: str) -> None:
    tree = parse_tree(chain_text(Shop(name, language, "Asia/Shanghai")))
    chain, found = chain_of(tree)
    assert found == []
    assert chain.stores[0].names.zh == name
    assert chain.staff_language == language
    assert {service.id for service in chain.services_of(chain.stores[0])} == {"exam", "glasses", "collect"}


def test_init_overwrites_nothing_and_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        plugin().cli, ["init", "garden_road", "--language", "en", "--zone", "Europe/London"]
    )
    assert result.output.splitlines() == [
        "wrote garden_road/chain.toml",
        "wrote imserver.toml, which names it",
        "next: put your address, hours and people into garden_road/chain.toml, then `imserver booking check`",
    ]
    text = Path("garden_road/chain.toml").read_text("utf-8")
    assert chain_of(parse_tree(text))[0].stores[0].names.en == "Garden Road"
    assert tomllib.loads(Path("imserver.toml").read_text("utf-8")) == {
        "plugins": {"booking": {"chain": "garden_road/chain.toml"}}
    }
    again = CliRunner().invoke(plugin().cli, ["init", "garden_road"])
    assert "is there already; nothing was written" in str(again.exception)
    assert Path("garden_road/chain.toml").read_text("utf-8") == text
    assert CliRunner().invoke(plugin().cli, ["init", "other.toml", "--zone", "Mars"]).exit_code == 2
    assert not Path("other.toml").exists()
    assert name_of(Path("my-shop.toml")) == "My Shop"


PLAIN = st.text() | st.integers(min_value=-(2**62), max_value=2**62) | st.booleans()
LEAVES = (
    PLAIN
    | st.lists(PLAIN, max_size=4)
    | st.lists(st.dictionaries(st.text(), st.text(), max_size=2), max_size=3)
)
TABLES = st.recursive(
    st.dictionaries(st.text(), LEAVES, max_size=4),
    lambda inner: st.dictionaries(st.text(), LEAVES | inner | st.lists(inner, max_size=3), max_size=4),
    max_leaves=10,
)


@given(TABLES)
def test_text_of_a_tree_reads_as_the_tree(tree: Any) -> None:
    assert tomllib.loads(as_toml(tree)) == tree


def test_the_demo_chain_reads_the_same_again() -> None:
    tree = parse_tree(TEXT)
    assert parse_tree(as_toml(tree)) == tree


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-04",
        "2026-12-04 13:00-18:00",
        "2026-12-04 - 2026-12-08",
        "2026-12-04 13:00 - 2026-12-08 10:00",
    ],
)
def test_leave_has_one_spelling(text: str) -> None:
    assert leave_text(*leave_walls(text)) == text


def test_consent_and_guests_have_their_bounds_and_survive_an_export() -> None:
    own = 'consent = { version = "2026-1", zh = "同意", en = "agreed" }\nguest_share = 10\nasks_consent = true\n'
    assert faults(('id = "garden"\n', f'id = "garden"\n{own}')) == []
    wrong = own.replace("2026-1", "a b").replace("= 10", "= 101").replace('zh = "同意"', 'zh = ""')
    assert [one.split(":")[0] for one in faults(('id = "garden"\n', f'id = "garden"\n{wrong}'))] == [
        "stores.garden.consent.version",
        "stores.garden.consent.zh",
        "stores.garden.guest_share",
    ]
    tree = parse_tree(TEXT.replace('id = "garden"\n', f'id = "garden"\n{own}', 1))
    assert chain_of(tomllib.loads(as_toml(tree))) == chain_of(tree)
