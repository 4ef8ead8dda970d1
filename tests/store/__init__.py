"""Tests of `imserver.store`: the contract that every store keeps, and what is SQLite's own."""
