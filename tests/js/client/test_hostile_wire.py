"""See `tests.client.stories.hostile_wire`."""

from tests.client.stories.hostile_wire import *  # noqa: F403
