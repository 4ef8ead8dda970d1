"""See `tests.client.test_retracted`."""

from tests.client.test_retracted import *  # noqa: F403
