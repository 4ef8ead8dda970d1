"""See `tests.client.test_questions`."""

from tests.client.test_questions import *  # noqa: F403
