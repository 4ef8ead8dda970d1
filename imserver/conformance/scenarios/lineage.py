"""An older copy of the server's database has come back (SPEC, sections 10.6 and 10.9)."""

from __future__ import annotations

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.session import Request
from imserver_protocol.errors import CloseCode, RefusalCode


async def _settled(play: Play, *texts: str) -> None:
    """A client that was handed these messages, and whose last sync was asked before it learnt of them."""
    play.world.talk()
    await play.connect()
    for text in texts:
        play.say(text)
    await play.heard(*range(1, len(texts) + 1), section="10.2")


@scenario("10.6", "10.9")
async def another_epoch(play: Play) -> None:
    """Another store_epoch: positions mean something else, and what is there now is handed over; the outbox is kept."""
    await _settled(play, "one", "two", "three")
    play.hold("post")
    posted = play.post("kept in the outbox")
    before = await play.take("post")
    talk = play.world.talk()
    play.world.older_copy(talk, 1, epoch="epoch-2")
    play.world.say("another two", talk)
    play.session.over = True
    await play.come_back("13")
    again = await play.take("post", section="10.6")
    play.require(again.params == before.params, "the outbox changed with the epoch", "10.6")
    play.let_go("post")
    play.answer(again)
    await play.done(posted, "the post", "10.6")
    since = [one.params[0] if one.params else None for one in play.asked if one.method == "sync"]
    play.require(None in since[1:], f"it synced with {since[1:]} under another epoch", "10.6")
    play.say("afterwards")
    await play.until(lambda: "afterwards" in play.texts(), "hand over what comes afterwards", "10.6")


@scenario("10.9", needs="lineage")
async def check(play: Play) -> None:
    """A copy that no epoch tells of: `check` says up to where it is the same, and what is there above is handed over."""
    await _settled(play, "one", "two", "three")
    talk = play.world.talk()
    play.world.older_copy(talk, 1)
    play.world.say("another two", talk)
    play.session.over = True
    await play.come_back("13")
    await play.event("replaced", "10.9", conversation=talk.conversation_id, agreed=1)
    await play.until(lambda: play.texts()[3:] == ["another two"], "hand over what is there now", "10.9")
    play.require(play.count("check") > 0, "no check", "10.9")
    known = next(one.params[0] for one in play.asked if one.method == "check")
    asked = {one[0]: one for one in known}
    play.require(talk.conversation_id in asked, f"it asked about {sorted(asked)}", "10.9")
    play.require(
        asked[talk.conversation_id][2] == 3, f"it knows position {asked[talk.conversation_id][2]}", "10.9"
    )
    place = asked[talk.conversation_id][1]
    play.require(place.startswith("life-1:"), f"it learnt that under {place!r}", "10.9")


@scenario("10.9", needs="lineage")
async def nothing_else_before(play: Play) -> None:
    """Before it is known whose history this is, nothing else goes out: no post, no history, no cursor."""
    await _settled(play, "one", "two")
    play.hold("check", "sync", "post")
    posted = play.post("waits")
    first = await play.take("post")
    play.waiting("post").clear()
    play.session.over = True
    await play.come_back("13")
    session, synced = play.session, False
    while play.session is session and not play.waiting("post"):
        await play.until(
            lambda: bool(play.waiting("check") or play.waiting("sync") or play.waiting("post")),
            "check and sync",
            "10.9",
        )
        if not synced:  # behind it all may go out, in any order
            others = {one.method for one in play.asked if one.session is session} - {"check", "sync", "post"}
            play.require(not others, f"{', '.join(sorted(others))} before it was checked", "10.9")
        if play.waiting("check"):
            play.require(not play.waiting("post"), "a post before it was checked", "10.9")
            play.answer(play.waiting("check").pop(0))
        elif play.waiting("sync"):
            play.require(not play.waiting("post"), "a post before the sync", "10.9")
            play.answer(play.waiting("sync").pop(0))
            synced = True
    again = play.waiting("post")[0]
    play.require(again.params == first.params, "the outbox changed", "10.9")
    play.let_go("check", "sync", "post")
    await play.done(posted, "the post", "10.9")


@scenario("10.9", "10.8", needs="lineage")
async def place_after_sync(play: Play) -> None:
    """An ordinary reconnect behind an answered sync asks no `check`."""
    play.world.talk()
    await play.connect()
    play.say("one")
    await play.heard(1, section="10.2")
    play.session.push("lagging")
    await play.until(lambda: play.count("sync") > 1, "sync after lagging", "10.5")
    await play.until(lambda: not play.session.kept, "ack the reply to sync", "7")
    await play.never(lambda: False, "", "", during=0.3)
    play.session.over = True
    await play.come_back("13")
    await play.until(lambda: play.count("sync") > 2, "sync in a fresh session", "10.3")
    play.require(play.count("check") == 0, "it asks check, though its sync vouches for everything", "10.9")


@scenario("10.9", "10.6", needs="lineage")
async def since_refused(play: Play) -> None:
    """EPOCH_CHANGED of `since`: check the others with `since` as their place, then sync with nil, not as a new device."""
    play.world.talk()
    play.world.talk("group/quiet")
    await play.connect()
    play.say("one", play.world.talk("group/quiet"))
    await play.heard(1, section="10.2", conversation="group/quiet")
    play.session.push("lagging")
    await play.until(lambda: play.count("sync") > 1, "sync after lagging", "10.5")
    await play.never(lambda: False, "", "", during=0.3)
    play.world.older_copy(play.world.talk("group/quiet"), 0)
    play.world.say("another one", play.world.talk("group/quiet"))
    play.session.over = True
    await play.come_back("13")
    await play.until(lambda: len(play.texts("group/quiet")) >= 2, "hand over the other history", "10.9")
    play.require(play.texts("group/quiet") == ["one", "another one"], f"{play.texts('group/quiet')}", "10.9")
    asked = {
        one[0]: one[1] for request in play.asked if request.method == "check" for one in request.params[0]
    }
    place = asked.get("group/quiet", "")
    play.require(place.startswith("life-1:"), f"checked with the place {place!r}", "10.9")
    await play.event("replaced", "10.9", conversation="group/quiet")


@scenario("10.9", needs="lineage")
async def posts_again(play: Play) -> None:
    """An answered post above `agreed`, which the application has seen, is told as gone; posting it again uses its key."""
    talk = play.world.talk()
    await play.connect()
    key = bytes(range(16)).hex()
    await play.done(play.post("mine", key=key), "a post", "9.1")
    await play.heard(1, section="10.2")
    play.world.older_copy(talk, 0)
    play.world.say("another one", talk)
    play.session.over = True
    await play.come_back("13")
    await play.until(lambda: len(play.texts()) >= 2, "hand over the other history", "10.9")
    told = await play.event("gone", "10.9", conversation=talk.conversation_id)
    play.require(told["keys"] == [key], f"it told of {told['keys']}", "10.9")
    result = await play.done(play.post("mine", key=key), "posting it again", "10.9")
    play.require(result["position"] == 2, f"it is at {result['position']}", "10.9")


def _bad_check(name: str, about: str, code: CloseCode, result: object) -> Scenario:
    async def script(play: Play) -> None:
        await _settled(play, "one", "two")
        play.hold("check")
        play.session.over = True
        await play.come_back("13")
        request: Request = await play.take("check", section="10.9")
        talk = play.world.talk()
        row = play.world.row(talk)
        if result is None:
            request.refuse(RefusalCode.FORBIDDEN)
        else:
            assert callable(result)
            request.reply(result(row))
        play.line.patient = True
        await play.closes(code, "10.9")

    return Scenario(f"lineage/{name}", about, ("10.9",), script, frozenset({"lineage"}))


BAD: tuple[Scenario, ...] = (
    _bad_check("check-refused", "A check that is refused: MALFORMED.", CloseCode.MALFORMED, None),
    _bad_check(
        "check-without-answers", "Fewer answers than one: MALFORMED.", CloseCode.MALFORMED, lambda row: [[]]
    ),
    _bad_check(
        "check-with-more-answers",
        "More answers than were asked for: MALFORMED.",
        CloseCode.MALFORMED,
        lambda row: [[[2, True, row]] * 3],
    ),
    _bad_check(
        "check-above-the-position",
        "An `agreed` above the position asked: MALFORMED.",
        CloseCode.MALFORMED,
        lambda row: [[[3, True, row]]],
    ),
    _bad_check(
        "check-of-another-conversation",
        "A row of another conversation: MALFORMED.",
        CloseCode.MALFORMED,
        lambda row: [[[2, True, ["group/other", *row[1:]]]]],
    ),
)


@scenario("10.9", "10.6", needs="lineage")
async def refused_twice(play: Play) -> None:
    """A second EPOCH_CHANGED of `since` in one session: MALFORMED."""
    await _settled(play, "one")
    play.hold("sync")
    play.session.over = True
    await play.come_back("13")
    (await play.take("sync", section="10.3")).refuse(RefusalCode.EPOCH_CHANGED)
    play.answer(await play.take("sync", section="10.9"))
    play.session.push("lagging")
    request = await play.take("sync", section="10.5")
    play.require(request.params[0] is not None, "it syncs with nil again", "10.3")
    request.refuse(RefusalCode.EPOCH_CHANGED)
    play.line.patient = True
    await play.closes(CloseCode.MALFORMED, "10.9")


@scenario("10.6", "10.2")
async def history_beyond_the_head(play: Play) -> None:
    """EPOCH_CHANGED to `history` in a session that was checked: the rest cannot be read. Nothing else follows."""
    play.world.talk()
    await play.connect()
    play.say("one")
    await play.heard(1, section="10.2")
    play.hold("history")
    play.say("two", pushed=False)
    play.say("three")
    (await play.take("history")).refuse(RefusalCode.EPOCH_CHANGED)
    await play.never(lambda: len(play.lines) > 1, "gave the session up", "10.6", during=0.5)
    play.let_go("history")
    play.say("four")
    await play.heard(1, 2, 3, 4, section="10.2")


@scenario("10.9", "10.8", needs="lineage", kills=True)
async def across_a_kill(play: Play) -> None:
    """The place is saved before the application gets a message: a kill does not hide an older copy."""
    await _settled(play, "one", "two", "three")
    talk = play.world.talk()
    await play.kill()
    play.world.older_copy(talk, 1)
    play.world.say("another two", talk)
    play.world.say("another three", talk)
    handed = len(play.texts())
    await play.connect()
    await play.until(
        lambda: play.texts()[handed:][-2:] == ["another two", "another three"],
        f"hand over the other history; it handed over {play.texts()[handed:]}",
        "10.9",
    )
    await play.event("replaced", "10.9", conversation=talk.conversation_id)


SCENARIOS: tuple[Scenario, ...] = (
    another_epoch,
    check,
    nothing_else_before,
    place_after_sync,
    since_refused,
    posts_again,
    *BAD,
    refused_twice,
    history_beyond_the_head,
    across_a_kill,
)
