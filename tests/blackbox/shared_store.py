"""A real redis-server on loopback, and gateways that share it."""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Reflex, Upstream, Wire, until

SERVER = os.environ.get("REFLEX_TEST_REDIS", "redis-server")
# What a sanitizer makes slow is not what these tests are about.
PATIENT = {"tiers": "l1,l2,l3", "semantic_time_limit": "10s", "store_lookup_timeout": "5s", "store_write_timeout": "5s"}


class RedisServer:
    """Gone with stop(). A test that finds no redis-server fails."""

    def __init__(self, *arguments):
        self.folder = tempfile.mkdtemp(prefix="reflex-redis-")
        self.process = None
        for _ in range(5):  # Another program may take the port that was free a moment ago.
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = probe.getsockname()[1]
            self.process = subprocess.Popen([SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                             "--dir", self.folder, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until(lambda: self.process.poll() is not None or self.answers(), "redis-server to answer")
            if self.process.poll() is None:
                return
        raise AssertionError(f"{SERVER} ended with {self.process.returncode}")

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def ask(self, *words):
        """One command, with a reply that is a line, a number or a text."""
        data = f"*{len(words)}\r\n".encode() + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (word.encode() for word in words))
        with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
            sock.sendall(data)
            wire = Wire(sock)
            line = wire.line() or ""
            if line.startswith("$"):
                return None if line == "$-1" else wire.take(int(line[1:])).decode()
            return line[1:]

    def keys(self):
        return int(self.ask("DBSIZE"))

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Gateways(unittest.TestCase):
    """COUNT gateways on one server, started at the same moment, for all tests of a class; each test asks as a tenant of its own."""

    COUNT = 2

    @classmethod
    def setUpClass(cls):
        cls.up = Upstream()
        cls.addClassCleanup(cls.up.close)
        cls.redis = RedisServer()
        cls.addClassCleanup(cls.redis.stop)
        cls.gateways = [None] * cls.COUNT
        starts = [threading.Thread(target=cls.start_at, args=(place,)) for place in range(cls.COUNT)]
        for thread in starts:
            thread.start()
        for thread in starts:
            thread.join()
        assert all(cls.gateways), "a gateway did not start"

    @classmethod
    def start_at(cls, place, **more):
        """A gateway with a storage folder, so a secret, of its own."""
        gateway = Reflex(cls.up.port, **{**PATIENT, "store_url": cls.redis.url, **more})
        cls.addClassCleanup(gateway.stop)
        cls.gateways[place] = gateway
        return gateway

    def setUp(self):
        self.key = self.id()
        self.calls = len(self.up.calls)

    def asked(self):
        """Calls to the provider since the test began."""
        return len(self.up.calls) - self.calls

    def ask(self, gateway, text, headers=(), key=None, wire=None, **fields):
        return gateway.chat(text, key=key or self.key, headers=headers, wire=wire, **fields)

    def probe(self, gateway, text, headers=(), **more):
        """What a request would be answered with from the cache: the reply, or None."""
        reply = self.ask(gateway, text, headers=[("Cache-Control", "only-if-cached"), *headers], **more)
        return reply if (reply.header("x-reflex-status") or "").startswith("hit-") else None

    def stored(self, text, at=0, headers=(), **fields):
        """Stores an answer through one gateway; returns when it lies in the server."""
        reply = self.ask(self.gateways[at], text, headers=headers, **fields)
        self.assertEqual((reply.status, reply.header("x-reflex-status")), (200, "miss"), reply.body[:300])
        self.stored_by_now(text, headers, **fields)
        return reply

    def stored_by_now(self, text, headers=(), gateways=None, **fields):
        """Waits for an answer to be a hit on all."""
        for gateway in gateways or self.gateways:
            until(lambda: self.probe(gateway, text, headers, **fields), f"{text!r} to be a hit on all")

    def assertHit(self, reply, status):
        self.assertEqual((reply.status, reply.header("x-reflex-status")), (200, status), reply.headers)

    def assertGone(self, gateway, text, since, limit_s=1.0, **more):
        """No request that begins later than the limit after `since` is answered from the cache."""
        while True:
            began = time.monotonic()
            if not self.probe(gateway, text, **more):
                return began - since
            self.assertLess(began - since, limit_s, f"{text!r} is still served")

