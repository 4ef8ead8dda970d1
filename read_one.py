import sys, datetime as dt
from imserver.plugins.booking.understanding.reader import understand
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.acts import *
from imserver.plugins.booking.schedule.shops import load_chain
lex=Lexicon(load_chain('demo'))
def rd(text, now="2026-11-18T10:00", step="", shown=None, day_said=None):
    s=Scene(now=dt.datetime.fromisoformat(now), zone="Asia/Shanghai", shop="garden", step=step, shown=Shown(shown.date(),shown,step.startswith('confirm')) if shown else Shown(), day_said=day_said)
    r=understand(text,s,lex)
    print(">>",text,"|",step); 
    for a in r.acts: print("    ",a.kind.value,a.what,a.value)
    for x in r.rest: print("     rest",x.text,x.weight.value,x.in_clause)
    print("     when",r.when, r.people)
if __name__=="__main__":
    for t in sys.argv[1:]:
        step,_,t=t.rpartition(':') if t[:2] in('n:','c:','s:','d:','a:') else ('','',t)
        step={'n':'name','c':'confirm','s':'slot','d':'day','a':'age','':''}[step]
        rd(t,step=step,shown=dt.datetime(2026,11,20,15,0) if step=='confirm' else None)
