"""`imserver status`: one screen of eighty cells that says how the server is, and one line if there is none."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from imserver.cli.app import EXIT_AGAIN
from imserver.cli.status import screen, small_picture
from imserver.cli.words import size_in_words, time_in_words
from tests.cli.processes import imserver, serving

HOUR_MS = 3_600_000
TOLD: dict[str, Any] = {
    "version": "0.1.0",
    "started_ms": 10**12,
    "uptime_s": 274_512.0,
    "ready": {"accepting": "ok", "writer": "ok", "disk": "ok"},
    "posts": 1_204_332,
    "posts_per_s": 84.2,
    "refusals_per_s": 0.1,
    "posts_each_s": [0, 0, 30, 60, 120, 60],
    "commit_p50_s": 0.0012,
    "commit_p99_s": 0.0168,
    "queue_units": 0,
    "queue_bytes": 0,
    "sizes": {
        "database_bytes": 432_000_000,
        "wal_bytes": 16_000_000,
        "lag_bytes": 0,
        "free_bytes": 78_439_870_464,
        "disk_bytes": 270_553_174_016,
    },
    "last_backup_ms": 10**12 + 274_512_000 - 2 * HOUR_MS,
    "conditions": [],
    "address": "0.0.0.0:7410",
    "http": "127.0.0.1:7480",
    "database": "/var/lib/imserver.db",
    "connections": 1,
    "sessions": 118,
    "sessions_detached": 3,
    "fan_out_backlog": 0,
    "witnesses": 0,
    "features": ["edits", "typing"],
    "plugins": [
        {"name": "booking", "waiting": 3, "behind": True, "handled": 9, "failed": 0},
        {"name": "ping", "waiting": 0, "behind": False, "handled": 9, "failed": 2},
    ],
}
LAG = {
    "name": "reader_lag",
    "words": "Another program reads the database.",
    "lasted_s": 512.0,
    "count": 500,
    "facts": {"wal_bytes": 377_487_360},
}
FULL = {
    "name": "disk_full",
    "words": "The disk is full.",
    "lasted_s": 12.0,
    "count": 1,
    "facts": {"free_bytes": 0},
}


def shown(*, colour: bool = False, **changes: Any) -> str:
    file = io.StringIO()
    console = Console(
        width=80,
        file=file,
        highlight=False,
        force_terminal=colour,
        color_system="standard" if colour else None,
    )
    console.print(screen({**TOLD, **changes}))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def test_the_screen_of_a_server_that_is_well() -> None:
    assert (
        shown()
        == """\
 imserver  ● ready · up 3 d 4 h · version 0.1.0

 address   0.0.0.0:7410 · http 127.0.0.1:7480
 sessions  118 · 1 connection · 3 away
 posts     84 a second · 1,204,332 so far  ▁▁▃▅█▅
 refused   0.1 a second

 commits   half within 1.2 ms · 99 of 100 within 17 ms
 waiting   0 to be stored · 0 to be pushed
 database  /var/lib/imserver.db
 size      412 MiB · 15 MiB of -wal
 disk      73 GiB free of 252 GiB
 backup    2 h 0 min ago

 features  edits, typing
 plugins   booking 3 and more waiting · ping 2 given up"""
    )


def test_what_is_wrong_stands_on_top_in_colour_and_in_words() -> None:
    ready = {"accepting": "the server is going down", "writer": "ok", "disk": "the disk is full"}
    plain = shown(conditions=[FULL, LAG], ready=ready).splitlines()
    assert "● not ready" in plain[0]
    assert plain[2:6] == [
        " ! Accepting: the server is going down.",
        " ! The disk is full. (for 12 s, free 0 B)",
        " ! Another program reads the database. (for 8 min, seen 500 times, wal 360 MiB)",
        "",
    ]
    assert "\x1b[31m" in shown(colour=True, ready=ready)
    # Red keeps it from being ready, yellow does not.
    for condition, why, colour in ((FULL, "the disk is full", "\x1b[31m"), (LAG, "ok", "\x1b[33m")):
        colours = shown(colour=True, conditions=[condition], ready={"disk": why})
        assert f"{colour}{condition['words']}" in colours
    day_s = 24 * 3600
    for ago_s, colour in ((day_s, "\x1b[1m"), (day_s + 3600, "\x1b[1;33m")):
        last = TOLD["started_ms"] + int((TOLD["uptime_s"] - ago_s) * 1000)
        assert f"{colour}{time_in_words(ago_s)}" in shown(colour=True, last_backup_ms=last)
    assert "● ready, but look" in shown(conditions=[LAG])


def test_a_server_that_has_done_nothing_and_knows_little_fits_too() -> None:
    nothing = shown(
        sizes=None, last_backup_ms=None, commit_p50_s=None, commit_p99_s=None, posts_each_s=[], posts_per_s=0.0,
        sessions_detached=0, refusals_per_s=0.04, posts=0, plugins=[], features=[], http=None,
    )  # fmt: skip
    assert "commits   none in the last minute" in nothing
    assert "posts     0.0 a second · 0 so far\n" in nothing
    assert "backup    none since the start" in nothing
    for absent in ("size", "disk", "http", "away", "refused", "None"):
        assert absent not in nothing


def test_nothing_of_it_is_wider_than_the_screen_or_moves_its_cursor() -> None:
    long = shown(
        plugins=[{**TOLD["plugins"][0], "name": f"plugin-{n}\x1b[2J", "waiting": 10**6} for n in range(9)],
        conditions=[{**LAG, "words": "word " * 60}],
        address="x" * 200,
        database="/" + "d" * 200,
        posts=10**12,
        posts_per_s=1e6,
        posts_each_s=[1] * 60,
    )  # fmt: skip
    assert max(map(len, long.splitlines())) <= 80
    assert "\x1b" not in long


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119.9, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h 0 min"), (172_800, "2 d 0 h")],
)  # fmt: skip
def test_times_in_words(seconds: float, words: str) -> None:
    assert time_in_words(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (10_240, "10 KiB"), (1_048_576, "1.0 MiB"), (5 * 1024**4, "5120 GiB")],
)  # fmt: skip
def test_sizes_in_words(size: int, words: str) -> None:
    assert size_in_words(size) == words


def test_a_little_is_never_nothing() -> None:
    assert small_picture([0, 1, 1000]) == "▁▂█"
    assert small_picture([0, 0]) == small_picture([]) == ""


def test_a_running_server_answers_and_a_stopped_one_is_one_line(tmp_path: Path) -> None:
    none = imserver(tmp_path, "status")
    assert (none.returncode, none.stdout) == (EXIT_AGAIN, "")
    assert none.stderr == "imserver: no server runs on imserver.db\n"
    with serving(tmp_path) as server:
        seen = imserver(tmp_path, "status")
        assert seen.returncode == 0, seen.stderr
        assert f"127.0.0.1:{server.port}" in seen.stdout
        assert "\x1b" not in seen.stdout
        assert " \n" not in seen.stdout
        told = json.loads(imserver(tmp_path, "status", "--json").stdout)
        assert set(told) == set(TOLD)
        assert told["ready"] == TOLD["ready"]
        server.stop()
    assert imserver(tmp_path, "status", "--json").returncode == EXIT_AGAIN
    assert imserver(tmp_path, "status", IMSERVER_STORE__PATH=":memory:").returncode == 2
