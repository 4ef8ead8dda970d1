"""See `tests.client.test_receiving`."""

from tests.client.test_receiving import *  # noqa: F403
