"""The sections of the configuration and their fields, with what each means and its default; docs/imserver.toml says the same
to operators.
"""

from __future__ import annotations

from typing import Any

import msgspec

from imserver_protocol.shared.bounds import MAX_CONTENT_BYTES, MAX_PAGE_ITEMS


class ServerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the server listens."""

    #: Address to bind. Without TLS only loopback (or a Unix socket) is accepted, unless `insecure`.
    host: str = "127.0.0.1"
    #: TCP port; 0 lets the system choose (see `Server.port`).
    port: int = 7410
    #: Path of a Unix socket to listen on instead of TCP; "" for none.
    unix_socket: str = ""
    #: PEM files; both set means TLS from the first byte.
    tls_certificate: str = ""
    tls_key: str = ""
    #: Allow plain TCP on other than loopback addresses.
    insecure: bool = False
    #: Who begins each connection with a PROXY header, and nobody else may: addresses, networks, "unix" (see `Proxies`).
    proxies: list[str] = []
    #: Seconds that a drain may take before the process gives up waiting.
    drain_timeout_s: float = 15.0


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where messages are kept."""

    #: The SQLite file. Its folder must exist. ":memory:" keeps nothing (tests of embedding).
    path: str = "imserver.db"
    #: Reader connections beside the one writer, each with its own thread.
    readers: int = 2
    #: Most units in one commit; units queued meanwhile form the next batch.
    max_batch_units: int = 512
    #: Bounds of the writer's queue: above them posts are refused OVERLOADED.
    max_queue_units: int = 8192
    max_queue_bytes: int = 64 * 1024 * 1024
    #: A unit that waits for longer than this means a stuck disk, and the server stops (seconds).
    max_queue_wait_s: float = 30.0
    #: Conversations whose members and head the writer keeps in memory.
    max_cached_conversations: int = 100_000


class KeyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key of several: exactly one of the two files."""

    #: What tokens name it by (`kid`).
    id: str
    #: HS256 secret (at least 32 bytes). The first key's is made by `imserver token` when missing.
    secret_file: str = ""
    #: PEM file of an Ed25519 public key, for EdDSA tokens that are made elsewhere.
    public_key_file: str = ""


class AuthConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Authentication by JSON Web Tokens with `sub` (user id), `exp`, and optionally `iat`, `device`, `scope`, `jti`."""

    #: HS256 secret (at least 32 bytes), given here, or read from `secret_file` (made by `imserver token` when missing).
    secret: str = ""
    secret_file: str = "imserver.secret"
    #: PEM file of an Ed25519 public key: then tokens are EdDSA and are made elsewhere.
    public_key_file: str = ""
    #: Make an account for a valid token whose user does not exist yet (tokens from an embedding application).
    create_users: bool = False
    #: Seconds after `exp` at which a live session ends unless renewed.
    grace_s: int = 30
    #: Longest life of a token, whoever made it: `exp` - `iat`, or from now on for one without `iat` (seconds).
    max_token_ttl_s: int = 400 * 24 * 3600
    #: `[[auth.keys]]`: keys with ids, several of which hold at once. The first one signs; tokens say by `kid` whose they are.
    #: What stands above is for tokens without `kid` then: `secret`, `public_key_file`, or `secret_file` if there is that file.
    keys: list[KeyConfig] = []


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every bound that an operator may want to move. Defaults are the protocol's."""

    max_frame_bytes: int = 65_536
    max_content_bytes: int = MAX_CONTENT_BYTES
    max_requests: int = 256
    window_frames: int = 256
    window_bytes: int = 1024 * 1024
    max_page_items: int = MAX_PAGE_ITEMS
    #: Sockets in all; of one address (IPv6: of one /64), those that have shown a valid token.
    max_connections: int = 20_000
    max_connections_per_address: int = 1_000
    #: Of all, sockets that have not yet logged in; above, the oldest of the address with the most of them is closed.
    max_unauthenticated: int = 4_000
    #: Logins with a valid token, and failed ones, a minute from one address (burst = the same number).
    connects_per_minute: int = 6_000
    failed_logins_per_minute: int = 30
    #: Posts a second for each user (average and burst).
    posts_per_second: float = 50.0
    posts_burst: int = 200
    #: Bytes of contents that one account may post from 00:00 to 24:00 UTC, and in all (plugins and this program: no limit).
    bytes_per_day: int = 256 * 1024 * 1024
    bytes_in_all: int = 20 * 1024 * 1024 * 1024
    #: Of a guest, a day (the largest content at least): one address may make hundreds of them in an hour, who together fill a
    #: disk.
    bytes_per_day_of_guests: int = 1024 * 1024
    #: Ids a second that each user may look up by `users` (average and burst).
    users_per_second: float = 100.0
    users_burst: int = 2_000
    max_sessions_per_user: int = 16
    #: Detached sessions are kept this long (seconds), at most so many and so many bytes; the oldest go first.
    detached_s: float = 120.0
    max_detached_sessions: int = 10_000
    max_detached_bytes: int = 256 * 1024 * 1024
    #: Bytes of requests in progress and unacked replies of all connected sessions; above, the heaviest are disconnected.
    max_unacked_bytes: int = 512 * 1024 * 1024
    max_group_members: int = 5_000
    max_title_chars: int = 200
    #: "ask": who is a stranger to somebody writes once, and adds them nowhere. "open": who knows an id writes to it and adds
    #: it, for programs that decide themselves who may meet whom.
    strangers: str = "ask"
    #: Conversations in which a person is or was a member (not those of a team); above, this person comes into no other.
    max_conversations_per_user: int = 10_000
    #: People whom one person brings into groups and channels a day (UTC), unless strangers = "open".
    invitations_per_day: int = 200
    #: Deliveries waiting for fan-out above which the writer holds its next batch.
    max_fanout_backlog: int = 100_000
    #: A socket that cannot be written for so long is closed (seconds).
    unwritable_s: float = 60.0


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Structured logs on standard error; never contents or tokens."""

    level: str = "info"
    #: "json", "console", or "auto" (console on a terminal).
    format: str = "auto"


class HttpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP listener: WebSocket, health, what features and plugins (`/x/`) answer. Listens if there is such a section."""

    #: Address to bind. Without TLS only loopback is accepted, unless `insecure`.
    host: str = "127.0.0.1"
    #: TCP port; 0 lets the system choose (see `Server.http_port`).
    port: int = 7480
    #: How people reach it, through a proxy or not: `https://chat.example.org`. Its host is answered.
    public_url: str = ""
    #: Other hosts that are answered. "localhost", "127.0.0.1" and "[::1]" always are; everything else is 421.
    hosts: list[str] = []
    #: Pages of which other origins may open a socket at `/socket`; the own one may. "null": pages without one, too.
    origins: list[str] = []
    #: Pages of which other origins may show our pages in a frame.
    frame_ancestors: list[str] = []
    #: Let strangers in over `/api/session`: an account for whoever opens a page and does something there.
    guests: bool = False
    #: Guests of one address and shop in a day who are like any other; those above are marked `crowded`.
    guests_per_address: int = 20
    #: Guests in an hour, all together; of one address (of IPv6: one /48), a quarter. Above, they are to come later.
    guests_per_hour: int = 2_000
    #: PEM files; both set means HTTPS.
    tls_certificate: str = ""
    tls_key: str = ""
    #: Allow plain HTTP on other than loopback addresses: for a proxy on another machine.
    insecure: bool = False
    #: Whose `Forwarded` and `X-Forwarded-For` are believed: addresses, networks.
    proxies: list[str] = []
    #: Answer `/metrics` here, too, to everybody who can reach it.
    metrics: bool = False
    #: Connections at once; above, one that waits for its next request makes room.
    max_connections: int = 512
    #: `/readyz` asks for so much room on the disk of the database.
    min_free_bytes: int = 64 * 1024 * 1024


class AdminConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's own listener: `/metrics`. Listens if there is such a section."""

    #: Unix socket, its owner's only. "": `host` and `port` instead, which must be loopback.
    unix_socket: str = "imserver.admin"
    host: str = "127.0.0.1"
    #: TCP port; 0 lets the system choose (see `Server.admin_port`).
    port: int = 7481


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
    #: Neither listens without its section.
    http: HttpConfig | None = None
    admin: AdminConfig | None = None
    #: `[plugins.NAME]` enables a plugin; its section is checked against the plugin's own `config_type`.
    plugins: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
