#!/usr/bin/env python3
"""Trains the built-in encoder: what all-MiniLM-L6-v2 makes of a text's tokens, from what they mean by themselves.

usage: tools/train_encoder.py --model FILE.gguf [--program build/release/reflex] [--out FOLDER]

Writes models/builtin/encoder.bin: a transformer of two layers, distilled [Hinton, Vinyals, Dean 2015] from that model on the questions of
models/data without their labels. Input are the rows of models/builtin/input256.bin, the teacher's vectors come from the program (`reflex
eval pairs --tokens --model`). Form of the file and formulas: docs/pair-net.md. Train it before train_pair_net.py and build the program
again: the built-in net reads what the program's encoder says. Seeds are fixed; half an hour on one core, half of it the teacher's.
"""
import argparse
import pathlib
import random
import struct
import time

import train_pair_net as pair_net
import train_verifier as verifier

ROOT = pathlib.Path(__file__).resolve().parent.parent
WIDTH, LAYERS, HEADS, OUTPUT, POSITIONS, EPOCHS = 160, 2, 4, 128, 96, 8
BATCH_TOKENS, RATE, DECAY, WARM = 2048, 2e-3, 0.01, 0.05
# Texts that are kept back, to report how well it does on others; one in so many tokens shows the teacher's principal components.
KEPT_BACK, COMPONENTS_FROM = 5000, 37


def make_encoder(input_size):
    import torch
    from torch import nn
    from torch.nn import functional

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.before_attention, self.before_inner = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.attend, self.attended = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.inner, self.outer = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

        def forward(self, state):
            texts, tokens, _ = state.shape
            heads = self.attend(self.before_attention(state)).view(texts, tokens, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
            query, key, value = heads
            shares = (query @ key.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5).float().softmax(-1).to(value.dtype)
            state = state + self.attended((shares @ value).transpose(1, 2).reshape(texts, tokens, WIDTH))
            return state + self.outer(functional.gelu(self.inner(self.before_inner(state))))

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter = nn.Linear(input_size, WIDTH)
            self.position = nn.Parameter(torch.randn(POSITIONS, WIDTH) * 0.02)
            self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
            self.last = nn.LayerNorm(WIDTH)
            self.out = nn.Linear(WIDTH, OUTPUT)

        def forward(self, rows):
            """Rows of texts of one length."""
            state = self.enter(pair_net.FACTOR * rows) + self.position[:rows.shape[1]]
            for layer in self.layers:
                state = layer(state)
            return self.out(self.last(state))

    return Encoder()


def batches(places):
    """Texts of the same length together, in a new order each time."""
    groups, made = {}, []
    for begin, end in places:
        groups.setdefault(end - begin, []).append(begin)
    for length, begins in groups.items():
        random.shuffle(begins)
        size = max(4, BATCH_TOKENS // length)
        made += [(length, begins[i:i + size]) for i in range(0, len(begins), size)]
    random.shuffle(made)
    return made


def rows_of(tokens, length, begins):
    import torch
    index = torch.stack([torch.arange(begin, begin + length) for begin in begins])
    return (rows[index].float() for rows in tokens.rows)


def reduce(tokens):
    """The teacher's vectors in terms of their first principal components, which are the closest to all of them in length and angle."""
    import torch
    sample = tokens.rows[1][::COMPONENTS_FROM].float()
    components = torch.linalg.eigh(sample.T @ sample).eigenvectors[:, -OUTPUT:]
    tokens.rows[1] = torch.cat([(rows.float() @ components).half() for rows in tokens.rows[1].split(100_000)])


def train(tokens):
    import torch
    from torch.nn import functional
    random.seed(1)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    places = [(begin, min(end, begin + POSITIONS)) for begin, end in tokens.place.values()]
    random.shuffle(places)
    kept_back, places = places[:KEPT_BACK], places[KEPT_BACK:]
    encoder = make_encoder(tokens.rows[0].shape[1])
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    total, step, started = EPOCHS * len(batches(places)), 0, time.time()
    for epoch in range(EPOCHS):
        for length, begins in batches(places):
            given, wanted = rows_of(tokens, length, begins)
            with torch.autocast("cpu", torch.bfloat16):
                said = encoder(given)
            loss = 1 - functional.cosine_similarity(said.float(), wanted, dim=-1).mean()
            pair_net.descend(optimizer, loss, RATE, WARM, step, total)
            step += 1
        with torch.no_grad():
            cosines = torch.cat([functional.cosine_similarity(encoder(given), wanted, dim=-1).flatten()
                                 for given, wanted in (rows_of(tokens, *batch) for batch in batches(kept_back))])
        print(f"epoch {epoch + 1} of {EPOCHS}: cosine to the teacher on other texts {cosines.mean():.4f}, {time.time() - started:.0f} s", flush=True)
    return encoder


def write(encoder, path):
    parts = [encoder.enter.weight, encoder.enter.bias, encoder.position]
    for layer in encoder.layers:
        for part in (layer.before_attention, layer.before_inner, layer.attend, layer.attended, layer.inner, layer.outer):
            parts += [part.weight, part.bias]
    parts += [encoder.last.weight, encoder.last.bias, encoder.out.weight, encoder.out.bias]
    head = struct.pack("<6I", WIDTH, LAYERS, HEADS, encoder.enter.in_features, encoder.out.out_features, POSITIONS)
    path.write_bytes(b"RSEN1\0\0\0" + head + pair_net.halves(parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "release" / "reflex")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "models" / "builtin")
    options = parser.parse_args()
    verifier.in_own_environment("train-net-python", pair_net.PACKAGES)
    texts = pair_net.texts_of(*pair_net.training_data())
    folder = ROOT / "build" / "train" / "encoder"
    folder.mkdir(parents=True, exist_ok=True)
    tokens = pair_net.Tokens(options.program, options.model, texts, folder, pair_net.input_table())
    reduce(tokens)
    write(train(tokens), options.out / "encoder.bin")
    print(f"{options.out / 'encoder.bin'}: {(options.out / 'encoder.bin').stat().st_size} bytes")


if __name__ == "__main__":
    main()
