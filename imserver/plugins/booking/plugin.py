"""The plugin object: registers commands, listeners and timers, and runs each event as one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from imserver.plugin_api import (
    Call,
    Check,
    Context,
    Effects,
    MessagePosted,
    Migration,
    Operation,
    SetBack,
    Stale,
    TakeOver,
    TimerFired,
    Transaction,
    decode_content,
)

from . import flagged, members, operations, persons, staffing, strays, to_teams
from .beside import beside
from .checks import CHECKS
from .dates.deferred import compile_all
from .dialogue import consent, handoff, holding, joined, link, quiet, router, take_over
from .dialogue.incoming import Incoming
from .dialogue.router import COMMANDS
from .journey import offers, plan_end, reminders, requests, set_back, unconfirmed
from .judging import bots_of, judged, made
from .messages.shop_texts import ShopTexts
from .messages.texts import language_of
from .operations import BookingConfig
from .page_files import PageFiles
from .read_once import read_once
from .schedule import changes, codes, consents, leave
from .schedule.asked import tell_all
from .schedule.asked_by_staff import tell_all_staff
from .schedule.changes import ChainFile
from .web.chains import Chains
from .web.event_file import EventFiles
from .web.reads import Reads
from .web.staff_reads import StaffReads


class BookingPlugin:
    """Eye-exam appointments inside the chat window."""

    name = "booking"
    config_type = BookingConfig
    checks: ClassVar[Mapping[str, Check]] = CHECKS

    def __init__(self) -> None:
        self._context: Context | None = None
        self._file: ChainFile | None = None
        self._texts: ShopTexts | None = None
        #: Texts that a transaction found to be those of an older chain than the one in effect.
        self._outdated: ShopTexts | None = None
        #: Held while they are made: whoever needs the same waits for it.
        self._making = asyncio.Lock()

    @property
    def migrations(self) -> Sequence[Migration]:
        folder = resources.files(__package__) / "migrations"
        files = sorted(
            (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
        )
        return [Migration(int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files]

    @property
    def operations(self) -> Mapping[str, Operation]:
        """What `imserver booking import` and `export` ask, of the running plugin or of its tables."""
        return {
            "changes": operations.changes,
            "export": operations.export,
            "settle": self._settle_import,
        }

    @property
    def cli(self) -> Any:
        """The click command behind `imserver booking`; click comes with the server's extra, so it is imported late."""
        from .command_line import booking as command

        return command

    async def start(self, context: Context) -> None:
        """Load the chain (a mistake in it stops the start), make bots and staff groups, register everything."""
        self._context = context
        chains = Chains(self._file_of)
        reads = Reads(context, chains)
        reads.register(context)  # first: what follows tells of changes
        StaffReads(context, chains).register(context)
        EventFiles(context, reads).register()
        file = await judged(context)
        await self._take_over(file, await made(context, file))
        await beside(compile_all)  # nobody waits yet; half a second in one piece would be one all the same
        await self._unit(holding.expire_overdue)
        for command in COMMANDS:
            context.command(
                command.name,
                self._command,
                help=command.help,
                aliases=command.aliases,
                wants_sender=False,  # the transaction asks for more; a read before it is two more hops between threads
            )
        context.on(MessagePosted, self._message)
        context.timer(holding.HOLD_TIMER, self._hold_ended)
        context.timer(reminders.TIMER, self._reminder_due, sends=True)
        context.timer(set_back.TIMER, self._tell_set_back)
        context.set_back(self._set_back)
        context.timer(handoff.UNANSWERED_TIMER, self._unanswered)
        context.timer(take_over.TIMER, self._taken_long)
        context.timer(take_over.LEFT_TIMER, self._takers_left)
        context.timer(to_teams.TIMER, self._to_team)
        context.timer(offers.TIMER, self._offers_due)
        context.timer(requests.TIMER, self._request_waits)
        context.timer(plan_end.TIMER, self._plan_waits)
        for name, work in link.TIMERS.items():
            context.timer(name, partial(self._timed, work))
        context.timer(consents.TIMER, self._consent_ended)
        context.may_block(self._may_block)
        context.carry_over(self._carry_over)
        context.export(persons.export)
        context.erase(persons.erase)
        context.renamed(self._renamed)
        context.on_record(consents.RECORD, consents.do_withdrawal)
        PageFiles().offer(context)

    def file_faults(self, config: BookingConfig, path: Callable[[str], Path]) -> Iterable[str]:
        """What `imserver config check` and a reload ask of the chain file."""
        return operations.file_faults(config, path)

    async def reload(self) -> TakeOver:
        """Read the chain file again, as an import does."""
        context = self._context
        assert context is not None
        file = await judged(context)
        return partial(self._take_over_or_go_back, file, await made(context, file))

    async def stop(self) -> None:
        """The host undoes the registrations; nothing else was taken."""
        self._context = self._file = self._texts = self._outdated = None

    async def _take_over_or_go_back(self, file: ChainFile, texts: ShopTexts) -> None:
        before = self._file_of(), self._shop_texts
        try:
            await self._take_over(file, texts)
        except BaseException:
            await self._take_over(*before)  # rows, too: leave and staff of a file that is not in effect
            raise

    async def _take_over(self, file: ChainFile, texts: ShopTexts) -> None:
        """Have this chain in effect, and make what it names. What may be refused comes first."""
        context, chain = self._context, file.chain
        assert context is not None
        self._file, self._texts = file, texts
        for bot, name, language in bots_of(chain):
            await context.ensure_bot(bot, name, language=language)
        await context.transaction(partial(leave.take_from_file, chain=chain))
        texts = await self._read_changes()
        await self._settle_staff(texts)
        _say_what_differs(context, texts)
        await self._unit(strays.show)
        await self._unit(requests.plan_all)
        await self._unit(plan_end.end_overdue)
        await context.transaction(take_over.look_after)
        await context.transaction(tell_all)
        await context.transaction(tell_all_staff)

    async def _read_changes(self) -> ShopTexts:
        """The chain in effect, and everything that is made of it."""
        async with self._making:
            context, file, texts = self._context, self._file, self._texts
            assert context is not None
            assert file is not None
            revision = await changes.latest_revision(context)
            if texts is not None and texts.is_of(file, revision):
                return texts  # made while this waited
            self._texts = texts = await made(context, file, revision)
            return texts

    def _may_block(self, tx: Transaction, user_id: str, bot_id: str) -> None:
        quiet.may_block(tx, user_id, bot_id, texts=self._shop_texts)

    def _renamed(self, tx: Transaction, user_id: str) -> None:
        persons.renamed(tx, user_id, texts=self._shop_texts)

    def _carry_over(self, tx: Transaction, guest_id: str, account_id: str) -> None:
        joined.carry_over(tx, guest_id, account_id, texts=self._shop_texts)

    async def _settle_import(self, context: Context, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The end of an import: what was decided, and the file as it is now."""
        if self._context is None:
            return await operations.settle(context, arguments)
        file = await judged(self._context)  # first: one that is wrong settles nothing
        told = await operations.settle(context, arguments)
        await self._take_over_or_go_back(file, await made(self._context, file))
        return told

    async def _settle_staff(self, texts: ShopTexts) -> None:
        """Staff are whom the chain file names, from here on; no message makes anybody staff, or ends it."""
        context, file = self._context, self._file
        assert context is not None
        assert file is not None
        chain = file.chain
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

    def _command(self, call: Call) -> Effects | Awaitable[Effects] | None:
        message = self._incoming(call.event, call.content)
        if message is None:
            return None
        hear = partial(router.hear_command, name=call.name, arguments=call.arguments)
        if call.name == "withdraw":
            return self._withdrawn(message, call.arguments, hear)
        of_button = codes.MARKED.fullmatch(call.arguments) is not None  # and no text that can hold a red flag
        return self._effects(partial(hear, message=message)) if of_button else self._heard(message, hear)

    async def _withdrawn(self, message: Incoming, arguments: str, hear: Callable[..., None]) -> Effects:
        await self._withdraw(message, arguments)
        return await self._heard_in_steps(message, hear)

    async def _withdraw(self, message: Incoming, arguments: str) -> None:
        """A consent that is taken back is on record before it is answered."""
        assert self._context is not None
        found: list[Mapping[str, object] | None] = []

        def look(tx: Transaction, texts: ShopTexts) -> None:
            found[:] = [consent.to_withdraw(tx, texts, message, arguments)]

        await self._unit(look)
        for body in found:
            if body is not None:
                await put_on_record(self._context, body)

    def _message(self, event: MessagePosted) -> Effects | Awaitable[Effects] | None:
        content = event.message.content
        if content is None:
            return None
        decoded = decode_content(content)
        message = self._incoming(event, decoded)
        if message is not None:
            return self._heard(message, router.hear_text)
        told = members.told_in(event.message.conversation_id, decoded)
        return None if told is None else self._effects(partial(members.hear, told=told))

    def _incoming(self, event: MessagePosted, content: Mapping[str, Any]) -> Incoming | None:
        """The same as `_read`, and whether it is one for people alone."""
        message = _read(event, content)
        assert self._context is not None
        if message is not None and len(message.text) > self._context.max_text_chars:
            return replace(message, for_people=True)
        return message

    def _heard(self, message: Incoming, hear: Callable[..., None]) -> Effects | Awaitable[Effects]:
        """What hearing a message does."""
        if flagged.is_long(message):
            return self._heard_in_steps(message, hear)
        return self._effects(partial(hear, message=flagged.at_once(message, self._shop_texts.red_flags)))

    async def _heard_in_steps(self, message: Incoming, hear: Callable[..., None]) -> Effects:
        message = await flagged.in_steps(message, self._shop_texts.red_flags)
        effects = self._effects(partial(hear, message=message))
        return effects if isinstance(effects, Effects) else await effects

    async def _hold_ended(self, event: TimerFired) -> None:
        number = _whole(event.payload["appointment"])
        await self._unit(partial(holding.expire, appointment_id=number), event)

    async def _reminder_due(self, event: TimerFired) -> None:
        payload = event.payload
        await self._unit(
            partial(
                reminders.fire,
                appointment_id=_whole(payload["appointment"]),
                version=_whole(payload["version"]),
                kind=str(payload["kind"]),
            ),
            event,
        )

    async def _set_back(self, event: SetBack) -> None:
        await self._unit(partial(set_back.begin, event=event), event)

    async def _tell_set_back(self, event: TimerFired) -> None:
        payload = event.payload
        await self._unit(
            partial(
                set_back.tell,
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
                conversation_id=str(payload["conversation"]),
                since=_whole(payload["since"]),
            ),
            event,
        )

    async def _taken_long(self, event: TimerFired) -> None:
        conversation_id, at = str(event.payload["conversation"]), _whole(event.payload["at"])
        await self._unit(partial(take_over.end_due, conversation_id=conversation_id, at=at), event)

    async def _takers_left(self, event: TimerFired) -> None:
        await self._unit(partial(take_over.end_of_leavers, store_id=str(event.payload["store"])), event)

    async def _offers_due(self, event: TimerFired) -> None:
        await self._unit(partial(offers.step, plan_id=_whole(event.payload["plan"])), event)

    async def _request_waits(self, event: TimerFired) -> None:
        number = _whole(event.payload["appointment"])
        await self._unit(partial(unconfirmed.fire, appointment_id=number), event)

    async def _timed(self, work: Callable[..., None], event: TimerFired) -> None:
        await self._unit(partial(work, payload=event.payload), event)

    async def _consent_ended(self, event: TimerFired) -> None:
        payload = event.payload
        await self._unit(
            partial(
                consent.tell_staff,
                customer_id=str(payload["customer"]),
                store_id=str(payload["store"]),
                version=str(payload["version"]),
                at=_whole(payload["at"]),
            ),
            event,
        )

    async def _plan_waits(self, event: TimerFired) -> None:
        await self._unit(partial(plan_end.end, plan_id=_whole(event.payload["plan"])), event)

    def _effects(self, fn: Callable[..., None]) -> Effects | Awaitable[Effects]:
        """What a message does: as `_unit`, but it is committed while the next one is looked at."""
        if self._outdated is not None and self._outdated is self._texts:
            return self._effects_of_new_chain(fn)
        return Effects(partial(self._with_chain, fn=fn, texts=self._shop_texts))

    async def _effects_of_new_chain(self, fn: Callable[..., None]) -> Effects:
        return Effects(partial(self._with_chain, fn=fn, texts=await self._read_changes()))

    async def _unit(
        self, fn: Callable[..., None], event: MessagePosted | TimerFired | SetBack | None = None
    ) -> None:
        """One event, one transaction: rows, replies, timers and the mark that it is handled. It is done with the chain as it
        is in effect at that moment."""
        assert self._context is not None
        while True:
            texts = self._shop_texts
            try:
                await self._context.transaction(partial(self._with_chain, fn=fn, texts=texts), event=event)
                return
            except Stale:
                await self._read_changes()

    def _with_chain(self, tx: Transaction, fn: Callable[..., None], texts: ShopTexts) -> None:
        if changes.revision(tx) != texts.revision:
            self._outdated = texts
            raise Stale("the chain in effect is another than the one at hand")
        fn(read_once(tx), texts=texts)

    def _file_of(self) -> ChainFile:
        assert self._file is not None, "the plugin is not started"
        return self._file

    @property
    def _shop_texts(self) -> ShopTexts:
        assert self._texts is not None, "the plugin is not started"
        return self._texts


async def put_on_record(context: Context, body: Mapping[str, object]) -> None:
    """Have a withdrawal hold, whatever copy of the database comes back."""
    await context.put_on_record(consents.RECORD, body)


def _say_what_differs(context: Context, texts: ShopTexts) -> None:
    """What the operator should know: changes that the file contradicts, or that have no place in it any more."""
    in_effect = texts.in_effect
    assert in_effect is not None
    if in_effect.conflicts:
        context.log.warning("chain_conflicts", fields=[".".join(one.path) for one in in_effect.conflicts])
    for change, why in in_effect.without:
        context.log.warning("chain_change_left_out", field=".".join(change.path), why=why)


def _read(event: MessagePosted, content: Mapping[str, Any]) -> Incoming | None:
    """The message of a person; None for the server's own (`system`)."""
    message = event.message
    if content.get("type") == "system":
        return None
    text = content.get("text", "") if content.get("type") == "text" else ""
    return Incoming(
        message.conversation_id,
        message.sender_id,
        event.audience,
        text if isinstance(text, str) else "",
        message.position,
        pressed="card" in content,
        language=language_of(spoken) if isinstance(spoken := content.get("x-language"), str) else "",
    )


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
