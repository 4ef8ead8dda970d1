"""See `tests.client.test_storage`."""

from tests.client.test_storage import *  # noqa: F403
