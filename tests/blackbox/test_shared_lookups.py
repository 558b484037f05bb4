"""Look-ups in a shared store: the memory in front, known requests, and a store that stands still under load."""
import os
import signal
import threading

from harness import ReflexTest, Wire, until
from shared_store import RedisServer

THREADS, QUESTIONS, PER_SECOND_EACH = 4, 20, 25


def text_of_plain(reply):
    return reply.json()["choices"][0]["message"]["content"]


class Load:
    """Asks the same questions again and again until it is stopped; `answers` has what came, in order."""

    def __init__(self, reflex):
        self.reflex, self.answers, self.stopping = reflex, [], threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def work(self, number):
        with self.reflex.connect() as sock:
            wire = Wire(sock)
            while not self.stopping.wait(1 / PER_SECOND_EACH):
                number += 1
                try:
                    reply = self.reflex.chat(f"question {number % QUESTIONS}", wire=wire)
                except OSError as error:
                    self.answers.append((0, repr(error), None))
                    return
                self.answers.append((reply.status if reply else 0, reply and reply.header("x-reflex-status"), reply and reply.header("x-reflex-reason")))

    def more(self, condition, count, what):
        """Until so many of the answers that come from now on meet the condition."""
        before = len(self.answers)
        until(lambda: sum(condition(answer) for answer in self.answers[before:]) >= count, what)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def is_hit(answer):
    return answer[1] == "hit-l1-exact"


class SharedTest(ReflexTest):
    def setUp(self):
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)
        super().setUp()

    def start(self, **settings):
        return super().start(store_url=self.redis.url, **settings)


class Front(SharedTest):
    SETTINGS = {"io_threads": 1, "store_memory_ttl": "0s", "store_lookup_timeout": "5s"}

    def test_known_bytes_are_looked_up_before_they_are_read(self):
        replies = []
        with self.reflex.connect() as sock:
            wire = Wire(sock)
            self.assertStatus(self.reflex.chat("again", wire=wire), 200, "miss")
            for _ in range(4):
                replies.append(self.reflex.chat("again", wire=wire))
            # The first hit is read, the others are known by their bytes; nothing of the replies tells.
            for reply in replies:
                self.assertStatus(reply, 200, "hit-l1-exact")
                self.assertEqual([n for n, _ in reply.headers], [n for n, _ in replies[0].headers])
                self.assertEqual(text_of_plain(reply), text_of_plain(replies[0]))
            self.assertEqual(self.reflex.metric("reflex_store_hits_total"), 4)
            self.assertEqual(self.reflex.metric("reflex_memory_hits_total"), 0)
            # What it is known as does not outlive the entry, nor this caller's wishes.
            self.assertStatus(self.reflex.chat("again", wire=wire, headers=[("Cache-Control", "no-cache")]), 200, "refresh")
            self.assertEqual(self.reflex.admin("POST", "/v1/reflex/purge", {"all": True}).status, 200)
            calls = len(self.up.calls)
            self.assertStatus(self.reflex.chat("again", wire=wire), 200, "miss", "no-entry")
            self.assertEqual(len(self.up.calls), calls + 1)
            self.assertStatus(self.reflex.chat("again", wire=wire), 200, "hit-l1-exact")
            self.assertStatus(self.reflex.chat("again", key="another", wire=wire), 200, "miss")

    def test_a_copy_in_memory_has_its_time(self):
        reflex = self.start(**{**self.SETTINGS, "store_memory_ttl": "1s", "store_prefix": "timed"})
        self.assertStatus(reflex.chat("timed"), 200, "miss")

        def hits():
            self.assertStatus(reflex.chat("timed"), 200, "hit-l1-exact")
            return reflex.metric("reflex_store_hits_total")
        until(lambda: hits() >= 2, "the copy to be read again")
        self.assertGreater(reflex.metric("reflex_memory_hits_total"), 2 * reflex.metric("reflex_store_hits_total"))


class StandsStill(SharedTest):
    def shared_store_degraded(self):
        return b"shared store" in self.reflex.request("GET", "/ready").body

    def stand_still_under_load(self, reflex):
        self.reflex = reflex
        load = Load(reflex)
        try:
            load.more(is_hit, QUESTIONS, "hits from the shared store")
            os.kill(self.redis.process.pid, signal.SIGSTOP)
            try:
                load.more(lambda answer: answer[1] == "miss" and answer[2] == "failed", QUESTIONS, "misses while the store stands still")
                until(self.shared_store_degraded, "/ready to say that the shared store is away")
            finally:
                os.kill(self.redis.process.pid, signal.SIGCONT)
            before = len(load.answers)
            until(lambda: len(load.answers) >= before + QUESTIONS and all(is_hit(answer) for answer in load.answers[-QUESTIONS:]),
                  "nothing but hits after the store went on")
            until(lambda: not self.shared_store_degraded(), "/ready to say that all is well")
        finally:
            load.stop()
        self.assertEqual([answer for answer in load.answers if answer[0] != 200], [])
        self.assertGreater(reflex.metric("reflex_store_lookup_failures_total"), 0)
        self.assertGreater(reflex.metric("reflex_shared_store_failures_total"), 0)
        self.assertGreater(reflex.metric("reflex_shared_store_refused_total"), 0)
        until(lambda: reflex.metric("reflex_shared_store_breaker_open") == 0, "the breaker to close")

    def test_without_memory_in_front(self):
        self.reflex.stop()
        reflex = self.start(store_memory_ttl="0s")
        self.stand_still_under_load(reflex)
        self.assertEqual(reflex.metric("reflex_memory_hits_total"), 0)
        self.assertEqual(reflex.metric("reflex_memory_entries"), 0)

    def test_with_memory_in_front(self):
        self.stand_still_under_load(self.reflex)
        self.assertGreater(self.reflex.metric("reflex_memory_hits_total"), 0)
