#!/usr/bin/env python3
"""Trains the pair net of all-MiniLM-L6-v2 from the data in models/data: models/minilm/pair_net.bin and lexical.bin.

usage: tools/train_pair_net.py --model FILE.gguf [--program build/release/reflex] [--out models/minilm]

A pair net is a small network on top of frozen word vectors: it aligns the words of two texts by attention, compares each with its
partner and says, as a logit, whether one answer serves both (decomposable attention with enhanced comparison [Parikh et al. 2016; Chen
et al. 2017]). Form of the files: docs/pair-net.md. It reads, of each word, the model's vector as `reflex eval pairs --words` writes
it and the mean of its pieces' rows in a lexical table: the model's own input embeddings, reduced by a matrix that is learned as well.

Written before train_verifier.py --model runs: it joins what the net says out of fold, build/train/<embedder>/pair_net.json, with what
the verifiers say. Folds and data are that tool's. Seeds are fixed; about half an hour on two cores.
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
EMBEDDER = "all-MiniLM-L6-v2"
WIDTH, CONTEXT = 192, 384
EPOCHS, BATCH, RATE, DROPOUT, DECAY, KEEP = 8, 32, 1e-3, 0.3, 0.01, 0.998
# Weights of written pairs, pairs of groups, pairs of topics that are not with the first question, and made ones; the share of the
# latter that an epoch sees.
GROUP_WEIGHT, CROSS_WEIGHT, MADE_WEIGHT, MADE_SHARE = 0.3, 0.5, 0.3, 0.3
WORDS_MAX = 100


def words_of(program, model, texts, folder):
    """{text: (lexical, context)}: of each word the mean of its pieces' input embeddings and the model's vector, unit length."""
    import minilm
    import numpy as np
    pairs, table = folder / "texts.jsonl", folder / "words.bin"
    with open(pairs, "w", encoding="utf-8") as file:
        for i in range(0, len(texts), 2):
            file.write(json.dumps({"id": str(i), "a": texts[i], "b": texts[min(i + 1, len(texts) - 1)]}) + "\n")
    subprocess.run([str(program), "eval", "pairs", str(pairs), "--words", str(table), "--out", str(folder / "texts.out"),
                    "--model", str(model)], check=True, stdout=subprocess.DEVNULL)
    embeddings = np.asarray(minilm.load()[3]["embeddings.word_embeddings.weight"], np.float32)
    bytes_, at, known = table.read_bytes(), 0, {}
    for text in texts:
        (count,), at = struct.unpack_from("<I", bytes_, at), at + 4
        lexical, context = np.zeros((max(count, 1), CONTEXT), np.float32), np.zeros((max(count, 1), CONTEXT), np.float32)
        for word in range(count):
            pieces = np.frombuffer(bytes_, "<u2", bytes_[at], at + 1)
            at += 1 + 2 * len(pieces)
            if len(pieces):
                lexical[word] = embeddings[pieces].mean(0)
            context[word] = np.frombuffer(bytes_, np.int8, CONTEXT, at)
            at += CONTEXT
        context /= np.maximum(np.linalg.norm(context, axis=1, keepdims=True), 1e-6)
        known[text] = lexical[:WORDS_MAX].astype(np.float16), context[:WORDS_MAX].astype(np.float16)
    if at != len(bytes_):
        sys.exit(f"train_pair_net: {table} has {len(bytes_)} bytes, read were {at}")
    return known, embeddings


def make_net():
    import torch
    from torch import nn
    from torch.nn import functional

    class PairNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.lexical = nn.Linear(CONTEXT, WIDTH, bias=False)
            self.context = nn.Linear(CONTEXT, WIDTH)
            self.norm = nn.LayerNorm(WIDTH)
            self.scale = nn.Parameter(torch.tensor([4.0, 4.0, 1.0]))
            self.first = nn.Linear(4 * WIDTH + 4, WIDTH)
            self.second = nn.Linear(WIDTH, WIDTH)
            self.weight = nn.Linear(WIDTH, 1)
            self.join = nn.Linear(6 * WIDTH, WIDTH)
            self.out = nn.Linear(WIDTH, 1)
            self.drop = nn.Dropout(DROPOUT)

        def side(self, own, other, attention, cosines, own_mask, other_mask):
            share = attention.masked_fill(other_mask[:, None, :] == 0, -1e4).softmax(-1)
            partner = share @ other
            near = [c.masked_fill(other_mask[:, None, :] == 0, -1).amax(-1, keepdim=True) for c in cosines]
            near += [(share * c).sum(-1, keepdim=True) for c in cosines]
            seen = torch.cat([own, partner, (own - partner).abs(), own * partner] + near, -1)
            seen = functional.gelu(self.second(self.drop(functional.gelu(self.first(seen)))))
            weight = self.weight(own)[..., 0].masked_fill(own_mask == 0, -1e4).softmax(-1)
            largest = seen.masked_fill(own_mask[..., None] == 0, -1e4).amax(1)
            return torch.cat([(seen * weight[..., None]).sum(1), largest], -1)

        def forward(self, lexical_a, context_a, mask_a, lexical_b, context_b, mask_b):
            lexical = [functional.normalize(self.lexical(x), dim=-1) for x in (lexical_a, lexical_b)]
            a, b = (self.drop(self.norm(WIDTH ** 0.5 * lexical[i] + self.context(16 * x))) for i, x in enumerate((context_a, context_b)))
            cosines = [lexical[0] @ lexical[1].transpose(1, 2), context_a @ context_b.transpose(1, 2)]
            attention = self.scale[0] * cosines[0] + self.scale[1] * cosines[1] + self.scale[2] * (a @ b.transpose(1, 2)) / WIDTH ** 0.5
            seen_a = self.side(a, b, attention, cosines, mask_a, mask_b)
            seen_b = self.side(b, a, attention.transpose(1, 2), [c.transpose(1, 2) for c in cosines], mask_b, mask_a)
            seen = torch.cat([seen_a + seen_b, (seen_a - seen_b).abs(), seen_a * seen_b], -1)
            return self.out(self.drop(functional.gelu(self.join(self.drop(seen)))))[:, 0]

    return PairNet()


def tensors(pairs, known):
    import numpy as np
    import torch
    made = []
    for side in (0, 1):
        rows = [known[pair[side]] for pair in pairs]
        longest = max(len(row[0]) for row in rows)
        arrays = [np.zeros((len(rows), longest, CONTEXT), np.float32) for _ in range(2)]
        mask = np.zeros((len(rows), longest), np.float32)
        for i, row in enumerate(rows):
            mask[i, :len(row[0])] = 1
            for array, values in zip(arrays, row):
                array[i, :len(values)] = values
        made += [*map(torch.from_numpy, arrays), torch.from_numpy(mask)]
    return made


def train(pairs, made, known, report):
    """A net trained on pairs (a, b, same, weight): the mean of its weights over the last steps."""
    import torch
    from torch.nn import functional
    random.seed(1)
    torch.manual_seed(1)
    net, mean = make_net(), make_net()
    mean.load_state_dict(net.state_dict())
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    sampled = int(MADE_SHARE * len(made))
    total, step, started = EPOCHS * math.ceil((len(pairs) + sampled) / BATCH), 0, time.time()
    for epoch in range(EPOCHS):
        net.train()
        rows = pairs + random.sample(made, sampled)
        # Texts of like length together, in a new order each time.
        rows.sort(key=lambda row: (len(row[0]) + len(row[1])) // 50 + 2 * random.random())
        batches = [rows[i:i + BATCH] for i in range(0, len(rows), BATCH)]
        random.shuffle(batches)
        for batch in batches:
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1, (step + 1) / (0.1 * total)) * max(0.01, 1 - step / total)
            label = torch.tensor([float(row[2]) for row in batch])
            weight = torch.tensor([row[3] for row in batch])
            losses = functional.binary_cross_entropy_with_logits(net(*tensors(batch, known)), label, reduction="none")
            loss = (losses * weight).sum() / weight.sum()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
            with torch.no_grad():
                for kept, now in zip(mean.parameters(), net.parameters()):
                    kept.lerp_(now, 1 - min(KEEP, step / (step + 10)))
        print(f"{report}: epoch {epoch + 1} of {EPOCHS}, loss {loss.item():.3f}, {time.time() - started:.0f} s", flush=True)
    return mean.eval()


def logits(net, pairs, known):
    import torch
    out = []
    with torch.no_grad():
        for i in range(0, len(pairs), 64):
            out += net(*tensors(pairs[i:i + 64], known)).tolist()
    return out


def write(net, embeddings, folder):
    """lexical.bin as the built-in table (tools/make_static_table.py), pair_net.bin as docs/pair-net.md has it."""
    import numpy as np
    import torch
    with torch.no_grad():
        table = net.lexical(torch.from_numpy(embeddings)).numpy()
    scale = np.maximum(np.abs(table).max(1) / 127, 1e-4).astype("<f2")
    rows = np.clip(np.round(table / scale.astype(np.float32)[:, None]), -127, 127).astype(np.int8)
    (folder / "lexical.bin").write_bytes(b"RSTV1\0\0\0" + struct.pack("<II", *rows.shape) + scale.tobytes() + rows.tobytes())
    order = [net.context.weight, net.context.bias, net.norm.weight, net.norm.bias, net.scale, net.first.weight, net.first.bias, net.second.weight,
             net.second.bias, net.weight.weight, net.weight.bias, net.join.weight, net.join.bias, net.out.weight, net.out.bias]
    values = np.concatenate([tensor.detach().numpy().ravel() for tensor in order]).astype("<f2")
    (folder / "pair_net.bin").write_bytes(b"RSPN1\0\0\0" + struct.pack("<II", WIDTH, CONTEXT) + values.tobytes())


def work(job):
    fold, pairs, made, test = job
    import torch
    torch.set_num_threads(1)
    net = train(pairs, made, KNOWN, "all" if fold is None else f"fold {fold}")
    return fold, net.state_dict(), logits(net, test, KNOWN)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "reflex")
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "models" / "minilm")
    parser.add_argument("--without-public", action="store_true", help="leave the public half out of training, to test on its stream")
    options = parser.parse_args()
    verifier.in_own_environment("train-net-python", PACKAGES)
    rows = verifier.hand_rows(options.without_public)
    made = verifier.made_rows(rows)
    folder = ROOT / "build" / "train" / (EMBEDDER + ("-without-public" if options.without_public else ""))
    folder.mkdir(parents=True, exist_ok=True)
    texts = list(dict.fromkeys(text for row in rows + made for text in (row["a"], row["b"])))
    global KNOWN
    KNOWN, embeddings = words_of(options.program, options.model, texts, folder)
    folds = [verifier.fold_of(row) for row in rows]
    weight = [GROUP_WEIGHT if row["category"] == "group" else CROSS_WEIGHT if row.get("cross") else 1.0 for row in rows]
    every = [(row["a"], row["b"], bool(row["same"]), w) for row, w in zip(rows, weight)]
    every_made = [(row["a"], row["b"], bool(row["same"]), MADE_WEIGHT) for row in made]
    jobs = [(None, every, every_made, [])]
    for fold in range(verifier.FOLDS):
        jobs.append((fold, [row for row, f in zip(every, folds) if f != fold],
                     [row for row, source in zip(every_made, made) if fold not in source["folds"]],
                     [row for row, f in zip(every, folds) if f == fold]))
    said = {}
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        for fold, weights, values in pool.imap_unordered(work, jobs, chunksize=1):
            if fold is None:
                net = make_net()
                net.load_state_dict(weights)
                write(net, embeddings, options.out)
            else:
                said.update({(row["a"], row["b"]): value
                             for row, value in zip((row for row, f in zip(rows, folds) if f == fold), values)})
    with open(folder / "pair_net.jsonl", "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({"a": row["a"], "b": row["b"], "logit": said[row["a"], row["b"]]}) + "\n")
    print(f"{options.out / 'pair_net.bin'}: {(options.out / 'pair_net.bin').stat().st_size} bytes, "
          f"{options.out / 'lexical.bin'}: {(options.out / 'lexical.bin').stat().st_size} bytes")


if __name__ == "__main__":
    main()
