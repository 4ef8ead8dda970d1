"""A listener's certificate and its key: two PEM files, judged in words before OpenSSL sees them."""

from __future__ import annotations

import ssl
from typing import Any, NamedTuple

from imserver.errors import ConfigError
from imserver.named_file import read_bytes


class _Fields(NamedTuple):
    """Where a mistake is said to be."""

    certificate: str
    key: str


def tls_context(certificate: str, key: str, section: str = "server") -> ssl.SSLContext:
    """TLS 1.2 or newer, from the two PEM files of this section. Raises `ConfigError`, one line that names the file and what is
    wrong with it."""
    fields = _Fields(f"$.{section}.tls_certificate", f"$.{section}.tls_key")
    _check_pair(certificate, key, fields)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:  # too weak for this system's rules, most of all
        raise ConfigError(
            fields.certificate, f"{certificate}: {getattr(error, 'reason', None) or error}"
        ) from None
    return context


def _check_pair(certificate: str, key: str, fields: _Fields) -> None:
    from cryptography import x509

    own = _public(_private_key(key, fields.key))
    pem = read_bytes(certificate, fields.certificate)
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigError(fields.certificate, f"{certificate}: is no PEM file of a certificate") from None
    if _public(chain[0]) == own:
        return
    if own in map(_public, chain[1:]):
        raise ConfigError(
            fields.certificate, f"{certificate}: the server's own certificate must come first in it"
        )
    raise ConfigError(fields.key, f"{key}: is not the key of {certificate}")


def _private_key(path: str, field: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(read_bytes(path, field), None)
    except TypeError:  # OpenSSL would ask for it on the terminal
        raise ConfigError(field, f"{path}: needs a passphrase, and nobody is there to give it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(field, f"{path}: is no PEM file of a private key") from None


def _public(key: Any) -> bytes:
    """Of a private key, or of a certificate."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    data: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data
