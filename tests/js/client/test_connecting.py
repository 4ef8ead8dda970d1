"""See `tests.client.stories.connecting`."""

from tests.client.stories.connecting import *  # noqa: F403
