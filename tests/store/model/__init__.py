"""The model: what the store has to do, in the plainest way, for tests to hold the product against.

It does units strictly one after another in the order of submission, each on a draft of the world that takes the world's
place if the unit does not fail. Of `imserver.store` it has sealed places and the lineage behind them alone, which are pure and
have tests of their own, as permissions have: an oracle with the product's batches, or its rules of a write, would share their
faults.

Of plugins it has timers and cursors; their SQL is the product's alone.
"""

from tests.store.model.reader import ModelReader
from tests.store.model.store import ModelStore
from tests.store.model.transaction import ModelTransaction
from tests.store.model.world import World

__all__ = ["ModelReader", "ModelStore", "ModelTransaction", "World"]
