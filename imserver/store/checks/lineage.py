"""Checks of lineage: the runs of this history, and the first change of state that each gave in a conversation."""

from __future__ import annotations

from imserver.store.checks.check_run import CheckRun

LINEAGE, FIRST_MODSEQS = "lineage", "first states"

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
