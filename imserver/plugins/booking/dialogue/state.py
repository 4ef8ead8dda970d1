"""The open question of one person in one conversation: one row, JSON, so that it survives a restart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from imserver.plugin_api import Transaction
from imserver.plugins.booking.conversations import dialogue_rows
from imserver.plugins.booking.schedule import codes
from imserver.plugins.booking.schedule.asked import tell_mine
from imserver.plugins.booking.schedule.rows import Rows

#: After so long a text no longer answers the question: "1" or 好 then means something else.
MAX_AGE_MS = 30 * 60 * 1000
#: Labels of buttons that are remembered, and lists of them whose numbers are: what fits two screens.
MAX_LABELS, MAX_LISTS = 60, 4


#: The number that stands for the last button of a list: 最后一个.
LAST = -1
_LISTS = frozenset({"service", "day", "slot"})


class Unkept(msgspec.Struct, omit_defaults=True, frozen=True):
    """A start that was wanted and could not be kept: ISO wall time, for what and for how long, why, and the starts instead."""

    wall: str
    service_id: str
    minutes: int
    why: str
    near: list[str] = msgspec.field(default_factory=list)


class Dialogue(msgspec.Struct, omit_defaults=True):
    """`kind`: `menu` (only numbered options), `book`, `move`, `cancel` or `correct`. Empty fields are not known yet."""

    kind: str = "menu"
    #: The last question: who, service, day, slot, name, age, first_visit, confirm; or `confirm_again` (see `doubt`).
    step: str = ""
    service_id: str = ""
    #: The service that was said, where the one of the age band took its place (验光, of a child).
    plain_service: str = ""
    day: str = ""
    part: str = ""
    #: A clock time, HH:MM, that was said without a day that could be taken, or whose day was refused.
    clock: str = ""
    #: The day last said or shown, also if its slot was refused: a bare hour belongs to it.
    day_said: str = ""
    #: The days of which one is to be picked, while the step is `day`.
    days_asked: list[str] = msgspec.field(default_factory=list)
    #: Days that were refused: they are not offered.
    refused: list[str] = msgspec.field(default_factory=list)
    #: The chosen start, ISO wall time.
    wall: str = ""
    #: The start that was refused last, until another time is said or chosen.
    unkept: Unkept | None = None
    name: str = ""
    age_band: str = ""
    first_visit: bool | None = None
    #: For whom it is, as the customer said it; "" for the customer.
    person: str = ""
    #: What may be a name and does not look like one: asked about once.
    odd_name: str = ""
    #: Whose appointments follow when this one is booked.
    people: list[str] = msgspec.field(default_factory=list)
    #: The held appointment of a booking, or the one that is moved, cancelled or put right, and the version that was shown.
    appointment_id: int = 0
    version: int = 0
    #: Further ones that the same yes cancels: (appointment, version).
    more: list[tuple[int, int]] = msgspec.field(default_factory=list)
    #: The appointment in another shop that ends when this one is booked, and its version.
    replaces: int = 0
    replaces_version: int = 0
    #: The hold ran out: only a yes, a button or a time takes it again.
    expired: bool = False
    #: How often the hold was made longer, and the end of the hold that the customer was warned of.
    extended: int = 0
    warned: int = 0
    #: What was said beside the answers: it goes to the people with the appointment.
    notes: list[str] = msgspec.field(default_factory=list)
    #: Words for the people that wait for a shop to be chosen.
    passing: str = ""
    #: What the last card that asked for a yes showed, its button, and the number that the button carries where no version does.
    shown: list[str | bool | None] = msgspec.field(default_factory=list)
    yes: str = ""
    number: int = 0
    #: A list was shown of which one is to be picked: a yes picks none.
    picks: bool = False
    #: What was asked last, and how often in a row.
    last: str = ""
    times: int = 0
    #: Commands behind the numbers that were shown last.
    options: list[str] = msgspec.field(default_factory=list)
    #: Those of the lists before it, latest first, and the command of each label that was shown in this dialogue.
    earlier: list[list[str]] = msgspec.field(default_factory=list)
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    #: Where the question stands: conversation -> position. A yes counts only below it.
    asked: dict[str, int] = msgspec.field(default_factory=dict)
    #: Conversations elsewhere that point here: what is said there may be an answer.
    pointed: list[str] = msgspec.field(default_factory=list)
    #: Texts in a row that answered nothing.
    misses: int = 0
    #: The booking that goes on when this question is answered.
    below: Dialogue | None = None

    def doubt(self) -> None:
        """Another text came since "is this right?": its button still counts, a yes only asks again."""
        if self.step == "confirm":
            self.step = "confirm_again"

    def arm(self, *, armed: bool) -> None:
        """Ask for a yes; not `armed`, it only asks again."""
        self.step = "confirm" if armed else "confirm_again"

    @property
    def asks_yes(self) -> bool:
        return self.step in ("confirm", "confirm_again")

    @property
    def facts(self) -> list[str | bool | None]:
        """What the card shows: if it stays the same, the card says nothing new."""
        return [self.service_id, self.wall, self.name, self.age_band, self.first_visit, self.person]

    @property
    def commands(self) -> set[str]:
        """Of all buttons that can be pressed."""
        return {*self.options, *self.labels.values(), *(one for options in self.earlier for one in options)}

    def show(self, commands: Iterable[str], labels: Mapping[str, str]) -> None:
        """Buttons were shown: their numbers count from now on; those of the lists before while they are unambiguous."""
        if self.options:
            self.earlier = [self.options, *self.earlier][:MAX_LISTS]
        self.options = list(commands)
        kept = {label: command for label, command in self.labels.items() if label not in labels}
        self.labels = dict([*kept.items(), *labels.items()][-MAX_LABELS:])

    def command_of(self, number: int) -> str | None:
        """The command behind a number: of the last list, or of the only list before it that has the number. -1: the last."""
        if number == LAST and (self.picks or self.kind == "menu"):
            return self._last_named()
        if number == LAST and self.step not in _LISTS:
            return None  # the last button below a card is none of what the card names
        if number == LAST:
            found = {options[-1] for options in ([self.options] if self.options else self.earlier) if options}
        elif self.options:
            return self.options[number - 1] if 1 <= number <= len(self.options) else None
        else:
            found = {options[number - 1] for options in self.earlier if 1 <= number <= len(options)}
        return found.pop() if len(found) == 1 else None

    @property
    def lists(self) -> bool:
        """Whether what was shown last is a list of which one is to be picked, and no card."""
        return bool(self.options) and (self.picks or self.kind == "menu" or self.step in _LISTS)

    def _last_named(self) -> str | None:
        """Of several buttons that do the same, to an appointment or to a time each, the last: one of all is none of them."""
        found = [(len(codes.PATTERN.findall(one)), one) for one in self.options]
        named = [one for count, one in found if count == 1 or not any(number for number, _ in found)]
        alike = len({one.split(" ")[0] for one in named}) == 1
        return named[-1] if alike and len(named) > 1 else None


_DECODER = msgspec.json.Decoder(Dialogue)


def load_dialogue(tx: Rows, conversation_id: str, user_id: str) -> Dialogue | None:
    """The open question, or None if there is none or it is too old."""
    found = load_touched(tx, conversation_id, user_id)
    return None if found is None else found[1]


def load_touched(tx: Rows, conversation_id: str, user_id: str) -> tuple[int, Dialogue] | None:
    """The same, behind the time of the last answer to it (UTC ms)."""
    for other, text, at in dialogue_rows(tx, conversation_id):
        if other == user_id and at > tx.now_ms - MAX_AGE_MS:
            return at, _DECODER.decode(text)
    return None


def save_dialogue(tx: Transaction, conversation_id: str, user_id: str, state: Dialogue | None) -> None:
    """Keep the question, or forget it with None."""
    tell_mine(tx, user_id)
    if state is None:
        tx.execute(
            "DELETE FROM booking_dialogues WHERE conversation_id = ? AND user_id = ?",
            (conversation_id, user_id),
        )
        return
    tx.execute(
        "INSERT INTO booking_dialogues (conversation_id, user_id, state, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (conversation_id, user_id) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at",
        (conversation_id, user_id, msgspec.json.encode(state).decode(), tx.now_ms),
    )


def doubt_all(tx: Transaction, conversation_id: str, user_id: str | None = None, *, but: str = "") -> None:
    """A message came: the next yes of any member (of one user, of all but one) may be meant for it."""
    for other, text, _ in dialogue_rows(tx, conversation_id):
        if other == but or user_id not in (None, other):
            continue
        state = _DECODER.decode(text)
        if state.step != "confirm":
            continue
        state.doubt()
        tx.execute(
            "UPDATE booking_dialogues SET state = ? WHERE conversation_id = ? AND user_id = ?",
            (msgspec.json.encode(state).decode(), conversation_id, other),
        )


def dialogues_on(
    tx: Transaction, appointment_id: int, conversation_id: str, *, of_any_age: bool = False
) -> list[tuple[str, Dialogue]]:
    """(user, dialogue) of each user in a conversation whose open question is about an appointment, or goes on behind one.
    `of_any_age`: also if it is so old that a text does not answer it any more (the server was down)."""
    since = 0 if of_any_age else tx.now_ms - MAX_AGE_MS
    found = [
        (user_id, _DECODER.decode(text))
        for user_id, text, at in dialogue_rows(tx, conversation_id)
        if at > since
    ]
    return [
        (user_id, state)
        for user_id, state in found
        if appointment_id in (state.appointment_id, state.below.appointment_id if state.below else 0)
    ]
