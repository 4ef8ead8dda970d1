"""The configuration: one TOML file plus `IMSERVER_*` environment variables, every field documented and checked.

    [server]            -> IMSERVER_SERVER__PORT=7410 overrides server.port
    port = 7410

A typo is an error that names its path (`$.server.prot`), never a silent default.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from imserver.errors import ConfigError
from imserver.named_file import read_text
from imserver.networks import Proxies
from imserver_protocol.shared.bounds import (
    MAX_CONTENT_BYTES,
    MAX_ITEM_STATE_BYTES,
    MAX_ITEMS_A_CHANGE,
    MAX_PAGE_ITEMS,
    MAX_STATE_BYTES,
    MAX_USERS_ASKED,
)
from imserver_protocol.shared.ids import MAX_CONVERSATION_ID_BYTES, valid_user_id

#: Environment variables of this prefix override the file; `__` stands between section and field.
ENVIRONMENT_PREFIX = "IMSERVER_"
#: Some editors put it before a text.
BYTE_ORDER_MARK = "\ufeff"

#: Room for numbers and headers around the state of one message, for the cursors that a row shows, and for all else that stands
#: in a frame beside what it is about (ids, keys, tokens).
AROUND_ITEM_BYTES = 32
CURSORS_BYTES = 50 * 96
AROUND_ANSWER_BYTES = 512


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


def load_config(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """The file (none: all defaults) with the environment laid over it, checked. Raises `ConfigError` with the path.

    A relative path in the file (database, secret, certificates) is relative to the folder of `path` as it is given, so that
    the server may be started from anywhere. A link is not followed for it: the data stay where they are when the link is
    switched to another version of the file.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(read_text(path, "$").removeprefix(BYTE_ORDER_MARK))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError("$", f"{path}: {error}") from None
        except RecursionError:
            raise ConfigError("$", f"{path}: brackets within brackets without end") from None
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name:
            _lay_over(tree, name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"), text, name)
    try:
        # strict=False lets an environment variable's "7410" be an integer.
        config = msgspec.convert(tree, Config, strict=False)
    except msgspec.ValidationError as error:
        raise _config_error(error) from None
    if path is not None:
        config = _anchored(config, path.absolute().parent)
    check_config(config)
    return config


def check_config(config: Config) -> None:
    """Check what types cannot express. Raises `ConfigError`."""
    server = config.server
    if not 0 <= server.port <= 65535:
        raise ConfigError("$.server.port", f"0-65535, not {server.port}")
    if bool(server.tls_certificate) != bool(server.tls_key):
        raise ConfigError("$.server.tls_key", "tls_certificate and tls_key go together")
    plain = not server.tls_certificate and not server.unix_socket
    if plain and not server.insecure and not is_loopback(server.host):
        raise ConfigError(
            "$.server.host", f"{server.host} without TLS: set tls_certificate, or insecure = true"
        )
    if not 1 <= config.store.readers <= 16:
        raise ConfigError("$.store.readers", f"1-16, not {config.store.readers}")
    for section, values in (("store", config.store), ("limits", config.limits)):
        for name in values.__struct_fields__:
            value = getattr(values, name)
            if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
                raise ConfigError(f"$.{section}.{name}", f"above 0, not {value}")
    _check_proxies("server", server.proxies)
    _check_limits(config.limits)
    _check_auth(config.auth)
    _check_quotas(config.limits)
    _check_doors(config)
    if config.log.level.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ConfigError("$.log.level", f"debug, info, warning or error, not {config.log.level!r}")
    if config.log.format not in {"auto", "json", "console"}:
        raise ConfigError("$.log.format", f"auto, json or console, not {config.log.format!r}")
    if config.clock.rate <= 0:
        raise ConfigError("$.clock.rate", "above 0")


def _check_proxies(section: str, proxies: list[str]) -> None:
    for place, entry in enumerate(proxies):
        try:
            Proxies([entry])
        except ValueError as error:
            raise ConfigError(
                f"$.{section}.proxies[{place}]", f'an address, a network or "unix": {error}'
            ) from None


def _check_auth(auth: AuthConfig) -> None:
    if auth.max_token_ttl_s <= 0:
        raise ConfigError("$.auth.max_token_ttl_s", f"above 0, not {auth.max_token_ttl_s}")
    ids = [key.id for key in auth.keys]
    for place, key in enumerate(auth.keys):
        where = f"$.auth.keys[{place}]"
        if not valid_user_id(key.id):
            raise ConfigError(f"{where}.id", "1-64 bytes of UTF-8 without control characters")
        if key.id in ids[:place]:
            raise ConfigError(f"{where}.id", f"{key.id!r} stands above already")
        if bool(key.secret_file) == bool(key.public_key_file):
            raise ConfigError(where, "either secret_file or public_key_file")


def _check_limits(limits: LimitsConfig) -> None:
    if limits.strangers not in {"ask", "open"}:
        raise ConfigError("$.limits.strangers", f'"ask" or "open", not {limits.strangers!r}')
    needed = _largest_answer_bytes(limits)
    if limits.max_frame_bytes < needed:
        raise ConfigError(
            "$.limits.max_frame_bytes",
            f"at least {needed}, for the largest content with its state, not {limits.max_frame_bytes}",
        )


def _check_quotas(limits: LimitsConfig) -> None:
    """What could never be posted would be put off for ever; a request that asks for a full list could never be answered."""
    for name, least_name, least in (
        ("bytes_per_day", "max_content_bytes", limits.max_content_bytes),
        ("bytes_in_all", "bytes_per_day", limits.bytes_per_day),
        ("users_burst", "the ids of one request", MAX_USERS_ASKED),
    ):
        value = getattr(limits, name)
        if value < least:
            raise ConfigError(f"$.limits.{name}", f"at least {least} ({least_name}), not {value}")


def _check_doors(config: Config) -> None:
    if config.http is not None:
        _check_http(config.http)
    if config.admin is not None:
        _check_admin(config.admin)


def _check_http(http: HttpConfig) -> None:
    _check_proxies("http", http.proxies)
    if not 0 <= http.port <= 65535:
        raise ConfigError("$.http.port", f"0-65535, not {http.port}")
    if bool(http.tls_certificate) != bool(http.tls_key):
        raise ConfigError("$.http.tls_key", "tls_certificate and tls_key go together")
    if not http.tls_certificate and not http.insecure and not is_loopback(http.host):
        raise ConfigError(
            "$.http.host",
            f"{http.host} without TLS: set tls_certificate, or insecure = true behind a proxy",
        )
    for name in ("max_connections", "min_free_bytes", "guests_per_address", "guests_per_hour"):
        if getattr(http, name) <= 0:
            raise ConfigError(f"$.http.{name}", f"above 0, not {getattr(http, name)}")
    if http.public_url and host_of_url(http.public_url) is None:
        raise ConfigError(
            "$.http.public_url", f"https://HOST or https://HOST:PORT, and no path, not {http.public_url!r}"
        )
    for name, pattern, what in _LISTED:
        for place, given in enumerate(getattr(http, name)):
            if not pattern.fullmatch(given):
                raise ConfigError(f"$.http.{name}[{place}]", f"{what}, not {given!r}")


def _check_admin(admin: AdminConfig) -> None:
    if not 0 <= admin.port <= 65535:
        raise ConfigError("$.admin.port", f"0-65535, not {admin.port}")
    if not admin.unix_socket and not is_loopback(admin.host):
        raise ConfigError("$.admin.host", f"a loopback address, not {admin.host}")


def host_of_url(url: str) -> str | None:
    """The host of `https://HOST:PORT`, in small letters; None for anything else, also with a path."""
    found = _URL.fullmatch(url)
    return found["host"].lower() if found is not None else None


def _largest_answer_bytes(limits: LimitsConfig) -> int:
    """Bytes of a frame that holds the longest thing that cannot be divided: a message, a step of changes of state, or a row."""
    item_state = 2 * MAX_ITEM_STATE_BYTES
    message = limits.max_content_bytes + item_state
    step = MAX_ITEMS_A_CHANGE * (item_state + AROUND_ITEM_BYTES)
    row = 4 * limits.max_title_chars + 3 * MAX_STATE_BYTES + CURSORS_BYTES
    return max(message, step, row) + MAX_CONVERSATION_ID_BYTES + AROUND_ANSWER_BYTES


#: A host as a browser sends it: a name, an address, or an IPv6 address in brackets.
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
#: Apps and extensions have schemes of their own.
_ORIGIN = re.compile(rf"null|[A-Za-z][A-Za-z0-9+.-]*://({_HOST.pattern})(:\d{{1,5}})?")
_URL = re.compile(rf"https?://(?P<host>{_HOST.pattern})(:\d{{1,5}})?/?")
_PAGES = re.compile(rf"https?://({_HOST.pattern})(:\d{{1,5}})?")
#: Lists of `[http]`: what each entry is.
_LISTED = (
    ("hosts", _HOST, "a host without a port"),
    ("origins", _ORIGIN, "https://HOST, http://HOST:PORT or null, and nothing behind it"),
    ("frame_ancestors", _PAGES, "https://HOST or http://HOST:PORT, and nothing behind it"),
)


def _lay_over(tree: dict[str, Any], path: list[str], text: str, name: str) -> None:
    node = tree
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigError(f"$.{'.'.join(path)}", f"{name} does not name a field")
    node[path[-1]] = {"true": True, "false": False}.get(text.lower(), text)


def _config_error(error: msgspec.ValidationError) -> ConfigError:
    """Move the path of msgspec's "Expected `int`, got `str` - at `$.server.port`" to the front."""
    text, _, where = str(error).partition(" - at `")
    path = where.rstrip("`") or "$"
    if "unknown field" in text:
        field = text.rsplit("`", 2)[-2]
        return ConfigError(f"{path}.{field}", "no such field")
    return ConfigError(path, text)


def _anchored(config: Config, folder: Path) -> Config:
    def anchored(path: str) -> str:
        return path if not path or path == ":memory:" else str(folder / path)

    replace = msgspec.structs.replace
    return replace(
        config,
        server=replace(
            config.server,
            tls_certificate=anchored(config.server.tls_certificate),
            tls_key=anchored(config.server.tls_key),
            unix_socket=anchored(config.server.unix_socket),
        ),
        store=replace(config.store, path=anchored(config.store.path)),
        auth=replace(
            config.auth,
            secret_file=anchored(config.auth.secret_file),
            public_key_file=anchored(config.auth.public_key_file),
            keys=[
                replace(
                    key,
                    secret_file=anchored(key.secret_file),
                    public_key_file=anchored(key.public_key_file),
                )
                for key in config.auth.keys
            ],
        ),
        http=config.http
        and replace(
            config.http,
            tls_certificate=anchored(config.http.tls_certificate),
            tls_key=anchored(config.http.tls_key),
        ),
        admin=config.admin and replace(config.admin, unix_socket=anchored(config.admin.unix_socket)),
    )


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
