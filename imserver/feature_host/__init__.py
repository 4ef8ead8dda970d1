"""Feature host: the features of one server, and the door between their handlers and the kernel."""

from imserver.feature_host.askers import Askers
from imserver.feature_host.host import FeatureHost
from imserver.feature_host.offers import Offer, Offers

__all__ = ["Askers", "FeatureHost", "Offer", "Offers"]
