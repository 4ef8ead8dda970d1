"""What `/metrics` tells of a server, beside what plugins tell of themselves: docs/metrics.md has a row for each."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from prometheus_client.core import Metric

from imserver.errors import RefusalCode
from imserver.health import Health, version
from imserver.metrics import distribution, each, info, one
from imserver.net.listener import Listener
from imserver.net.web.peers import Peers
from imserver.plugin_host.host import PluginFigures
from imserver.store.engine.figures import WriterFigures


def of_health(health: Health, engine: str) -> Iterator[Metric]:
    """What the server is, and whether it is well."""
    yield _build(engine)
    yield one("started_timestamp_seconds", "when this server started (Unix time)", health.started_ms / 1000)
    yield each(
        "ready",
        "1 if this part is ready, as /readyz says",
        ("part",),
        {(part.name,): float(part.ok) for part in health.ready()},
    )
    conditions = list(health.conditions)
    yield each(
        "condition",
        "1 while this is wrong",
        ("name",),
        {(condition.name,): float(condition.is_on) for condition in conditions},
    )
    yield each(
        "conditions_begun_total",
        "times that this began to be wrong",
        ("name",),
        {(condition.name,): float(condition.begun) for condition in conditions},
    )
    if health.figures is not None:
        yield from _of_writer(health.figures)
    if (sizes := health.sizes) is not None:
        yield one("database_bytes", "size of the database, without its log", sizes.database_bytes)
        yield one("wal_bytes", "size of the write-ahead log", sizes.wal_bytes)
        yield one(
            "reader_lag_bytes",
            "of the write-ahead log, what waits for a reader that does not end",
            sizes.lag_bytes,
        )
        yield one("disk_free_bytes", "free room on the disk of the database", sizes.free_bytes)
        yield one("disk_bytes", "size of the disk of the database", sizes.disk_bytes)
    if health.last_backup_ms is not None:
        yield one("backup_timestamp_seconds", "when the last backup was made", health.last_backup_ms / 1000)


def _of_writer(figures: WriterFigures) -> Iterator[Metric]:
    yield one("posts_total", "messages accepted; one that was offered again counts again", figures.posts)
    yield one("units_total", "units of work decided", figures.units)
    yield one("units_failed_total", "units of work refused by the store", figures.failed)
    for name, text, shown in (
        ("commit_seconds", "time from the beginning of a batch to its decision", figures.commit_s),
        ("batch_units", "units of work that shared one commit", figures.batch_units),
    ):
        yield distribution(name, text, shown.bounds, shown.counts, shown.total)
    yield one("queue_units", "units of work that wait to be stored", figures.queued_units)
    yield one("queue_bytes", "bytes of the units that wait to be stored", figures.queued_bytes)
    yield one("queue_wait_seconds", "how long the oldest of them has been waiting", figures.waited_s)
    yield one("reads_waiting", "reads that wait for one of the store's readers", figures.waiting_reads)


def of_listener(listener: Listener) -> Iterator[Metric]:
    """Connections and sessions."""
    admission, sessions = listener.admission, listener.sessions
    counts = admission.counts
    yield one("connections", "open connections", len(admission.transports))
    yield one("connections_unauthenticated", "connections that did not log in yet", admission.unauthenticated)
    yield one("connections_accepted_total", "connections accepted", counts["connections"])
    refused = admission.refused
    yield one("logins_refused_total", "logins refused for their token", refused.logins.count)
    yield one(
        "proxy_headers_refused_total",
        "PROXY headers refused, or missing from a proxy",
        refused.proxy_headers.count,
    )
    yield one("sessions", "sessions, attached and detached", len(sessions))
    yield one("sessions_detached", "sessions that wait to be resumed", sessions.detached_count)
    yield one("sessions_detached_bytes", "bytes kept for them", sessions.detached_bytes)
    yield one(
        "sessions_unacked_bytes", "bytes kept for attached sessions until acked", sessions.unacked_bytes
    )
    yield one("sessions_fresh_total", "fresh sessions", counts["welcomed"])
    yield one("sessions_resumed_total", "sessions resumed", counts["resumed"])
    yield each(
        "refusals_total",
        "refused requests by code",
        ("code",),
        _by_code(listener.attachments.refusals),
    )


def of_plugins(plugins: Iterable[PluginFigures]) -> Iterator[Metric]:
    """Plugins' events. What a plugin counts itself begins with `imserver_plugin_NAME_`."""
    rows = list(plugins)
    for name, text, field in (
        ("plugins_handled_total", "events handled by this plugin", "handled_count"),
        ("plugins_failed_total", "events that this plugin gave up", "failed_count"),
        ("plugins_waiting", "events that wait in memory for this plugin", "waiting_count"),
        ("plugins_behind", "1 while this plugin reads older events from the store", "behind"),
    ):
        yield each(name, text, ("plugin",), {(row.plugin,): float(getattr(row, field)) for row in rows})


def of_doors(doors: Mapping[str, Peers]) -> Iterator[Metric]:
    """HTTP connections of each listener."""
    for name, text, value in (
        ("http_connections", "open HTTP connections", len),
        ("http_accepted_total", "HTTP connections accepted", lambda peers: peers.accepted),
        (
            "http_crowded_total",
            "times that an HTTP connection had to make room",
            lambda peers: peers.turned_away,
        ),
    ):
        yield each(
            name, text, ("listener",), {(listener,): float(value(peers)) for listener, peers in doors.items()}
        )


def _by_code(refusals: Mapping[RefusalCode, int]) -> dict[tuple[str, ...], float]:
    """Every code, so that a rate can be told from the first one on."""
    return {(code.name,): float(refusals.get(code, 0)) for code in RefusalCode}


@cache
def _build(engine: str) -> Metric:
    words = {"version": version(), "python": platform.python_version(), "engine": engine}
    return info("build", "what this server is made of", words)
