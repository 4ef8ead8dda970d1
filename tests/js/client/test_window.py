"""See `tests.client.stories.window`."""

from tests.client.stories.window import *  # noqa: F403
