"""renew: extend a session by a newer token (SPEC, "Tokens")."""

from __future__ import annotations

from .descriptors import Method, Number, Shape


class RenewParams(Shape, frozen=True):
    """A token of the same user and device."""

    token: str


class RenewResult(Shape, frozen=True):
    """When that token expires."""

    expires_at_ms: Number


RENEW = Method("renew", RenewParams, RenewResult)
