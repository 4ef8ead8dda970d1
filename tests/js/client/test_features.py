"""See `tests.client.stories.features`."""

from tests.client.stories.features import *  # noqa: F403
