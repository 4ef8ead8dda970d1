"""A configuration with TLS, and certificates of any age."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import trustme

TLS = "[server]\ntls_certificate = 'certificate.pem'\ntls_key = 'key.pem'\n"
AUTHORITY = trustme.CA()


def certified(folder: Path, days: float = 90, begins_in: float = -1) -> None:
    now = dt.datetime.now(dt.UTC)
    issued = AUTHORITY.issue_cert(
        "localhost",
        not_before=now + dt.timedelta(days=begins_in),
        not_after=now + dt.timedelta(days=days),
    )
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "key.pem").chmod(0o600)
    (folder / "imserver.toml").write_text(TLS)
