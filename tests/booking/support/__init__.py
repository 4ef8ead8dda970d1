"""Shared parts of the booking tests."""
