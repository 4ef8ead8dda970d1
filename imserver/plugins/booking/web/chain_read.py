"""The shops as pages show them: names, where they are, when they open, what can be booked there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from imserver.plugins.booking.messages.consent_text import consent_of
from imserver.plugins.booking.messages.texts import LANGUAGES, Words
from imserver.plugins.booking.schedule.hours import opening_spans, shop_spans, wall_of, zone_of
from imserver.plugins.booking.schedule.shops import Chain, Pair, Service, Shop, minutes_of

from .chains import Served
from .days import longest, today

#: Days whose opening hours a page shows.
HOURS_DAYS = 7


def chain_of(served: Served, now_ms: int) -> dict[str, Any]:
    """The answer to `GET /x/booking/chain`."""
    chain = served.chain
    return {
        "name": _pair(chain.names),
        "bot": chain.bot,
        "shops": [_shop(served, shop, now_ms) for shop in chain.stores],
        "ages": [{"id": band.id, "name": _pair(band.names)} for band in chain.age_bands],
        "notice": None,
    }


def _shop(served: Served, shop: Shop, now_ms: int) -> dict[str, Any]:
    def both(say: Callable[[Words], str]) -> dict[str, str]:
        return {language: say(served.catalogue.words(language, shop)) for language in LANGUAGES}

    services = served.chain.services_of(shop)
    return {
        "id": shop.id,
        "bot": shop.bot,
        "name": _pair(shop.names),
        "address": _pair(shop.address),
        "map": shop.map_link or None,
        "phone": shop.phone or None,
        "zone": shop.zone,
        "languages": list(LANGUAGES),
        "today": today(shop, now_ms).isoformat(),
        "horizonDays": shop.horizon_days,
        "open": _open(shop, now_ms, both),
        "services": [
            _service(served.chain, shop, one, usual=index == 0) for index, one in enumerate(services)
        ],
        "confirmation": shop.confirmation,
        "cutoffMinutes": shop.cutoff_min,
        "consent": _consent(served, shop),
        "info": {
            "parking": _pair(shop.parking) if shop.parking is not None else None,
            "hours": _hours(shop, now_ms),
            "needsIdCard": shop.needs_id_card,
        },
    }


def _consent(served: Served, shop: Shop) -> dict[str, Any] | None:
    asked = consent_of(served.catalogue, shop)
    return None if asked is None else {"version": asked.version, "text": {"zh": asked.zh, "en": asked.en}}


def _service(chain: Chain, shop: Shop, service: Service, *, usual: bool) -> dict[str, Any]:
    """`usual`: the first one of the shop, which most people want. `minutes`: for somebody of whom nothing is known. `fits`:
    what it becomes by age band: the service, and its length at a first visit and at a later one."""
    return {
        "id": service.id,
        "name": _pair(service.names),
        "minutes": longest(service),
        "usual": usual,
        "asksAge": service.asks_age and not service.age_band,
        "asksFirstVisit": service.asks_first_visit,
        "fits": {band.id: _fit(chain, shop, service, band.id) for band in chain.age_bands}
        if service.asks_age and not service.age_band
        else {},
    }


def _fit(chain: Chain, shop: Shop, service: Service, band: str) -> dict[str, Any]:
    own = chain.service_for_band(service, band)
    own = own if shop.offers(own) else service
    return {
        "service": own.id,
        "first": minutes_of(own, band, own.asks_first_visit),
        "later": minutes_of(own, band, False),
    }


def _open(
    shop: Shop, now_ms: int, both: Callable[[Callable[[Words], str]], dict[str, str]]
) -> dict[str, Any]:
    zone = zone_of(shop)
    opens, closes = next(opening_spans(shop, now_ms), (None, None))
    if opens is None or closes is None:
        return {"now": False, "text": both(lambda words: words("page.closed"))}
    is_open = opens <= now_ms
    wall = wall_of(closes if is_open else opens, zone)
    key = "page.open_until" if is_open else "page.opens"
    day = today(shop, now_ms)
    return {
        "now": is_open,
        "text": both(
            lambda words: words(key, when=f"{wall:%H:%M}" if is_open else words.relative(wall, day))
        ),
    }


def _hours(shop: Shop, now_ms: int) -> list[dict[str, Any]]:
    """The next days, as spans on the shop's clock."""
    first = today(shop, now_ms)
    days = [first + timedelta(days=ahead) for ahead in range(HOURS_DAYS)]
    return [
        {"day": day.isoformat(), "spans": [f"{_clock(a)}-{_clock(b)}" for a, b in shop_spans(shop, day)]}
        for day in days
    ]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _pair(pair: Pair) -> dict[str, str]:
    return {"zh": pair.zh, "en": pair.en}
