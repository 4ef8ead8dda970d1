"""A plugin of another distribution: built, installed and found as anybody's, without a line of ours about it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from imserver.errors import ConfigError, PluginError
from imserver.plugin_host import discovery, installed, load_cli
from imserver.testing import PluginKit

SOURCE = Path(__file__).with_name("third_party")
DAY_S = 24 * 3600


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by its own build backend, off-line."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=SOURCE, check=True, capture_output=True, text=True)
    return next(folder.glob("*.whl"))


@pytest.fixture
def site(wheel, tmp_path, monkeypatch):
    """Where it is installed: unpacking is what installing a pure wheel means."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] in {"imserver_dice", "broken_plugin"}]:
        del sys.modules[name]


def add_distribution(site: Path, name: str, target: str, source: str) -> None:
    """A second stranger, made by hand."""
    (site / "broken_plugin.py").write_text(source)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[imserver.plugins]\n{name} = broken_plugin:{target}\n")


def load(sections):
    return discovery.enabled(sections)


async def test_it_is_found_by_its_section_and_keeps_its_promises(site):
    [found] = load({"dice": {"seed": 3}})
    async with PluginKit(type(found.plugin), {"seed": 3}) as kit:
        await kit.user("ann", "Ann")
        chat = kit.direct("ann", "dice")
        [rolled] = await kit.say("ann", chat, "/roll 20")
        assert rolled.text.startswith("Ann rolls ")
        [again] = await kit.say("ann", chat, "掷骰子")
        assert 1 <= int(again.text.removeprefix("Ann rolls ")) <= 6
        assert (await kit.say("ann", chat, "/roll 1"))[0].text == "A dice has two sides at least."
        await kit.restart()
        await kit.advance(DAY_S)
        assert kit.messages(chat)[-1].text.startswith("Luckiest of the day: Ann with ")
        await kit.advance(DAY_S)
        assert len([said for said in kit.messages(chat) if said.text.startswith("Luckiest")]) == 1
        assert await kit.host.run_checks() == []


async def test_its_method_and_its_page_tell_the_same(site):
    [found] = load({"dice": {"seed": 3}})
    module = sys.modules[type(found.plugin).__module__]
    async with PluginKit(type(found.plugin), {"seed": 3}) as kit:
        await kit.user("ann", "Ann")
        ask = module.BestParams("ann")
        assert (await kit.call(module.BEST, "ann", ask)).points == 0
        [rolled] = await kit.say("ann", kit.direct("ann", "dice"), "/roll 20")
        points = int(rolled.text.removeprefix("Ann rolls "))
        assert kit.pushes("ann") == [("x-dice.best", "ann")]
        assert (await kit.call(module.BEST, "ann", ask)).points == points
        assert json.loads((await kit.http("GET", "/x/dice/best/ann")).body) == {"points": points}


def test_its_command_needs_no_server(site):
    commands = dict(load_cli())
    result = CliRunner().invoke(commands["dice"], ["2"])
    assert result.output.strip() in {"1", "2"}


def test_looking_for_plugins_imports_none(site):
    assert {"dice", "ping", "booking"} <= installed().keys()
    assert "imserver_dice" not in sys.modules


@pytest.mark.parametrize(
    ("sections", "path", "said"),
    [
        ({"dice": {"sides": "many"}}, "$.plugins.dice.sides", "int"),
        ({"dice": {"side": 6}}, "$.plugins.dice.side", "no such option"),
        ({"dcie": {}}, "$.plugins.dcie", "dice"),
    ],
)
def test_a_wrong_section_names_its_path(site, sections, path, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load(sections)
    assert caught.value.path == path


def test_options_from_the_environment_are_converted(site):
    assert load({"dice": {"sides": "20"}})[0].config.sides == 20


@pytest.mark.parametrize(
    ("target", "source", "said"),
    [
        ("Plugin", "raise RuntimeError('boom')", "boom"),
        ("Missing", "", "Missing"),
        ("Plugin", "class Plugin:\n    name = 'broken'\n", "config_type, start, stop"),
        (
            "Plugin",
            "class Plugin:\n    name = 'other'\n    config_type = dict\n    start = stop = None\n",
            "'other'",
        ),
    ],
)
def test_a_broken_stranger_is_named_and_does_not_break_the_others(site, target, source, said):
    add_distribution(site, "broken", target, source)
    with pytest.raises(PluginError, match=said):
        load({"broken": {}})
    told = {}
    assert "dice" in dict(load_cli(lambda name, error: told.update({name: str(error)})))
    assert said in told["broken"]
