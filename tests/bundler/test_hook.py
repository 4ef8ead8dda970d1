"""Who installs from a clone without a way to npm's registry is told what to do, not where our code stood."""

from __future__ import annotations

from pathlib import Path

import pytest
from hatchling.bridge.app import Application

from clients.bundler.npm import ToolMissing
from clients.bundler.pages import Pages
from hatch_build import WAYS_OUT, PagesHook

UNREACHABLE = "npm ci failed: code ECONNREFUSED"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PagesHook:
    def build(pages: Pages) -> bool:
        raise ToolMissing(UNREACHABLE)

    monkeypatch.setattr(Pages, "build", build)
    return PagesHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel", Application())  # type: ignore[arg-type]


def test_a_wheel_is_refused_with_the_cause_and_the_ways_out(
    hook: PagesHook, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        hook.initialize("standard", {})
    assert ended.value.code == 1
    assert capfd.readouterr().err == f"the pages cannot be made: {UNREACHABLE}\n{WAYS_OUT}\n"


def test_an_editable_install_goes_without_them(hook: PagesHook, capfd: pytest.CaptureFixture[str]) -> None:
    hook.initialize("editable", {})
    assert UNREACHABLE in capfd.readouterr().err
