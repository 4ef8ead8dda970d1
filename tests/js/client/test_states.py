"""See `tests.client.stories.states`."""

from tests.client.stories.states import *  # noqa: F403
