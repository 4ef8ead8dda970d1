"""See `tests.client.stories.epochs`."""

from tests.client.stories.epochs import *  # noqa: F403
