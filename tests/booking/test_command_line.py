"""`imserver booking when` and `alarm`."""

import pytest
from click.testing import CliRunner

from imserver.plugins.booking import plugin

WHEN = ["when", "--now", "2026-11-18T10:00", "--zone", "Asia/Shanghai"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("明天下午三点", ["2026-11-19T15:00"]),
        ("明天3点", ["2026-11-19T03:00", "2026-11-19T15:00"]),
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
