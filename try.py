import asyncio, sys
from tests.booking.support.shop import *
async def main(texts):
    async with Shop() as shop:
        here = await shop.customer("ming")
        for t in texts:
            print(">>", t)
            for one in await shop.say("ming", here, t): print("   ", one.conversation_id[-12:], shown(one).replace("\n","\n      "))
        print(await shop.appointments(), await shop.appointments('held'))
asyncio.run(main(sys.argv[1:]))
