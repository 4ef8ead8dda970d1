"""Status and code of an answer over HTTP."""

from __future__ import annotations

from tests.seeing.web import Answered


def code(answer: Answered) -> tuple[int, str]:
    return answer.status, answer.json["code"]
