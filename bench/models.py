"""What exact hits notice of a model that embeds: 500 requests a second from memory, alone and beside questions that keep both contexts busy.

usage: models.py, or run.py models, with REFLEX_MODEL_PATH (tools/make_minilm_gguf.py makes a model). ROUNDS as elsewhere. The misses come
from wrk on 4 connections, all of one scope, so that each is embedded once: enough for both contexts, and not so many that shed ones are
most of the load. Measured twice where that is allowed: by a client that goes first on its core, as one on another machine would, and by
one that waits for a core like the rest of the load.
"""
import os
import shutil
import statistics
import subprocess

from servers import BENCH, Server, ask_loop, machine, may_go_first, start_upstream

ROUNDS = int(os.environ.get("ROUNDS", 3))
RATE, KEYS, QUIET_S, CONNECTIONS = 500, 500, 10, 4


def hits(port, seconds=QUIET_S, first=False):
    result = ask_loop("post", port, first=first, keys=KEYS, rate=RATE, seconds=seconds)
    return result["p50_us"], result["p99_us"], result["hits"] / result["asked"]


def misses(port, seconds):
    environment = {**os.environ, "UNIQUE": "1", "BODY_BYTES": "400"}
    return subprocess.Popen([shutil.which("wrk") or "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(BENCH / "wrk" / "post.lua"),
                             f"http://127.0.0.1:{port}/v1/chat/completions"], env=environment, stdout=subprocess.DEVNULL)


def embedded(server):
    totals = server.metrics()
    return totals.get("reflex_semantic_embedded_total", 0) + totals.get("reflex_semantic_embedded_later_total", 0)


def one_round(server, first):
    """Prints a comparison and returns its ratio."""
    p50, p99, share = hits(server.port, first=first)
    load = misses(server.port, QUIET_S + 4)
    hits(server.port, 2)  # Until the scope is large and both contexts are at work.
    before = embedded(server)
    busy_p50, busy_p99, busy_share = hits(server.port, first=first)
    texts = embedded(server) - before
    load.wait()
    print(f"client {'first' if first else 'waits'}: alone p50 {p50:.0f} p99 {p99:.0f} us, {share:.0%} hits; beside "
          f"{texts / QUIET_S:.0f} embeddings a second p50 {busy_p50:.0f} p99 {busy_p99:.0f} us, {busy_share:.0%} hits: "
          f"{busy_p99 / p99:.2f} times", flush=True)
    return busy_p99 / p99


def run():
    model = os.environ.get("REFLEX_MODEL_PATH", "")
    if not model:
        print("not measured: set REFLEX_MODEL_PATH to a GGUF file; tools/make_minilm_gguf.py makes one")
        return {}
    upstream = start_upstream({})
    server = Server({"name": "reflex", "kind": "reflex", "env": {"REFLEX_TIERS": "l1,l2,l3", "REFLEX_MODEL_PATH": model,
                                                                 "REFLEX_MODEL_CONTEXTS": "2"}}, upstream.port)
    try:
        for _ in range(60):  # Stores what is asked, and embeds it.
            if hits(server.port, 2)[2] == 1:
                break
        kinds = [True, False] if may_go_first() else [False]
        ratios = {first: [] for first in kinds}
        for _ in range(ROUNDS):
            for first in kinds:
                ratios[first].append(one_round(server, first))
        print(machine())
        for first in kinds:
            print(f"p99 of exact hits beside two busy contexts over alone, client {'first' if first else 'waits'}: "
                  f"{statistics.median(ratios[first]):.2f} (bar 2)")
        return {"ratio": ratios[kinds[0]], "ratio_waiting": ratios[False]}
    finally:
        server.stop()
        upstream.stop()


if __name__ == "__main__":
    run()
