"""See `tests.client.stories.storage`."""

from tests.client.stories.storage import *  # noqa: F403
