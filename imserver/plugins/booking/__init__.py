"""The booking plugin: eye-exam appointments inside the chat window (docs/booking.md)."""

from .plugin import BookingPlugin

#: What the entry point names: called once for each server.
plugin = BookingPlugin

__all__ = ["plugin"]
