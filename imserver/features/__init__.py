"""The features that a server has unless it is told otherwise, one line each. None knows another (docs/first-feature.md)."""

from imserver.features import edits, typing

FEATURES = (
    edits.FEATURE,
    typing.FEATURE,
)
