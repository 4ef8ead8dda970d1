"""See `tests.client.stories.hostile_pages`."""

from tests.client.stories.hostile_pages import *  # noqa: F403
