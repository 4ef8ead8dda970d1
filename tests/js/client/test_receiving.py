"""See `tests.client.stories.receiving`."""

from tests.client.stories.receiving import *  # noqa: F403
