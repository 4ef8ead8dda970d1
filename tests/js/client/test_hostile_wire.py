"""See `tests.client.test_hostile_wire`."""

from tests.client.test_hostile_wire import *  # noqa: F403
