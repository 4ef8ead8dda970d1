"""The method table of a server with all its features."""

from __future__ import annotations

from imserver import Server

METHOD_TABLE = Server().methods
METHOD_ROWS = tuple(METHOD_TABLE.values())
