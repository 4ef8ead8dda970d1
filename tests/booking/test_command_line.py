"""`imserver booking`: the words of `when`, where a chain is looked for, and mistakes, each one line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from imserver.plugins.booking import plugin
from imserver.plugins.booking.setup import Shop, chain_text
from tests.cli.processes import imserver, serving

WHEN = ["when", "--now", "2026-11-18T10:00", "--zone", "Asia/Shanghai"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("明天下午三点", ["2026-11-19T15:00"]),
        ("明天3点", ["2026-11-19T15:00"]),
        ("明天8点", ["2026-11-19T08:00", "2026-11-19T20:00"]),
        ("明天3点到5点", ["2026-11-19T15:00"]),
        ("预约 验光", ["ask: no_time"]),
    ],
)
def test_one_candidate_a_line_or_a_reason_to_ask(text, lines):
    result = CliRunner().invoke(plugin().cli, [*WHEN, text])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == lines


@pytest.mark.parametrize(
    ("option", "value"), [("--now", "yesterday"), ("--zone", "Mars/Olympus"), ("--zone", "../etc")]
)
def test_wrong_options_are_named(option, value):
    arguments = [*WHEN]
    arguments[arguments.index(option) + 1] = value
    result = CliRunner().invoke(plugin().cli, [*arguments, "明天"])
    assert result.exit_code == 2
    assert option in result.output


@pytest.mark.parametrize(
    ("text", "first", "rule"),
    [
        (
            "右眼突然看不见了",
            "urgent sight_lost: 右眼突然看不见",
            "  urgent sight_lost: 突然看不见  [blind & sudden]",
        ),
        ("眼睛不疼，周六三点", "careful pain: 眼睛不疼", "  careful pain: 眼睛不疼  [eye_pain]"),
        ("想约周六", "none", "rules: none"),
    ],
)
def test_an_alarm_is_explained_by_its_rules_and_by_what_weighed_how_much(text, first, rule):
    result = CliRunner().invoke(plugin().cli, ["alarm", text])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith(first)
    assert rule in lines
    weights = lines.index(next(line for line in lines if line.startswith("weights: ")))
    assert "(urgent from 0." in lines[weights]
    assert len(lines) > weights + 5
    assert all(line[:3] in ("  +", "  -") for line in lines[weights + 1 :])


READ = ["read", "--now", "2026-11-18T10:00", "--zone", "Asia/Shanghai"]


def test_a_reading_is_printed_line_by_line():
    result = CliRunner().invoke(plugin().cli, [*READ, "帮我妈约周日下午两点验光，她68岁"])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines()]
    assert ["give", "person", "妈", "妈"] in rows
    assert ["give", "day", "Sun", "2026-11-22", "周日"] in rows
    assert ["give", "age", "68", "68岁"] in rows
    assert ["when", "candidate", "Sun", "2026-11-22", "14:00"] in rows


def test_the_step_changes_what_a_number_is():
    for step, row in (("age", "give age 30 30"), ("service", "give number 30 30")):
        result = CliRunner().invoke(plugin().cli, [*READ, "--step", step, "30"])
        assert " ".join(result.output.split()) == row


def test_a_command_of_the_staff_is_read_as_one_only_for_the_staff():
    assert "arrive" in CliRunner().invoke(plugin().cli, [*READ, "--staff", "M3PX到了"]).output
    assert "neutral" in CliRunner().invoke(plugin().cli, [*READ, "到店 M3PX"]).output
    assert CliRunner().invoke(plugin().cli, [*READ, "。"]).output == "nothing\n"


def test_the_chain_is_relative_to_the_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "chain.toml").write_text(chain_text(Shop("Clearview", "en", "Asia/Shanghai")), "utf-8")
    (folder / "imserver.toml").write_text('[plugins.booking]\nchain = "chain.toml"\n')
    here = ("--config", "shop/imserver.toml")
    with serving(tmp_path, *here):
        running = imserver(tmp_path, *here, "booking", "export")
        assert 'name = "clearview"' in running.stdout
    stopped = imserver(tmp_path, *here, "booking", "export")
    assert stopped.stdout.splitlines()[1:] == running.stdout.splitlines()[1:]
    done = imserver(tmp_path, *here, "booking", "check")
    assert done.returncode == 0
    assert all(line.startswith(f"{folder}/chain.toml: note: ") for line in done.stderr.splitlines())
    assert done.stdout.startswith(f"{folder}/chain.toml: all is right")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check"], "has no section [plugins.booking]; there is no imserver.toml here: go to its folder"),
        (["check", "nowhere.toml"], "nowhere.toml: No such file or directory"),
        (["import", "nowhere.toml"], "has no section"),
        (["export"], "has no section"),
        (["init", "there.toml"], "there.toml: is there already"),
        (["init", "x.toml", "--zone", "Mars"], "no time zone 'Mars'; one looks like Asia/Shanghai"),
        (
            ["init", "x.toml", "--zone", "Europe/Londn"],
            "no time zone 'Europe/Londn'; did you mean Europe/London?",
        ),
        (["check", "."], ".: is a folder; name the file in it"),
        (["check", "gbk.toml"], "gbk.toml: is not UTF-8 text (line 2); save it as UTF-8"),
        (["check", "a\0b"], "is no name of a file"),
        (["import", "there.toml", "--take", "both"], "'both' is not one of"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "there.toml").write_text("")
    (tmp_path / "gbk.toml").write_bytes('# one\nname = "明视"\n'.encode("gbk"))
    done = imserver(tmp_path, "booking", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_configuration_without_the_section_is_told_what_belongs_there(tmp_path: Path) -> None:
    (tmp_path / "imserver.toml").write_text("[server]\nport = 0\n")
    done = imserver(tmp_path, "booking", "export")
    assert done.returncode == 2
    assert 'put it into imserver.toml, with a line such as chain = "shop.toml"' in done.stderr


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_every_editor_are_read(tmp_path: Path, mark: str, end: str) -> None:
    for name, text in (
        ("imserver.toml", '[plugins.booking]\nchain = "shop.toml"\n'),
        ("shop.toml", chain_text(Shop("明视", "zh", "Asia/Shanghai"))),
    ):
        (tmp_path / name).write_bytes((mark + text).replace("\n", end).encode())
    with serving(tmp_path):
        exported = imserver(tmp_path, "booking", "export").stdout
    assert 'names = { zh = "明视", en = "明视" }' in exported
    for file in ((), ("shop.toml",)):
        assert imserver(tmp_path, "booking", "check", *file).returncode == 0


def test_export_and_import_change_nothing_and_what_was_there_is_kept(tmp_path: Path) -> None:
    own = tmp_path / "shop.toml"
    own.write_text(chain_text(Shop("Clearview", "en", "Asia/Shanghai")), "utf-8")
    (tmp_path / "imserver.toml").write_text('[plugins.booking]\nchain = "shop.toml"\n')
    before = own.read_bytes()
    with serving(tmp_path):
        exported = imserver(tmp_path, "booking", "export").stdout
        (tmp_path / "now.toml").write_text(exported, "utf-8")
        done = imserver(tmp_path, "booking", "import", "now.toml")
        assert done.stdout.splitlines()[1:] == [f"{own}.before: what was there before"]
        for file in (("now.toml",), ()):
            again = imserver(tmp_path, "booking", "import", *file)
            assert again.returncode == 0, again.stderr
        after = imserver(tmp_path, "booking", "export").stdout
    assert after.splitlines()[1:] == exported.splitlines()[1:]
    assert (tmp_path / "shop.toml.before").read_bytes() in (before, exported.encode())


def test_a_chain_that_ships_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "imserver.toml").write_text("[plugins.booking]\n")
    (tmp_path / "own.toml").write_text(chain_text(Shop("Own", "en", "UTC")), "utf-8")
    done = imserver(tmp_path, "booking", "import", "own.toml")
    assert done.returncode == 2
    assert "the chain 'demo' ships with the server: name a file of your own" in done.stderr
