"""Tests of imserver_client, on plain asyncio and on uvloop."""

import pytest

# Else their assertions would fail without saying what was compared.
pytest.register_assert_rewrite("tests.client.stories")
