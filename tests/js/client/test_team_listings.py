"""See `tests.client.stories.team_listings`."""

from tests.client.stories.team_listings import *  # noqa: F403
