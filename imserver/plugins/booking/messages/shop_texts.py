"""What stays fixed while the plugin runs: the chain of shops, the texts, and the readers of typed text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from imserver.plugins.booking.schedule.appointments import Appointment
from imserver.plugins.booking.schedule.changes import ChainFile, InEffect
from imserver.plugins.booking.schedule.shops import Chain, Shop
from imserver.plugins.booking.understanding.alarms import RedFlags, shipped_flags
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import prepare

from .texts import Catalogue, Words


@dataclass(frozen=True, slots=True)
class ShopTexts:
    """The chain, the texts and the readers; another object whenever the chain in effect is another."""

    chain: Chain
    catalogue: Catalogue
    lexicon: Lexicon
    red_flags: RedFlags
    #: What the chain is made of: the file, and what was changed by talking. None where nothing can be changed.
    in_effect: InEffect | None = None
    #: How people reach the server's pages; "" if that is not said.
    public_url: str = ""

    @classmethod
    def of(cls, chain: Chain, in_effect: InEffect | None = None, public_url: str = "") -> ShopTexts:
        return cls(chain, Catalogue(chain), _prepared(chain), shipped_flags(), in_effect, public_url)

    @property
    def revision(self) -> int:
        """Of the changes that are laid over the file here."""
        return self.in_effect.revision if self.in_effect is not None else 0

    def is_of(self, file: ChainFile, revision: int) -> bool:
        """Whether this is what is made of that file, with the changes up to that revision."""
        return self.in_effect is not None and self.in_effect.file is file and self.revision == revision

    def staff_words(self, shop: Shop) -> Words:
        return self.catalogue.words(self.chain.staff_language, shop)

    def shop_of(self, appointment: Appointment) -> Shop:
        """The appointment's shop. Raises KeyError for a shop that left the chain file."""
        shop = self.chain.shop(appointment.store_id)
        if shop is None:
            raise KeyError(f"store {appointment.store_id!r} is not in the chain file")
        return shop


@lru_cache(maxsize=1)
def _prepared(chain: Chain) -> Lexicon:
    """The words of a chain, worked out. Kept for the next start in this process, whose chain mostly is the same: a twelfth of a
    simulated run, in which a server starts three times, went into it."""
    lexicon = Lexicon(chain)
    prepare(lexicon)
    return lexicon
