"""See `tests.client.test_window`."""

from tests.client.test_window import *  # noqa: F403
