"""`imserver user link`, `imserver browser …`: beside a server and on a stopped database, from a link to a browser's end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from tests.cli.places import Place
from tests.cli.processes import serving
from tests.support.sites import post

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def port(tmp_path: Path) -> int:
    port = free_port()
    (tmp_path / "imserver.toml").write_text(f"[server]\nport = 0\n[http]\nport = {port}\n")
    return port


@pytest.fixture(params=["beside a server", "stopped"])
def place(request: pytest.FixtureRequest, tmp_path: Path, port: int) -> Iterator[Place]:
    if request.param == "stopped":
        stopped = Place(tmp_path, None)
        stopped.did("user", "add", "li", "--create")
        yield stopped
        return
    with serving(tmp_path) as server:
        running = Place(tmp_path, server)
        running.did("user", "add", "li")
        yield running


def test_a_link_is_made_listed_and_revoked(place: Place, port: int) -> None:
    made = place.did("user", "link", "li").splitlines()
    assert re.fullmatch(rf"http://localhost:{port}/link#[\w-]{{43}}", made[0])
    assert re.fullmatch(r"for li, once, until \d{4}-\d\d-\d\d \d\d:\d\d UTC", made[1])
    [link] = place.rows("browser", "links", "li")
    assert (link["state"], link["made_by"], link["used_at"]) == ("open", "", None)
    assert made[0].partition("#")[2] not in json.dumps(link)
    assert "open" in place.did("browser", "links", "li")
    assert (
        place.did("browser", "unlink", "li", str(link["id"]))
        == f"link {link['id']} of li is good for nothing now\n"
    )
    assert place.did("browser", "links", "li") == "0 links of li\n"
    assert "none of its links has this id" in place.refused("browser", "unlink", "li", str(link["id"]))
    assert place.did("browser", "list", "li") == "0 browsers of li\n"
    assert "is not signed in by 'web-1'" in place.refused("browser", "revoke", "li", "web-1")
    assert "there is no user 'lia'. Did you mean 'li'?" in place.refused("user", "link", "lia")


def test_nobody_gets_a_link_who_cannot_sign_in(place: Place) -> None:
    place.did("user", "disable", "li")
    assert "li is disabled" in place.refused("user", "link", "li")
    (place.folder / "imserver.toml").write_text("[server]\nport = 0\n")
    assert "there is no section [http]" in place.refused("user", "link", "li")


def test_a_browser_from_its_link_to_its_end(tmp_path: Path, port: int) -> None:
    with serving(tmp_path) as server:
        place = Place(tmp_path, server)
        place.did("user", "add", "li", "--name", "Li Hua")
        secret = place.did("user", "link", "li").splitlines()[0].partition("#")[2]
        status, told, cookie = post(port, "links/redeem", {"secret": secret})
        assert (status, told["user_id"], told["guest"]) == (200, "li", False)
        assert post(port, "session", {}, cookie)[0] == 200
        device = told["device_id"]
        assert "used" in place.did("browser", "links", "li")
        place.did("browser", "name", "li", device, "tablet at the counter")
        assert "tablet at the counter" in place.did("browser", "list", "li")
        assert f"Did you mean {device}?" in place.refused("browser", "revoke", "li", device[:-1])
        assert place.did("browser", "revoke", "li", device) == (
            f"signed li out of {device} (tablet at the counter); 0 sessions ended\n"
        )
        assert post(port, "session", {}, cookie)[:2] == (
            401,
            {"error": "nobody is signed in here", "code": "SIGNED_OUT"},
        )
        assert post(port, "links/redeem", {"secret": secret})[0] == 410
        assert "Traceback" not in server.stop()[1]
