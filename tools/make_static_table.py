#!/usr/bin/env python3
"""Makes the built-in table of word-piece vectors. usage: make_static_table.py [--check] [FOLDER]

Writes static128.bin, input256.bin and vocab.txt into FOLDER (default models/builtin); with --check it compares with what is there instead, and fails
where they differ by more than rounding. Two minutes and a half on one core.

Each piece goes alone through all-MiniLM-L6-v2 as "[CLS] piece [SEP]", and the mean of its three positions is taken. The mean over all
pieces is subtracted; of what is left the first 128 principal axes of the real pieces (those from line 999 on, counted from 0; before
them stand marks and unused places) are kept. A row is weighted with log(1 + rank): the vocabulary is sorted by frequency, so the rank
is the line, counted from the first real piece. All is divided by its largest number. Rows are kept as signed bytes with one
half-precision scale each.

input256.bin, for the pair net (docs/pair-net.md), is made of the model's input embeddings: brought to unit length, and of those of the
real pieces the first 256 principal axes, about zero, are kept.
"""
import math
import pathlib
import struct
import sys

import minilm

DIMENSION, INPUT_DIMENSION = 128, 256
BATCH = 128
FIRST_REAL = 999
# Of each axis either direction would do. Stored vectors hold on to those of version 1: a bit for each axis, the first one highest, that
# is set where the axis' largest component is negative.
SIGNS = 0xad67fb4481c942ba37b4e200655fb7f5


def forward(settings, tensors, tokens):
    """Last hidden states, n x positions x size, of texts of equal length."""
    import numpy as np
    heads, epsilon = settings["num_attention_heads"], settings["layer_norm_eps"]

    def norm(x, name):
        mean = x.mean(-1, keepdims=True)
        return (x - mean) / np.sqrt(x.var(-1, keepdims=True) + epsilon) * tensors[name + ".weight"] + tensors[name + ".bias"]

    def linear(x, name):
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    def gelu(x):
        return (0.5 * x * (1 + erf(x / math.sqrt(2)))).astype(np.float32)

    count, length = tokens.shape
    x = tensors["embeddings.word_embeddings.weight"][tokens] + tensors["embeddings.position_embeddings.weight"][:length]
    x = norm(x + tensors["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    size = x.shape[-1]
    for layer in range(settings["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        query, key, value = (linear(x, f"{name}attention.self.{part}").reshape(count, length, heads, size // heads).transpose(0, 2, 1, 3)
                             for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(size // heads)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ value
        mixed = mixed.transpose(0, 2, 1, 3).reshape(count, length, size)
        x = norm(linear(mixed, name + "attention.output.dense") + x, name + "attention.output.LayerNorm")
        wide = gelu(linear(x, name + "intermediate.dense"))
        x = norm(linear(wide, name + "output.dense") + x, name + "output.LayerNorm")
    return x


def erf(x):
    """To 1.5e-7 [Abramowitz and Stegun 1964, 7.1.26]."""
    import numpy as np
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return np.sign(x) * (1 - series * np.exp(-x * x))


def principal_axes(table, count):
    """The first axes of the real pieces, each in the direction in which its largest component is positive."""
    import numpy as np
    _, axes = np.linalg.eigh(table[FIRST_REAL:].T @ table[FIRST_REAL:])
    axes = axes[:, ::-1][:, :count]
    return axes * np.sign(axes[np.abs(axes).argmax(0), range(count)])


def vectors(settings, pieces, tensors):
    import numpy as np
    begin, end = pieces.index("[CLS]"), pieces.index("[SEP]")
    means = []
    for first in range(0, len(pieces), BATCH):
        middle = np.arange(first, min(first + BATCH, len(pieces)))
        tokens = np.stack([np.full_like(middle, begin), middle, np.full_like(middle, end)], 1)
        means.append(forward(settings, tensors, tokens).mean(1))
    table = np.concatenate(means).astype(np.float64)
    table -= table.mean(0)
    wanted = [-1 if SIGNS >> (DIMENSION - 1 - i) & 1 else 1 for i in range(DIMENSION)]
    rank = np.maximum(1, np.arange(len(pieces)) - FIRST_REAL + 1)
    table = table @ (principal_axes(table, DIMENSION) * wanted) * np.log1p(rank)[:, None]
    return table / np.abs(table).max()


def inputs(tensors):
    import numpy as np
    table = tensors["embeddings.word_embeddings.weight"].astype(np.float64)
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    return table @ principal_axes(table, INPUT_DIMENSION)


def encode(table):
    import numpy as np
    scales = (np.abs(table).max(1) / 127).astype("<f2")
    rows = np.clip(np.round(table / np.maximum(scales.astype(np.float64), 1e-12)[:, None]), -127, 127).astype(np.int8)
    return b"RSTV1\0\0\0" + struct.pack("<II", *table.shape) + scales.tobytes() + rows.tobytes()


def decode(data):
    import numpy as np
    count, size = struct.unpack_from("<II", data, 8)
    scales = np.frombuffer(data, "<f2", count, 16)
    return scales, np.frombuffer(data, np.int8, count * size, 16 + 2 * count).reshape(count, size)


def compare(made, kept):
    """Whether two tables are the same up to rounding, and a sentence about it."""
    import numpy as np
    if len(made) != len(kept) or made[:16] != kept[:16]:
        return False, "the shapes differ"
    (scales, rows), (kept_scales, kept_rows) = decode(made), decode(kept)
    steps = np.abs(rows.astype(int) - kept_rows)
    ratio = np.abs(scales.astype(float) / np.maximum(kept_scales.astype(float), 1e-12) - 1).max()
    sentence = f"{(steps == 0).mean():.4%} of the bytes are equal, the largest difference is {steps.max()} of 127; scales differ by {ratio:.2e}"
    return steps.max() <= 1 and ratio < 2e-3, sentence


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        raise SystemExit(__doc__.split("\n\n")[0])
    minilm.in_venv()
    folder = pathlib.Path(arguments[0]) if arguments else minilm.ROOT / "models" / "builtin"
    settings, vocabulary, pieces, tensors = minilm.load()
    tables = {"static128.bin": encode(vectors(settings, pieces, tensors)), "input256.bin": encode(inputs(tensors))}
    if "--check" in sys.argv:
        same = vocabulary == (folder / "vocab.txt").read_bytes()
        print(f"the vocabulary is {'the same' if same else 'another one'}")
        for name, table in tables.items():
            alike, sentence = compare(table, (folder / name).read_bytes())
            print(f"{name}: {sentence}")
            same = same and alike
        raise SystemExit(0 if same else 1)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        (folder / name).write_bytes(table)
    (folder / "vocab.txt").write_bytes(vocabulary)


if __name__ == "__main__":
    main()
