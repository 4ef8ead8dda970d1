"""/language en (语言 中文): the language that somebody has chosen, customer or colleague. The page says it where one switches
its words."""

from __future__ import annotations

from msgspec import structs

from imserver.plugins.booking.customers import customer, remember
from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.schedule.appointments import upcoming
from imserver.plugins.booking.understanding.acts import Reading

from .context import DialogueContext
from .labels import label_key

_NAMES = {
    "zh": ("zh", "zh-cn", "chinese", "中文", "汉语", "漢語"),
    "en": ("en", "english", "英文", "英语", "英語"),
}
_LANGUAGE_OF = {label_key(name): language for language, names in _NAMES.items() for name in names}


def language(context: DialogueContext, reading: Reading) -> bool:
    """Answer in that language from now on, and say what stands of the coming appointments in it."""
    chosen = _LANGUAGE_OF.get(label_key(reading.text.strip()))
    if context.sender.user_id != context.customer_id:
        return False  # nobody chooses it for somebody else
    if chosen is None and reading.text and context.text.lstrip()[:1] not in "/／":
        return False  # a sentence that begins with the word
    if chosen is None:
        context.say("language.which")
        return True
    known = customer(context.tx, context.customer_id)
    context.language = chosen
    if known.chosen_language != chosen or known.language != chosen:
        remember(context.tx, structs.replace(known, language=chosen, chosen_language=chosen))
        for appointment in upcoming(context.tx, context.customer_id):
            if context.chain.shop(appointment.store_id) is not None:
                notify.said_again(context.tx, context.texts, appointment)
    context.say("language.chosen")
    return True
