"""The table of commands: what is typed or stands behind a button, what it runs, and where."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

from imserver.plugins.booking.understanding.acts import Act, Kind, Reading

from . import (
    book,
    browse,
    cancel,
    consent,
    correct,
    handoff,
    holding,
    language,
    leave,
    link,
    move,
    opening,
    plan,
    quiet,
    resources,
    said,
    same_time,
    staff,
    take_over,
    wished_move,
)
from .context import DialogueContext
from .open_question import answered, asked_in
from .state import Dialogue, load_dialogue


class Where(Enum):
    """Where a command runs."""

    SHOP = "shop"  # needs a shop: asks which if that is not clear
    SHOP_IF_KNOWN = "shop_if_known"  # in the shop's conversation if one was opened, else across all shops
    HERE = "here"


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the command table. `run` answers False if the text was no command after all (取消… said in passing)."""

    name: str
    aliases: tuple[str, ...]
    run: Callable[[DialogueContext, Reading], bool]
    where: Where
    help: str


def _cancel(context: DialogueContext, reading: Reading) -> bool:
    """取消 alone ends the open booking or move; otherwise it names an appointment."""
    if not _says_nothing(reading):
        return cancel.cancel(context, reading)
    answering = asked_in(context)
    state = load_dialogue(context.tx, answering.conversation_id, context.sender.user_id)
    if state is not None and state.kind == "cancel" and not context.pressed:
        whole = context.read(context.text)  # 取消吧, below "really cancel?"
        if whole.has(Kind.YES):
            context.answer_in(answering)
            return answered(context, state, whole)
    if state is None or state.kind not in ("book", "move", "correct"):
        return cancel.cancel(context, reading)
    context.answer_in(answering)
    return answered(context, state, Reading(context.text, (Act(Kind.NO),)), stopping=True)


def _confirm(context: DialogueContext, reading: Reading) -> bool:
    """确认 alone is a yes to the open question; 确认 #12, a button, to the question that showed it and no other."""
    state = context.dialogue()
    numbered = QUESTION_NUMBER.fullmatch(reading.text.strip())
    if numbered is not None:
        return _confirm_numbered(context, state, int(numbered[1]))
    if state is None or not _says_nothing(reading):
        return staff.confirm(context, reading)
    return answered(context, state, Reading(context.text, (Act(Kind.YES),)))


def _confirm_numbered(context: DialogueContext, state: Dialogue | None, number: int) -> bool:
    """The button of a question that names no appointment. It counts whatever was said in between, as long as it is open."""
    if state is None or state.number != number:
        context.say("stale.question")
        return True
    if state.asks_yes:
        state.arm(armed=True)
        state.asked[context.heard_in] = 0
    return answered(context, state, Reading(context.text, (Act(Kind.YES),)))


def _says_nothing(reading: Reading) -> bool:
    return not reading.acts and not said.unread(reading) and not said.notes(reading)


def _human(context: DialogueContext, reading: Reading) -> bool:
    return handoff.human(context)


COMMANDS: tuple[Command, ...] = (
    Command("book", ("预约", "預約"), book.book, Where.SHOP, "book an appointment"),
    Command("slots", ("空档", "空檔"), browse.slots, Where.SHOP, "free slots of a day"),
    Command("my", ("我的预约", "我的預約"), browse.my, Where.SHOP_IF_KNOWN, "my appointments"),
    Command("move", ("改约", "改約", "改期"), move.move, Where.SHOP_IF_KNOWN, "move an appointment"),
    Command("cancel", ("取消", "取消预约", "取消預約"), _cancel, Where.SHOP_IF_KNOWN, "cancel an appointment"),
    Command("stores", ("门店", "門店"), browse.stores, Where.HERE, "the shops"),
    Command("info", ("地址",), browse.info, Where.SHOP, "address, parking, opening hours"),
    Command("human", ("人工",), _human, Where.SHOP, "call the staff"),
    Command("lenses", ("我戴",), browse.lenses, Where.SHOP, "what to mind with contact lenses"),
    Command("quiet", ("不要消息", "免打扰", "免打擾"), quiet.no_messages, Where.HERE, "no messages any more"),
    Command("messages", ("恢复消息", "恢復消息"), quiet.messages, Where.HERE, "messages again"),
    Command("language", ("语言", "語言"), language.language, Where.HERE, "the language of the answers: en, zh"),
    Command("correct", ("更正", "改名"), correct.correct, Where.SHOP_IF_KNOWN, "put a name or an age right"),
    Command("longer", ("续留", "續留"), holding.keep_held, Where.SHOP_IF_KNOWN, "keep the time that is held longer"),
    Command("consent", ("隐私", "隱私"), consent.consent, Where.SHOP, "what you agree to"),
    Command("withdraw", ("撤回同意", "withdraw consent"), consent.withdraw, Where.SHOP, "take back what you agreed to"),
    Command("link", ("关联", "關聯"), link.link, Where.HERE, "staff: a customer's new phone by its code; a colleague's"),
    Command("one", (), browse.one, Where.SHOP_IF_KNOWN, "an appointment by its code"),
    Command("help", ("帮助", "幫助"), browse.help_, Where.HERE, "what can be typed"),
    Command("confirm", ("确认", "確認"), _confirm, Where.SHOP_IF_KNOWN, "say yes; staff: confirm a request"),
    Command("schedule", ("今日预约", "今日預約", "日程"), staff.schedule, Where.HERE, "staff: the day sheet"),
    *(
        Command(name, aliases, partial(staff.step, staff.ACTIONS[action]), Where.HERE, f"staff: {help_text}")
        for name, aliases, action, help_text in (
            ("arrive", ("到店",), "arrive", "the customer is here"),
            ("start", ("开始", "開始"), "start", "the exam begins"),
            ("done", ("完成",), "finish", "the exam is over"),
            ("no-show", ("爽约", "爽約"), "no_show", "the customer did not come"),
        )
    ),
    Command("decline", ("不改",), wished_move.decline, Where.HERE, "the time of an appointment stays as it is"),
    Command("undo", ("撤销", "撤銷"), staff.undo, Where.HERE, "staff: take the last step back"),
    Command("take", ("接手",), take_over.take, Where.HERE, "staff: answer in place of the bot"),
    Command("give-back", ("交还", "交還"), take_over.give_back, Where.HERE, "staff: let the bot answer again"),
    Command("leave", ("请假", "請假"), leave.leave, Where.HERE, "staff: somebody is away"),
    Command("back", ("销假", "銷假"), leave.back, Where.HERE, "staff: somebody is back"),
    Command("closed", ("休息",), opening.closed, Where.HERE, "staff: the shop is closed"),
    Command("hours", ("营业", "營業"), opening.hours, Where.HERE, "staff: opening hours"),
    Command("break", ("午休",), opening.breaks, Where.HERE, "staff: daily breaks"),
    Command("add", ("添加",), resources.add, Where.HERE, "staff: a new person, room or device"),
    Command("remove", ("移除",), resources.remove, Where.HERE, "staff: somebody or something is gone"),
    Command("plan", ("安排",), plan.decide, Where.HERE, "staff: yes or no to one of these"),
    Command("keep", ("照旧", "照舊"), same_time.keep, Where.HERE, "the same time with somebody else"),
)  # fmt: skip

#: Commands that continue the open question. After any other a yes may be meant for that one's answer.
GO_ON = frozenset({"book", "move", "cancel", "confirm", "correct", "longer", "details", "language"})

#: Commands whose words are taken as they are.
LITERAL = frozenset({"details", "consent", "language", "link", "take", "give-back"})

#: Behind 确认: the number of the question that the button stood below.
QUESTION_NUMBER = re.compile(r"#(\d{1,15})")

#: Commands in which a shop's name is not where the command runs: the appointment is elsewhere, and is to go there.
OF_OTHER_SHOPS = frozenset({"move", "cancel", "correct"})

#: Commands that hold and confirm nothing: whoever left a shop's conversation is answered in the direct chat.
ANYWHERE = frozenset({"cancel", "my", "info", "one"})
