"""The meaning of a line typed in the chat: a command of ours, the number of a button, or a message."""

from __future__ import annotations

from collections.abc import Mapping

from imserver.cli.sanitize import safe_line
from imserver.cli.text_width import clip, pad, width
from imserver_client import ClientError, Disconnected, Member, Refused, Stopped

from .looks import ChatCommand
from .render import Row, preview
from .session import OPENING_ITEMS, ChatSession

#: Most messages of one `/history`: the server's page.
MAX_HISTORY = 200
TITLE_CELLS = 24
#: A button with this command leads to a conversation, here and not by way of the bot.
OPENS = "/open "


async def handle_line(session: ChatSession, line: str) -> bool:
    """Handle a typed line. False means that the user wants to leave."""
    if not line.strip():
        return True
    word, _, rest = line.strip().partition(" ")
    command = _commands(session).get(word.lower())
    try:
        if command is not None:
            return await command.handler(session, rest.strip()) is not False
        action = session.action(line)
        if action is not None and await _leads(session, action.command):
            return True
        await session.post(action.command if action is not None else line.strip("\r\n"))
    except (Disconnected, Stopped):
        return False
    except ClientError as error:
        await session.complain(session.reason(error) if isinstance(error, Refused) else str(error))
    return True


async def _leads(session: ChatSession, command: str) -> bool:
    """Open the conversation that a button leads to: one of one's own, by its id, and nothing else."""
    if not command.startswith(OPENS):
        return False
    target = command.removeprefix(OPENS)
    known = target in session.places or any(
        row.conversation_id == target for row in await session.load_list()
    )
    if known:
        await session.open(target)
    return known


async def _open(session: ChatSession, name: str) -> None:
    """A number of the last /list, a conversation's id, a user, or (the beginning of) a title."""
    if not name:
        await session.complain("/open NAME: whom or what? /list shows conversations")
        return
    conversation_id = await _find(session, name)
    if conversation_id is None:
        await session.complain(f"there is neither a user nor a conversation called “{safe_line(name)}”")
    else:
        await session.open(conversation_id)


async def _find(session: ChatSession, name: str) -> str | None:
    if name.isdigit() and 1 <= int(name) <= len(session.listed):
        return session.listed[int(name) - 1]
    if name in session.places:
        return name
    if name != session.client.user_id and await session.client.users([name]):
        return session.client.direct(name)
    rows = await session.load_list()
    wanted = name.casefold()
    by_title = [session.place(row.conversation_id) for row in rows]
    exact = [place for place in by_title if place.title.casefold() == wanted]
    begun = [place for place in by_title if place.title.casefold().startswith(wanted)]
    found = exact or begun
    return found[0].conversation_id if len(found) == 1 or exact else None


async def _list(session: ChatSession, _: str) -> None:
    rows = await session.load_list()
    if not rows:
        await session.say("no conversations yet; /open NAME begins one")
        return
    session.listed = [row.conversation_id for row in rows]
    lines: list[Row] = []
    for number, row in enumerate(rows, 1):
        place = session.place(row.conversation_id)
        title = pad(clip(place.title, TITLE_CELLS), TITLE_CELLS)
        unread = f"{place.unread_text()} unread" if place.unread else ""
        head = f"{number:>3}  {title}  {unread:<10} "
        last = preview(row.last.content, max(10, session.screen.width - width(head) - 1)) if row.last else ""
        here = "class:you" if place is session.current else "class:who"
        lines.append(
            [("class:button", head[:5]), (here, title), ("class:tick", head[5 + len(title) :] + last)]
        )
    await session.screen.show(lines)


async def _history(session: ChatSession, count: str) -> None:
    if session.current is None:
        await session.complain("no conversation is open: /open NAME, or /list")
    elif count and not (count.isascii() and count.isdigit() and 1 <= int(count) <= MAX_HISTORY):
        await session.complain(f"/history COUNT: 1 to {MAX_HISTORY}")
    else:
        await session.show_history(session.current, int(count or OPENING_ITEMS))


async def _members(session: ChatSession, _: str) -> None:
    if session.current is None:
        await session.complain("no conversation is open: /open NAME, or /list")
        return
    members = await session.client.members(session.current.conversation_id)
    await session.names.learn(member.user_id for member in members[:100])
    shown = [
        f"{safe_line(session.names(member.user_id))} ({safe_line(member.user_id)}, {_part(session, member)})"
        for member in members[:100]
    ]
    more = f" and {len(members) - 100} more" if len(members) > 100 else ""
    await session.say(f"{len(members)} members: {', '.join(shown)}{more}")


def _part(session: ChatSession, member: Member) -> str:
    return f"{member.role}, bot" if session.names.is_bot(member.user_id) else member.role


async def _say(session: ChatSession, text: str) -> None:
    if text:
        await session.post(text)


async def _again(session: ChatSession, _: str) -> None:
    await session.send_again()


async def _help(session: ChatSession, _: str) -> None:
    commands = _commands(session).values()
    cells = max(width(command.usage) for command in commands) + 3
    lines = [f"{pad(command.usage, cells)}{command.help}" for command in commands]
    lines.append(f"{pad('1, 2, 3 …', cells)}press that button of the last card")
    lines.append(
        "Everything else is posted, also /words for bots, such as /ping. Ticks: ✓ stored, ✓✓ delivered, then read."
    )
    await session.say("\n".join(lines))


async def _quit(session: ChatSession, _: str) -> bool:
    return False


#: The chat's own words; everything else that begins with a slash belongs to bots.
COMMANDS: dict[str, ChatCommand] = {
    "/open": ChatCommand(
        _open, "/open NAME", "talk with a user, or in a conversation (name or number of /list)"
    ),
    "/list": ChatCommand(_list, "/list", "conversations, newest first, with unread counts"),
    "/history": ChatCommand(_history, "/history [COUNT]", f"the last messages here (up to {MAX_HISTORY})"),
    "/members": ChatCommand(_members, "/members", "who is in this conversation"),
    "/say": ChatCommand(_say, "/say TEXT", "post TEXT as it is: a digit, or a word such as /help"),
    "/again": ChatCommand(_again, "/again", "send again what was lost, after the server was set back"),
    "/help": ChatCommand(_help, "/help", "this"),
    "/quit": ChatCommand(_quit, "/quit", "leave (Ctrl-D does it too)"),
}


def _commands(session: ChatSession) -> Mapping[str, ChatCommand]:
    """The chat's own, and those of the features that it shows; none of these takes one of ours."""
    return COMMANDS | {word: command for word, command in session.commands.items() if word not in COMMANDS}
