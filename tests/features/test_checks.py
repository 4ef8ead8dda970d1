"""A feature's checks are data: asked of a database by itself, with its rows and what is shown under its name."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from imserver import Server
from imserver.check.consistency import check_file
from imserver.feature_api import Feature, Snapshot
from imserver.features import FEATURES
from imserver.model import Kind, User
from imserver.store.checks import Report
from tests.features.trial import VOTE, Trial, VoteParams
from tests.support.servers import config

GONE = "no such feature is here, and no such plugin is installed"


@asynccontextmanager
async def voted(folder: Path) -> AsyncIterator[tuple[Server, str]]:
    """A server with a group in which two voted for two messages."""
    async with Server(config(folder), features=(*FEATURES, Trial().feature())) as server:
        for name in ("alice", "bob", "cy"):
            await server.chat.put_user(User(name, name))
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await server.chat.post("alice", group, "x")
        for name, position, choice in (("alice", 1, "yes"), ("bob", 1, "no"), ("alice", 2, "yes")):
            await server.call(VOTE, name, VoteParams(group, position, choice))
        yield server, group


async def checked(folder: Path, *features: Feature) -> Report:
    return await check_file(Path(config(folder).store.path), {}, features=features)


def meddle(folder: Path, statement: str, *params: object) -> None:
    with closing(sqlite3.connect(config(folder).store.path)) as sql, sql:
        sql.execute(statement, params)


async def test_checks_are_asked_beside_a_server_and_after_it(tmp_path: Path) -> None:
    trial = Trial().feature()
    async with voted(tmp_path) as (server, group):
        report = await checked(tmp_path, *FEATURES, trial)
        assert (report.findings, report.skipped) == ([], {})
        assert report.checked["trial: counts"] == 3
        await server.chat.remove_member("alice", group, "bob")
        await server.call(VOTE, "alice", VoteParams(group, 2, None))
    report = await checked(tmp_path, *FEATURES, trial)
    assert (report.findings, report.checked["trial: counts"]) == ([], 1)


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM trial_votes WHERE user_no = 2", "trial: counts: 1.1 shows all"),
        ("DELETE FROM trial_votes WHERE user_no = 2", "trial: counts: 1.1 shows 2 no, and None was voted"),
        (
            "INSERT INTO trial_votes VALUES (1, 2, 2, 'no')",
            "trial: counts: (1, 2, 2) shows nothing of a vote",
        ),
        ("INSERT INTO trial_votes VALUES (1, 2, 3, 'no')", "trial: there: a vote by 3 for 1.2"),
        ("UPDATE messages SET content = NULL WHERE position = 2", "trial: there: a vote by 1 for 1.2"),
    ],
)
async def test_rows_that_disagree_with_what_is_shown_are_findings(
    tmp_path: Path, statement: str, finding: str
) -> None:
    async with voted(tmp_path):
        pass
    meddle(tmp_path, statement)
    report = await checked(tmp_path, *FEATURES, Trial().feature())
    texts = [f"{one.check}: {one.text}" for one in report.findings]
    assert [text for text in texts if text.startswith(finding)], texts


async def test_a_check_sees_all_that_is_kept_under_its_name_and_no_more(tmp_path: Path) -> None:
    """Values of conversations, members (also by a team) and accounts; nothing of another name, no map that cannot be read."""
    seen: list[object] = []

    def look(snapshot: Snapshot) -> list[str]:
        seen.extend([*snapshot.abouts(), *snapshot.settings(), *snapshot.accounts()])
        seen.append(sorted(snapshot.members()))
        return []

    async with voted(tmp_path) as (server, group):
        await server.chat.remove_member("alice", group, "bob")

        def keep(tx: object) -> None:
            for name in ("trial", "other"):
                tx.set_about(group, name, {"about": name})  # type: ignore[attr-defined]
                tx.set_own(group, "alice", name, {"own": name})  # type: ignore[attr-defined]
                tx.set_account("cy", name, {"account": name})  # type: ignore[attr-defined]
            tx.set_account("alice", "other", {"account": "other"})  # type: ignore[attr-defined]

        await server.store.write(keep)
    meddle(tmp_path, "INSERT INTO team_members VALUES (3, 7, 1)")
    meddle(tmp_path, "UPDATE conversations SET team = 7")
    team = msgspec.msgpack.encode({"trial": {"own": "by team"}})
    meddle(
        tmp_path,
        "INSERT INTO team_cursors (user_no, conversation_no, seen_no, settings) VALUES (3, 1, 0, ?)",
        team,
    )
    meddle(tmp_path, "UPDATE members SET settings = x'c1' WHERE user_no = 2")
    looking = replace(Trial().feature(), checks={"look": look})
    await checked(tmp_path, *FEATURES, looking)
    assert seen == [
        (1, {"about": "trial"}),
        (1, 1, {"own": "trial"}),
        (1, 3, {"own": "by team"}),
        (3, {"account": "trial"}),
        [(1, 1), (1, 3)],
    ]


async def test_a_check_that_fails_is_a_finding_and_the_others_are_asked(tmp_path: Path) -> None:
    def broken(snapshot: Snapshot) -> Iterator[str]:
        yield "one thing"
        snapshot.execute("SELECT * FROM users")

    def streams(snapshot: Snapshot) -> Iterator[str]:
        yield from (str(row) for row in snapshot.rows("SELECT * FROM tokens"))

    def writes(snapshot: Snapshot) -> list[str]:
        return [str(row) for row in snapshot.rows("DELETE FROM trial_votes RETURNING choice")]

    checks = {"broken": broken, "streams": streams, "writes": writes}
    async with voted(tmp_path):
        pass
    trial = Trial().feature()
    report = await checked(tmp_path, *FEATURES, replace(trial, checks={**checks, **trial.checks}))
    assert [(one.check, one.text[:24]) for one in report.findings] == [
        ("trial: broken", "one thing"),
        *((f"trial: {name}", "the check itself failed:") for name in checks),
    ]
    assert report.checked["trial: counts"] == 3


async def test_tables_that_nobody_here_knows_are_skipped(tmp_path: Path) -> None:
    async with voted(tmp_path):
        pass
    trial = Trial().feature()
    report = await checked(tmp_path, *FEATURES)
    assert (report.findings, report.skipped) == ([], {"trial": GONE})
    older = replace(trial, migrations=(*trial.migrations, (2, "CREATE TABLE trial_more (a INTEGER);")))
    report = await checked(tmp_path, *FEATURES, older)
    words = "its tables are of version 1, and this server has version 2"
    assert (report.findings, report.skipped) == ([], {"trial": words})


async def test_a_feature_that_never_ran_here_has_nothing_to_check(tmp_path: Path) -> None:
    async with Server(config(tmp_path)):
        pass
    report = await checked(tmp_path, *FEATURES, Trial().feature())
    assert (report.findings, report.skipped) == ([], {})
    assert "trial: counts" not in report.checked
