"""See `tests.client.stories.posting`."""

from tests.client.stories.posting import *  # noqa: F403
