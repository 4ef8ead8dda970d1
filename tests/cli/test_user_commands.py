"""`imserver user|token|session` say and do the same beside a running server and on a stopped database, and whoever is shut out
is out. Commands are processes, clients are the terminal's.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.places import Place
from tests.cli.processes import PATIENCE_S, serving

#: Said of a command that worked.
Did = Callable[..., str]


@pytest.fixture(params=["beside a server", "stopped"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "stopped":
        stopped = Place(tmp_path, None)
        stopped.did("user", "add", "alice", "--create", "--name", "Alice")
        yield stopped
        return
    with serving(tmp_path) as server:
        running = Place(tmp_path, server)
        running.did("user", "add", "alice", "--name", "Alice")
        yield running
        assert "Traceback" not in server.stop()[1]


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Place]:
    with serving(tmp_path) as server:
        running = Place(tmp_path, server)
        for name in ("alice", "bob"):
            running.did("user", "add", name)
        yield running


def wait_until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- the same in both places ----------------------------------------------------------------------------------------------


def test_an_account_from_its_making_to_its_end_in_words(place: Place) -> None:
    made = place.did(
        "user", "add", "li", "--name", "李雷", "--language", "zh-CN", "--role", "staff", "--role", "x"
    )
    assert made == "added li (李雷, zh-CN, staff, x)\n"
    assert place.did("user", "list") == (
        "user   name          state   roles\n"
        "alice  Alice         active\n"
        "li     李雷          active  staff, x\n"
        "2 users\n"
    )
    shown = place.did("user", "show", "li").splitlines()
    assert shown[:2] == [" user     li", " name     李雷 · zh-CN"]
    assert shown[2].startswith(" state    active · made 20")
    assert shown[3:8] == [
        " roles    staff (by an operator) · x (by an operator)",
        "",
        " sessions none",
        " tokens   none live",
        " talks    in 0 conversations",
    ]

    assert place.did("user", "disable", "li") == "disabled li: 0 sessions ended, all tokens are refused\n"
    assert place.did("user", "disable", "li").startswith("li was disabled before, on 20")
    assert "li     李雷          disabled  staff, x\n2 users, 1 disabled\n" in place.did("user", "list")
    assert " state    disabled since 20" in place.did("user", "show", "li")
    changed = place.did("user", "add", "li", "--role", "staff")
    assert changed == "changed li (李雷, zh-CN, staff); it is disabled: see `imserver user enable`\n"

    enabled = "enabled li: tokens that hold and were not revoked are accepted again\n"
    assert place.did("user", "enable", "li") == enabled
    assert place.did("user", "enable", "li") == "li was not disabled\n"
    assert place.did("user", "add", "li", "--no-roles") == "changed li (李雷, zh-CN)\n"


def test_lists_for_programs_and_what_is_left_out_of_them(place: Place) -> None:
    for name, role in (("bob", "staff"), ("carol", "staff"), ("dave", "x")):
        place.did("user", "add", name, "--role", role)
    place.did("user", "disable", "bob")

    def names(*filters: str) -> list[str]:
        return [user["user_id"] for user in place.rows("user", "list", *filters)]

    assert names() == ["alice", "bob", "carol", "dave"]
    assert names("--disabled") == ["bob"]
    assert names("--role", "staff") == ["bob", "carol"]
    assert names("--disabled", "--role", "x") == names("--kind", "bot") == []
    assert names("--kind", "person") == names()
    (bob,) = place.rows("user", "list", "--disabled")
    assert (bob["kind"], bob["state"], bob["roles"]) == (
        "person",
        "disabled",
        [{"role": "staff", "givers": ["operator"]}],
    )
    assert json.loads(place.did("user", "show", "bob", "--json"))["sessions"] == 0
    assert place.rows("session", "list") == place.rows("token", "list", "bob") == []
    assert place.did("user", "list", "--disabled").endswith("\n1 user\n")


def test_a_name_that_is_not_there_is_one_line_with_who_may_be_meant(place: Place) -> None:
    place.did("user", "add", "alice", "--name", "李雷")
    meant = "there is no user '{}'. Did you mean 'alice'?"
    assert place.refused("user", "show", "李雷") == meant.format("李雷")
    assert (
        place.refused("user", "show", "zoë") == "there is no user 'zoë'. `imserver user list` lists them all."
    )
    for words in (
        "user disable",
        "user enable",
        "token list",
        "token revoke --all",
        "session list",
        "session kick",
    ):
        assert place.refused(*words.split(), "Alcie") == meant.format("Alcie")


def test_a_token_that_nobody_used_is_revoked_all_the_same(place: Place) -> None:
    token_id = "5f1c0a3b9d2e7788"
    assert place.did("token", "list", "alice") == "0 tokens of alice used here\n"
    told = place.did("token", "revoke", "alice", "--token", token_id)
    assert told == (
        f"revoked the token {token_id} of alice; 0 sessions ended\n"
        "Nobody has used a token with this id here; if there is one, it is refused from now on.\n"
    )
    told = place.did("token", "revoke", "alice", "--device", "手机")
    assert told == (
        "revoked the tokens of alice on 手机 that were issued until now; 0 sessions ended\n"
        "Nobody has used a token on this device here; if there is one, it is refused from now on.\n"
    )
    told = place.did("token", "revoke", "alice", "--all")
    assert told == "revoked all tokens of alice that were issued until now; 0 sessions ended\n"
    assert "revoked: all that were issued before 20" in place.did("token", "list", "alice")


def test_sessions_of_nobody(place: Place) -> None:
    where = "" if place.server is not None else ": no server runs on imserver.db"
    assert place.did("session", "list") == f"0 sessions{where}\n"
    assert place.did("session", "kick", "alice") == f"0 sessions of alice ended{where}\n"
    assert (
        place.did("session", "kick", "alice", "--device", "a") == f"0 sessions of alice on a ended{where}\n"
    )


@pytest.mark.parametrize("which", [(), ("--all", "--device", "a"), ("--token", "a", "--device", "b")])
def test_what_to_revoke_is_said_exactly_once(tmp_path: Path, which: tuple[str, ...]) -> None:
    place = Place(tmp_path, None)
    place.did("user", "add", "alice", "--create")
    assert "give one of --token ID, --device ID and --all" in place.refused(
        "token", "revoke", "alice", *which
    )
    assert place.did("token", "list", "alice") == "0 tokens of alice used here\n"


def test_each_act_is_in_the_audit_log_and_what_was_refused_is_not(place: Place) -> None:
    place.did("user", "disable", "alice")
    place.did("user", "enable", "alice")
    place.did("token", "revoke", "alice", "--all")
    place.did("session", "kick", "alice")  # who has none
    place.refused("user", "disable", "nobody")
    if place.server is not None:
        place.server.stop()
    with contextlib.closing(sqlite3.connect(place.folder / "imserver.db")) as database:
        rows = database.execute("SELECT source, act FROM audit ORDER BY audit_no").fetchall()
    assert [act for source, act in rows if source == "operator"] == [
        "user.added",
        "user.disabled",
        "user.enabled",
        "tokens.revoked",
    ]


# -- what a client meets ------------------------------------------------------------------------------------------------


def test_whoever_is_disabled_is_out_at_once_and_his_neighbour_stays(beside: Place) -> None:
    with beside.chatting("bob", "phone") as bob, beside.chatting("alice", "desk") as alice:
        assert {row["user_id"]: row["device_id"] for row in beside.rows("session", "list")} == {
            "bob": "phone",
            "alice": "desk",
        }
        table = beside.did("session", "list", "bob").splitlines()
        assert table[0].split() == ["user", "device", "since", "address", "session"]
        assert table[1].startswith("bob   phone   ")
        assert " 127.0.0.1 " in table[1]
        assert table[2] == "1 session"
        assert " sessions 1" in beside.did("user", "show", "bob")

        assert (
            beside.did("user", "disable", "bob") == "disabled bob: 1 session ended, all tokens are refused\n"
        )
        wait_until(lambda: bob.poll() is not None)
        assert bob.returncode == 1
        assert [row["user_id"] for row in beside.rows("session", "list")] == ["alice"]
        assert beside.chat("bob").returncode == 1
        assert beside.chat("alice").returncode == 0
        assert alice.poll() is None

    beside.did("user", "enable", "bob")
    assert beside.chat("bob").returncode == 0


def test_a_lost_phone_is_out_and_the_other_device_stays(beside: Place) -> None:
    old = beside.did("token", "bob", "--device", "phone").strip()
    with beside.chatting("bob", "desk") as desk:
        assert beside.chat("bob", "--token", old).returncode == 0
        listed = beside.rows("token", "list", "bob")
        assert {token["device_id"]: token["state"] for token in listed} == {"phone": "live", "desk": "live"}
        table = beside.did("token", "list", "bob").splitlines()
        assert table[0].split() == ["token", "device", "state", "used", "until"]
        assert table[-1] == "2 tokens of bob used here"

        told = beside.did("token", "revoke", "bob", "--device", "phone")
        assert told.startswith("revoked the tokens of bob on phone that were issued until now; ")
        assert beside.chat("bob", "--token", old).returncode == 1
        assert desk.poll() is None
        of_desk = next(token["token_id"] for token in listed if token["device_id"] == "desk")
        told = beside.did("token", "revoke", "bob", "--token", of_desk)
        assert told == f"revoked the token {of_desk} of bob; 1 session ended\n"
        wait_until(lambda: desk.poll() is not None)
        slip = of_desk[:-1] + "z"
        assert f"Did you mean {of_desk}?" in beside.did("token", "revoke", "bob", "--token", slip)
        states = {token["state"] for token in beside.rows("token", "list", "bob")}
        assert states == {"revoked"}


def test_who_is_kicked_may_come_again(beside: Place) -> None:
    with beside.chatting("bob", "phone"):
        assert beside.did("session", "kick", "bob", "--device", "desk") == "0 sessions of bob on desk ended\n"
        first = beside.rows("session", "list", "bob")
        assert beside.did("session", "kick", "bob") == "1 session of bob ended\n"
        assert beside.rows("session", "list", "bob") != first
    assert beside.chat("bob").returncode == 0


# -- tokens are made as before ------------------------------------------------------------------------------------------


def test_making_is_what_token_does_without_another_word(tmp_path: Path) -> None:
    import jwt

    place = Place(tmp_path, None)

    def made(*words: str) -> tuple[Any, ...]:
        claims = jwt.decode(place.did("token", *words).strip(), options={"verify_signature": False})
        return claims["sub"], round((claims["exp"] - claims["iat"]) / 3600), claims.get("device")

    assert made("alice") == made("make", "alice") == ("alice", 30 * 24, None)
    assert made("--ttl", "2h", "alice", "--device", "a") == made(
        "make", "alice", "--ttl", "2h", "--device", "a"
    )
    assert made("make", "list")[0] == "list"
    assert made("--", "bob")[0] == "bob"
    assert not (tmp_path / "imserver.db").exists()
    overview = place.run("token")
    assert (overview.returncode, overview.stdout) == (2, place.did("token", "--help"))
    assert "revoke  Revoke one token, those of a device, or all.\n" in overview.stdout
