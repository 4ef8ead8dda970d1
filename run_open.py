import asyncio, json, sys, pathlib
from tests.understanding.dialogues import play, verdict
async def main(ids):
    rows=[json.loads(l) for l in open('tests/understanding/open/dialogues.jsonl')]
    from collections import Counter
    c=Counter()
    for r in rows:
        if ids and r['id'] not in ids: continue
        v=verdict(r, await play(r))
        c[v.end]+=1
        if v.end!='right' or ids:
            print(r['id'], v.end, v.reasons, r['note'])
            if ids or '-v' in sys.argv:
                for who,t in v.played.said: print('   ',who,':',t.replace('\n','\n        '))
    print(c)
asyncio.run(main([a for a in sys.argv[1:] if a[0]!='-']))
