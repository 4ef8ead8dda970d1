"""See `tests.client.test_people_in_older_copies`."""

from tests.client.test_people_in_older_copies import *  # noqa: F403
