"""See `tests.client.stories.people_in_older_copies`."""

from tests.client.stories.people_in_older_copies import *  # noqa: F403
