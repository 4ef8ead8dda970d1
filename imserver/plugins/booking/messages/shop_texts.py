"""What stays fixed while the plugin runs: the chain of shops, the texts, and the readers of typed text."""

from __future__ import annotations

from dataclasses import dataclass

from imserver.plugins.booking.schedule.appointments import Appointment
from imserver.plugins.booking.schedule.shops import Chain, Shop
from imserver.plugins.booking.understanding.alarms import RedFlags
from imserver.plugins.booking.understanding.lexicon import Lexicon

from .texts import Catalogue, Words


@dataclass(frozen=True, slots=True)
class ShopTexts:
    """The chain, the texts and the readers; fixed while the plugin runs."""

    chain: Chain
    catalogue: Catalogue
    lexicon: Lexicon
    red_flags: RedFlags

    @classmethod
    def of(cls, chain: Chain) -> ShopTexts:
        return cls(chain, Catalogue(chain), Lexicon(chain), RedFlags())

    def staff_words(self, shop: Shop) -> Words:
        return self.catalogue.words(self.chain.staff_language, shop)

    def shop_of(self, appointment: Appointment) -> Shop:
        """The appointment's shop. Raises KeyError for a shop that left the chain file."""
        shop = self.chain.shop(appointment.store_id)
        if shop is None:
            raise KeyError(f"store {appointment.store_id!r} is not in the chain file")
        return shop
