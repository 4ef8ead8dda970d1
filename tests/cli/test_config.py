"""`imserver config check|print`: a line for each fault, and what is in effect with who said it."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from imserver.cli.app import EXIT_MISTAKE, run
from imserver.config import load_config
from imserver.config_files import faults_of_files
from imserver.plugins.booking.setup import Shop, chain_text
from imserver.store.sqlite.database import APPLICATION_ID
from tests.cli.certificates import certified
from tests.support.disks import small_disk

from .processes import imserver

SECRET = "correct horse battery staple, and a bit more"
Check = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    monkeypatch.chdir(tmp_path)

    def checked(text: str, *arguments: str, **environment: str) -> tuple[int, list[str], list[str]]:
        (tmp_path / "imserver.toml").write_text(text)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = run(["config", *(arguments or ("check",))])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return checked


def test_what_is_right_is_said_in_one_line_and_nothing_is_made(check: Check, tmp_path: Path) -> None:
    assert check("[server]\nport = 0\n") == (0, ["imserver.toml: all is right"], [])
    assert [path.name for path in tmp_path.iterdir()] == ["imserver.toml"]


def test_each_fault_is_a_line(check: Check) -> None:
    text = "[server]\nprot = 1\n[limits]\nposts_burst = 'many'\n[servr]\n"
    code, out, err = check(text, IMSERVER_SERVER_PORT="1")
    assert (code, out) == (EXIT_MISTAKE, [])
    assert err == [
        "imserver: IMSERVER_SERVER_PORT: sets nothing: two underscores stand between section and field, IMSERVER_SERVER__PORT",
        "imserver: imserver.toml: $.server.prot: no such field; did you mean port?",
        "imserver: imserver.toml: $.limits.posts_burst: Expected `int`, got `str`",
        "imserver: imserver.toml: $.servr: no such section; did you mean server?",
    ]


def test_a_fault_of_one_kind_hides_none_of_another(check: Check) -> None:
    text = (
        "[server]\nprot = 1\nport = 99999\n[store]\nreaders = 0\npath = 'no/im.db'\n[limits]\nposts_burst = 0\n"
        "[auth]\nsecret_file = 'short'\n[plugins.nosuch]\n"
    )
    Path("short").write_text("short")
    err = check(text)[2]
    assert [line.removeprefix("imserver: imserver.toml: ").partition(":")[0] for line in err] == [
        "$.server.prot",
        "$.store.readers",
        "$.limits.posts_burst",
        "$.server.port",
        "$.auth.secret_file",
        "$.plugins.nosuch",
    ]
    # What goes together in a section that could not be read whole, nobody knows.
    assert len(check("[http]\ntls_key = 'x'\ntls_certificate = 1\n")[2]) == 1


@pytest.mark.parametrize(
    ("schema", "mark", "says"),
    [
        (999, APPLICATION_ID, "imserver.db: made by a newer imserver (schema 999, this one knows"),
        (1, APPLICATION_ID, "imserver: note: TMP/imserver.db: has schema 1, and the next start makes it"),
        (1, 7, "imserver.db: is no database, or one of something else"),
    ],
)
def test_a_database_that_no_start_takes_is_a_fault(
    check: Check, tmp_path: Path, schema: int, mark: int, says: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "imserver.db")) as raw:
        raw.execute(f"PRAGMA application_id = {mark}")
        raw.execute(f"PRAGMA user_version = {schema}")
    before = (tmp_path / "imserver.db").read_bytes()
    code, _, [line] = check("")
    assert says in line.replace(str(tmp_path), "TMP")
    assert code == (0 if "note" in says else EXIT_MISTAKE)
    assert ((tmp_path / "imserver.db").read_bytes(), len([*tmp_path.iterdir()])) == (before, 2)
    (tmp_path / "imserver.db").rename(tmp_path / "imserver.db.high")
    assert "imserver.db: is not there, but imserver.db.high is" in check("")[2][0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("port = ", "imserver.toml: Invalid value (at end of document)"),
        ("[auth]\nsecret_file = 'short'\n", "$.auth.secret_file: TMP/short: at least 32 bytes, not 5"),
        ("[auth]\npublic_key_file = 'no.pem'\n", "$.auth.public_key_file: TMP/no.pem: No such file"),
        ("[auth]\nsecret = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n", "$.auth.secret: can be guessed"),
        ("[store]\npath = 'no/im.db'\n", "$.store.path: TMP/no/im.db: the folder TMP/no does not exist"),
        ("[server]\ntls_certificate = 'short'\ntls_key = 'short'\n", "is no PEM file of a private key"),
        ("[http]\ntls_certificate = 'no.pem'\ntls_key = 'no.pem'\n", "$.http.tls_key: TMP/no.pem: No such"),
        ("[plugins.nosuch]\n", "$.plugins.nosuch: no such plugin is installed"),
        ("[plugins.booking]\nchian = 'x'\n", "$.plugins.booking.chian: there is no such option"),
        ("[plugins.booking]\nchain = 'no.toml'\n", "$.plugins.booking.chain: TMP/no.toml: No such file"),
        ("[plugins.booking]\nchain = 'shop.toml'\n", "$.plugins.booking: TMP/shop.toml: "),
        ("[limits]\nmax_content_bytes = 65000\n", "$.limits.max_frame_bytes: at least"),
    ],
)
def test_files_are_looked_into(check: Check, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "short").write_text("short")
    (tmp_path / "shop.toml").write_text("stores = 1\n")
    code, out, err = check(text)
    assert (code, out) == (EXIT_MISTAKE, [])
    assert says in "\n".join(err).replace(str(tmp_path), "TMP")
    assert all(line.startswith("imserver: ") for line in err)


def test_a_path_of_a_plugin_begins_at_the_files_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "im.toml").write_text("[plugins.booking]\nchain = 'shop.toml'\n")
    monkeypatch.chdir(tmp_path)
    assert run(["--config", "etc/im.toml", "config", "check"]) == EXIT_MISTAKE
    assert f"{Path('etc')}/shop.toml: No such file" in capsys.readouterr().err
    (tmp_path / "etc" / "shop.toml").write_text(chain_text(Shop("Clearview", "en", "UTC")), "utf-8")
    assert run(["--config", "etc/im.toml", "config", "check"]) == 0
    assert capsys.readouterr().out == "etc/im.toml: all is right\n"


def test_a_certificate_that_has_run_out_is_a_fault_and_one_that_soon_will_a_note(
    check: Check, tmp_path: Path
) -> None:
    certified(tmp_path, days=-0.5, begins_in=-2)
    tls = (tmp_path / "imserver.toml").read_text()
    code, _, [line] = check(tls)
    assert code == EXIT_MISTAKE
    day = (dt.datetime.now(dt.UTC) - dt.timedelta(days=0.5)).strftime("%Y-%m-%d")
    assert f"$.server.tls_certificate: {tmp_path}/certificate.pem: has run out, on {day}" in line
    certified(tmp_path, begins_in=1)
    assert "is not valid before" in check(tls)[2][0]
    certified(tmp_path, days=3.5)
    code, out, [note] = check(tls)
    assert (code, out) == (0, ["imserver.toml: all is right"])
    assert note.startswith("imserver: note: certificate expires soon: path")


def test_a_certificate_that_no_listener_reads_is_no_fault(check: Check) -> None:
    code, _, err = check("[server]\nunix_socket = 's'\ntls_certificate = 'no.pem'\ntls_key = 'no.pem'\n")
    assert (code, err) == (0, [])


def test_notes_of_the_environment(check: Check) -> None:
    code, _, err = check(
        "", IMSERVER_PORT="tcp://10.0.0.1:7410", IMSERVER_SEVER_PORT="1", IMSERVER_SERVICE_HOST="10.0.0.1"
    )
    assert code == 0
    assert err == [
        "imserver: note: ignored, as Kubernetes sets them beside a Service: IMSERVER_PORT, IMSERVER_SERVICE_HOST",
        "imserver: note: IMSERVER_SEVER_PORT sets nothing; did you mean IMSERVER_SERVER__PORT?",
    ]


def test_a_folder_that_is_read_only_is_a_fault_in_words(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        folder = tmp_path / "data"
        folder.mkdir(mode=0o555)
        _is_refused(folder)
        return
    with small_disk(tmp_path, 64 * 1024) as disk:
        os.system(f"mount -o remount,ro {disk}")
        _is_refused(disk)


def _is_refused(folder: Path) -> None:
    database = str(folder / "im.db")
    config = load_config(None, {"IMSERVER_STORE__PATH": database})
    [fault] = faults_of_files(config, Path(), 0)
    assert f"files cannot be made in {folder} (read-only, or another user's)" in str(fault)
    # And a start says so in one line, not in a traceback.
    started = imserver(folder.parent, "serve", IMSERVER_STORE__PATH=database)
    assert started.returncode == 2
    last = started.stderr.splitlines()[-1]
    assert last.startswith(f"imserver: {folder}")
    assert last.endswith(("Read-only file system", "Permission denied"))
    assert "Traceback" not in started.stderr


def test_a_database_that_cannot_be_written_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (database := tmp_path / "im.db").touch()
    monkeypatch.setattr("imserver.config_files.os.access", lambda path, mode: Path(path) != database)
    config = load_config(None, {"IMSERVER_STORE__PATH": str(database)})
    [fault] = faults_of_files(config, Path(), 0)
    assert str(fault) == f"$.store.path: {database}: cannot be written (read-only, or another user's)"


# -- print --------------------------------------------------------------------------------------------------------------


TEXT = f"""
[server]
port = 7499
[auth]
secret = "{SECRET}"
[http]
hosts = ["a.example", "b.example"]
[plugins.booking]
chain = "demo"
"""


def test_it_prints_what_a_start_would_have_and_who_said_it(check: Check, tmp_path: Path) -> None:
    code, out, _ = check(TEXT, "print", IMSERVER_LOG__LEVEL="debug")
    assert code == 0
    said = {line.split(" = ")[0]: line.rpartition("# ")[2] for line in out if " = " in line}
    assert (said["port"], said["level"], said["secret"]) == (
        "default",
        "IMSERVER_LOG__LEVEL",
        "imserver.toml",
    )
    # It is TOML, and what a start has, but for the secret.
    tree = tomllib.loads("\n".join(out))
    assert tree["auth"].pop("secret") == "(hidden)"
    expected = load_config(tmp_path / "imserver.toml")
    assert (tree["server"]["port"], tree["log"]["level"]) == (7499, "debug")
    assert tree["auth"]["max_token_ttl_s"] == expected.auth.max_token_ttl_s  # a number is no secret
    assert tree["http"]["hosts"] == ["a.example", "b.example"]
    assert tree["store"]["path"] == expected.store.path
    assert "admin" not in tree
    assert SECRET not in "\n".join(out)


def test_it_can_leave_out_what_has_its_default(check: Check) -> None:
    _, out, _ = check(TEXT, "print", "--changed", IMSERVER_LOG__LEVEL="debug")
    assert tomllib.loads("\n".join(out)) == {
        "server": {"port": 7499},
        "auth": {"secret": "(hidden)"},
        "log": {"level": "debug"},
        "http": {"hosts": ["a.example", "b.example"]},
        "plugins": {"booking": {"chain": "demo"}},
    }


def test_on_forty_columns_no_line_is_longer_than_its_value(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = check("[server]\nport = 1\n[store]\npath = '/srv/x.db'\n", "print")
    assert 'path = "/srv/x.db"  # imserver.toml' in out
    assert "max_connections_per_address = 1000" in out  # and what has no room beside it stands below
    assert [line for line in out if len(line) > 40 and "#" in line] == []


def test_nothing_that_a_value_holds_moves_the_terminal_or_shows_a_password(check: Check) -> None:
    (code, out, _) = check(
        '[plugins.nosuch]\napi_key = "abc"\nkey_file = "a"\nurl = "https://me:word@x"\n"a b" = "\\u202eevil\\u001b[2J"\n',
        "print",
        "--changed",
    )
    assert code == 0
    assert out[:-1] == [
        "[plugins.nosuch]",
        'api_key = "(hidden)"           # imserver.toml',
        'key_file = "a"                 # imserver.toml',
        'url = "https://(hidden)@x"     # imserver.toml',
        '"a b" = "\\u202eevil\\u001b[2J"  # imserver.toml',
    ]


def test_no_secret_of_a_plugin_is_shown_wherever_it_stands(check: Check) -> None:
    word = "hunter2"
    values = (
        [
            "passwd",
            "db_dsn",
            "private_key",
            "signing-key",
            "bot_tokens",
            "apiKey",
            "pin",
            "webhook",
            "smtp_auth",
        ],
        (f'"{word}"', f'["{word}", "b"]', f'{{ a = "{word}" }}', f'[[{{ a = ["{word}"] }}]]'),
    )
    fields = [f'"{name}{place}" = {text}' for name in values[0] for place, text in enumerate(values[1])]
    texts = (
        f"https://me:{word}@x",
        f"redis://:{word}/p@x/0",
        f"me:{word}@x",
        f"host=x password={word} user=y",
        f"https://x/?access_token={word}&a=b",
        f"-----BEGIN PRIVATE KEY-----\\n{word}\\n-----END PRIVATE KEY-----",
    )
    fields += [f'text{place} = ["{text}"]' for place, text in enumerate(texts)]
    inner = f"inner = {{ {', '.join(fields)} }}"
    code, out, _ = check("[plugins.nosuch]\n" + "\n".join([*fields, inner]), "print")
    assert code == 0
    assert [line for line in out if word in line] == []
    shown = (
        'key_file = "a"\nmax_tokens = 4\ntoken_ttl_s = 5\npublic_key = "p"\nmonkey = "m"\nat = "a@b.example"'
    )
    _, out, _ = check(f"[plugins.nosuch]\n{shown}\n[[auth.keys]]\nid = 'i'\nsecret_file = 'f'\n", "print")
    assert "hidden" not in "\n".join(out)


def test_no_fault_shows_a_password(check: Check) -> None:
    word = "hunter2"
    text = f"[http]\npublic_url = 'https://me:{word}@x/y'\norigins = ['https://me:{word}@x']\nhosts = ['me:{word}@x']\n"
    code, _, err = check(f"{text}[server]\nproxies = ['//me:{word}@x']\nhost = 'me:{word}@x'\n")
    assert (code, len(err)) == (EXIT_MISTAKE, 5)
    assert [line for line in err if word in line] == []


def test_what_is_wrong_is_not_printed(check: Check) -> None:
    code, out, err = check("[server]\nprot = 1\n", "print")
    assert (code, out) == (EXIT_MISTAKE, [])
    assert err == ["imserver: imserver.toml: $.server.prot: no such field; did you mean port?"]


def test_a_pipe_that_is_named_as_a_certificate_is_told_of_and_not_waited_for(
    check: Check, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.pem")
    code, _, err = check("[server]\ntls_certificate = 'pipe.pem'\ntls_key = 'pipe.pem'\n")
    assert code == EXIT_MISTAKE
    assert any("is a device or a pipe" in line for line in err)
