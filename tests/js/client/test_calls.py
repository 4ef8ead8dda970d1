"""See `tests.client.stories.calls`."""

from tests.client.stories.calls import *  # noqa: F403
