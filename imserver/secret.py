"""Keys: secrets that sign and check tokens, the first made on first use, and public keys that check tokens of others: read and
judged. Each key is for one algorithm, so that nobody passes a public key off as a secret.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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


SECRET_ALGORITHM, PUBLIC_ALGORITHM = "HS256", "EdDSA"


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and the one algorithm that it is for. `key_id`: what tokens name it by; "" for the key of those that name none."""

    key_id: str
    algorithm: str
    #: The secret, or the PEM text of a public key.
    material: str
    #: Where the configuration names it.
    field: str

    @property
    def signs(self) -> bool:
        return self.algorithm == SECRET_ALGORITHM


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of a configuration. `plain`: for tokens without `kid`."""

    first: Key
    plain: Key | None
    named: Mapping[str, Key]
    #: The file of the first one, if it was made for this.
    made: Path | None = None

    def of(self, key_id: object) -> Key | None:
        """The key that a token with this `kid` has to stand on (None: it has none)."""
        if not self.named or key_id is None:
            return self.plain  # with one key only, whoever makes tokens may call it as he likes
        return self.named.get(key_id) if isinstance(key_id, str) else None


def load_keys(config: AuthConfig) -> Keys:
    """Read and judge them all; the file of the first one is made if it is a secret and not there. Raises `ConfigError`."""
    named: dict[str, Key] = {}
    made: list[Path] = []
    for place, given in enumerate(config.keys):
        where = f"$.auth.keys[{place}]"
        if given.secret_file:
            field = f"{where}.secret_file"
            secret = _secret_in(Path(given.secret_file), field, made if place == 0 else None)
            named[given.id] = Key(given.id, SECRET_ALGORITHM, secret, field)
        else:
            field = f"{where}.public_key_file"
            pem = _public_key_in(given.public_key_file, field)
            named[given.id] = Key(given.id, PUBLIC_ALGORITHM, pem, field)
    plain: Key | None = None
    if config.public_key_file:
        plain = Key("", PUBLIC_ALGORITHM, load_public_key(config), PUBLIC_KEY_FILE)
    elif not named or config.secret or secret_is_there(config):
        plain = Key("", SECRET_ALGORITHM, load_or_make_secret(config, made), SECRET_FILE)
    first = next(iter(named.values()), plain)
    assert first is not None
    return Keys(first, plain, named, next(iter(made), None))


def discard_made(keys: Keys) -> None:
    """Remove the file that `load_keys` has made, if it still holds what was put there."""
    if keys.made is None:
        return
    with contextlib.suppress(OSError, ValueError):
        if keys.made.read_text().strip() == keys.first.material:
            keys.made.unlink()


def key_faults(config: AuthConfig) -> Iterator[ConfigError]:
    """All that `load_keys` would refuse. Nothing is made: the secret that a start makes may be missing."""
    rows: list[tuple[Callable[[str, str], object], str, str, bool]] = []
    for place, given in enumerate(config.keys):
        where = f"$.auth.keys[{place}]"
        if given.secret_file:
            rows.append((_read_secret, given.secret_file, f"{where}.secret_file", place == 0))
        else:
            rows.append((_public_key_in, given.public_key_file, f"{where}.public_key_file", False))
    if config.public_key_file:
        rows.append((_public_key_in, config.public_key_file, PUBLIC_KEY_FILE, False))
    elif config.secret:
        rows.append((_judge_given, config.secret, "$.auth.secret", False))
    elif not config.keys or secret_is_there(config):
        rows.append((_read_secret, config.secret_file, SECRET_FILE, True))
    for check, given_there, field, may_be_missing in rows:
        if may_be_missing and not os.path.lexists(given_there):
            continue
        try:
            check(given_there, field)
        except ConfigError as error:
            yield error


def secret_is_there(config: AuthConfig) -> bool:
    """Whether there is a file for `secret_file`, which would be made on first use."""
    return bool(config.secret_file) and Path(config.secret_file).exists()


def load_or_make_secret(config: AuthConfig, made: list[Path] | None = None) -> str:
    """The secret of the configuration; its file is made, readable by its owner only, if there is none yet, and added to
    `made` then. Raises `ConfigError`, also for a secret that is none.
    """
    if config.secret:
        return _judge_given(config.secret, "$.auth.secret")
    return _secret_in(Path(config.secret_file), SECRET_FILE, [] if made is None else made)


def load_public_key(config: AuthConfig) -> str:
    """The PEM text of the Ed25519 public key. Raises `ConfigError` for any other."""
    return _public_key_in(config.public_key_file, PUBLIC_KEY_FILE)


def _secret_in(path: Path, field: str, made: list[Path] | None) -> str:
    """Made if it is not there, unless `made` is None."""
    # A link that leads nowhere is not there: making it fails, and says why.
    missing = made is not None and not path.exists()
    if made is not None and missing and make_private(path, secrets.token_urlsafe(48) + "\n", field):
        made.append(path)
    return _read_secret(path, field)


def _read_secret(path: str | Path, field: str) -> str:
    return _judged(read_text(path, field).strip(), field, f"{path}: ")


def _judge_given(secret: str, field: str) -> str:
    return _judged(secret, field, "")


def _public_key_in(path: str, field: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    pem = read_bytes(path, field)
    if b"PRIVATE KEY-----" in pem:
        raise ConfigError(field, f"{path}: is a private key, which belongs to whoever makes tokens")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(field, f"{path}: is no PEM file of a public key") from None
    if not isinstance(key, Ed25519PublicKey):
        kind = type(key).__name__.removesuffix("PublicKey").lstrip("_")
        raise ConfigError(field, f"{path}: is a key of another kind ({kind}): Ed25519 is needed")
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
