"""The secret that signs tokens, made on first use, and the public key that checks tokens of others: read and judged."""

from __future__ import annotations

import secrets
from pathlib import Path

from imserver.config import AuthConfig
from imserver.errors import ConfigError
from imserver.named_file import make_private, read_bytes, read_text

#: RFC 7518, section 3.2: an HS256 key is at least as long as the hash.
MIN_SECRET_BYTES = 32
#: Fewer different bytes than this, or a repetition that is shorter than `MIN_PERIOD`, is no secret, however long: whoever sees
#: one token tries all of these in seconds. A random one passes: 32 decimal digits have less than 6 different ones once in
#: 10^7, 32 hexadecimal ones never.
MIN_DIFFERENT_BYTES = 6
MIN_PERIOD = 16
SECRET_FILE = "$.auth.secret_file"
PUBLIC_KEY_FILE = "$.auth.public_key_file"


def load_or_make_secret(config: AuthConfig) -> str:
    """The secret of the configuration; its file is made, readable by its owner only, if there is none yet. Raises
    `ConfigError`, also for a secret that is none.
    """
    if config.secret:
        return _judged(config.secret, "$.auth.secret", "")
    path = Path(config.secret_file)
    if not path.exists():  # a link that leads nowhere: making it fails, and says why
        make_private(path, secrets.token_urlsafe(48) + "\n", SECRET_FILE)
    return _judged(read_text(path, SECRET_FILE).strip(), SECRET_FILE, f"{path}: ")


def load_public_key(config: AuthConfig) -> str:
    """The PEM text of the Ed25519 public key. Raises `ConfigError` for any other."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    path = config.public_key_file
    pem = read_bytes(path, PUBLIC_KEY_FILE)
    if b"PRIVATE KEY-----" in pem:
        raise ConfigError(PUBLIC_KEY_FILE, f"{path}: is a private key, which belongs to whoever makes tokens")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(PUBLIC_KEY_FILE, f"{path}: is no PEM file of a public key") from None
    if not isinstance(key, Ed25519PublicKey):
        kind = type(key).__name__.removesuffix("PublicKey").lstrip("_")
        raise ConfigError(PUBLIC_KEY_FILE, f"{path}: is a key of another kind ({kind}): Ed25519 is needed")
    return pem.decode("ascii", "replace")


def _judged(secret: str, field: str, where: str) -> str:
    data = secret.encode("utf-8", "surrogatepass")
    if not data:
        raise ConfigError(field, f"{where}is empty; remove the file, and a new secret is made")
    if len(data) < MIN_SECRET_BYTES:
        raise ConfigError(field, f"{where}at least {MIN_SECRET_BYTES} bytes, not {len(data)}")
    repeated = any(data[size:] == data[:-size] for size in range(1, MIN_PERIOD))
    if repeated or len(set(data)) < MIN_DIFFERENT_BYTES:
        raise ConfigError(
            field, f"{where}can be guessed (few or repeated characters); take `openssl rand -hex 32`"
        )
    return secret
