"""A listener's certificate and its key: two PEM files, judged in words before OpenSSL sees them."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from imserver.errors import ConfigError
from imserver.named_file import read_bytes


class _Fields(NamedTuple):
    """Where a mistake is said to be."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, as they were read; `context` serves them."""

    path: str
    field: str
    context: ssl.SSLContext
    begins_at: datetime
    ends_at: datetime
    #: Of what stands in both files.
    digest: bytes

    def fault(self, now_s: float) -> ConfigError | None:
        """None while it holds. One that does not may be served all the same: clients refuse it, each in its own words."""
        now = datetime.fromtimestamp(now_s, UTC)
        if now >= self.ends_at:
            return ConfigError(self.field, f"{self.path}: has run out, on {self.ends_at:%Y-%m-%d %H:%M} UTC")
        if now < self.begins_at:
            return ConfigError(
                self.field, f"{self.path}: is not valid before {self.begins_at:%Y-%m-%d %H:%M} UTC"
            )
        return None


def read_certificate(certificate: str, key: str, section: str = "server") -> Certificate:
    """TLS 1.2 or newer, from the two PEM files of this section. Raises `ConfigError`, one line that names the file and what is
    wrong with it."""
    fields = _Fields(f"$.{section}.tls_certificate", f"$.{section}.tls_key")
    own = _own_of_pair(certificate, key, fields)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:  # too weak for this system's rules, most of all
        raise ConfigError(
            fields.certificate, f"{certificate}: {getattr(error, 'reason', None) or error}"
        ) from None
    files = (read_bytes(certificate, fields.certificate), read_bytes(key, fields.key))
    digest = hashlib.sha256(b"\0".join(files)).digest()
    return Certificate(
        certificate, fields.certificate, context, own.not_valid_before_utc, own.not_valid_after_utc, digest
    )


def read_names(certificate: str) -> list[str]:
    """The names by which clients may call whoever has this certificate, in its order. Raises `ConfigError`."""
    from cryptography import x509

    pem = read_bytes(certificate, "$.server.tls_certificate")
    try:
        own = x509.load_pem_x509_certificates(pem)[0]
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    except ValueError:
        raise ConfigError(
            "$.server.tls_certificate", f"{certificate}: is no PEM file of a certificate"
        ) from None
    return [str(name) for name in names.get_values_for_type(x509.DNSName)]


def _own_of_pair(certificate: str, key: str, fields: _Fields) -> Any:
    """The server's own certificate of the chain, which fits the key."""
    from cryptography import x509

    own = _public(_private_key(key, fields.key))
    pem = read_bytes(certificate, fields.certificate)
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigError(fields.certificate, f"{certificate}: is no PEM file of a certificate") from None
    if _public(chain[0]) == own:
        return chain[0]
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
