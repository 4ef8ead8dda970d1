"""Accounts: checks signed tokens and binds each to one device.

A token is a JSON Web Token with `sub` (user id) and `exp`, optionally `iat`, `device`, `jti` and `scope`. Its device is given
by its claim, or fixed durably at its first use, so that revoking a device revokes its tokens. A key is named by `kid`, and only
that key's own algorithm is accepted. What lets nobody in, whatever signed it: a disabled account, a plugin's bot, what was
revoked, and a life longer than `max_token_ttl_s`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jwt
from jwt.utils import base64url_decode, base64url_encode

from imserver.chat.endings import Endings, ends
from imserver.chat.naming import account_named, put_account
from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction
from imserver.clock import Clock
from imserver.config import AuthConfig
from imserver.errors import ConfigError, NotAuthorized, Refusal, RefusalCode
from imserver.model import BOT, SignIn, Usage, User, valid_user_id
from imserver.secret import PUBLIC_KEY_FILE, Key, Keys, discard_made, key_faults, load_keys
from imserver.user_ids import canonical_user_id

#: Later than any token needs, and exact as milliseconds on the wire (UTC seconds).
MAX_TIME_S = 2**53 // 1000
#: Scope that a token needs for a chat connection, if it has scopes at all (space-separated, RFC 8693 section 4.2).
CHAT_SCOPE = "chat"
TOKEN_ID_BYTES = 8
#: Stands before the digest of a token without `jti` where people see it.
DIGEST_PREFIX = "sha256:"
#: The clocks of whoever makes tokens and ours may differ by so much.
CLOCKS_DIFFER_S = 300


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and device that a connection speaks for, and until when (UTC seconds)."""

    user: User
    device_id: str
    token_id: str
    expires_at_s: int
    #: UTC ms: what the token says, but never behind its first use. None: it does not say.
    issued_at: int | None = None


class ShortToken(NamedTuple):
    """A token, and when it ends (UTC ms)."""

    token: str
    expires_at: int


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
        for fault in key_faults(config):
            raise fault  # before anything is made
        self._loaded: Keys | None = None
        #: Told of each commit that ends access.
        self.endings = Endings()

    @property
    def _keys(self) -> Keys:
        """Read when they are first needed: a start that fails before has made no secret."""
        if self._loaded is None:
            self._loaded = load_keys(self._config)
        return self._loaded

    def open(self) -> None:
        """Read the keys, and make the first secret if it is not there. Raises `ConfigError`."""
        self._loaded = self._keys

    def discard(self) -> None:
        """Remove the secret that `open` made, for a server that did not start: nobody has a token of it. Another one, which
        somebody has put there meanwhile, stays."""
        keys, self._loaded = self._loaded, None
        if keys is not None:
            discard_made(keys)

    async def authenticate(
        self, token: str, device_id: str, met: Callable[[Usage], object] = lambda used: None
    ) -> Identity:
        """Return the identity behind a token used by this device. It holds for the caller's turn of the loop: what ends it
        later finds a session that was begun in this turn. `met` is told what the account has used.

        Raises `NotAuthorized` with the cause for the log; the peer gets one text for every cause.
        """
        if not valid_user_id(device_id):
            raise NotAuthorized("device id malformed")
        claims = self._claims(token)
        # A token of this account, whatever its issuer calls it.
        user_id = claims["sub"] = await self._account(claims["sub"])
        token_id = _token_id(claims, token)
        claimed = claims.get("device")
        if "device" in claims and claimed != device_id:
            raise NotAuthorized("token belongs to another device")
        with self.endings.watch(user_id) as ended:
            identity, used = await self._let_in(user_id, device_id, token_id, claims)
            if any(ends(event, identity) for event in ended):
                raise NotAuthorized("access ended meanwhile")
            met(Usage(identity.user.user_id, *used))
        return identity

    def make_token(self, user_id: str, *, ttl_s: int, device_id: str | None = None) -> str:
        """A token for this user, signed with the configured secret, valid for `ttl_s` seconds."""
        token_id = self._random_bytes(TOKEN_ID_BYTES).hex()
        return _sign(
            self._keys.first, self._config, user_id, self._clock.now_ms(), ttl_s, device_id, token_id
        )

    def short_token(self, user_id: str, *, ttl_s: int, device_id: str) -> ShortToken:
        """The same for a device, no longer than any token may live, with its end (UTC ms)."""
        ttl_s = min(ttl_s, self._config.max_token_ttl_s)
        expires_at = (self._clock.now_ms() // 1000 + ttl_s) * 1000
        return ShortToken(self.make_token(user_id, ttl_s=ttl_s, device_id=device_id), expires_at)

    @property
    def signs(self) -> bool:
        """Whether it can make tokens."""
        return self._keys.first.signs

    def derived(self, label: bytes, data: bytes) -> bytes:
        """32 bytes that nobody can tell who has not our secret, always the same for the same. Raises `ConfigError`."""
        key = self._keys.first
        if not key.signs:
            raise _made_elsewhere(key.field)
        return hmac.digest(key.material.encode(), label + b"\0" + data, "sha256")

    # -- the parts of a check -----------------------------------------------------------------------------------------

    def _claims(self, token: str) -> dict[str, Any]:
        options: Any = {
            "require": ["sub", "exp"],
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        }
        try:
            key = self._keys.of(jwt.get_unverified_header(token).get("kid") if self._keys.named else None)
            if key is None:
                raise NotAuthorized("no such key")
            claims: dict[str, Any] = jwt.decode(
                token, key.material, algorithms=[key.algorithm], options=options
            )
        except Exception as error:
            # Not only PyJWTError: a header of brackets ends in RecursionError. Whatever error an unauthenticated text causes,
            # it is no good token.
            raise NotAuthorized(f"token: {error}") from None
        # A token without `jti` is known by its text, and nothing signs how the signature is spelt: with `=`, or other bits that
        # count for nothing, it would be another token, which nobody has revoked or bound to a device.
        signature = token.rpartition(".")[2].encode()
        if base64url_encode(base64url_decode(signature)) != signature:
            raise NotAuthorized("token: its signature is spelt in another way")
        # Time is ours to read (injected clock), so the time claims are checked here and not by the library.
        now_s = self._clock.now_ms() / 1000
        if not _is_number(claims["exp"]) or now_s >= claims["exp"]:
            raise NotAuthorized("token expired")
        issued_s = _issued_s(claims, now_s)
        life_s = claims["exp"] - (now_s if issued_s is None else min(now_s, issued_s))
        if life_s > self._config.max_token_ttl_s + CLOCKS_DIFFER_S:
            raise NotAuthorized("token lives for too long")
        if "nbf" in claims and (not _is_number(claims["nbf"]) or now_s < claims["nbf"]):
            raise NotAuthorized("token not valid yet")
        if not isinstance(claims["sub"], str) or not valid_user_id(claims["sub"]):
            raise NotAuthorized("token: sub is no user id")
        scope = claims.get("scope", CHAT_SCOPE)
        if not isinstance(scope, str) or CHAT_SCOPE not in scope.split():
            raise NotAuthorized("token is for something else")
        return claims

    async def _account(self, user_id: str) -> str:
        """The id of the account that the token's `sub` names: exactly that one, or the one of its canonical form."""
        canonical = canonical_user_id(user_id)
        if canonical == user_id:
            return user_id
        found = await self._store.read(lambda reader: reader.users([user_id, canonical]))
        return found[0].user_id if found else canonical

    async def _let_in(
        self, user_id: str, device_id: str, token_id: str, claims: Mapping[str, Any]
    ) -> tuple[Identity, tuple[int, int, int]]:
        """One read, and a write at the first use of a token. One that names its device is let in if the store has no room for
        that: nothing hangs on it."""
        found = await self._store.read(lambda reader: reader.sign_in(user_id, token_id, device_id))
        user, bound = found.user, found.bound_device
        issued_at, expires_at = _ms(_issued_s(claims, self._clock.now_ms() / 1000)), int(claims["exp"] * 1000)
        used_at = self._clock.now_ms() if found.bound_at is None else found.bound_at
        identity_issued_at = issued_by(issued_at, used_at)
        _judge(found, identity_issued_at)
        made = user is None and self._config.create_users
        if made or (user is not None and (bound is None or (found.expires_at or 0) < expires_at)):

            def first_use(tx: Transaction) -> tuple[User, str | None]:
                account = _made_user(tx, user_id)
                return account, tx.bind_token(token_id, user_id, device_id, issued_at, expires_at)

            try:
                user, bound = await self._store.write(first_use)
            except Refusal as refusal:
                if refusal.code is RefusalCode.INVALID:
                    raise NotAuthorized(f"no account for this user: {refusal.text}") from None
                if made or "device" not in claims:
                    raise
        if user is None:
            raise NotAuthorized("no such user")
        _require_person(user)
        if "device" not in claims and bound != device_id:
            raise NotAuthorized("token was first used by another device")
        return Identity(user, device_id, token_id, int(claims["exp"]), identity_issued_at), found.used


def issued_by(issued_at: int | None, used_at: int) -> int | None:
    """When a token was issued at the latest, of one that was first used at `used_at` (both UTC ms): an issuer whose clock is
    ahead says a time behind its use, and made it before that, also if its use and a revocation are of one millisecond."""
    return used_at - 1 if issued_at is not None and issued_at > used_at else issued_at


def _judge(found: SignIn, issued_at: int | None) -> None:
    """Whether the account and the token are good. Raises `NotAuthorized`."""
    if found.user is not None:
        _require_person(found.user)
    if not found.active:
        raise NotAuthorized("the account is disabled")
    if found.revoked:
        raise NotAuthorized("the token was revoked")
    if found.revoked_before and (issued_at is None or issued_at < found.revoked_before):
        raise NotAuthorized("tokens of before were revoked")


def _require_person(user: User) -> None:
    if user.kind == BOT:
        raise NotAuthorized("a bot does not log in")


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
    first = config.keys[0] if config.keys else config
    if first.public_key_file:
        raise _made_elsewhere("$.auth.keys[0].public_key_file" if config.keys else PUBLIC_KEY_FILE)
    token_id = secrets.token_hex(TOKEN_ID_BYTES)
    return _sign(load_keys(config).first, config, user_id, now_ms, ttl_s, device_id, token_id)


def _sign(
    key: Key,
    config: AuthConfig,
    user_id: str,
    now_ms: int,
    ttl_s: int,
    device_id: str | None,
    token_id: str,
) -> str:
    if not key.signs:
        raise _made_elsewhere(key.field)
    if ttl_s > config.max_token_ttl_s:
        raise ConfigError("$.auth.max_token_ttl_s", f"a token lives for at most {config.max_token_ttl_s} s")
    # With milliseconds: a token that is made in the second of a revocation is a later one.
    claims: dict[str, Any] = {
        "sub": user_id,
        "iat": now_ms / 1000,
        "exp": now_ms // 1000 + ttl_s,
        "jti": token_id,
    }
    if device_id is not None:
        claims["device"] = device_id
    headers = {"kid": key.key_id} if key.key_id else None
    return jwt.encode(claims, key.material, algorithm=key.algorithm, headers=headers)


def _made_elsewhere(field: str) -> ConfigError:
    return ConfigError(field, "tokens are made by whoever holds the private key")


def token_id_of(user_id: str, shown: str) -> str:
    """The id of a token by what is shown of it: its `jti`, or `sha256:…`."""
    digest = shown.removeprefix(DIGEST_PREFIX)
    return digest if digest != shown else f"{user_id}\n{shown}"


def shown_token_id(token_id: str) -> str:
    """What stands for a token's id where people see it."""
    _, newline, jti = token_id.partition("\n")
    return jti if newline else DIGEST_PREFIX + token_id


def _issued_s(claims: Mapping[str, Any], now_s: float) -> float | None:
    """When it was made; None if it does not say, or nothing that can be true."""
    issued: float | None = claims.get("iat")
    return issued if issued is not None and _is_number(issued) and issued <= now_s + CLOCKS_DIFFER_S else None


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _token_id(claims: dict[str, Any], token: str) -> str:
    """`jti` within its user (ids of two issuers may collide), or a digest of a token that has none."""
    if "jti" not in claims:
        return hashlib.sha256(token.encode()).hexdigest()[:32]
    jti = claims["jti"]
    if not isinstance(jti, str) or not valid_user_id(jti):
        # Not taken for a token without one: whoever revokes tokens by their id would never reach it.
        raise NotAuthorized("token: jti is not 1-64 printable bytes")
    if jti.startswith(DIGEST_PREFIX):
        raise NotAuthorized(
            "token: jti looks like a digest"
        )  # nobody could tell which of the two is to be revoked
    return f"{claims['sub']}\n{jti}"


def _is_number(value: Any) -> bool:
    """True for a number that can be a time: Python's JSON reads NaN and Infinity, too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_TIME_S
