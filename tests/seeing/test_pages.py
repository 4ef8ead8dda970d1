"""docs/metrics.md has a row for each metric, and the alerts and conditions of docs/operating.md are of those that there are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from imserver.config import AdminConfig, HttpConfig, load_config
from tests.limits.raw import eventually
from tests.seeing.web import seen

DOCS = Path(__file__).parents[2] / "docs"
[SECTION] = re.findall(
    r"^## Watch\n(.*?)^## ", (DOCS / "operating.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
TABLE = re.findall(
    r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", (DOCS / "metrics.md").read_text("utf-8"), re.MULTILINE
)
BLOCKS: dict[str, list[str]] = {}
for _language, _block in re.findall(r"^```(\w+)\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL):
    BLOCKS.setdefault(_language, []).append(_block)


def rows(families: Iterable[Metric]) -> list[tuple[str, str, str, str]]:
    """As the table has them."""
    found = []
    for family in families:
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        if name == "imserver_build_info":
            labels = ["engine", "python", "version"]
        found.append((name, family.type, ", ".join(f"`{label}`" for label in labels), family.documentation))
    return found


async def exported(folder: Path) -> str:
    """The page of a server that has everything, and has worked."""
    admin = AdminConfig(unix_socket=str(folder / "admin"))
    async with seen(folder, admin=admin, ping=True) as server:
        server.health.last_backup_ms = 1
        await eventually(lambda: server.health.sizes is not None)
        return server.metrics.render().decode()


async def test_each_metric_has_a_row_and_each_row_is_a_metric(tmp_path: Path) -> None:
    there = rows(text_string_to_metric_families(await exported(tmp_path)))
    shown = "\n".join(f"| `{name}` | {kind} | {labels} | {text} |" for name, kind, labels, text in there)
    assert sorted(there) == sorted(
        (name, kind, labels.strip(), text) for name, kind, labels, text in TABLE
    ), shown


async def test_alerts_and_conditions_of_the_page_are_of_metrics_and_conditions_that_there_are(
    tmp_path: Path,
) -> None:
    page = await exported(tmp_path)
    samples = {line.split("{")[0].split()[0] for line in page.splitlines() if not line.startswith("#")}
    wanted = set(re.findall(r"imserver_\w+", "".join(BLOCKS["yaml"])))
    assert wanted <= samples
    assert len(wanted) >= 4
    assert f"127.0.0.1:{AdminConfig().port}" in BLOCKS["yaml"][0]
    conditions = set(re.findall(r'^imserver_condition\{name="(\w+)"\}', page, re.MULTILINE))
    table = SECTION.split("| condition | means | do |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == conditions


# -- the configuration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("http", HttpConfig), ("admin", AdminConfig)])
def test_a_commented_section_shows_every_field_with_its_default(name: str, kind: type[Any]) -> None:
    text = (DOCS / "imserver.toml").read_text("utf-8")
    [section] = re.findall(rf"^# \[{name}\]\n((?:#.*\n)*)", text, re.MULTILINE)
    fields = "\n".join(line[2:] for line in section.splitlines() if re.match(r"# \w+ = ", line))
    assert tomllib.loads(fields) == msgspec.to_builtins(kind())


def test_paths_of_the_sections_are_of_the_files_folder_and_the_environment_opens_them_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "imserver.toml"
    path.write_text("[admin]\n[http]\ntls_certificate = 'c.pem'\ntls_key = 'k.pem'\n")
    config = load_config(path, {})
    assert config.admin is not None
    assert config.http is not None
    assert config.admin.unix_socket == str(tmp_path / "imserver.admin")
    assert (config.http.tls_certificate, config.http.tls_key) == (
        str(tmp_path / "c.pem"),
        str(tmp_path / "k.pem"),
    )
    config = load_config(None, {"IMSERVER_HTTP__PORT": "80", "IMSERVER_HTTP__METRICS": "true"})
    assert config.http == HttpConfig(port=80, metrics=True)
    assert config.admin is None
    assert load_config(None, {}).http is None


@pytest.mark.parametrize(
    ("section", "error"),
    [
        ("[http]\nport = 70000", "$.http.port"),
        ("[http]\nhost = '0.0.0.0'", "$.http.host"),
        ("[http]\nhost = '0.0.0.0'\ntls_certificate = 'x'", "$.http.tls_key"),
        ("[http]\npublic_url = 'chat.example.org'", "$.http.public_url"),
        ("[http]\npublic_url = 'https://chat.example.org/im'", "$.http.public_url"),
        ("[http]\npublic_url = 'https://anna@chat.example.org'", "$.http.public_url"),
        ("[http]\nhosts = ['a', 'b:80']", "$.http.hosts[1]"),
        ("[http]\nhosts = ['*']", "$.http.hosts[0]"),
        ("[http]\nmax_connections = 0", "$.http.max_connections"),
        ("[http]\nmin_free_bytes = 0", "$.http.min_free_bytes"),
        ("[http]\nport_ = 1", "$.http.port_"),
        ("[admin]\nunix_socket = ''\nhost = '0.0.0.0'", "$.admin.host"),
        ("[admin]\nport = -1", "$.admin.port"),
    ],
)
def test_a_mistake_is_named_with_its_field(tmp_path: Path, section: str, error: str) -> None:
    path = tmp_path / "imserver.toml"
    path.write_text(section + "\n")
    with pytest.raises(Exception, match=f"^{re.escape(error)}: "):
        load_config(path, {})


@pytest.mark.parametrize(
    "section",
    [
        "[http]\nhost = '0.0.0.0'\ninsecure = true",
        "[http]\nhost = '::1'",
        "[http]\nhost = '0.0.0.0'\ntls_certificate = 'x'\ntls_key = 'y'",
        "[http]\npublic_url = 'http://[2001:db8::7]:8080/'",
        "[admin]\nunix_socket = ''\nport = 0",
    ],
)
def test_what_is_right_is_taken(tmp_path: Path, section: str) -> None:
    path = tmp_path / "imserver.toml"
    path.write_text(section + "\n")
    load_config(path, {})
