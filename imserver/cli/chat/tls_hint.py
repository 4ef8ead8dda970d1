"""What to do when the chat does not trust the server's certificate: the name to call it by, the file to trust."""

from __future__ import annotations

from collections.abc import Iterator

from imserver.config import Config
from imserver.errors import ConfigError
from imserver.net.certificates import read_names

#: Of OpenSSL, in the text of every refused certificate, and of those that nobody whom this system trusts has signed.
REFUSED = "CERTIFICATE_VERIFY_FAILED"
UNTRUSTED = ("self-signed", "unable to get local issuer")


def tls_hint(failure: str, config: Config | None) -> str:
    """Behind the text of a failed attempt; "" if no certificate was refused. `config`: of the server, if the address came from
    there, which is this machine's address and in no certificate."""
    return "".join(f"; {hint}" for hint in _hints(failure, config)) if REFUSED in failure else ""


def _hints(failure: str, config: Config | None) -> Iterator[str]:
    if config is not None and config.server.tls_certificate:
        try:
            names = read_names(config.server.tls_certificate)
        except ConfigError:
            names = []
        if names:
            yield f"the certificate is for {', '.join(names)}: --server imservers://{names[0]}:{config.server.port}"
    if any(words in failure for words in UNTRUSTED):
        yield "--ca FILE trusts a certificate of your own"
