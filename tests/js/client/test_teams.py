"""See `tests.client.test_teams`."""

from tests.client.test_teams import *  # noqa: F403
