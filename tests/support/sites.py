"""A server's site, asked as a page of it asks."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


def post(port: int, path: str, body: Any, cookie: str = "") -> tuple[int, Any, str]:
    """Status, body and cookie of the answer to `POST /api/{path}`."""
    headers = {"content-type": "application/json", "origin": f"http://localhost:{port}", "cookie": cookie}
    asked = urllib.request.Request(
        f"http://localhost:{port}/api/{path}", json.dumps(body).encode(), headers, method="POST"
    )
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, json.load(answer), answer.headers.get("set-cookie", "").partition(";")[0]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), ""
