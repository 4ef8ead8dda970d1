"""Sync: when it is asked, how its pages go on, and what a client reads behind it (SPEC, sections 10.3 to 10.5)."""

from __future__ import annotations

import asyncio

from imserver.conformance.play import Play
from imserver.conformance.scenario import Scenario, scenario
from imserver.conformance.talks import system_content


def _since(play: Play) -> list[str | None]:
    return [one.params[0] if one.params else None for one in play.asked if one.method == "sync"]


@scenario("10.4", "10.3")
async def new_device(play: Play) -> None:
    """The first sync begins with nil, and a new device starts at the heads: nothing old is handed over."""
    talk = play.world.talk()
    for number in range(5):
        play.world.say(f"old {number}", talk)
    await play.connect()
    play.require(_since(play) == [None], f"the first sync asked with {_since(play)}", "10.4")
    play.say("new")
    await play.heard(6, section="10.4")
    play.require(play.count("history") == 0, "a new device read what is old", "10.4")


@scenario("10.3")
async def pages(play: Play) -> None:
    """While there are more, sync goes on with next_since; every conversation is known then."""
    for number in range(7):
        play.world.talk(f"group/{number}")
    play.hold("sync")
    connecting = play.start_client()
    while not connecting.done():
        await play.until(lambda: bool(play.waiting("sync")) or connecting.done(), "sync", "10.3")
        if play.waiting("sync"):
            request = play.waiting("sync").pop(0)
            play.require(not play.waiting("sync"), "two syncs at a time", "10.3")
            request.reply(play.world.answer("sync", (request.params[0] if request.params else None, 2)))
    await play.done(connecting, "connecting", "10.3")
    asked = _since(play)
    play.require(asked[0] is None, f"it began with {asked[0]!r}", "10.3")
    play.require(len(asked) == 4 and len(set(asked)) == 4, f"it asked {len(asked)} pages of 4", "10.3")
    play.let_go("sync")
    for number in range(7):
        play.say("hello", play.world.talk(f"group/{number}"))
    for number in range(7):
        await play.heard(1, section="10.3", conversation=f"group/{number}")
    play.require(play.count("sync") == 4, "a conversation of a page was not known", "10.3")


@scenario("10.3")
async def since(play: Play) -> None:
    """In a later session sync asks with the last next_since, and what was missed is read."""
    talk = play.world.talk()
    await play.connect()
    told = play.world.place
    play.say("one")
    await play.heard(1, section="10.2")
    play.line.cut()
    play.session.over = True
    play.say("two", pushed=False)
    play.world.say("three", talk)
    await play.next_line("13")
    await play.heard(1, 2, 3, section="10.3")
    asked = _since(play)
    play.require(asked[1] == told, f"it asked with {asked[1]!r}, and {told!r} was the last", "10.3")


@scenario("10.5", "10.3")
async def lagging(play: Play) -> None:
    """PUSH lagging: sync, and read what is behind."""
    talk = play.world.talk()
    other = play.world.talk("group/other")
    await play.connect()
    play.say("one")
    await play.heard(1, section="10.2")
    for text in ("two", "three"):
        play.world.say(text, talk)
    play.world.say("elsewhere", other)
    count = play.count("sync")
    play.session.push("lagging")
    await play.heard(1, 2, 3, section="10.5")
    await play.heard(1, section="10.5", conversation="group/other")
    play.require(play.count("sync") > count, "no sync after lagging", "10.5")
    play.say("four")
    await play.heard(1, 2, 3, 4, section="10.5")


@scenario("10.5", "6.1")
async def lagging_while_away(play: Play) -> None:
    """Lagging comes with the resume: what was dropped while the client was away is read."""
    talk = play.world.talk()
    await play.connect()
    play.line.cut()
    play.say("one")
    for number in range(5):
        play.world.say(f"dropped {number}", talk)
    play.session.push("lagging")
    await play.next_line("13")
    await play.heard(1, 2, 3, 4, 5, 6, section="10.5")


@scenario("10.3")
async def reasons_during_a_sync(play: Play) -> None:
    """Reasons that come up during a sync ask for one more after it, however many they are."""
    talk = play.world.talk()
    await play.connect()
    play.hold("sync")
    play.session.push("lagging")
    first = await play.take("sync", section="10.5")
    result = play.world.answer("sync", first.params)
    for _ in range(3):
        play.session.push("lagging")
    play.world.say("behind the snapshot", talk)
    await play.never(lambda: bool(play.waiting("sync")), "asked two syncs at a time", "10.3", during=0.4)
    first.reply(result)
    second = await play.take("sync", section="10.3")
    play.answer(second)
    await play.heard(1, section="10.3")
    await play.never(lambda: bool(play.waiting("sync")), "asked more than one sync more", "10.3", during=0.4)


@scenario("10.3", "10.2")
async def refused_for_now(play: Play) -> None:
    """A sync, and a read, that are refused retryably are asked again, not before retry_after_ms."""
    talk = play.world.talk()
    await play.connect()
    play.hold("sync", "history")
    play.world.say("one", talk)
    play.session.push("lagging")
    first = await play.take("sync", section="10.5")
    begun = play.now()
    first.refuse(703, "busy", 400)
    second = await play.take("sync", section="14.2")
    play.require(play.now() - begun >= 0.39, "a sync was asked again too early", "14.2")
    play.answer(second)
    page = await play.take("history", section="10.3")
    begun = play.now()
    page.refuse(703, "busy", 400)
    again = await play.take("history", section="14.2")
    play.require(play.now() - begun >= 0.39, "a page was asked again too early", "14.2")
    play.answer(again)
    play.let_go("sync", "history")
    await play.heard(1, section="10.2")


@scenario("10.4", "10.3", kills=True)
async def first_sync_interrupted(play: Play) -> None:
    """A first sync that is interrupted goes on with its `since`, and is still the first until its last page."""
    for number in range(4):
        talk = play.world.talk(f"group/{number}")
        play.world.say("old", talk)
    play.hold("sync")
    await play.connect(ready=False)
    first = await play.take("sync", section="10.3")
    told = play.world.answer("sync", (None, 2))
    first.reply(told)
    second = await play.take("sync", section="10.3")
    play.require(second.params[0] == told[1], f"the second page was asked with {second.params[0]!r}", "10.3")
    await asyncio.sleep(0.1)
    await play.restart(ready=False)
    again = await play.take("sync", section="10.4")
    if again.params[0] is not None:
        play.require(again.params[0] == told[1], f"it goes on with {again.params[0]!r}", "10.4")
    play.answer(again)
    play.let_go("sync")
    await asyncio.sleep(0.2)
    for number in range(4):
        play.say("new", play.world.talk(f"group/{number}"))
    for number in range(4):
        await play.heard(2, section="10.4", conversation=f"group/{number}")


@scenario("10.3", "18.6", needs="teams")
async def team_left(play: Play) -> None:
    """The row of a team with left_at ends its conversations: nothing of them is read again, and posts end by NOT_FOUND."""
    team = play.world.talk("group/team")
    project = play.world.talk("group/project", team="group/team")
    await play.connect()
    play.say("hello", project)
    await play.heard(1, section="10.2", conversation="group/project")
    content = system_content("removed", user=play.world.user)
    message = play.world.commit(team, "bob", content)
    team.left_at = message.position
    del play.world.talks["group/project"]
    play.push(team, message)
    await play.until(lambda: play.count("sync") >= 2, "sync when one was removed", "10.3")
    await play.heard(1, section="11.1", conversation="group/team")
    before = play.count("history")
    error = await play.error(play.post("too late", "group/project"), "a post to what was left", "10.3")
    play.require(error.code == 603, f"it was refused with {error.code}", "10.3")
    play.require(play.count("history") == before, "it reads what it has left", "10.3")


@scenario("10.3", "18.3")
async def added_again(play: Play) -> None:
    """Who comes back to a group reads what was said meanwhile, from where one was."""
    talk = play.world.talk("group/back")
    await play.connect()
    play.say("one", talk)
    removed = play.world.commit(talk, "bob", system_content("removed", user=play.world.user))
    play.push(talk, removed)
    await play.heard(1, 2, section="10.2", conversation="group/back")
    play.world.say("while away", talk)
    added = play.world.commit(talk, "bob", system_content("added", user=play.world.user, role="member"))
    talk.joined_at = added.position
    play.push(talk, added)
    await play.heard(1, 2, 3, 4, section="18.6", conversation="group/back")


@scenario("18", "18.2", needs="history")
async def application_pages(play: Play) -> None:
    """The application pages backwards; what it reads there moves nothing."""
    talk = play.world.talk()
    for number in range(10):
        play.world.say(f"{number}", talk)
    await play.connect()
    page = await play.do("history", "18.2", conversation=talk.conversation_id, before=8, limit=3)
    play.require(page["positions"] == [5, 6, 7], f"the page has {page['positions']}", "18.2")
    play.say("new")
    await play.heard(11, section="10.2")


SCENARIOS: tuple[Scenario, ...] = (
    new_device,
    pages,
    since,
    lagging,
    lagging_while_away,
    reasons_during_a_sync,
    refused_for_now,
    first_sync_interrupted,
    team_left,
    added_again,
    application_pages,
)
