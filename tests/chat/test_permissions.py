"""Who may read or do what: tests/permissions.txt, asked over a connection, in the process, as a plugin's bot, of `decide`."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat import permissions as rules
from imserver.chat.permissions import Bars, Grant, Need, Relation, Seat, Standing, Target, standing_of
from imserver.chat.transaction import Transaction
from imserver.clock import SystemClock
from imserver.content import decode_content
from imserver.errors import Refusal, RefusalCode
from imserver.feature_api import Read
from imserver.model import Kind, Role
from imserver.plugin_host.registrations import Registrations
from imserver.plugin_host.transaction import Keys, PluginTransaction
from imserver.store.sqlite.conversation_lists import granted_by_row
from imserver_protocol.errors import RefusalCode as WireCode
from imserver_protocol.methods.blocks import BLOCK, UNBLOCK, BlockParams
from tests.chat.permission_scenes import (
    HEARD,
    PEER,
    PROFILES,
    UNASKED,
    UNMADE,
    UNMADE_ACTS,
    Scene,
    in_process,
    make_scenes,
    request_of,
)
from tests.chat.permission_table import EXPECTED, Act, read_table
from tests.limits.raw import PING, PONG, SIGNAL, Raw
from tests.support.methods import METHOD_ROWS, METHODS
from tests.support.servers import config, running

#: Refusals that say how things are, behind the decision who may.
OF_STATE = {"INVALID", "CONFLICT", "GONE", "EPOCH_CHANGED"}
FAST = {"posts_per_second": 1e6, "posts_burst": 10**6}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Scene]]:
    """The database with all conversations, to be copied, and the scenes in it."""
    folder = tmp_path_factory.mktemp("permissions")
    return folder / "chat.db", asyncio.run(make_scenes(folder))


# -- the table itself -----------------------------------------------------------------------------------------------------


def test_each_method_has_lines_for_each_kind_and_no_line_is_of_another() -> None:
    asked = {(act.method, act.kind) for act in EXPECTED.cells}
    acts = {*(method.name for method in METHODS), *HEARD, *UNASKED}
    assert asked == set(itertools.product(acts, Kind))


def test_every_profile_of_the_design_is_asked() -> None:
    """Under this file's names; `founding`, `unmuted` and `again` are beside it."""
    design = {
        "stranger", "invited", "former-below", "former-above", "former-admin", "reader", "member", "muted",
        "muted-admin", "admin", "owner", "author", "non-author", "blocked", "disabled", "team", "former-team",
    }  # fmt: skip
    assert len(design) == 17
    assert {name for some in EXPECTED.profiles.values() for name in some} == design | {
        "founding", "unmuted", "again",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("profiles of group: ann bob\npost: group\n  yes ann\n", "no answer for bob"),
        ("profiles of group: ann\npost: group\n  yes ann eve\n", "no profile 'eve'"),
        ("profiles of group: ann\npost: group\n  yes ann\n  no ann\n", "already"),
        ("profiles of group: ann\npost: group\n  yes ann\npost: group\n  no ann\n", "twice"),
    ],
)
def test_a_table_with_a_hole_or_two_answers_is_not_read(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_table(text)


# -- over a connection, in the process, as bots ---------------------------------------------------------------------------

Ask = Callable[[Scene], Awaitable[Any]]


async def over_a_connection(server: Server, raw: Raw, scene: Scene) -> Any:
    """The result, all pages of a list in one. Raises Refusal."""
    method, params = request_of(scene)
    if method == "renew":
        params = (server.accounts.make_token(scene.profile, ttl_s=7200),)
    rows: list[Any] = []
    while True:
        answer = await raw.ask(method, *params)
        if answer.code:
            raise Refusal(RefusalCode[WireCode(answer.code).name], answer.text)
        if method not in {"sync", "conversations"}:
            return answer.result
        rows += answer.result[0]
        if not (answer.result[2] if method == "sync" else answer.result[1]):
            return [rows]
        params = (answer.result[1], *params[1:])


#: What a plugin may ask for; for what is so already `add_member` and `remove_member` do nothing.
OF_PLUGINS = {
    *(("edit", case) for case in ("own", "others", "authors", "system", "absent")),
    *(("add", case) for case in ("", "admin", "reader", "owner", "nobody")),
    *(("remove", case) for case in ("", "admin", "owner", "peer")),
    ("post", ""),
    ("post", "open"),
}


async def as_a_bot(server: Server, scene: Scene) -> Any:
    """The same by a plugin whose only bot has this profile."""
    method, (place, key, *rest) = request_of(scene)
    registrations = Registrations("bench", [], {}, 1)
    registrations.add_bot(scene.profile)

    def work(tx: Transaction) -> Any:
        plugin = PluginTransaction(tx, registrations, Keys(0, key), 10_000)
        if method == "post":
            return plugin.post(place, decode_content(rest[0]))
        if method == "edit":
            return plugin.edit(place, rest[0], decode_content(rest[2]))
        if method == "add":
            return plugin.add_member(place, rest[0], *map(Role, rest[1:]))
        return plugin.remove_member(place, rest[0])

    return await server.store.write(work)


def judged(scene: Scene, result: Any) -> str:
    """What came of the act, in the words of the table."""
    method, case, _ = scene.act
    if case == "again":
        return "duplicate" if result[1 if method in {"add", "remove", "leave"} else 2] else "yes"
    match method:
        case "history":
            positions = [item[0] for item in result[0]]
            if case == "one":
                return "yes" if scene.reads in positions else "no"
            if scene.last not in positions:
                assert result[3] < scene.last, "not even the head is told"
            return "all" if scene.last in positions else "until" if positions else "no"
        case "members":
            assert [scene.profile] in [row[:1] for row in result]
        case "sync":
            rows = [row for row in result[0] if row[0] == scene.place]
            if rows and rows[0][5] is not None:
                assert rows[0][3] == rows[0][5] < scene.last, "nor here"
            return "no" if not rows else "yes" if rows[0][5] is None else "left"
        case "check":
            (answer,) = result[0]
            return "NOT_FOUND" if answer is None else "yes" if answer[2][5] is None else "left"
        case "conversations":
            return "yes" if scene.place in [row[0] for row in result[0]] else "no"
    return "yes"


async def outcome(scene: Scene, ask: Ask) -> str:
    try:
        return judged(scene, await ask(scene))
    except Refusal as refusal:
        return refusal.code.name


def in_order(scenes: list[Scene]) -> Iterator[Scene]:
    """Owners act last: when one leaves, somebody else becomes the owner."""
    yield from sorted(
        (s for s in scenes if s.act.method not in HEARD), key=lambda scene: scene.profile == "owner"
    )


async def differences(scenes: list[Scene], ask: Ask) -> list[tuple[str, str, str, str]]:
    """Act, profile, expected and found answer, where these two differ."""
    return [
        (str(scene.act), scene.profile, f"{scene.expected} expected", found)
        for scene in in_order(scenes)
        if (found := await outcome(scene, ask)) != scene.expected
    ]


async def entered(server: Server, stack: AsyncExitStack, names: list[str]) -> dict[str, Raw]:
    raws: dict[str, Raw] = {}
    for name in names:
        raws[name] = await stack.enter_async_context(await Raw.open(server))
        await raws[name].enter(server, name)
    return raws


async def test_every_act_of_everybody_is_answered_as_the_table_says(
    tmp_path: Path, made: tuple[Path, list[Scene]]
) -> None:
    shutil.copy(made[0], tmp_path)
    async with running(tmp_path, limits=FAST) as server, AsyncExitStack() as stack:
        raws = await entered(server, stack, PROFILES)
        ask = lambda scene: over_a_connection(server, raws[scene.profile], scene)  # noqa: E731
        assert not await differences(made[1], ask)


async def test_the_embedding_program_is_answered_alike(
    tmp_path: Path, made: tuple[Path, list[Scene]]
) -> None:
    shutil.copy(made[0], tmp_path)
    scenes = [scene for scene in made[1] if scene.act.method != "renew"]  # of sessions alone
    async with running(tmp_path, limits=FAST) as server:
        ask = lambda scene: in_process(server, scene.profile, *request_of(scene))  # noqa: E731
        assert not await differences(scenes, ask)


async def test_a_plugins_bot_is_answered_alike(tmp_path: Path, made: tuple[Path, list[Scene]]) -> None:
    shutil.copy(made[0], tmp_path)
    scenes = [
        scene
        for scene in made[1]
        if scene.act[:2] in OF_PLUGINS and scene.act != Act("remove", "", Kind.DIRECT)
    ]
    assert {scene.act[:2] for scene in scenes} == OF_PLUGINS
    async with running(tmp_path, limits=FAST) as server:
        assert not await differences(scenes, lambda scene: as_a_bot(server, scene))


class LeapingClock(SystemClock):
    """The machine's clock, and leaps."""

    leap_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.leap_s


async def test_members_hear_what_is_said_and_those_who_may_speak_are_heard_typing(
    tmp_path: Path, made: tuple[Path, list[Scene]]
) -> None:
    shutil.copy(made[0], tmp_path)
    scenes = [scene for scene in made[1] if scene.act.method in HEARD]
    clock = LeapingClock()
    async with Server(config(tmp_path), clock=clock) as server, AsyncExitStack() as stack:
        raws = await entered(server, stack, [*PROFILES, PEER])

        async def frames(name: str) -> list[list[Any]]:
            """What is on its way to this session."""
            raws[name].send(PING, 0, raws[name].received, 1)
            found = []
            while (frame := await raws[name].frame())[0] != PONG:
                found.append(frame)
            return found

        # What is said before the block is heard by whom it keeps away later.
        await server.call(UNBLOCK, PEER, BlockParams("blocked"))
        for place in dict.fromkeys(scene.place for scene in scenes):
            # In the process, so that the owner's own session hears it, too; and from now on the hub knows the place.
            speaker = PEER if place.startswith("direct/") else "owner"
            await server.chat.post(speaker, place, "news")
        await server.call(BLOCK, PEER, BlockParams("blocked"))
        heard: set[tuple[str, str]] = set()
        for name in PROFILES:
            await frames(name)
            heard |= {(name, push[1]) for push in raws[name].pushes if push[0] == "message"}
        for kind in Kind:
            clock.leap_s += 1  # more than two a second are dropped
            for scene in scenes:
                if scene.act[::2] == ("typing", kind):
                    raws[scene.profile].send(SIGNAL, 0, raws[scene.profile].received, "typing", scene.place)
                    await frames(scene.profile)
        typed = {(frame[5], frame[4]) for frame in await frames(PEER) if frame[0] == SIGNAL}
        found = {"hear": heard, "typing": typed}
        wrong = [
            (str(scene.act), scene.profile, scene.expected)
            for scene in scenes
            if ("yes" if (scene.profile, scene.place) in found[scene.act.method] else "no") != scene.expected
        ]
        assert not wrong


# -- `decide` alone: all profiles, also those that nothing makes yet ------------------------------------------------------

#: Positions: of one's own message, where the former left, of the last message.
OWN, LEFT, LATEST = 5, 10, 20


def seat_of(profile: str, kind: Kind) -> Seat:
    former = standing_of(LEFT)
    back = Role.READER if kind is Kind.CHANNEL else Role.MEMBER
    seats: dict[str, tuple[Standing, Role | None, Bars]] = {
        "stranger": (rules.STRANGER, None, rules.FREE),
        "invited": (rules.INVITED, None, rules.FREE),
        "former-below": (former, Role.MEMBER, rules.FREE),
        "former-above": (former, Role.MEMBER, rules.FREE),
        "former-admin": (former, Role.ADMIN, rules.FREE),
        "former-team": (rules.FORMER_TEAM_MEMBER, None, rules.FREE),
        "reader": (rules.MEMBER, Role.READER, rules.FREE),
        "muted": (rules.MEMBER, Role.MEMBER, Bars(muted_until=1)),
        "muted-admin": (rules.MEMBER, Role.ADMIN, Bars(muted_until=1)),
        "admin": (rules.MEMBER, Role.ADMIN, rules.FREE),
        "owner": (rules.MEMBER, Role.OWNER, rules.FREE),
        "blocked": (rules.MEMBER, Role.MEMBER, Bars(blocked=True)),
        "disabled": (rules.MEMBER, Role.MEMBER, Bars(disabled=True)),
        "team": (rules.TEAM_MEMBER, Role.MEMBER, rules.FREE),
        "founding": (rules.MEMBER, back, rules.FREE),
        "again": (rules.MEMBER, back, rules.FREE),
    }
    return Seat(kind, *seats.get(profile, (rules.MEMBER, Role.MEMBER, rules.FREE)))


def question_of(act: Act, profile: str) -> tuple[Need, Target]:
    """What the method asks `decide` for."""
    member, message = rules.member, rules.message_of(Role.MEMBER)
    aims: dict[tuple[str, str], Target] = {
        ("edit", "own"): rules.OWN_MESSAGE,
        ("edit", "others"): rules.message_of(Role.OWNER),
        ("edit", "authors"): rules.OWN_MESSAGE if profile == "author" else message,
        ("edit", "system"): rules.SYSTEM_MESSAGE if profile == "owner" else rules.message_of(Role.OWNER),
        ("edit", "absent"): rules.NO_MESSAGE,
        ("add", ""): rules.newcomer(Role.MEMBER),
        ("add", "admin"): rules.newcomer(Role.ADMIN),
        ("add", "reader"): rules.newcomer(Role.READER),
        ("add", "owner"): rules.newcomer(Role.OWNER),
        ("add", "nobody"): rules.no_user("nobody"),
        ("add", "twice"): member(Role.MEMBER, gets=Role.MEMBER),
        ("add", "promote"): member(Role.MEMBER, gets=Role.ADMIN),
        ("add", "demote-admin"): member(Role.ADMIN, gets=Role.MEMBER),
        ("add", "demote-owner"): member(Role.OWNER, gets=Role.MEMBER),
        ("remove", ""): member(Role.MEMBER),
        ("remove", "peer"): member(Role.MEMBER),
        ("remove", "admin"): member(Role.ADMIN),
        ("remove", "owner"): member(Role.OWNER),
        ("remove", "oneself"): rules.ONESELF,
        ("remove", "stranger"): rules.NO_MEMBER,
        ("remove", "team"): rules.TEAM_ONLY,
        ("leave", ""): rules.ONESELF,
    }
    target = aims.get(act[:2], rules.NOTHING)
    if act.method == "hear":
        return Need.READ, target
    if act.method == "typing":
        return Need.SPEAK, target
    if act.method in UNASKED:
        return UNASKED[act.method], target
    need = next(row.need for row in METHOD_ROWS if row.method.name == act.method)
    return Need.MANAGE if need is Need.INVITE and target.role is not None else need, target


def decided(act: Act, profile: str) -> str:
    need, target = question_of(act, profile)
    seat = seat_of(profile, act.kind)
    if act.method == "typing":
        seat = seat._replace(bars=seat.bars._replace(muted_until=0))
    if act.case == "open" and profile != "stranger":
        seat = seat._replace(bars=seat.bars._replace(muted_until=0))
    answer = rules.decide(need, *seat, target=target)
    listed = act.method in {"sync", "conversations"}
    if isinstance(answer, Refusal):
        unseen = act.method in HEARD or (listed and answer.code is RefusalCode.NOT_FOUND)
        return "no" if unseen else answer.code.name
    reads = OWN if profile in {"former-below", "former-admin"} else LATEST
    match act.method, act.case:
        case ("history", "one"):
            return "yes" if answer.covers(reads) else "no"
        case ("history", "after") if profile == "former-above":
            return "EPOCH_CHANGED" if answer.cut(LATEST) < LATEST else "all"
        case ("history", _):
            return "all" if answer.covers(LATEST) else "until" if answer.covers(OWN) else "no"
        case ("sync" | "check", _):
            return "yes" if answer.goes_on else "left"
        case ("conversations" | "hear", _):
            return "yes" if answer.goes_on else "no"
        case ("changes", _):
            return "yes" if answer.goes_on else "NOT_FOUND"
    return "yes"


def test_the_rule_alone_answers_as_the_table_says() -> None:
    wrong = []
    asked: set[str] = set()
    for act, cells in EXPECTED.cells.items():
        if act.case == "again":
            continue  # keys come before the rule
        for profile, expected in cells.items():
            if expected == "-":
                continue
            asked.add(profile)
            found = decided(act, profile)
            if found != expected and not (found == "yes" and expected in OF_STATE):
                wrong.append((str(act), profile, f"{expected} expected", found))
    assert not wrong
    assert asked >= UNMADE
    assert {act[:2] for act in EXPECTED.cells} >= UNMADE_ACTS


# -- the rule and those who use it ----------------------------------------------------------------------------------------


async def test_each_method_asks_for_what_its_row_names(
    tmp_path: Path, made: tuple[Path, list[Scene]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posts look into the folded sets instead; an account's need is nothing of a conversation, so nothing is asked."""
    shutil.copy(made[0], tmp_path)
    asked: list[Need] = []
    decide = rules.decide

    def spy(need: Need, *seat: Any, **target: Any) -> Grant | Refusal:
        asked.append(need)
        return decide(need, *seat, **target)

    monkeypatch.setattr(rules, "decide", spy)
    plainest = {
        scene.act.method: scene
        for scene in reversed(made[1])
        if scene.profile == "owner" and scene.expected in {"yes", "all"}
    }
    async with running(tmp_path, limits=FAST) as server, AsyncExitStack() as stack:
        raw = (await entered(server, stack, ["owner"]))["owner"]
        for row in METHOD_ROWS:
            asked.clear()
            granted_by_row.cache_clear()
            await over_a_connection(server, raw, plainest[row.method.name])
            exempt = row.need is Need.ACCOUNT or row.method.name == "post"
            expected = set() if exempt else {row.need}
            if row.method.name in server.features.offers.methods:
                registered = server.features.offers.methods[row.method.name].row
                if isinstance(registered, Read) and registered.aimed:
                    expected.add(Need.READ)  # what it is aimed at is found as a page shows it
            assert set(asked) == expected, row.method.name


STANDINGS = [
    rules.STRANGER,
    rules.INVITED,
    standing_of(LEFT),
    rules.FORMER_TEAM_MEMBER,
    rules.MEMBER,
    standing_of(None, 7),
    rules.TEAM_MEMBER,
]
BARS = [
    Bars(*some) for some in itertools.product((0, 9), (False, True), (False, True), (0, 9), (False, True))
]
TARGETS = [
    rules.NOTHING,
    rules.OWN_MESSAGE,
    rules.SYSTEM_MESSAGE,
    rules.TEAM_ONLY,
    rules.ONESELF,
    rules.NO_MESSAGE,
    rules.no_user("nobody"),
    *(rules.message_of(role) for role in (None, *Role)),
    *(rules.newcomer(role) for role in Role),
    *(rules.member(role, gets) for role in Role for gets in (None, *Role)),
]


def test_posting_and_the_rule_agree_on_everything_that_there_can_be() -> None:
    """The writer takes a post at once of roles in POSTERS that no mute bars; all else goes through `decide`."""
    for kind, standing, role, bars in itertools.product(Kind, STANDINGS, (None, *Role), BARS):
        answer = rules.decide(Need.SPEAK, kind, standing, role, bars)
        present = standing.relation in {Relation.MEMBER, Relation.TEAM_MEMBER}
        assert isinstance(answer, Grant) == (present and role in rules.speakers(kind, bars))
        if bars == rules.FREE or bars == Bars(muted_until=9):
            at_once = present and role in rules.POSTERS[kind] and not bars.muted_until
            assert isinstance(answer, Grant) == at_once, (kind, standing, role, bars)


def test_refusals_come_in_one_order_whatever_is_wanted() -> None:
    """Outsiders learn nothing; then what the kind does not know; what is not there; what the role may not; what bars it now."""
    for need, kind, standing, role, bars, target in itertools.product(
        set(Need) - {Need.ACCOUNT, Need.OPERATE}, Kind, STANDINGS, Role, BARS[::5], TARGETS
    ):
        answer = rules.decide(need, kind, standing, role, bars, target)
        free = rules.decide(need, kind, standing, role, rules.FREE, target)
        present = standing.relation in {Relation.MEMBER, Relation.TEAM_MEMBER}
        reads = standing.relation is Relation.FORMER and need is Need.READ
        if not present and not reads:
            assert isinstance(answer, Refusal)
            assert (answer.code, answer.text) == (RefusalCode.NOT_FOUND, "no such conversation")
        elif kind is Kind.DIRECT and need in rules.NOT_IN_DIRECT:
            assert isinstance(answer, Refusal)
            assert (answer.code, answer.detail) == (RefusalCode.FORBIDDEN, None)
        elif target.aim is rules.Aim.ABSENT:
            assert isinstance(answer, Refusal)
            assert (answer.code, answer.text) == (RefusalCode.NOT_FOUND, target.text)
        elif isinstance(free, Refusal):
            assert isinstance(answer, Refusal)
            assert (answer.code, answer.text) == (free.code, free.text)
        elif isinstance(answer, Refusal):
            assert answer.code is RefusalCode.FORBIDDEN
            assert answer.detail is not None, "programs see which bar it is"
        else:
            assert answer == standing.opens


def test_no_role_of_a_conversation_runs_the_server() -> None:
    for kind, standing, role in itertools.product(Kind, STANDINGS, Role):
        assert isinstance(rules.decide(Need.OPERATE, kind, standing, role), Refusal)


@pytest.mark.parametrize(
    ("bars", "need", "role", "detail"),
    [
        (Bars(muted_until=7), Need.SPEAK, Role.OWNER, {"muted_until": 7}),
        (Bars(muted_until=7), Need.MARK, Role.MEMBER, {"muted_until": 7}),
        (Bars(muted_until=7), Need.CHANGE_OWN, Role.ADMIN, {"muted_until": 7}),
        (Bars(muted_until=7), Need.CHANGE_ANY, Role.ADMIN, None),
        (Bars(muted_until=7), Need.CURATE, Role.OWNER, {"muted_until": 7}),
        (Bars(announce=True, slow_until=7), Need.CURATE, Role.ADMIN, None),
        (Bars(muted_until=7), Need.READ, Role.MEMBER, None),
        (Bars(announce=True), Need.SPEAK, Role.MEMBER, "announce"),
        (Bars(announce=True), Need.CHANGE_OWN, Role.MEMBER, "announce"),
        (Bars(announce=True), Need.SPEAK, Role.ADMIN, None),
        (Bars(announce=True), Need.MARK, Role.MEMBER, None),
        (Bars(slow_until=7), Need.SPEAK, Role.MEMBER, {"slow_until": 7}),
        (Bars(slow_until=7), Need.SPEAK, Role.OWNER, None),
        (Bars(slow_until=7), Need.CHANGE_OWN, Role.MEMBER, None),
        (
            Bars(blocked=True),
            Need.SPEAK,
            Role.MEMBER,
            None,
        ),  # in a group it hides on the blocker's screen only
        (Bars(disabled=True), Need.READ, Role.OWNER, "disabled"),
        (Bars(disabled=True), Need.ACCOUNT, None, "disabled"),
    ],
)
def test_what_bars_whom_in_a_group(bars: Bars, need: Need, role: Role | None, detail: Any) -> None:
    answer = rules.decide(need, Kind.GROUP, rules.MEMBER, role, bars)
    assert (answer.detail if isinstance(answer, Refusal) else None) == detail


@pytest.mark.parametrize(
    ("bars", "need", "detail"),
    [
        (Bars(blocked=True), Need.SPEAK, "peer"),
        (Bars(blocked=True), Need.MARK, "peer"),
        (Bars(blocked=True), Need.CHANGE_OWN, "peer"),
        (Bars(blocked=True), Need.READ, None),
        (Bars(blocked=True), Need.OWN_STATE, None),
        (Bars(waiting=True), Need.SPEAK, "request"),
        (Bars(waiting=True), Need.CHANGE_OWN, "request"),
        (Bars(waiting=True), Need.READ, None),
        (Bars(refuses=True), Need.SPEAK, "blocked"),
        (Bars(refuses=True), Need.READ, None),
        (Bars(blocked=True, refuses=True), Need.SPEAK, "peer"),
        (Bars(blocked=True, waiting=True), Need.SPEAK, "peer"),
    ],
)
def test_what_keeps_two_people_apart(bars: Bars, need: Need, detail: str | None) -> None:
    """In the same words, whether one waits for an answer or is blocked; and in a group not at all."""
    answer = rules.decide(need, Kind.DIRECT, rules.MEMBER, Role.MEMBER, bars, rules.OWN_MESSAGE)
    assert (answer.detail if isinstance(answer, Refusal) else None) == detail
    if isinstance(answer, Refusal) and detail != "blocked":
        assert answer.text == "does not take messages from you"
    assert isinstance(
        rules.decide(need, Kind.GROUP, rules.MEMBER, Role.MEMBER, bars, rules.OWN_MESSAGE), Grant
    )


@pytest.mark.parametrize(
    ("role", "author", "allowed"),
    [
        (Role.OWNER, Role.ADMIN, True),
        (Role.OWNER, None, True),
        (Role.ADMIN, Role.MEMBER, True),
        (Role.ADMIN, None, True),
        (Role.ADMIN, Role.ADMIN, False),
        (Role.ADMIN, Role.OWNER, False),
        (Role.MEMBER, Role.MEMBER, False),
    ],
)
def test_whose_messages_are_taken_back_by_others(role: Role, author: Role | None, allowed: bool) -> None:
    seat = Seat(Kind.GROUP, rules.MEMBER, role)
    assert rules.may(Need.CHANGE_ANY, seat, rules.message_of(author)) is allowed
