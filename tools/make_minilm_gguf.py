#!/usr/bin/env python3
"""Makes all-MiniLM-L6-v2 as a GGUF file, a real small model for measurements. usage: make_minilm_gguf.py OUT.gguf [--type f32|f16|q8_0]

The weights are those of a Python package that is pinned by its hash (tools/minilm.py); their license is Apache 2.0, see
models/builtin/NOTICE. Window as trained: 256 pieces, although the file allows 512.
"""
import argparse
import os
import struct

import minilm

minilm.in_venv()
import numpy as np  # noqa: E402

U32, I32, F32, BOOL, STR, ARR = 4, 5, 6, 7, 8, 9
TYPES = {'f32': 0, 'f16': 1, 'q8_0': 8}
ALIGN = 32


def q8_0(a):
    """blocks of 32 along the row: f16 scale d = max|x|/127, 32 x int8 round(x/d)"""
    r, c = a.shape; assert c % 32 == 0
    x = a.astype(np.float32).reshape(r, c // 32, 32)
    d = np.abs(x).max(-1) / 127.0
    inv = np.where(d > 0, 1.0 / np.where(d > 0, d, 1), 0).astype(np.float32)
    q = x * inv[..., None]
    q = (np.sign(q) * np.floor(np.abs(q) + 0.5)).astype(np.int8)      # round half away from zero, as ggml's reference
    out = np.empty((r, c // 32), dtype=[('d', '<f2'), ('q', 'i1', 32)])
    out['d'] = d.astype(np.float16); out['q'] = q
    return out.tobytes()


class Gguf:
    def __init__(self): self.kv, self.t = {}, []
    @staticmethod
    def s(x): b = x.encode(); return struct.pack('<Q', len(b)) + b
    def u32(self, k, v): self.kv[k] = struct.pack('<II', U32, v)
    def f32(self, k, v): self.kv[k] = struct.pack('<If', F32, v)
    def bool(self, k, v): self.kv[k] = struct.pack('<I?', BOOL, v)
    def str(self, k, v): self.kv[k] = struct.pack('<I', STR) + self.s(v)
    def astr(self, k, vs): self.kv[k] = struct.pack('<IIQ', ARR, STR, len(vs)) + b''.join(map(self.s, vs))
    def ai32(self, k, vs): self.kv[k] = struct.pack('<IIQ', ARR, I32, len(vs)) + struct.pack('<%di' % len(vs), *vs)
    def tensor(self, name, a, typ='f32'):
        a = np.ascontiguousarray(a, dtype=np.float32)
        if a.ndim == 1: typ = 'f32'
        data = a.tobytes() if typ == 'f32' else a.astype('<f2').tobytes() if typ == 'f16' else q8_0(a)
        self.t.append((name, list(a.shape[::-1]), TYPES[typ], data))
    def write(self, path):
        h = [b'GGUF', struct.pack('<IQQ', 3, len(self.t), len(self.kv))]
        h += [self.s(k) + v for k, v in self.kv.items()]
        off = 0
        for n, dims, ty, data in self.t:
            h.append(self.s(n) + struct.pack('<I', len(dims)) + struct.pack('<%dQ' % len(dims), *dims) + struct.pack('<IQ', ty, off))
            off += (len(data) + ALIGN - 1) // ALIGN * ALIGN
        b = b''.join(h)
        with open(path, 'wb') as f:
            f.write(b + b'\0' * (-len(b) % ALIGN))
            for *_, data in self.t: f.write(data + b'\0' * (-len(data) % ALIGN))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out')
    parser.add_argument('--type', default='q8_0', choices=TYPES)
    options = parser.parse_args()
    c, _, vocab, T = minilm.load()
    E, L, w = c['hidden_size'], c['num_hidden_layers'], options.type
    g = Gguf()
    g.str('general.architecture', 'bert')
    g.str('general.name', 'all-MiniLM-L6-v2')
    g.u32('general.file_type', {'f32': 0, 'f16': 1, 'q8_0': 7}[w])
    g.str('general.license', 'apache-2.0')
    for key, value in (('context_length', c['max_position_embeddings']), ('embedding_length', E), ('block_count', L),
                       ('feed_forward_length', c['intermediate_size']), ('attention.head_count', c['num_attention_heads'])):
        g.u32('bert.' + key, value)
    g.f32('bert.attention.layer_norm_epsilon', c['layer_norm_eps'])
    g.bool('bert.attention.causal', False)
    g.u32('bert.pooling_type', 1)
    # Beginnings of words carry U+2581, continuations are bare, marks stay as they are.
    is_mark = lambda t: t.startswith('[') and t.endswith(']') and len(t) > 2
    pieces = [t if is_mark(t) else t[2:] if t.startswith('##') and len(t) > 2 else '\u2581' + t for t in vocab]
    g.str('tokenizer.ggml.model', 'bert')
    g.str('tokenizer.ggml.pre', 'default')
    g.u32('tokenizer.ggml.token_type_count', c['type_vocab_size'])
    g.astr('tokenizer.ggml.tokens', pieces)
    g.ai32('tokenizer.ggml.token_type', [3 if is_mark(t) else 1 for t in vocab])
    for k, t in (('bos', '[CLS]'), ('unknown', '[UNK]'), ('seperator', '[SEP]'), ('padding', '[PAD]'), ('cls', '[CLS]'), ('mask', '[MASK]')):
        g.u32('tokenizer.ggml.%s_token_id' % k, vocab.index(t))
    g.tensor('token_embd.weight', T['embeddings.word_embeddings.weight'], w)
    g.tensor('position_embd.weight', T['embeddings.position_embeddings.weight'])
    g.tensor('token_types.weight', T['embeddings.token_type_embeddings.weight'])
    g.tensor('token_embd_norm.weight', T['embeddings.LayerNorm.weight'])
    g.tensor('token_embd_norm.bias', T['embeddings.LayerNorm.bias'])
    for i in range(L):
        s, d = 'encoder.layer.%d.' % i, 'blk.%d.' % i
        for x, y in (('attention.self.query', 'attn_q'), ('attention.self.key', 'attn_k'), ('attention.self.value', 'attn_v'),
                     ('attention.output.dense', 'attn_output'), ('intermediate.dense', 'ffn_up'), ('output.dense', 'ffn_down')):
            g.tensor(d + y + '.weight', T[s + x + '.weight'], w)
            g.tensor(d + y + '.bias', T[s + x + '.bias'])
        for x, y in (('attention.output.LayerNorm', 'attn_output_norm'), ('output.LayerNorm', 'layer_output_norm')):
            g.tensor(d + y + '.weight', T[s + x + '.weight'])
            g.tensor(d + y + '.bias', T[s + x + '.bias'])
    g.write(options.out)
    print(options.out, os.path.getsize(options.out), 'bytes')


if __name__ == '__main__':
    main()
