"""See `tests.client.stories.teams_over_tcp`."""

from tests.client.stories.teams_over_tcp import *  # noqa: F403
