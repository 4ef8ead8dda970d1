"""A page of one result: percentile curves and tables, in one file without scripts, for a browser in light or dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import pygal
from pygal.style import Style

from benchmarks.histograms import count_of, curve_ms, percentile_ms
from benchmarks.results import NOISE, Result, Row
from benchmarks.tables import Table, heading, scenario_tables, target_table
from benchmarks.targets import reached

PAGE = Path(__file__).with_name("report.html")
#: Distinct also to eyes that do not see red and green apart (after Okabe and Ito). Durable rivals share a hue with their
#: other selves, darker.
_SERVERS = {
    "imserver": "#0072B2",
    "mosquitto": "#E69F00",
    "jetstream": "#4DBF97",
    "jetstream-always": "#007A57",
    "redis": "#F08A5D",
    "redis-always": "#B8400E",
    "websockets": "#CC79A7",
    NOISE: "#8A8F98",
}
_OTHERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: What is drawn of each scenario: the histogram, and what it is called.
CURVES = {
    "latency": ("ack", "from the scheduled time to the acknowledgement"),
    "throughput": ("ack", "from sending to the acknowledgement, closed loop"),
    "fanout": ("all", "from posting until the last member has it"),
    "booking": ("booked", "from the line to “booked”"),
    "reconnect": ("back", "from the cut to the resumed session"),
    "fairness": ("ack", "from the scheduled time to the acknowledgement"),
    "tls": ("ack", "to the acknowledgement"),
    "growth": ("page", "of one page of history"),
}
#: Scenarios whose cases are charts with a line for each server; of all others the cases are the lines.
BY_CASE = frozenset({"latency", "throughput"})
_SOLID = {"width": 2.5, "linecap": "round", "linejoin": "round"}
_DASHED = {"width": 1.75, "dasharray": "6,5"}
_LOOK: dict[str, Any] = {
    "background": "transparent",
    "plot_background": "transparent",
    "foreground": "var(--ink)",
    "foreground_strong": "var(--ink)",
    "foreground_subtle": "var(--line)",
    "font_family": "system-ui, sans-serif",
    "title_font_size": 17,
    "label_font_size": 13,
    "major_label_font_size": 13,
    "opacity": "1",
    "guide_stroke_color": "var(--line)",
    "major_guide_stroke_color": "var(--line)",
    "guide_stroke_dasharray": "0",
    "major_guide_stroke_dasharray": "0",
}


def write_report(path: Path, result: Result) -> None:
    """The page, at this path."""
    page = Template(PAGE.read_text("utf-8"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        page.substitute(
            heading=escape(heading(result)),
            tiles="\n".join(_tiles(result.rows)),
            charts="\n".join(_charts(result.rows)),
            targets=_table(target_table(result.rows)),
            tables="\n".join(_table(table) for table in scenario_tables(result.rows)),
            errors="\n".join(_errors(result.rows)),
        ),
        encoding="utf-8",
    )


def _tiles(rows: Sequence[Row]) -> Iterator[str]:
    """The figures that one looks for first."""
    for each in reached(rows):
        if each.value is None:
            continue
        target = each.target
        value = f"{each.value:,.0f}" if each.value >= 100 else f"{each.value:.3g}"
        style = {"the aim": "good", "first": "good"}.get(each.verdict, "short")
        bounds = f"first {target.first:,g} · aim {target.aim:,g} {target.unit}"
        yield (
            f'<div class="tile {style}"><b>{value}<small>{escape(target.unit)}</small></b>'
            f"<span>{escape(target.title)}</span><i>{escape(bounds)}</i></div>"
        )


def _charts(rows: Sequence[Row]) -> Iterator[str]:
    for scenario, (histogram, meaning) in CURVES.items():
        found = [
            row for row in rows if row.scenario == scenario and count_of(row.histograms.get(histogram, ""))
        ]
        groups = sorted({row.case if scenario in BY_CASE else "" for row in found}, key=_size_in)
        for group in groups:
            lines = [row for row in found if not group or row.case == group]
            title = f"{scenario} · {group}" if group else scenario
            names = [_name(row, bool(group)) for row in lines]
            chart = percentile_chart(
                title, [(name, row.histograms[histogram]) for name, row in zip(names, lines, strict=True)]
            )
            yield f"<figure>{chart}{_legend(names)}<figcaption>{escape(meaning)}, ms by percentile</figcaption></figure>"


def _name(row: Row, by_case: bool) -> str:
    name = (
        row.target if by_case else f"{row.case}" if row.target == "imserver" else f"{row.target}, {row.case}"
    )
    return f"{name} (void)" if row.void else name


def percentile_chart(title: str, lines: Sequence[tuple[str, str]]) -> str:
    """Latency over percentiles, both logarithmic: a straight line is an exponential tail. `lines`: name, histogram.

    The logarithms are taken here: pygal's own leave out what lies at zero, and here that is the median's neighbour.
    """
    deepest = max((_depth(histogram) for _, histogram in lines), default=2.0)
    slowest = max((percentile_ms(histogram, 100.0) for _, histogram in lines), default=1.0)
    fastest = min((percentile_ms(histogram, 0.0) for _, histogram in lines), default=0.1)
    low, high = math.floor(_log(fastest)), max(math.ceil(_log(slowest)), math.floor(_log(fastest)) + 1)
    chart = pygal.XY(
        style=Style(**_LOOK, colors=tuple(colours([name for name, _ in lines]))),
        width=760,
        height=400,
        explicit_size=False,
        title=title,
        show_legend=False,
        show_dots=False,
        js=(),
        xrange=(0, deepest),
        range=(low, high),
        y_labels=[{"value": power, "label": f"{10.0**power:g}"} for power in range(low, high + 1)],
        x_labels=[{"value": depth, "label": _label(depth)} for depth in range(math.floor(deepest) + 1)],
        show_x_guides=True,
        disable_xml_declaration=True,
        margin=12,
    )
    for name, histogram in lines:
        points = [(min(deepest, _nines(percentile)), _log(ms)) for percentile, ms in curve_ms(histogram)]
        # What so many values can tell, and no more: the greatest of 100 is their p99, not their p99.9.
        points[-1] = (_depth(histogram), points[-1][1])
        chart.add(name, points, stroke_style=_DASHED if name.startswith(NOISE) else _SOLID)
    return str(chart.render(is_unicode=True))


def _legend(names: Sequence[str]) -> str:
    entries = (
        f'<li><i style="background:{colour}"></i>{escape(name)}</li>'
        for name, colour in zip(names, colours(names), strict=True)
    )
    return f"<ul>{''.join(entries)}</ul>"


def colours(names: Sequence[str]) -> list[str]:
    """One server has one colour on the whole page; other lines take theirs in turn."""
    return [_colour(name) or _OTHERS[place % len(_OTHERS)] for place, name in enumerate(names)]


def _colour(name: str) -> str:
    name = NOISE if name.startswith(NOISE) else name.removesuffix(" (void)")
    return _SERVERS.get(name, "")


def _log(ms: float) -> float:
    return math.log10(max(ms, 0.001))


def _size_in(case: str) -> int:
    """Cases in the order of their rates or windows."""
    digits = "".join(char for char in case if char.isdigit())
    return int(digits or 0)


def _nines(percentile: float) -> float:
    return -math.log10(1 - percentile / 100) if percentile < 100 else math.inf


def _percentile(depth: float) -> float:
    return round(100 * (1 - 10**-depth), 4)


def _label(depth: int) -> str:
    return "min" if depth == 0 else f"p{_percentile(depth):g}"


def _depth(histogram: str) -> float:
    """How many nines so many values can tell."""
    return max(1.0, math.log10(max(1, count_of(histogram))))


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in table.heads)
    body = []
    for line, style in zip(table.lines, table.styles, strict=True):
        cells = [f"<td>{escape(text)}</td>" for text in line]
        if len(line) < len(table.heads):
            cells[-1] = cells[-1].replace(
                "<td>", f'<td class="note" colspan="{len(table.heads) - len(line) + 1}">'
            )
        body.append(f'<tr class="{style}">{"".join(cells)}</tr>')
    return (
        f'<section><h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div></section>"
    )


def _errors(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        for error in row.errors[:3]:
            yield f'<p class="error">{escape(f"{row.scenario}, {row.target}, {row.case}: {error}")}</p>'
