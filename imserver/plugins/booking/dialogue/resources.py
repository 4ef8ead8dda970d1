"""People, rooms and devices: whom staff name, and the commands that add and remove one. Each becomes a plan."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from imserver.plugins.booking.schedule import changes
from imserver.plugins.booking.schedule.changes import InEffect
from imserver.plugins.booking.schedule.plans import Detail, FieldWish
from imserver.plugins.booking.schedule.shops import Resource, Shop
from imserver.plugins.booking.understanding.acts import Reading

from .context import DialogueContext, Place
from .plan import in_effect_of, not_read, path_of, propose
from .plan_words import KINDS, typed

MAX_NAME_CHARS = 40

_DAY_MS = 24 * 3_600_000

#: Between two names, where they stood.
_JOINED = re.compile(r"(?:^|(?<= ))(?:和|跟|与|及|、|,|，|&|and\b)(?= |$)", re.IGNORECASE)


def add(context: DialogueContext, reading: Reading) -> bool:
    """添加 验光师 孙老师, 添加 房间 3号验光室."""
    if context.place is not Place.STAFF:
        return False
    text = typed(reading.text)
    found = next((row for row in KINDS if text.casefold().startswith(row[0])), None)
    name = text[len(found[0]) :].strip() if found is not None else ""
    if found is None or not name:
        return not_read(context, "add")
    shop, words = context.the_shop, context.words
    if len(name) > MAX_NAME_CHARS or any(name in (one.names.zh, one.names.en) for one in shop.resources):
        context.say("plan.no_such_name", name=name[:MAX_NAME_CHARS])
        return True
    in_effect, (_, kind, role) = in_effect_of(context), found
    again = _in_file(in_effect, shop, name)
    if again is not None:  # somebody of the file who was removed by talking
        made: dict[str, Any] = again
    else:
        made = {
            "id": _free_id(in_effect, shop, kind, context.position),
            "kind": kind,
            "names": {"zh": name, "en": name},
        }
        skills = _skills_like(shop, kind, role)
        made |= {"role": role} if role else {}
        made |= {"skills": skills} if skills else {}
    skills_text = words("list_separator").join(made.get("skills", ())) or words("plan.no_skills")
    summary = words("plan.add", kind=found[0], name=name, skills=skills_text)
    propose(
        context,
        Detail(summary=summary, fields=(FieldWish(path_of(shop, "resources", made["id"]), made),)),
    )
    return True


def remove(context: DialogueContext, reading: Reading) -> bool:
    """移除 李老师."""
    if context.place is not Place.STAFF:
        return False
    found, rest = named_in(context, typed(reading.text))
    if found is None or rest.strip():
        return not_read(context, "remove", named=found is not None)
    shop, words = context.the_shop, context.words
    propose(
        context,
        Detail(
            summary=words("plan.remove", name=found.names.in_language(words.language)),
            fields=(FieldWish(path_of(shop, "resources", found.id)),),
            begin=context.now_ms,
            end=context.now_ms + 400 * _DAY_MS,
        ),
    )
    return True


def named_in(context: DialogueContext, text: str) -> tuple[Resource | None, str]:
    """Who is named, the longest name first, and the text without it."""
    names = sorted(
        ((name, one) for one in context.the_shop.resources for name in _names(one)),
        key=lambda pair: len(pair[0]),
        reverse=True,
    )
    for name, resource in names:
        found = re.search(_bounded(typed(name)), text, re.IGNORECASE)
        if found is not None:
            return resource, f"{text[: found.start()]} {text[found.end() :]}".strip()
    return None, text


def all_named_in(context: DialogueContext, text: str) -> tuple[list[Resource], str]:
    """Everybody who is named (李老师和王老师), in the order of the text, and the text without them and what joins them."""
    found: list[tuple[int, Resource]] = []
    rest = text
    while (one := named_in(context, rest))[0] is not None:
        resource, rest = one
        if resource is not None and resource not in [known for _, known in found]:
            found.append(
                (min(place for name in _names(resource) if (place := _place(name, text)) >= 0), resource)
            )
    if len(found) > 1:
        rest = " ".join(_JOINED.sub(" ", rest).split())
    return [resource for _, resource in sorted(found, key=lambda pair: pair[0])], rest


def _place(name: str, text: str) -> int:
    found = re.search(_bounded(typed(name)), text, re.IGNORECASE)
    return found.start() if found is not None else -1


def _names(resource: Resource) -> Iterable[str]:
    for name in (resource.names.zh, resource.names.en, resource.id):
        yield name
        short = re.sub(r"\s*[(（].*", "", name)
        if short:
            yield short


def _bounded(word: str) -> str:
    before = r"(?<![A-Za-z0-9-])" if word[:1].isascii() else ""
    behind = r"(?![A-Za-z0-9-])" if word[-1:].isascii() else ""
    return f"{before}{re.escape(word)}{behind}"


def by_id(shop: Shop, resource_id: str) -> Resource | None:
    return next((one for one in shop.resources if one.id == resource_id), None)


def own_of(context: DialogueContext) -> Resource | None:
    return next((one for one in context.the_shop.resources if one.user_id == context.sender.user_id), None)


def _in_file(in_effect: InEffect, shop: Shop, name: str) -> dict[str, Any] | None:
    """A resource of the file with this name that is not in effect now."""
    here = {one.id for one in shop.resources}
    known = changes.found(in_effect.file.tree, ("stores", shop.id, "resources")) or []
    return next(
        (one for one in known if one["id"] not in here and name in (one["names"]["zh"], one["names"]["en"])),
        None,
    )


def _free_id(in_effect: InEffect, shop: Shop, kind: str, position: int) -> str:
    """An id that no resource has, or had in the file, or gets by another message: an id is never somebody else's."""
    taken = {
        one.id
        for chain in (in_effect.chain, in_effect.file.chain)
        for each in chain.stores
        for one in each.resources
    }
    number = position
    while (name := f"{shop.id[:20]}-{kind}-{number}") in taken:
        number += 1
    return name


def _skills_like(shop: Shop, kind: str, role: str) -> list[str]:
    """What others of the role can do, all of it that they have in common."""
    alike = [set(one.skills) for one in shop.resources if one.kind == kind and one.role == role]
    return sorted(set.intersection(*alike)) if alike else []
