"""Steps of the day without their times: for tests of everything else about them."""

from __future__ import annotations

import pytest

from imserver.plugins.booking.schedule import steps


@pytest.fixture
def at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """到店, 完成 and 爽约 count on any day; when they do is in test_steps.py."""
    monkeypatch.setattr(steps, "untimely", lambda *_: None)
