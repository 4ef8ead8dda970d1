"""Checks of lineage: the runs of this history, what each gave first, which began with an older copy; and of the ledger."""

from __future__ import annotations

from imserver.store.checks.check_run import CheckRun
from imserver.store.engine.ledger import Applied, plan

LINEAGE, FIRST_MODSEQS = "lineage", "first states"
SET_BACK, LEDGER = "set back", "ledger"

#: Bytes of a mark.
MARK_BYTES = 16

_FIRST = (
    "SELECT f.conversation_no, f.lineage_no, f.modseq, c.modseq, l.no IS NOT NULL FROM first_modseqs f"
    " LEFT JOIN conversations c ON c.no = f.conversation_no LEFT JOIN lineage l ON l.no = f.lineage_no"
    " ORDER BY f.conversation_no, f.lineage_no"
)


def lineage(run: CheckRun) -> None:
    """Check that runs follow one another without a gap, and each is of a life that began before it, or with it."""
    lives: set[bytes] = set()
    number, newest = 0, 1
    for no, mark, life, first_change, at, why in run.rows(
        "SELECT no, mark, life, first_change, at, why FROM lineage ORDER BY no"
    ):
        run.looked_at(LINEAGE, 1)
        if mark == life:
            lives.add(life)
        wrong = ""
        if no != number + 1:
            wrong = f"follows run {number}"
        elif not newest <= first_change <= run.head_change + 1:
            wrong = f"begins with change {first_change}, after {newest}; the newest is {run.head_change}"
        elif len(mark) != MARK_BYTES or life not in lives:
            wrong = "is of a life that never began"
        elif at < 0 or not why:
            wrong = f"began at {at} because of {why or 'nothing'}"
        if wrong:
            run.found(LINEAGE, f"run {no} {wrong}")
        number, newest = no, max(newest, first_change)


_NO_FIRST = (
    "SELECT c.conversation_id, c.modseq, min(f.modseq) FROM conversations c"
    " LEFT JOIN first_modseqs f ON f.conversation_no = c.no WHERE c.modseq > 0"
    " GROUP BY c.no HAVING min(f.modseq) IS NOT 1"
)


def first_modseqs(run: CheckRun) -> None:
    """Check that first changes of state are of runs and conversations that exist, were given, and rise with the runs."""
    last = (0, 0)
    for no, run_no, modseq, newest, known in run.rows(_FIRST):
        run.looked_at(FIRST_MODSEQS, 1)
        before = last[1] if last[0] == no else 0
        wrong = ""
        if newest is None or not known:
            wrong = "one of which does not exist"
        elif not before < modseq <= newest:
            wrong = f"which is {modseq}, after {before} and of {newest}"
        if wrong:
            run.found(
                FIRST_MODSEQS, f"the first change of state of run {run_no} in {run.conversation(no)}, {wrong}"
            )
        last = (no, modseq)
    run.list(
        FIRST_MODSEQS,
        _NO_FIRST,
        lambda name, modseq, first: (
            f"{name} counts {modseq} changes of state, and the first one known is {first}"
        ),
    )


def set_back(run: CheckRun) -> None:
    """Check that each run which began with an older copy says of when that was, and plugins were told of runs that exist."""
    newest = 0
    for no, at, why, copied_at in run.rows("SELECT no, at, why, copied_at FROM lineage ORDER BY no"):
        run.looked_at(SET_BACK, 1)
        newest = no
        if copied_at is None and why == "restore":
            run.found(SET_BACK, f"run {no} began with a copy of nobody knows when")
        elif copied_at is not None and copied_at < 0:
            run.found(SET_BACK, f"run {no} began at {at} with a copy of {copied_at}")
    if not newest:
        return  # no run at all, which others would have found: nothing to compare with
    run.list(
        SET_BACK,
        "SELECT plugin, told_run FROM plugin_cursors WHERE told_run < 0 OR told_run > ?",
        lambda plugin, told: f"{plugin} was told of run {told}, and the newest is {newest}",
        (newest,),
    )


def ledger(run: CheckRun) -> None:
    """Check that the ledger beside the database can be read to its end, and has all that the database has had of it.

    A copy that nobody has opened needs none beside it: there may be many, and one newest ledger.
    """
    row = run.one("SELECT value FROM meta WHERE name = 'ledger'")
    applied, found = Applied.decoded(None if row is None else str(row[0])), run.ledger
    if found is None:
        if applied.number and run.one("SELECT 1 FROM meta WHERE name = 'copied_at'") is None:
            run.found(LEDGER, f"{applied.number} records were applied, and there is no ledger")
        return
    run.looked_at(LEDGER, len(found.records))
    stands = plan(found, applied)
    if found.damage:
        run.found(LEDGER, f"it {found.damage}")
    if stands.parted:
        run.found(LEDGER, f"its record {applied.number} is another than the one that was applied")
    elif stands.lacking:
        text = f"it is older than the database: {stands.lacking} records that were applied are not in it"
        run.found(LEDGER, text)
    elif found.gaps:
        run.found(LEDGER, f"{found.gaps} records are missing in it: an older copy of it was written on")
