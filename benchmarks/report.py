"""A page of one result: percentile curves and tables, in one file without scripts, for a browser in light or dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template

from benchmarks.curves import Line, percentile_chart
from benchmarks.histograms import count_of
from benchmarks.results import NOISE, Result, Row
from benchmarks.tables import Table, heading, scenario_tables, target_table
from benchmarks.targets import reached

PAGE = Path(__file__).with_name("report.html")
#: Distinct even for red-green blindness (after Okabe and Ito). Durable rivals share a hue with their
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
#: The drawn histograms of each scenario, and their titles.
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


def write_report(path: Path, result: Result) -> None:
    """Write the page to this path."""
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
    """The most important figures."""
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
            curves = [
                Line(name, colour, row.histograms[histogram], name.startswith(NOISE))
                for name, colour, row in zip(names, colours(names), lines, strict=True)
            ]
            chart = percentile_chart(title, curves)
            yield f"<figure>{chart}{_legend(names)}<figcaption>{escape(meaning)}, ms by percentile</figcaption></figure>"


def _name(row: Row, by_case: bool) -> str:
    name = (
        row.target if by_case else f"{row.case}" if row.target == "imserver" else f"{row.target}, {row.case}"
    )
    return f"{name} (void)" if row.void else name


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


def _size_in(case: str) -> int:
    """Cases in the order of their rates or windows."""
    digits = "".join(char for char in case if char.isdigit())
    return int(digits or 0)


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
