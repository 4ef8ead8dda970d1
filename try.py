import asyncio, sys
from datetime import datetime
from zoneinfo import ZoneInfo
from tests.booking.support.shop import *
async def main(args):
    now=NOW
    if args and args[0].startswith('@'): now=datetime.fromisoformat(args[0][1:]).replace(tzinfo=ZoneInfo('Asia/Shanghai')); args=args[1:]
    async with Shop(now) as shop:
        here = await shop.customer("ming"); names={here:'here'}
        for t in args:
            where=here; user='ming'
            if t.startswith('D:'): where=shop.kit.direct('ming', GARDEN); t=t[2:]
            if t.startswith('E:'): where=shop.kit.direct('ming', ENTRY); t=t[2:]
            if t.startswith('S:'): user='staff-li'; t=t[2:]
            if t.startswith('G:'): user='staff-li'; where=await shop.staff_group(); t=t[2:]
            print(">>", user, names.get(where,where), t)
            said = await shop.advance(float(t[1:])) if t[0]=='+' else await shop.say(user, where, t)
            for one in said:
                txt=shown(one).split('\n'); txt=[x for x in txt if not any(k in x for k in('地图','停车:','电话:','地址:')) and not x[:2] in ('1.','2.','3.','4.','5.','6.','7.','8.','9.')]
                print("   ", (names.get(one.conversation_id,one.conversation_id))[-8:],'|', "\n             ".join(txt[:14]))
        print(await shop.appointments(), await shop.appointments('held'), await shop.sql('select code,status,store_id,for_name,person,note from booking_appointments'))
asyncio.run(main(sys.argv[1:]))
