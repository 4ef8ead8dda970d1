"""lagging: the server left pushes out, and the client has to read what it missed (SPEC, "Lagging")."""

from __future__ import annotations

from .descriptors import Push, Shape


class LaggingPush(Shape, frozen=True):
    """Says only that."""


LAGGING = Push("lagging", LaggingPush)
