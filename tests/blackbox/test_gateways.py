"""Two and four gateways on one Redis: what one stores, all have; what one is told to forget, all forget."""
import pathlib
import signal
import tempfile
import time
import unittest

from harness import Reflex, Wire, events_of, text_of, until
from shared_store import PATIENT, Gateways


class Shared:
    """The tests, for any number of gateways."""

    def test_an_answer_is_an_exact_hit_on_each_in_both_forms(self):
        plain = self.stored("the first question")
        said = plain.json()["choices"]
        streamed = self.ask(self.gateways[-1], "the second question", stream=True)
        self.assertEqual(streamed.header("x-reflex-status"), "miss")
        text = text_of(streamed.body)
        self.stored_by_now("the second question")
        for gateway in self.gateways:
            again = self.ask(gateway, "the first question")
            self.assertHit(again, "hit-l1-exact")
            self.assertEqual(again.json()["choices"], said)
            self.assertEqual(again.json()["usage"], plain.json()["usage"])
            replayed = self.ask(gateway, "the first question", stream=True)
            self.assertHit(replayed, "hit-l1-exact")
            self.assertEqual(text_of(replayed.body), said[0]["message"]["content"])
            self.assertEqual(events_of(replayed.body)[-1], b"[DONE]")
            whole = self.ask(gateway, "the second question")
            self.assertHit(whole, "hit-l1-exact")
            self.assertEqual(whole.json()["choices"][0]["message"]["content"], text)
            self.assertEqual(text_of(self.ask(gateway, "the second question", stream=True).body), text)
        self.assertEqual(self.asked(), 2)

    def test_an_answer_is_a_canonical_hit_on_each(self):
        first = self.stored("What is the capital of France?")
        for number, gateway in enumerate(self.gateways):
            again = self.ask(gateway, "hi, what is the capital of  france" + "!" * number)
            self.assertHit(again, "hit-l2-canonical")
            self.assertEqual(again.json()["choices"], first.json()["choices"])
            self.assertHit(self.ask(gateway, "hi, what is the capital of france", stream=True), "hit-l2-canonical")
        self.assertEqual(self.asked(), 1)

    def test_an_answer_is_a_verified_hit_on_each_and_a_trap_on_none(self):
        first = self.stored("How do I list all pods in Kubernetes?")
        for gateway in self.gateways:
            again = self.ask(gateway, "How do I list all pods in k8s?")
            self.assertHit(again, "hit-l3-verified")
            self.assertEqual(again.json()["choices"], first.json()["choices"])
            self.assertIsNone(self.probe(gateway, "How do I delete all pods in Kubernetes?"))
        self.assertEqual(self.asked(), 1)

    def test_tenants_stay_apart(self):
        self.stored("What is the capital of France?")
        for gateway in self.gateways:
            for text in ("What is the capital of France?", "what is the capital of france", "What's the capital of France?"):
                self.assertIsNone(self.probe(gateway, text, key="another"))
                self.assertIsNone(self.probe(gateway, text, headers=[("X-Reflex-Namespace", "other")]))
        self.assertHit(self.ask(self.gateways[-1], "What is the capital of France?"), "hit-l1-exact")

    def test_a_purge_reaches_all_within_a_second_copies_in_memory_too(self):
        tagged, spaced = [("X-Reflex-Tags", "red")], [("X-Reflex-Namespace", "blue")]
        kinds = (("of a model", {"model": "m-purged"}, (), {"model": "m-purged"}), ("of a tag", {"tag": "red"}, tagged, {}),
                 ("of a namespace", {"namespace": "blue"}, spaced, {}))
        for at, (what, conditions, headers, fields) in enumerate(kinds):
            with self.subTest(what):
                question = f"What is purged by a purge {what}?"
                self.stored(question, headers=headers, **fields)
                self.stored("What stays?" + what)
                self.purge(at, conditions, question, headers, **fields)
                for gateway in self.gateways:
                    self.assertHit(self.ask(gateway, "What stays?" + what), "hit-l1-exact")
        entry = self.ask(self.gateways[-1], "What stays?of a tag").header("x-reflex-entry")
        self.purge(1, {"entry": entry}, "What stays?of a tag")
        self.purge(0, {"all": True}, "What stays?of a model")
        self.assertIsNone(self.probe(self.gateways[1], "What stays?of a namespace"))

    def purge(self, at, conditions, question, headers=(), **fields):
        """Has one gateway purge what all hold in memory, and asks all, over connections that have asked the same before."""
        wires = []
        for gateway in self.gateways:
            sock = gateway.connect()
            self.addCleanup(sock.close)
            wires.append(Wire(sock))
            for _ in range(3):
                self.assertHit(self.ask(gateway, question, headers, wire=wires[-1], **fields), "hit-l1-exact")
        reply = self.gateways[at % self.COUNT].admin("POST", "/v1/reflex/purge", conditions)
        since = time.monotonic()
        self.assertEqual(reply.status, 200, reply.body)
        for gateway, wire in zip(self.gateways, wires):
            self.assertGone(gateway, question, since, headers=headers, wire=wire, **fields)
            self.assertIsNone(self.probe(gateway, question.lower(), headers, **fields), "in other words")
        # Not an answer from before the purge: the provider is asked once more, and that answer is everyone's again.
        again = self.ask(self.gateways[-1], question, headers, wire=wires[-1], **fields)
        self.assertEqual(again.header("x-reflex-status"), "miss")
        self.stored_by_now(question, headers, **fields)

    def test_what_is_reported_as_wrong_is_wrong_on_all(self):
        self.stored("How do I list all pods in Kubernetes?")
        other = "How do I list all pods in k8s?"
        hits = [self.ask(gateway, other) for gateway in self.gateways]
        for hit in hits:
            self.assertHit(hit, "hit-l3-verified")
        self.report(0, {"request": hits[0].header("x-request-id")})
        since = time.monotonic()
        for gateway in self.gateways:
            self.assertGone(gateway, other, since)
            self.assertHit(self.ask(gateway, "How do I list all pods in Kubernetes?"), "hit-l1-exact")

    def test_an_exact_hit_reported_by_entry_elsewhere_is_erased_on_all(self):
        self.stored("What was wrong?")
        hit = self.ask(self.gateways[0], "What was wrong?")
        body = {"model": "m", "messages": [{"role": "user", "content": "What was wrong?"}]}
        self.report(1, {"entry": hit.header("x-reflex-entry"), "body": body})
        since = time.monotonic()
        for gateway in self.gateways:
            self.assertGone(gateway, "What was wrong?", since)

    def report(self, at, what):
        reply = self.gateways[at].request("POST", "/v1/reflex/feedback", {**what, "verdict": "wrong"},
                                          [("Authorization", f"Bearer {self.key}")])
        self.assertEqual(reply.status, 200, reply.body)

    def test_a_gateway_that_was_killed_has_all_again(self):
        self.stored("What outlives a gateway?")
        killed = self.gateways[1]
        killed.signal(signal.SIGKILL)
        killed.wait()
        self.ask(self.gateways[0], "What came meanwhile?")
        self.start_at(1)
        self.stored_by_now("What came meanwhile?")
        for text in ("What outlives a gateway?", "what outlives a gateway"):
            self.assertIsNotNone(self.probe(self.gateways[1], text))
        self.stored("What came after?", at=1)
        self.assertEqual(self.asked(), 3)

    def test_a_scope_too_large_to_compare_one_by_one_is_searched_where_it_was_stored_and_after_a_start(self):
        towns = ("Oslo", "Bergen", "Rome", "Milan", "Turin", "Paris", "Lyon", "Nice", "Madrid", "Seville", "Berlin", "Bonn", "Munich",
                 "Vienna", "Graz", "Prague", "Brno", "Warsaw", "Krakow", "Lisbon", "Porto", "Athens", "Sofia", "Dublin", "Cork")
        for town in towns:
            self.ask(self.gateways[0], f"What is the altitude of {town}?")
        for gateway in self.gateways:
            self.stored_by_now("what is the altitude of cork", gateways=[gateway])
        late = Reflex(self.up.port, **{**PATIENT, "store_url": self.redis.url})
        self.addCleanup(late.stop)
        for gateway in (self.gateways[0], late):
            for town in ("Porto", "Vienna"):
                other = f"What is the altitued of {town}?"
                reply = until(lambda: self.probe(gateway, other), f"{town} to be found by similarity")
                self.assertHit(reply, "hit-l3-verified")
                self.assertTrue(reply.json()["choices"][0]["message"]["content"].endswith(f"altitude of {town}?"))
            self.assertIsNone(self.probe(gateway, "What is the altitued of Faro?"))
        self.assertEqual(self.asked(), len(towns))

    def test_gateways_agree_on_one_secret_without_a_file(self):
        secrets = {pathlib.Path(gateway.folder, "data", "tenant.key").read_bytes() for gateway in self.gateways}
        self.assertEqual(len(secrets), self.COUNT, "each made one of its own")
        self.stored("Whose secret is it?")
        # One more, which finds the secret there.
        late = Reflex(self.up.port, **{**PATIENT, "store_url": self.redis.url})
        self.addCleanup(late.stop)
        self.assertIsNotNone(self.probe(late, "Whose secret is it?"))

    def test_a_gateway_with_another_secret_stops_with_a_sentence(self):
        with tempfile.NamedTemporaryFile(buffering=0) as file:
            file.write(b"s" * 32)
            with self.assertRaises(AssertionError) as stopped:
                Reflex(self.up.port, **{**PATIENT, "store_url": self.redis.url, "tenant_secret_file": file.name})
            self.assertIn("is not that of the other gateways on the shared store", str(stopped.exception))
            self.assertIn("REFLEX_TENANT_SECRET_FILE", str(stopped.exception))
            # Under a prefix of its own it is at home, and so is another with a copy of the file.
            own = {**PATIENT, "store_url": self.redis.url, "store_prefix": "own" + str(self.COUNT), "tenant_secret_file": file.name}
            pair = [Reflex(self.up.port, **own) for _ in range(2)]
            for gateway in pair:
                self.addCleanup(gateway.stop)
            self.ask(pair[0], "Whose file is it?")
            self.stored_by_now("Whose file is it?", gateways=pair)
            self.assertIsNone(self.probe(self.gateways[0], "Whose file is it?"))


class TwoGateways(Shared, Gateways):
    COUNT = 2


class FourGateways(Shared, Gateways):
    COUNT = 4


if __name__ == "__main__":
    unittest.main()
