#!/usr/bin/env python3
"""Makes tiny models with random weights in GGUF files, for tests; about 0.1 s and 150 kB each. Standard library only.

usage: gguf_fixture.py KIND OUT.gguf [--seed N] [--drop-key K]... [--drop-tensor T]... [--set-u32 K=V]... [--repeat-piece]
KIND: bert-embed bert-rerank bert-rerank3 xlmr-rerank qwen2-embed qwen3-embed qwen3-rerank
"""
import argparse, array, random, struct, sys

U32, I32, F32, BOOL, STR, ARR = 4, 5, 6, 7, 8, 9          # GGUF value type codes
GGML_F32, GGML_F16 = 0, 1                                  # ggml tensor type codes
ALIGN = 32


class Gguf:
    def __init__(self, arch):
        self.kv = {}                # key -> encoded (type, payload)
        self.tensors = {}           # name -> (dims with ne[0] first, type, bytes)
        self.str('general.architecture', arch)
        self.str('general.name', 'fixture-' + arch)

    @staticmethod
    def _s(x):
        b = x.encode('utf-8')
        return struct.pack('<Q', len(b)) + b

    def u32(self, k, v):  self.kv[k] = struct.pack('<II', U32, v)
    def f32(self, k, v):  self.kv[k] = struct.pack('<If', F32, v)
    def bool(self, k, v): self.kv[k] = struct.pack('<I?', BOOL, v)
    def str(self, k, v):  self.kv[k] = struct.pack('<I', STR) + self._s(v)

    def arr_str(self, k, vs):
        if k == 'tokenizer.ggml.tokens':
            self.pieces = vs
        self.kv[k] = struct.pack('<IIQ', ARR, STR, len(vs)) + b''.join(map(self._s, vs))

    def arr_i32(self, k, vs):
        self.kv[k] = struct.pack('<IIQ', ARR, I32, len(vs)) + struct.pack('<%di' % len(vs), *vs)

    def arr_f32(self, k, vs):
        self.kv[k] = struct.pack('<IIQ', ARR, F32, len(vs)) + struct.pack('<%df' % len(vs), *vs)

    def tensor(self, name, dims, data, typ=GGML_F32):
        self.tensors[name] = (list(dims), typ, data)

    def write(self, path):
        head = [b'GGUF', struct.pack('<IQQ', 3, len(self.tensors), len(self.kv))]
        for k, v in self.kv.items():
            head.append(self._s(k) + v)
        off = 0
        for name, (dims, typ, data) in self.tensors.items():
            head.append(self._s(name) + struct.pack('<I', len(dims)) +
                        struct.pack('<%dQ' % len(dims), *dims) + struct.pack('<IQ', typ, off))
            off += (len(data) + ALIGN - 1) // ALIGN * ALIGN
        blob = b''.join(head)
        with open(path, 'wb') as f:
            f.write(blob)
            f.write(b'\0' * (-len(blob) % ALIGN))
            for dims, typ, data in self.tensors.values():
                f.write(data)
                f.write(b'\0' * (-len(data) % ALIGN))


class Rand:
    """Weights that are the same on every machine; float32, little endian."""
    def __init__(self, seed):
        self.r = random.Random(seed)

    def mat(self, g, name, dims, std, mean=0.0):
        n = 1
        for d in dims:
            n *= d
        a = array.array('f', (self.r.gauss(mean, std) for _ in range(n)))
        if sys.byteorder == 'big':
            a.byteswap()
        g.tensor(name, dims, a.tobytes())


WORDS = ('the a an of to in is it and for on with as at by from cache query answer reset password account '
         'email refund order ship how do i can you my your what when where why who which not are was will '
         'please help change update delete create user login bank river paris france capital city weather').split()


def wordpiece_vocab():
    # llama.cpp stores WordPiece with U+2581 in front of word starts; continuations ('##x') are bare
    sp = '\u2581'
    v = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
    chars = 'abcdefghijklmnopqrstuvwxyz0123456789'
    v += [sp + c for c in chars if c not in ('a', 'i')] + list(chars)
    v += [sp + c for c in '.,?!\'"-:;()/']
    v += [sp + w for w in WORDS]
    v += ['ing', 'ed', 'er', 'es', 'tion', 'ly', 'est', 'al', 'un', 're', 'ment', 'able']
    assert len(v) == len(set(v))
    return v


def bert_meta(arch_prefix, g, L, E, H, F, C):
    p = arch_prefix
    g.u32(p + '.context_length', C)
    g.u32(p + '.embedding_length', E)
    g.u32(p + '.block_count', L)
    g.u32(p + '.feed_forward_length', F)
    g.u32(p + '.attention.head_count', H)


def unigram_vocab():
    """XLM-R style SentencePiece unigram: <s>=0 <pad>=1 </s>=2 <unk>=3; word starts carry U+2581 like wordpiece_vocab()"""
    v = ['<s>', '<pad>', '</s>', '<unk>'] + ['\u2581'] + [t for t in wordpiece_vocab() if not t.startswith('[')] + ['<mask>']
    return v, [-1.0 * (len(t) < 3) - 2.0 - 0.01 * i for i, t in enumerate(v)]


def xlmr_tokenizer(g):
    v, scores = unigram_vocab()
    g.str('tokenizer.ggml.model', 't5')
    g.str('tokenizer.ggml.pre', 'default')
    g.u32('tokenizer.ggml.token_type_count', 1)
    g.arr_str('tokenizer.ggml.tokens', v)
    g.arr_f32('tokenizer.ggml.scores', scores)
    g.arr_i32('tokenizer.ggml.token_type', [2 if t == '<unk>' else 3 if t.startswith('<') else 1 for t in v])
    for k, t in (('bos', '<s>'), ('eos', '</s>'), ('unknown', '<unk>'), ('seperator', '</s>'), ('padding', '<pad>'),
                 ('cls', '<s>'), ('mask', '<mask>')):
        g.u32('tokenizer.ggml.%s_token_id' % k, v.index(t))
    for k in ('add_bos_token', 'add_eos_token', 'add_space_prefix', 'remove_extra_whitespaces'):
        g.bool('tokenizer.ggml.' + k, True)
    return v, 1


def wordpiece_tokenizer(g, v):
    g.str('tokenizer.ggml.model', 'bert')
    g.str('tokenizer.ggml.pre', 'default')
    g.u32('tokenizer.ggml.token_type_count', 2)
    g.arr_str('tokenizer.ggml.tokens', v)
    g.arr_i32('tokenizer.ggml.token_type', [3 if t.startswith('[') and t.endswith(']') else 1 for t in v])
    for k, t in (('bos', '[CLS]'), ('unknown', '[UNK]'), ('seperator', '[SEP]'), ('padding', '[PAD]'),
                 ('cls', '[CLS]'), ('mask', '[MASK]')):
        g.u32('tokenizer.ggml.%s_token_id' % k, v.index(t))
    return v, 2


def bert(rng, rerank, L=2, E=32, H=4, F=64, C=64, pooling=1, vocab=None, labels=None, xlmr=False):
    g = Gguf('bert')
    bert_meta('bert', g, L, E, H, F, C)
    g.f32('bert.attention.layer_norm_epsilon', 1e-12)
    g.bool('bert.attention.causal', False)
    g.u32('bert.pooling_type', 4 if rerank else pooling)      # 0 none 1 mean 2 cls 3 last 4 rank
    if labels:
        g.arr_str('bert.classifier.output_labels', labels)
    v, n_types = xlmr_tokenizer(g) if xlmr else wordpiece_tokenizer(g, vocab or wordpiece_vocab())
    V = len(v)
    w = 1.0 / (E ** 0.5)
    rng.mat(g, 'token_embd.weight', [E, V], 1.0)
    rng.mat(g, 'token_types.weight', [E, n_types], 0.3)
    rng.mat(g, 'position_embd.weight', [E, C], 0.3)
    rng.mat(g, 'token_embd_norm.weight', [E], 0.1, 1.0)
    rng.mat(g, 'token_embd_norm.bias', [E], 0.1)
    if rerank:
        rng.mat(g, 'cls.weight', [E, E], w)
        rng.mat(g, 'cls.bias', [E], 0.1)
        n = len(labels) if labels else 1
        rng.mat(g, 'cls.output.weight', [E, n], 2 * w)
        rng.mat(g, 'cls.output.bias', [n], 0.1)
    for i in range(L):
        b = 'blk.%d.' % i
        for t in ('attn_q', 'attn_k', 'attn_v', 'attn_output'):
            rng.mat(g, b + t + '.weight', [E, E], w)
            rng.mat(g, b + t + '.bias', [E], 0.1)
        rng.mat(g, b + 'ffn_up.weight', [E, F], w)
        rng.mat(g, b + 'ffn_up.bias', [F], 0.1)
        rng.mat(g, b + 'ffn_down.weight', [F, E], 1.0 / (F ** 0.5))
        rng.mat(g, b + 'ffn_down.bias', [E], 0.1)
        for t in ('attn_output_norm', 'layer_output_norm'):
            rng.mat(g, b + t + '.weight', [E], 0.1, 1.0)
            rng.mat(g, b + t + '.bias', [E], 0.1)
    return g


def byte_alphabet():
    """printable stand-ins for the 256 byte values, as byte-level BPE vocabularies use"""
    keep = list(range(0x21, 0x7f)) + list(range(0xa1, 0xad)) + list(range(0xae, 0x100))
    out, extra = {}, 0
    for b in range(256):
        if b in keep:
            out[b] = chr(b)
        else:
            out[b] = chr(256 + extra)
            extra += 1
    return out


def bpe_vocab():
    al = byte_alphabet()
    toks = [al[b] for b in range(256)]
    merges, have = [], set(toks)
    for w in WORDS:                             # left-to-right merges that build ' word'
        cur = al[0x20]
        for ch in w:
            m = cur + ' ' + al[ord(ch)]
            if m not in merges:
                merges.append(m)
            cur += al[ord(ch)]
            if cur not in have:
                have.add(cur); toks.append(cur)
    specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
    return toks, merges, specials


def qwen(rng, arch, rerank=False, L=2, E=32, H=4, KV=2, D=None, F=64, C=256, vocab=None):
    g = Gguf(arch)
    toks, merges, specials = vocab or bpe_vocab()
    v = toks + specials
    V = len(v)
    D = D or E // H
    bert_meta(arch, g, L, E, H, F, C)
    g.u32(arch + '.attention.head_count_kv', KV)
    g.f32(arch + '.attention.layer_norm_rms_epsilon', 1e-6)
    g.f32(arch + '.rope.freq_base', 1000000.0)
    if arch == 'qwen3':
        g.u32(arch + '.attention.key_length', D)
        g.u32(arch + '.attention.value_length', D)
    g.u32(arch + '.pooling_type', 4 if rerank else 3)
    if rerank:
        g.arr_str(arch + '.classifier.output_labels', ['yes', 'no'])
        g.str('tokenizer.chat_template.rerank', 'Q: {query}\nD: {document}\n')
    g.str('tokenizer.ggml.model', 'gpt2')
    g.str('tokenizer.ggml.pre', 'qwen2')
    g.arr_str('tokenizer.ggml.tokens', v)
    g.arr_i32('tokenizer.ggml.token_type', [1] * len(toks) + [3] * len(specials))
    g.arr_str('tokenizer.ggml.merges', merges)
    g.u32('tokenizer.ggml.eos_token_id', V - 3)      # <|endoftext|>: what the Qwen3 embedders append
    g.u32('tokenizer.ggml.padding_token_id', V - 3)
    g.bool('tokenizer.ggml.add_bos_token', False)
    g.bool('tokenizer.ggml.add_eos_token', True)
    w = 1.0 / (E ** 0.5)
    rng.mat(g, 'token_embd.weight', [E, V], 1.0)
    rng.mat(g, 'output_norm.weight', [E], 0.1, 1.0)
    if rerank:
        rng.mat(g, 'cls.output.weight', [E, 2], 2 * w)
    for i in range(L):
        b = 'blk.%d.' % i
        rng.mat(g, b + 'attn_norm.weight', [E], 0.1, 1.0)
        rng.mat(g, b + 'attn_q.weight', [E, D * H], w)
        rng.mat(g, b + 'attn_k.weight', [E, D * KV], w)
        rng.mat(g, b + 'attn_v.weight', [E, D * KV], w)
        rng.mat(g, b + 'attn_output.weight', [D * H, E], w)
        if arch == 'qwen2':
            rng.mat(g, b + 'attn_q.bias', [D * H], 0.1)
            rng.mat(g, b + 'attn_k.bias', [D * KV], 0.1)
            rng.mat(g, b + 'attn_v.bias', [D * KV], 0.1)
        else:
            rng.mat(g, b + 'attn_q_norm.weight', [D], 0.1, 1.0)
            rng.mat(g, b + 'attn_k_norm.weight', [D], 0.1, 1.0)
        rng.mat(g, b + 'ffn_norm.weight', [E], 0.1, 1.0)
        rng.mat(g, b + 'ffn_gate.weight', [E, F], w)
        rng.mat(g, b + 'ffn_up.weight', [E, F], w)
        rng.mat(g, b + 'ffn_down.weight', [F, E], 1.0 / (F ** 0.5))
    return g


KINDS = {
    'bert-embed': lambda rng: bert(rng, False),
    'bert-rerank': lambda rng: bert(rng, True),
    'bert-rerank3': lambda rng: bert(rng, True, labels=['no', 'maybe', 'yes']),
    'xlmr-rerank': lambda rng: bert(rng, True, xlmr=True),
    'qwen2-embed': lambda rng: qwen(rng, 'qwen2'),
    'qwen3-embed': lambda rng: qwen(rng, 'qwen3', D=16),
    'qwen3-rerank': lambda rng: qwen(rng, 'qwen3', rerank=True, D=16),
}


def build(kind, seed=7):
    return KINDS[kind](Rand(seed))


if __name__ == '__main__':
    ap = argparse.ArgumentParser()
    ap.add_argument('kind', choices=KINDS); ap.add_argument('out'); ap.add_argument('--seed', type=int, default=7)
    ap.add_argument('--drop-key', action='append', default=[])
    ap.add_argument('--drop-tensor', action='append', default=[])
    ap.add_argument('--set-u32', action='append', default=[])
    ap.add_argument('--repeat-piece', action='store_true', help='the last piece of the vocabulary is the first once more')
    a = ap.parse_args()
    g = build(a.kind, a.seed)
    for k in a.drop_key:    g.kv.pop(k)
    for t in a.drop_tensor: g.tensors.pop(t)
    for kv in a.set_u32:
        k, v = kv.split('='); g.u32(k, int(v))
    if a.repeat_piece:
        g.arr_str('tokenizer.ggml.tokens', g.pieces[:-1] + g.pieces[:1])
    g.write(a.out)
