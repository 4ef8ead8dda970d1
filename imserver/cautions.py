"""What an operator should know at each start, though it keeps nothing from starting: one line of the log each."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imserver.config import AuthConfig, Config, HttpConfig, host_of_url, is_loopback
from imserver.config.environment import Environment
from imserver.errors import ConfigError
from imserver.named_file import read_bytes
from imserver.networks import Proxies

#: A certificate that ends so soon is one that nobody renews by machine: those are renewed weeks before.
SOON_S = 14 * 24 * 3600
DAY_S = 24 * 3600
#: Whoever reads the secret can sign a token for anybody. A key for TLS is often shared with a group of other servers.
SECRET_READERS = stat.S_IRWXG | stat.S_IRWXO
KEY_READERS = stat.S_IRWXO
KEY_WRITERS = stat.S_IWGRP | stat.S_IWOTH

WEB_CLEAR_TEXT = (
    "tokens and messages are readable on the way, and browsers give such a page no lock, no worker and no"
    " cryptography: set tls_certificate, or let nobody but a proxy of yours come this way"
)

Caution = tuple[str, dict[str, Any]]


def cautions(config: Config, now_s: float) -> Iterator[Caution]:
    """Name of the line and what stands in it. Files that cannot be read are another's business: they keep it from starting."""
    server, auth = config.server, config.auth
    if not (server.tls_certificate or server.unix_socket or is_loopback(server.host)):
        yield "clear_text", {"host": server.host, "meaning": "tokens and messages are readable on the way"}
    http = config.http
    if http is not None:
        yield from _of_pages(http, auth)
    for at, proxies in (("server", server.proxies), ("http", http.proxies if http is not None else [])):
        if Proxies(proxies).are_everybody:
            yield (
                "anybody_is_a_proxy",
                {"section": at, "meaning": "everybody may say to have any address"},
            )
    if auth.secret_file and not (auth.secret or auth.public_key_file):
        yield from open_to_others(auth.secret_file, SECRET_READERS)
    for key in auth.keys:
        if key.secret_file:
            yield from open_to_others(key.secret_file, SECRET_READERS)
    for path in (auth.public_key_file, *(key.public_key_file for key in auth.keys)):
        if path:
            yield from _written_by_others(path)
    for section in (server, http):
        if section is not None and section.tls_certificate:
            yield from open_to_others(section.tls_key, KEY_READERS)
            yield from _ends_soon(section.tls_certificate, now_s)


def of_environment(environment: Environment) -> Iterator[Caution]:
    """Variables that begin as ours do, and set nothing: a typo, most likely."""
    if environment.unknown:
        told = [f"{name}, meant {meant}" if meant else name for name, meant in environment.unknown.items()]
        yield "environment_unknown", {"variables": told, "meaning": "they set nothing"}


def _of_pages(http: HttpConfig, auth: AuthConfig) -> Iterator[Caution]:
    """People's browsers reach this listener, or the proxy in front of it, without TLS; or it cannot sign them in."""
    if http.guests and (auth.keys[0].public_key_file if auth.keys else auth.public_key_file):
        yield "guests_without_a_secret", {"meaning": "tokens are made elsewhere: pages sign nobody in"}
    if not (http.tls_certificate or is_loopback(http.host)):
        yield "http_clear_text", {"host": http.host, "meaning": WEB_CLEAR_TEXT}
    elif http.public_url.lower().startswith("http:"):
        host = host_of_url(http.public_url) or ""
        if not is_loopback(host.strip("[]")):
            yield "http_clear_text", {"public_url": http.public_url, "meaning": WEB_CLEAR_TEXT}


def open_to_others(path: str | Path, readers: int) -> Iterator[Caution]:
    """A file with a secret in it that these may read or change."""
    try:
        mode = stat.S_IMODE(Path(path).stat().st_mode)
    except OSError:
        return
    if mode & readers:
        yield "secret_open_to_others", {"path": str(path), "mode": f"{mode:04o}", "do": f"chmod 600 {path}"}


def _written_by_others(path: str) -> Iterator[Caution]:
    """A public key that others may put another one for: theirs."""
    try:
        mode = stat.S_IMODE(Path(path).stat().st_mode)
    except OSError:
        return
    if mode & KEY_WRITERS:
        yield "key_written_by_others", {"path": path, "mode": f"{mode:04o}", "do": f"chmod go-w {path}"}


def _ends_soon(path: str, now_s: float) -> Iterator[Caution]:
    from cryptography import x509

    try:
        own = x509.load_pem_x509_certificates(read_bytes(path, "$"))[0]
    except (ConfigError, ValueError):
        return
    begin, end = own.not_valid_before_utc, own.not_valid_after_utc
    if now_s >= end.timestamp():
        yield "certificate_expired", {"path": path, "ended": end.isoformat()}
    elif now_s < begin.timestamp():
        yield "certificate_not_valid_yet", {"path": path, "begins": begin.isoformat()}
    elif end.timestamp() - now_s < SOON_S:
        days = int((end.timestamp() - now_s) / DAY_S)
        yield "certificate_expires_soon", {"path": path, "ends": end.isoformat(), "days": days}
