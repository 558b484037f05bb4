"""`reflex migrate`: to the shared store and home again, each killed in the middle and run again; nothing is lost and nothing changed."""
import json
import os
import pty
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import PROGRAM, Reflex, Upstream, Wire, until
from shared_store import PATIENT, RedisServer

ENTRIES = 2_000
SAMPLE = range(0, ENTRIES, 37)
BAR = re.compile(rb"(\d+) of (\d+)")


class SlowLine:
    """Before a server: what a network would be that carries some 3 MB/s, so that there is a middle to be killed in."""

    def __init__(self, port):
        self.port_behind = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port_behind))
            for one, other in ((client, server), (server, client)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    @staticmethod
    def carry(one, other):
        try:
            while piece := one.recv(16_384):
                time.sleep(0.3e-6 * len(piece))
                other.sendall(piece)
        except OSError:
            pass
        for sock in (one, other):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Migrations(unittest.TestCase):
    def setUp(self):
        self.up = Upstream()
        self.addCleanup(self.up.close)
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)
        line = SlowLine(self.redis.port)
        self.addCleanup(line.close)
        self.slow_url = f"redis://127.0.0.1:{line.port}"
        folder = tempfile.TemporaryDirectory(prefix="reflex-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def gateway(self, name, **more):
        """A gateway whose files are in a folder of this name."""
        os.makedirs(f"{self.folder}/{name}", exist_ok=True)
        gateway = Reflex(self.up.port, folder=f"{self.folder}/{name}", **{**PATIENT, **more})
        self.addCleanup(gateway.stop)
        return gateway

    def fill(self, gateway):
        def part(first):
            with gateway.connect() as sock:
                wire = Wire(sock)
                for number in range(first, ENTRIES, 4):
                    self.assertEqual(gateway.chat(f"question {number}", wire=wire).status, 200)
        parts = [threading.Thread(target=part, args=(first,)) for first in range(4)]
        for thread in parts:
            thread.start()
        for thread in parts:
            thread.join()

    def answers(self, gateway):
        """What the sample is answered with, all from the cache, and whether a pair once reported as wrong still is."""
        found = {}
        for number in SAMPLE:
            reply = gateway.chat(f"question {number}", headers=[("Cache-Control", "only-if-cached")])
            self.assertEqual((reply.status, reply.header("x-reflex-status")), (200, "hit-l1-exact"), f"question {number}")
            found[number] = (reply.json()["choices"], reply.json()["usage"], reply.header("x-reflex-entry"))
        wrong = gateway.chat("How do I list all pods in k8s?", key="k2", headers=[("Cache-Control", "only-if-cached")])
        self.assertEqual(wrong.status, 504, wrong.headers)
        return found

    def migrate(self, name, to, url, kill=False):
        """The command on a terminal. Killed when its bar says that something is done; else returns its counts."""
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("REFLEX_")}
        environment |= {"REFLEX_STORAGE_PATH": f"{self.folder}/{name}/data", "REFLEX_STORE_URL": url}
        process = subprocess.Popen([PROGRAM, "migrate", "--to", to], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=follower)
        self.addCleanup(process.stdout.close)
        os.close(follower)
        said, steps = b"", []
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:  # The command has ended.
                break
            said += piece
            steps += [tuple(map(int, step)) for step in BAR.findall(piece)]
            if kill and steps:
                process.send_signal(signal.SIGKILL)
        status = process.wait()
        self.assertTrue(steps, f"no progress was shown: {said}")
        self.assertEqual({step[1] for step in steps}, {ENTRIES + 1})
        if kill:
            self.assertEqual(status, -signal.SIGKILL, said)
            self.assertLess(steps[-1][0], ENTRIES)
            return None
        self.assertEqual(status, 0, said)
        self.assertEqual(steps[-1][0], ENTRIES + 1)
        return json.loads(process.stdout.read())

    def both_runs(self, name, to):
        self.migrate(name, to, self.slow_url, kill=True)
        counts = self.migrate(name, to, self.slow_url)
        self.assertGreater(counts["present"], 0, "what was done before is not done again")
        self.assertGreater(counts["copied"], 0)
        self.assertEqual(counts["present"] + counts["copied"], ENTRIES + 1)
        self.assertEqual((counts["total"], counts["target_entries"]), (ENTRIES + 1, ENTRIES + 1))
        self.assertGreaterEqual(counts["notes"], 1, "the pair that was reported as wrong")
        again = self.migrate(name, to, self.redis.url)
        self.assertEqual((again["present"], again["copied"]), (ENTRIES + 1, 0))

    def test_there_and_back_killed_in_the_middle(self):
        first = self.gateway("first")
        self.fill(first)
        first.chat("How do I list all pods in Kubernetes?", key="k2")
        hit = first.chat("How do I list all pods in k8s?", key="k2")
        self.assertEqual(hit.header("x-reflex-status"), "hit-l3-verified")
        report = {"request": hit.header("x-request-id"), "verdict": "wrong"}
        self.assertEqual(first.request("POST", "/v1/reflex/feedback", report, [("Authorization", "Bearer k2")]).status, 200)
        until(lambda: first.metric("reflex_store_entries") == ENTRIES + 1, "all to be stored")
        before = self.answers(first)
        first.stop()
        calls = len(self.up.calls)

        self.both_runs("first", "shared")
        shared = self.gateway("other", store_url=self.redis.url)
        self.assertEqual(self.answers(shared), before)
        shared.stop()

        # Home to a folder that knows nothing yet: the tenant secret comes along.
        self.both_runs("second", "local")
        self.assertEqual(self.answers(self.gateway("second")), before)
        self.assertEqual(len(self.up.calls), calls)

    def test_another_secret_is_told_before_anything_is_copied(self):
        for name in ("mine", "other"):
            gateway = self.gateway(name)
            gateway.chat("q")
            until(lambda: gateway.metric("reflex_store_entries") == 1, "the answer to be stored")
            gateway.stop()
        environment = {**os.environ, "REFLEX_STORE_URL": self.redis.url}

        def run(name, to):
            return subprocess.run([PROGRAM, "migrate", "--to", to], env={**environment, "REFLEX_STORAGE_PATH": f"{self.folder}/{name}/data"},
                                  capture_output=True, text=True, timeout=60)
        done = run("mine", "shared")
        self.assertEqual(done.returncode, 0, done.stderr)
        keys = self.redis.keys()
        for to in ("shared", "local"):
            refused = run("other", to)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("has another tenant secret than", refused.stderr)
            self.assertIn("REFLEX_TENANT_SECRET_FILE", refused.stderr)
        self.assertEqual(self.redis.keys(), keys)


if __name__ == "__main__":
    unittest.main()
