"""See `tests.client.test_delays`."""

from tests.client.test_delays import *  # noqa: F403
