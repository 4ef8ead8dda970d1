"""See `tests.client.test_posting`."""

from tests.client.test_posting import *  # noqa: F403
