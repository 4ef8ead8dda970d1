"""Every variable that begins like ours sets a field, is known, or is told: a typo is never a silent default."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.config import Config, read_config
from imserver.config.environment import read_environment, sections, variable_of

#: What a pod sees of the Services `imserver` and `imserver-server` beside it, both with a port 7410.
OF_KUBERNETES = {
    f"{service}_{name}": value
    for service in ("IMSERVER", "IMSERVER_SERVER")
    for name, value in {
        "SERVICE_HOST": "10.96.0.12",
        "SERVICE_PORT": "7410",
        "SERVICE_PORT_CLIENTS": "7410",
        "PORT": "tcp://10.96.0.12:7410",
        "PORT_7410_TCP": "tcp://10.96.0.12:7410",
        "PORT_7410_TCP_PROTO": "tcp",
        "PORT_7410_TCP_PORT": "7410",
        "PORT_7410_TCP_ADDR": "10.96.0.12",
    }.items()
}


def said(**environment: str) -> list[str]:
    """The faults of these variables."""
    return [str(fault) for fault in read_config(None, environment).faults]


def test_one_underscore_for_two_is_refused_with_the_right_name() -> None:
    assert said(IMSERVER_SERVER_PORT="7411") == [
        "IMSERVER_SERVER_PORT: sets nothing: two underscores stand between section and field, IMSERVER_SERVER__PORT"
    ]
    [of_plugin] = said(IMSERVER_PLUGINS_BOOKING_CHAIN="shop.toml")
    assert of_plugin.endswith("IMSERVER_PLUGINS__BOOKING__CHAIN")


def test_so_is_that_of_every_field() -> None:
    paths = [(name, field) for name, section in sections().items() for field in section.__struct_fields__]
    assert len(paths) > 60
    for path in paths:
        [fault] = said(**{"IMSERVER_" + "_".join(path).upper(): "1"})
        assert fault.endswith(variable_of(path)), path


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("IMSERVER_SERVR__PORT", "$.servr: no such section; did you mean server?"),
        ("IMSERVER_SERVER__PROT", "$.server.prot: no such field; did you mean IMSERVER_SERVER__PORT?"),
        ("IMSERVER_SERVER___PORT", "$.server._port: no such field; did you mean IMSERVER_SERVER__PORT?"),
        ("IMSERVER_SERVER__XYZZY", "$.server.xyzzy: no such field"),
        ("IMSERVER_SERVER__PORT__X", "$.server.port: Expected `int`, got `object`"),
        ("IMSERVER_PLUGINS__BOOKING_CHAIN", "$.plugins.booking_chain: is a section, and no value"),
        ("IMSERVER_SERVER__PORT", "$.server.port: Expected `int`, got `str`"),
    ],
)
def test_a_fault_names_its_variable(name: str, says: str) -> None:
    assert said(**{name: "x"}) == [f"{name} in the environment: {says}"]


def test_a_variable_below_a_value_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "im.toml").write_text("[server]\nport = 1\n")
    [fault] = read_config(tmp_path / "im.toml", {"IMSERVER_SERVER__PORT__X": "1"}).faults
    assert str(fault).startswith(
        "IMSERVER_SERVER__PORT__X in the environment: $.server.port.x: does not name"
    )


def test_what_kubernetes_sets_does_no_harm_and_is_known() -> None:
    reading = read_config(None, OF_KUBERNETES)
    assert reading.config == Config()
    assert reading.environment.of_services == tuple(sorted(OF_KUBERNETES))
    assert reading.environment.unknown == {}


def test_so_is_what_it_sets_beside_a_service_of_another_transport() -> None:
    environment = {"IMSERVER_PORT": "udp://10.96.0.12:53", "IMSERVER_PORT_53_UDP_ADDR": "10.96.0.12"}
    assert read_environment(environment).of_services == tuple(environment)


@pytest.mark.parametrize("port", ["7411", "", "tcp:7411"])
def test_a_port_that_a_person_means_is_no_service(port: str) -> None:
    environment = read_environment({"IMSERVER_PORT": port})
    assert environment.of_services == ()
    assert environment.unknown == {"IMSERVER_PORT": "IMSERVER_SERVER__PORT"}


def test_what_sets_nothing_is_named_with_what_it_may_stand_for() -> None:
    environment = read_environment(
        {
            "IMSERVER_SEVER_PORT": "1",
            "IMSERVER_XYZZY": "1",
            "IMSERVER_CONFIG": "a",
            "IMSERVER_TOKEN": "b",
            "IMS": "c",
        }
    )
    assert environment.unknown == {"IMSERVER_SEVER_PORT": "IMSERVER_SERVER__PORT", "IMSERVER_XYZZY": ""}
    assert (environment.overrides, environment.faults) == ((), ())


def test_everything_that_is_wrong_is_said_and_by_whom(tmp_path: Path) -> None:
    (tmp_path / "im.toml").write_text("[limits]\nposts_burst = 'many'\nmax_requsts = 1\n[http]\nport = []\n")
    reading = read_config(tmp_path / "im.toml", {"IMSERVER_STORE__READERS": "many"})
    assert reading.config is None
    assert [str(fault).partition(":")[0] for fault in reading.faults] == [
        "$.limits.posts_burst",
        "$.limits.max_requsts",
        "$.http.port",
        "IMSERVER_STORE__READERS in the environment",
    ]
    # Where the types are right, all that values break.
    (tmp_path / "im.toml").write_text("[limits]\nposts_burst = 0\nwindow_bytes = -1\n")
    reading = read_config(tmp_path / "im.toml", {"IMSERVER_STORE__READERS": "99"})
    assert [str(fault) for fault in reading.faults] == [
        "IMSERVER_STORE__READERS in the environment: $.store.readers: 1-16, not 99",
        "$.limits.window_bytes: 4096-67108864, not -1",
        "$.limits.posts_burst: 1-1000000000, not 0",
    ]


def test_two_spellings_of_one_variable_are_refused() -> None:
    assert said(IMSERVER_SERVER__PORT="1", IMSERVER_Server__Port="2") == [
        "IMSERVER_Server__Port: is IMSERVER_SERVER__PORT in other letters: remove one of them"
    ]


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", []),
        ("a.example", ["a.example"]),
        ("a.example, b.example,", ["a.example", "b.example"]),
        ("[\"a.example\", 'b.example']", ["a.example", "b.example"]),
    ],
)
def test_a_list_is_words_with_commas_or_an_array(text: str, hosts: list[str]) -> None:
    config = read_config(None, {"IMSERVER_HTTP__HOSTS": text}).config
    assert config is not None
    assert config.http is not None
    assert config.http.hosts == hosts


def test_so_are_keys_and_what_a_plugin_has() -> None:
    keys = '[{id = "a", secret_file = "/a"}]'
    config = read_config(None, {"IMSERVER_AUTH__KEYS": keys, "IMSERVER_PLUGINS__X__A": "[1, 2]"}).config
    assert config is not None
    assert [key.id for key in config.auth.keys] == ["a"]
    assert config.plugins == {"x": {"a": [1, 2]}}
    assert read_config(None, {"IMSERVER_PLUGINS__X__A": "[?"}).config is not None


@pytest.mark.parametrize("text", ["[", '["a"]\nport = 1', "[" * 3000, '["\\u0000"]'])
def test_what_is_no_list_is_said(text: str) -> None:
    [fault] = said(IMSERVER_HTTP__HOSTS=text)
    assert fault.startswith("IMSERVER_HTTP__HOSTS in the environment: $.http.hosts")
