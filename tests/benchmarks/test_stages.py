"""The stages of a post are measured on the parts that a server really has."""

from __future__ import annotations

import pytest

from benchmarks import stages


async def test_every_stage_has_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "ROUNDS", {1: 3, 64: 2})
    monkeypatch.setattr(stages, "COMMITS", 4)
    found = await stages.stages()
    assert [(stage.name, stage.case) for stage in found] == [
        *(
            (name, f"{window} a read")
            for window in (1, 64)
            for name in ("bytes to queue", "commit to bytes", "acks")
        ),
        *(("commit", f"{size} a commit") for size in (10, 64, 512)),
        ("mixed commit", "as they come"),
        ("mixed commit", "sorted"),
    ]
    assert all(stage.cpu_us > 0 for stage in found)
