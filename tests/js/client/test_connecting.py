"""See `tests.client.test_connecting`."""

from tests.client.test_connecting import *  # noqa: F403
