"""See `tests.client.stories.delays`."""

from tests.client.stories.delays import *  # noqa: F403
