"""users: names of users (SPEC, "members and users")."""

from __future__ import annotations

from .descriptors import Method, Shape


class UsersParams(Shape, frozen=True):
    """At most `MAX_USERS_ASKED` of them."""

    user_ids: list[str]


class UserRow(Shape, frozen=True):
    """An account as others see it. `kind`: `person` or `bot`; a word that is not known is a person's."""

    user_id: str
    display_name: str
    language: str
    kind: str = "person"


USERS = Method("users", UsersParams, tuple[UserRow, ...])
