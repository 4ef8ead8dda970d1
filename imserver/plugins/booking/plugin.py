"""The plugin object: registers commands, listeners and timers, and runs each event as one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import resources
from typing import Any, ClassVar

import msgspec

from imserver.plugin_api import (
    Call,
    Check,
    Context,
    MessagePosted,
    Migration,
    SetBack,
    TimerFired,
    Transaction,
    decode_content,
)

from . import staffing, to_teams
from .checks import CHECKS
from .dialogue import handoff, holding, quiet, router
from .dialogue.router import COMMANDS, Incoming
from .journey import reminders, set_back
from .messages.shop_texts import ShopTexts
from .schedule.shops import ChainError, load_chain
from .understanding.alarms import STEP_CHARS, strongest


class BookingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[plugins.booking]`."""

    #: The name of a chain that ships (`demo`), or the path of a chain file (`….toml`).
    chain: str = "demo"


def _texts_of(source: str) -> ShopTexts:
    chain = load_chain(source)
    try:
        return ShopTexts.of(chain)
    except ChainError as error:  # in its texts, which do not know where they were read
        raise ChainError(f"{source}: {str(error).removeprefix('chain: ')}") from None


class BookingPlugin:
    """Eye-exam appointments inside the chat window."""

    name = "booking"
    config_type = BookingConfig
    checks: ClassVar[Mapping[str, Check]] = CHECKS

    def __init__(self) -> None:
        self._context: Context | None = None
        self._texts: ShopTexts | None = None

    @property
    def migrations(self) -> Sequence[Migration]:
        folder = resources.files(__package__) / "migrations"
        files = sorted(
            (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
        )
        return [Migration(int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files]

    @property
    def cli(self) -> Any:
        """The click command behind `imserver booking`; click comes with the server's extra, so it is imported late."""
        from .command_line import booking as command

        return command

    async def start(self, context: Context) -> None:
        """Load the chain (a mistake in it stops the start), make bots and staff groups, register everything."""
        texts = _texts_of(context.config.chain)
        self._context, self._texts = context, texts
        chain = texts.chain
        language = "zh-CN" if chain.staff_language == "zh" else "en"
        await context.ensure_bot(chain.bot, chain.names.in_language(chain.staff_language), language=language)
        for shop in chain.stores:
            await context.ensure_bot(
                shop.bot, shop.names.in_language(chain.staff_language), language=language
            )
        await self._settle_staff(texts)
        await context.transaction(lambda tx: holding.expire_overdue(tx, texts))
        for command in COMMANDS:
            context.command(command.name, self._command, help=command.help, aliases=command.aliases)
        context.on(MessagePosted, self._message)
        context.timer(holding.HOLD_TIMER, self._hold_ended)
        context.timer(reminders.TIMER, self._reminder_due, sends=True)
        context.timer(set_back.TIMER, self._tell_set_back)
        context.set_back(self._set_back)
        context.timer(handoff.UNANSWERED_TIMER, self._unanswered)
        context.timer(to_teams.TIMER, self._to_team)
        context.may_block(partial(quiet.may_block, texts=texts))

    async def stop(self) -> None:
        """The host undoes the registrations; nothing else was taken."""
        self._context = self._texts = None

    async def _settle_staff(self, texts: ShopTexts) -> None:
        """Staff are whom the chain file names, from here on."""
        context, chain = self._context, texts.chain
        assert context is not None
        for bot in await context.transaction(lambda tx: staffing.former_bots(tx, chain)):
            await context.ensure_bot(bot.user_id, bot.display_name, language=bot.language)
        settled = await context.transaction(lambda tx: staffing.settle(tx, chain, texts.catalogue))
        await context.transaction(to_teams.begin)
        if settled.ended:
            context.log.info("staff_ended", users=settled.ended)
        if settled.disabled:
            context.log.warning("staff_disabled", users=settled.disabled)
        if settled.not_added:
            context.log.warning("staff_not_added", users=settled.not_added)
        if settled.lost:
            context.log.error("staff_group_lost", stores=settled.lost)

    async def _to_team(self, event: TimerFired) -> None:
        assert self._context is not None
        lost = await self._context.transaction(to_teams.step, event=event)
        if lost:
            self._context.log.error("service_conversations_lost", conversations=lost)

    async def _command(self, call: Call) -> None:
        message = await self._incoming(call.event)
        if message is not None:
            await self._unit(
                partial(
                    router.hear_command,
                    texts=self._shop_texts,
                    message=message,
                    name=call.name,
                    arguments=call.arguments,
                ),
                call.event,
            )

    async def _message(self, event: MessagePosted) -> None:
        message = await self._incoming(event)
        if message is not None:
            await self._unit(partial(router.hear_text, texts=self._shop_texts, message=message), event)

    async def _incoming(self, event: MessagePosted) -> Incoming | None:
        message = _incoming(event)
        if message is None:
            return None
        assert self._context is not None
        if len(message.text) > self._context.max_text_chars:
            message = replace(message, for_people=True)
        for flag in self._shop_texts.red_flags.look(message.text):
            if flag is not None:
                message = replace(message, flag=strongest((message.flag, flag)))
                if flag.urgent:
                    break
            if len(message.text) > STEP_CHARS:
                await asyncio.sleep(0)  # a long text delays no other event
        return message

    async def _hold_ended(self, event: TimerFired) -> None:
        number = _whole(event.payload["appointment"])
        await self._unit(partial(holding.expire, texts=self._shop_texts, appointment_id=number), event)

    async def _reminder_due(self, event: TimerFired) -> None:
        payload = event.payload
        await self._unit(
            partial(
                reminders.fire,
                texts=self._shop_texts,
                appointment_id=_whole(payload["appointment"]),
                version=_whole(payload["version"]),
                kind=str(payload["kind"]),
            ),
            event,
        )

    async def _set_back(self, event: SetBack) -> None:
        await self._unit(partial(set_back.begin, texts=self._shop_texts, event=event), event)

    async def _tell_set_back(self, event: TimerFired) -> None:
        payload = event.payload
        await self._unit(
            partial(
                set_back.tell,
                texts=self._shop_texts,
                store_id=str(payload["store"]),
                to=_whole(payload["to"]),
                until=_whole(payload["until"]),
                reminder_count=_whole(payload["reminders"]),
                after=str(payload["after"]),
            ),
            event,
        )

    async def _unanswered(self, event: TimerFired) -> None:
        payload = event.payload
        await self._unit(
            partial(
                handoff.unanswered,
                texts=self._shop_texts,
                conversation_id=str(payload["conversation"]),
                since=_whole(payload["since"]),
            ),
            event,
        )

    async def _unit(
        self, fn: Callable[[Transaction], None], event: MessagePosted | TimerFired | SetBack
    ) -> None:
        """One event, one transaction: rows, replies, timers and the mark that it is handled."""
        assert self._context is not None
        await self._context.transaction(fn, event=event)

    @property
    def _shop_texts(self) -> ShopTexts:
        assert self._texts is not None, "the plugin is not started"
        return self._texts


def _incoming(event: MessagePosted) -> Incoming | None:
    """The message of a person; None for tombstones and for the server's own messages (`system`)."""
    message = event.message
    content = None if message.content is None else decode_content(message.content)
    if content is None or content.get("type") == "system":
        return None
    text = content.get("text", "") if content.get("type") == "text" else ""
    return Incoming(
        message.conversation_id,
        message.sender_id,
        event.audience,
        text if isinstance(text, str) else "",
        message.position,
    )


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
