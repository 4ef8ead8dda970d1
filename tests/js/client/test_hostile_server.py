"""See `tests.client.test_hostile_server`."""

from tests.client.test_hostile_server import *  # noqa: F403
