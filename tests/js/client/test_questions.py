"""See `tests.client.stories.questions`."""

from tests.client.stories.questions import *  # noqa: F403
