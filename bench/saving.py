"""What hits notice of a snapshot: 1,000 requests a second through the gateway over a store of a million entries of 2 KB with vectors of
384 numbers, without a save and beside one.

usage: saving.py, or run.py saving. ENTRIES and ROUNDS as elsewhere. The store is made once by fill_store and kept in
build/bench/store-ENTRIES-vectors. Memory holds few entries, so that hits come from the file.
"""
import http.client
import os
import shutil
import statistics
import threading
import time

from servers import ROOT, Server, ask_loop, filled_store, machine, start_upstream

ENTRIES = int(os.environ.get("ENTRIES", 1_000_000))
ROUNDS = int(os.environ.get("ROUNDS", 2))
RATE, KEYS, QUIET_S, VECTOR_BYTES = 1000, 2000, 10, 832


def load(port, seconds):
    return ask_loop("post", port, keys=KEYS, rate=RATE, seconds=seconds)


class Save(threading.Thread):
    """Asks for a snapshot, waits for its end."""

    def __init__(self, port, token):
        super().__init__()
        self.port, self.token, self.status, self.seconds = port, token, 0, 0.0

    def run(self):
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST", "/v1/reflex/snapshots", headers={"Authorization": f"Bearer {self.token}"})
        reply = connection.getresponse()
        self.status, self.text = reply.status, reply.read()
        self.seconds = time.monotonic() - began


def run():
    folder = filled_store(f"store-{ENTRIES}-vectors", ENTRIES, 2048, VECTOR_BYTES)
    snapshots = ROOT / "build" / "bench" / "snapshots"
    shutil.rmtree(snapshots, ignore_errors=True)
    upstream = start_upstream({})
    server = Server({"name": "reflex", "kind": "reflex", "env": {
        "REFLEX_STORAGE_PATH": str(folder), "REFLEX_SNAPSHOT_PATH": str(snapshots), "REFLEX_TIERS": "l1,l2,l3",
        "REFLEX_L1_CAPACITY": "100", "REFLEX_SNAPSHOT_KEEP": "1"}}, upstream.port)
    try:
        token = (folder / "admin.token").read_text().strip()
        load(server.port, 2 * KEYS // RATE + QUIET_S)  # Stores what is asked, and waits until the start's own work is done.
        rows = []
        for number in range(ROUNDS):
            before = load(server.port, QUIET_S)
            save = Save(server.port, token)
            save.start()
            beside = []
            while save.is_alive():
                beside.append(load(server.port, QUIET_S // 2))
            save.join()
            if save.status not in (200, 201, 202):
                raise SystemExit(f"saving.py: the save ended with {save.status}: {save.text[:200]}")
            for result in [before, *beside]:
                if result["hits"] != result["asked"]:
                    raise SystemExit(f"saving.py: {result['asked'] - result['hits']} of {result['asked']} answers were no hits")
            worst = max(result["p99_us"] for result in beside[:-1] or beside)
            rows.append(worst / before["p99_us"])
            print(f"without: p50 {before['p50_us']:.0f} p99 {before['p99_us']:.0f} us; beside a save of {save.seconds:.1f} s: "
                  f"p50 {statistics.median(r['p50_us'] for r in beside):.0f}, worst p99 of {len(beside)} stretches {worst:.0f} us: "
                  f"{rows[-1]:.2f} times; none failed", flush=True)
        print(f"{machine()}\np99 beside a save over p99 without: {statistics.median(rows):.2f} (bar 1.5)")
        return {"ratio": rows}
    finally:
        server.stop()
        upstream.stop()


if __name__ == "__main__":
    run()
