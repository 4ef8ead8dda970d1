"""Each page that shows commands or code is run by a test, in an empty folder, or says why not. Here are the small pages,
and the commands that would take minutes, which at least exist."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
import textwrap
from contextlib import closing, suppress
from pathlib import Path

import pytest

from benchmarks.__main__ import main as benchmarks
from imserver.cli.app import COMMANDS
from tests.cli.processes import imserver, serving

from .console import DOCS, Block, Typed, blocks, fits, typed

ROOT = DOCS.parent
#: Page -> the test that runs what it shows.
RUN_BY = {
    "README.md": "tests/test_readme.py",
    "clients/js/README.md": "tests/docs/test_js_client.py",
    "docs/booking.md": "tests/docs/test_booking.py",
    "docs/chat.md": "tests/docs/test_pages.py",
    "docs/client.md": "tests/docs/test_pages.py",
    "docs/clients.md": "tests/docs/test_clients.py",
    "docs/embedding.md": "tests/docs/test_embedding.py",
    "docs/first-feature.md": "tests/docs/test_first_feature.py",
    "docs/js-client.md": "tests/docs/test_js_client.py",
    "docs/operating.md": "tests/docs/test_operating.py",
    "docs/plugins.md": "tests/plugins/test_documentation.py",
    "docs/understanding.md": "tests/docs/test_pages.py",
}
#: Page -> its own words about why no test runs what it shows.
NOT_RUN = {
    "docs/performance.md": "No test runs these lines as they stand",
    "docs/web.md": "No test runs these two lines as they stand",
}
SHOWN = ("console", "python", "js", "sh")


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def commands(page: str) -> list[Typed]:
    shown = [block for block in blocks(text_of(page)) if block.language == "console"]
    return [line for block in shown for line in typed(block)]


def test_every_page_with_commands_is_run_or_says_why_not() -> None:
    pages = [
        *DOCS.glob("*.md"),
        *ROOT.glob("*.md"),
        *ROOT.glob("clients/*/README.md"),
        *ROOT.glob("protocol/**/*.md"),
    ]
    showing = {
        str(page.relative_to(ROOT))
        for page in pages
        if any(block.language in SHOWN for block in blocks(page.read_text("utf-8")))
    }
    assert showing == {*RUN_BY, *NOT_RUN}
    for page, test in RUN_BY.items():
        assert Path(page).name in text_of(test), f"{test} does not run {page}"
    for page, words in NOT_RUN.items():
        assert words in " ".join(text_of(page).split()), page


def test_every_command_named_in_a_sentence_is_there() -> None:
    """Pages without a block to run (reliability, mutation) show theirs so."""
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    known = {
        "make": targets,
        "imserver": {*COMMANDS, "booking", "dice"},
    }  # dice: the plugin of docs/plugins.md
    pages = [*DOCS.glob("*.md"), *ROOT.glob("*.md"), ROOT / "tests" / "README.md"]
    unknown = {
        f"{page.name}: {program} {word}"
        for page in pages
        for program, word in re.findall(r"`(make|imserver) ([a-z][a-z-]*)", page.read_text("utf-8"))
        if word not in known[program] and page.name != "CHANGELOG.md"  # of what was, too
    }
    assert unknown == set()


def test_the_pipe_of_the_chat_s_page_shows_what_it_says(tmp_path: Path) -> None:
    *_, piped = commands("docs/chat.md")
    with serving(tmp_path, IMSERVER_LIMITS__STRANGERS="ask") as server:
        for name in ("alice", "bob"):
            assert imserver(tmp_path, "user", "add", name).returncode == 0
        # They know each other: a stranger's second message would wait for an answer.
        assert (
            imserver(
                tmp_path, "chat", "--as", "bob", "--with", "alice", "--server", server.url, stdin="hello\n"
            ).returncode
            == 0
        )
        lines, _, chat = piped.command.partition(" | ")
        words = [*shlex.split(chat)[1:], "--server", server.url]
        printed = imserver(tmp_path, *words, stdin=shlex.split(lines)[1].replace("\\n", "\n"))
    assert printed.returncode == 0, printed.stderr
    assert fits(piped.shown, printed.stdout), printed.stdout


async def test_the_program_of_the_client_s_page_posts_and_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = (block.text for block in blocks(text_of("docs/client.md")) if block.language == "python")
    with serving(tmp_path) as server:
        for name in ("alice", "bob"):
            assert imserver(tmp_path, "user", "add", name).returncode == 0
        token = imserver(tmp_path, "token", "alice").stdout.strip()
        imports, _, body = first.replace("imserver://127.0.0.1:7410", server.url).partition("\n\n")
        scope: dict[str, object] = {}
        source = f"{imports}\nasync def program(token, print):\n{textwrap.indent(body, '    ')}"
        exec(compile(source, "docs/client.md", "exec"), scope)
        printed: list[tuple[object, ...]] = []

        class Enough(Exception):
            """The program listens for ever."""

        def note(*words: object) -> None:
            printed.append(words)
            raise Enough

        monkeypatch.chdir(tmp_path)
        with suppress(Enough):
            await scope["program"](token, note)  # type: ignore[operator]
    assert printed == [("direct/alice/bob", 1, "alice", "hello")]


def test_the_query_of_the_operating_page_fits_the_schema(tmp_path: Path) -> None:
    [query] = [block.text for block in blocks(text_of("docs/operating.md")) if block.language == "sql"]
    assert imserver(tmp_path, "user", "add", "alice", "--create").returncode == 0
    with closing(sqlite3.connect(tmp_path / "imserver.db")) as raw:
        assert raw.execute(query).fetchall() == []


def test_the_bot_s_readings_are_printed(tmp_path: Path) -> None:
    readings = [line for line in commands("docs/understanding.md") if line.command.startswith("imserver")]
    assert len(readings) == 3
    for line in readings:
        read = imserver(tmp_path, *shlex.split(line.command)[1:])
        assert (read.returncode, bool(read.stdout)) == (0, True), read.stderr


@pytest.mark.parametrize("page", ["docs/performance.md", "docs/understanding.md", "docs/web.md"])
def test_commands_that_take_minutes_are_there(page: str) -> None:
    for line in commands(page):
        program, *words = shlex.split(re.sub(r" \[.*\]| (FILE|CHECKOUT)\b", "", line.command))
        if program == "make":
            subprocess.run([program, "-n", *words], cwd=ROOT, check=True, capture_output=True)
        elif words[:2] == ["-m", "benchmarks"]:
            command = benchmarks.commands[words[2]]
            if words[2] in ("run", "stages"):
                command.make_context(
                    words[2], words[3:]
                )  # a scenario or an option that there is not: UsageError
        else:
            assert program == "imserver"


def test_a_page_that_is_not_in_the_table_would_be_noticed() -> None:
    """The blocks are found as the tests above look for them."""
    assert blocks("```console\n$ ls\n```") == [Block("", "console", "$ ls\n")]
