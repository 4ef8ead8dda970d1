"""This tree beside another checkout: in turns, clean, and the ratio the right way up."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from benchmarks import machine
from benchmarks.measure import Bench
from benchmarks.versus import Figure, command_of, table, versus


def test_a_checkout_without_an_environment_is_named(tmp_path: Path):
    with pytest.raises(click.ClickException, match="no environment there"):
        command_of(tmp_path)


def test_the_ratio_is_ours_over_theirs_of_the_medians():
    figure = Figure("post", ours=[9.0, 3.0, 100.0], theirs=[6.0, 1.0, 6.0])
    assert figure.ratio == 1.5
    assert table([figure]).lines == [["post", "9.00 (3.00-100.00)", "6.00 (1.00-6.00)", "1.500"]]


def test_both_are_measured_in_turns(tmp_path: Path):
    """The other checkout is a stand-in that starts this tree's server and notes that it was started."""
    program = tmp_path / ".venv" / "bin" / "imserver"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\necho started >> {tmp_path}/starts\nexec {sys.executable} -m imserver.cli "$@"\n'
    )
    program.chmod(0o755)
    said: list[str] = []
    bench = Bench(machine.cores(), "", 0.2, 0.1, pairs=4)
    figures = versus(bench, tmp_path, 2, said.append)
    assert [line.rpartition(" ")[2] for line in said] == ["ours", "theirs", "theirs", "ours"]
    for figure in figures:
        assert len(figure.ours) == len(figure.theirs) == 2
        assert min(*figure.ours, *figure.theirs) > 0
    assert len((tmp_path / "starts").read_text().split()) == 2 * len(figures)
