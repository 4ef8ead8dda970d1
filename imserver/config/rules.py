"""What the types of the fields cannot say: bounds, what goes together, what is plain to read on the way."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from imserver.errors import ConfigError
from imserver.networks import Proxies
from imserver_protocol.shared.bounds import (
    MAX_ITEM_STATE_BYTES,
    MAX_ITEMS_A_CHANGE,
    MAX_STATE_BYTES,
    MAX_USERS_ASKED,
)
from imserver_protocol.shared.ids import MAX_CONVERSATION_ID_BYTES, valid_user_id

from .bounds import out_of_bounds
from .sections import AdminConfig, AuthConfig, Config, HttpConfig, LimitsConfig, LogConfig, ServerConfig

#: Room for numbers and headers around the state of one message, for the cursors that a row shows, and for all else that stands
#: in a frame beside what it is about (ids, keys, tokens).
AROUND_ITEM_BYTES = 32
CURSORS_BYTES = 50 * 96
AROUND_ANSWER_BYTES = 512
LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("auto", "json", "console")

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


def check_config(config: Config) -> None:
    """Raise the first of `faults`."""
    for fault in faults(config):
        raise fault


def faults(config: Config) -> Iterator[ConfigError]:
    """Everything that is wrong with values of the right types."""
    yield from out_of_bounds("server", config.server)
    yield from _of_server(config.server)
    yield from out_of_bounds("store", config.store)
    numbers = list(out_of_bounds("limits", config.limits))
    yield from numbers
    yield from _of_limits(config.limits, able=not numbers)
    yield from out_of_bounds("auth", config.auth)
    yield from _of_auth(config.auth)
    yield from out_of_bounds("clock", config.clock)
    if config.http is not None:
        yield from out_of_bounds("http", config.http)
        yield from _of_http(config.http)
    if config.admin is not None:
        yield from out_of_bounds("admin", config.admin)
        yield from _of_admin(config.admin)
    yield from _of_log(config.log)


def _of_server(server: ServerConfig) -> Iterator[ConfigError]:
    if bool(server.tls_certificate) != bool(server.tls_key):
        yield ConfigError("$.server.tls_key", "tls_certificate and tls_key go together")
    plain = not server.tls_certificate and not server.unix_socket
    if plain and not server.insecure and not is_loopback(server.host):
        yield ConfigError(
            "$.server.host", f"{server.host} without TLS: set tls_certificate, or insecure = true"
        )
    yield from _of_proxies("server", server.proxies)


def _of_proxies(section: str, proxies: list[str]) -> Iterator[ConfigError]:
    for place, entry in enumerate(proxies):
        try:
            Proxies([entry])
        except ValueError as error:
            yield ConfigError(f"$.{section}.proxies[{place}]", f'an address, a network or "unix": {error}')


def _of_auth(auth: AuthConfig) -> Iterator[ConfigError]:
    ids = [key.id for key in auth.keys]
    for place, key in enumerate(auth.keys):
        where = f"$.auth.keys[{place}]"
        if not valid_user_id(key.id):
            yield ConfigError(f"{where}.id", "1-64 bytes of UTF-8 without control characters")
        if key.id in ids[:place]:
            yield ConfigError(f"{where}.id", f"{key.id!r} stands above already")
        if bool(key.secret_file) == bool(key.public_key_file):
            yield ConfigError(where, "either secret_file or public_key_file")


def _of_limits(limits: LimitsConfig, *, able: bool) -> Iterator[ConfigError]:
    """`able`: whether the numbers are such that some of them can be held against others."""
    if limits.strangers not in {"ask", "open"}:
        yield ConfigError("$.limits.strangers", f'"ask" or "open", not {limits.strangers!r}')
    if not able:
        return
    needed = largest_answer_bytes(limits)
    if limits.max_frame_bytes < needed:
        yield ConfigError(
            "$.limits.max_frame_bytes",
            f"at least {needed}, for the largest content with its state, not {limits.max_frame_bytes}",
        )
    yield from _of_quotas(limits)


def _of_quotas(limits: LimitsConfig) -> Iterator[ConfigError]:
    """What could never be posted would be put off for ever; a request that asks for a full list could never be answered."""
    for name, least_name, least in (
        ("bytes_per_day", "max_content_bytes", limits.max_content_bytes),
        ("bytes_in_all", "bytes_per_day", limits.bytes_per_day),
        ("users_burst", "the ids of one request", MAX_USERS_ASKED),
    ):
        value = getattr(limits, name)
        if value < least:
            yield ConfigError(f"$.limits.{name}", f"at least {least} ({least_name}), not {value}")


def _of_http(http: HttpConfig) -> Iterator[ConfigError]:
    yield from _of_proxies("http", http.proxies)
    if bool(http.tls_certificate) != bool(http.tls_key):
        yield ConfigError("$.http.tls_key", "tls_certificate and tls_key go together")
    if not http.tls_certificate and not http.insecure and not is_loopback(http.host):
        yield ConfigError(
            "$.http.host",
            f"{http.host} without TLS: set tls_certificate, or insecure = true behind a proxy",
        )
    if http.public_url and host_of_url(http.public_url) is None:
        yield ConfigError(
            "$.http.public_url", f"https://HOST or https://HOST:PORT, and no path, not {http.public_url!r}"
        )
    for name, pattern, what in _LISTED:
        for place, given in enumerate(getattr(http, name)):
            if not pattern.fullmatch(given):
                yield ConfigError(f"$.http.{name}[{place}]", f"{what}, not {given!r}")


def _of_admin(admin: AdminConfig) -> Iterator[ConfigError]:
    if not admin.unix_socket and not is_loopback(admin.host):
        yield ConfigError("$.admin.host", f"a loopback address, not {admin.host}")


def _of_log(log: LogConfig) -> Iterator[ConfigError]:
    if log.level.lower() not in LEVELS:
        yield ConfigError("$.log.level", f"debug, info, warning or error, not {log.level!r}")
    if log.format not in FORMATS:
        yield ConfigError("$.log.format", f"auto, json or console, not {log.format!r}")


def host_of_url(url: str) -> str | None:
    """The host of `https://HOST:PORT`, in small letters; None for anything else, also with a path."""
    found = _URL.fullmatch(url)
    return found["host"].lower() if found is not None else None


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def largest_answer_bytes(limits: LimitsConfig) -> int:
    """Bytes of a frame that holds the longest thing that cannot be divided: a message, a step of changes of state, or a row."""
    item_state = 2 * MAX_ITEM_STATE_BYTES
    message = limits.max_content_bytes + item_state
    step = MAX_ITEMS_A_CHANGE * (item_state + AROUND_ITEM_BYTES)
    row = 4 * limits.max_title_chars + 3 * MAX_STATE_BYTES + CURSORS_BYTES
    return max(message, step, row) + MAX_CONVERSATION_ID_BYTES + AROUND_ANSWER_BYTES
