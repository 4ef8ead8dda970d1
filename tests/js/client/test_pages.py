"""See `tests.client.stories.pages`."""

from tests.client.stories.pages import *  # noqa: F403
