"""See `tests.client.stories.retracted`."""

from tests.client.stories.retracted import *  # noqa: F403
