"""What every engine shares: the queue, the policy of batches, the rules of a write, places and lineage. It knows no database.

A second engine is written from these, and stands beside `imserver/store/sqlite`:

- `Store` (`imserver.chat.ports`): opens and closes the database; hands `Writer` a function that runs `Batches` where the
  connection lives, and calls back on the loop.
- `Engine` (`batch`): begin, commit, savepoints, and what kind of fault an error is.
- The row operations at the end of `RuledTransaction` (`transaction`), and what plugins ask of `imserver.chat.transaction`.
- `Reader` (`imserver.chat.transaction`), with `pages`, `places` and `lineage`.
- The port of checks (`imserver/store/checks/snapshot.py`): `Rows`, and a reader for plugins' checks.

The tests in `tests/store` whose first line begins with "Contract" say what it has to do, each rule by its name; the engine
gets a row in `tests/store/conftest.py`. Beside them the properties in `test_twins.py` and `test_twin_life.py` hold it
against the model.
"""
