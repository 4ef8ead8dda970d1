"""What a running server takes over, and what needs a restart: each field is in one of the two, on purpose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imserver.config import AdminConfig, Config, HttpConfig, LimitsConfig, changes
from imserver.config.changes import AGREED, AT_ONCE


def changed(**sections: dict[str, Any]) -> Config:
    config = Config()
    return msgspec.structs.replace(
        config,
        **{
            name: msgspec.structs.replace(getattr(config, name), **fields)
            for name, fields in sections.items()
        },
    )


def test_the_table_names_fields_that_are_there() -> None:
    assert frozenset(LimitsConfig.__struct_fields__) > AGREED
    for section, names in AT_ONCE.items():
        known = HttpConfig() if section == "http" else getattr(Config(), section)
        assert names <= frozenset(known.__struct_fields__)


def test_they_are_those_that_the_page_names() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
    told, _, _ = page.partition("Sessions were told some limits")[2].partition("need a restart")
    assert frozenset(re.findall(r"`(\w+)`", told)) == AGREED
    names = ("tls_certificate", "tls_key")
    of_sections = {section: names for section, names in AT_ONCE.items() if section != "limits"}
    assert of_sections == {"log": {"level"}, "server": set(names), "http": set(names)}


def test_nothing_changed_is_nothing() -> None:
    assert changes(Config(), Config()) == ((), (), Config())


def test_limits_and_the_level_take_effect_and_the_port_waits() -> None:
    new = changed(limits={"posts_burst": 7, "max_requests": 8}, log={"level": "debug"}, server={"port": 1})
    found = changes(Config(), new)
    assert sorted(found.at_once) == ["limits.posts_burst", "log.level"]
    assert sorted(found.need_restart) == ["limits.max_requests", "server.port"]
    assert found.in_effect == changed(limits={"posts_burst": 7}, log={"level": "debug"})
    # As long as there was no restart, it is said again.
    assert changes(found.in_effect, new).need_restart == found.need_restart


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ({}, {"http": HttpConfig()}, ("http",)),
        ({"admin": AdminConfig()}, {}, ("admin",)),
        ({"plugins": {"ping": {}}}, {"plugins": {"booking": {}}}, ("plugins.booking", "plugins.ping")),
        ({"plugins": {"ping": {"bot": "a"}}}, {"plugins": {"ping": {"bot": "b"}}}, ("plugins.ping.bot",)),
    ],
)
def test_what_comes_goes_or_is_opened_once_waits(
    old: dict[str, Any], new: dict[str, Any], fields: tuple[str, ...]
) -> None:
    found = changes(Config(**old), Config(**new))
    assert (found.at_once, found.need_restart) == ((), fields)


def test_tls_is_renewed_at_once_but_not_turned_on_or_off() -> None:
    plain, one = Config(), changed(server={"tls_certificate": "a", "tls_key": "b"})
    other = changed(server={"tls_certificate": "c", "tls_key": "b"})
    assert changes(one, other)[:2] == (("server.tls_certificate",), ())
    for old, new in ((plain, one), (one, plain)):
        assert changes(old, new)[:2] == ((), ("server.tls_certificate", "server.tls_key"))
