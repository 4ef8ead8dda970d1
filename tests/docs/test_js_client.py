"""What clients/js/README.md and docs/js-client.md have one type works as it stands there. (The chat page: `tests/browser`.)"""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

from benchmarks.processes import free_port
from imserver.config import load_config
from tests.cli.processes import imserver, serving
from tests.docs.console import DOCS, Block, blocks, fits, typed
from tests.support.node import NODE, NPM

ROOT = DOCS.parent
README = (ROOT / "clients" / "js" / "README.md").read_text("utf-8")
PAGE = (DOCS / "js-client.md").read_text("utf-8")


def test_the_first_message_in_five_minutes(tmp_path: Path):
    start, add, run = [typed(block) for block in blocks(README) if block.language == "console"]
    assert [step.command for step in start] == ["pip install 'imserver[server]'", "imserver serve"]
    (program,) = re.findall(r"^`hello\.mjs`:\n\n```js\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    port = str(free_port())
    (tmp_path / "hello.mjs").write_text(program.replace(":7410", f":{port}"), encoding="utf-8")
    (tmp_path / "clients").symlink_to(ROOT / "clients")
    env = {"IMSERVER_SERVER__PORT": port, "IMSERVER_LIMITS__STRANGERS": "open"}
    with serving(tmp_path, **env):
        for step in add:
            name, *arguments = shlex.split(step.command)
            if name == "imserver":
                done = imserver(tmp_path, *arguments, **env)
            else:
                npm = [*NPM, "--offline", "--no-audit", "--no-fund", *arguments]
                done = subprocess.run(npm, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        (step,) = run
        command, token = re.fullmatch(r'(node hello\.mjs) "\$\(imserver (.+)\)"', step.command).groups()  # type: ignore[union-attr]
        made = imserver(tmp_path, *token.split(), **env)
        said = subprocess.run(
            [NODE, *command.split()[1:], made.stdout.strip()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        assert fits(step.shown, said.stdout), said.stdout
        found = imserver(tmp_path, "chat", "--as", "bob", "--with", "ann", stdin="/history\n", **env)
        assert "hello from JavaScript" in found.stdout, found


def test_the_configuration_for_a_page_is_one(tmp_path: Path):
    (shown,) = [block for block in blocks(PAGE) if block.language == "toml"]
    assert tomllib.loads(shown.text)["http"]["origins"] == ["http://127.0.0.1:8000"]
    (tmp_path / "imserver.toml").write_text(shown.text, encoding="utf-8")
    assert load_config(tmp_path / "imserver.toml", {}).http is not None


def test_the_files_that_are_named_exist():
    for text, folder in ((README, ROOT / "clients" / "js"), (PAGE, DOCS)):
        for path in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert (folder / path).exists(), path
    assert isinstance(blocks(PAGE)[0], Block)
