"""Shared parts of the client tests."""
