"""Messages that come: each once, in order, whatever is pushed, missing, or comes twice (SPEC, section 10.2)."""

from __future__ import annotations

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.talks import system_content, text_content
from imserver_protocol.limits import Limits
from imserver_protocol.wire.codec import encode_content


@scenario("10.2")
async def in_order(play: Play) -> None:
    """Pushes are handed over as they come."""
    play.world.talk()
    await play.connect()
    for number in range(5):
        play.say(f"{number}")
    await play.heard(1, 2, 3, 4, 5, section="10.2")
    play.require(play.count("history") == 0, "it read what was pushed", "10.2")


@scenario("10.2")
async def gap(play: Play) -> None:
    """A push behind a gap: what is missing is read, and everything comes once, in order."""
    talk = play.world.talk()
    await play.connect()
    play.say("one")
    play.say("two", pushed=False)
    play.say("three", pushed=False)
    play.say("four")
    await play.heard(1, 2, 3, 4, section="10.2")
    asked = [one.params for one in play.asked if one.method == "history"]
    play.require(asked[0][1] == 1, f"it asked for what is behind {asked[0][1]}, having 1", "10.2")
    play.say("five", talk)
    await play.heard(1, 2, 3, 4, 5, section="10.2")


@scenario("10.2")
async def pushes_during_a_read(play: Play) -> None:
    """Messages that are pushed while a page is on its way come once; one read at a time for a conversation."""
    play.world.talk()
    await play.connect()
    play.hold("history")
    play.say("one", pushed=False)
    play.say("two")
    page = await play.take("history")
    for text in ("three", "four"):
        play.say(text)
    await play.never(lambda: bool(play.waiting("history")), "read twice at a time", "10.2", during=0.3)
    play.answer(page)
    play.let_go("history")
    await play.heard(1, 2, 3, 4, section="10.2")


@scenario("10.2")
async def twice(play: Play) -> None:
    """What was seen is dropped."""
    talk = play.world.talk()
    await play.connect()
    first = play.say("one")
    play.push(talk, first)
    second = play.say("two")
    play.push(talk, first)
    play.push(talk, second)
    play.say("three")
    await play.heard(1, 2, 3, section="10.2")


@scenario("10.2", "18.2")
async def kept_no_longer(play: Play) -> None:
    """Positions that a page covers without an item are no longer kept: the client goes on behind them."""
    talk = play.world.talk()
    await play.connect()
    for number in range(4):
        play.say(f"{number}", pushed=False)
    talk.first = 4
    play.say("five")
    await play.heard(4, 5, section="10.2")


@scenario("10.2", "18.2")
async def rest_cannot_be_read(play: Play) -> None:
    """A page with `last` at the position asked after: stop, until the head rises again."""
    play.world.talk()
    await play.connect()
    play.say("one")
    await play.heard(1, section="10.2")
    play.hold("history")
    play.say("two", pushed=False)
    play.say("three")
    page = await play.take("history")
    page.reply([[], 2, 1, 3])
    await play.never(lambda: len(play.waiting("history")) > 2, "asks for ever", "10.2", during=0.8)
    play.let_go("history")
    play.say("four")
    await play.heard(1, 2, 3, 4, section="10.2")


@scenario("10.2", "10.3")
async def unknown_conversation(play: Play) -> None:
    """A message of an unknown conversation is a reason to sync, and comes by reading."""
    await play.connect()
    syncs = play.count("sync")
    talk = play.world.talk("group/new", joined_at=1)
    play.say("hello", talk)
    await play.heard(1, section="10.2", conversation="group/new")
    play.require(
        play.count("sync") == syncs + 1, f"{play.count('sync') - syncs} syncs for one reason", "10.3"
    )


@scenario("10.2", "19")
async def unknown_names(play: Play) -> None:
    """Cursors and items of an unknown conversation, and unknown kinds, are nothing."""
    play.world.talk()
    line = await play.connect()
    play.session.push("cursor", "group/unknown", "bob", 1, 1)
    play.session.push("item", "group/unknown", 1, [[1, {}, None]])
    play.session.push("x-later", 1, "two", [3])
    play.session.push("later", {"what": None})
    line.write_frame(6, 0, "x-later", 7)
    play.say("goes on")
    await play.heard(1, section="5")
    await play.done(play.post("and answers"), "post", "5")  # behind its GOODBYE, if it says one
    play.require(line.goodbye is None and play.line is line, "the client closed for an unknown name", "5")


@scenario("11", "11.1")
async def unknown_contents(play: Play) -> None:
    """Types, events, roles and keys that a client does not know are passed on, or are nothing."""
    talk = play.world.talk()
    await play.connect()
    contents: tuple[dict[str, object], ...] = (
        {"type": "x-later", "text": "shown as text", "more": [1, {"a": None}]},
        {
            "type": "card",
            "title": 7,
            "fields": "wrong",
            "actions": [1, {"label": 2}],
            "text": "a spoilt card",
        },
        {"type": "system", "event": "later", "user": 3},
        {"type": "system", "event": "added", "user": "bob", "role": "later"},
        {"type": "system", "event": "edited", "target": "one", "revision": None},
        {"type": "system"},
    )
    for content in contents:
        made = play.world.commit(talk, "bob", _packed(content))
        play.push(talk, made)
    made = play.world.commit(talk, "bob", b"\xc1 no map")
    play.push(talk, made)
    play.say("behind them")
    await play.heard(1, 2, 3, 4, 5, 6, 7, 8, section="11")
    play.require(play.texts()[0] == "shown as text", "the text of an unknown type was not passed on", "11")


def _packed(content: dict[str, object]) -> bytes:
    return encode_content(content)


@scenario("11")
async def card(play: Play) -> None:
    """A card is handed over whole, with keys that nobody knows; what is posted in answer to it is a text."""
    talk = play.world.talk()
    await play.connect()
    content: dict[str, object] = {
        "type": "card",
        "title": "Your appointment",
        "text": "Monday, 10:00",
        "fields": [["Where", "High Street 1"], ["Who", "李"]],
        "actions": [{"label": "Cancel", "command": "/cancel 7", "style": "danger", "x-later": 1}],
        "ref": {"kind": "appointment", "id": "7", "version": 2},
    }
    play.push(talk, play.world.commit(talk, "bob", _packed(content)))
    told = await play.event("message", "11", conversation=talk.conversation_id, position=1)
    play.require(told["content"] == content, f"the card was handed over as {told['content']}", "11")
    await play.done(play.post("/cancel 7"), "the command of an action", "11")


@scenario("11", "16")
async def many_pairs(play: Play) -> None:
    """A content of a server that allows larger ones than the default is read by that server's limits."""
    play.limits = Limits(max_frame_bytes=2**20, max_content_bytes=200_000, max_string_bytes=200_000)
    talk = play.world.talk()
    await play.connect()
    play.push(talk, play.world.commit(talk, "bob", text_content("y" * 100_000)))
    await play.heard(1, section="16")
    play.require(play.texts() == ["y" * 100_000], "a content above the default limit was not read", "16")


@scenario("11.3", "11")
async def taken_back(play: Play) -> None:
    """A message is taken back: a tombstone where it was not handed over yet, and the application is told."""
    talk = play.world.talk()
    await play.connect()
    play.say("kept")
    gone = play.say("taken back")
    await play.heard(1, 2, section="10.2")
    play.say("taken back before it came", pushed=False)
    for target in (gone, talk.messages[2]):
        target.content, target.revision = None, 2
    content = system_content("retracted", target=2, revision=2)
    play.push(talk, play.world.commit(talk, "bob", content))
    await play.heard(1, 2, 3, 4, section="11.3")
    play.require(play.texts()[2] == "", "a tombstone was handed over with a content", "11.3")
    await play.event("retracted", "11.3", conversation=talk.conversation_id, position=2, revision=2)


@scenario("10.7", kills=True)
async def across_a_kill(play: Play) -> None:
    """After a kill at most the one unfinished message comes again, and nothing is missing."""
    play.world.talk()
    await play.connect()
    for number in range(5):
        play.say(f"{number}")
    await play.heard(1, 2, 3, 4, 5, section="10.2")
    await play.kill()
    handed = len(play.positions())
    play.world.say("while it was dead")
    await play.connect()
    await play.until(
        lambda: "while it was dead" in play.texts(), "hand over what came while it was dead", "10.7"
    )
    again = play.positions()[handed:]
    play.require(again in ([6], [5, 6]), f"after the kill it handed over {again}", "10.7")


@scenario("12", needs="receipts")
async def cursors(play: Play) -> None:
    """Own cursors are reported at most once a second, rise, and never exceed the head; those of others are told."""
    talk = play.world.talk()
    await play.connect()
    for number in range(1, 7):
        play.say(f"{number}")
    await play.heard(1, 2, 3, 4, 5, 6, section="10.2")
    begun = play.now()
    for number in range(1, 7):
        play.later("read", conversation=talk.conversation_id, position=number)
    await play.until(lambda: talk.cursors.get(play.world.user, [0, 0])[1] == 6, "report what was read", "12")
    took = max(1.0, play.now() - begun)
    count = play.count("cursor")
    play.require(count <= 3 + took, f"{count} reports in {took:.1f} s", "12")
    play.session.push("cursor", talk.conversation_id, "bob", 3, 2)
    await play.event("cursor", "12", conversation=talk.conversation_id, user="bob", delivered=3, read=2)


SCENARIOS: tuple[Scenario, ...] = (
    in_order,
    gap,
    pushes_during_a_read,
    twice,
    kept_no_longer,
    rest_cannot_be_read,
    unknown_conversation,
    unknown_names,
    unknown_contents,
    card,
    many_pairs,
    taken_back,
    across_a_kill,
    cursors,
)
