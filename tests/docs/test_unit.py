"""The units on docs/operating.md: systemd takes them, they run without root and with little else, and the server's reloads."""

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

FOLDER = "/etc/systemd/system/"
UNITS = {
    block.file.removeprefix(FOLDER): block.text
    for block in blocks((DOCS / "operating.md").read_text("utf-8"))
    if block.file.startswith(FOLDER)
}
SERVER, BACKUP = "imserver.service", "imserver-backup.service"
#: Of what systemd can take away, what neither was seen to need anything of.
TAKEN = {
    "NoNewPrivileges": "true",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "SystemCallFilter": "@system-service",
}


def section(name: str, of: str = "Service") -> dict[str, str]:
    # ExecReload stands twice: the last line is the one here.
    unit = ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(UNITS[name])
    return dict(unit[of])


@pytest.mark.parametrize(("name", "families"), [(SERVER, "AF_UNIX AF_INET AF_INET6"), (BACKUP, "AF_UNIX")])
def test_it_is_a_user_of_its_own_with_nothing_more_than_it_needs(name: str, families: str) -> None:
    found = section(name)
    assert found["User"] == "imserver"
    assert {name: found.get(name) for name in TAKEN} == TAKEN
    assert found["RestrictAddressFamilies"] == families
    # Where it writes is left to it, though all else is read-only.
    assert (found["StateDirectory"], found["UMask"]) == ("imserver", "0077")


def test_it_waits_longer_for_the_end_than_the_server_takes_for_it() -> None:
    assert int(section(SERVER)["TimeoutStopSec"]) > ServerConfig().drain_timeout_s + CLOSING_S


def test_it_reloads_by_the_signal_that_the_server_takes() -> None:
    *checks, signal = re.findall(r"(?m)^ExecReload=(.+)", UNITS[SERVER])
    assert re.fullmatch(r"/\S+/kill -HUP \$MAINPID", signal)
    # The signal alone succeeds whatever the server finds: `systemctl reload` of a broken file would be a success.
    assert checks == [section(SERVER)["ExecStart"].replace(" serve", " config check")]
    # One that came before Python could hold it would be a good end for systemd.
    assert section(SERVER)["RestartForceExitStatus"] == "SIGHUP"


def test_systemctl_waits_until_it_listens_and_no_shorter() -> None:
    """Else `systemctl restart` with a configuration that is wrong is a success."""
    found = section(SERVER)
    assert (found["Type"], found["TimeoutStartSec"]) == ("notify", "infinity")


def test_systemctl_shows_what_each_is_for() -> None:
    assert len({section(name, "Unit")["Description"] for name in UNITS}) == 3


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    for name, text in UNITS.items():
        (tmp_path / name).write_text(re.sub(r"(?m)^(Exec\w+)=/opt/\S+", r"\1=/bin/true", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / name for name in UNITS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    complaints = [line for line in done.stderr.splitlines() if "imserver" in line]
    assert complaints == [], done.stderr
