"""What is wrong with the files that a configuration names. Nothing is made, nothing is opened for writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from imserver.config import Config
from imserver.errors import ConfigError
from imserver.net.certificates import read_certificate
from imserver.net.listener import protocol_limits
from imserver.plugin_host import file_faults
from imserver.secret import key_faults


def faults_of_files(config: Config, folder: Path, now_s: float) -> Iterator[ConfigError]:
    """Certificates (those that have run out, too), keys, the folder of the database, files of plugins."""
    yield from faults_of_own_files(config, now_s)
    yield from file_faults(config.plugins, folder)


def faults_of_own_files(config: Config, now_s: float | None) -> Iterator[ConfigError]:
    """The same without those of plugins. `now_s` None: a certificate that has run out, with which a server starts, is none."""
    try:
        protocol_limits(config)
    except ConfigError as error:
        yield error
    if config.server.tls_certificate and not config.server.unix_socket:
        yield from _of_certificate(config.server.tls_certificate, config.server.tls_key, "server", now_s)
    if config.http is not None and config.http.tls_certificate:
        yield from _of_certificate(config.http.tls_certificate, config.http.tls_key, "http", now_s)
    yield from key_faults(config.auth)
    yield from _of_database(config.store.path)


def _of_certificate(certificate: str, key: str, section: str, now_s: float | None) -> Iterator[ConfigError]:
    try:
        read = read_certificate(certificate, key, section)
        fault = read.fault(now_s) if now_s is not None else None
    except ConfigError as error:
        fault = error
    if fault is not None:
        yield fault


def _of_database(path: str) -> Iterator[ConfigError]:
    """It lies in a folder in which files are made beside it."""
    if path == ":memory:":
        return
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        yield ConfigError("$.store.path", f"{path}: the folder {folder} does not exist")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield ConfigError(
            "$.store.path", f"{path}: files cannot be made in {folder} (read-only, or another user's)"
        )
    elif os.path.lexists(path) and not os.access(path, os.R_OK | os.W_OK):
        yield ConfigError("$.store.path", f"{path}: cannot be written (read-only, or another user's)")
