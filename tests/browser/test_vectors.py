"""Every vector of the protocol, read by the JavaScript client in a real browser."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Page

from tests.browser.site import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_browser_reads_every_vector_as_it_must(page: Page):
    found = await page.evaluate(
        """async () => {
            const { lookAtVectors } = await import("/tests/js/vectors.js");
            return lookAtVectors(async (name) => {
                const answer = await fetch(`/protocol/vectors/${name}`);
                if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
                return answer.text();
            });
        }"""
    )
    assert found["faults"] == []
    folder = ROOT / "protocol" / "vectors"
    files = {
        name: json.loads((folder / f"{name}.json").read_text("utf-8"))[name]
        for name in ("frames", "contents")
    }
    assert found["looked"] >= sum(map(len, files.values()))
