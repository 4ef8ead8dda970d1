"""See `tests.client.test_pages`."""

from tests.client.test_pages import *  # noqa: F403
