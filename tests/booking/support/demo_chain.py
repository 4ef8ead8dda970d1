"""The chain file of the demo."""

from __future__ import annotations

from pathlib import Path

from imserver.plugins.booking.understanding import acts

SOURCES = Path(acts.__file__).parents[1]


DEMO = (SOURCES / "chains" / "demo.toml").read_text(encoding="utf-8")
