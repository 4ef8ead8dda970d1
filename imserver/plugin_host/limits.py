"""Limits: every bound of the plugin host, with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from imserver.http_requests import BODY_DEADLINE_S, HANDLER_DEADLINE_S, MAX_BODY_BYTES
from imserver_protocol.shared.bounds import MAX_CONTENT_BYTES


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Bounds for all plugins of one server. Seconds are of the event loop's time, not wall time."""

    #: One call of a handler. Longer than any chat user waits; a plugin that needs more starts a task of its own.
    handler_deadline_s: float = 5.0
    #: Time that a cancelled handler has to clean up; then it is left behind and its transactions are refused.
    cancel_grace_s: float = 1.0
    #: Handlers that were left behind and still run; with so many this plugin, and no other, stops.
    max_left_behind: int = 8
    #: Failed attempts at one event or timer, after which it goes to `plugin_failures`.
    max_attempts: int = 3
    #: Waits between them. Short, because the plugin's later events wait too.
    retry_delays_s: tuple[float, ...] = (0.1, 1.0)
    #: Waits while the store is full or overloaded: from the first, doubling, up to the second. Not counted as attempts.
    store_busy_delays_s: tuple[float, float] = (0.05, 2.0)
    #: Events kept in memory for one plugin; beyond them it reads from the store (at 32 KiB each: 16 MiB at worst).
    max_live_events: int = 512
    #: Those of one user. What exceeds them is read from the store later, when the user's turn has come to it.
    max_user_events: int = 32
    #: Messages that may be dealt with before one that is older, and are remembered one by one (a row each).
    max_events_ahead: int = 20_000
    #: Messages whose handlers have returned `Effects` that are not committed yet. Those that wait together share a commit, and
    #: everybody else's posts wait behind all of them.
    max_in_flight: int = 8
    #: Times that effects may be `Stale` before it counts as a failure.
    max_stale: int = 8
    #: A longer text is no command: it goes to the listeners.
    max_text_chars: int = 2_000
    #: Messages and timers in one read from the store.
    read_page: int = 128
    #: The cursor over events without a handler is stored this often at most; a crash repeats less than that.
    cursor_interval_s: float = 1.0
    #: Wall time may jump, so a waiting timer is compared with the clock at least this often.
    timer_poll_s: float = 0.25
    #: One review of one post: its author is waiting.
    review_deadline_s: float = 1.0
    #: `Plugin.start` may read a whole database; `Plugin.stop` happens inside the server's drain.
    start_deadline_s: float = 60.0
    stop_deadline_s: float = 5.0
    #: Content of a bot's message, encoded; the same bound as for users.
    max_content_bytes: int = MAX_CONTENT_BYTES
    #: HTTP routes of one plugin, and its requests at once: above that they are to come again.
    max_routes: int = 64
    #: Pages of one plugin at addresses of the site itself.
    max_pages: int = 32
    #: Most of them wait for the store, with at most 64 KiB each; a crowd that opens its pages in one moment fits, be it all
    #: behind one address, which may have no more than that part.
    max_http_requests: int = 512
    max_http_requests_of_address: int = 256
    #: The body of one, which is kept in memory; how long it may take to come in; and its handler.
    max_http_body_bytes: int = MAX_BODY_BYTES
    http_body_deadline_s: float = BODY_DEADLINE_S
    http_deadline_s: float = HANDLER_DEADLINE_S
    #: Bots of one plugin (a chain has one for each store).
    max_bots: int = 2_000
