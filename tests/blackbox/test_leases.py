"""One call for many across processes: gateways on one Redis do not ask the provider the same thing at once."""
import json
import signal
import threading
import time
import unittest

from harness import Reflex, Upstream, completion, stream_events, text_of, until
from shared_store import PATIENT, RedisServer

# Far beyond what a busy machine takes; a test that is about a limit sets it.
WAITS = {"flights_wait_plain": "60s", "flights_wait_stream": "60s", "flights_lease_life": "120s"}


class Leases(unittest.TestCase):
    def setUp(self):
        self.up = Upstream()
        self.addCleanup(self.up.close)
        self.go_on, self.asked = threading.Event(), threading.Semaphore(0)
        self.addCleanup(self.go_on.set)
        self.up.answer = self.answer
        self.redis = RedisServer()
        self.addCleanup(self.redis.stop)

    def answer(self, up, call):
        """Says that it was asked, then answers when the test lets it."""
        self.asked.release()
        self.go_on.wait()
        if call.request.json().get("stream"):
            call.stream(stream_events("one answer"))
        else:
            call.reply(completion("one answer"))

    def start(self, count, **more):
        gateways = [Reflex(self.up.port, **{**PATIENT, **WAITS, "tiers": "l1", "store_url": self.redis.url, **more}) for _ in range(count)]
        for gateway in gateways:
            self.addCleanup(gateway.stop)
        return gateways

    def ask_all(self, requests):
        """Starts (gateway, fields) each in a thread of its own; returns threads, and the replies in their places as they come."""
        replies = [None] * len(requests)

        def ask(place, gateway, fields):
            try:
                replies[place] = gateway.chat("the question", **fields)
            except (OSError, AttributeError) as error:
                replies[place] = error

        threads = [threading.Thread(target=ask, args=(place, *request)) for place, request in enumerate(requests)]
        for thread in threads:
            thread.start()
        return threads, replies

    def assertAnswered(self, replies):
        for reply in replies:
            self.assertEqual(getattr(reply, "status", reply), 200)
            streamed = (reply.header("content-type") or "").startswith("text/event-stream")
            text = text_of(reply.body) if streamed else reply.json()["choices"][0]["message"]["content"]
            self.assertEqual(text.strip(), "one answer")

    def leases(self, gateway, end):
        text = gateway.request("GET", "/metrics").body.decode()
        return sum(int(row.rsplit(" ", 1)[1]) for row in text.splitlines() if row.startswith(f'reflex_call_leases_total{{end="{end}"}}'))

    def test_fifty_equal_requests_over_two_gateways_are_one_call(self):
        gateways = self.start(2)
        threads, replies = self.ask_all([(gateways[i % 2], {"stream": True} if i % 4 > 1 else {}) for i in range(50)])
        self.assertTrue(self.asked.acquire(timeout=60))
        until(lambda: sum(g.metric("reflex_joined_requests_total") for g in gateways) == 48, "all to share a call or to wait")
        self.go_on.set()
        for thread in threads:
            thread.join()
        self.assertAnswered(replies)
        self.assertEqual(len(self.up.calls), 1)
        outcomes = [reply.header("x-reflex-status") for reply in replies]
        self.assertEqual((outcomes.count("miss"), outcomes.count("hit-l1-exact")), (25, 25), outcomes)
        self.assertEqual(sum(self.leases(g, "taken") for g in gateways), 1)
        self.assertEqual(sum(self.leases(g, "answer") for g in gateways), 1)
        until(lambda: self.redis.ask("KEYS", "reflex:f:*") == "0", "the lease to be given back")

    def test_many_questions_over_four_gateways_are_one_call_each(self):
        gateways = self.start(4)
        self.go_on.set()
        replies = []

        def ask(gateway, first):
            for i in range(30):
                replies.append(gateway.chat(f"question {(i + first) % 30}"))

        threads = [threading.Thread(target=ask, args=(gateway, first)) for gateway in gateways for first in (0, 0, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(replies), 360)
        self.assertAnswered(replies)
        self.assertEqual(len(self.up.calls), 30)

    def test_who_waited_to_the_limit_asks_itself(self):
        first, second = self.start(2, flights_wait_plain="2s", flights_wait_stream="200ms")
        threads, replies = self.ask_all([(first, {})])
        self.assertTrue(self.asked.acquire(timeout=60))
        for fields, limit_s in (({"stream": True}, 0.2), ({}, 2.0)):
            # Another question for each, held by the first gateway too.
            text = f"held for {limit_s}"
            holder = threading.Thread(target=lambda: first.chat(text))
            holder.start()
            self.assertTrue(self.asked.acquire(timeout=60))
            began = time.monotonic()
            waiter = threading.Thread(target=lambda: second.chat(text, **fields))
            waiter.start()
            self.assertTrue(self.asked.acquire(timeout=60))
            waited = time.monotonic() - began
            self.assertGreaterEqual(waited, limit_s)
            self.assertLess(waited, limit_s + 5, "a sanitizer and a busy machine allowed for")
            threads += [holder, waiter]
        self.go_on.set()
        for thread in threads:
            thread.join()
        self.assertAnswered(replies)
        self.assertEqual(self.leases(second, "limit"), 2)

    def test_a_gateway_that_is_killed_costs_the_other_its_wait_and_a_call(self):
        first, second = self.start(2, flights_wait_plain="2s")
        lost, _ = self.ask_all([(first, {})])
        self.assertTrue(self.asked.acquire(timeout=60))
        threads, replies = self.ask_all([(second, {})])
        until(lambda: second.metric("reflex_upstream_calls_running") == 1, "the other to wait")
        killed = time.monotonic()
        first.signal(signal.SIGKILL)
        self.assertTrue(self.asked.acquire(timeout=60), "the other asks itself")
        self.assertLess(time.monotonic() - killed, 2 + 5)
        self.go_on.set()
        for thread in threads + lost:
            thread.join()
        self.assertAnswered(replies)
        self.assertEqual(replies[0].header("x-reflex-status"), "miss")
        self.assertEqual(len(self.up.calls), 2)

    def test_a_gateway_that_is_stopped_hands_over_at_once(self):
        first, second = self.start(2, server_drain_timeout="100ms")
        lost, _ = self.ask_all([(first, {})])
        self.assertTrue(self.asked.acquire(timeout=60))
        threads, replies = self.ask_all([(second, {})])
        until(lambda: second.metric("reflex_upstream_calls_running") == 1, "the other to wait")
        first.signal(signal.SIGTERM)
        self.assertTrue(self.asked.acquire(timeout=30), "long before the wait of a minute is over")
        self.go_on.set()
        for thread in threads + lost:
            thread.join()
        self.assertAnswered(replies)

    def test_a_caller_who_leaves_hands_over_at_once(self):
        first, second = self.start(2)
        sock = first.connect()
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "the question"}]}).encode()
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k1\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.assertTrue(self.asked.acquire(timeout=60))
        threads, replies = self.ask_all([(second, {})])
        until(lambda: second.metric("reflex_upstream_calls_running") == 1, "the other to wait")
        sock.close()
        self.assertTrue(self.asked.acquire(timeout=30), "long before the wait of a minute is over")
        self.go_on.set()
        for thread in threads:
            thread.join()
        self.assertAnswered(replies)

    def test_redis_killed_in_the_middle_fails_no_request(self):
        first, second = self.start(2, store_lookup_timeout="500ms")
        threads, replies = self.ask_all([(first, {}), (second, {}), (first, {"stream": True}), (second, {"stream": True})])
        self.assertTrue(self.asked.acquire(timeout=60))
        until(lambda: first.metric("reflex_joined_requests_total") + second.metric("reflex_joined_requests_total") == 2, "two to wait")
        self.redis.process.kill()
        self.assertTrue(self.asked.acquire(timeout=30), "long before the wait of a minute is over")
        self.go_on.set()
        for thread in threads:
            thread.join()
        self.assertAnswered(replies)
        self.assertEqual(len(self.up.calls), 2)
        self.assertEqual(self.leases(first, "failed") + self.leases(second, "failed"), 1)
        began = time.monotonic()
        self.assertEqual(first.chat("asked without a store").status, 200)
        self.assertLess(time.monotonic() - began, 10)


if __name__ == "__main__":
    unittest.main()
