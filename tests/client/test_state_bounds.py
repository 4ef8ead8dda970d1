"""See `tests.client.stories.state_bounds`."""

from tests.client.stories.state_bounds import *  # noqa: F403
