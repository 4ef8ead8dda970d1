"""The tables of a measurement. Of the sealed half figures alone: no text, no id, nothing that says which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from .alarms import CAREFUL, URGENT, missed_share
from .bars import Bar
from .corpus import APART_DIALOGUES
from .dialogues import End
from .judge import Outcome
from .measure import Measured
from .page import rows

_WORDS = {
    Outcome.RIGHT: "right", Outcome.ASKED: "asked needlessly", Outcome.OFFERED: "wrong, in what is offered",
    Outcome.ACTED: "wrong, in what books, moves or cancels",
}  # fmt: skip
#: Rows of a confusion table: the rest is rare.
MOST_CONFUSED = 25


def show(console: Console, measured: Measured, held: Sequence[Bar], first: Mapping[str, Any] | None) -> None:
    """All tables of one half; `first`: its score when it was measured for the first time."""
    console.rule(f"{measured.half} half")
    console.print(_outcomes(measured))
    console.print(_acts(measured))
    if measured.half == "open":
        console.print(_confusion(measured))
    console.print(_alarms(measured))
    console.print(_near(measured))
    if first is not None:
        console.print(_first(first, measured.score()))
    console.print(_bars(measured.half, held))


def show_apart(console: Console, found: Mapping[str, Mapping[str, int]]) -> None:
    """How files of other authors come out: texts, then dialogues, which have other ends."""
    texts = _table("texts by other authors", "", "texts", "right", "asked", "offered wrong", "acted wrong")
    dialogues = _table("dialogues by other authors", "", "dialogues", "right", "open", "wrong", "broken")
    for file, counts in found.items():
        ends = file in APART_DIALOGUES
        names = ("RIGHT", "OPEN", "WRONG", "BROKEN") if ends else ("RIGHT", "ASKED", "OFFERED", "ACTED")
        shown = (f"{counts.get(name, 0)}" for name in names)
        (dialogues if ends else texts).add_row(file, f"{sum(counts.values())}", *shown)
    console.print(texts)
    console.print(dialogues)


def show_texts(console: Console, measured: Measured, outcome: Outcome) -> None:
    """The texts of the open half with this outcome, to look into one by one."""
    assert measured.half == "open", "of the sealed half no text is shown"
    for verdict in measured.verdicts:
        if verdict.outcome is outcome:
            missed = ", ".join(f"{want.name} {_values(want.values)}".strip() for want in verdict.missed)
            wrong = ", ".join(name for name, _ in verdict.wrong)
            one = verdict.utterance
            console.print(
                f"{one.id} [{one.step}] {one.text!r}  missed: {missed or '-'}  read: {', '.join(verdict.extra) or '-'}"
                f"  wrong: {wrong or '-'}",
                markup=False, highlight=False,
            )  # fmt: skip


def show_dialogues(console: Console, measured: Measured) -> None:
    """The dialogues of the open half that did not end well."""
    assert measured.half == "open", "of the sealed half no text is shown"
    for one in measured.dialogues:
        if one.end is not End.RIGHT:
            said = " / ".join(text for speaker, text in one.played.said if speaker != "bot")
            console.print(
                f"{one.id} {one.end}: {'; '.join(one.reasons)}  {said}", markup=False, highlight=False
            )


def show_alarms(console: Console, measured: Measured) -> None:
    """The alarms of the open half that were missed, and the texts that raised one for nothing."""
    assert measured.half == "open", "of the sealed half no text is shown"
    for line in (*measured.alarms.missed, *measured.alarms.false):
        console.print(line, markup=False, highlight=False)


def _outcomes(measured: Measured) -> Table:
    table = _table("texts and dialogues", "", "count", "share")
    for outcome in Outcome:
        count = measured.outcomes[outcome]
        table.add_row(_WORDS[outcome], f"{count}", _percent(count / max(1, len(measured.verdicts))))
    table.add_section()
    table.add_row("neutral rest, passed on", "", _percent(measured.neutral))
    table.add_row("dangerous rest, asked about", "", _percent(measured.dangerous))
    table.add_section()
    for end in End:
        count = measured.ends[end]
        table.add_row(f"dialogues {end}", f"{count}", _percent(count / max(1, len(measured.dialogues))))
    return table


def _acts(measured: Measured) -> Table:
    table = _table("acts", "act", "wanted", "right", "asked", "unheard", "wrong")
    for name, row in measured.acts().items():
        table.add_row(
            name, *(f"{count or ''}" for count in (row.wanted, row.right, row.asked, row.unheard, row.wrong))
        )
    return table


def _confusion(measured: Measured) -> Table:
    table = _table("confusion, most frequent first", "wanted", "read", "count")
    for (wanted, read), count in measured.confusion().most_common(MOST_CONFUSED):
        table.add_row(wanted, read, f"{count}")
    return table


def _alarms(measured: Measured) -> Table:
    table = _table("alarms", "kind", "texts", "urgent", "careful", "missed")
    for kind, counts in sorted(measured.alarms.kinds.items()):
        table.add_row(
            kind,
            f"{counts['texts']}",
            f"{counts[URGENT]}",
            f"{counts[CAREFUL]}",
            _percent(missed_share(counts)),
        )
    table.add_section()
    table.add_row("gravest", f"{measured.alarms.gravest}", "", "", f"{measured.alarms.gravest_missed}")
    return table


def _near(measured: Measured) -> Table:
    table = _table("other texts", "looks like an alarm because", "texts", "urgent", "careful")
    for reason, counts in sorted(measured.alarms.near.items()):
        table.add_row(
            reason or "(ordinary)", f"{counts['texts']}",
            *(f"{counts[weight]} ({_percent(counts[weight] / max(1, counts['texts']))})" for weight in (URGENT, CAREFUL)),
        )  # fmt: skip
    return table


def _first(first: Mapping[str, Any], present: Mapping[str, Any]) -> Table:
    table = _table("first and present score", "", "first", "present")
    for row in rows(first, present):
        table.add_row(*row)
    return table


def _bars(half: str, held: Iterable[Bar]) -> Table:
    table = _table(f"bars of the {half} half", "", "is", "at most", "")
    for bar in held:
        share = isinstance(bar.most, float)
        is_, most = (_percent(bar.value), _percent(bar.most)) if share else (f"{bar.value}", f"{bar.most}")
        table.add_row(bar.what, is_, most, "[green]holds" if bar.holds else "[red]fails")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number and column not in ("read", "") else "left")
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _values(values: Sequence[Any]) -> str:
    return "/".join(f"{value:%H:%M}" if hasattr(value, "hour") else str(value) for value in values)
