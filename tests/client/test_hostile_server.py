"""See `tests.client.stories.hostile_server`."""

from tests.client.stories.hostile_server import *  # noqa: F403
