"""A percentile curve as SVG: latency over percentiles, both logarithmic, so that an exponential tail is a straight line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.histograms import count_of, curve_ms, percentile_ms

WIDTH, HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 18, 44, 34
_LEAST_MS = 0.001


@dataclass(frozen=True, slots=True)
class Line:
    """A curve. `histogram` is encoded and not empty."""

    name: str
    colour: str
    histogram: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class _Field:
    """The coordinates of values: nines from left to right, powers of ten from below."""

    nines: float
    low: int
    high: int

    def x(self, nines: float) -> float:
        return round(_LEFT + min(nines, self.nines) / self.nines * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, ms: float) -> float:
        share = (_power(ms) - self.low) / (self.high - self.low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def percentile_chart(title: str, lines: Sequence[Line]) -> str:
    """The picture; colours of axes and text come from the page (`--ink`, `--quiet`, `--line`)."""
    low = math.floor(min(_power(percentile_ms(line.histogram, 0.0)) for line in lines))
    high = math.ceil(max(_power(percentile_ms(line.histogram, 100.0)) for line in lines))
    field = _Field(max(_nines_told(line) for line in lines), low, max(high, low + 1))
    parts = [f'<text class="title" x="{WIDTH / 2}" y="22">{escape(title)}</text>', *_grid(field)]
    parts.extend(_curve(field, line) for line in lines)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _grid(field: _Field) -> Iterator[str]:
    for power in range(field.low, field.high + 1):
        y = field.y(10.0**power)
        yield f'<path class="grid" d="M{_LEFT} {y}H{WIDTH - _RIGHT}"/>'
        yield f'<text class="left" x="{_LEFT - 8}" y="{y + 4}">{10.0**power:g} ms</text>'
    for nines in range(math.floor(field.nines) + 1):
        x = field.x(nines)
        label = f"p{100 * (1 - 10.0**-nines):.{max(0, nines - 2)}f}" if nines else "least"
        yield f'<path class="grid" d="M{x} {_TOP}V{HEIGHT - _BOTTOM}"/>'
        yield f'<text class="below" x="{x}" y="{HEIGHT - _BOTTOM + 20}">{label}</text>'


def _curve(field: _Field, line: Line) -> str:
    points = [(_nines(percentile), ms) for percentile, ms in curve_ms(line.histogram)]
    # Draw only percentiles that so many values support: the greatest of 100 is their p99, not their p99.9.
    points[-1] = (_nines_told(line), points[-1][1])
    path = "L".join(f"{field.x(nines)} {field.y(ms)}" for nines, ms in points)
    kind = "curve dashed" if line.dashed else "curve"
    return (
        f'<path class="{kind}" stroke="{line.colour}" d="M{path}"><title>{escape(line.name)}</title></path>'
    )


def _nines(percentile: float) -> float:
    return -math.log10(1 - percentile / 100) if percentile < 100 else math.inf


def _nines_told(line: Line) -> float:
    return max(1.0, math.log10(max(1, count_of(line.histogram))))


def _power(ms: float) -> float:
    return math.log10(max(ms, _LEAST_MS))
