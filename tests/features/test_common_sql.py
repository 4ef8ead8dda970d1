"""The SQL of features is in the common subset, as that of plugins: SQLite and PostgreSQL both take it, and for the same."""

from __future__ import annotations

import importlib
import sqlite3
from pathlib import Path

import pytest

from imserver.feature_api import Feature
from imserver.features import FEATURES
from imserver.store.sqlite.plugin_sandbox import statements
from tests.plugins.common_sql import faults
from tests.plugins.sql_of_plugins import Written, written_under

#: The views, as far as a parser looks.
VIEWS = """
CREATE TABLE readable (
    user_no INTEGER, place INTEGER, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (user_no, place)
);
CREATE TABLE said (
    place INTEGER, position INTEGER, change INTEGER NOT NULL, sender_no INTEGER NOT NULL, sent_at INTEGER NOT NULL,
    PRIMARY KEY (place, position)
);
CREATE TABLE people (user_no INTEGER PRIMARY KEY, user_id TEXT NOT NULL, kind TEXT NOT NULL);
"""


def written(feature: Feature) -> list[Written]:
    """All SQL in the feature's source."""
    module = importlib.import_module(f"imserver.features.{feature.name}")
    return written_under(Path(str(module.__file__)).parent)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_migrations_and_statements_are_in_the_subset(feature: Feature) -> None:
    tables = sqlite3.connect(":memory:", isolation_level=None)
    tables.executescript(VIEWS)
    found: list[str] = []
    for number, script in feature.migrations:
        for statement in filter(lambda text: text.strip("\n ;"), statements(script)):
            found += [f"migration {number}: {fault}" for fault in faults(statement, tables)]
            tables.execute(statement)
    for text in written(feature):
        assert text.is_statement, f"{text}: put together when it runs; write it as one text"
        assert text.constant is not None, f"{text}: put together when it runs; write it as one text"
        found += [f"{text}\n    {fault}" for fault in faults(text.constant, tables)]
    assert found == []
    tables.close()
    assert bool(feature.migrations) == bool(written(feature))
