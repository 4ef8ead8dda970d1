"""The participants: users with their devices, processes and conversations. Drawn from the seed."""

from __future__ import annotations

import random
from typing import Any, Final

import msgspec

#: Staff accounts of the demo chain, and the bots of their shops.
STAFF: Final = (("staff-li", "store-garden"), ("staff-zhang", "store-river"))
#: Shares of all clients: customers, and second devices of users.
CUSTOMER_SHARE = 0.24
SECOND_DEVICE_SHARE = 0.08
MAX_GROUP_MEMBERS = 9
#: The team: share of all clients, and so many in runs that are not the smallest; and conversations that name it.
EMPLOYEE_SHARE, FEWEST_WITH_EMPLOYEES = 0.08, 12
NAMING_CONVERSATIONS, CUSTOMERS_OF_EACH = 2, 2
#: Members of the last group, which takes in every other user once.
MEMBERS_WITH_GUESTS = 3


class Part(msgspec.Struct, frozen=True):
    """One client. `kind`: talker, customer, staff, or employee, whom an operator shuts out and lets in again. `groups`: numbers
    of groups that it posts to; `partners`: users of its direct conversations. `shop`: the bot of its shop. `guests`: users that
    it adds to the last of its groups, and removes again. `team`: the number of a group of its own into which it takes
    `employees`, and from which it puts them out."""

    user_id: str
    device_id: str
    kind: str
    groups: tuple[int, ...] = ()
    partners: tuple[str, ...] = ()
    shop: str = ""
    chinese: bool = False
    guests: tuple[str, ...] = ()
    team: int | None = None
    employees: tuple[str, ...] = ()

    @property
    def comes_and_goes(self) -> bool:
        """Whether an operator shuts it out at times, and it is in and out of the team."""
        return self.kind == "employee"

    @property
    def name(self) -> str:
        """The name of its files: one for each device."""
        return self.device_id


class Group(msgspec.Struct, frozen=True):
    """A group that is made before the load begins. `team`: the number of another one of the same owner, which it names."""

    number: int
    owner: str
    members: tuple[str, ...]
    team: int | None = None


class Participants(msgspec.Struct, frozen=True):
    """All participants. `processes`: the clients that share one; the last `javascript_processes` run the JavaScript client."""

    processes: tuple[tuple[Part, ...], ...]
    groups: tuple[Group, ...]
    directs: tuple[tuple[str, str], ...]
    javascript_processes: int = 0

    @property
    def parts(self) -> list[Part]:
        """All clients."""
        return [part for process in self.processes for part in process]

    @property
    def python_processes(self) -> int:
        """How many processes run the Python client."""
        return len(self.processes) - self.javascript_processes

    @property
    def javascript_clients(self) -> int:
        """How many clients are the JavaScript client's."""
        return sum(map(len, self.processes[self.python_processes :]))


def draw_participants(
    seed: int, clients: int, processes: int, conversations: int, javascript: int = 0
) -> Participants:
    """Half of the conversations are groups, half are of two; those with the shops, and those of the team, come on top. Of the
    clients up to `javascript` run the JavaScript client, in processes that come on top: talkers who run no group."""
    rng = random.Random(f"cast {seed}")
    staff = STAFF if clients >= 10 else STAFF[:1]
    customers = max(2, round(clients * CUSTOMER_SHARE))
    seconds = round(clients * SECOND_DEVICE_SHARE)
    hands = max(2, round(clients * EMPLOYEE_SHARE)) if clients >= FEWEST_WITH_EMPLOYEES else 0
    employees = tuple(f"employee-{n:02}" for n in range(hands))
    talkers = [f"talker-{n:02}" for n in range(clients - len(staff) - customers - seconds - hands)]
    if len(talkers) < 4 or not 1 <= processes <= clients:
        raise ValueError("at least 8 clients, in no more processes than clients")
    groups: list[Group] = []
    count = (conversations + 1) // 2
    for number in range(count):
        last = number == count - 1
        size = MEMBERS_WITH_GUESTS if last else rng.randint(3, min(MAX_GROUP_MEMBERS, len(talkers)))
        members = rng.sample(talkers, size)
        groups.append(Group(number, members[0], tuple(members[1:])))
    pairs = [(one, other) for n, one in enumerate(talkers) for other in talkers[n + 1 :]]
    directs = tuple(rng.sample(pairs, min(conversations // 2, len(pairs))))
    inside = {groups[-1].owner, *groups[-1].members}
    guests = rng.sample([user for user in talkers if user not in inside], len(talkers) - len(inside))
    guests_of, team = groups[-1].owner, len(groups) if employees else None
    boss = rng.choice([user for user in talkers if user != guests_of])
    if team is not None:
        others = [user for user in talkers if user not in (boss, guests_of)]
        groups.append(Group(team, boss, ()))
        groups += [
            Group(number, boss, tuple(rng.sample(others, CUSTOMERS_OF_EACH)), team)
            for number in range(team + 1, team + 1 + NAMING_CONVERSATIONS)
        ]
    parts = [_talker(user, f"{user}-1", groups, directs) for user in talkers]
    roles: dict[str, dict[str, Any]] = {
        guests_of: {"guests": tuple(guests)},
        boss: {"team": team, "employees": employees},
    }
    parts = [msgspec.structs.replace(part, **roles.get(part.user_id, {})) for part in parts]
    of_team = tuple(group.number for group in groups[team:]) if team is not None else ()
    parts += [Part(user, f"{user}-1", "employee", of_team) for user in employees]
    parts += [_talker(user, f"{user}-2", groups, directs) for user in rng.sample(talkers, seconds)]
    for number in range(customers):
        name = f"customer-{number:02}"
        shop = staff[number % len(staff)][1]
        parts.append(Part(name, f"{name}-1", "customer", shop=shop, chinese=number % 4 >= 2))
    parts += [Part(user, f"{user}-1", "staff", shop=bot, chinese=True) for user, bot in staff]
    rng.shuffle(parts)
    shares = [parts[n::processes] for n in range(processes)]
    in_node = _taken_out(shares, javascript)
    more = -(-len(in_node) * processes // clients)
    shares += [in_node[n::more] for n in range(more)]
    return Participants(tuple(map(tuple, shares)), tuple(groups), directs, more)


def _taken_out(shares: list[list[Part]], count: int) -> list[Part]:
    """Up to so many talkers who run no group, each from the process that has most of them: all keep some, for their bursts."""
    taken: list[Part] = []
    while len(taken) < count:
        share = max(shares, key=lambda parts: sum(map(_only_talks, parts)))
        part = next(filter(_only_talks, share), None)
        if part is None:
            break
        share.remove(part)
        taken.append(part)
    return taken


def _only_talks(part: Part) -> bool:
    return part.kind == "talker" and not part.guests and part.team is None


def _talker(user: str, device: str, groups: list[Group], directs: tuple[tuple[str, str], ...]) -> Part:
    mine = tuple(group.number for group in groups if user == group.owner or user in group.members)
    partners = tuple(one if user == other else other for one, other in directs if user in (one, other))
    return Part(user, device, "talker", mine, partners)
