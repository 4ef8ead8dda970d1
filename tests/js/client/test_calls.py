"""See `tests.client.test_calls`."""

from tests.client.test_calls import *  # noqa: F403
