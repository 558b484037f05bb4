"""The semantic tiers through the program: answers to other words, and none where the words ask for something else."""
import json
import signal

from harness import CHAT, ReflexTest, completion, text_of, until

# Under a sanitizer the first look-up, which reads the word lists, takes longer than the default allows.
ALL = {"tiers": "l1,l2,l3", "semantic_time_limit": "10s"}


class Answers(ReflexTest):
    SETTINGS = ALL

    def test_the_same_words_in_other_dress(self):
        first = self.reflex.chat("What is the capital of France?")
        again = self.reflex.chat("hi, what is the capital of  france")
        self.assertStatus(first, 200, "miss", "no-entry")
        self.assertStatus(again, 200, "hit-l2-canonical")
        self.assertIsNone(again.header("x-reflex-reason"))
        self.assertEqual(again.json()["choices"], first.json()["choices"])
        self.assertEqual(len(again.header("x-reflex-entry")), 64)
        self.assertLessEqual(int(again.header("age")), 60)
        self.assertEqual(len(self.up.calls), 1)

    def test_other_words(self):
        self.reflex.chat("How do I list all pods in Kubernetes?")
        again = self.reflex.chat("How do I list all pods in k8s?")
        self.assertStatus(again, 200, "hit-l3-verified")
        self.assertGreater(float(again.header("x-reflex-verify-score")), 0.5)
        self.assertGreater(float(again.header("x-reflex-similarity")), 0.5)
        self.assertEqual(len(self.up.calls), 1)

    def test_traps_are_refused_with_the_fact(self):
        for kept, asked, reason in (("How long do I boil 2 eggs?", "How long do I boil 3 eggs?", "guard-numbers"),
                                    ("Write quicksort in Go", "Write quicksort in Rust", "guard-language"),
                                    ("How do I enable two-factor login?", "How do I disable two-factor login?", "guard-"),
                                    ("Convert miles to kilometres in a shell", "Convert kilometres to miles in a shell", "guard-")):
            with self.subTest(asked=asked):
                self.reflex.chat(kept)
                before = len(self.up.calls)
                trap = self.reflex.chat(asked)
                self.assertStatus(trap, 200, "miss")
                self.assertTrue(trap.header("x-reflex-reason").startswith(reason), trap.headers)
                self.assertEqual(len(self.up.calls), before + 1)

    def test_the_present_is_asked_anew(self):
        self.reflex.chat("What is the weather in Oslo today?")
        self.assertStatus(self.reflex.chat("what is the weather in oslo today"), 200, "miss", "present")

    def test_everything_but_the_question_counts(self):
        def ask(question, system="Be brief.", key="k1", **fields):
            messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
            return self.reflex.request("POST", CHAT, {"model": "m", "messages": messages, **fields}, [("Authorization", f"Bearer {key}")])
        ask("What is the capital of France?")
        other = "what is the capital of france"
        self.assertStatus(ask(other, system="Answer in German."), 200, "miss", "no-entry")
        self.assertStatus(ask(other, key="k2"), 200, "miss", "no-entry")
        self.assertStatus(ask(other, temperature=0.7), 200, "miss", "no-entry")
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        self.assertStatus(ask(other, tools=[tool]), 200, "miss", "tools")
        self.assertStatus(ask(other), 200, "hit-l2-canonical")

    def test_streams_and_plain_answers_are_one(self):
        plain = self.reflex.chat("What is the capital of France?")
        streamed = self.reflex.chat("what is the capital of france", stream=True)
        self.assertStatus(streamed, 200, "hit-l2-canonical")
        self.assertEqual(text_of(streamed.body), plain.json()["choices"][0]["message"]["content"])

    def test_a_request_narrows_the_tiers(self):
        self.reflex.chat("What is the capital of France?")
        other = "what is the capital of france"
        self.assertStatus(self.reflex.chat(other, headers=[("Cache-Control", "no-transform")]), 200, "miss")
        self.assertStatus(self.reflex.chat(other + "!", headers=[("X-Reflex-Tiers", "l1,l2")]), 200, "hit-l2-canonical")
        self.assertStatus(self.reflex.chat(other + " ?", headers=[("X-Reflex-Tiers", "l1")]), 200, "miss", "no-entry")
        self.assertStatus(self.reflex.chat(other + "?!", headers=[("Cache-Control", "no-cache")]), 200, "refresh")
        self.assertEqual(self.reflex.chat("x", headers=[("X-Reflex-Tiers", "l4")]).status, 400)

    def test_a_semantic_hit_is_not_made_exact(self):
        self.reflex.chat("What is the capital of France?")
        for _ in range(3):
            self.assertStatus(self.reflex.chat("what is the capital of france"), 200, "hit-l2-canonical")

    def test_a_restart_keeps_canonical_hits_and_large_scopes(self):
        towns = [f"What is the altitude of {name}?" for name in
                 ("Oslo", "Bergen", "Rome", "Milan", "Turin", "Paris", "Lyon", "Nice", "Madrid", "Seville", "Berlin", "Bonn", "Munich",
                  "Vienna", "Graz", "Prague", "Brno", "Warsaw", "Krakow", "Lisbon", "Porto", "Athens", "Sofia", "Dublin", "Cork")]
        for town in towns:
            self.reflex.chat(town)
        self.reflex.signal(signal.SIGTERM)
        self.assertEqual(self.reflex.wait(), 0)
        again = self.start(folder=self.reflex.folder, **ALL)
        calls = len(self.up.calls)
        self.assertStatus(again.chat("what is the altitude of lisbon"), 200, "hit-l2-canonical")
        # More than are compared one by one: the index has to be back.
        reply = until(lambda: self.hit(again, "What is the altitued of Porto?"), "a verified hit after the restart")
        self.assertEqual(reply.json()["choices"][0]["message"]["content"].rsplit(" to ")[1], "What is the altitude of Porto?")
        self.assertStatus(again.chat("What is the altitued of Faro?"), 200, "miss")
        self.assertEqual(len(self.up.calls), calls + 1)

    @staticmethod
    def hit(reflex, question):
        reply = reflex.chat(question, headers=[("Cache-Control", "only-if-cached")])
        return reply if (reply.header("x-reflex-status") or "").startswith("hit-") else None


class CanonicalOnly(ReflexTest):
    SETTINGS = {"tiers": "l1,l2"}

    def test_other_words_are_another_question(self):
        self.reflex.chat("How do I list all pods in Kubernetes?")
        self.assertStatus(self.reflex.chat("how do I list all pods in Kubernetes"), 200, "hit-l2-canonical")
        # A header widens nothing.
        self.assertStatus(self.reflex.chat("How do I list all pods in k8s?", headers=[("X-Reflex-Tiers", "l1,l2,l3")]), 200, "miss")


class ExactOnly(ReflexTest):
    SETTINGS = {"tiers": "l1"}

    def test_other_dress_is_another_question(self):
        self.reflex.chat("What is the capital of France?")
        self.assertStatus(self.reflex.chat("what is the capital of france"), 200, "miss", "no-entry")


class Calls(ReflexTest):
    SETTINGS = ALL

    def explain(self, question, key="k1"):
        body = {"model": "m", "messages": [{"role": "user", "content": question}]}
        return self.reflex.request("POST", "/v1/reflex/explain", body, [("Authorization", f"Bearer {key}")])

    def feedback(self, key="k1", **body):
        return self.reflex.request("POST", "/v1/reflex/feedback", body, [("Authorization", f"Bearer {key}")])

    def test_explain_tells_what_was_found(self):
        self.reflex.chat("How long do I boil 2 eggs?")
        told = self.explain("How long do I boil 3 eggs?")
        self.assertEqual(told.status, 200, told.body)
        answer = told.json()
        self.assertEqual((answer["decision"], answer["reason"]), ("miss", "guard-numbers"))
        candidate = answer["semantic"]["candidates"][0]
        self.assertEqual(candidate["question"], "How long do I boil 2 eggs?")
        self.assertEqual(candidate["differences"][0]["guard"], "numbers")
        self.assertEqual(self.explain("how long do I boil 2 eggs").json()["decision"], "hit-l2-canonical")
        # Another caller sees nothing of it, and nothing was asked or counted.
        self.assertNotIn(b"boil 2 eggs", self.explain("How long do I boil 3 eggs?", key="k2").body)
        self.assertEqual(len(self.up.calls), 1)

    def test_a_wrong_answer_never_comes_again(self):
        self.reflex.chat("What is the capital of France?")
        wrong = self.reflex.chat("what is the capital of france")
        request = wrong.header("x-request-id")
        self.assertEqual(self.feedback(key="k2", request=request, verdict="wrong").status, 404)
        said = self.feedback(request=request, verdict="wrong")
        self.assertEqual(said.status, 200, said.body)
        self.assertStatus(self.reflex.chat("what is the capital of france"), 200, "miss", "blocked")
        self.assertStatus(self.reflex.chat("What is the capital of France?"), 200, "hit-l1-exact")
        self.assertEqual(self.feedback(request="req_unknown", verdict="wrong").status, 404)
        self.assertEqual(self.feedback(request=request, verdict="maybe").status, 400)

    def test_a_block_outlives_a_restart(self):
        self.reflex.chat("What is the capital of France?")
        wrong = self.reflex.chat("what is the capital of france")
        self.assertEqual(self.feedback(request=wrong.header("x-request-id"), verdict="wrong").status, 200)
        self.reflex.signal(signal.SIGTERM)
        self.assertEqual(self.reflex.wait(), 0)
        again = self.start(folder=self.reflex.folder, **ALL)
        self.assertStatus(again.chat("what is the capital of france"), 200, "miss", "blocked")

    def test_a_wrong_exact_hit_is_erased(self):
        self.reflex.chat("q")
        hit = self.reflex.chat("q")
        self.assertEqual(self.feedback(request=hit.header("x-request-id"), verdict="wrong").status, 200)
        self.assertStatus(self.reflex.chat("q"), 200, "miss", "no-entry")

    def test_purges_hold_for_other_words(self):
        for rule, headers in (({"tag": "t"}, [("X-Reflex-Tags", "t")]), ({"namespace": "n"}, [("X-Reflex-Namespace", "n")]),
                              ({"model": "m"}, []), ({"all": True}, [])):
            with self.subTest(rule=rule):
                self.reflex.chat("What is the capital of France?", headers=headers)
                self.assertStatus(self.reflex.chat("what is the capital of france", headers=headers), 200, "hit-l2-canonical")
                counted = self.reflex.admin("POST", "/v1/reflex/purge", {**rule, "dry_run": True})
                if "all" not in rule:
                    self.assertEqual(counted.json()["entries"], 1, counted.body)
                self.assertEqual(self.reflex.admin("POST", "/v1/reflex/purge", rule).status, 200)
                self.assertStatus(self.reflex.chat("What is the capital of France?", headers=headers), 200, "miss")
                self.reflex.admin("POST", "/v1/reflex/purge", {"all": True})

    def test_metrics_and_ready_know_the_tiers(self):
        self.reflex.chat("What is the capital of France?")
        self.reflex.chat("what is the capital of france")
        text = self.reflex.request("GET", "/metrics").body.decode()
        self.assertIn("hit-l2-canonical", text)
        self.assertEqual(self.reflex.request("GET", "/ready").status, 200)


class Audits(ReflexTest):
    SETTINGS = {**ALL, "semantic_audit_share": "100%", "semantic_audits_per_minute": "100"}

    def test_a_hit_is_asked_again_behind_the_reply(self):
        self.reflex.chat("What is the capital of France?")
        self.assertStatus(self.reflex.chat("what is the capital of france"), 200, "hit-l2-canonical")
        until(lambda: len(self.up.calls) == 2, "the audit's call")
        audit = self.up.calls[1]
        self.assertEqual(audit.header("authorization"), "Bearer k1")
        self.assertFalse(json.loads(audit.body).get("stream", False))
        # An audit stores nothing: the other words still are no entry of their own.
        self.assertStatus(self.reflex.chat("what is the capital of france"), 200, "hit-l2-canonical")

    def test_an_answer_with_another_fact_is_a_wrong_label(self):
        minutes = iter("57")
        self.up.answer = lambda _, call: call.reply(completion(f"Boil the eggs in salted water for {next(minutes)} minutes, then cool them."))
        self.reflex.chat("How long do I boil eggs?")
        self.assertStatus(self.reflex.chat("how long do i boil eggs"), 200, "hit-l2-canonical")
        until(lambda: self.reflex.metric("reflex_audits_total") == 1, "the audit's verdict")
        self.assertEqual(self.reflex.metric("reflex_semantic_budget_wrong_labels"), 1)

    def test_no_store_is_never_audited(self):
        self.reflex.chat("What is the capital of France?")
        self.assertStatus(self.reflex.chat("what is the capital of france", headers=[("Cache-Control", "no-store")]), 200, "bypass")
        self.assertEqual(len(self.up.calls), 2)
