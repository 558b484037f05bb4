#!/usr/bin/env python3
"""Trains the built-in verifier from the data in models/data and writes models/builtin/verifier.txt.

usage: tools/train_verifier.py --pair-net [--program build/release/reflex] [--model FILE.gguf --embedder ID --out FILE]

One command, seeds fixed: it makes a Python environment of its own in build/, takes features from `reflex eval pairs --features`, so
that training and serving cannot drift, and prints what docs/quality.md quotes. With --model the word vectors come from that model and
the result is a verifier for it, which listens to the built-in one as well where that adds something; with --pair-net either listens to
its net of tools/train_pair_net.py. Train those first.

Method: logistic regression and boosted trees over the features, three seeds of trees, their logits averaged and calibrated by a
logistic regression on scores out of fold, with a slope and an offset of its own, fitted above one half, for pairs that both speak of
computing. The trees are monotonic in the features that FOR and AGAINST name. Folds go by `contrast`: no topic is in training and test; a perturbed
question is left out where its source is tested. Pairs of groups (models/data/groups) and of topics (models/data/topics, those with the
first question) are trained with and reported; of these the table has only topics that are not about computing: groups share their
texts. A conflict named by a guard is a veto and scores nothing. The table gives, for each threshold, the share of wrong hits to
expect: (n FHR + 1) / (n + 1) out of fold, times TRAPS_PER_HIT, of the kind of pairs, joined or alone, of which it is more; among
joined ones each hand, a file, counts the same. Joined scores are moved so that at the default limit it is as much of either."""
import argparse
import bisect
import collections
import hashlib
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA, LEXICON = ROOT / "models" / "data", ROOT / "models" / "lexicon"
PACKAGES = ["numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1"]
BUILTIN = "static-minilm-128-v1"
# The lowest score that is joined with others, and the lowest cosine where no word of meaning is shared: kNetScoreMin and kNetCosineMin
# of lib/cache/semantic_judge.cc.
JOIN_MIN, JOIN_COSINE_MIN = 0.5, 0.65
# What a pair counts where verifier and net are joined: the net knows the topics.
JOIN_WEIGHTS = {"public": 5.0, "written": 5.0, "near": 5.0, "group": 0, "topic": 0.5}
# With a model features are taken of one topic in so many.
MODEL_TOPICS = 4
FOLDS, SEEDS, PERTURBED, CONTROLS, LONG_SHARE = 5, (1, 2, 3), 6000, 8000, 0.06
# What a pair counts in training: topics little, as many of their paraphrases share no words, which the features cannot tell.
WEIGHTS, MADE_WEIGHT = {"public": 5.0, "written": 5.0, "near": 0.8, "group": 0.5, "topic": 0.15}, 0.7
TREES = {"max_iter": 150, "learning_rate": 0.07, "max_leaf_nodes": 12, "max_features": 0.3, "max_bins": 64, "l2_regularization": 5,
         "min_samples_leaf": 15, "early_stopping": False}
# What must not count against a pair (for it) the more there is of it, whatever the few examples of a leaf say.
FOR = ["symminA", "meanA", "meanB", "min1A", "min1B", "minall", "min2", "jacc", "exactfrac", "mid_sim", "head_sim", "tail_sim",
       "content_jacc", "bigram_jacc", "subst_cos", "frame_same", "names_same", "kind_same"]
AGAINST = ["umassA", "umassB", "umass_max", "usum", "guard", "numdiff", "negdiff", "antpair", "langdiff", "ncontrast", "top2loss",
           "num_strong", "num_weak", "neg_scope_diff", "constraint_diff", "quantifier_diff", "quote_diff", "code_diff",
           "contrast_share", "names_left", "ctx_loss", "ctx_contrast", "mutual_contrast", "sub_names", "sub_numbers", "kind_differs",
           "neg_parity", "frame_quantity", "frame_time", "conflicts", "left_weight", "relation_share"]
# How many close questions with another answer stand beside a served hit: wrong hits by hits, over FHR. The stream
# models/data/public/b2_code_stream.jsonl has too few wrong hits to count it. The traps by which the share is counted, of topics and of
# models/data/near, are reworded as paraphrases are more often than those that people meet, so less than what an earlier verifier showed
# (1.2, of joined pairs 0.22 to 0.35) is taken: for pairs that the verifier judges alone what gives coding questions out of fold their
# paraphrases, for joined ones what keeps the hands of `near` whose traps are mostly minimal at half a percent. The stream keeps the limit
# with a margin: 6 of 4,284 hits are wrong, with the model 7 of 4,304.
TRAPS_PER_HIT = {"alone": 0.8, "joined": 0.2}
TRAPS_PER_HIT_OF_MODEL = {"alone": 0.5, "joined": 0.17}
DEFAULT_LIMIT = 0.003  # cache.max_wrong_hits
TABLE_TO, TABLE_STEP = 9.0, 0.02  # The highest threshold of the table, and from one to the next, as logits.


def in_own_environment(name="train-python", packages=PACKAGES):
    """Starts the running file again with the Python in build/`name`, which has the packages."""
    folder = ROOT / "build" / name
    python = folder / "bin" / "python"
    if pathlib.Path(sys.prefix) == folder:
        return
    if not python.exists() or not (folder / "packages").exists() or (folder / "packages").read_text() != " ".join(packages):
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "-q", "install", *packages], check=True)
        (folder / "packages").write_text(" ".join(packages))
    # Threads of the tree builder wait by spinning; one each is as fast and leaves the machine usable.
    os.execve(python, [str(python), *sys.argv], {**os.environ, "OMP_NUM_THREADS": "1"})


def read_rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_groups(path):
    """Pairs from a file of groups: a line that names the topic, then questions, one a line; "--" stands between questions with another
    answer, an empty line between topics. Every two questions of one part are the same, every two of different parts are not."""
    rows = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        topic, *lines = block.split("\n")
        parts = [part.strip().split("\n") for part in "\n".join(lines).split("\n--\n")]
        texts = [(text, number) for number, part in enumerate(parts) for text in part]
        for i, (a, part_a) in enumerate(texts):
            for b, part_b in texts[i + 1:]:
                rows.append({"a": a, "b": b, "same": part_a == part_b, "category": "group", "contrast": topic})
    return rows


def read_topics(path):
    """Pairs from a file of topics: "# name", "= question", then lines "+ category | the same in other words" and "- category | a
    question with another answer"; an empty line between topics. Pairs with the first question, and of a same one with any."""
    rows = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        head, first, *lines = block.strip().split("\n")
        texts = [("=", "", first[2:].strip())]
        for line in lines:
            mark, category, text = re.fullmatch(r"([+-]) ([a-z]+) \| (\S.*)", line).groups()
            texts.append((mark, category, text))
        for i, (mark_a, category_a, a) in enumerate(texts):
            for mark_b, category_b, b in texts[i + 1:]:
                if mark_a == mark_b == "-":
                    continue
                same = "-" not in (mark_a, mark_b)
                category = category_b if mark_b == "-" or mark_a == "=" else category_a
                pair = (b, a) if hashlib.md5((a + b).encode()).digest()[-1] % 2 else (a, b)
                rows.append({"a": pair[0], "b": pair[1], "same": same, "category": ("para_" if same else "") + category,
                             "contrast": f"{path.stem}-{head[2:]}", "cross": mark_a != "="})
    return rows


def read_swaps(path):
    """Pairs from a file of swaps, one a line: "question with a [phrase] | + what may stand for it | - what changes the answer | = the
    question in other words | ~ the first changed question in other words"; any number of each part in any order. `cross` are the pairs
    that are not with the question itself nor between the other words and a changed one. Used by the nets only."""
    rows = []

    def add(a, b, same, cross=False):
        rows.append({"a": a, "b": b, "same": same, "cross": cross})

    for line in path.read_text(encoding="utf-8").splitlines():
        head, *parts = line.split(" | ")
        before, phrase, behind = re.fullmatch(r"([^\[\]]*)\[([^\[\]]+)\]([^\[\]]*)", head).groups()
        texts = {"+": [], "-": [], "=": [], "~": []}
        for part in parts:
            mark, text = part[0], part[2:]
            texts[mark].append(text if mark in "=~" else before + text + behind)
        question = before + phrase + behind
        for text in texts["+"] + texts["="]:
            add(question, text, True)
        for text in texts["~"]:
            add(texts["-"][0], text, True)
        for changed in texts["-"] + texts["~"]:
            add(question, changed, False)
            for text in texts["="]:
                add(text, changed, False)
            for text in texts["+"]:
                add(text, changed, False, cross=True)
        for at, other in enumerate(texts["="]):
            for text in texts["+"] + texts["="][at + 1:]:
                add(other, text, True, cross=True)
    return rows


def fold_of(row):
    name = row.get("contrast") or row["a"]
    return int(hashlib.md5(name.encode()).hexdigest(), 16) % FOLDS


def is_measured(row):
    """Whether the features of a pair are taken with a model: of the topics only of some, as every text is embedded for them."""
    return row["source"] != "topic" or int(hashlib.md5(row["contrast"].encode()).hexdigest(), 16) // FOLDS % MODEL_TOPICS == 0


def controls(rows, folds, random):
    """Pairs of questions about different things, as a cache meets them most: half at random, half with words in common; in a few
    one side has several sentences, and in some of those the other's question is one of them. Not the same."""
    by_fold = [[(row["a"] if random.random() < 0.5 else row["b"], row.get("contrast")) for row, f in zip(rows, folds) if f == fold]
               for fold in range(FOLDS)]
    made = []
    for fold, texts in enumerate(by_fold):
        words = [set(re.findall(r"[a-z]{4,}", text.lower())) for text, _ in texts]
        for _ in range(CONTROLS // FOLDS):
            a = random.randrange(len(texts))
            others = random.sample(range(len(texts)), min(len(texts), random.choice([1, 60])))
            b = max(others, key=lambda i: len(words[a] & words[i]) / (len(words[a] | words[i]) + 1) if i != a else -1)
            if a == b or texts[a][1] == texts[b][1]:
                continue
            pair = [texts[a][0], texts[b][0]]
            if random.random() < LONG_SHARE:
                # Told at length: what else is asked for there makes it another question, whatever the two share.
                more = [text for text, _ in random.sample(texts, 3) if text not in pair][:random.choice([1, 2])]
                first = pair[0] if random.random() < 0.7 or not more else pair[1]
                pair[0] = " ".join(text.rstrip(".?! ") + "." for text in [first, *more])
                random.shuffle(pair)
            made.append({"a": pair[0], "b": pair[1], "same": False, "folds": [fold]})
    return made


def features(program, model, rows, folder):
    """(names, matrix) as the program computes them."""
    import numpy as np
    pairs, table = folder / "pairs.jsonl", folder / "features.tsv"
    with open(pairs, "w", encoding="utf-8") as file:
        for i, row in enumerate(rows):
            file.write(json.dumps({"id": str(i), "a": row["a"], "b": row["b"]}) + "\n")
    command = [str(program), "eval", "pairs", str(pairs), "--features", str(table)]
    subprocess.run(command + (["--model", str(model)] if model else []), check=True, stdout=subprocess.DEVNULL)
    with open(table, encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split("\t")[1:]
        matrix = np.array([[float(value) for value in line.split("\t")[1:]] for line in file], np.float64)
    if matrix.shape != (len(rows), len(names)):
        sys.exit(f"train_verifier: {len(rows)} pairs, but {matrix.shape} features of {len(names)}")
    return names, matrix


def hand_rows(without_public=False):
    """All pairs written by hand, `source` public, written, near, group or topic, and whose `hand` they are of: that of a file."""
    public = [] if without_public else [DATA / "public" / f"{name}.jsonl" for name in ("c_code_pairs", "c_control_pairs")]
    sources = [("public", public, read_rows), ("written", sorted((DATA / "pairs").glob("*.jsonl")), read_rows),
               ("near", sorted((DATA / "near").glob("*.jsonl")), read_rows), ("group", sorted((DATA / "groups").glob("*.txt")), read_groups),
               ("topic", sorted((DATA / "topics").glob("*.txt")), read_topics)]
    return [{**row, "source": source, "hand": source if source == "public" else f"{path.parent.name}/{path.stem}"}
            for source, paths, read in sources for path in paths for row in read(path)]


def made_rows(rows):
    """Pairs made by rule from those: perturbed questions, and controls. `folds` are those where they must not be trained with."""
    import verifier_perturb
    folds = [fold_of(row) for row in rows]
    sources = {}
    for row, fold in zip(rows, folds):
        for text in (row["a"], row["b"]):
            sources.setdefault(text, set()).add(int(fold))
    perturbed = verifier_perturb.make([(t, sorted(f)) for t, f in sorted(sources.items())], PERTURBED, LEXICON, 11)
    return perturbed + controls(rows, folds, random.Random(12))


class Ensemble:
    """Logistic regression and boosted trees; `parts` gives both logits, `calibration` what joins them."""

    def __init__(self, x, y, weight, names):
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler
        self.scaler = StandardScaler().fit(x)
        self.linear = LogisticRegression(C=0.1, max_iter=3000).fit(self.scaler.transform(x), y, sample_weight=weight)
        monotonic = [(name in FOR) - (name in AGAINST) for name in names]
        self.trees = [HistGradientBoostingClassifier(**TREES, monotonic_cst=monotonic, random_state=seed).fit(x, y, sample_weight=weight) for seed in SEEDS]

    def parts(self, x):
        import numpy as np
        return np.stack([self.linear.decision_function(self.scaler.transform(x)),
                         sum(trees.decision_function(x) for trees in self.trees) / len(SEEDS)], axis=1)


class Calibration:
    """What joins the two logits of an ensemble to one; where `technical` is 1 that one is bent by a slope and an offset."""

    def __init__(self, parts, technical, y):
        import numpy as np
        from sklearn.linear_model import LogisticRegression
        self.join = LogisticRegression(C=10).fit(parts, y)
        logit = self.join.decision_function(parts)
        near = logit > 0  # Where it is decided.
        bent = LogisticRegression(C=10).fit(np.stack([logit, technical, technical * logit], axis=1)[near], y[near])
        self.scale, offset, slope = bent.coef_[0]
        self.shift, self.offset, self.slope = float(bent.intercept_[0]), 0.0, float(slope / self.scale)
        # In terms of the shifted logit, as the program bends it.
        self.offset = float(offset - self.slope * self.shift)

    def weights(self):
        return self.join.coef_[0] * self.scale

    def intercept(self):
        return float(self.join.intercept_[0]) * self.scale + self.shift

    def score(self, parts, technical):
        import numpy as np
        logit = parts @ self.weights() + self.intercept()
        return 1 / (1 + np.exp(-(logit + technical * (self.slope * logit + self.offset))))


class Join:
    """How much a verifier listens to others: a logistic regression on its logit, for a model's the built-in one's, and where there is one
    a pair net's, out of fold. Below JOIN_MIN a score stands: the program asks no net then."""

    def __init__(self, score, builtin, net, y, weight, heard):
        from sklearn.linear_model import LogisticRegression
        self.names = [name for name, values in (("builtin", builtin), ("net", net)) if values is not None]
        heard = heard & (score >= JOIN_MIN)
        fit = LogisticRegression(C=10).fit(self.logits(score, builtin, net)[heard], y[heard], sample_weight=weight[heard])
        self.weights, self.offset = fit.coef_[0], float(fit.intercept_[0])

    @staticmethod
    def logits(score, builtin, net):
        import numpy as np
        columns = [np.log(p / (1 - p)) for p in (np.clip(values, 1e-9, 1 - 1e-9) for values in (score, builtin) if values is not None)]
        return np.column_stack(columns + ([] if net is None else [net]))

    def move(self, threshold, to):
        """Has scores at one threshold stand at another."""
        self.offset += math.log(to / (1 - to)) - math.log(threshold / (1 - threshold))

    def score(self, score, builtin, net, joined):
        import numpy as np
        said = 1 / (1 + np.exp(-(self.logits(score, builtin, net) @ self.weights + self.offset)))
        return np.where(joined & (score >= JOIN_MIN), said, score)


def write_model(path, names, ensemble, calibration, join, table, embedder):
    weights, shift = calibration.weights(), calibration.intercept()
    lines = ["reflex-verifier 1", "# Made by tools/train_verifier.py. Form: docs/canonical.md.", f"embedder {embedder}"]
    for name, mean, scale, coefficient in zip(names, ensemble.scaler.mean_, ensemble.scaler.scale_, ensemble.linear.coef_[0]):
        lines.append(f"feature {name} {mean:.7g} {scale:.7g} {coefficient * weights[0]:.7g}")
    base = sum(float(trees._baseline_prediction.ravel()[0]) for trees in ensemble.trees) / len(SEEDS)
    lines.append(f"intercept {shift + weights[0] * float(ensemble.linear.intercept_[0]) + weights[1] * base:.9g}")
    lines.append(f"bend technical {calibration.slope:.7g} {calibration.offset:.7g}")
    if join:
        lines.append(f"join {join.weights[0]:.7g} {join.offset:.7g}")
        lines += [f"{name} {weight:.7g}" for name, weight in zip(join.names, join.weights[1:])]
    for trees in ensemble.trees:
        for (predictor,) in trees._predictors:
            lines.append(f"tree {len(predictor.nodes)}")
            for at, node in enumerate(predictor.nodes):
                if node["is_leaf"]:
                    lines.append(f"leaf {node['value'] * weights[1] / len(SEEDS):.7g}")
                else:
                    lines.append(f"node {names[node['feature_idx']]} {node['num_threshold']:.9g} {node['left']} {node['right']}")
                    assert node["left"] > at and node["right"] > at
    lines += [f"threshold {threshold:.6g} {share:.6g}" for threshold, share in table] + ["end"]
    path.write_text("\n".join(lines) + "\n")


def false_hits_at(threshold, rising):
    """The weight of the scores at or above a threshold, at least 1; from one score to the next it grows evenly. `rising`: ascending
    (score, weight)."""
    below = bisect.bisect_left(rising, threshold, key=lambda trap: trap[0])
    above = sum(weight for _, weight in rising[below:])
    if 0 < below < len(rising):
        (under, weight), (over, _) = rising[below - 1], rising[below]
        above += weight * (over - threshold) / (over - under)
    return max(1, above)


def table_of(traps, factors):
    """Ascending (threshold, share of wrong hits) from the (score, weight) out of fold of the traps of each kind, until 5 % of a kind's are
    false hits. That the false hits grow evenly between two traps lets a threshold hang less on one of them where few stand high."""
    rising = {kind: sorted((float(score), float(weight)) for score, weight in scored) for kind, scored in traps.items()}
    rows = []
    for step in range(round(TABLE_TO / TABLE_STEP)):
        threshold = 1 / (1 + math.exp(step * TABLE_STEP - TABLE_TO))
        counts = {kind: false_hits_at(threshold, scored) for kind, scored in rising.items()}
        if any(counts[kind] > 0.05 * len(scored) for kind, scored in rising.items()):
            break
        share = max(counts[kind] / (len(scored) + 1) * factors[kind] for kind, scored in rising.items())
        if rows and share <= rows[-1][1]:
            rows.pop()
        rows.append((threshold, share))
    return rows[::-1]


def by_kind(scores, traps, joined, hands):
    """(score, weight) of the traps of each kind there is. Of joined pairs each hand counts as much as another: how much it wrote says
    nothing about what is asked. Weights are 1 in the mean."""
    kinds = {"alone": [], "joined": []}
    for score, trap, with_net, hand in zip(scores, traps, joined, hands):
        if trap:
            kinds["joined" if with_net else "alone"].append((score, hand))
    counts = collections.Counter(hand for _, hand in kinds["joined"])
    evened = [(score, len(kinds["joined"]) / len(counts) / counts[hand]) for score, hand in kinds["joined"]]
    return {kind: scored for kind, scored in (("alone", [(score, 1) for score, _ in kinds["alone"]]), ("joined", evened)) if scored}


def threshold_of(traps, factors):
    """The lowest threshold that keeps to the default limit."""
    return next(threshold for threshold, share in table_of(traps, factors) if share <= DEFAULT_LIMIT)


def known(path, name, rows):
    """What an earlier run wrote of each pair."""
    import numpy as np
    of = {(row["a"], row["b"]): row[name] for row in read_rows(path)}
    return np.array([of[row["a"], row["b"]] for row in rows])


def report(title, score, same, near):
    import numpy as np
    negatives = np.sort(score[~same])[::-1]
    for share in (0.002, 0.005, 0.01, 0.02):
        threshold = negatives[int(share * len(negatives))] + 1e-9
        found = score >= threshold
        print(f"{title:10} FHR <= {share:5.1%}: threshold {threshold:.4f}, paraphrases {found[same & ~near].mean():.3f}" +
              (f", near repeats {found[near].mean():.3f}" if near.any() else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "reflex")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--embedder", default=BUILTIN)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "models" / "builtin" / "verifier.txt")
    parser.add_argument("--pair-net", action="store_true", help="join the net that tools/train_pair_net.py trained")
    parser.add_argument("--without-public", action="store_true", help="leave the public half out of training, to test on its stream")
    options = parser.parse_args()
    in_own_environment()
    import numpy as np

    rows = [row for row in hand_rows(options.without_public) if not row.get("cross") and (not options.model or is_measured(row))]
    made = made_rows([row for row in rows if row["source"] not in ("topic", "near")])
    folds = np.array([fold_of(row) for row in rows])
    same = np.array([bool(row["same"]) for row in rows])
    near = np.array([row["category"] == "near_repeat" for row in rows])
    hands = [row["hand"] for row in rows]
    of = {source: np.array([row["source"] == source for row in rows]) for source in WEIGHTS}
    judged, row_weight = ~of["group"], sum(WEIGHTS[source] * of[source] for source in WEIGHTS)
    print(", ".join(f"{int(of[source].sum())} pairs {source}" for source in WEIGHTS) + f"; {len(made)} made", flush=True)
    suffix = "-without-public" if options.without_public else ""
    folder = ROOT / "build" / "train" / (options.embedder + suffix)
    folder.mkdir(parents=True, exist_ok=True)
    names, x = features(options.program, options.model, rows, folder)
    _, more = features(options.program, options.model, made, folder)
    more_same = np.array([bool(row["same"]) for row in made])

    def fit(take, take_more):
        take = take & (row_weight > 0)
        weight = np.concatenate([row_weight[take], np.full(take_more.sum(), MADE_WEIGHT)])
        return Ensemble(np.vstack([x[take], more[take_more]]), np.concatenate([same[take], more_same[take_more]]), weight, names)

    out_of_fold = np.zeros((len(rows), 2))
    for fold in range(FOLDS):
        test = folds == fold
        out_of_fold[test] = fit(~test, np.array([fold not in row["folds"] for row in made])).parts(x[test])
    trained = judged & ~of["topic"]
    technical, veto = x[:, names.index("technical")], x[:, names.index("conflicts")] > 0
    calibration = Calibration(out_of_fold[trained], technical[trained], same[trained])
    score = np.where(veto, 0, calibration.score(out_of_fold, technical))
    # Topics about computing are denser in traps than what people ask.
    traps = ~same & (trained | (of["topic"] & (technical == 0)))
    factors = TRAPS_PER_HIT_OF_MODEL if options.model else TRAPS_PER_HIT
    alone, join, joined = score, None, np.zeros(len(rows), bool)
    if options.model or options.pair_net:
        builtin = known(folder.parent / (BUILTIN + suffix) / "out_of_fold.jsonl", "alone", rows) if options.model else None
        net = known(folder / "pair_net.jsonl", "logit", rows) if options.pair_net else None
        # Not joined are pairs that both speak of computing, as with the nets more of the stream's hits were wrong, and those of which the
        # nets have seen too few: with the same words of meaning, or with none in common and far apart.
        shared = x[:, names.index("content_jacc")]
        joined = (technical == 0) & (shared < 1) & ((shared > 0) | (x[:, names.index("cos")] >= JOIN_COSINE_MIN))
        join_weight = sum(JOIN_WEIGHTS[source] * of[source] for source in JOIN_WEIGHTS)
        join = Join(alone, builtin, net, same, join_weight, judged & joined)
        if builtin is not None and join.weights[1] <= 0:  # It has nothing to add.
            builtin = None
            join = Join(alone, builtin, net, same, join_weight, judged & joined)
        kinds = by_kind(join.score(alone, builtin, net, joined), traps, joined, hands)
        join.move(*(threshold_of({kind: kinds[kind]}, factors) for kind in ("joined", "alone")))
        score = join.score(alone, builtin, net, joined)
    for title in WEIGHTS:
        if of[title].any():
            report(title, score[of[title]], same[of[title]], near[of[title]])
    with open(folder / "out_of_fold.jsonl", "w", encoding="utf-8") as file:
        for row, own, value in zip(rows, alone, score):
            file.write(json.dumps({**row, "alone": float(own), "score": float(value)}) + "\n")
    table = table_of(by_kind(score, traps, joined, hands), factors)
    write_model(options.out, names, fit(np.ones(len(rows), bool), np.ones(len(made), bool)), calibration, join, table, options.embedder)
    print(f"{options.out}: {options.out.stat().st_size} bytes, {len(table)} thresholds")


if __name__ == "__main__":
    main()
