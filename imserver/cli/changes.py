"""What a command may say of an account, checked before it is asked for, and again by the server that is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import click

from imserver.chat.naming import MAX_DISPLAY_NAME_CHARS, is_name

from .token import check_name

#: BCP 47 as far as it is used here: a language, then perhaps script and region.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
#: A role is the application's own word.
_ROLE = re.compile(r"[\w.:-]{1,64}")
MAX_ROLES = 64


def checked_changes(
    name: str, display_name: str | None, language: str | None, roles: Sequence[str] | None
) -> dict[str, Any]:
    """The arguments of `put_user`, or click.BadParameter. None: it stays as it is."""
    check_name(name)
    if display_name is not None and not is_name(display_name):
        raise click.BadParameter(f"1-{MAX_DISPLAY_NAME_CHARS} printable characters", param_hint="--name")
    if language is not None and _LANGUAGE.fullmatch(language) is None:
        raise click.BadParameter(f"{language!r}: a tag such as en or zh-CN", param_hint="--language")
    for role in roles or ():
        if _ROLE.fullmatch(role) is None:
            raise click.BadParameter(f"{role!r}: a word without spaces", param_hint="--role")
    if roles is not None and len(roles) > MAX_ROLES:
        raise click.BadParameter(f"at most {MAX_ROLES}", param_hint="--role")
    given = {
        "display_name": display_name,
        "language": language,
        "roles": None if roles is None else list(roles),
    }
    return {"user_id": name, **{field: value for field, value in given.items() if value is not None}}
