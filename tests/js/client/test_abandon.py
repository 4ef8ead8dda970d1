"""See `tests.client.stories.abandon`."""

from tests.client.stories.abandon import *  # noqa: F403
