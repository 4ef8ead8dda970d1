"""The Containerfile: nothing here builds it, so it is read, and what it would copy and run is looked at and run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from imserver.config import load_config
from tests.cli.processes import PATIENCE_S, environment, serving

from .console import DOCS

ROOT = DOCS.parent
PAGE = (DOCS / "operating.md").read_text("utf-8")


def instructions() -> list[list[tuple[str, str]]]:
    """(word, rest) of each instruction, by stage."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Containerfile").read_text("utf-8"))
    stages: list[list[tuple[str, str]]] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest.strip()))
    return stages


BUILD, FINAL = instructions()


def of(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for name, rest in stage if name == word]


def run(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    words = ["sh", "-c", command]
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_what_it_copies_is_there_and_all_that_a_wheel_is_made_of() -> None:
    copied = [word for rest in of(BUILD, "COPY") for word in shlex.split(rest)[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = {
        "pyproject.toml",
        "hatch_build.py",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *(path.split("/")[0] for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]),
        *re.findall(r"^from (\w+)\.", (ROOT / "hatch_build.py").read_text("utf-8"), re.MULTILINE),
    } - {"hatchling"}
    assert [name for name in needed if name.split("/")[0] not in copied] == []
    # What is left out of the build does not hide what is copied.
    ignored = (ROOT / ".containerignore").read_text("utf-8").split()
    assert not {f"/{name.split('/')[0]}" for name in copied} & set(ignored)


def test_the_versions_are_those_that_were_tested(tmp_path: Path) -> None:
    [listing] = [rest for rest in of(BUILD, "RUN") if "requirements.lock" in rest]
    (tmp_path / "requirements.lock").write_bytes((ROOT / "requirements.lock").read_bytes())
    assert run(listing, tmp_path).returncode == 0
    versions = dict(line.split("==") for line in (tmp_path / "versions.txt").read_text().splitlines())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in (*project["dependencies"], *project["optional-dependencies"]["server"]):
        name = re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower()
        assert name in versions, requirement
    [_, installing] = of(BUILD, "RUN")
    assert "--constraint versions.txt '.[server]'" in installing
    [base] = {rest.split()[0] for stage in (BUILD, FINAL) for rest in of(stage, "FROM")}
    version = tuple(map(int, re.findall(r"python:(\d+)\.(\d+)", base)[0]))
    assert version >= tuple(map(int, re.findall(r"\d+", project["requires-python"])))


def test_it_runs_as_a_number_that_is_not_root_in_a_folder_of_its_own() -> None:
    [user], [making] = of(FINAL, "USER"), of(FINAL, "RUN")
    assert user.isdigit()
    assert user != "0"
    assert f"--gid {user} " in making, "a key for TLS is handed to its group by number"
    assert f"--uid {user} " in making
    [folder] = of(FINAL, "WORKDIR")
    assert folder in of(FINAL, "VOLUME")
    assert re.search(rf"install --directory --owner imserver \S+ imserver --mode 0700 {folder}$", making)
    words = [word for word, _ in FINAL]
    assert words.index("RUN") < words.index("USER"), "it could make no user"
    # Ports of the defaults.
    config = load_config(None, {"IMSERVER_HTTP__HOST": "127.0.0.1"})
    assert config.http is not None
    assert of(FINAL, "EXPOSE") == [f"{config.server.port} {config.http.port}"]


def test_what_it_starts_is_a_command_and_its_health_check_tells_a_server_from_none(tmp_path: Path) -> None:
    [entry], [command] = map(json.loads, of(FINAL, "ENTRYPOINT")), map(json.loads, of(FINAL, "CMD"))
    assert [*entry, *command] == ["imserver", "serve"]
    [check] = of(FINAL, "HEALTHCHECK")
    shell, flag, checking = json.loads(check.partition("CMD ")[2])
    assert (shell, flag) == ("sh", "-c")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "imserver").write_text(f'#!/bin/sh\nexec {sys.executable} -m imserver.cli "$@"\n')
    (programs / "imserver").chmod(0o755)
    path = {"PATH": f"{programs}:{os.environ['PATH']}"}
    assert run(checking, tmp_path, **path).returncode == 1
    with serving(tmp_path):
        assert run(checking, tmp_path, **path).returncode == 0


def test_the_page_names_what_the_file_has() -> None:
    part = PAGE.partition("### In a container")[2].partition("\n## ")[0]
    [user], [folder] = of(FINAL, "USER"), of(FINAL, "WORKDIR")
    assert f"a user and a group of their own ({user})" in part
    assert f"--volume imserver:{folder} " in part
    for port in of(FINAL, "EXPOSE")[0].split():
        assert f"127.0.0.1:{port}:{port}" in part
