"""What the HTTP listeners answer of their server: whether it is well, its figures, and the pages of plugins and features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imserver.chat.accounts import Accounts
from imserver.chat.browsers import Browsers
from imserver.chat.joins import Joins
from imserver.chat.posting import Posting
from imserver.feature_host.web import FeatureWeb, Served
from imserver.health import Health
from imserver.http_requests import Asked, Page, VisitorOf, said
from imserver.metrics import Metrics
from imserver.plugin_host.web import Web

#: When to come again whose server goes down (seconds).
COME_AGAIN_S = 3


@dataclass(frozen=True, slots=True)
class WebAnswers:
    """`imserver.net.web.doors.Seen` of one server."""

    accounts: Accounts
    browsers: Browsers
    joins: Joins
    health: Health
    metrics: Metrics
    posting: Posting
    plugins: Web
    features: FeatureWeb

    @property
    def draining(self) -> bool:
        """Whether the server is going down."""
        return self.posting.draining

    def alive(self) -> dict[str, Any]:
        """What `/healthz` says. That there is an answer is the point."""
        return {"alive": True}

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Whether new work is welcome, and each part of that, with the reason if it is not ready; what `/readyz` says."""
        parts = self.health.ready()
        told = {part.name: {"ok": part.ok, **({"why": part.why} if part.why else {})} for part in parts}
        return all(part.ok for part in parts), told

    async def metrics_page(self, accept: str) -> tuple[str, bytes]:
        """What `/metrics` answers: content type and page."""
        return await self.metrics.page(accept)

    async def of_plugins(self, asked: Asked, visitor: VisitorOf) -> Page:
        """Answer what is below `/x/`, and what is a page of a plugin."""
        if self.draining:
            return said(503, {"error": "the server is going down"}, retry_after=str(COME_AGAIN_S))
        answer = await self.plugins.answer(
            asked.method, asked.target, asked.headers, asked.body, visitor, asked.address
        )
        session = None if answer.session is None else (answer.plugin, answer.session)
        return Page(answer.status, answer.headers, answer.body, answer.document, session)

    def pages_of_plugins(self) -> Sequence[tuple[str, str]]:
        """Plugin and address of each page."""
        return self.plugins.pages

    def of_features(self) -> Sequence[Served]:
        """What features answer at addresses of their own."""
        return self.features.served
