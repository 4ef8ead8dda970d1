"""See `tests.client.stories.violations`."""

from tests.client.stories.violations import *  # noqa: F403
