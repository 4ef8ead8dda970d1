"""See `tests.client.stories.state`."""

from tests.client.stories.state import *  # noqa: F403
