"""See `tests.client.test_bounds`."""

from tests.client.test_bounds import *  # noqa: F403
