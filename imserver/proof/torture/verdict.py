"""The verdict on a run: the checker's findings and the reached figures, as rows for people and as JSON."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from imserver.proof.access_checks import Stays
from imserver.proof.booking.card_words import NEWS, STATUSES, time_words
from imserver.proof.checker import CardWords, Fault, Finding, Report, check
from imserver.proof.stored_rows import StoredRows, plugin_failures, read_rows
from imserver.proof.taken_back import TakenBack

from .client_journal import read_journal
from .director import Deeds
from .network_faults import KINDS
from .office import WAYS
from .older_copies import Kind
from .options import Options
from .participants import Participants

#: The least that a run must reach: fewer would prove less than it says.
MIN_CLIENTS, MIN_CONVERSATIONS = 50, 20
#: Faults that lines of the box name; the others are printed with their sentence only.
_COUNTED = (
    Fault.LOST, Fault.DOUBLED, Fault.OUT_OF_ORDER, Fault.ALTERED, Fault.UNASKED, Fault.REFUSED, Fault.TRESPASS,
    Fault.SILENT, Fault.NEEDLESS, Fault.MISSING, Fault.UNTOLD, Fault.DOUBLE_BOOKED, Fault.FEATURE, Fault.STUCK, Fault.BROKEN,
)  # fmt: skip
WORDS = CardWords({**STATUSES, **NEWS}, time_words)


@dataclass(slots=True)
class Verdict:
    """All numbers of a run."""

    options: Options
    participants: Participants
    deeds: Deeds
    figures: Counter[str]
    report: Report
    conversations: int
    #: Removals of members from a group; and of people from the team.
    removed: int
    went: int
    elapsed_s: float
    #: Findings of `imserver check`, and requirements that were not reached.
    check_findings: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    log_errors: Counter[str] = field(default_factory=Counter)

    @property
    def right(self) -> bool:
        """True if nothing bad was found and all requirements were reached."""
        return not (self.report.findings or self.check_findings or self.short)

    @property
    def findings(self) -> list[str]:
        """Everything that is wrong, a sentence each."""
        checks = [f"imserver check: {text}" for text in self.check_findings]
        return [*map(str, self.report.findings), *checks, *(f"not reached: {text}" for text in self.short)]

    @property
    def max_redelivered(self) -> int:
        """One unfinished message of each conversation, for each kill of a client process, and each end of an access."""
        return (self.deeds.client_kills + self.figures["shut_out"]) * self.conversations

    def rows(self) -> list[tuple[str, str]]:
        """For people, in the order of the story."""
        deeds, report, figures = self.deeds, self.report, self.figures
        kinds = ", ".join(f"{kind.replace('_', ' ')} {deeds.faults[kind]}" for kind in KINDS)
        lines = deeds.lines
        clients, processes = len(self.participants.parts), len(self.participants.processes)
        web = sum(map(self.options.comes_by_web, range(clients)))
        kinds_of_clients = f"{web} by WebSocket, {self.participants.javascript_clients} in JavaScript"
        starts = sorted(deeds.starts_s) or [0.0]
        last = deeds.starts_s[-1] if deeds.starts_s else 0.0
        ended = ", ".join(f"{way} {deeds.ended[way]}" for way in dict.fromkeys(WAYS))
        gone = f"{report.named_gone} named as gone, {report.refused_since} refused or given up since"
        return [
            ("seed", str(self.options.seed)),
            ("time", f"{self.elapsed_s:.0f} s of load"),
            ("clients", f"{clients} ({kinds_of_clients}) in {processes} processes, {self.conversations} conversations"),
            ("kills", f"{len(deeds.kills)} of the server, {deeds.hits} with unanswered posts"),
            ("unanswered posts", f"{deeds.found} found committed, {deeds.not_found} not"),
            ("starts", f"{len(starts)}, {median(starts):.2f} s each, at most {starts[-1]:.2f} s, the last {last:.2f} s"),
            ("stops", f"{deeds.stops} by SIGSTOP, {deeds.stopped_s:.0f} s in all"),
            ("client kills", f"{deeds.client_kills} of processes"),
            ("older copies", self._older_copies()),
            ("faults", f"{deeds.faults.total()} on lines: {kinds}"),
            ("cuts", f"{lines['cut']} lines reset, {lines['cut_in_a_piece']} in mid-piece; {lines['swallowed']} swallowed"),
            ("not let in", f"{lines['refused']} connections"),
            ("connections", f"{figures['connections']} made, {figures['resumed']} of them resumed a session"),
            ("messages", f"{report.messages} rows, {figures['given_up']} posts given up, {figures['acts']} acts of features"),
            ("members", f"{self.removed} were taken into a group and put out again; {self.went} went from the team"),
            ("people", f"{deeds.ended.total()} lost their access ({ended}), {figures['shut_out']} times one was told so"),
            ("acknowledged", str(report.acknowledged)),
            ("taken back", f"{report.taken_back} of these by older copies: {report.stored_again} stored again, {gone}"),
            ("told", f"{report.told} times a client was told of an older copy, {report.not_told} times it had nothing to hear"),
            ("delivered", str(report.shown)),
            *((str(fault), str(report.count(fault))) for fault in _COUNTED),
            ("redelivered", f"{report.marked} marked (at most {self.max_redelivered} may be), {report.repeated} seen twice"),
            ("appointments", f"promised {report.promised}, present {report.present}"),
            ("bookings", f"{figures['booked']} booked, {figures['moved']} moved, {figures['cancelled']} cancelled, as told"),
            ("errors logged", ", ".join(f"{n} {event}" for event, n in self.log_errors.items()) or "0"),
            ("imserver check", f"{len(self.check_findings)} findings"),
        ]  # fmt: skip

    def _older_copies(self) -> str:
        restores = self.deeds.restores
        if not restores:
            return "none came back"
        kinds = Counter(put_back.kind for put_back in restores)
        taken = sum(put_back.taken for put_back in restores)
        each = ", ".join(f"{kind} {kinds[kind]}" for kind in Kind if kinds[kind])
        return f"{len(restores)} came back ({each}), {taken} messages taken back"

    def as_json(self) -> dict[str, Any]:
        """For machines: every figure, and where it was measured."""
        deeds, report = self.deeds, self.report
        return {
            "right": self.right,
            "seed": self.options.seed,
            "date": self.began_at.isoformat(timespec="seconds"),
            "machine": machine(),
            "elapsed_s": round(self.elapsed_s, 1),
            "rate": self.options.rate,
            "clients": len(self.participants.parts),
            "clients_by_websocket": sum(map(self.options.comes_by_web, range(len(self.participants.parts)))),
            "clients_in_javascript": self.participants.javascript_clients,
            "client_processes": len(self.participants.processes),
            "conversations": self.conversations,
            "kills": len(deeds.kills),
            "kills_with_unanswered_posts": deeds.hits,
            "unanswered_found_committed": deeds.found,
            "unanswered_found_not_committed": deeds.not_found,
            "kills_each": [asdict(kill) for kill in deeds.kills],
            "starts_s": [round(start_s, 3) for start_s in deeds.starts_s],
            "sigstops": deeds.stops,
            "stopped_s": round(deeds.stopped_s, 1),
            "client_kills": deeds.client_kills,
            "older_copies": [{"kind": one.kind, "messages_taken_back": one.taken} for one in deeds.restores],
            "faults": {kind: deeds.faults[kind] for kind in KINDS},
            "lines": dict(deeds.lines),
            "clients_counted": dict(self.figures),
            "messages": report.messages,
            "members_removed": self.removed,
            "went_from_the_team": self.went,
            "access_ended": dict(deeds.ended),
            "told_to_be_out": self.figures["shut_out"],
            "acknowledged": report.acknowledged,
            "acknowledged_taken_back": report.taken_back,
            "taken_back_stored_again": report.stored_again,
            "taken_back_named_gone": report.named_gone,
            "taken_back_refused_since": report.refused_since,
            "clients_told": report.told,
            "clients_not_told": report.not_told,
            "delivered": report.shown,
            **{str(fault).replace(" ", "_"): report.count(fault) for fault in Fault},
            "redelivered_marked": report.marked,
            "redelivered_seen_twice": report.repeated,
            "redelivered_at_most": self.max_redelivered,
            "appointments_promised": report.promised,
            "appointments_present": report.present,
            "log_errors": dict(self.log_errors),
            "check_findings": self.check_findings,
            "findings": self.findings,
        }


@dataclass(slots=True)
class Evidence:
    """The results of a run, for its verdict."""

    options: Options
    participants: Participants
    deeds: Deeds
    figures: Counter[str]
    database: Path
    journals: Path
    began_at: datetime
    elapsed_s: float
    #: Errors that the server logged, by event.
    log_errors: Counter[str] = field(default_factory=Counter)
    #: Clients that did not come to rest.
    stuck: list[str] = field(default_factory=list)


def judge(evidence: Evidence) -> Verdict:
    """Read the database and all journals. Slow: the journals are read one by one."""
    rows = read_rows(evidence.database)
    journals = (
        read_journal(evidence.journals, part.name, part.user_id, comes_and_goes=part.comes_and_goes)
        for part in evidence.participants.parts
    )
    with closing(sqlite3.connect(f"{evidence.database.absolute().as_uri()}?mode=ro", uri=True)) as sql:
        taken = TakenBack([put_back.restore for put_back in evidence.deeds.restores])
        report = check(journals, rows, WORDS, sql.execute, taken, evidence.deeds.outs)
    report.findings += [Finding(Fault.STUCK, text) for text in evidence.stuck]
    broken = [*evidence.deeds.broken, *plugin_failures(evidence.database)]
    report.findings += [Finding(Fault.BROKEN, text) for text in broken]
    verdict = Verdict(
        evidence.options,
        evidence.participants,
        evidence.deeds,
        evidence.figures,
        report,
        _conversations(rows),
        _removed(rows),
        _went(rows),
        evidence.elapsed_s,
        began_at=evidence.began_at,
        log_errors=evidence.log_errors,
    )
    if report.marked > verdict.max_redelivered:
        text = f"{report.marked} messages came again, and at most {verdict.max_redelivered} may"
        report.findings.append(Finding(Fault.DOUBLED, text))
    verdict.short = _short(verdict)
    return verdict


def _conversations(rows: StoredRows) -> int:
    return len({row.conversation_id for row in rows.messages})


def _removed(rows: StoredRows) -> int:
    return sum(left_at is not None for places in rows.members.values() for _, left_at in places.values())


def _went(rows: StoredRows) -> int:
    return Stays(rows).ended()


def _short(verdict: Verdict) -> list[str]:
    """The requirements that this run has missed."""
    deeds, options = verdict.deeds, verdict.options
    kinds = {put_back.kind for put_back in deeds.restores}
    small = options.clients < MIN_CLIENTS or options.conversations < MIN_CONVERSATIONS
    wants = {
        f"at least {MIN_CLIENTS} clients and {MIN_CONVERSATIONS} conversations": options.small or not small,
        "a kill": bool(deeds.kills),
        "unanswered posts at half of the kills": deeds.hits * 2 >= len(deeds.kills),
        "an unanswered post found committed": deeds.found > 0,
        "an unanswered post found not committed": deeds.not_found > 0,
        "older copies of two kinds": options.small or not options.restore_every or len(kinds) > 1,
        "a client that was told of an older copy": not kinds or verdict.report.told > 0,
        "a member who was removed": options.small or verdict.removed > 0,
        "somebody who went from the team": options.small or verdict.went > 0,
        "somebody who lost access and was told so": options.small or verdict.figures["shut_out"] > 0,
        "a message": verdict.report.shown > 0,
        "an appointment": verdict.report.promised > 0,
    }
    return [what for what, reached in wants.items() if not reached]


def machine() -> dict[str, Any]:
    """The machine of this run."""
    return {
        "cpu_count": os.cpu_count(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "imserver": version("imserver"),
        "commit": _commit(),
    }


def _commit() -> str | None:
    """Of the source tree that we run from, if it is one; `+` says that it was changed since."""
    here = Path(__file__).resolve().parent
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],  # noqa: S607 - whichever git is there
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None
