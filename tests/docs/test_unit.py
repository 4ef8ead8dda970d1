"""The unit on docs/operating.md is one that systemd takes, runs as nobody's root, and can reload."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from imserver.cli.serve import CLOSING_S
from imserver.config import ServerConfig

from .console import DOCS, blocks

UNIT = next(
    block.text
    for block in blocks((DOCS / "operating.md").read_text("utf-8"))
    if block.file == "/etc/systemd/system/imserver.service"
)
#: Of what systemd can take away, what the server was seen to need nothing of.
TAKEN = {
    "NoNewPrivileges": "true",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "SystemCallFilter": "@system-service",
}


def service() -> dict[str, str]:
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(UNIT)
    return dict(unit["Service"])


def test_it_is_a_user_of_its_own_with_nothing_more_than_it_needs() -> None:
    found = service()
    assert found["User"] == "imserver"
    assert {name: found.get(name) for name in TAKEN} == TAKEN
    # Where it writes is left to it, though all else is read-only.
    assert (found["StateDirectory"], found["UMask"]) == ("imserver", "0077")


def test_it_waits_longer_for_the_end_than_the_server_takes_for_it() -> None:
    assert int(service()["TimeoutStopSec"]) > ServerConfig().drain_timeout_s + CLOSING_S


def test_it_reloads_by_the_signal_that_the_server_takes() -> None:
    assert re.fullmatch(r"/\S+/kill -HUP \$MAINPID", service()["ExecReload"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    file = tmp_path / "imserver.service"
    file.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT))
    done = subprocess.run(
        ["systemd-analyze", "verify", file], capture_output=True, text=True, check=False, timeout=30
    )
    complaints = [line for line in done.stderr.splitlines() if "imserver.service" in line]
    assert complaints == [], done.stderr
