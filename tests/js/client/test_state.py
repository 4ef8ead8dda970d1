"""See `tests.client.test_state`."""

from tests.client.test_state import *  # noqa: F403
