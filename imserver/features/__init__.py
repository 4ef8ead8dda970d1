"""The features that a server has unless it is told otherwise, one line each. None knows another (docs/first-feature.md)."""

from importlib import import_module

from imserver.feature_api import Feature

NAMES = (
    "blocks",
    "edits",
    "reactions",
    "typing",
)

#: Each is `FEATURE` of the package of its name.
FEATURES: tuple[Feature, ...] = tuple(import_module(f"{__name__}.{name}").FEATURE for name in NAMES)
