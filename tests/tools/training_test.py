"""What the training tools count and read, without training anything."""
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import train_pair_net as pair_net  # noqa: E402
import train_verifier as verifier  # noqa: E402


def each(scores):
    return [(score, 1) for score in scores]


class FalseHits(unittest.TestCase):
    def test_at_a_score_it_is_counted(self):
        self.assertEqual(verifier.false_hits_at(0.8, each([0.2, 0.8, 0.9])), 2)

    def test_a_score_counts_as_its_weight_and_so_it_does_between_two(self):
        rising = [(0.2, 1), (0.6, 0.5), (0.8, 2)]
        self.assertEqual(verifier.false_hits_at(0.6, rising), 2.5)
        self.assertAlmostEqual(verifier.false_hits_at(0.7, rising), 2.25)

    def test_between_two_scores_it_grows_evenly(self):
        self.assertAlmostEqual(verifier.false_hits_at(0.7, each([0.2, 0.6, 0.8])), 1.5)

    def test_above_all_scores_one_may_still_come(self):
        self.assertEqual(verifier.false_hits_at(0.95, each([0.2, 0.9])), 1)

    def test_below_all_scores_all_are(self):
        self.assertEqual(verifier.false_hits_at(0.1, each([0.2, 0.9])), 2)

    def test_equal_scores_count_each(self):
        self.assertEqual(verifier.false_hits_at(0.9, each([0.2, 0.9, 0.9])), 2)


class Kinds(unittest.TestCase):
    def test_of_joined_traps_each_hand_counts_the_same(self):
        kinds = verifier.by_kind([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 1], ["x", "x", "x", "y", "x", "y"])
        self.assertEqual(kinds["alone"], [(0.5, 1)])
        self.assertEqual([score for score, _ in kinds["joined"]], [0.1, 0.2, 0.3, 0.4])
        for (_, weight), wanted in zip(kinds["joined"], (2 / 3, 2 / 3, 2 / 3, 2)):
            self.assertAlmostEqual(weight, wanted)

    def test_a_kind_without_traps_is_none(self):
        self.assertEqual(verifier.by_kind([0.5], [1], [0], ["x"]), {"alone": [(0.5, 1)]})


class Table(unittest.TestCase):
    TRAPS = {"alone": each([i / 1000 for i in range(500)] + [0.95]), "joined": each([i / 4000 for i in range(2000)] + [0.97, 0.98])}
    FACTORS = {"alone": 1.0, "joined": 0.5}

    def test_thresholds_rise_and_shares_fall(self):
        table = verifier.table_of(self.TRAPS, self.FACTORS)
        self.assertGreater(len(table), 2)
        for (low, more), (high, fewer) in zip(table, table[1:]):
            self.assertLess(low, high)
            self.assertGreater(more, fewer)

    def test_the_kind_with_more_false_hits_counts(self):
        share = dict(verifier.table_of(self.TRAPS, self.FACTORS))
        of = {kind: dict(verifier.table_of({kind: self.TRAPS[kind]}, self.FACTORS)) for kind in self.TRAPS}
        shared = [threshold for threshold in share if all(threshold in table for table in of.values())]
        self.assertTrue(shared)
        for threshold in shared:
            self.assertEqual(share[threshold], max(table[threshold] for table in of.values()))

    def test_the_threshold_of_the_default_limit_keeps_to_it(self):
        traps = {"alone": self.TRAPS["alone"]}
        threshold = verifier.threshold_of(traps, self.FACTORS)
        self.assertLess(verifier.false_hits_at(threshold, traps["alone"]) / (len(traps["alone"]) + 1), verifier.DEFAULT_LIMIT + 1e-9)
        self.assertLess(threshold, 0.95)


class Swaps(unittest.TestCase):
    def pairs(self, line):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "swaps.txt"
            path.write_text(line + "\n")
            return {(row["a"], row["b"]): row["same"] for row in verifier.read_swaps(path)}

    def test_what_may_stand_for_the_phrase_and_what_not(self):
        pairs = self.pairs("Can I [boil] it? | + cook | - fry | = May it be boiled? | ~ May it be fried?")
        self.assertEqual(pairs, {("Can I boil it?", "Can I cook it?"): True, ("Can I boil it?", "May it be boiled?"): True,
                                 ("Can I fry it?", "May it be fried?"): True, ("Can I boil it?", "Can I fry it?"): False,
                                 ("Can I boil it?", "May it be fried?"): False, ("May it be boiled?", "Can I fry it?"): False,
                                 ("May it be boiled?", "May it be fried?"): False, ("Can I cook it?", "Can I fry it?"): False,
                                 ("Can I cook it?", "May it be fried?"): False, ("May it be boiled?", "Can I cook it?"): True})

    def test_every_line_of_the_project_is_read(self):
        for path in sorted((verifier.DATA / "swaps").glob("*.txt")):
            with self.subTest(path.name):
                self.assertTrue(verifier.read_swaps(path))


class Teacher(unittest.TestCase):
    PARTS = [(1, [("a", "b", True, 1.0), ("a", "c", False, 0.5)]), (0.2, [("d", "e", False, 0.3)])]

    def test_a_label_is_half_the_teachers_word(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "teacher.jsonl"
            pair_net.write_logits([("a", "b"), ("a", "c"), ("d", "e")], [0.0, 0.0, -400.0], path)
            parts = pair_net.taught(self.PARTS, verifier.read_rows(path))
        self.assertEqual([(share, [pair[:2] + pair[3:] for pair in pairs]) for share, pairs in parts],
                         [(share, [pair[:2] + pair[3:] for pair in pairs]) for share, pairs in self.PARTS])
        for label, wanted in zip([pair[2] for _, pairs in parts for pair in pairs], (0.75, 0.25, 0.0)):
            self.assertAlmostEqual(label, wanted)

    def test_a_pair_that_the_teacher_has_not_seen_is_refused(self):
        with self.assertRaisesRegex(ValueError, "'d' with 'e'"):
            pair_net.taught(self.PARTS, [{"a": "a", "b": "b", "logit": 1.0}, {"a": "a", "b": "c", "logit": 1.0}])


if __name__ == "__main__":
    unittest.main()
