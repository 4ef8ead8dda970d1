"""Guests: how many accounts strangers may make. What is too much is confirmed by staff; only a flood is sent away.

Carriers put thousands of people behind one address, so an address is never shut out: above a soft limit, counted for each shop,
its guests are marked `crowded`, and whoever decides (a shop) looks at them first. The hard bounds keep a flood from filling the
disk. All of it is counted in memory: a restart begins anew, and no address is ever written down.
"""

from __future__ import annotations

from imserver.chat.rates import Rates
from imserver.clock import Clock
from imserver.config import HttpConfig
from imserver.errors import Refusal, RefusalCode
from imserver.networks import IPV6_SITE_BITS, counted_as

#: Roles of an account that a stranger made, and of one that was made above the soft limit.
GUEST, CROWDED = "guest", "crowded"
#: Of one address at all shops together, as many times as at one of them.
SHOPS_OF_AN_ADDRESS = 5
#: The share of all guests of an hour that one address (of IPv6: one /48) may be.
SHARE_OF_AN_ADDRESS = 4
HOUR_S, DAY_S = 3600.0, 86_400.0


class GuestLimits:
    """Whether one more guest may come, and as what."""

    def __init__(self, config: HttpConfig, clock: Clock) -> None:
        few, many = config.guests_per_address, config.guests_per_hour
        of_address = max(1, many // SHARE_OF_AN_ADDRESS)
        of_shops = few * SHOPS_OF_AN_ADDRESS
        self._allowed = config.guests
        self._of_all = Rates(many / HOUR_S, many, clock)
        self._of_address = Rates(of_address / HOUR_S, of_address, clock)
        self._of_shop = Rates(few / DAY_S, few, clock)
        self._of_shops = Rates(of_shops / DAY_S, of_shops, clock)

    def admit(self, address: str, shop: str) -> tuple[str, ...]:
        """The roles of one more guest from this address. FORBIDDEN where there are no guests; RATE_LIMITED in a flood."""
        if not self._allowed:
            raise Refusal(RefusalCode.FORBIDDEN, "guests are not let in here: [http] guests")
        network = counted_as(address)  # None: who comes by a Unix socket has no address
        # The hard share is that of a whole /48: with 65,536 networks of one's own all others could be kept out for good.
        site = counted_as(address, IPV6_SITE_BITS)
        wait_s = self._of_address.take(site) if site is not None else 0.0
        wait_s = wait_s or self._of_all.take("")
        if wait_s:
            text = "too many people came at once; please try again in a moment"
            raise Refusal(RefusalCode.RATE_LIMITED, text, retry_after_ms=int(wait_s * 1000) + 1)
        if network is None:
            return (GUEST,)
        of_shop, of_shops = self._of_shop.take(f"{network} {shop}"), self._of_shops.take(network)
        return (GUEST, CROWDED) if of_shop or of_shops else (GUEST,)
