"""An older copy of the shop's records, and what puts it back under pages that are open."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.browser.page_world import PageWorld, Person


def copy_to(world: PageWorld, copy: Path) -> None:
    """As a backup does."""
    with closing(sqlite3.connect(world.process.database)) as now, closing(sqlite3.connect(copy)) as then:
        now.backup(then)


async def restore(world: PageWorld, copy: Path, *people: Person) -> None:
    """As somebody does who puts files back by hand; and the pages come back."""
    await world.process.kill()
    database = world.process.database
    for part in database.parent.glob("chat.db*"):
        if not part.name.endswith(".high"):
            part.unlink()
    shutil.copy(copy, database)
    await world.start()
    for person in people:
        await person.tries_now()
