#!/usr/bin/env python3
"""Trains a pair net from the data in models/data.

usage: tools/train_pair_net.py [--program build/release/reflex] [--model FILE.gguf] [--out FOLDER]

Without a model the built-in one: models/builtin/pair_net.bin; with all-MiniLM-L6-v2's that model's: models/minilm/pair_net.bin. A pair
net is a small network on top of frozen token vectors: it aligns the tokens of two texts by attention, compares each with its partner and
says, as a logit, whether one answer serves both (decomposable attention with enhanced comparison [Parikh et al. 2016; Chen et al. 2017]).
Form of the file and formulas: docs/pair-net.md.

MiniLM's comes first, as it teaches the built-in one [Hinton, Vinyals, Dean 2015]: what its nets say of the pairs they were trained on is in
build/train/<model>/teacher_<fold>.jsonl. Train a net before train_verifier.py --pair-net of the same embedder: that joins what the net says
out of fold, build/train/<embedder>/pair_net.jsonl, with what the verifiers say. Folds and data are that tool's. Seeds are fixed; an hour on
two cores each.
"""
import argparse
import json
import math
import multiprocessing
import os
import pathlib
import random
import struct
import subprocess
import sys
import time

import train_verifier as verifier

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["numpy==2.4.6", "torch==2.15.0"]
MINILM = "all-MiniLM-L6-v2"
# Of the built-in net and of a model's.
WIDTHS, EPOCHS = (192, 256), (4, 3)
BATCH, RATE, WARM, DROPOUT, DECAY, KEEP = 64, 1.5e-3, 0.1, 0.3, 0.01, 0.996
# Weights of pairs by their source, 1 where not named, of pairs of topics that are not with the first question, of made ones, of swaps and
# of those that are `cross`; the share of cross ones of either kind, of made ones and of swaps that an epoch sees.
SOURCE_WEIGHTS = {"group": 0.3, "near": 2.0}
CROSS_WEIGHT, MADE_WEIGHT, SWAP_WEIGHT, SWAP_CROSS_WEIGHT = 0.5, 0.3, 0.25, 0.18
CROSS_SHARE, MADE_SHARE, SWAP_SHARE = 0.15, 0.2, 0.3
TOKENS_MAX, FACTOR = 100, 16
# How much of what a net is to say is its teacher's word; the rest is the label.
TEACHER_SHARE = 0.5
JOBS = (None, *range(verifier.FOLDS))


class Tokens:
    """Input and context rows of all texts' tokens, one behind the other, and where each text's are."""

    def __init__(self, program, model, texts, folder, table):
        """`table`: a row for each piece; a token's input row is the mean of its pieces'."""
        import numpy as np
        import torch
        pairs, tokens = folder / "texts.jsonl", folder / "tokens.bin"
        with open(pairs, "w", encoding="utf-8") as file:
            for i in range(0, len(texts), 2):
                file.write(json.dumps({"id": str(i), "a": texts[i], "b": texts[min(i + 1, len(texts) - 1)]}) + "\n")
        subprocess.run([str(program), "eval", "pairs", str(pairs), "--tokens", str(tokens)] + (["--model", str(model)] if model else []),
                       check=True, stdout=subprocess.DEVNULL)
        size = 384 if model else 128
        bytes_, at, inputs, contexts, self.place = tokens.read_bytes(), 0, [], [], {}
        for text in texts:
            (count,), at, begin = struct.unpack_from("<I", bytes_, at), at + 4, len(inputs)
            for token in range(count):
                pieces = np.frombuffer(bytes_, "<u2", bytes_[at], at + 1)
                at += 1 + 2 * len(pieces)
                if token < TOKENS_MAX:
                    inputs.append(table[pieces].mean(0) if len(pieces) else np.zeros(table.shape[1], np.float32))
                    contexts.append(np.frombuffer(bytes_, np.int8, size, at))
                at += size
            if len(inputs) == begin:
                inputs.append(np.zeros(table.shape[1], np.float32))
                contexts.append(np.zeros(size, np.int8))
            self.place[text] = begin, len(inputs)
        if at != len(bytes_):
            sys.exit(f"train_pair_net: {tokens} has {len(bytes_)} bytes, read were {at}")
        self.rows = [torch.from_numpy(self.unit(np.stack(rows))).half() for rows in (inputs, contexts)]

    @staticmethod
    def unit(rows):
        import numpy as np
        rows = rows.astype(np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)

    def batch(self, pairs):
        """input, context and mask of both sides."""
        import torch
        made = []
        for side in (0, 1):
            places = [self.place[pair[side]] for pair in pairs]
            longest = max(end - begin for begin, end in places)
            index, mask = torch.zeros(len(pairs), longest, dtype=torch.long), torch.zeros(len(pairs), longest)
            for i, (begin, end) in enumerate(places):
                index[i, :end - begin] = torch.arange(begin, end)
                mask[i, :end - begin] = 1
            made += [*(rows[index].float() for rows in self.rows), mask]
        return made


def make_net(input_size, context_size, width):
    import torch
    from torch import nn
    from torch.nn import functional

    def around(rows):
        """Each row with those before and behind it."""
        padded = functional.pad(rows, (0, 0, 1, 1))
        return torch.cat([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], -1)

    class PairNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter = nn.Linear(input_size + context_size, width)
            self.norm = nn.LayerNorm(width)
            self.scale = nn.Parameter(torch.tensor([4.0, 4.0, 1.0]))
            self.first = nn.Linear(4 * width + (4 if context_size else 2), width)
            self.second = nn.Linear(width, width)
            self.around = nn.Linear(3 * width, width)
            self.weight = nn.Linear(width, 1)
            self.join = nn.Linear(6 * width, width)
            self.out = nn.Linear(width, 1)
            self.drop = nn.Dropout(DROPOUT)

        def side(self, own, other, attention, cosines, own_mask, other_mask):
            share = attention.masked_fill(other_mask[:, None, :] == 0, -1e4).softmax(-1)
            partner = share @ other
            near = [c.masked_fill(other_mask[:, None, :] == 0, -1).amax(-1, keepdim=True) for c in cosines]
            near += [(share * c).sum(-1, keepdim=True) for c in cosines]
            seen = torch.cat([own, partner, (own - partner).abs(), own * partner] + near, -1)
            seen = functional.gelu(self.second(self.drop(functional.gelu(self.first(seen)))))
            seen = seen + functional.gelu(self.around(around(seen * own_mask[..., None])))
            weight = self.weight(own)[..., 0].masked_fill(own_mask == 0, -1e4).softmax(-1)
            largest = seen.masked_fill(own_mask[..., None] == 0, -1e4).amax(1)
            return torch.cat([(seen * weight[..., None]).sum(1), largest], -1)

        def forward(self, input_a, context_a, mask_a, input_b, context_b, mask_b):
            kinds = [(input_a, input_b)] + ([(context_a, context_b)] if context_size else [])
            a, b = (self.drop(self.norm(self.enter(FACTOR * torch.cat([kind[i] for kind in kinds], -1)))) for i in (0, 1))
            with torch.autocast("cpu", enabled=False):  # Half of a percent matters here.
                cosines = [x @ y.transpose(1, 2) for x, y in kinds]
            attention = self.scale[2] * (a @ b.transpose(1, 2)) / width ** 0.5 + sum(s * c for s, c in zip(self.scale, cosines))
            seen_a = self.side(a, b, attention, cosines, mask_a, mask_b)
            seen_b = self.side(b, a, attention.transpose(1, 2), [c.transpose(1, 2) for c in cosines], mask_b, mask_a)
            seen = torch.cat([seen_a + seen_b, (seen_a - seen_b).abs(), seen_a * seen_b], -1)
            return self.out(self.drop(functional.gelu(self.join(self.drop(seen)))))[:, 0]

    return PairNet()


def descend(optimizer, loss, rate, warm, step, total):
    """One step of `total`: the rate rises to `rate` over the share `warm` of them and falls to a hundredth; a gradient is at most 1 long."""
    import torch
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1, (step + 1) / (warm * total)) * max(0.01, 1 - step / total)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], 1.0)
    optimizer.step()


def halves(tensors):
    """The bytes of all numbers as half-precision floats."""
    import numpy as np
    return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors]).astype("<f2").tobytes()


def refuse_shared(ours, theirs, what):
    if shared := set(texts_of(ours)) & set(texts_of(theirs)):
        sys.exit(f"train_pair_net: {what}: {min(shared)}")


def train(sizes, epochs, parts, tokens, report):
    """A net trained on pairs (a, b, label, weight), a label from 0 to 1: the mean of its weights over the last steps. `parts`: (share,
    pairs), an epoch sees so many of these."""
    import torch
    from torch.nn import functional
    random.seed(1)
    torch.manual_seed(1)
    net, mean = make_net(*sizes), make_net(*sizes)
    mean.load_state_dict(net.state_dict())
    kept, now = list(mean.parameters()), list(net.parameters())
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    total, step, started = epochs * math.ceil(sum(int(share * len(pairs)) for share, pairs in parts) / BATCH), 0, time.time()
    for epoch in range(epochs):
        net.train()
        rows = [row for share, pairs in parts for row in random.sample(pairs, int(share * len(pairs)))]
        # Texts of like length together, in a new order each time.
        rows.sort(key=lambda row: (len(row[0]) + len(row[1])) // 20 + 2 * random.random())
        batches = [rows[i:i + BATCH] for i in range(0, len(rows), BATCH)]
        random.shuffle(batches)
        for batch in batches:
            label = torch.tensor([float(row[2]) for row in batch])
            weight = torch.tensor([row[3] for row in batch])
            with torch.autocast("cpu", torch.bfloat16):
                said = net(*tokens.batch(batch))
            losses = functional.binary_cross_entropy_with_logits(said.float(), label, reduction="none")
            loss = (losses * weight).sum() / weight.sum()
            descend(optimizer, loss, RATE, WARM, step, total)
            step += 1
            with torch.no_grad():
                torch._foreach_lerp_(kept, now, 1 - min(KEEP, step / (step + 10)))
        print(f"{report}: epoch {epoch + 1} of {epochs}, loss {loss.item():.3f}, {time.time() - started:.0f} s", flush=True)
    return mean.eval()


def logits(net, pairs, tokens):
    import torch
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    out = [0.0] * len(pairs)
    with torch.no_grad():
        for begin in range(0, len(order), 64):
            chosen = order[begin:begin + 64]
            for i, value in zip(chosen, net(*tokens.batch([pairs[i] for i in chosen])).tolist()):
                out[i] = value
    return out


def write(net, sizes, path):
    input_size, context_size, width = sizes
    layers = [net.enter, net.norm, net.scale, net.first, net.second, net.around, net.weight, net.join, net.out]
    order = [tensor for layer in layers for tensor in ([layer] if layer is net.scale else [layer.weight, layer.bias])]
    path.write_bytes(b"RSPN2\0\0\0" + struct.pack("<III", width, input_size, context_size) + halves(order))


def name_of(fold):
    return "all" if fold is None else f"fold {fold}"


def teacher_file(fold):
    """What MiniLM's net of a fold says of the pairs it was trained on."""
    return ROOT / "build" / "train" / (MINILM + WITHOUT) / f"teacher_{name_of(fold).replace(' ', '_')}.jsonl"


def write_logits(pairs, values, path):
    with open(path, "w", encoding="utf-8") as file:
        for pair, value in zip(pairs, values):
            file.write(json.dumps({"a": pair[0], "b": pair[1], "logit": value}) + "\n")


def taught(parts, rows):
    """`parts` with labels that are in part what a teacher says, `rows` with a logit each. ValueError: it was not asked about a pair."""
    said = {(row["a"], row["b"]): 1 / (1 + math.exp(-row["logit"])) for row in rows}

    def label(pair):
        if pair[:2] not in said:
            raise ValueError(f"the teacher's net was trained on other data: it has not seen {pair[0]!r} with {pair[1]!r}")
        return (1 - TEACHER_SHARE) * pair[2] + TEACHER_SHARE * said[pair[:2]]
    return [(share, [(*pair[:2], label(pair), pair[3]) for pair in pairs]) for share, pairs in parts]


def work(job):
    fold, parts, test = job
    import torch
    torch.set_num_threads(1)
    if not OF_MODEL:
        parts = taught(parts, verifier.read_rows(teacher_file(fold)))
    net = train(SIZES, EPOCHS[OF_MODEL], parts, TOKENS, name_of(fold))
    if OF_MODEL:
        pairs = list({pair[:2]: pair for _, pairs in parts for pair in pairs}.values())
        write_logits(pairs, logits(net, pairs, TOKENS), teacher_file(fold))
    return fold, net.state_dict(), logits(net, test, TOKENS)


def swap_rows(rows):
    """The pairs of swaps. They are in no fold: nothing is measured with them, and they share no text with `rows`, which are."""
    swaps = [row for path in sorted((verifier.DATA / "swaps").glob("*.txt")) for row in verifier.read_swaps(path)]
    refuse_shared(rows, swaps, "a swap and another pair share a text")
    return swaps


def training_data(without_public=False):
    """Pairs written by hand, made of those, and of swaps."""
    rows = verifier.hand_rows(without_public)
    swaps = swap_rows(rows)
    unseen = [row for path in sorted((verifier.DATA / "unseen").glob("*.jsonl")) for row in verifier.read_rows(path)]
    refuse_shared(unseen, rows + swaps, "a pair that is to stay unseen is trained with")
    return rows, verifier.made_rows(rows), swaps


def texts_of(*kinds):
    return list(dict.fromkeys(text for rows in kinds for row in rows for text in (row["a"], row["b"])))


def input_table():
    """The rows of models/builtin/input256.bin."""
    import make_static_table
    scales, values = make_static_table.decode((ROOT / "models" / "builtin" / "input256.bin").read_bytes())
    return values * scales.astype("float32")[:, None]


def jobs_of(rows, made, swaps):
    folds = [verifier.fold_of(row) for row in rows]
    weight = [CROSS_WEIGHT if row.get("cross") else SOURCE_WEIGHTS.get(row["source"], 1.0) for row in rows]
    every = [(row["a"], row["b"], bool(row["same"]), w, bool(row.get("cross"))) for row, w in zip(rows, weight)]
    every_made = [(row["a"], row["b"], bool(row["same"]), MADE_WEIGHT) for row in made]
    swapped = [(SWAP_SHARE, [(row["a"], row["b"], row["same"], SWAP_WEIGHT) for row in swaps if not row["cross"]]),
               (CROSS_SHARE, [(row["a"], row["b"], row["same"], SWAP_CROSS_WEIGHT) for row in swaps if row["cross"]])]

    def job(fold):
        kept = [row for row, f in zip(every, folds) if f != fold]
        parts = [(1, [row for row in kept if not row[4]]), (CROSS_SHARE, [row for row in kept if row[4]]),
                 (MADE_SHARE, [row for row, source in zip(every_made, made) if fold not in source["folds"]]), *swapped]
        return fold, parts, [row for row, f in zip(every, folds) if f == fold and not row[4]]

    return [job(fold) for fold in JOBS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "reflex")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--without-public", action="store_true", help="leave the public half out of training, to test on its stream")
    options = parser.parse_args()
    verifier.in_own_environment("train-net-python", PACKAGES)
    import numpy as np
    import minilm
    rows, made, swaps = training_data(options.without_public)
    global TOKENS, SIZES, OF_MODEL, WITHOUT
    OF_MODEL, WITHOUT = bool(options.model), "-without-public" if options.without_public else ""
    folder = ROOT / "build" / "train" / ((MINILM if OF_MODEL else verifier.BUILTIN) + WITHOUT)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [] if OF_MODEL else [str(teacher_file(fold)) for fold in JOBS if not teacher_file(fold).is_file()]
    if missing:
        sys.exit(f"train_pair_net: no {', '.join(missing)}: train the net of {MINILM} first, with --model FILE{' --without-public' if WITHOUT else ''}")
    out = options.out or ROOT / "models" / ("minilm" if options.model else "builtin")
    if options.model:
        table = np.asarray(minilm.load()[3]["embeddings.word_embeddings.weight"], np.float32)
    else:
        table = input_table()
    texts = texts_of(rows, made, swaps)
    TOKENS = Tokens(options.program, options.model, texts, folder, table)
    SIZES = table.shape[1], TOKENS.rows[1].shape[1], WIDTHS[OF_MODEL]
    jobs = jobs_of(rows, made, swaps)
    said = {}
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        for fold, weights, values in pool.imap_unordered(work, jobs, chunksize=1):
            if fold is None:
                net = make_net(*SIZES)
                net.load_state_dict(weights)
                write(net, SIZES, out / "pair_net.bin")
            else:
                said.update({row[:2]: value for row, value in zip(jobs[fold + 1][2], values)})
    write_logits(said.keys(), said.values(), folder / "pair_net.jsonl")
    print(f"{out / 'pair_net.bin'}: {(out / 'pair_net.bin').stat().st_size} bytes")


if __name__ == "__main__":
    main()
