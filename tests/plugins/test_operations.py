"""Operations of a plugin: its command asks the running plugin, or its tables beside a stopped server, in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imserver.errors import PluginError
from imserver.plugin_api import Context, Migration
from imserver.testing import PluginKit


class NotesConfig(msgspec.Struct, frozen=True):
    """`[plugins.notes]`."""

    file: str = "notes.txt"


class Notes:
    """Keeps a note, which its command writes and reads."""

    name = "notes"
    config_type = NotesConfig
    migrations = (Migration(1, "CREATE TABLE notes_all (text TEXT NOT NULL)"),)

    def __init__(self) -> None:
        self.started = False

    async def start(self, context: Context) -> None:
        self.started = True

    async def stop(self) -> None:
        self.started = False

    @property
    def operations(self) -> Mapping[str, Any]:
        return {"write": self._write, "read": self._read, "place": self._place}

    async def _write(self, context: Context, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await context.transaction(
            lambda tx: tx.execute("INSERT INTO notes_all (text) VALUES (?)", [arguments["text"]])
        )
        return {"started": self.started}

    async def _read(self, context: Context, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        rows = await context.read("SELECT text FROM notes_all")
        return {"texts": [row[0] for row in rows], "started": self.started}

    async def _place(self, context: Context, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"path": str(context.path(context.config.file))}


async def test_an_operation_of_a_running_plugin_and_of_one_that_was_stopped() -> None:
    async with PluginKit(Notes) as kit:
        assert await kit.operate("write", text="one") == {"started": True}
        await kit.host.stop()
        assert await kit.operate("write", text="two") == {"started": False}
        # The host that did it at rest is as it was: the plugin starts on it.
        await kit.start()
        assert await kit.operate("read") == {"texts": ["one", "two"], "started": True}


async def test_what_there_is_not_is_a_line() -> None:
    async with PluginKit(Notes) as kit:
        with pytest.raises(PluginError, match="has no operation 'burn'"):
            await kit.operate("burn")
        with pytest.raises(PluginError, match=r"no section \[plugins.other\]"):
            await kit.host.operate("other", "read", {})


@pytest.mark.parametrize(
    ("file", "there"), [("notes.txt", "notes.txt"), ("/srv/notes.txt", "/srv/notes.txt")]
)
async def test_paths_of_the_section(file: str, there: str) -> None:
    async with PluginKit(Notes, config={"file": file}) as kit:
        assert await kit.operate("place") == {"path": str(Path(there))}
