"""This tree beside another checkout: in turns, clean, and the ratio the right way up."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from benchmarks import machine
from benchmarks import versus as module
from benchmarks.measure import Bench
from benchmarks.versus import Figure, command_of, table, versus


def test_a_checkout_without_an_environment_is_named(tmp_path: Path):
    with pytest.raises(click.ClickException, match="no environment there"):
        command_of(tmp_path)


def test_the_ratio_is_ours_over_theirs_of_the_medians():
    figure = Figure("post", ours=[9.0, 3.0, 100.0], theirs=[6.0, 1.0, 6.0])
    assert figure.ratio == 1.5
    assert table([figure]).lines == [["post", "9.00 (3.00-100.00)", "6.00 (1.00-6.00)", "1.500"]]


@pytest.mark.prove  # eight measurements on twelve servers
def test_both_are_measured_in_turns(tmp_path: Path):
    """The other checkout is a stand-in that starts this tree's server and notes that it was started."""
    program = tmp_path / ".venv" / "bin" / "imserver"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\necho started >> {tmp_path}/starts\nexec {sys.executable} -m imserver.cli "$@"\n'
    )
    program.chmod(0o755)
    python = program.with_name("python")  # is asked which limits that checkout knows
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    said: list[str] = []
    bench = Bench(machine.cores(), "", 0.2, 0.1, scale=0.01, pairs=4)
    figures = versus(bench, tmp_path, 1, said.append)
    assert said == ["round 1 of 1"]
    for figure in figures:
        assert len(figure.ours) == len(figure.theirs) == 1
        assert min(*figure.ours, *figure.theirs) > 0
    titles = [figure.title for figure in figures]
    assert titles == [
        "post, window 1",
        "post, window 64",
        "post to 10 members",
        "page of 1",
        "page of 50",
        "page of 200",
        "sync of 30 groups",
        "sync, 10 of 20 groups changed",
    ]
    servers_a_round = 6  # the pages are read from one
    assert len((tmp_path / "starts").read_text().split()) == servers_a_round


def test_each_goes_first_in_every_other_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / ".venv" / "bin" / "imserver"
    program.parent.mkdir(parents=True)
    program.touch()
    order: list[str] = []

    def work(bench: Bench, command: Sequence[str], number: int) -> Iterator[tuple[str, float]]:
        order.append("theirs" if command == [str(program)] else "ours")
        yield "work", 1.0

    monkeypatch.setattr(module, "WORKS", (work,))
    versus(Bench(machine.cores(), "", 0.2, 0.1), tmp_path, 3, lambda line: None)
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
