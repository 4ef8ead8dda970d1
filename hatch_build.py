"""Build hook: a wheel and a source archive hold the pages that a browser loads, made by `clients/bundler` of their sources.

An archive of the sources holds them already, so installing it needs no Node. An editable install does without if they cannot
be made (npm's registry is out of reach): everything else works, and the server says at `/` how to make them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from clients.bundler.npm import NODE_WHEEL, ToolMissing
from clients.bundler.pages import BOOKING


class PagesHook(BuildHookInterface[Any]):
    """Makes the pages before anything is packed."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, where there is something to make."""
        return [] if BOOKING.current() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make them. Raises `ToolMissing` and `SourceFault`, but for an editable install."""
        try:
            BOOKING.build()
        except ToolMissing as missing:
            if version != "editable":
                raise
            self.app.display_warning(f"the pages are not made, `make pages` makes them: {missing}")
