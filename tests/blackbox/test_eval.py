"""Trials of questions in a file: what the program promises of those it was measured with, and services on other machines."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import PROGRAM, Upstream

# What the verifier leaves open, most of it.
OPEN = [("How do I reset my password?", "What should I do when I forgot my password?"),
        ("Why is the sky blue?", "What makes the sky look blue?"),
        ("How do I boil an egg?", "What is the best way to cook eggs?"),
        ("How does a refrigerator work?", "What is the principle behind a fridge?"),
        ("How do I merge two branches in git?", "How can I combine branches with git?"),
        ("How do vaccines work?", "What do vaccines do in the body?"),
        ("How do I learn to play the guitar?", "What helps a beginner to play guitar well?")]
# More than are compared without vectors.
STREAM = [f"describe a {thing}" for thing in ("volcano", "piano", "bicycle", "glacier", "sonnet", "enzyme", "castle", "violin", "tornado",
                                              "cactus", "harbour", "lantern", "meadow", "orchard", "pyramid", "saddle", "tunnel",
                                              "walnut", "zebra", "anchor")]


DATA = pathlib.Path(__file__).resolve().parents[2] / "models" / "data"


def run_eval(kind, lines, *arguments, **settings):
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith("REFLEX_") and not k.lower().endswith("_proxy")}
    environment |= {f"REFLEX_{k.upper()}": v for k, v in settings.items()}
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(lines)
        file.flush()
        return subprocess.run([PROGRAM, "eval", kind, file.name, "--json", *arguments], env=environment, capture_output=True, text=True,
                              check=False)


class Eval(unittest.TestCase):
    def report_of(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)


class Bars(Eval):
    """What docs/quality.md promises of the program as it is shipped, with nothing installed."""

    def report(self, kind, paths, *arguments):
        return self.report_of(run_eval(kind, [line for path in paths for line in path.open(encoding="utf-8")], *arguments))

    def test_coding_questions(self):
        report = self.report("pairs", sorted((DATA / "public").glob("c_*.jsonl")))
        self.assertEqual(report["rows"], 780)
        self.assertLessEqual(report["false_hit_rate"]["share"], 0.01)
        self.assertGreaterEqual(report["near_repeats"]["share"], 0.96)
        self.assertGreaterEqual(report["paraphrases"]["share"], 0.45)

    def test_the_stream(self):
        stream = [DATA / "public" / "b2_code_stream.jsonl"]
        report = self.report("stream", stream)
        self.assertGreaterEqual(report["hits"]["share"], 0.82)
        self.assertLessEqual(report["wrong_share"]["share"], 0.003)
        canonical = self.report("stream", stream, "--tiers", "l1,l2")
        self.assertEqual(canonical["wrong_share"]["k"], 0)
        self.assertGreater(canonical["hits"]["share"], 0.7)

    def test_whole_requests(self):
        report = self.report("requests", [DATA / "public" / "d_request_pairs.jsonl"])
        self.assertEqual(report["right"]["k"], report["rows"])

    def test_questions_of_every_walk_of_life_that_nothing_was_trained_with(self):
        report = self.report("pairs", sorted((DATA / "unseen").glob("near*.jsonl")))
        self.assertEqual(report["rows"], 792 + 590)
        self.assertLessEqual(report["false_hit_rate"]["share"], 0.01)
        self.assertGreaterEqual(report["paraphrases"]["share"], 0.25)

    def test_the_nearest_text_alone_is_far_worse(self):
        report = self.report("stream", [DATA / "public" / "b2_code_stream.jsonl"], "--cosine", "0.95")
        self.assertGreater(report["wrong_share"]["share"], 0.03)
        self.assertLess(report["hits"]["share"], 0.82)


class Services(Eval):
    def setUp(self):
        self.service = Upstream()
        self.service.answer = self.answer
        self.said = 0.5
        self.addCleanup(self.service.close)

    def answer(self, _, call):
        body = call.request.json()
        if call.request.target.endswith("/embeddings"):
            vectors = [[1.0, len(text) / 100, text.count("a") / 10] for text in body["input"]]
            call.reply({"data": [{"index": i, "embedding": vector} for i, vector in enumerate(vectors)]})
        else:
            call.reply({"results": [{"index": i, "relevance_score": self.said} for i in range(len(body["documents"]))]})

    def url(self, path=""):
        return f"http://127.0.0.1:{self.service.port}{path}"

    def run_eval(self, kind, rows, *arguments, **settings):
        return run_eval(kind, [json.dumps(row) + "\n" for row in rows], *arguments, **settings)

    def report(self, *arguments, **settings):
        return self.report_of(self.run_eval(*arguments, **settings))

    def hits(self, *arguments, **settings):
        pairs = [{"id": i, "a": a, "b": b} for i, (a, b) in enumerate(OPEN)]
        return self.report("pairs", pairs, *arguments, **settings)["hits"]["k"]

    def test_an_embedder_makes_the_vectors(self):
        rows = [{"id": i, "prompt": prompt} for i, prompt in enumerate(STREAM)]
        report = self.report("stream", rows, embedder_url=self.url("/v1"), embedder_model="m", embedder_key="secret")
        self.assertEqual(report["embedder"], "http m")
        asked = {text for call in self.service.calls for text in call.json()["input"]}
        self.assertIn(STREAM[-1], asked)
        self.assertEqual({call.header("authorization") for call in self.service.calls}, {"Bearer secret"})

    def test_the_pairs_features_are_of_words_where_a_service_has_none(self):
        pairs = [{"id": i, "a": a, "b": b} for i, (a, b) in enumerate(OPEN)]
        tables = []
        for settings in ({}, {"embedder_url": self.url("/v1"), "embedder_model": "m"}):
            with tempfile.NamedTemporaryFile() as table:
                done = self.run_eval("pairs", pairs, "--features", table.name, **settings)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                tables.append(table.read())
        self.assertEqual(tables[0], tables[1])

    def test_a_reranker_is_the_last_judge_and_is_calibrated(self):
        without = self.hits()
        self.said = 0.9
        self.assertGreater(self.hits(reranker_url=self.url()), without)
        self.assertEqual(self.hits(reranker_url=self.url(), reranker_threshold="0.95"), without)
        # Its logit is 2.2.
        self.assertEqual(self.hits("--reranker-offset", "-2.5", reranker_url=self.url()), without)
        self.assertGreater(self.hits(reranker_url=self.url(), reranker_offset="-2.5", reranker_scale="2"), without)
        self.said = 0.1
        self.assertEqual(self.hits(reranker_url=self.url()), without)

    def test_tiers_without_other_words_ask_nobody(self):
        self.assertEqual(self.hits("--tiers", "l1", reranker_url=self.url(), embedder_url=self.url("/v1"), embedder_model="m"), 0)
        self.assertEqual(self.service.calls, [])

    def test_a_service_that_does_not_answer_ends_the_trial(self):
        done = self.run_eval("pairs", [{"id": 1, "a": "a", "b": "b"}], embedder_url="http://127.0.0.1:1", embedder_model="m")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("embedder", done.stderr)
