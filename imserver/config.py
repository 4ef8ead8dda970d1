"""The configuration: one TOML file plus `IMSERVER_*` environment variables, every field documented and checked.

    [server]            -> IMSERVER_SERVER__PORT=7410 overrides server.port
    port = 7410

A typo is an error that names its path (`$.server.prot`), never a silent default.
"""

from __future__ import annotations

from typing import Any

import msgspec


class ServerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the server listens."""

    #: Address to bind. Without TLS only loopback (or a Unix socket) is accepted, unless `insecure`.
    host: str = "127.0.0.1"
    #: TCP port; 0 lets the system choose (`Server.port` tells).
    port: int = 7410
    #: Path of a Unix socket to listen on instead of TCP; "" for none.
    unix_socket: str = ""
    #: PEM files; both set means TLS from the first byte.
    tls_certificate: str = ""
    tls_key: str = ""
    #: Allow plain TCP on other than loopback addresses.
    insecure: bool = False
    #: Seconds that a drain may take before the process gives up waiting.
    drain_timeout_s: float = 15.0


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where messages are kept."""

    #: The SQLite file. Its folder must exist. ":memory:" keeps nothing (tests of embedding).
    path: str = "imserver.db"
    #: Reader connections beside the one writer, each with its own thread.
    readers: int = 2
    #: Most units in one commit; what queues meanwhile is the next batch.
    max_batch_units: int = 512
    #: Bounds of the writer's queue: above them posts are refused OVERLOADED.
    max_queue_units: int = 8192
    max_queue_bytes: int = 64 * 1024 * 1024
    #: A unit that waits longer than this means a stuck disk: the server stops (seconds).
    max_queue_wait_s: float = 30.0
    #: Conversations whose members and head the writer keeps in memory.
    max_cached_conversations: int = 100_000


class AuthConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may come in: JSON Web Tokens with `sub` (user id), `exp`, and optionally `device`, `scope`, `jti`."""

    #: HS256 secret (at least 32 bytes), given here, or read from `secret_file` (made by `imserver token` when missing).
    secret: str = ""
    secret_file: str = "imserver.secret"
    #: PEM file of an Ed25519 public key: then tokens are EdDSA and are made elsewhere.
    public_key_file: str = ""
    #: Make an account for a valid token whose user does not exist yet (tokens from an embedding application).
    create_users: bool = False
    #: Seconds after `exp` at which a live session ends unless renewed.
    grace_s: int = 30


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every bound that an operator may want to move. Defaults are the protocol's."""

    max_frame_bytes: int = 65_536
    max_content_bytes: int = 32_768
    max_requests: int = 256
    window_frames: int = 256
    window_bytes: int = 1024 * 1024
    max_page_items: int = 200
    #: Sockets in all, and from one address.
    max_connections: int = 20_000
    max_connections_per_address: int = 1_000
    #: Accepts and failed handshakes a minute from one address (burst = the same number).
    connects_per_minute: int = 6_000
    failed_logins_per_minute: int = 30
    #: Posts a second for each user (average and burst).
    posts_per_second: float = 50.0
    posts_burst: int = 200
    max_sessions_per_user: int = 16
    #: Detached sessions are kept this long (seconds), at most so many and so many bytes; the oldest go first.
    detached_s: float = 120.0
    max_detached_sessions: int = 10_000
    max_detached_bytes: int = 256 * 1024 * 1024
    max_group_members: int = 5_000
    max_title_chars: int = 200
    #: Deliveries waiting for fan-out above which the writer holds its next batch.
    max_fanout_backlog: int = 100_000
    #: A socket that cannot be written for so long is given up (seconds).
    unwritable_s: float = 60.0


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Structured logs on standard error; never contents or tokens."""

    level: str = "info"
    #: "json", "console", or "auto" (console on a terminal).
    format: str = "auto"


class ClockConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For demonstrations only: start wall time elsewhere and let it run faster."""

    #: UTC milliseconds since the epoch; 0 means the machine's time.
    start_ms: int = 0
    rate: float = 1.0


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration."""

    server: ServerConfig = msgspec.field(default_factory=ServerConfig)
    store: StoreConfig = msgspec.field(default_factory=StoreConfig)
    auth: AuthConfig = msgspec.field(default_factory=AuthConfig)
    limits: LimitsConfig = msgspec.field(default_factory=LimitsConfig)
    log: LogConfig = msgspec.field(default_factory=LogConfig)
    clock: ClockConfig = msgspec.field(default_factory=ClockConfig)
    #: `[plugins.NAME]` enables a plugin; its section is checked against the plugin's own `config_type`.
    plugins: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
