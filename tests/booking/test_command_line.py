"""`imserver booking when`."""

import pytest
from click.testing import CliRunner

from imserver.plugins.booking import plugin

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
