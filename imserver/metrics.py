"""Metrics in Prometheus' terms: one registry for each server, so that two servers in one process do not mix.

Sums that the server keeps anyway are read at scrape time and cost nothing in between. Plugins get a namespace of their own;
label children are to be bound once, outside the hot path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

NAMESPACE = "imserver"


class Metrics:
    """The registry of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)

    def watch(self, read: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        """`read` gives (name, help, value) at scrape time; names that end in `_total` are counters, others gauges."""
        self.registry.register(_Watched(read))

    def namespace(self, name: str) -> Namespace:
        """Metrics whose names begin with `imserver_NAME_`."""
        return Namespace(self.registry, f"{NAMESPACE}_{name}")

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)


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
    def __init__(self, read: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        for name, text, value in self._read():
            if name.endswith("_total"):
                yield CounterMetricFamily(f"{NAMESPACE}_{name.removesuffix('_total')}", text, value=value)
            else:
                yield GaugeMetricFamily(f"{NAMESPACE}_{name}", text, value=value)
