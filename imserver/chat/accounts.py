"""Accounts: checks signed tokens and binds each to one device.

A token is a JSON Web Token with `sub` (user id) and `exp`, optionally `device`, `jti` and `scope`. Its device is given by
its claim, or fixed durably at its first use, so that revoking a device revokes its tokens. Only the configured algorithm
is accepted.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from imserver.chat.naming import account_named, put_account
from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction
from imserver.clock import Clock
from imserver.config import AuthConfig
from imserver.errors import ConfigError, NotAuthorized, Refusal, RefusalCode
from imserver.model import User, valid_user_id
from imserver.secret import PUBLIC_KEY_FILE, load_or_make_secret, load_public_key
from imserver.user_ids import canonical_user_id

#: Later than any token needs, and exact as milliseconds on the wire (UTC seconds).
MAX_TIME_S = 2**53 // 1000
#: Scope that a token needs for a chat connection, if it has scopes at all (space-separated, RFC 8693 section 4.2).
CHAT_SCOPE = "chat"
TOKEN_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and device that a connection speaks for, and until when (UTC seconds)."""

    user: User
    device_id: str
    token_id: str
    expires_at_s: int


class Accounts:
    """Checks tokens, and makes them if this server holds the secret."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        config: AuthConfig,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._config = config
        self._random_bytes = random_bytes
        self._algorithm, self._verify_key = _load_key(config)

    async def authenticate(self, token: str, device_id: str) -> Identity:
        """Return the identity behind a token used by this device.

        Raises `NotAuthorized` with the cause for the log; the peer gets one text for every cause.
        """
        if not valid_user_id(device_id):
            raise NotAuthorized("device id malformed")
        claims = self._claims(token)
        user_id = claims["sub"]
        token_id = _token_id(claims, token)
        claimed = claims.get("device")
        if "device" in claims and claimed != device_id:
            raise NotAuthorized("token belongs to another device")
        user = await self._user(user_id)
        if user.user_id != user_id:  # a token of this account, whatever its issuer calls it
            user_id = user.user_id
            token_id = _token_id({**claims, "sub": user_id}, token)
        if claimed is None and await self._bound_device(token_id, user_id, device_id) != device_id:
            raise NotAuthorized("token was first used by another device")
        return Identity(user, device_id, token_id, int(claims["exp"]))

    def make_token(self, user_id: str, *, ttl_s: int, device_id: str | None = None) -> str:
        """A token for this user, signed with the configured secret, valid for `ttl_s` seconds."""
        token_id = self._random_bytes(TOKEN_ID_BYTES).hex()
        return _sign(
            self._algorithm, self._verify_key, user_id, self._clock.now_ms(), ttl_s, device_id, token_id
        )

    # -- the parts of a check -----------------------------------------------------------------------------------------

    def _claims(self, token: str) -> dict[str, Any]:
        options: Any = {
            "require": ["sub", "exp"],
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        }
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._verify_key, algorithms=[self._algorithm], options=options
            )
        except Exception as error:
            # Not only PyJWTError: a header of brackets ends in RecursionError. Whatever error an unauthenticated text causes,
            # it is no good token.
            raise NotAuthorized(f"token: {error}") from None
        # Time is ours to read (injected clock), so the time claims are checked here and not by the library.
        now_s = self._clock.now_ms() / 1000
        if not _is_number(claims["exp"]) or now_s >= claims["exp"]:
            raise NotAuthorized("token expired")
        if "nbf" in claims and (not _is_number(claims["nbf"]) or now_s < claims["nbf"]):
            raise NotAuthorized("token not valid yet")
        if not isinstance(claims["sub"], str) or not valid_user_id(claims["sub"]):
            raise NotAuthorized("token: sub is no user id")
        scope = claims.get("scope", CHAT_SCOPE)
        if not isinstance(scope, str) or CHAT_SCOPE not in scope.split():
            raise NotAuthorized("token is for something else")
        return claims

    async def _user(self, user_id: str) -> User:
        """The account that the token's `sub` names: exactly that one, or the one of its canonical form."""
        asked = list(dict.fromkeys((user_id, canonical_user_id(user_id))))
        found = await self._store.read(lambda reader: reader.users(asked))
        if found:
            return found[0]
        if not self._config.create_users:
            raise NotAuthorized("no such user")
        try:
            return await self._store.write(lambda tx: _made_user(tx, user_id))
        except Refusal as refusal:
            if refusal.code is not RefusalCode.INVALID:
                raise
            raise NotAuthorized(f"no account for this user: {refusal.text}") from None

    async def _bound_device(self, token_id: str, user_id: str, device_id: str) -> str:
        bound = await self._store.read(lambda reader: reader.bound_device(token_id))
        if bound is not None:
            return bound
        return await self._store.write(lambda tx: tx.bind_token(token_id, user_id, device_id))


def _made_user(tx: Transaction, user_id: str) -> User:
    """The account; made, unless another unit made it since we looked."""
    user = account_named(tx, user_id)
    if user is not None:
        return user
    canonical = canonical_user_id(user_id)
    return put_account(tx, User(canonical, display_name=canonical))


def sign_token(
    config: AuthConfig, user_id: str, *, now_ms: int, ttl_s: int, device_id: str | None = None
) -> str:
    """Sign a token for this user without a running server; makes the secret if there is none. Raises `ConfigError`."""
    if config.public_key_file:
        raise _made_elsewhere()
    algorithm, key = _load_key(config)
    return _sign(algorithm, key, user_id, now_ms, ttl_s, device_id, secrets.token_hex(TOKEN_ID_BYTES))


def _sign(
    algorithm: str,
    key: str,
    user_id: str,
    now_ms: int,
    ttl_s: int,
    device_id: str | None,
    token_id: str,
) -> str:
    if algorithm != "HS256":
        raise _made_elsewhere()
    now_s = now_ms // 1000
    claims: dict[str, Any] = {"sub": user_id, "iat": now_s, "exp": now_s + ttl_s, "jti": token_id}
    if device_id is not None:
        claims["device"] = device_id
    return jwt.encode(claims, key, algorithm=algorithm)


def _made_elsewhere() -> ConfigError:
    return ConfigError(PUBLIC_KEY_FILE, "tokens are made by whoever holds the private key")


def _load_key(config: AuthConfig) -> tuple[str, str]:
    if config.public_key_file:
        return "EdDSA", load_public_key(config)
    return "HS256", load_or_make_secret(config)


def _token_id(claims: dict[str, Any], token: str) -> str:
    """`jti` within its user (ids of two issuers may collide), or a digest of a token that has none."""
    if "jti" not in claims:
        return hashlib.sha256(token.encode()).hexdigest()[:32]
    jti = claims["jti"]
    if not isinstance(jti, str) or not valid_user_id(jti):
        # Not taken for a token without one: whoever revokes tokens by their id would never reach it.
        raise NotAuthorized("token: jti is not 1-64 printable bytes")
    return f"{claims['sub']}\n{jti}"


def _is_number(value: Any) -> bool:
    """True for a number that can be a time: Python's JSON reads NaN and Infinity, too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_TIME_S
