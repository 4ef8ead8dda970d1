"""Drivers of the Python client for the judge, and how they are started."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imserver.conformance.judge import Judge, Outcome, Verdict
from imserver.conformance.scenario import Scenario

#: How long a client may take that passes: on a machine with other work nearly any time, and it costs none where it is quick.
PATIENT_S = 25.0
ROOT = Path(__file__).resolve().parents[2]
PYTHON_DRIVER = ROOT / "clients" / "python" / "examples" / "conformance_driver.py"
PYTHON = [sys.executable, str(PYTHON_DRIVER)]
FAR = [sys.executable, "-m", "tests.conformance.far_driver"]

#: A few of each kind, which end soon; a proof plays them all.
QUICK = {
    "hello/first",
    "hello/killed",
    "hello/welcome-with-few-limits",
    "resume/sends-again",
    "resume/smaller-limits",
    "windows/requests",
    "frames/too-long",
    "posting/fresh-session",
    "holds/unanswered",
    "receiving/gap",
    "receiving/many-pairs",
    "windows/exact-bounds",
    "syncing/lagging",
    "lineage/check",
    "states/gap",
    "reactions/put-and-remove",
    "closes/201",
    "closes/orderly",
    "growth/exchange",
}


def sabotaged(name: str) -> list[str]:
    return [sys.executable, "-m", "tests.conformance.sabotaged_driver", name]


def load_driver() -> Any:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("conformance_driver", PYTHON_DRIVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def judged(
    command: Sequence[str],
    scenarios: Sequence[Scenario],
    folder: Path,
    *,
    transport: str = "tcp",
    slow: bool = False,
    patience_s: float = PATIENT_S,
) -> dict[str, Outcome]:
    """Outcomes by the names of their scenarios."""
    _, outcomes = await Judge(command, transport, folder, patience_s=patience_s).run(scenarios, slow=slow)
    return {one.scenario.name: one for one in outcomes}


def said(outcomes: dict[str, Outcome]) -> str:
    """Of those that failed, what and why."""
    failed = (one for one in outcomes.values() if one.verdict is Verdict.FAILED)
    return "\n\n".join("\n".join((f"{one.scenario.name}: {one.text}", *one.notes[-30:])) for one in failed)
