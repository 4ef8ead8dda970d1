"""See `tests.client.stories.teams`."""

from tests.client.stories.teams import *  # noqa: F403
