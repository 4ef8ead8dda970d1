"""Checks of accounts since they have states: kinds, roles with their givers, what was revoked, blocks, what is used."""

from __future__ import annotations

from imserver.model import BOT, PERSON
from imserver.store.checks.check_run import CheckRun

STATES, ROLES, REVOCATIONS, SHUT_OUT, USED = (
    "states of accounts",
    "roles",
    "revocations",
    "people shut out",
    "bytes used",
)

_WRONG_TIMES = (
    "SELECT token_id, issued_at, expires_at FROM tokens"
    " WHERE expires_at < 0 OR (issued_at IS NOT NULL AND expires_at IS NULL)"
)
#: A token's name begins with its user's, or is a digest.
_WRONG_TOKENS = (
    "SELECT r.token_id, r.user_no FROM revoked_tokens r LEFT JOIN users u ON u.no = r.user_no WHERE u.no IS NULL"
    " OR (instr(r.token_id, char(10)) > 0 AND substr(r.token_id, 1, length(u.user_id) + 1) <> u.user_id || char(10))"
    " OR r.token_id = '' OR r.at < 0 OR r.until < 0"
)
_WRONG_BEFORE = (
    "SELECT user_no, device_id, before, until FROM revoked_before"
    " WHERE user_no NOT IN (SELECT no FROM users) OR before < 0 OR until < before"
)
_WRONG_SHUT_OUT = (
    "SELECT user_no, blocked_no FROM blocks WHERE user_no = blocked_no OR at < 0"
    " OR user_no NOT IN (SELECT no FROM users) OR blocked_no NOT IN (SELECT no FROM users)"
)
_WRONG_USED = (
    "SELECT user_no, bytes, day, day_bytes FROM used"
    " WHERE user_no NOT IN (SELECT no FROM users) OR bytes < 0 OR day < 0 OR day_bytes < 0 OR day_bytes > bytes"
)


def states(run: CheckRun) -> None:
    """Check that each account is a person or a bot, and no bot is disabled; and that tokens have times."""
    for user_id, kind, disabled_at, made_at in run.rows(
        "SELECT user_id, kind, disabled_at, made_at FROM users"
    ):
        run.looked_at(STATES, 1)
        if kind not in (PERSON, BOT):
            run.found(STATES, f"{user_id} is {kind!r}, neither a person nor a bot")
        if disabled_at is not None and (disabled_at < 0 or kind == BOT):
            run.found(STATES, f"{user_id}, a {kind}, is disabled since {disabled_at}")
        if made_at < 0:
            run.found(STATES, f"{user_id} was made at {made_at}")
    run.list(
        STATES,
        _WRONG_TIMES,
        lambda name, issued, expires: f"token {name!r} was issued at {issued} and expires at {expires}",
    )


def roles(run: CheckRun) -> None:
    """Check that an account has the roles that were given to it, each once."""
    run.looked_at(ROLES, run.number("SELECT count(*) FROM given_roles"))
    run.list(
        ROLES,
        "SELECT user_no, role, giver FROM given_roles WHERE user_no NOT IN (SELECT no FROM users)",
        lambda no, role, giver: f"{giver!r} gave {role!r} to {run.user(no)}",
    )
    for no, user_id, column in run.rows(
        "SELECT no, user_id, roles FROM users WHERE roles <> '' OR no IN (SELECT user_no FROM given_roles)"
    ):
        has = column.split("\n") if column else []
        given = {role for (role,) in run.rows("SELECT role FROM given_roles WHERE user_no = ?", (no,))}
        if len(has) != len(set(has)) or set(has) != given:
            run.found(ROLES, f"{user_id} has the roles {has}, and was given {sorted(given)}")


def revocations(run: CheckRun) -> None:
    """Check that what was revoked is a user's."""
    tables = ("revoked_tokens", "revoked_before")
    run.looked_at(REVOCATIONS, sum(run.number(f"SELECT count(*) FROM {table}") for table in tables))  # noqa: S608 - of these
    run.list(REVOCATIONS, _WRONG_TOKENS, lambda name, no: f"token {name!r} was revoked for {run.user(no)}")
    run.list(
        REVOCATIONS,
        _WRONG_BEFORE,
        lambda no, device, before, until: (
            f"tokens of device {device!r} of {run.user(no)} are revoked: before {before}, until {until}"
        ),
    )


def shut_out(run: CheckRun) -> None:
    """Check that nobody blocks himself, or nobody."""
    run.looked_at(SHUT_OUT, run.number("SELECT count(*) FROM blocks"))
    run.list(SHUT_OUT, _WRONG_SHUT_OUT, lambda no, blocked: f"{run.user(no)} blocks {run.user(blocked)}")


def used(run: CheckRun) -> None:
    """Check that what was used on a day is a part of all."""
    run.looked_at(USED, run.number("SELECT count(*) FROM used"))
    run.list(
        USED,
        _WRONG_USED,
        lambda no, whole, day, of_day: (
            f"{run.user(no)} has used {whole} bytes, {of_day} of them on day {day}"
        ),
    )
