"""The driver of the Python client with one fault planted: `python -m tests.conformance.sabotaged_driver NAME`."""

from __future__ import annotations

import asyncio
import sys

from tests.conformance.drivers import load_driver
from tests.conformance.sabotages import SABOTAGES

if __name__ == "__main__":
    SABOTAGES[sys.argv[1]].plant()
    asyncio.run(load_driver().drive())
