"""axe on a page: what it finds, one line each. Every rule is on, those that axe leaves off by default among them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from clients.bundler.npm import installed

TESTS_JS = Path(__file__).resolve().parents[1] / "js"
#: Of AAA, or still an experiment: not what the page promises (WCAG 2.2 AA).
BEYOND_AA = ("wcag2aaa", "wcag22aaa", "experimental", "deprecated")
_RUN = """async (beyond) => {
  const rules = Object.fromEntries(axe.getRules()
    .filter((rule) => !rule.tags.some((tag) => beyond.includes(tag)))
    .map((rule) => [rule.ruleId, {enabled: true}]));
  const { violations } = await axe.run(document, { rules, resultTypes: ["violations"] });
  return violations.map(({ id, help, nodes }) => ({
    id, help,
    nodes: nodes.map((node) => `${node.target.join(" ")}: ${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ""}`),
  }));
}"""


@cache
def _source() -> str:
    return (installed(TESTS_JS) / "axe-core" / "axe.min.js").read_text("utf-8")


async def findings(page: Page) -> list[str]:
    """What axe says against the page as it is now."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(_source())  # past the page's policy, which lets no other script in
    found: list[dict[str, Any]] = await page.evaluate(_RUN, list(BEYOND_AA))
    return [f"{one['id']}: {one['help']}: {'; '.join(one['nodes'][:3])}" for one in found]
