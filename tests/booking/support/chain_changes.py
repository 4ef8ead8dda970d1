"""The commands that change a chain file or compare it with the shop, beside a running one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from imserver.plugins.booking import plugin
from imserver.plugins.booking.operations import BookingConfig
from tests.booking.support.shop import Shop
from tests.booking.support.staff import ChainFile


class Line:
    """The command line beside a running server: what is asked is asked of the shop."""

    def __init__(self, shop: Shop, file: ChainFile) -> None:
        self.config_path = file.path.with_name("imserver.toml")
        self._file = file
        self._shop = shop
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, list[dict[str, Any]]] = {}

    def section(self, name: str) -> BookingConfig:
        return BookingConfig(self._file.path.name)

    def path(self, text: str) -> Path:
        return self._file.path.with_name(text)

    def say(self, text: str, *, err: bool = False) -> None:
        click.echo(text, err=err)

    def ask(self, name: str, operation: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((operation, arguments))
        queue = self.answers.get(operation)
        return queue.pop(0) if queue else {"taken": 0, "kept": 0, "in_file": 0, "stand": 0, "without": 0}


async def run(shop: Shop, file: ChainFile, *words: str, text: str | None = None) -> Result:
    """A command of the plugin: its questions to the server are answered from the shop, before and behind the command."""
    line = Line(shop, file)
    line.answers["changes"] = [await shop.kit.operate("changes")]
    pieces = []
    offset: int | None = 0
    while offset is not None and words[0] == "export":
        pieces.append(await shop.kit.operate("export", offset=offset))
        offset = pieces[-1]["next"]
    line.answers["export"] = pieces
    result = CliRunner().invoke(plugin().cli, list(words), obj=line, input=text, standalone_mode=False)
    for operation, arguments in line.asked:
        if operation == "settle":
            told = await shop.kit.operate("settle", **arguments)
            result.told = told  # type: ignore[attr-defined]
    return result
