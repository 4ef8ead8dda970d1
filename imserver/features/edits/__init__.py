"""edit: new content for one's own message (SPEC, "edit")."""

from __future__ import annotations

from imserver.feature_api import (
    Asker,
    Feature,
    Message,
    Need,
    Refusal,
    RefusalCode,
    Repetition,
    Transaction,
    Write,
    decode_content,
)
from imserver_protocol.methods.edits import EDIT, EditParams, EditResult


def edit(tx: Transaction, asker: Asker, params: EditParams) -> EditResult:
    """Replace the content, and tell of it by a system message."""
    place, position = params.conversation_id, params.position
    edited = tx.replace_content(place, position, params.content, revision=params.revision)
    telling = {"event": "edited", "target": position, "revision": edited.revision}
    return EditResult(tx.post_system(place, telling), edited.revision, duplicate=False)


def again(told: Message) -> EditResult:
    """The result of an edit from the message that tells of it."""
    if told.content is None:
        raise Refusal(RefusalCode.GONE, "the message that told of it is gone")
    return EditResult(told.position, int(decode_content(told.content)["revision"]), duplicate=True)


def digest(params: EditParams) -> bytes:
    """As the first servers made it: keys of then go on answering. The expected revision is no part of the request."""
    return b"edit %d " % params.position + params.content


FEATURE = Feature(
    "edits",
    methods=(
        Write(
            EDIT,
            edit,
            Need.CHANGE_OWN,
            Repetition.MESSAGE,
            aimed=True,
            content="content",
            digest=digest,
            again=again,
        ),
    ),
)
