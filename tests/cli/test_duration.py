"""Every unit of time and size that the command line reads, and its bounds."""

from __future__ import annotations

from pathlib import Path

import click
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.cli import torture as torturing
from imserver.cli.app import run
from imserver.cli.chat.command import TOKEN_TTL_S
from imserver.cli.duration import MAX_S, Duration
from imserver.cli.token import make_token
from imserver.config import AuthConfig, ClockConfig, Config
from imserver.proof.torture.client_pool import ClientPoolFailed
from imserver.proof.torture.options import DEFAULT_RATE, Options

SECONDS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60, "w": 7 * 24 * 60 * 60}
TEN_YEARS_S = 3653 * SECONDS["d"]


def seconds(text: str) -> int:
    return Duration().convert(text, None, None)


@pytest.mark.parametrize("unit", SECONDS)
@given(count=st.integers(0, 10**10))
def test_a_number_and_a_unit_are_so_many_seconds(unit: str, count: int) -> None:
    if 0 < count * SECONDS[unit] <= TEN_YEARS_S:
        for text in (f"{count}{unit}", f" {count}{unit.upper()} "):
            assert seconds(text) == count * SECONDS[unit]
        assert Duration().convert(seconds(f"{count}{unit}"), None, None) == count * SECONDS[unit]
    else:
        with pytest.raises(click.BadParameter):
            seconds(f"{count}{unit}")


@pytest.mark.parametrize("unit", SECONDS)
def test_ten_years_are_the_most(unit: str) -> None:
    most = TEN_YEARS_S // SECONDS[unit]
    assert seconds(f"{most}{unit}") == most * SECONDS[unit]
    with pytest.raises(click.BadParameter, match="ten years"):
        seconds(f"{most + 1}{unit}")
    assert MAX_S == TEN_YEARS_S


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5s", "1.5h", "5 s", "1h30m", "5ms", "5y", "5min", "٥٥s5", "0w"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        seconds(text)


@pytest.mark.parametrize(
    ("arguments", "valid_s"),
    [
        ((), 30 * SECONDS["d"]),
        *((("--ttl", f"2{unit}"), 2 * length) for unit, length in SECONDS.items()),
    ],
)
def test_a_token_is_valid_for_so_long(
    arguments: tuple[str, ...],
    valid_s: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["token", "li", *arguments]) == 0
    claims = jwt.decode(capsys.readouterr().out.strip(), options={"verify_signature": False})
    assert claims["exp"] - int(claims["iat"]) == valid_s


def test_the_chat_s_own_token_lasts_a_day() -> None:
    assert SECONDS["d"] == TOKEN_TTL_S


def test_a_token_for_a_server_whose_clock_was_put_forward_counts_from_there() -> None:
    ahead_ms = 4_000_000_000_000
    auth = AuthConfig(secret="a secret for tests that is long enough")
    claims = jwt.decode(
        make_token(Config(auth=auth, clock=ClockConfig(start_ms=ahead_ms)), "li", ttl_s=60, device_id=None),
        options={"verify_signature": False, "verify_iat": False},
    )
    assert (int(claims["iat"]), claims["exp"]) == (ahead_ms // 1000, ahead_ms // 1000 + 60)


@pytest.mark.parametrize(
    ("arguments", "minutes", "kills", "rate"),
    [
        ((), 2.0, 0, DEFAULT_RATE),
        (("--minutes", "1.5", "--kills", "7", "--rate", "90"), 1.5, 7, 90.0),
    ],
)
def test_a_torture_lasts_as_long_as_it_was_told(
    arguments: tuple[str, ...],
    minutes: float,
    kills: int,
    rate: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[Options] = []

    def noted(options: Options, console: object) -> object:
        asked.append(options)
        raise ClientPoolFailed("enough")

    monkeypatch.setattr(torturing, "_torture", noted)
    assert run(["torture", "--seed", "5", "--folder", str(tmp_path / "new"), *arguments]) == 1
    (options,) = asked
    assert (options.seed, options.minutes, options.kills, options.rate) == (5, minutes, kills, rate)
    assert "the run broke off: enough" in capsys.readouterr().err
