"""The driver of the Python client, far away from the judge: what a server sends is heard FAR_S later."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import imserver_client as ims
from imserver_client.address import Address
from imserver_client.environment import open_transport
from tests.conformance.drivers import load_driver

FAR_S = 0.03
DRIVER: Any = load_driver()


def far(protocol: asyncio.Protocol) -> asyncio.Protocol:
    loop, receive = asyncio.get_running_loop(), protocol.data_received
    vars(protocol)["data_received"] = lambda data: loop.call_later(FAR_S, receive, data)
    return protocol


async def open_far(
    address: Address, tls: ssl.SSLContext | None, factory: Callable[[], asyncio.Protocol]
) -> None:
    await open_transport(address, tls, lambda: far(factory()))


if __name__ == "__main__":
    asyncio.run(DRIVER.drive(lambda name: DRIVER.Driven(name, ims.Environment(open_transport=open_far))))
