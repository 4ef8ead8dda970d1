"""Feature host: the features of one server, and the door between their handlers and the kernel."""

from imserver.feature_host.host import FeatureHost

__all__ = ["FeatureHost"]
