"""Tables of a result: one for each scenario, with ratios beside every rival, and the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.results import NOISE, OURS, Result, Row
from benchmarks.targets import reached


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of the rows of a scenario and how it is written."""

    title: str
    figure: str
    form: str = "{:,.2f}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready for a terminal or a page: every cell is text; `styles` marks faulty rows."""

    title: str
    heads: list[str]
    lines: list[list[str]]
    styles: list[str]


_WHOLE = "{:,.0f}"
_LATENCIES = (
    Column("ack p50 ms", "ack_p50_ms"),
    Column("p99", "ack_p99_ms"),
    Column("p99.9", "ack_p99.9_ms"),
    Column("delivered p50", "delivery_p50_ms"),
    Column("p99", "delivery_p99_ms"),
)
_COST = Column("CPU s/100k", "cpu_s_per_100k")
_RATE = Column("msg/s", "per_s", _WHOLE)
#: The columns of each scenario; ratios use the first figure.
COLUMNS: dict[str, tuple[Column, ...]] = {
    "echo": (_RATE, *_LATENCIES, _COST),
    "latency": (*_LATENCIES, _RATE, _COST),
    "throughput": (_RATE, _COST, *_LATENCIES[:2]),
    "tls": (_RATE, _COST, *_LATENCIES[:2]),
    "fanout": (
        Column("deliveries/s", "deliveries_per_s", _WHOLE),
        Column("last has it p50 ms", "last_p50_ms"),
        Column("p99", "last_p99_ms"),
        Column("CPU µs/delivery", "cpu_us_per_delivery"),
    ),
    "idle": (Column("KiB each", "kib"), Column("KiB a message", "message_kib")),
    "libraries": (
        _RATE,
        Column("client CPU s/100k", "client_cpu_s_per_100k"),
        Column("x Python", "client_cpu_ratio"),
        _COST,
    ),
    "door": (
        _RATE,
        Column("of TCP's x", "rate_ratio"),
        _COST,
        Column("of TCP's x", "cpu_ratio"),
        Column("KiB each", "kib"),
    ),
    "backlog": (_RATE, Column("seconds", "seconds"), _COST),
    "reconnect": (
        Column("seconds", "seconds"),
        Column("resumed", "resumed", _WHOLE),
        Column("back p50 ms", "back_p50_ms"),
        Column("p99", "back_p99_ms"),
        Column("CPU µs/client", "cpu_us_per_client"),
    ),
    "booking": (
        Column("bookings/s", "per_s", "{:,.1f}"),
        Column("line to card p50 ms", "line_p50_ms"),
        Column("p99", "line_p99_ms"),
        Column("line to booked p50", "booked_p50_ms"),
        Column("p99", "booked_p99_ms"),
        Column("CPU ms/booking", "cpu_ms_per_booking"),
    ),
    "race": (
        Column("booked", "booked", _WHOLE),
        Column("stored", "stored", _WHOLE),
        Column("unanswered", "unanswered", _WHOLE),
        Column("answers/s", "per_s", "{:,.1f}"),
        Column("answer p50 ms", "answer_p50_ms"),
        Column("p99", "answer_p99_ms"),
    ),
    "page": (
        Column("requests", "requests", _WHOLE),
        Column("KiB", "kib"),
        Column("of use after ms", "usable_ms", _WHOLE),
        Column("taps", "taps", _WHOLE),
        Column("tap to booked p50 ms", "tap_p50_ms"),
        Column("p95", "tap_p95_ms"),
        Column("until sent", "tap_sent_ms"),
        Column("until answered", "tap_answered_ms"),
        Column("until drawn", "tap_drawn_ms"),
        Column("writes", "tap_writes"),
        Column("others' p95", "others_p95_ms"),
        Column("unanswered", "unanswered", _WHOLE),
    ),
    "staff": (
        Column("of use after ms", "usable_ms", _WHOLE),
        Column("texts", "texts", _WHOLE),
        Column("shown", "shown", _WHOLE),
        Column("shown after p50 ms", "shown_p50_ms"),
        Column("p95", "shown_p95_ms"),
        Column("page's heap MiB", "heap_mib"),
        Column("after a tenth", "heap_warm_mib"),
        Column("afterwards", "heap_after_mib"),
    ),
    "reading": (
        Column("CPU µs/text", "mean_us"),
        Column("calls", "calls"),
        Column("p99", "p99_us"),
        Column("twice the text x", "twice_ratio"),
        Column("worst µs", "max_us"),
        Column("300 emoji", "emoji_us"),
        Column("10,000 letters", "long_us"),
        Column("a booking µs", "whole_us"),
        Column("red flags", "flags_us"),
        Column("reading", "reading_us"),
        Column("dialogue", "dialogue_us"),
        Column("SQL", "sql_us"),
        Column("send", "send_us"),
        Column("server", "server_us"),
        Column("import MiB", "import_mib", "{:,.1f}"),
        Column("ready MiB", "ready_mib", "{:,.1f}"),
    ),
    "growth": (
        Column("CPU x empty", "cpu_ratio"),
        _COST,
        Column("CPU µs/page", "cpu_us_per_page"),
        Column("page p50 ms", "page_p50_ms"),
        Column("p99", "page_p99_ms"),
        Column("a second", "per_s", _WHOLE),
        Column("seconds", "seconds"),
    ),
    "backup": (
        Column("p99 x alone", "p99_ratio"),
        *_LATENCIES[:3],
        _RATE,
        Column("seconds", "seconds"),
        Column("MiB/s", "mib_per_s"),
        Column("share of quick_check", "check_share"),
    ),
    "fairness": (*_LATENCIES[:3], Column("p99 x quiet", "p99_ratio"), _RATE),
    "team": (
        Column("p99 x alone", "p99_ratio"),
        *_LATENCIES[:3],
        Column("act p50 ms", "act_p50_ms"),
        Column("longest", "act_max_ms"),
        Column("access gone p50", "gone_p50_ms"),
        Column("longest", "gone_max_ms"),
        Column("newcomer's list", "list_p50_ms", _WHOLE),
    ),
    "accounts": (
        Column("memory x few", "memory_ratio"),
        Column("command MiB", "command_mib", "{:,.1f}"),
        Column("server + MiB", "server_mib", "{:,.1f}"),
        Column("seconds", "seconds"),
    ),
    "turns": (
        Column("wait x alone", "wait_ratio"),
        Column("line to card p50 ms", "line_p50_ms"),
        Column("p99", "line_p99_ms"),
        Column("line to booked p50", "booked_p50_ms"),
        Column("flood texts/s", "texts_per_s", _WHOLE),
        Column("server CPU", "server_cpu"),
    ),
    "edits": (
        Column("others' p95 x direct", "p95_ratio"),
        Column("edits/s", "acts_per_s", "{:,.1f}"),
        Column("ack p95 ms", "ack_p95_ms"),
        *_LATENCIES[:3],
    ),
}
#: Figures of which more is better; of all others less is.
MORE_IS_BETTER = frozenset({"per_s", "deliveries_per_s", "resumed"})
_COUNTS = {
    "sent": "sent",
    "acked": "acknowledged",
    "delivered": "delivered",
    "lost": "lost",
    "doubled": "doubled",
    "disordered": "out_of_order",
}

_VERDICTS = {"the aim": "good", "first": "good", "not yet": "short", "not reached": "short", "failed": "bad"}


def scenario_tables(rows: Sequence[Row]) -> Iterator[Table]:
    """One table for each scenario that was run."""
    for scenario in dict.fromkeys(row.scenario for row in rows):
        yield _scenario_table(scenario, [row for row in rows if row.scenario == scenario])


def _scenario_table(scenario: str, rows: Sequence[Row]) -> Table:
    columns = [column for column in COLUMNS[scenario] if any(column.figure in row.figures for row in rows)]
    columns = columns or list(COLUMNS[scenario][:1])
    optional: list[tuple[str, Callable[[Row], str]]] = [
        (f"imserver x {columns[0].title}", lambda row: _ratio(row, rows, columns[0].figure)),
        ("stall ms", lambda row: "" if row.stall_ms is None else f"{row.stall_ms:.1f}"),
        ("generator", _generator),
        ("steal", lambda row: f"{row.steal:.1%}" if row.figures else ""),
        *((title, partial(_count, name=name)) for title, name in _COUNTS.items()),
    ]
    lines = [[row.target, row.case, *(_cell(row, column) for column in columns)] for row in rows]
    heads = ["server", "case", *(column.title for column in columns)]
    for title, text in optional:
        cells = [text(row) for row in rows]
        if any(cells):
            heads.append(title)
            for line, cell in zip(lines, cells, strict=True):
                line.append(cell)
    for line, row in zip(lines, rows, strict=True):
        if row.note and not row.figures:
            line[2:3] = [row.note]
            line[len(heads) :] = []
    return Table(scenario, heads, lines, [_style(row) for row in rows])


def target_table(rows: Sequence[Row]) -> Table:
    """The targets and the reached values."""
    lines, styles = [], []
    for each in reached(rows):
        target = each.target
        value = "" if each.value is None else f"{number(each.value)} {target.unit}"
        bounds = [f"{number(bound)} {target.unit}" for bound in (target.first, target.aim)]
        lines.append([target.title, *bounds, value, each.verdict])
        styles.append(_VERDICTS.get(each.verdict, "dim"))
    return Table("targets", ["figure", "first", "the aim", "reached", ""], lines, styles)


def number(value: float) -> str:
    """A figure with as many digits as are useful."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def heading(result: Result) -> str:
    """Machine and time of a result, in a line."""
    machine = result.machine
    loop = ", ".join(sorted({row.loop for row in result.rows if row.loop}))
    return (
        f"{result.at} · {result.commit or 'no commit'} · {machine['cpu']}, {machine['cores']} cores · {machine['system']}"
        f" · Python {machine['python']}, SQLite {machine['sqlite']} · {machine['pinning']} · generator: {loop or 'none'}"
    )


def _cell(row: Row, column: Column) -> str:
    value = row.figures.get(column.figure)
    return "" if value is None else column.form.format(value)


def _generator(row: Row) -> str:
    if row.generator_cpu is None:
        return ""
    return f"{row.generator_cpu:.0%} {row.loop}" + (" VOID" if row.void else "")


def _count(row: Row, name: str) -> str:
    return f"{getattr(row.counts, name):,}" if row.counts and row.figures else ""


def _style(row: Row) -> str:
    if not row.clean:
        return "bad"
    return "" if row.usable and not row.target.startswith(NOISE) else "dim"


def _ratio(row: Row, rows: Sequence[Row], figure: str) -> str:
    """How many times as good imserver is in the same case of the same run."""
    if row.target in OURS or row.target.startswith(NOISE) or not row.usable:
        return ""
    ours = [other for other in rows if other.target == OURS[0] and other.case == row.case and other.usable]
    if not ours or not row.figures.get(figure) or not ours[0].figures.get(figure):
        return ""
    ratio = ours[0].figures[figure] / row.figures[figure]
    return f"{ratio if figure in MORE_IS_BETTER else 1 / ratio:.2f}"
