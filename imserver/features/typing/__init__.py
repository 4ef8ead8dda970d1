"""typing: relayed at once to the attached devices of the other members, never kept (SPEC, "Pushes and signals")."""

from __future__ import annotations

from imserver.chat.permissions import POSTERS
from imserver.feature_api import Device, Feature, Heard, Kind, Sessions
from imserver_protocol.methods.typing import TYPING, TypingSaid, TypingTold

#: "typing" of one device is relayed at most this often (seconds): it costs its sender 20 bytes and us a look at every member.
INTERVAL_S = 0.5
#: Larger conversations get no typing signals, as with receipts: a few typing devices would keep the server busy.
MAX_AUDIENCE = 50
#: Roles that are heard typing: who may post. Roles are remembered and no kinds; only channels have members who do not post.
TYPISTS = POSTERS[Kind.CHANNEL]


def relay(sessions: Sessions, device: Device, said: TypingSaid) -> None:
    """Relay it. Ignored if the members are not remembered, are too many, or the user does not speak among them."""
    audience = sessions.audience(said.conversation_id)
    if audience is None or len(audience) > MAX_AUDIENCE or audience.get(device.user_id) not in TYPISTS:
        return
    others = [user_id for user_id in audience if user_id != device.user_id]
    sessions.tell(others, TYPING, TypingTold(said.conversation_id, device.user_id))


FEATURE = Feature("typing", signals=(Heard(TYPING, relay, every_s=INTERVAL_S),))
