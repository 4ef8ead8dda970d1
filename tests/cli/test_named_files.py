"""Every file that the configuration names: unreadable, no file, too large, wrong inside: one line with its name, never a
traceback; and the secret, which is made whole or not at all, and is not used if it is none."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from imserver.cli.app import EXIT_AGAIN, EXIT_MISTAKE
from imserver.named_file import user_name
from imserver.plugins.booking.schedule import shops
from tests.support.disks import MIB, fill, small_disk

from .processes import IMSERVER, PATIENCE_S, environment, imserver

BOOKING = "[plugins.booking]\nchain = '{path}'\n"
#: The section of the configuration that names the file; the configuration itself: "".
NAMED = {
    "configuration": "",
    "certificate": "[server]\ntls_certificate = '{path}'\ntls_key = 'key.pem'\n",
    "key": "[server]\ntls_certificate = 'key.pem'\ntls_key = '{path}'\n",
    "secret": "[auth]\nsecret_file = '{path}'\n",
    "public key": "[auth]\npublic_key_file = '{path}'\n",
    "chain": BOOKING,
}


def _missing(path: Path) -> None: ...


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1024**3)


def _not_text(path: Path) -> None:
    path.write_bytes(b"\n\n[a]\nb = '\xff\xfe'\n")


def _bare(path: Path) -> None:
    path.write_text("a = [[[1,\n")


def _nested(path: Path) -> None:
    path.write_text("a = " + "[" * 100_000)


#: How it is spoiled, the words, and whether trying again may help.
SPOILED: list[tuple[Callable[[Path], None], str, bool]] = [
    (_missing, "No such file", True),
    (_folder, "is a folder", False),
    (_pipe, "is a device or a pipe", False),
    (_huge, "is larger than", False),
    (_not_text, "", False),
    (_bare, "", False),
    (_nested, "", False),
]


def _serve(folder: Path, named: str, path: Path) -> subprocess.CompletedProcess[str]:
    if not named:
        return imserver(folder, "--config", str(path), "serve")
    (folder / "imserver.toml").write_text(named.format(path=path))
    return imserver(folder, "serve")


@pytest.mark.parametrize(("spoil", "words", "again"), SPOILED)
@pytest.mark.parametrize("kind", NAMED)
def test_it_is_one_line_with_the_name_of_the_file(
    tmp_path: Path, kind: str, spoil: Callable[[Path], None], words: str, again: bool
) -> None:
    path = tmp_path / "named.toml"
    spoil(path)
    if kind in ("certificate", "key"):
        (tmp_path / "key.pem").write_bytes(_private_pem(ed25519.Ed25519PrivateKey.generate()))
    if kind == "secret" and spoil in (_missing, _nested):
        return  # made on first use; long, and not the same everywhere: a secret
    ended = _serve(tmp_path, NAMED[kind], path)

    assert "Traceback" not in ended.stderr
    lines = ended.stderr.splitlines()
    assert ended.returncode == (EXIT_AGAIN if again else EXIT_MISTAKE), ended.stderr
    assert lines[-1].startswith("imserver: ")
    assert all(line.startswith("{") for line in lines[:-1]), "the log"
    assert str(path) in lines[-1]
    assert words in lines[-1]
    assert len(lines[-1]) < 500


def _bound_by_permissions() -> None:
    """Root without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH; for others nothing changes."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability)  # PR_CAPBSET_DROP


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("kind", NAMED)
def test_one_that_may_not_be_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "named.toml"
    path.touch()
    if kind in ("certificate", "key"):
        (tmp_path / "key.pem").write_bytes(_private_pem(ed25519.Ed25519PrivateKey.generate()))
    (tmp_path / "imserver.toml").write_text(NAMED[kind].format(path=path))
    path.chmod(0)
    named = ["--config", str(path)] if kind == "configuration" else []
    ended = subprocess.run(
        [*IMSERVER, *named, "serve"],
        cwd=tmp_path,
        env=environment(),
        preexec_fn=_bound_by_permissions,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == EXIT_MISTAKE
    assert "Traceback" not in ended.stderr
    me = user_name(os.geteuid())
    assert ended.stderr.endswith(
        f"{path}: Permission denied to {me}; it belongs to {me}, with the mode 000\n"
    )


DEMO = (Path(shops.__file__).parents[1] / "chains" / "demo.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DEMO.replace("[[stores]]", "[[stores]", 1), "line"),
        (DEMO.replace("minutes = ", "minuets = ", 1), "minuets"),
        (DEMO.replace("[[stores]]", '[[stores]]\ntexts = { en = { "no.such" = "x" } }', 1), "no.such"),
    ],
)
def test_a_mistake_in_a_chain_file_names_file_and_place(tmp_path: Path, text: str, says: str) -> None:
    assert text != DEMO
    (tmp_path / "shop.toml").write_text(text, encoding="utf-8")
    (tmp_path / "imserver.toml").write_text("[plugins.booking]\nchain = 'shop.toml'\n")
    ended = imserver(tmp_path, "serve")

    assert ended.returncode == EXIT_MISTAKE
    assert "Traceback" not in ended.stderr
    assert f": {tmp_path}/shop.toml: " in ended.stderr.splitlines()[-1]
    assert says in ended.stderr.splitlines()[-1]


# -- the secret ---------------------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_no_secret_and_the_next_try_makes_a_whole_one(tmp_path: Path) -> None:
    (tmp_path / "imserver.toml").write_text("[auth]\nsecret_file = 'disk/imserver.secret'\n")
    with small_disk(tmp_path, MIB) as disk:
        fill(disk)
        ended = imserver(tmp_path, "token", "alice")
        assert (ended.returncode, ended.stdout) == (EXIT_AGAIN, "")
        assert ended.stderr.endswith("disk/imserver.secret: No space left on device\n")
        assert [path.name for path in disk.iterdir()] == ["filler"]

        (disk / "filler").unlink()
        assert imserver(tmp_path, "token", "alice").returncode == 0
        assert len((disk / "imserver.secret").read_text().strip()) == 64


def _no_writes() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*IMSERVER, "token", "alice"],
        cwd=tmp_path,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        preexec_fn=_no_writes,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (EXIT_MISTAKE, "")
    assert "imserver.secret: File too large" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("", "is empty; remove the file"),
        ("\n", "is empty; remove the file"),
        ("short\n", "at least 32 bytes, not 5"),
        ("a" * 32, "can be guessed"),
        ("0123456789ab" * 4, "can be guessed"),
    ],
)
@pytest.mark.parametrize("command", [["token", "alice"], ["serve"]])
def test_a_secret_that_is_none_is_told_and_not_used(
    tmp_path: Path, command: list[str], secret: str, says: str
) -> None:
    (tmp_path / "imserver.secret").write_text(secret)
    ended = imserver(tmp_path, *command)

    assert (ended.returncode, ended.stdout) == (EXIT_MISTAKE, "")
    assert "imserver.secret: " in ended.stderr
    assert says in ended.stderr
    assert (tmp_path / "imserver.secret").read_text() == secret


def test_two_that_make_it_at_once_make_one(tmp_path: Path) -> None:
    many: list[subprocess.Popen[bytes]] = [
        subprocess.Popen(
            [*IMSERVER, "token", "alice"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE
        )
        for _ in range(6)
    ]
    tokens = [one.communicate(timeout=PATIENCE_S)[0].decode().strip() for one in many]

    import jwt

    secret = (tmp_path / "imserver.secret").read_text().strip()
    for token in tokens:
        assert jwt.decode(token, secret, algorithms=["HS256"])["sub"] == "alice"
    assert [path.name for path in tmp_path.iterdir()] == ["imserver.secret"]


# -- the public key -----------------------------------------------------------------------------------------------------


def _private_pem(key: Any) -> bytes:
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _public_pem(key: Any) -> bytes:
    return bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        (lambda: _public_pem(rsa.generate_private_key(65537, 2048)), "of another kind (RSA)"),
        (lambda: _private_pem(ed25519.Ed25519PrivateKey.generate()), "is a private key"),
        (lambda: b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is no PEM file"),
        (lambda: b"", "is no PEM file"),
    ],
)
def test_a_key_of_the_wrong_kind_is_refused(tmp_path: Path, pem: Callable[[], bytes], says: str) -> None:
    (tmp_path / "key.pem").write_bytes(pem())
    (tmp_path / "imserver.toml").write_text("[auth]\npublic_key_file = 'key.pem'\n")
    ended = imserver(tmp_path, "serve")
    assert ended.returncode == EXIT_MISTAKE
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert f"imserver.toml: $.auth.public_key_file: {tmp_path}/key.pem: " in ended.stderr
    assert says in ended.stderr
