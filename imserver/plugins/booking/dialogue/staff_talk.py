"""What the staff say in their group that is no command as it stands: a command without its slash, a code, a yes to a plan.

Colleagues who only talk are left alone. Who names an appointment hears how it is changed, and who says yes where a plan waits
hears whose yes it takes: what was meant and not done is never passed over.
"""

from __future__ import annotations

import re

from imserver.plugins.booking.schedule import codes, plans
from imserver.plugins.booking.schedule.appointments import by_code
from imserver.plugins.booking.understanding.acts import Kind

from . import plan, said
from .context import DialogueContext, Place
from .subjects import visible

#: What is done to an appointment, in English; in Chinese these words are commands as they stand.
_WITHOUT_SLASH = re.compile(
    rf" *(arrive|start|done|no-show|undo|confirm|decline|move|cancel) *[: ] *(?={codes.PATTERN.pattern})",
    re.IGNORECASE,
)
#: What a sentence of the staff begins, and the word of the command for it.
_STEPS = {
    "arrive": "arrive",
    "start": "start",
    "finish": "finish",
    "done": "finish",
    "no_show": "no_show",
    "confirm": "confirm",
}
_SHOWN = ("arrive", "move", "cancel")


def with_slash(context: DialogueContext) -> str:
    """ "arrive A2S4" as the command that it is; "" if it is none, or a question."""
    match = _WITHOUT_SLASH.match(context.text)
    if match is None or context.place is not Place.STAFF or context.text.rstrip().endswith(("?", "？")):
        return ""
    return f"/{match[1].lower()} {context.text[match.end() :].strip()}"


def heard(context: DialogueContext, *, open_question: bool) -> None:
    """Say how an appointment that is named is changed, or whose yes a plan waits for."""
    found = codes.PATTERN.search(context.text)
    if found is not None:
        _how(context, found[0].upper())
    elif not open_question:
        reading = context.read(context.text, labels=False)
        if said.only(reading, Kind.YES, Kind.NO):
            _whose(context)


def _how(context: DialogueContext, code: str) -> None:
    """An example of the command for what was said of it; a question of one colleague to another is none."""
    appointment, reading = by_code(context.tx, code), context.read_staffs(context.text)
    if appointment is None or not visible(context, appointment) or reading.has(Kind.QUESTION):
        return
    begun = [str(act.value or act.what) for act in reading.all(Kind.BEGIN)]
    meant = [_STEPS.get(one, one) for one in begun if one in _STEPS or one in _SHOWN]
    words = context.words
    examples = [f"{words(f'command.{one}')} {code}" for one in meant or _SHOWN]
    context.say("staff.how", code=code, examples=words("list_separator").join(examples))


def _whose(context: DialogueContext) -> None:
    """The latest plan of this shop that waits: its card again for who asked for it, else their name."""
    waiting = [plans.plan(context.tx, number) for number in plans.asked(context.tx)]
    mine = [one for one in waiting if one is not None and one.store_id == context.the_shop.id]
    if not mine:
        return
    if mine[-1].actor_id == context.sender.user_id:
        plan.show_again(context, mine[-1])
        return
    asker = context.tx.user(mine[-1].actor_id)
    name = asker.display_name if asker is not None else mine[-1].actor_id
    context.say("plan.of_another", name=name, summary=mine[-1].detail.summary)
