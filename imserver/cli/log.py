"""The log of our own process: structured lines on standard error, as JSON or for people.

Only commands call this: an embedded server leaves logging to its host. The rule is that no code logs contents or tokens; two
last defences stand here: fields with secret names are withheld, and text from outside cannot move a terminal's cursor, turn
its direction or begin a new line.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from functools import partial
from typing import Any, TextIO

import structlog

from imserver.config import LogConfig

from .log_writer import LogWriter
from .sanitize import escaped

STANDARD_ERROR = 2
#: Fields whose values are never logged.
WITHHELD_FIELDS = frozenset(
    {"authorization", "content", "password", "resume_token", "secret", "text", "token", "tokens"}
)
WITHHELD = "(withheld)"
#: A JSON Web Token anywhere in a value: three base64url parts, the first of which begins a JSON object.
_TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*")
#: How a line says its level to systemd's journal (sd-daemon(3)).
JOURNAL_LEVELS = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
#: Longest value in a log line; a peer chooses the length of many of them.
MAX_VALUE_CHARS = 2000
#: A traceback is longer, and its lines are ours.
MAX_TRACEBACK_CHARS = 20_000


class Level:
    """The level of a log that is set up, for everybody who has a logger of it: they share a class, and it changes what that
    does. A line below the level costs a call that does nothing, as if it had been so from the start."""

    def __init__(self) -> None:
        self._shared: type[Any] = type(
            "OurLogger", (structlog.make_filtering_bound_logger(logging.DEBUG),), {}
        )

    @property
    def wrapper(self) -> type[Any]:
        """The class of all loggers."""
        return self._shared

    def show(self, name: str) -> None:
        """Show lines of this level and above from now on: `debug`, `info`, `warning`, `error`."""
        level = logging.getLevelNamesMapping()[name.upper()]
        for attribute, method in vars(structlog.make_filtering_bound_logger(level)).items():
            if not attribute.startswith("__"):
                setattr(self._shared, attribute, method)
        # Libraries' chatter is not ours to show.
        logging.getLogger().setLevel(max(level, logging.WARNING))


def set_up_log(
    config: LogConfig, stream: TextIO | LogWriter | None = None, level: Level | None = None
) -> Any:
    """Make this process log to `stream` (standard error), and return the logger to hand to the server. `level` changes it
    later.

    The standard library's loggers (asyncio, plugins' libraries, warnings) go the same way. A `LogWriter` tells in this form of
    the lines that it had to drop.
    """
    target = stream or sys.stderr
    level = level or Level()
    pretty = config.format == "console" or (config.format == "auto" and target.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        guard,
    ]
    renderer = _for_people(target) if pretty else _JsonLines(in_journal=is_journal())
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level.show(config.level)
    logging.captureWarnings(True)
    if isinstance(target, LogWriter):
        told = io.StringIO()
        own = structlog.wrap_logger(_Lines(told), processors=[*shared, renderer])
        target.dropped_line = partial(_dropped_line, own, told)
    return structlog.wrap_logger(
        _Lines(target),
        processors=[*shared, renderer],
        wrapper_class=level.wrapper,
        cache_logger_on_first_use=True,
    )


def _for_people(target: TextIO | LogWriter) -> Any:
    # Only where somebody looks: it measures text, which costs an import.
    from .log_lines import ConsoleLines, terminal_cells

    is_terminal = target.isatty()
    colors = is_terminal and not os.environ.get("NO_COLOR")
    return ConsoleLines(lambda: terminal_cells(STANDARD_ERROR) if is_terminal else 0, colors=colors)


class _JsonLines:
    """structlog's last processor: what happened stands first, where a tool that cuts long lines (`systemctl status`) shows it,
    and the time last: such a tool has its own. The journal reads the level from a mark before the line."""

    def __init__(self, *, in_journal: bool) -> None:
        self._json: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
        self._in_journal = in_journal

    def __call__(self, logger: Any, method: str, fields: MutableMapping[str, Any]) -> str:
        event, level, time = (fields.pop(name, "") for name in ("event", "level", "timestamp"))
        line: str = self._json(logger, method, {"event": event, "level": level, **fields, "timestamp": time})
        return f"{journal_mark(level)}{line}" if self._in_journal else line


def is_journal() -> bool:
    """Whether standard error is systemd's journal."""
    try:
        found = os.fstat(STANDARD_ERROR)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def journal_mark(level: str) -> str:
    return f"<{JOURNAL_LEVELS.get(level, JOURNAL_LEVELS['info'])}>"


class _Lines:
    """Where structlog puts a finished line: into the stream, in one call."""

    def __init__(self, stream: TextIO | LogWriter) -> None:
        self._write = stream.write

    def msg(self, line: str) -> None:
        self._write(line + "\n")

    debug = info = warning = error = critical = exception = msg


def _dropped_line(log: Any, told: io.StringIO, count: int) -> str:
    told.seek(0)
    told.truncate()
    log.warning("lines_dropped", count=count)
    return told.getvalue()


def guard(_logger: Any, _method: str, event: Any) -> Any:
    """The last processor before the renderer: withhold secrets, escape what could harm a terminal, cut what is long."""
    for name, value in event.items():
        if name.startswith("_"):  # structlog's own record
            continue
        if name in WITHHELD_FIELDS:
            event[name] = WITHHELD
        elif name == "exception":
            event[name] = _harmless(str(value), MAX_TRACEBACK_CHARS, keep="\n")
        else:
            event[name] = _guarded(value)
    return event


def _guarded(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < 3 and isinstance(value, Mapping):
        return {
            str(name): WITHHELD if name in WITHHELD_FIELDS else _guarded(inner, depth + 1)
            for name, inner in value.items()
        }
    if depth < 3 and isinstance(value, list | tuple | set | frozenset):
        return [_guarded(inner, depth + 1) for inner in value]
    return _harmless(value if isinstance(value, str) else str(value), MAX_VALUE_CHARS)


def _harmless(text: str, room: int, keep: str = "") -> str:
    shown = _TOKEN.sub(WITHHELD, text[: room * 2])
    if len(shown) > room:
        shown = shown[:room] + "…"
    return escaped(shown, keep)
