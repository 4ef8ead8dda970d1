"""The demonstration's stage on forty columns: no line is longer, and nothing is cut that was to be read."""

from __future__ import annotations

import io
from datetime import UTC

import pytest
from rich.console import Console

from imserver.cli.demo_screen import DemoScreen
from imserver.cli.text_width import width
from imserver.proof.demo.stage import Line

QUESTION = "Sat 21 Nov 15:00 has just been taken."


@pytest.fixture
def narrow() -> tuple[DemoScreen, io.StringIO]:
    shown = io.StringIO()
    return DemoScreen(Console(file=shown, width=40), UTC, 0), shown


def test_a_scene_s_title_is_broken_between_words(narrow: tuple[DemoScreen, io.StringIO]) -> None:
    screen, shown = narrow
    screen.scene("A moment later Alice asks for Saturday 15:00")
    assert shown.getvalue().splitlines() == [
        "",
        "━━ 1  A moment later Alice asks for",
        "Saturday 15:00 ━━━━━━━━━━━━━━━━━━━━━━━━━",
    ]


def test_a_question_that_does_not_fit_the_frame_is_the_card_s_text(
    narrow: tuple[DemoScreen, io.StringIO],
) -> None:
    screen, shown = narrow
    card = {"type": "card", "text": f"{QUESTION} The nearest free times:", "buttons": []}
    screen.line(Line("Garden Road", 0, card))
    text = shown.getvalue()
    assert "…" not in text
    assert " ".join(text.replace("│", " ").split()).count("has just been taken.") == 1
    assert max(width(line) for line in text.splitlines()) <= 40
