"""What a shop asks its customers to agree to: its own text, or the one that ships."""

from __future__ import annotations

from imserver.plugins.booking.schedule.shops import ConsentText, Shop

from .texts import Catalogue

#: Of the text that ships (`[consent] text` of the words): other words need another one.
SHIPPED = "shipped-1"


def consent_of(catalogue: Catalogue, shop: Shop) -> ConsentText | None:
    """The text in both languages, and its version; None if the shop asks for nothing."""
    if not shop.asks_consent:
        return None
    if shop.consent is not None:
        return shop.consent
    texts = {
        language: catalogue.words(language, shop)("consent.text", store=shop.names.in_language(language))
        for language in ("zh", "en")
    }
    return ConsentText(SHIPPED, texts["zh"], texts["en"])
