"""See `tests.client.stories.older_copies`."""

from tests.client.stories.older_copies import *  # noqa: F403
