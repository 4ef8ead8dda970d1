"""The demonstration: a conversation about an eye exam while a line is cut and the server is killed; then the proof.

`run_demo` plays it on a `Stage` and answers whether all is right.
"""

from __future__ import annotations

from pathlib import Path

from imserver.proof.booking.card_words import STATUSES, time_words
from imserver.proof.checker import CardWords, Fault, Report, check
from imserver.proof.player import PlayBroken
from imserver.proof.sabotage import Sabotage
from imserver.proof.stored_rows import read_rows

from .environment import DemoEnvironment, MakeAccount
from .play import Play
from .scenes import SCENES
from .stage import Stage

#: Findings that are printed; a run that goes thoroughly wrong has one for each message.
MAX_FINDINGS = 12


async def run_demo(
    folder: Path, stage: Stage, make_account: MakeAccount, sabotage: Sabotage | None = None
) -> bool:
    """Play it in this (empty) folder. True if nothing was lost, doubled or promised in vain.

    Raises ServerFailed if the server does not start.
    """
    sabotage = sabotage or Sabotage()
    async with DemoEnvironment(folder, make_account) as environment:
        play = Play(environment, stage, sabotage.while_down)
        broken = await _perform(play)
        transcripts = [player.transcript for player in environment.players.values()]
        await environment.leave()
        exit_code = await environment.server.stop()
        sabotage.before_check(environment.database)
        report = check(transcripts, read_rows(environment.database), CardWords(STATUSES, time_words))
    for finding in report.findings[:MAX_FINDINGS]:
        stage.finding(str(finding))
    if len(report.findings) > MAX_FINDINGS:
        stage.finding(f"… and {len(report.findings) - MAX_FINDINGS} more")
    if broken:
        stage.finding(f"the play broke off: {broken}")
    if exit_code:
        stage.finding(f"the server's exit code is {exit_code}")
    right = not (report.findings or broken or exit_code)
    stage.box("What happened, and what the database says", _rows(play, report), _verdict(right), right=right)
    return right


async def _perform(play: Play) -> str:
    """Play all scenes, and wait until all clients are caught up. Returns the failure, or ""."""
    try:
        for scene in SCENES:
            await scene(play)
        for player in play.environment.players.values():
            await player.caught_up()
    except PlayBroken as error:
        return str(error)
    return ""


def _rows(play: Play, report: Report) -> list[tuple[str, str]]:
    line, kills = play.environment.line, play.kills
    unanswered = sum(kill.unanswered > 0 for kill in kills)
    stored = sum(kill.stored for kill in kills)
    not_stored = sum(kill.unanswered for kill in kills) - stored
    clients = len(play.environment.players)
    pids = " → ".join(str(pid) for pid in play.environment.server.pids)
    return [
        ("messages", f"{report.messages} rows, compared with {report.shown} that {clients} clients were shown"),
        ("cuts", f"{line.cuts}, of which {line.mid_chunk_cuts} in mid-frame"),
        ("kills", f"{len(kills)} by SIGKILL, {unanswered} with an unanswered post: {stored} stored, {not_stored} not"),
        ("server processes", pids),
        ("lost", _count(report, Fault.LOST)),
        ("doubled", _count(report, Fault.DOUBLED)),
        ("out of order", _count(report, Fault.OUT_OF_ORDER)),
        ("altered", _count(report, Fault.ALTERED)),
        ("appointments", f"promised {report.promised}, present {report.present}"),
        ("double-booked", _count(report, Fault.DOUBLE_BOOKED)),
    ]  # fmt: skip


def _count(report: Report, fault: Fault) -> str:
    return str(report.count(fault))


def _verdict(right: bool) -> str:
    if right:
        return "All is right: what the chat said is in the database, no more and no less."
    return "NOT right: see the lines above."
