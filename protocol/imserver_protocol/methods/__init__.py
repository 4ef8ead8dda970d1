"""Methods, pushes and signals: what each says, as shapes without a function (SPEC, "Methods", "Pushes and signals").

A server connects handlers to them, a client its callers. A module is either the kernel's, and its descriptors stand in the
tuples below for tools and tests that go through all of them; or it is that of the feature of its name, which registers them.
"""

from typing import Any, Final

from .abandon import ABANDON
from .changes import CHANGES
from .check import CHECK
from .conversations import CONVERSATIONS
from .cursor import CURSOR, CURSOR_MOVED
from .descriptors import Method, Push
from .history import HISTORY
from .lagging import LAGGING
from .members import ADD, CREATE, LEAVE, MEMBERS, REMOVE
from .post import MESSAGE, POST
from .renew import RENEW
from .state import ABOUT, ACCOUNT, ITEM, SETTINGS
from .sync import SYNC
from .users import USERS

METHODS: Final[tuple[Method[Any, Any], ...]] = (
    POST,
    ABANDON,
    HISTORY,
    SYNC,
    CURSOR,
    CONVERSATIONS,
    CREATE,
    ADD,
    REMOVE,
    LEAVE,
    MEMBERS,
    USERS,
    RENEW,
    CHECK,
    CHANGES,
)
PUSHES: Final[tuple[Push[Any], ...]] = (MESSAGE, CURSOR_MOVED, LAGGING, ITEM, ABOUT, SETTINGS, ACCOUNT)
