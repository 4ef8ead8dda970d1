"""Metrics in Prometheus' terms: one registry for each server, so that two servers in one process do not mix.

Sums that the server keeps anyway are read at scrape time and cost nothing in between. Plugins get a namespace of their own;
label children are to be bound once, outside the hot path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Protocol, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder, generate_latest

NAMESPACE = "imserver"


class Metrics:
    """The registry of one server, and the figures of its process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._process = ProcessCollector(registry=None)

    def watch(self, read: Callable[[], Iterable[Metric]]) -> None:
        """`read` gives what there is at scrape time: see `one`, `each`, `info`, `distribution`."""
        self.registry.register(_Watched(read))

    def namespace(self, name: str) -> Namespace:
        """Metrics whose names begin with `imserver_NAME_`."""
        return Namespace(self.registry, f"{NAMESPACE}_{name}")

    def render(self) -> bytes:
        """The page to scrape, in Prometheus' text form."""
        return generate_latest(self._page(self._process.collect()))

    async def page(self, accept: str) -> tuple[str, bytes]:
        """Content type and page, in the form that `accept` (a header) asks for: OpenMetrics, or Prometheus' text.

        The system is asked about the process on another thread: with thousands of open files that takes a while."""
        of_process = await asyncio.to_thread(lambda: list(self._process.collect()))
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self._page(of_process))

    def _page(self, of_process: Iterable[Metric]) -> CollectorRegistry:
        # All that is asked of a registry is to collect.
        return cast("CollectorRegistry", _Page(of_process, self.registry))


# -- figures ------------------------------------------------------------------------------------------------------------


def one(name: str, text: str, value: float) -> Metric:
    """A figure. Names that end in `_total` are counters, others gauges."""
    return each(name, text, (), {(): value})


def each(name: str, text: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    """A figure of each of several things, which labels tell apart."""
    family: CounterMetricFamily | GaugeMetricFamily
    if name.endswith("_total"):
        family = CounterMetricFamily(f"{NAMESPACE}_{name.removesuffix('_total')}", text, labels=labels)
    else:
        family = GaugeMetricFamily(f"{NAMESPACE}_{name}", text, labels=labels)
    for named, value in values.items():
        family.add_metric(named, value)
    return family


def info(name: str, text: str, words: Mapping[str, str]) -> Metric:
    """What does not change, as labels of a figure that is 1."""
    return InfoMetricFamily(f"{NAMESPACE}_{name}", text, value=dict(words))


def distribution(
    name: str, text: str, bounds: Sequence[float], counts: Sequence[int], total: float
) -> Metric:
    """A histogram: `counts` of what fell up to each bound, from the one before it, and of what is above all."""
    sums = accumulate(counts)
    buckets = [(_bound(bound), float(count)) for bound, count in zip((*bounds, None), sums, strict=True)]
    return HistogramMetricFamily(f"{NAMESPACE}_{name}", text, buckets=buckets, sum_value=total)


def _bound(bound: float | None) -> str:
    return "+Inf" if bound is None else str(float(bound))


# -- metrics of plugins -------------------------------------------------------------------------------------------------


class Namespace:
    """Makes metrics with prefixed names. `unregister` undoes all of them (a plugin that stops)."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self._registry = registry
        self._prefix = prefix
        self._made: list[Counter | Gauge | Histogram] = []

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """A sum that only grows."""
        made = Counter(f"{self._prefix}_{name}", text, labels, registry=self._registry)
        self._made.append(made)
        return made

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """A value that goes up and down."""
        made = Gauge(f"{self._prefix}_{name}", text, labels, registry=self._registry)
        self._made.append(made)
        return made

    def histogram(self, name: str, text: str, labels: Sequence[str] = ()) -> Histogram:
        """A distribution, in seconds unless the name gives another unit."""
        made = Histogram(f"{self._prefix}_{name}", text, labels, registry=self._registry)
        self._made.append(made)
        return made

    def unregister(self) -> None:
        """Unregister every metric of this namespace."""
        for made in self._made:
            self._registry.unregister(made)
        self._made.clear()


class _Collector(Protocol):
    def collect(self) -> Iterable[Metric]: ...


class _Watched(_Collector):
    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()


class _Page(_Collector):
    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        of_process, registry = self._parts
        return chain(of_process, registry.collect())
