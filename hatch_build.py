"""Build hook: a wheel and a source archive hold the pages that a browser loads, made by `clients/bundler` of their sources.

An archive of the sources holds them already, so installing it needs no Node. In a clone one package of npm's registry makes
them. Where that is out of reach, a wheel is refused with what to do; an editable install goes without: everything else works,
and the server says at `/` how to make them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from clients.bundler.npm import NODE_WHEEL, ToolMissing
from clients.bundler.pages import BOOKING

#: Behind what npm says, for somebody who installs from a clone and never heard of npm.
WAYS_OUT = (
    "what a browser loads is made of the sources with a package of npm's registry. Without a way to it: install from a"
    " wheel or an archive of the sources, which hold it, or `pip install -e`, which does without the pages"
)


class PagesHook(BuildHookInterface[Any]):
    """Makes the pages before anything is packed."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, where there is something to make."""
        return [] if BOOKING.current() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make them, or end the build with words for who called `pip`. Raises `SourceFault`."""
        try:
            BOOKING.build()
        except ToolMissing as missing:
            if version == "editable":
                self.app.display_warning(f"the pages are not made, `make pages` makes them: {missing}")
            else:
                self.app.abort(f"the pages cannot be made: {missing}\n{WAYS_OUT}")
