"""A plugin with two bots, wherever they are: each act is done by the one that may do it, and refused if there is none."""

from functools import partial

import pytest

from imserver.plugin_api import Kind, MessagePosted, Refusal, RefusalCode, Role, decode_content
from imserver.testing import PluginKit
from tests.plugins.bench import made_with
from tests.plugins.conftest import QUICK

TEXT = {"type": "text", "text": "hello"}
FORBIDDEN, NOT_FOUND = RefusalCode.FORBIDDEN, RefusalCode.NOT_FOUND
W, A, M = Role.OWNER, Role.ADMIN, Role.MEMBER

#: Role of the first bot and of the second (None: was never there; "gone": was removed); who speaks, who manages members.
PLACES = [
    (M, None, "bot", FORBIDDEN),
    (None, M, "twin", FORBIDDEN),
    (M, M, "bot", FORBIDDEN),
    (A, None, "bot", "bot"),
    (None, A, "twin", "twin"),
    (M, A, "bot", "twin"),
    (M, W, "bot", "twin"),
    (A, M, "bot", "bot"),
    (A, A, "bot", "bot"),
    (A, W, "bot", "bot"),
    (W, A, "bot", "bot"),
    (W, M, "bot", "bot"),
    ("gone", M, "twin", FORBIDDEN),
    ("gone", A, "twin", "twin"),
    (M, "gone", "bot", FORBIDDEN),
    (A, "gone", "bot", "bot"),
    ("gone", "gone", NOT_FOUND, NOT_FOUND),
    (None, None, NOT_FOUND, NOT_FOUND),
]


@pytest.fixture
async def kit(make_store, clock):
    """The bench plugin with a command, a broken one, and both bots; a house of people."""

    async def ask(call):
        return "answer"

    async def fail(call):
        raise RuntimeError("no")

    def setup(context):
        context.command("ask", ask)
        context.command("fail", fail)

    config = {"bots": ["bot", "twin"]}
    async with PluginKit(
        made_with(setup), config, store=make_store(), clock=clock, limits=QUICK, raises=False
    ) as kit:
        for user_id in ("ann", "bob", "cy", "zoe"):
            await kit.user(user_id)
        yield kit


async def place_with(kit, first, second):
    """A group with ann and cy. Whichever bot is its owner made it; else zoe did."""
    roles = {"bot": first, "twin": second}
    owner = next((name for name, role in roles.items() if role is W), "zoe")
    others = {"ann": A, "cy": M} | {
        name: M if role == "gone" else role
        for name, role in roles.items()
        if role is not None and name != owner
    }
    place, _, _ = await kit.store.write(
        lambda tx: tx.create_conversation(owner, bytes(16), Kind.GROUP, "here", others)
    )
    for number, name in enumerate(roles):
        if roles[name] is not None:
            await kit.store.write(post_as(place, name, bytes([7, number]) * 8))
    for number, name in enumerate(roles):
        if roles[name] == "gone":
            await kit.store.write(removal(place, name, bytes([8, number]) * 8))
    return place


def post_as(place, name, key):
    return lambda tx: tx.post(place, name, key, b"\x82\xa4type\xa4text\xa4text\xa3old", sent_at=0)


def removal(place, name, key):
    return lambda tx: tx.remove_member(place, "ann", key, name)


def post_text(place, tx):
    tx.post(place, TEXT)


async def told_by(kit, place, fn):
    """Who tells of it, or with which code it is refused."""
    try:
        await kit.plugin.context.transaction(fn)
    except Refusal as refusal:
        return refusal.code
    page = await kit.store.read(lambda reader: reader.history(place, "ann", None, None, 1, 10**6))
    return page.items[-1].sender_id


@pytest.mark.parametrize(("first", "second", "speaker", "manager"), PLACES)
async def test_the_bot_that_may_does_it(kit, first, second, speaker, manager):
    place = await place_with(kit, first, second)
    assert await told_by(kit, place, lambda tx: tx.post(place, TEXT)) == speaker
    assert await told_by(kit, place, lambda tx: tx.add_member(place, "bob")) == manager
    assert await told_by(kit, place, lambda tx: tx.remove_member(place, "cy")) == manager
    await kit.idle()
    heard = [said.sender_id for said in await kit.say("ann", place, "/ask") if said.text == "answer"]
    complaints = await kit.say("ann", place, "/fail")
    assert heard == [said.sender_id for said in complaints] == ([] if speaker is NOT_FOUND else [speaker])


@pytest.mark.parametrize(("first", "second", "speaker", "manager"), PLACES)
async def test_each_bot_speaks_for_itself_and_edits_what_it_said(kit, first, second, speaker, manager):
    place = await place_with(kit, first, second)
    page = await kit.store.read(lambda reader: reader.history(place, "ann", None, None, 50, 10**6))
    said = {
        item.sender_id: item.position for item in page.items if decode_content(item.content)["type"] == "text"
    }
    there = {name for name, role in (("bot", first), ("twin", second)) if isinstance(role, Role)}
    for name in ("bot", "twin"):
        expected = name if name in there else NOT_FOUND
        assert (
            await told_by(kit, place, lambda tx, name=name: tx.post(place, TEXT, sender_id=name)) == expected
        )
        if name in said:
            expected = name if name in there else FORBIDDEN if there else NOT_FOUND
            assert await told_by(kit, place, lambda tx, at=said[name]: tx.edit(place, at, TEXT)) == expected


async def test_of_many_bots_the_first_that_was_registered_speaks_wherever_few_people_are(kit):
    """Also where there are fewer members than bots, and whatever the order of their names."""
    for name in ("zed", "alf", "mid"):
        await kit.plugin.context.ensure_bot(name, name)
    await kit.plugin.context.ensure_bot("zed", "Zed again")  # keeps its place
    orders = [
        ("alf", "mid"),
        ("mid", "zed"),
        ("zed", "alf"),
        ("alf", "twin"),
        ("mid", "bot"),
        ("zed", "twin"),
    ]
    registered = ["bot", "twin", "zed", "alf", "mid"]

    def make(tx, owner, other):
        place = tx.ensure_conversation(f"{owner}/{other}", Kind.GROUP, {other: M}, owner_id=owner)
        first = min((owner, other), key=registered.index)
        second = max((owner, other), key=registered.index)
        spoken = [tx.post(place, TEXT), tx.post(place, TEXT, sender_id=second)]
        for position in spoken:
            tx.edit(place, position, {"type": "text", "text": "edited"})
        tx.add_member(place, "bob")
        return place, first, second

    for owner, other in orders:
        place, first, second = await kit.plugin.context.transaction(
            lambda tx, pair=(owner, other): make(tx, *pair)
        )
        assert [(said.sender_id, said.text) for said in kit.messages(place)] == [
            (first, "edited"),
            (second, "edited"),
        ]


async def test_what_is_said_to_either_bot_is_heard_and_what_either_says_is_not(make_store, clock):
    heard = []

    async def listen(event):
        heard.append((event.message.conversation_id, event.message.sender_id))

    plugin = made_with(lambda context: context.on(MessagePosted, listen))
    config = {"bots": ["bot", "twin"]}
    async with PluginKit(plugin, config, store=make_store(), clock=clock, limits=QUICK, raises=False) as kit:
        await kit.user("ann")
        for name in ("bot", "twin"):
            place = kit.direct("ann", name)
            await kit.say("ann", place, "hello")
            await told_by(kit, place, partial(post_text, place))
        both = kit.direct("bot", "twin")
        await kit.plugin.context.transaction(lambda tx: tx.post(both, TEXT, sender_id="twin"))
        await kit.idle()
        assert heard == [(kit.direct("ann", "bot"), "ann"), (kit.direct("ann", "twin"), "ann")]


async def test_a_bot_that_is_removed_hears_that_and_nothing_more_until_it_is_back(make_store, clock):
    heard = []

    async def listen(event):
        content = decode_content(event.message.content)
        heard.append(content.get("text", content.get("event")))

    plugin = made_with(lambda context: context.on(MessagePosted, listen))
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=QUICK, raises=False) as kit:
        await kit.user("ann")
        group = await kit.group("ann", "bot")
        await kit.say("ann", group, "one")
        await kit.store.write(lambda tx: tx.remove_member(group, "ann", b"1" * 16, "bot"))
        await kit.say("ann", group, "two")
        await kit.store.write(lambda tx: tx.add_member(group, "ann", b"2" * 16, "bot", M))
        await kit.say("ann", group, "three")
        assert heard == ["created", "one", "removed", "added", "three"]
        assert kit.host.figures()[0].failed_count == 0
