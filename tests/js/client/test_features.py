"""See `tests.client.test_features`."""

from tests.client.test_features import *  # noqa: F403
