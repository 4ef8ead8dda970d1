"""See `tests.client.test_states`."""

from tests.client.test_states import *  # noqa: F403
