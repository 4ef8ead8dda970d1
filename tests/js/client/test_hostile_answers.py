"""See `tests.client.stories.hostile_answers`."""

from tests.client.stories.hostile_answers import *  # noqa: F403
