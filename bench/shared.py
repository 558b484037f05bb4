"""A store that several gateways share, on loopback: what a hit costs without memory in front, what the front gives, and what a
Redis that stands still does to requests.

usage: shared.py [latency|rate|zipf|pause]..., or run.py shared. ROUNDS and SECS as elsewhere; PIN says where the programs run:
apart (Reflex on core 0, the others on core 1; the default), together (all on core 0) or free. A bare GET comes from core 0 to core 1.
"""
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

from servers import BUILT, DRIVERS, Server, ask_loop, machine, machine_busy_s, own_busy_s, pinned, start_upstream, upstream_requests
from wrk_plan import FOREIGN_MAX, measure_once, run_wrk

ROUNDS = int(os.environ.get("ROUNDS", 5))
SECS = int(os.environ.get("SECS", 3))
KEYS = int(os.environ.get("KEYS", 100_000))
PIN = os.environ.get("PIN", "apart")
ANSWER_BYTES = 1536
FRONT_OFF = {"REFLEX_STORE_MEMORY_TTL": "0s"}
TRIES = int(os.environ.get("TRIES", 4))
LOOKUP_LIMIT_MS = 100  # The default of store.lookup_timeout.


def cpus(of_reflex):
    return {"apart": "0" if of_reflex else "1", "together": "0", "free": None}[PIN]


def start_redis():
    return Server({"name": "redis", "kind": "cmd", "cpus": cpus(False),
                   "cmd": [shutil.which("redis-server") or "redis-server", "--port", "@PORT@", "--bind", "127.0.0.1", "--save", "",
                           "--appendonly", "no", "--dir", "@RUN@"]})


def start_reflex(name, upstream, redis=None, env=None):
    shared = {"REFLEX_STORE_URL": f"redis://127.0.0.1:{redis.port}", "REFLEX_STORE_PREFIX": name} if redis else {}
    return Server({"name": name, "kind": "reflex", "cpus": cpus(True), "env": {**shared, **(env or {})}}, upstream.port)


def redis_call(redis, *words):
    done = subprocess.run(["redis-cli", "-p", str(redis.port), *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def quietly(pids, measure):
    """Measures again, a few times, while other programs use more than a tenth of a core; the least disturbed result, with that share."""
    best = None
    for _ in range(TRIES):
        began, busy, own = time.monotonic(), machine_busy_s(), own_busy_s(pids)
        result = measure()
        result["foreign"] = ((machine_busy_s() - busy) - (own_busy_s(pids) - own)) / (time.monotonic() - began)
        best = result if best is None or result["foreign"] < best["foreign"] else best
        if best["foreign"] <= FOREIGN_MAX:
            break
    return best


def disturbed(results):
    """How many of the rounds other programs disturbed all the same."""
    return sum(result["foreign"] > FOREIGN_MAX for rows in results.values() for result in rows)


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def stored_bytes(redis, prefix):
    """What a look-up moves for one entry: its head and body in Redis."""
    key = redis_call(redis, "--raw", "KEYS", f"{prefix}:e:*").splitlines()[0]
    fields = redis_call(redis, "--raw", "EVAL", "local n = 0 for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do "
                        "local c = f:sub(1, 1) if c == 'h' or c == 'b' then n = n + redis.call('HSTRLEN', KEYS[1], f) end end return n",
                        "1", key)
    return int(fields)


class Stage:
    """The servers of one part, stopped together."""

    def __init__(self, *reflexes):
        self.upstream = start_upstream({"cpus": cpus(False), "args": ["--body", ANSWER_BYTES]})
        self.redis = start_redis()
        self.servers = {name: start_reflex(name, self.upstream, self.redis if shared else None, env) for name, shared, env in reflexes}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in [*self.servers.values(), self.redis, self.upstream]:
            server.stop()

    def pids(self):
        return [pid for server in [*self.servers.values(), self.redis, self.upstream] for pid in server.pids]

    def rounds(self):
        names = list(self.servers)
        for number in range(ROUNDS):
            yield names if number % 2 == 0 else names[::-1]


def run_latency():
    """One connection: a hit from Redis against a bare GET of the same size."""
    print(f"-- one connection, {ROUNDS} rounds of {SECS} s, programs {PIN}: microseconds, p50 (p99)")
    with Stage(("off", True, FRONT_OFF), ("on", True, {})) as stage:
        for name in stage.servers:
            ask_loop("post", stage.servers[name].port, cpus(False), seconds=1)
        time.sleep(0.2)  # The writer's.
        size = stored_bytes(stage.redis, "off")
        for number in range(64):
            redis_call(stage.redis, "SET", f"bench:{number}", "x" * size)
        results = {"get": [], "off": [], "on": []}
        for names in stage.rounds():
            for name in ["get", *names]:
                port = stage.redis.port if name == "get" else stage.servers[name].port
                kind = "get" if name == "get" else "post"
                result = quietly(stage.pids(), lambda: ask_loop(kind, port, cpus(kind == "get"), seconds=SECS))
                if result["hits"] != result["asked"]:
                    raise SystemExit(f"shared.py: {result['asked'] - result['hits']} of {result['asked']} answers of {name} were no hits")
                results[name].append(result)
    added = [off["p50_us"] - get["p50_us"] for off, get in zip(results["off"], results["get"])]
    for name, label in (("get", f"bare GET, {size} bytes"), ("off", "hit, memory front off"), ("on", "hit, memory front on")):
        p50, p99 = (statistics.median(result[key] for result in results[name]) for key in ("p50_us", "p99_us"))
        print(f"{label:28} {p50:8.1f} ({p99:.1f})")
    print(f"added p50, front off over bare GET: {statistics.median(added):.1f} us ({min(added):.1f} to {max(added):.1f}); {disturbed(results)} rounds disturbed")
    return {"bytes": size, "rounds": results, "added_p50_us": statistics.median(added)}


def redis_benchmark(redis, size, requests):
    done = subprocess.run(pinned("1" if PIN == "apart" else cpus(False)) +
                          ["redis-benchmark", "-p", str(redis.port), "-t", "get", "-c", "64", "-d", str(size), "--threads", "1", "-n",
                           str(requests), "-r", "256", "--csv"], capture_output=True, text=True, check=True)
    row = next(line for line in done.stdout.splitlines() if line.startswith('"GET"'))
    return float(row.split(",")[1].strip('"'))


def fill_for_redis_benchmark(redis, size):
    for number in range(256):
        redis_call(redis, "SET", f"key:{number:012d}", "x" * size)


def measure_rate(plan, server, upstream):
    before = server.metrics()
    result = measure_once(plan, server, upstream, SECS, 64)
    after = server.metrics()
    trips = after["reflex_shared_store_round_trips_total"] - before["reflex_shared_store_round_trips_total"]
    result["keys_per_trip"] = (after["reflex_store_hits_total"] - before["reflex_store_hits_total"]) / max(1, trips)
    return result


def run_rate():
    """64 connections: hits from Redis against redis-benchmark's GET."""
    print(f"-- 64 connections, {ROUNDS} rounds of {SECS} s, programs {PIN}: requests/s")
    plan = {"wrk_cpus": cpus(False), "env": {"BODIES": 256, "HEADERS": "sdk"}}
    results = {"get": [], "off": []}
    with Stage(("off", True, FRONT_OFF)) as stage:
        server = stage.servers["off"]
        run_wrk(plan, server.port, 1, 16)
        time.sleep(0.2)
        size = stored_bytes(stage.redis, "off")
        fill_for_redis_benchmark(stage.redis, size)
        redis_cpus = stage.redis.process.pid
        for number in range(ROUNDS):
            for name in ("get", "off") if number % 2 == 0 else ("off", "get"):
                # redis-benchmark has core 1 to itself and Redis core 0, which Reflex has otherwise.
                if PIN == "apart":
                    subprocess.run(["taskset", "-acp", "0" if name == "get" else "1", str(redis_cpus)], capture_output=True, check=True)
                if name == "get":
                    measure = lambda: {"rps": redis_benchmark(stage.redis, size, 60_000 * SECS)}  # noqa: E731
                else:
                    measure = lambda: measure_rate(plan, server, stage.upstream)  # noqa: E731
                results[name].append(quietly(stage.pids(), measure))
    ratios = [off["rps"] / get["rps"] for off, get in zip(results["off"], results["get"])]
    print(f"redis-benchmark, GET of {size} bytes  {statistics.median(r['rps'] for r in results['get']):8.0f}")
    for key, label in (("rps", "hits, memory front off"), ("p50_us", "  p50 us"), ("p99_us", "  p99 us"), ("cpu_us", "  cpu us a hit in Reflex"),
                       ("keys_per_trip", "  keys a round trip"), ("upstream_per_request", "  asked the provider")):
        print(f"{label:34} {statistics.median(r[key] for r in results['off']):10.2f}")
    print(f"ratio to redis-benchmark: {spread(ratios)}; errors: {sum(r['non2xx'] + r['sock_err'] for r in results['off'])}; "
          f"{disturbed(results)} rounds disturbed")
    return {"bytes": size, "rounds": results, "ratio": statistics.median(ratios)}


def measure_zipf(plan, server, upstream):
    before = server.metrics()
    result = measure_once(plan, server, upstream, SECS, 64)
    after = server.metrics()
    result["from_memory"] = (after["reflex_memory_hits_total"] - before["reflex_memory_hits_total"]) / max(1, result["requests"])
    return result


def run_zipf():
    """The front on, Zipf 0.9 over many keys, against the embedded store."""
    print(f"-- Zipf 0.9 over {KEYS} keys, 64 connections, {ROUNDS} rounds of {SECS} s, programs {PIN}: requests/s")
    plan = {"wrk_cpus": cpus(False), "env": {"BODIES": KEYS, "HEADERS": "sdk", "ZIPF": "0.9"}}
    fill = {**plan, "env": {**plan["env"], "ZIPF": "0"}}
    results = {"embedded": [], "shared": []}
    with Stage(("embedded", False, {}), ("shared", True, {})) as stage:
        for server in stage.servers.values():
            asked = upstream_requests(stage.upstream)
            while upstream_requests(stage.upstream) - asked < KEYS:
                run_wrk(fill, server.port, max(2, KEYS // 10_000), 64)
            run_wrk(plan, server.port, 3, 64)
        for names in stage.rounds():
            for name in names:
                results[name].append(quietly(stage.pids(), lambda: measure_zipf(plan, stage.servers[name], stage.upstream)))
    ratios = [shared["rps"] / own["rps"] for shared, own in zip(results["shared"], results["embedded"])]
    print(f"{'store':10} {'req/s':>9} {'p50 us':>8} {'p99 us':>8} {'cpu us':>8} {'memory':>7} {'up/req':>8} errors")
    for name, rows in results.items():
        middle = {key: statistics.median(row[key] for row in rows)
                  for key in ("rps", "p50_us", "p99_us", "cpu_us", "from_memory", "upstream_per_request")}
        print(f"{name:10} {middle['rps']:9.0f} {middle['p50_us']:8.0f} {middle['p99_us']:8.0f} {middle['cpu_us']:8.2f} "
              f"{middle['from_memory']:7.2f} {middle['upstream_per_request']:8.4f} {sum(r['non2xx'] + r['sock_err'] for r in rows)}")
    print(f"shared over embedded: {spread(ratios)}; {disturbed(results)} rounds disturbed")
    return {"rounds": results, "ratio": statistics.median(ratios)}


# ---- A Redis that stands still

class Steady:
    """So many requests a second over several connections, each due at its own time whatever became of those before."""

    def __init__(self, port, per_second, seconds, connections=64, keys=5_000):
        import http.client
        self.http, self.port, self.keys = http.client, port, keys
        self.due = [number / per_second for number in range(int(per_second * seconds))]
        self.next, self.lock, self.rows = 0, threading.Lock(), []
        self.threads = [threading.Thread(target=self.work) for _ in range(connections)]

    def run(self):
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()

    def take(self):
        with self.lock:
            number = self.next
            self.next += 1
        return number if number < len(self.due) else None

    def work(self):
        connection = self.http.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-bench"}
        while (number := self.take()) is not None:
            at = self.began + self.due[number]
            time.sleep(max(0.0, at - time.monotonic()))
            body = json.dumps({"model": "m", "messages": [{"role": "user", "content": f"question {number % self.keys}"}]})
            try:
                connection.request("POST", "/v1/chat/completions", body, headers)
                reply = connection.getresponse()
                reply.read()
                row = (self.due[number], reply.status, reply.getheader("X-Reflex-Status"), time.monotonic() - at)
            except (OSError, self.http.HTTPException) as error:
                connection.close()
                row = (self.due[number], 0, repr(error), time.monotonic() - at)
            self.rows.append(row)

    def wait(self):
        for thread in self.threads:
            thread.join()
        return sorted(self.rows)


def percentile_ms(rows, share):
    times = sorted(row[3] for row in rows)
    return times[min(len(times) - 1, int(share * len(times)))] * 1000


def run_pause():
    """500 requests/s while Redis stands still for 5 s."""
    per_second, still_from, still_to, end = 500, 4.0, 9.0, 14.0
    answers = {}
    for label, env in (("front off", FRONT_OFF), ("front on", {})):
        with Stage(("shared", True, env)) as stage:
            port = stage.servers["shared"].port
            warm = Steady(port, 1_000, 6)
            warm.run()
            warm.wait()
            load = Steady(port, per_second, end)
            load.run()
            time.sleep(max(0.0, load.began + still_from - time.monotonic()))
            os.kill(stage.redis.process.pid, signal.SIGSTOP)
            try:
                time.sleep(max(0.0, load.began + still_to - time.monotonic()))
            finally:
                os.kill(stage.redis.process.pid, signal.SIGCONT)
            rows = load.wait()
        before = [row for row in rows if row[0] < still_from - 0.2]
        during = [row for row in rows if still_from <= row[0] < still_to]
        after = [row for row in rows if row[0] >= still_to]
        failed = [row for row in rows if row[1] != 200]
        last_miss = max((row[0] for row in after if row[2] != "hit-l1-exact"), default=still_to)
        added = {share: percentile_ms(during, share) - percentile_ms(before, share) for share in (0.5, 0.99, 1.0)}
        answers[label] = {"failed": len(failed), "added_p50_ms": added[0.5], "added_p99_ms": added[0.99], "added_max_ms": added[1.0],
                          "only_hits_after_s": last_miss - still_to, "misses_during": sum(r[2] != "hit-l1-exact" for r in during)}
        print(f"{label:10} {len(rows)} requests, {len(failed)} failed; p99 before {percentile_ms(before, 0.99):.1f} ms, during "
              f"{percentile_ms(during, 0.99):.1f} ms: added p50 {added[0.5]:.1f} ms, p99 {added[0.99]:.1f} ms (limit {LOOKUP_LIMIT_MS}), "
              f"slowest {added[1.0]:.1f} ms; {answers[label]['misses_during']} of {len(during)} were misses; "
              f"last miss {last_miss - still_to:.2f} s after Redis went on")
    return answers


PARTS = {"latency": run_latency, "rate": run_rate, "zipf": run_zipf, "pause": run_pause}


def run(names=()):
    return {name: PARTS[name]() for name in names or PARTS}


if __name__ == "__main__":
    unknown = [name for name in sys.argv[1:] if name not in PARTS]
    if unknown:
        sys.exit(f"shared.py: no part {unknown[0]}; there are {', '.join(PARTS)}")
    if not (BUILT / "reflex").exists() or not (DRIVERS / "ask_loop").exists():
        sys.exit("shared.py: build first, with REFLEX_BENCH=ON")
    print(machine())
    run(sys.argv[1:])
