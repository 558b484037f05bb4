"""Memory when idle, and the time from start to the first 200, with an empty store and with ENTRIES entries of 2 KB (default 1 million).

usage: small.py, or run.py small. The full store is made once by fill_store and kept in build/bench/store-ENTRIES.
"""
import http.client
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

from servers import BUILT, DRIVERS, environment_with, filled_store, free_port, memory_bytes

ENTRIES = int(os.environ.get("ENTRIES", 1_000_000))
STARTS = int(os.environ.get("STARTS", 10))
SETTLE_S = 2


def ask(port, path):
    """The status of one GET, or 0 while nobody listens."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status
    except (ConnectionError, socket.timeout, http.client.HTTPException):
        return 0


class Start:
    """One start of the program: the milliseconds until /healthz and /ready answer 200, then its memory."""

    def __init__(self, storage):
        port = free_port()
        environment = environment_with({"REFLEX_PORT": str(port), "REFLEX_BIND_ADDR": "127.0.0.1", "REFLEX_STORAGE_PATH": str(storage)})
        began = time.perf_counter()
        self.process = subprocess.Popen([str(BUILT / "reflex"), "serve"], env=environment, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.healthy_ms = self.wait(port, "/healthz", began)
        self.ready_ms = self.wait(port, "/ready", began)

    def wait(self, port, path, began):
        while self.process.poll() is None:
            if ask(port, path) == 200:
                return (time.perf_counter() - began) * 1000
            if time.perf_counter() - began > 60:
                break
            time.sleep(0.001)
        raise SystemExit(f"small.py: {path} did not answer 200")

    def memory(self):
        time.sleep(SETTLE_S)
        return memory_bytes([self.process.pid]), memory_bytes([self.process.pid], "RssAnon")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def measure(label, make_folder):
    starts = []
    memory = None
    for number in range(STARTS):
        start = Start(make_folder())
        starts.append((start.healthy_ms, start.ready_ms))
        if number == STARTS - 1:
            memory = start.memory()
        start.stop()
    healthy, ready = (statistics.median(values) for values in zip(*starts))
    print(f"{label:28} {healthy:12.1f} {max(h for h, _ in starts):8.1f} {ready:12.1f} {memory[0] / 1e6:8.1f} {memory[1] / 1e6:10.1f}")
    return {"healthz_ms": healthy, "healthz_ms_max": max(h for h, _ in starts), "ready_ms": ready, "rss": memory[0], "anon": memory[1]}


def run():
    print(f"{'store':28} {'healthz ms':>12} {'max':>8} {'ready ms':>12} {'RSS MB':>8} {'RssAnon MB':>10}")
    results = {}
    with tempfile.TemporaryDirectory(prefix="reflex-small-") as parent:
        numbers = iter(range(STARTS))
        results["empty"] = measure("empty", lambda: pathlib.Path(parent) / f"data-{next(numbers)}")
    if (DRIVERS / "fill_store").exists():
        folder = filled_store(f"store-{ENTRIES}", ENTRIES, 2048)
        results["full"] = measure(f"{ENTRIES} entries of 2 KB", lambda: folder)
    return results


if __name__ == "__main__":
    run()
