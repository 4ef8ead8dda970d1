"""See `tests.client.test_older_copies`."""

from tests.client.test_older_copies import *  # noqa: F403
