"""Every bound of the client, with its reason. The wire's own bounds are `imserver_protocol.Limits`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from imserver_protocol.shared.bounds import MAX_CHANGES_PAGE, MAX_PAGE_ITEMS, MAX_STATE_BYTES


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Counts, bytes and seconds, as the names say."""

    # -- towards the application
    max_queued_messages: int = 1000  # not yet handed over; beyond it conversations are marked behind
    max_queued_bytes: int = 8 * 1024 * 1024  # the same messages in bytes of content
    max_queued_events: int = 1000  # for each reader of events; the oldest is dropped
    # -- towards the server
    max_outbox_entries: int = 10_000  # posts without a reply; an application that makes more must wait
    max_outbox_bytes: int = 64 * 1024 * 1024  # the same posts in bytes of content
    max_writes: int = 10_000  # of features, without an answer; an application that makes more must wait
    requests_kept_for_reads: int = (
        16  # of the session's window, so that a full outbox does not stop catching up
    )
    max_parallel_reads: int = 4  # conversations that catch up at the same time; the others wait
    page_items: int = MAX_PAGE_ITEMS  # in one request; the server's limit may be lower
    sync_rows: int = MAX_PAGE_ITEMS
    # -- state that is no message
    changes_rows: int = MAX_CHANGES_PAGE  # in one request
    max_item_states: int = (
        10_000  # of messages, for each conversation; beyond it the oldest are not held any more
    )
    max_item_states_in_all: int = 100_000  # beyond it those of conversations not shown go, the eldest first
    max_ranges_held: int = 100  # of positions, for each conversation; pages here and there make them
    max_state_bytes: int = 2 * MAX_STATE_BYTES  # of one map; larger ones are not kept
    max_settings_bytes: int = 64 * 1024 * 1024  # of all conversations' `about` and settings together
    # -- against a hostile server
    max_conversations: int = (
        100_000  # followed at a time; beyond it quiet ones are let go, and come back when they move
    )
    max_conversations_at_rest: int = (
        1_000_000  # of those whose places are kept; beyond it new ones are not followed
    )
    max_unknown_conversations: int = 1000  # pushed before sync explained them; more are left to sync
    max_cursors: int = 100  # of members, for each conversation; servers push them up to 50 members
    max_cursors_in_all: int = 200_000  # beyond it the least recently moved conversation's are dropped
    max_members: int = 100_000  # of one conversation; a server that lists more violates the protocol
    max_edits_pending: int = 1000  # edited messages to read again for events; the oldest is dropped
    max_retry_after_s: float = 600.0  # a `retry_after_ms` above it is cut
    # -- time
    connect_timeout_s: float = 10.0  # for one attempt to open a transport, TLS included
    abort_after_s: float = 1.0  # for a closed transport to flush its last frame
    stable_after_s: float = 1.0  # a connection that lasts so long resets the back-off
    calm_after_s: float = 300.0  # so long without a violation resets the count of violations
    max_violations: int = 5  # closes with 210-215 (SPEC, "Close codes")
    save_state_every_s: float = 1.0  # between two steps in which changed state goes to the store
    delay_over_after_s: float = 3.0  # without another refusal of the kind: posts are not delayed any more
    ask_again_s: float = 1.0  # after an answer that was behind what is known
    report_every_s: float = 1.0  # between two reports of a conversation's cursors, which are coalesced

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} must be above 0")
