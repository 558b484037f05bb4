"""What each part costs for one request: CPU of the gateway and of Redis, bytes between them, bytes an entry takes. The figures that
docs/scaling.md reckons with.

usage: scaling.py, or run.py scaling. Environment: SECS (3) for each load, ROUNDS (3) of them, ENTRIES (100000) for sizes.
"""
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

from migrate import Migration, Redis
from servers import DRIVERS, ROOT, Server, cpu_times, start_upstream, upstream_requests
from wrk_plan import run_wrk

SECS = int(os.environ.get("SECS", 3))
ROUNDS = int(os.environ.get("ROUNDS", 3))
ENTRIES = int(os.environ.get("ENTRIES", 100_000))
SEMANTIC_ASKS = 2_000
NO_FRONT = {"REFLEX_MEMORY_BYTES": "1", "REFLEX_L1_CAPACITY": "1", "REFLEX_MEMORY_REPEATS_BYTES": "0"}
HITS = {"env": {"BODIES": 256, "HEADERS": "sdk"}, "wrk_cpus": "1"}
MISSES = {"env": {"BODIES": 256, "HEADERS": "sdk", "UNIQUE": 1}, "wrk_cpus": "1"}
# name, load, with the shared store, settings
LOADS = [("hit, bytes seen before", HITS, False, {}),
         ("hit, in memory", HITS, False, {"REFLEX_MEMORY_REPEATS_BYTES": "0"}),
         ("hit, from LMDB", HITS, False, NO_FRONT),
         ("hit, from Redis", HITS, True, NO_FRONT),
         ("miss, stored in LMDB", MISSES, False, {}),
         ("miss, stored in Redis", MISSES, True, {})]


class Meter:
    """What a gateway and a Redis used between two readings."""

    def __init__(self, gateway, redis):
        self.gateway, self.redis, self.before = gateway, redis, None
        self.before = self.read()

    def read(self):
        redis_ns = cpu_times([self.redis.process.pid])[0] if self.redis else 0
        moved = self.redis.number("stats", "total_net_input_bytes") + self.redis.number("stats", "total_net_output_bytes") if self.redis else 0
        return cpu_times(self.gateway.pids)[0], redis_ns, moved

    def each(self, requests):
        gateway, redis, moved = (after - before for after, before in zip(self.read(), self.before))
        return {"cpu_us": gateway / requests / 1000, "redis_us": redis / requests / 1000, "redis_bytes": moved / requests}


def start_gateway(upstream, redis, settings):
    shared = {"REFLEX_STORE_URL": f"redis://127.0.0.1:{redis.port}"} if redis else {}
    return Server({"name": "reflex", "kind": "reflex", "cpus": "0", "env": {**shared, **settings}}, upstream.port)


def measure_load(name, load, shared, settings):
    upstream = start_upstream({"cpus": "1"})
    redis = Redis() if shared else None
    gateway = start_gateway(upstream, redis, settings)
    rounds = []
    try:
        run_wrk(load, gateway.port, 1, 16)
        time.sleep(1)  # What the writer still has; not waited for by any request.
        for _ in range(ROUNDS):
            asked, meter = upstream_requests(upstream), Meter(gateway, redis)
            result = run_wrk(load, gateway.port, SECS, 64)
            row = meter.each(max(1, result["requests"]))
            row |= {"rps": result["rps"], "p50_us": result["p50_us"], "errors": result["non2xx"] + result["sock_err"],
                    "upstream": (upstream_requests(upstream) - asked) / max(1, result["requests"])}
            rounds.append(row)
    finally:
        gateway.stop()
        upstream.stop()
        if redis:
            redis.stop()
    return show(name, rounds)


def show(name, rounds):
    row = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
    spread = f"({min(each['cpu_us'] for each in rounds):.1f}-{max(each['cpu_us'] for each in rounds):.1f})"
    print(f"{name:34} {row['cpu_us']:7.1f} {spread:>14} {row['redis_us']:8.1f} {row['redis_bytes']:9.0f} {row['rps']:9.0f} "
          f"{row['upstream']:8.2f} {row['errors']:7.0f}", flush=True)
    return {"name": name, **row}


class Asker:
    """One connection that asks one question after the other; for what wrk's bodies cannot say."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, question):
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": question}]})
        self.connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json", "Authorization": "Bearer k"})
        reply = self.connection.getresponse()
        reply.read()
        return reply.headers.get("x-reflex-status")


def measure_semantic(shared):
    """One connection: each question finds an answer given to other words, or none among all there are."""
    upstream = start_upstream({"cpus": "1"})
    redis = Redis() if shared else None
    gateway = start_gateway(upstream, redis, {"REFLEX_TIERS": "l1,l2,l3", "REFLEX_SEMANTIC_TIME_LIMIT": "1s"})
    where = "Redis" if shared else "LMDB"
    rows = []
    try:
        asker = Asker(gateway.port)
        asker.ask("How do I list all pods in Kubernetes?")
        for number in range(300):
            asker.ask(f"What does error number {number} of the compiler mean?")
        time.sleep(1)
        for name, question, outcome in (("exact hit, one connection", "How do I list all pods in Kubernetes?", "hit-l1-exact"),
                                        ("canonical hit", "how do I list all pods in kubernetes", "hit-l2-canonical"),
                                        ("verified hit", "How do I list all pods in k8s?", "hit-l3-verified"),
                                        ("miss among 300", "What does warning {} of the linker mean?", "miss")):
            rounds = []
            for part in range(ROUNDS):
                asked, meter, began = upstream_requests(upstream), Meter(gateway, redis), time.monotonic()
                got = [asker.ask(question.format(part * SEMANTIC_ASKS + n)) for n in range(SEMANTIC_ASKS)]
                other = sum(one != outcome for one in got)
                rounds.append({**meter.each(SEMANTIC_ASKS), "rps": SEMANTIC_ASKS / (time.monotonic() - began), "errors": other,
                               "upstream": (upstream_requests(upstream) - asked) / SEMANTIC_ASKS})
            rows.append(show(f"{name}, {where}", rounds))
    finally:
        gateway.stop()
        upstream.stop()
        if redis:
            redis.stop()
    return rows


def measure_sizes(reply_bytes, vector_bytes):
    """Bytes an entry takes in LMDB's file and in Redis."""
    folder = ROOT / "build" / "bench" / f"sizes-{reply_bytes}-{vector_bytes}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    redis = Redis()
    try:
        subprocess.run([str(DRIVERS / "fill_store"), str(folder), str(ENTRIES), str(reply_bytes), *([str(vector_bytes)] if vector_bytes else [])],
                       check=True, capture_output=True)
        file_bytes = sum(path.stat().st_blocks * 512 for path in pathlib.Path(folder).rglob("*") if path.is_file())
        empty = redis.number("memory", "used_memory")
        Migration(f"redis://127.0.0.1:{redis.port}", folder, "shared")
        used = redis.number("memory", "used_memory") - empty
    finally:
        redis.stop()
        shutil.rmtree(folder, ignore_errors=True)
    row = {"reply": reply_bytes, "vector": vector_bytes, "lmdb": file_bytes / ENTRIES, "redis": used / ENTRIES}
    print(f"answer of {reply_bytes} bytes, vector of {vector_bytes}: {row['lmdb']:,.0f} bytes in LMDB's file, {row['redis']:,.0f} in Redis")
    return row


def run():
    print(f"{'':34} {'cpu us':>7} {'(spread)':>14} {'redis us':>8} {'redis B':>9} {'req/s':>9} {'up/req':>8} {'errors':>7}")
    rows = [measure_load(*load) for load in LOADS]
    rows += [row for shared in (False, True) for row in measure_semantic(shared)]
    return rows + [measure_sizes(reply, vector) for reply in (1_536, 4_096) for vector in (0, 832)]


if __name__ == "__main__":
    run()
