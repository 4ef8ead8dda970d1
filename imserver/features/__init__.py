"""The features that a server has unless it is told otherwise, one line each. None knows another (docs/first-feature.md)."""

from imserver.feature_api import Feature


class _Features:
    """Those of this distribution, in the order in which WELCOME names them."""

    # ruff: isort: off
    from imserver.features.edits import FEATURE as EDITS
    from imserver.features.typing import FEATURE as TYPING


FEATURES = tuple(feature for feature in vars(_Features).values() if isinstance(feature, Feature))
