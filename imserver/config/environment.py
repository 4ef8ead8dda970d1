"""What the environment says: `IMSERVER_SECTION__FIELD` lies over the field of the file; whatever else begins like that is told.

One underscore instead of two would set nothing and say nothing, so it is refused with the right name. What Kubernetes sets in
every pod beside a Service named `imserver` (or `imserver-http` …) looks like that, and is known by its form and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

import msgspec

from imserver.errors import ConfigError

from .sections import Config

#: Environment variables of this prefix override the file; `__` stands between section and field.
ENVIRONMENT_PREFIX = "IMSERVER_"
BETWEEN = "__"
#: Of commands, and no fields: the configuration's file; the token of `imserver chat`.
NO_FIELDS = frozenset({f"{ENVIRONMENT_PREFIX}CONFIG", f"{ENVIRONMENT_PREFIX}TOKEN"})
PLUGINS = "plugins"
#: How alike names are of which one may have been meant.
ALIKE = 0.75

#: By its documentation ("Accessing the Service", docker links): of the Service `imserver-http` all begin with IMSERVER_HTTP.
_OF_A_SERVICE = re.compile(
    r"IMSERVER(_[A-Z0-9]+)*?_(?P<kind>SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(?P<link>_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
_LINK = re.compile(r"(tcp|udp|sctp)://\S+")


class Override(NamedTuple):
    """A field that a variable sets, as text."""

    variable: str
    path: tuple[str, ...]
    text: str


class Environment(NamedTuple):
    """Every variable of ours, by what it is."""

    overrides: tuple[Override, ...]
    faults: tuple[ConfigError, ...]
    #: Set by Kubernetes for a Service, and ignored.
    of_services: tuple[str, ...]
    #: Of no meaning here, and the variable that may have been meant ("": none is like it).
    unknown: Mapping[str, str]


def read_environment(environment: Mapping[str, str]) -> Environment:
    """Sort what begins with `IMSERVER_`, in the order of the names."""
    overrides: list[Override] = []
    faults: list[ConfigError] = []
    of_services: list[str] = []
    unknown: dict[str, str] = {}
    ours = sorted(name for name in environment if name.startswith(ENVIRONMENT_PREFIX))
    for name in ours:
        text, rest = environment[name], name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name in NO_FIELDS:
            continue
        if is_of_a_service(name, text):
            of_services.append(name)
        elif BETWEEN in rest:
            path = tuple(rest.split(BETWEEN))
            twin = next((one.variable for one in overrides if one.path == path), None)
            if twin is not None:  # which of them holds would be a matter of letters
                faults.append(
                    ConfigError("$", f"is {twin} in other letters: remove one of them", source=name)
                )
            overrides.append(Override(name, path, text))
        elif (right := _with_two_underscores(rest)) is not None:
            why = f"sets nothing: two underscores stand between section and field, {right}"
            faults.append(ConfigError("$", why, source=name))
        else:
            unknown[name] = _meant_by(rest)
    return Environment(tuple(overrides), tuple(faults), tuple(of_services), unknown)


def is_of_a_service(name: str, text: str) -> bool:
    """Whether Kubernetes sets this in pods beside a Service. A port of a person is a number, that of a Service an address."""
    found = _OF_A_SERVICE.fullmatch(name)
    if found is None:
        return False
    if found["kind"] == "PORT" or (found["link"] or "").endswith(("_TCP", "_UDP", "_SCTP")):
        return _LINK.fullmatch(text) is not None
    return True


def variable_of(path: Sequence[str]) -> str:
    """The variable that sets this field."""
    return ENVIRONMENT_PREFIX + BETWEEN.join(path).upper()


def sections() -> dict[str, type[Any]]:
    """The type of each section but `plugins`, by its name."""
    return {
        field.name: next((one for one in get_args(field.type) if one is not type(None)), field.type)
        for field in msgspec.structs.fields(Config)
        if field.name != PLUGINS
    }


def meant(name: str, known: Sequence[str]) -> str:
    """The known name that is most like this one; "" if none is."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=ALIKE)), "")


def _meant_by(rest: str) -> str:
    """The variable that `sever_port` may stand for, or `port`."""
    rests = {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): name
        for name in (*map(variable_of, _paths()), *NO_FIELDS)
    }
    of_field = next((variable_of(path) for path in _paths() if path[-1] == rest), "")
    return of_field or rests.get(meant(rest, list(rests)), "")


def _paths() -> list[tuple[str, str]]:
    return [(name, field) for name, section in sections().items() for field in section.__struct_fields__]


def _with_two_underscores(rest: str) -> str | None:
    """`server_port` would be a field: the variable that is one."""
    for path in _paths():
        if rest == "_".join(path):
            return variable_of(path)
    section, _, inner = rest.partition("_")
    plugin, _, field = inner.partition("_")  # a plugin's name has no underscore
    return variable_of((PLUGINS, plugin, field)) if section == PLUGINS and field else None
