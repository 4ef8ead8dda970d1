"""Settings of our own process; an embedded server leaves all of them to its host."""

from __future__ import annotations

import contextlib
import gc
import sys

from imserver.config import Config
from imserver.net.address_limits import RESERVED_FDS

#: How long a thread may compute while others want to (seconds). With Python's 5 ms a busy event loop makes the writer wait so
#: long at each statement of a commit, and one user's flood delays all posts.
SWITCH_INTERVAL_S = 0.0005
#: When Python looks for circular garbage. The server makes next to none, but thousands of objects a batch that are alive for a
#: moment: with the usual 700 it would look through all sessions again and again, a stall each time.
GC_THRESHOLDS = (50_000, 20, 50)


def settle_process(config: Config) -> None:
    """Let threads switch soon, let the collector run seldom and never scan objects from the start, and `allow_open_files`."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    allow_open_files(config)


def allow_open_files(config: Config) -> None:
    """As many as connections need, if the system permits."""
    with contextlib.suppress(ImportError):  # not on this system
        import resource

        http = config.http.max_connections if config.http is not None else 0
        wanted = config.limits.max_connections + http + RESERVED_FDS
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            with contextlib.suppress(OSError, ValueError):  # no limit here, and one of the system's
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
