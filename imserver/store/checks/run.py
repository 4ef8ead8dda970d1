"""Runs all checks of the store on one snapshot."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from imserver.store.checks import (
    access,
    browsers,
    contacts,
    contents,
    file,
    lineage,
    people,
    plugins,
    positions,
    state,
    teams,
)
from imserver.store.checks.check_run import CheckRun, Progress, Rows, SideMark
from imserver.store.checks.report import Report
from imserver.store.engine.ledger import Ledger

_Check = tuple[tuple[str, ...], Callable[[CheckRun], None]]

#: In this order: `changes` finds the newest change, which later ones compare with. A function reports under its own names.
_CHECKS: tuple[_Check, ...] = (
    ((file.INTEGRITY,), file.integrity),
    ((file.COMPLETE,), file.complete),
    ((file.FOREIGN_KEYS,), file.foreign_keys),
    ((file.SCHEMA,), file.schema),
    ((file.CHANGES,), file.changes),
    ((file.SIDE_FILE,), file.side_file),
    ((positions.POSITIONS,), positions.positions),
    ((positions.HEADS,), positions.heads),
    ((positions.MILESTONES,), positions.milestones),
    ((positions.KEYS,), positions.keys),
    ((positions.SENDERS,), positions.senders),
    (
        (contents.CONTENTS, contents.DIGESTS, contents.UNREAD, contents.TELLINGS, contents.REVISIONS),
        contents.messages,
    ),
    ((people.ACCOUNTS,), people.accounts),
    ((people.TOKENS,), people.tokens),
    ((people.CONVERSATIONS,), people.conversations),
    ((people.MEMBERS, people.CURSORS), people.members),
    ((plugins.PLUGINS,), plugins.plugins),
    ((plugins.TIMERS,), plugins.timers),
)
#: Those of what schema 2 added.
_CHECKS_SINCE_2: tuple[_Check, ...] = (
    ((positions.SPOKEN,), positions.spoken),
    ((contents.ENDS,), contents.ends),
    ((state.STATE,), state.conversations),
    ((state.ITEMS,), state.items),
    ((state.ACCOUNT_STATE,), state.accounts),
    ((state.OUTCOMES,), state.outcomes),
    ((teams.TEAMS, teams.TEAM_MEMBERS, teams.TEAM_CURSORS), teams.teams),
    ((lineage.LINEAGE,), lineage.lineage),
    ((lineage.FIRST_MODSEQS,), lineage.first_modseqs),
)
#: And of what schema 3 added.
_CHECKS_SINCE_3: tuple[_Check, ...] = (((state.STATE_NAMES,), state.names),)
#: And of what schema 4 added.
_CHECKS_SINCE_4: tuple[_Check, ...] = (
    ((lineage.SET_BACK,), lineage.set_back),
    ((lineage.LEDGER,), lineage.ledger),
)
#: And of what schema 5 added.
_CHECKS_SINCE_5: tuple[_Check, ...] = (
    ((access.STATES,), access.states),
    ((access.ROLES,), access.roles),
    ((access.REVOCATIONS,), access.revocations),
    ((access.SHUT_OUT,), access.shut_out),
    ((access.USED,), access.used),
    ((contacts.CONTACTS,), contacts.contacts),
    ((contacts.INVITATIONS,), contacts.invitations),
)
#: And of what schema 6 added.
_CHECKS_SINCE_6: tuple[_Check, ...] = (
    ((browsers.BROWSERS,), browsers.browsers),
    ((browsers.LINKS,), browsers.links),
    ((browsers.GUESTS,), browsers.guests),
    ((browsers.RECORDS,), browsers.records),
)
#: And of what schema 7 added.
_CHECKS_SINCE_7: tuple[_Check, ...] = (((browsers.JOINS,), browsers.joins),)
#: By the schema that they need.
_BY_SCHEMA: tuple[tuple[int, tuple[_Check, ...]], ...] = (
    (1, _CHECKS),
    (2, _CHECKS_SINCE_2),
    (3, _CHECKS_SINCE_3),
    (4, _CHECKS_SINCE_4),
    (5, _CHECKS_SINCE_5),
    (6, _CHECKS_SINCE_6),
    (7, _CHECKS_SINCE_7),
)

#: Every check of the store, in the order of the report.
NAMES = tuple(name for _, checks in _BY_SCHEMA for names, _ in checks for name in names)


def check_snapshot(
    snapshot: Rows,
    *,
    side: SideMark | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check every invariant of this snapshot's database; writes nothing.

    `side` and `ledger` are the files beside it as read *before* the snapshot began. A database that was never set up holds
    nothing to check: the report is empty. A check that cannot go on, because the file is too damaged, is a finding.
    """
    report = Report()
    run = CheckRun(snapshot, report, side=side, ledger=ledger, progress=progress)
    run.version = snapshot.version()
    if run.version:
        # Reached only for a file that can no longer be read, or a value of a type that no table of ours can hold.
        odd: tuple[type[Exception], ...] = (*snapshot.broken, ValueError, TypeError)
        there = (checks for schema, checks in _BY_SCHEMA if run.version >= schema)
        for names, check in chain.from_iterable(there):
            for name in names:
                report.result(name)
            run.progress(names[0], 0, 0)
            try:
                check(run)
            except odd as error:
                run.found(names[0], f"cannot go on: {type(error).__name__}: {error}")
    return report
