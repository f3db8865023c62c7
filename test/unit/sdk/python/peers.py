"""Calls each worker that breaks the direct path twice, all at once; prints how the calls ended."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import gleaner

OUTCOMES = {"LEASE_LOST": "lost", "DEADLINE": "late", "FAILED": "invalid"}


def call(lease, limit_s):
    try:
        return "unreached" if lease.invoke(1, timeout=limit_s) == "over gleanerd" else "result"
    except (gleaner.GleanerError, gleaner.CallError) as error:
        return OUTCOMES.get(error.code, f"{error.code}: {error.message}")
    except Exception as error:
        return repr(error)


def meet(site, number, limit_ms):
    with site.lease(f"peer-{number}", retry="never") as lease:
        first = call(lease, limit_ms / 1000)
        return [first] if first == "unreached" else [first, call(lease, limit_ms / 1000)]


limits = json.loads(sys.argv[1])
with gleaner.connect() as site, ThreadPoolExecutor(len(limits)) as threads:
    ends = threads.map(lambda each: meet(site, *each), enumerate(limits))
    print(json.dumps(list(ends)))
