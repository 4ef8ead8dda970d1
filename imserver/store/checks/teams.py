"""Checks of teams: which groups are teams, who belongs to them, and cursors of those who are members by a team."""

from __future__ import annotations

from imserver.store.checks.check_run import CheckRun, read_content
from imserver.store.engine.transaction import MAX_TEAM_PERSONS

TEAMS, TEAM_MEMBERS, TEAM_CURSORS = "teams", "members of teams", "cursors of teams"

_WRONG_TEAMS = (
    "SELECT c.conversation_id, c.team FROM conversations c LEFT JOIN conversations t ON t.no = c.team"
    " WHERE c.team IS NOT NULL AND (c.kind <> 'group' OR t.no IS NULL OR t.kind <> 'group' OR t.team IS NOT NULL)"
)
_OTHER_HEADS = (
    "SELECT c.conversation_id, h.team, c.team FROM heads h JOIN conversations c ON c.no = h.conversation_no"
    " WHERE h.team IS NOT c.team"
)
#: A bot is in no team. Before schema 5 accounts have no kind; no conversation had a team then.
_KINDS_SINCE = 5
_PERSONS = (
    "SELECT m.conversation_no AS team_no, m.user_no, m.joined_at FROM members m JOIN users u ON u.no = m.user_no"
    " WHERE m.left_at IS NULL AND u.kind = 'person'"
    " AND m.conversation_no IN (SELECT team FROM conversations WHERE team IS NOT NULL)"
)
_NOT_LISTED = (
    f"SELECT p.team_no, p.user_no FROM ({_PERSONS}) p LEFT JOIN team_members t"  # noqa: S608 - constants
    " ON t.team_no = p.team_no AND t.user_no = p.user_no WHERE t.user_no IS NULL"
)
_LISTED = (
    "SELECT t.team_no, t.user_no, t.joined, p.joined_at FROM team_members t"  # noqa: S608 - constants
    f" LEFT JOIN ({_PERSONS}) p ON p.team_no = t.team_no AND p.user_no = t.user_no"
)
_TOO_MANY = (
    "SELECT team_no, count(*) FROM team_members GROUP BY team_no"  # noqa: S608 - constants
    f" HAVING count(*) > {MAX_TEAM_PERSONS}"
)
_CURSORS = (
    "SELECT t.conversation_no, t.user_no, t.seen_no, t.delivered, t.read, t.settings, t.settings_seq, h.position,"
    # Cursors of a row that ended are kept for the team, too, though its user may never have been in it.
    " h.unread_no, m.user_no IS NOT NULL OR (c.team IS NOT NULL AND (o.left_at IS NOT NULL OR o.joined_at > 1))"
    " FROM team_cursors t"
    " LEFT JOIN conversations c ON c.no = t.conversation_no"
    " LEFT JOIN heads h ON h.conversation_no = t.conversation_no"
    " LEFT JOIN members m ON m.conversation_no = c.team AND m.user_no = t.user_no"
    " LEFT JOIN members o ON o.conversation_no = t.conversation_no AND o.user_no = t.user_no"
)
#: Whether a user is, or was, a member of a conversation by its team: then a row may be missing, or have ended.
EVER_BY_TEAM = (
    "SELECT 1 FROM conversations c JOIN members t ON t.conversation_no = c.team"
    " WHERE c.no = {place} AND t.user_no = {user}"
)
#: The version of the schema that came with teams.
TEAMS_SINCE = 2


def ever_by_team(run: CheckRun, no: int, user_no: int) -> bool:
    """The same, of one user."""
    if run.version < TEAMS_SINCE:
        return False
    return run.one(EVER_BY_TEAM.format(place="?", user="?"), (no, user_no)) is not None


def teams(run: CheckRun) -> None:
    """Check that a team is a group without a team, heads agree, the persons are its members, cursors are within the head."""
    run.looked_at(TEAMS, run.number("SELECT count(*) FROM conversations WHERE team IS NOT NULL"))
    run.list(
        TEAMS,
        _WRONG_TEAMS,
        lambda name, team: f"{name} has the team {run.conversation(team)}, which cannot be",
    )
    run.list(
        TEAMS,
        _OTHER_HEADS,
        lambda name, head, team: f"{name} has team no. {team}, and its head says {head}",
    )
    _persons(run)
    _cursors(run)


def _persons(run: CheckRun) -> None:
    if run.version < _KINDS_SINCE:
        run.looked_at(TEAM_MEMBERS, 0)
        return
    run.list(
        TEAM_MEMBERS,
        _NOT_LISTED,
        lambda team, user: f"{run.user(user)} is a member of {run.conversation(team)}, and not of the team",
    )
    run.list(
        TEAM_MEMBERS,
        _TOO_MANY,
        lambda team, count: f"the team {run.conversation(team)} has {count} persons",
    )
    for team, user, joined, joined_at in run.rows(_LISTED):
        run.looked_at(TEAM_MEMBERS, 1)
        message = None if joined_at is None else run.message_at(team, joined_at)
        name = f"{run.user(user)} in the team {run.conversation(team)}"
        if joined_at is None:
            run.found(TEAM_MEMBERS, f"{name} is no member there, or no person, or it is no team")
        elif message is not None and message.change != joined:
            run.found(TEAM_MEMBERS, f"{name} joined with change {message.change}, not {joined}")


def _cursors(run: CheckRun) -> None:
    for no, user, seen_no, delivered, read, settings, settings_seq, head, unread, known in run.rows(_CURSORS):
        run.looked_at(TEAM_CURSORS, 1)
        wrong = ""
        if not known:
            wrong = "was never in its team"
        elif not 0 <= read <= delivered <= (head or 0):
            wrong = f"has read {read} and got {delivered} of {head}"
        elif not (run.unread_at(no, read) or 0) <= seen_no <= (unread or 0):
            wrong = f"counts unread from {seen_no}"
        elif settings_seq < 0 or (settings is not None and isinstance(read_content(settings), str)):
            wrong = f"has settings {settings_seq}, which are no map"
        if wrong:
            run.found(TEAM_CURSORS, f"{run.user(user)} in {run.conversation(no)} {wrong}")
