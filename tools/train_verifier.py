#!/usr/bin/env python3
"""Trains the built-in verifier from the data in models/data and writes models/builtin/verifier.txt.

usage: tools/train_verifier.py [--program build/release/reflex] [--model FILE.gguf --embedder ID --out FILE]

One command, seeds fixed: it makes a Python environment of its own in build/, takes features from `reflex eval pairs --features`, so
that training and serving cannot drift, and prints what docs/quality.md quotes. With --model the word vectors come from that model and
the result is a verifier for it, which listens to the built-in one as well: train that first.

Method: logistic regression and boosted trees over the features, three seeds of trees, their logits averaged and calibrated by a
logistic regression on scores out of fold, with a slope and an offset of its own, fitted above one half, for pairs that both speak of
computing. The trees are monotonic in the features that FOR and AGAINST name. Folds go by `contrast`, so that no topic is in training and test; a perturbed
question is left out where its source is tested. Pairs of groups (models/data/groups) are only trained with: they share their texts, so
they say less about the rate of errors. A conflict named by a guard is a veto and scores nothing. The table gives, for each threshold,
the share of wrong hits to expect: (n FHR + 1) / (n + 1) out of fold, times TRAPS_PER_HIT.
"""
import argparse
import hashlib
import json
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
FOLDS, SEEDS, PERTURBED, CONTROLS, LONG_SHARE = 5, (1, 2, 3), 6000, 8000, 0.06
HAND_WEIGHT, GROUP_WEIGHT, MADE_WEIGHT = 5.0, 0.5, 0.7
TREES = {"max_iter": 150, "learning_rate": 0.07, "max_leaf_nodes": 12, "max_features": 0.3, "max_bins": 64, "l2_regularization": 5,
         "min_samples_leaf": 15, "early_stopping": False}
# What must not count against a pair (for it) the more there is of it, whatever the few examples of a leaf say.
FOR = ["symminA", "meanA", "meanB", "min1A", "min1B", "minall", "min2", "jacc", "exactfrac", "mid_sim", "head_sim", "tail_sim",
       "content_jacc", "bigram_jacc", "subst_cos", "frame_same", "names_same", "kind_same"]
AGAINST = ["umassA", "umassB", "umass_max", "usum", "guard", "numdiff", "negdiff", "antpair", "langdiff", "ncontrast", "top2loss",
           "num_strong", "num_weak", "neg_scope_diff", "constraint_diff", "quantifier_diff", "quote_diff", "code_diff",
           "contrast_share", "names_left", "ctx_loss", "ctx_contrast", "mutual_contrast", "sub_names", "sub_numbers", "kind_differs",
           "neg_parity", "frame_quantity", "frame_time", "conflicts", "left_weight", "relation_share"]
# How many close questions with another answer a served hit stands beside: wrong hits by hits over FHR. On the stream
# models/data/public/b2_code_stream.jsonl it is 0.16 to 0.36, measured with a verifier that had seen none of its questions
# (docs/quality.md); the rest is margin. With all-MiniLM-L6-v2 it is 0.56, measured with questions of the stream in its training.
TRAPS_PER_HIT, TRAPS_PER_HIT_OF_MODEL = 0.5, 0.6


def in_own_environment():
    """Starts this file again with the Python that has the packages."""
    folder = ROOT / "build" / "train-python"
    python = folder / "bin" / "python"
    if pathlib.Path(sys.prefix) == folder:
        return
    if not python.exists() or (folder / "packages").read_text() != " ".join(PACKAGES):
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "-q", "install", *PACKAGES], check=True)
        (folder / "packages").write_text(" ".join(PACKAGES))
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


def fold_of(row):
    name = row.get("contrast") or row["a"]
    return int(hashlib.md5(name.encode()).hexdigest(), 16) % FOLDS


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
    command = [str(program), "eval", "pairs", str(pairs), "--features", str(table), "--out", str(folder / "scores.jsonl")]
    subprocess.run(command + (["--model", str(model)] if model else []), check=True, stdout=subprocess.DEVNULL)
    with open(table, encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split("\t")[1:]
        matrix = np.array([[float(value) for value in line.split("\t")[1:]] for line in file], np.float64)
    if matrix.shape != (len(rows), len(names)):
        sys.exit(f"train_verifier: {len(rows)} pairs, but {matrix.shape} features of {len(names)}")
    return names, matrix


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


class Beside:
    """How much a model's verifier listens to the built-in one: a logistic regression on both logits, out of fold."""

    def __init__(self, score, builtin, y):
        from sklearn.linear_model import LogisticRegression
        fit = LogisticRegression(C=10).fit(self.logits(score, builtin), y)
        (self.scale, self.weight), self.offset = fit.coef_[0], float(fit.intercept_[0])

    @staticmethod
    def logits(*scores):
        import numpy as np
        clipped = np.clip(np.stack(scores, axis=1), 1e-9, 1 - 1e-9)
        return np.log(clipped / (1 - clipped))

    def score(self, score, builtin):
        import numpy as np
        return 1 / (1 + np.exp(-(self.logits(score, builtin) @ [self.scale, self.weight] + self.offset)))


def write_model(path, names, ensemble, calibration, beside, table, embedder):
    weights, shift = calibration.weights(), calibration.intercept()
    lines = ["reflex-verifier 1", "# Made by tools/train_verifier.py. Form: docs/canonical.md.", f"embedder {embedder}"]
    for name, mean, scale, coefficient in zip(names, ensemble.scaler.mean_, ensemble.scaler.scale_, ensemble.linear.coef_[0]):
        lines.append(f"feature {name} {mean:.7g} {scale:.7g} {coefficient * weights[0]:.7g}")
    base = sum(float(trees._baseline_prediction.ravel()[0]) for trees in ensemble.trees) / len(SEEDS)
    lines.append(f"intercept {shift + weights[0] * float(ensemble.linear.intercept_[0]) + weights[1] * base:.9g}")
    lines.append(f"bend technical {calibration.slope:.7g} {calibration.offset:.7g}")
    if beside:
        lines.append(f"builtin {beside.scale:.7g} {beside.weight:.7g} {beside.offset:.7g}")
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


def table_of(score, wrong, traps_per_hit):
    """Ascending (threshold, share of wrong hits): one row for each number of false hits out of fold, up to 5 %."""
    import numpy as np
    negatives = np.sort(score[wrong])[::-1]
    rows = []
    for false_hits in range(int(0.05 * len(negatives)), -1, -1):
        threshold = float(negatives[false_hits]) + 1e-6
        share = (false_hits + 1) / (len(negatives) + 1) * traps_per_hit
        if threshold <= 1 and (not rows or threshold > rows[-1][0] + 1e-6):
            rows.append((threshold, share))
    return rows


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
    parser.add_argument("--without-public", action="store_true", help="leave the public half out of training, to test on its stream")
    options = parser.parse_args()
    in_own_environment()
    import numpy as np
    import verifier_perturb

    public = read_rows(DATA / "public" / "c_code_pairs.jsonl") + read_rows(DATA / "public" / "c_control_pairs.jsonl")
    written = [row for path in sorted((DATA / "pairs").glob("*.jsonl")) for row in read_rows(path)]
    groups = [row for path in sorted((DATA / "groups").glob("*.txt")) for row in read_groups(path)]
    rows = ([] if options.without_public else public) + written + groups
    folds = np.array([fold_of(row) for row in rows])
    same = np.array([bool(row["same"]) for row in rows])
    near = np.array([row["category"] == "near_repeat" for row in rows])
    is_group = np.arange(len(rows)) >= len(rows) - len(groups)
    is_public = np.arange(len(rows)) < len(rows) - len(written) - len(groups)
    is_written = ~is_public & ~is_group
    sources = {}
    for row, fold in zip(rows, folds):
        for text in (row["a"], row["b"]):
            sources.setdefault(text, set()).add(int(fold))
    perturbed = verifier_perturb.make([(t, sorted(f)) for t, f in sorted(sources.items())], PERTURBED, LEXICON, 11)
    made = perturbed + controls(rows, folds, random.Random(12))
    print(f"{len(rows) - len(groups)} hand-written pairs ({int(same[~is_group].sum())} the same), {len(groups)} in groups, "
          f"{len(perturbed)} perturbed, {len(made) - len(perturbed)} controls", flush=True)
    folder = ROOT / "build" / "train" / (options.embedder + ("-without-public" if options.without_public else ""))
    folder.mkdir(parents=True, exist_ok=True)
    names, x = features(options.program, options.model, rows, folder)
    _, more = features(options.program, options.model, made, folder)
    more_same = np.array([bool(row["same"]) for row in made])

    def fit(take, take_more):
        weight = np.concatenate([np.where(is_group, GROUP_WEIGHT, HAND_WEIGHT)[take], np.full(take_more.sum(), MADE_WEIGHT)])
        return Ensemble(np.vstack([x[take], more[take_more]]), np.concatenate([same[take], more_same[take_more]]), weight, names)

    out_of_fold = np.zeros((len(rows), 2))
    for fold in range(FOLDS):
        test = folds == fold
        out_of_fold[test] = fit(~test, np.array([fold not in row["folds"] for row in made])).parts(x[test])
    technical, veto = x[:, names.index("technical")], x[:, names.index("conflicts")] > 0
    calibration = Calibration(out_of_fold[~is_group], technical[~is_group], same[~is_group])
    score = np.where(veto, 0, calibration.score(out_of_fold, technical))
    beside = None
    if options.model:
        known = {(row["a"], row["b"]): row["score"] for row in read_rows(folder.parent / BUILTIN / "out_of_fold.jsonl")}
        builtin = np.array([known[row["a"], row["b"]] for row in rows])
        judged = ~is_group & ~veto
        beside = Beside(score[judged], builtin[judged], same[judged])
        score = np.where(veto, 0, beside.score(score, builtin))
    for title, part in (("all", ~is_group), ("written", is_written), ("public", is_public)):
        if part.any():
            report(title, score[part], same[part], near[part])
    with open(folder / "out_of_fold.jsonl", "w", encoding="utf-8") as file:
        for row, value in zip(rows, score):
            file.write(json.dumps({**row, "score": float(value)}) + "\n")
    table = table_of(score, ~same & ~is_group, TRAPS_PER_HIT_OF_MODEL if options.model else TRAPS_PER_HIT)
    write_model(options.out, names, fit(np.ones(len(rows), bool), np.ones(len(made), bool)), calibration, beside, table, options.embedder)
    print(f"{options.out}: {options.out.stat().st_size} bytes, {len(table)} thresholds")


if __name__ == "__main__":
    main()
