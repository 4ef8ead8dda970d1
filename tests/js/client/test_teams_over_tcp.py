"""See `tests.client.test_teams_over_tcp`."""

from tests.client.test_teams_over_tcp import *  # noqa: F403
