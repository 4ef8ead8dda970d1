"""Applications that embed a server, as their authors would write them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import warnings
from typing import Any

import structlog


def surroundings() -> dict[str, Any]:
    """Everything of the process that a guest has to leave alone."""
    root, loop = logging.getLogger(), asyncio.get_running_loop()
    ours = [logging.getLogger(name) for name in sorted(logging.root.manager.loggerDict) if "imserver" in name]
    # A NullHandler shows nothing: a library adds one to its own logger when it is imported.
    shown = {
        log.name: [each for each in log.handlers if not isinstance(each, logging.NullHandler)] for log in ours
    }
    return {
        "signal handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "signal mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "root logger": (
            root.level,
            root.disabled,
            list(root.handlers),
            list(root.filters),
            logging.root.manager.disable,
        ),
        "loggers' handlers": [
            (log.name, shown[log.name], log.level) for log in ours if shown[log.name] or log.level
        ],
        "logger class": logging.getLoggerClass(),
        "record factory": logging.getLogRecordFactory(),
        "structlog": structlog.is_configured(),
        "loop policy": asyncio.get_event_loop_policy(),
        "loop": (loop, loop.get_debug(), loop.get_exception_handler(), loop.get_task_factory()),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "warnings": list(warnings.filters),
        "environment": dict(os.environ) | {"PYTEST_CURRENT_TEST": ""},
        "folder": os.getcwd(),
        "umask": _umask(),
        "threads": {
            thread.name for thread in threading.enumerate() if thread.is_alive() and not thread.daemon
        },
        "tasks": asyncio.all_tasks(),
    }


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
