import json, time
from batching import Router
m=[json.loads(l) for l in open('/tmp/ladder/dyn/moon.jsonl')]
p=json.load(open('/tmp/ladder/dyn/per.json'))
key=lambda a,i,o:(a,i,o)
from collections import defaultdict
by=defaultdict(list)
for x in p: by[(x['arrival_time_ms'],x['input_length'],x['output_length'])].append(x)
rows=[]
for i,x in enumerate(m):
    r=by[(float(x['timestamp']),x['input_length'],x['output_length'])].pop(0)
    rows.append((x,r))
r=Router('dynamo_kv',4,block_size=512)
import heapq
ev=[]
agree=single=0; bad=[]; ov=0
for n,(x,rec) in enumerate(rows):
    at=rec['arrival_time_ms']
    while ev and ev[0][0]<=at:
        t,kind,i,w,ids=heapq.heappop(ev)
        if kind==0: r.stored(w,ids,first=0); r.first_token(i,t/1e3)
        else: r.finished(i,t/1e3)
    ids=[h+1 for h in x['hash_ids'][:x['input_length']//512]]
    allowed,scores=r.explain(n,prompt_length=x['input_length'],hash_ids=ids,time=at/1e3)
    w=rec['decode_worker_idx']
    ok=w in allowed
    agree+=ok; single+=len(allowed)==1
    if not ok: bad.append((n,at,w,allowed,scores))
    r.book(n,w,prompt_length=x['input_length'],hash_ids=ids,time=at/1e3)
    heapq.heappush(ev,(rec['first_token_ms'],0,n,w,ids)); heapq.heappush(ev,(rec['last_token_ms'],1,n,w,ids))
print(agree,single,len(rows),bad[:3])
