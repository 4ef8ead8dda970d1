"""What docs/embedding.md shows of features works as it stands there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from imserver.content import encode_content
from imserver.features import FEATURES
from imserver.model import direct_conversation_id
from tests.limits.raw import new_key
from tests.support.servers import running

PAGE = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text("utf-8")
[CALL] = re.findall(r"^### Features\n.*?^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


async def test_a_feature_is_asked_in_the_process(tmp_path: Path) -> None:
    imports, _, body = CALL.partition("\n\n")
    source = f"{imports}\nasync def program(server, place, key, position, content, print):\n"
    scope: dict[str, object] = {}
    exec(compile(source + textwrap.indent(body, "    "), "docs/embedding.md", "exec"), scope)
    told: list[tuple[object, ...]] = []
    async with running(tmp_path, "ann bob", features=FEATURES) as server:
        place, key = direct_conversation_id("ann", "bob"), new_key()
        posted = await server.chat.post("ann", place, "helo")
        content = encode_content({"type": "text", "text": "hello"})
        for _ in range(2):
            await scope["program"](  # type: ignore[operator]
                server, place, key, posted.position, content, lambda *what: told.append(what)
            )
    assert told == [(2, 2, False), (2, 2, True)]
