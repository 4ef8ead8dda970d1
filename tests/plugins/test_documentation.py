"""The code of docs/plugins.md works as it stands there."""

import re
import sys
import types
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from imserver.plugin_api import Button, Call, Card
from imserver.testing import PluginKit

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text("utf-8")
PLUGIN, CARD, TEST, TABLES, _, SHAPES, METHODS, TOLD, JOINING = re.findall(
    r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL
)


@pytest.fixture
def written(monkeypatch):
    """The module `imserver_dice` with this source, as the reader would have it on disk."""

    def write(source):
        module = types.ModuleType("imserver_dice")
        monkeypatch.setitem(sys.modules, "imserver_dice", module)
        exec(compile(source, "docs/plugins.md", "exec"), module.__dict__)
        return module

    return write


def page_test():
    found: dict[str, object] = {}
    exec(compile(TEST, "docs/plugins.md", "exec"), found)
    return found["test_a_roll_is_said"]


async def test_the_first_plugin_passes_its_own_test(written):
    written(PLUGIN)
    await page_test()()


async def test_it_still_does_with_a_table(written):
    source = PLUGIN.replace("Call, Context", "Call, Context, Migration, Transaction")
    before, _ = source.replace("    migrations = []\n", "").split("    async def _roll")
    module = written(before + TABLES)
    assert module.Dice.migrations[0].number == 1
    await page_test()()


async def test_its_methods_do_what_the_page_says(written):
    source = PLUGIN.replace(
        "Call, Context",
        "Asker, Call, Context, HttpRequest, HttpResponse, Method, Migration, Need, Read, Reader, Shape, Transaction",
    )
    before, _ = source.replace("    migrations = []\n", "").split("    async def _roll")
    in_start, handlers = METHODS.split("\n\n", 1)
    before = before.replace("\n\nclass DiceConfig", f"\n\n{SHAPES}\n\nclass DiceConfig")
    before = re.sub(r"(        context\.command\(.*\n)", lambda found: found[1] + in_start + "\n", before)
    told = "tx.changed(BEST, BestParams(call.sender.user_id))"
    assert told in PAGE
    tables = TABLES.replace("\n\n        await", f"\n            {told}\n\n        await")
    module = written(f"{before}{tables}\n{handlers}")
    found = vars(module) | {"PluginKit": PluginKit}
    exec(compile(TOLD, "docs/plugins.md", "exec"), found)
    await found["test_a_better_roll_is_told"]()


def test_the_section_of_the_page_is_refused_with_the_line_of_the_page(written):
    from imserver.errors import ConfigError
    from imserver.plugin_host.discovery import config_of

    module = written(PLUGIN)
    with pytest.raises(ConfigError) as caught:
        config_of(module.Dice(), {"side": 20})
    assert f"`{caught.value}`" in PAGE


async def test_a_guest_goes_on_as_the_page_says(written):
    source = PLUGIN.replace("Call, Context", "Call, Context, Migration, Transaction")
    before, _ = source.replace("    migrations = []\n", "").split("    async def _roll")
    in_start, handlers = JOINING.split("\n\n", 1)
    before = re.sub(r"(        context\.command\(.*\n)", lambda found: found[1] + in_start + "\n", before)
    dice = written(before + TABLES + "\n" + handlers).Dice
    async with PluginKit(dice, config={"sides": 1}) as kit:
        for name, roles in (("ann", ()), ("li", ("staff",)), ("new", ("guest",))):
            await kit.user(name, name.title(), roles=roles)
        await kit.say("new", kit.direct("new", "dice"), "/roll")
        code, place = await kit.show_code("new"), kit.direct("li", "dice")
        assert [said.text for said in await kit.say("li", place, "/join 000000 ann")] == [
            "nobody shows that code"
        ]
        assert [said.text for said in await kit.say("li", place, f"/join {code} ann")] == ["New is asked"]
        await kit.accept(code)
        rows = await kit.store.write(lambda tx: tx.plugin_sql("dice", "SELECT user_id FROM dice_rolls", []))
        assert rows == [("ann",)]


def test_its_card_is_one_and_its_tables_name_all_there_is():
    """A field of `Call` or of a card that the page leaves out, or invents, is noticed."""
    found: dict[str, Any] = {}
    exec(compile(CARD, "docs/plugins.md", "exec"), found)
    assert Card.of(found["offer"](3)).actions[0] == Button("Roll", "/roll", "primary")
    for head, kind in (("| of the `Call` | is |", Call), ("| of a card | is |", Card)):
        rows = PAGE.split(head)[1].split("\n\n")[0].splitlines()[2:]
        named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
        assert named == [each.name for each in fields(kind)]
