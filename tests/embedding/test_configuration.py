"""Every field of the configuration: where a path begins, what the environment lays over, and which values are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from imserver import Config, Server
from imserver.config import LimitsConfig, StoreConfig, check_config, load_config
from imserver.errors import ConfigError

#: Fields that name a file.
PATHS = [
    ("store", "path"),
    ("server", "tls_certificate"),
    ("server", "tls_key"),
    ("server", "unix_socket"),
    ("auth", "secret_file"),
    ("auth", "public_key_file"),
    ("http", "tls_certificate"),
    ("http", "tls_key"),
    ("admin", "unix_socket"),
]
NUMBERS = [
    (section, name)
    for section, fields in (("store", StoreConfig()), ("limits", LimitsConfig()))
    for name, value in msgspec.structs.asdict(fields).items()
    if isinstance(value, int | float)
]


def changed(section: str, **fields: Any) -> Config:
    config = Config()
    return msgspec.structs.replace(
        config, **{section: msgspec.structs.replace(getattr(config, section), **fields)}
    )


def path_of(config: Config) -> str:
    """The field that is refused, or "" if none is."""
    try:
        check_config(config)
    except ConfigError as wrong:
        return wrong.path
    return ""


def test_every_path_in_a_file_begins_at_the_files_folder(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    sections = {section: [name for at, name in PATHS if at == section] for section, _ in PATHS}
    text = "".join(
        f"[{section}]\n" + "".join(f'{name} = "some/{name}"\n' for name in names)
        for section, names in sections.items()
    )
    keys = "".join(
        f'[[auth.keys]]\nid = "{kind}"\n{kind}_file = "{kind}"\n' for kind in ("secret", "public_key")
    )
    (folder / "im.toml").write_text(text + keys)
    config = load_config(folder / "im.toml", {})
    for section, name in PATHS:
        assert getattr(getattr(config, section), name) == str(folder / "some" / name)
    secret, public = config.auth.keys
    assert (secret.secret_file, public.public_key_file) == (
        str(folder / "secret"),
        str(folder / "public_key"),
    )


def test_what_an_editor_puts_before_a_text_is_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "im.toml").write_bytes(b"\xef\xbb\xbf[server]\nport = 1\n")
    assert load_config(tmp_path / "im.toml", {}).server.port == 1


def test_what_is_no_number_is_no_bound() -> None:
    assert path_of(changed("limits", posts_per_second=float("nan"))) == "$.limits.posts_per_second"


def test_what_is_no_path_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "im.toml").write_text('[store]\npath = ":memory:"\n[auth]\nsecret_file = "/etc/secret"\n')
    config = load_config(tmp_path / "im.toml", {})
    assert (config.store.path, config.auth.secret_file) == (":memory:", "/etc/secret")
    assert (config.server.unix_socket, config.server.tls_key, config.auth.public_key_file) == ("", "", "")


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize(("section", "name"), NUMBERS)
def test_every_bound_is_above_nothing(section: str, name: str, value: int) -> None:
    assert path_of(changed(section, **{name: value})) == f"$.{section}.{name}"


@pytest.mark.parametrize(
    ("section", "fields", "wrong"),
    [
        ("server", {"port": -1}, "$.server.port"),
        ("server", {"port": 0}, ""),
        ("server", {"port": 65535}, ""),
        ("server", {"port": 65536}, "$.server.port"),
        ("limits", {"max_frame_bytes": 32 * 1024 + 2048 + 512}, "$.limits.max_frame_bytes"),
        ("limits", {"max_frame_bytes": 32 * 1024 + 2048 + 2048}, ""),
        ("limits", {"max_frame_bytes": 34_000, "max_content_bytes": 1_000}, "$.limits.max_frame_bytes"),
        ("limits", {"max_frame_bytes": 36_000, "max_content_bytes": 1_000}, ""),
        ("limits", {"max_title_chars": 20_000}, "$.limits.max_frame_bytes"),
        ("server", {"tls_certificate": "c"}, "$.server.tls_key"),
        ("server", {"tls_key": "k"}, "$.server.tls_key"),
        ("server", {"tls_certificate": "c", "tls_key": "k", "host": "0.0.0.0"}, ""),
        ("server", {"host": "0.0.0.0"}, "$.server.host"),
        ("server", {"host": "::"}, "$.server.host"),
        ("server", {"host": "192.0.2.1"}, "$.server.host"),
        ("server", {"host": "chat.example"}, "$.server.host"),
        ("server", {"host": "127.0.0.2"}, ""),
        ("server", {"host": "::1"}, ""),
        ("server", {"host": "localhost"}, ""),
        ("server", {"host": "192.0.2.1", "insecure": True}, ""),
        ("server", {"host": "192.0.2.1", "unix_socket": "s"}, ""),
        ("server", {"proxies": ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "unix"]}, ""),
        ("server", {"proxies": ["10.0.0.0/8", "10.0.0.1/8"]}, "$.server.proxies[1]"),
        ("server", {"proxies": ["proxy.example"]}, "$.server.proxies[0]"),
        ("store", {"readers": 16}, ""),
        ("store", {"readers": 17}, "$.store.readers"),
        ("limits", {"detached_s": 0.5, "posts_per_second": 0.01, "posts_burst": 1}, ""),
        ("limits", {"strangers": "open"}, ""),
        ("limits", {"strangers": "closed"}, "$.limits.strangers"),
        ("log", {"level": "WARNING"}, ""),
        ("log", {"level": "loud"}, "$.log.level"),
        ("log", {"format": "xml"}, "$.log.format"),
        ("clock", {"rate": 0.0}, "$.clock.rate"),
        ("clock", {"rate": -1.0}, "$.clock.rate"),
        ("clock", {"rate": 0.5}, ""),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(section: str, fields: dict[str, Any], wrong: str) -> None:
    config = changed(section, **fields)
    assert path_of(config) == wrong
    if wrong:
        with pytest.raises(ConfigError):
            Server(config)


@pytest.mark.parametrize(
    ("text", "said"), [("true", True), ("True", True), ("false", False), ("FALSE", False)]
)
def test_yes_and_no_in_the_environment(text: str, said: bool) -> None:
    config = load_config(None, {"IMSERVER_SERVER__INSECURE": text, "IMSERVER_AUTH__CREATE_USERS": text})
    assert (config.server.insecure, config.auth.create_users) == (said, said)


def test_the_environment_lies_over_the_file_field_by_field(tmp_path: Path) -> None:
    (tmp_path / "im.toml").write_text(
        "[limits]\nposts_burst = 7\nmax_requests = 8\n[plugins.ping]\nbot = 'a'\n"
    )
    environment = {
        "IMSERVER_LIMITS__POSTS_BURST": "9",
        "IMSERVER_LIMITS__DETACHED_S": "0.25",
        "IMSERVER_PLUGINS__PING__BOT": "b",
        "IMSERVER_CONFIG": "elsewhere",
        "OTHER_LIMITS__POSTS_BURST": "1",
    }
    config = load_config(tmp_path / "im.toml", environment)
    assert (config.limits.posts_burst, config.limits.max_requests, config.limits.detached_s) == (9, 8, 0.25)
    assert config.plugins == {"ping": {"bot": "b"}}
    with pytest.raises(ConfigError) as wrong:
        load_config(tmp_path / "im.toml", environment | {"IMSERVER_LIMITS__POSTS_BURST": "many"})
    assert wrong.value.path == "$.limits.posts_burst"
