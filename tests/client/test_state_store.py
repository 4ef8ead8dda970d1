"""See `tests.client.stories.state_store`."""

from tests.client.stories.state_store import *  # noqa: F403
