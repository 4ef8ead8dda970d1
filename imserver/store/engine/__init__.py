"""What every engine shares: the queue, the policy of batches, the rules of a write, places and lineage. It knows no database.

A second engine is written from these, and stands beside `imserver/store/sqlite`:

- `Store` (`imserver.chat.ports`): opens and closes the database; hands `Writer` a function that runs `Batches` where the
  connection lives, and calls back on the loop.
- `Engine` (`batch`): begin, commit, savepoints, and what kind of fault an error is.
- The row operations at the end of `RuledTransaction` (`transaction`); and what has no rules: accounts, and what plugins ask of
  `imserver.chat.transaction.Transaction`.
- `Reader` (`imserver.chat.transaction`), with `pages`, `places` and `lineage`; each read in a snapshot of its own.
- `Rows` (`imserver/store/checks/check_run.py`), and with it a `Snapshot`, for `imserver check`.

Beside rows of messages, members and accounts a database keeps: the epoch, the key of `Places`, the runs of its `Lineage`, the
last change that was given out, plugins' migrations, cursors, timers and failures.

The tests in `tests/store` whose first line begins with "Contract" say what it has to do, each rule by its name. They ask a
`Home` (`tests/store/homes.py`) for stores; an engine outside of this tree is tried with `IMSERVER_TEST_ENGINE=module:Home`.
Beside them the properties in `test_twins.py` and `test_twin_life.py` hold it against the model. What no test of one process can
see is here and in the ports alone: that a commit is on the disk.
"""
