"""The README is true: its commands and its Python run as they stand, and its reading path names existing files."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
import subprocess
import textwrap
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.processes import free_port
from imserver_client import connect
from tests.cli.processes import imserver, serving
from tests.docs.console import Block, fits, typed

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
(PYTHON,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    """The lines after `$`, without their comments."""
    return [line[2:].partition("#")[0].strip() for line in block.splitlines() if line.startswith("$ ")]


def test_the_two_commands_are_targets_that_do_what_is_said():
    make_demo, make_test = commands(CONSOLE[0])
    steps = {
        command: subprocess.run(
            [*shlex.split(command), "-n"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for command in (make_demo, make_test)
    }
    assert "imserver demo" in steps["make demo"]
    assert "pytest" in steps["make test"]


def test_a_first_server_with_two_people_who_chat(tmp_path: Path):
    venv, install, serve = commands(CONSOLE[1])
    add, chat = commands(CONSOLE[2])
    assert venv == "python3 -m venv venv && . venv/bin/activate"
    name, extra = re.fullmatch(r"pip install '(\w+)\[(\w+)\]'", install).groups()  # type: ignore[union-attr]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (name, extra in project["optional-dependencies"]) == (project["name"], True)
    assert serve == "imserver serve"
    port = {"IMSERVER_SERVER__PORT": str(free_port()), "IMSERVER_LIMITS__STRANGERS": "ask"}
    with serving(tmp_path, **port):
        for command in add.split(";"):
            added = imserver(tmp_path, *shlex.split(command)[1:], **port)
            assert added.returncode == 0, added.stderr
        for line in (chat, CONSOLE[2].strip().rpartition("in the other one: ")[2]):
            said = imserver(tmp_path, *shlex.split(line)[1:], stdin="hello\n", **port)
            assert (said.returncode, "you: hello ✓" in said.stdout) == (0, True), said
        for step in typed(Block("", "console", CONSOLE[3])):
            done = imserver(tmp_path, *shlex.split(step.command)[1:], **port)
            assert done.returncode == 0, done.stderr
            assert fits(step.shown, done.stdout), done.stdout
            for name, arguments in re.findall(r"`imserver (restore) ([\w.]+)`", step.line):
                rehearsed = imserver(tmp_path, name, "--rehearse", arguments, **port)
                assert rehearsed.returncode == 0, rehearsed.stdout


def test_the_short_look_at_the_chat_is_what_the_chat_shows(tmp_path: Path):
    (look,) = re.findall(r"^```chat\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    wednesday = int(datetime(2026, 11, 18, 2, 0, tzinfo=UTC).timestamp() * 1000)
    env = {
        "IMSERVER_SERVER__PORT": str(free_port()),
        "IMSERVER_CLOCK__START_MS": str(wednesday),
        "TZ": "Asia/Shanghai",
        "LANG": "C.UTF-8",
    }
    init = ("booking", "init", "clearview.toml", "--name", "Clearview", "--zone", "Asia/Shanghai")
    assert imserver(tmp_path, *init, **env).returncode == 0
    with serving(tmp_path, **env):
        imserver(tmp_path, "user", "add", "ann", "--name", "Ann", **env)
        asked = "/book fri 3pm eye exam\n"
        imserver(tmp_path, "chat", "--as", "ann", "--with", "clearview-shop", stdin=asked, **env)
        screen = ""
        for said in ("Ann, 30, first visit", "no, saturday please", "1"):
            lines = f"/open Clearview · Ann\n{said}\n"
            chatted = imserver(tmp_path, "chat", "--as", "ann", stdin=lines, **env)
            assert chatted.returncode == 0, chatted.stderr
            screen = chatted.stdout
    undated = re.sub(r"^(?:\d+ \w+ (?:\d{4} )?)?(\d\d):\d\d  ", r"\1:00  ", screen, flags=re.MULTILINE)
    at = 0
    for part in look.split("…\n"):
        assert part in undated[at:], f"{part}\nis not shown in\n{undated}"
        at = undated.index(part, at) + len(part)


async def test_the_program_posts_and_is_shown_what_it_posted(tmp_path: Path):
    """The snippet itself, with the address of a running server in place of the default one."""
    with serving(tmp_path) as server:
        for name in ("alice", "bob"):
            assert imserver(tmp_path, "user", "add", name).returncode == 0
        token = imserver(tmp_path, "token", "alice").stdout.strip()
        source = PYTHON.replace("imserver://127.0.0.1:7410", server.url)
        assert source != PYTHON
        imports, _, body = source.partition("\n\n")
        function = f"{imports}\nasync def program(token, print):\n{textwrap.indent(body, '    ')}"
        scope: dict[str, object] = {}
        exec(compile(function, "README.md", "exec"), scope)
        shown: list[tuple[object, ...]] = []

        class Enough(Exception):
            """The snippet listens for ever."""

        def note(*what: object) -> None:
            shown.append(what)
            raise Enough

        with contextlib.suppress(Enough):
            await scope["program"](token, note)  # type: ignore[operator]
        assert shown == [("alice", {"type": "text", "text": "hello"})]
        async with connect(server.url, token=token) as client:
            page = await client.history(client.direct("bob"))
        assert len(page.items) == 1


def test_the_six_files_stand_where_the_path_says_and_open_with_a_sentence():
    path = README[README.index("six files") :].partition("\n\n")[0]
    files = re.findall(r"`([\w/.]+)`", path)
    assert len(files) == 6
    for name in files:
        text = (ROOT / name).read_text(encoding="utf-8")
        first = (ast.get_docstring(ast.parse(text)) or "") if name.endswith(".py") else text.lstrip("# ")
        assert len(first.split()) > 3, name


def test_every_place_that_the_readme_links_to_exists():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []
