"""What is right in a chain file and probably not meant: `imserver booking check` says it, and nothing is refused for it."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Fault, close
from .shops import WEEKDAYS, Chain, Need, Shop, can_serve

#: What the template says where the address belongs.
ADDRESS_TO_WRITE = ("请填写地址", "Please write the address here")


def notes(chain: Chain) -> Iterator[Fault]:
    """One for each thing that an operator should look at."""
    yield from _services(chain)
    yield from _skills(chain)
    for shop in chain.stores:
        yield from _shop(shop)


def _services(chain: Chain) -> Iterator[Fault]:
    """Services that no shop offers."""
    for service in chain.services:
        if not any(shop.offers(service) for shop in chain.stores):
            missing = [need for need in service.needs if not _is_met(chain, need)]
            why = f": there is no {_named(missing[0])}" if missing else ""
            yield Fault(("services", service.id), f"no shop offers it{why}")


def _is_met(chain: Chain, need: Need) -> bool:
    return any(can_serve(resource, need) for shop in chain.stores for resource in shop.resources)


def _named(need: Need) -> str:
    return f"{need.kind} with the skill {need.skill!r}" if need.skill else need.kind


def _skills(chain: Chain) -> Iterator[Fault]:
    """Skills that no service asks for: perhaps it spells them otherwise."""
    wanted = {need.skill for service in chain.services for need in service.needs if need.skill}
    for shop in chain.stores:
        for resource in shop.resources:
            for skill in resource.skills:
                if skill not in wanted:
                    path = ("stores", shop.id, "resources", resource.id, "skills")
                    yield Fault(path, f"no service needs {skill!r}{close(skill, wanted)}")


def _shop(shop: Shop) -> Iterator[Fault]:
    path = ("stores", shop.id)
    if shop.address.zh in ADDRESS_TO_WRITE or shop.address.en in ADDRESS_TO_WRITE:
        yield Fault((*path, "address"), "is still the one of the template, and customers read it")
    if not any(getattr(shop.hours, day) for day in WEEKDAYS) and not any(shop.exceptions.values()):
        yield Fault((*path, "hours"), "the shop is never open")
    staff = shop.staff_ids()
    for user_id in sorted({one for one in staff if staff.count(one) > 1}):
        yield Fault((*path, "resources"), f"two people have the account {user_id}; each chats with their own")
