"""`reflex migrate` with ENTRIES entries (default 1 million) of BYTES (2,048) and 384-number vectors: into a Redis and back into another
store, each killed in the middle and run again; the rates, the counts, and a sample compared.

usage: migrate.py, or run.py migrate. The first store is made once by fill_store and kept in build/bench/migrate-ENTRIES.
"""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from servers import BUILT, DRIVERS, ROOT, cpu_times, environment_with, filled_store, free_port, memory_bytes

ENTRIES = int(os.environ.get("ENTRIES", 1_000_000))
BYTES = int(os.environ.get("BYTES", 2_048))
VECTOR_BYTES = 832
SHAPE = [str(ENTRIES), str(BYTES), str(VECTOR_BYTES)]
BAR = re.compile(rb"(\d+) of (\d+)")


class Redis:
    def __init__(self):
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="reflex-redis-")
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                         "--dir", self.folder], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.ask("PING")
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("migrate.py: redis-server did not start")

    def ask(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
            sock.sendall((" ".join(words) + "\r\n").encode())
            sock.settimeout(10)
            reply = sock.recv(65536)
            if reply.startswith(b"$"):
                size = int(reply[1:].split(b"\r\n", 1)[0])
                while len(reply) < size:
                    reply += sock.recv(65536)
            return reply.decode()

    def number(self, section, name):
        return int(re.search(rf"^{name}:(\d+)", self.ask("INFO", section), re.M).group(1))

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Migration:
    """One run of the command on a terminal; killed when the bar has passed `until`, a part of 1."""

    def __init__(self, url, folder, to, until=None):
        environment = environment_with({"REFLEX_STORE_URL": url, "REFLEX_STORAGE_PATH": str(folder)})
        leader, follower = pty.openpty()
        self.steps, self.began = [], time.monotonic()
        process = subprocess.Popen([str(BUILT / "reflex"), "migrate", "--to", to], env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=follower)
        os.close(follower)
        self.said = b""
        while self.read(leader):
            if until is not None and self.steps and self.steps[-1][1] >= until * ENTRIES:
                process.send_signal(signal.SIGKILL)
        os.close(leader)
        self.out = process.stdout.read()
        self.status = process.wait()
        self.seconds = time.monotonic() - self.began
        if until is None and self.status != 0:
            raise SystemExit(f"migrate.py: migrate --to {to} ended with {self.status}: {self.said.decode()[-500:]}")
        if until is not None and self.status != -signal.SIGKILL:
            raise SystemExit(f"migrate.py: migrate --to {to} was not killed in the middle but ended with {self.status}")
        self.counts = json.loads(self.out) if until is None else None

    def read(self, leader):
        try:
            piece = os.read(leader, 4096)
        except OSError:  # The other side is closed.
            return False
        self.said += piece
        found = BAR.findall(piece)
        if found:
            self.steps.append((time.monotonic() - self.began, int(found[-1][0])))
        return bool(piece)

    def rate(self, present=0):
        """(seconds until the first step, entries a second from there to the last one, leaving out those that were there)."""
        steps = [step for step in self.steps if step[1] >= present] or self.steps
        (first_s, first), (last_s, last) = steps[0], steps[-1]
        return self.steps[0][0], (last - first) / max(last_s - first_s, 1e-9)


def one_way(url, folder, to, redis):
    before = cpu_times([redis.process.pid])
    half = Migration(url, folder, to, until=0.5)
    rest = Migration(url, folder, to)
    after = cpu_times([redis.process.pid])
    walk_s, rate = half.rate()
    present = rest.counts["present"]
    row = {"to": to, "walk_s": walk_s, "rate": rate, "cut_s": half.seconds, "rest_s": rest.seconds, "again_rate": rest.rate(present)[1],
           "present": present, "copied": rest.counts["copied"], "vectors": rest.counts["vectors"],
           "redis_cpu_us": (after[0] - before[0]) / 1000 / ENTRIES, "steps": len(half.steps) + len(rest.steps)}
    print(f"to {to:6}: list {walk_s:.1f} s; {rate:,.0f} entries/s until killed at {half.steps[-1][1]:,} after {half.seconds:.1f} s; again: "
          f"{present:,} there, {row['copied']:,} copied at {row['again_rate']:,.0f}/s, {rest.seconds:.1f} s in all; Redis "
          f"{row['redis_cpu_us']:.1f} us of CPU an entry; the bar moved {row['steps']} times", flush=True)
    if rest.counts["total"] != ENTRIES or present + row["copied"] != ENTRIES or rest.counts["target_entries"] != ENTRIES:
        raise SystemExit(f"migrate.py: the counts are not equal: {rest.counts}")
    return row


def run():
    base = ROOT / "build" / "bench"
    first, second = filled_store(f"migrate-{ENTRIES}", *SHAPE), base / "migrate-second"
    shutil.rmtree(second, ignore_errors=True)
    redis = Redis()
    try:
        url = f"redis://127.0.0.1:{redis.port}"
        rows = [one_way(url, first, "shared", redis)]
        used = redis.number("memory", "used_memory")
        print(f"Redis holds {used / 1e9:.2f} GB, {used / ENTRIES:,.0f} bytes an entry of {BYTES} + {VECTOR_BYTES}; RSS "
              f"{memory_bytes([redis.process.pid]) / 1e9:.2f} GB; keys {redis.ask('DBSIZE').strip()[1:]}", flush=True)
        rows.append(one_way(url, second, "local", redis))
        rows[0]["redis_bytes"] = used / ENTRIES
    finally:
        redis.stop()
    size = sum(path.stat().st_blocks * 512 for path in pathlib.Path(second).rglob("*") if path.is_file())
    print(f"the second store takes {size / 1e9:.2f} GB, {size / ENTRIES:,.0f} bytes an entry")
    subprocess.run([str(DRIVERS / "fill_store"), "check", str(second), *SHAPE], check=True)
    shutil.rmtree(second, ignore_errors=True)
    return rows


if __name__ == "__main__":
    run()
