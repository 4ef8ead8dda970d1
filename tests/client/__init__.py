"""Tests of imserver_client, on plain asyncio and on uvloop."""
