"""Whether a yes counts: the one rule of all dialogues.

A yes does what the card above it shows (`agrees`), and the card that follows any other text takes a yes again (`takes_yes`)
if it shows what changed, or if nothing that the text said contradicts it.
"""

from __future__ import annotations

from imserver.plugins.booking.understanding.acts import Kind, Reading

from . import answers, said
from .context import DialogueContext
from .state import Dialogue


def takes_yes(reading: Reading, *, changed: bool) -> bool:
    """Whether the card behind a text takes a yes. `changed`: it shows something else than the card before."""
    return not reading.dangerous if changed else not said.doubtful(reading)


def agrees(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """Whether a text with a yes confirms the card: it stands above, was not doubted, and is not contradicted beside."""
    return state.step == "confirm" and context.stands_above(state) and not said.doubtful(reading)


def stays_armed(state: Dialogue, reading: Reading, *, answered: bool) -> bool:
    """Whether a card that is shown again behind a question takes a yes: it did, and facts answered all of it."""
    return state.step == "confirm" and answered and not said.doubtful(reading)


def later(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """ "Let me think": the question stays, and a yes only asks again. What is asked beside it is answered."""
    state.doubt()
    context.keep(state)
    if reading.has(Kind.QUESTION):
        answers.reply(context, reading)
    context.say("later.open")
    return True
