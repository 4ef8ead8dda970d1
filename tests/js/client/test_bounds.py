"""See `tests.client.stories.bounds`."""

from tests.client.stories.bounds import *  # noqa: F403
