// What only a caching gateway can show: these checks are skipped when the mock is asked directly.
import {
  MOCK,
  KEY,
  openai,
  anthropic,
  chatHelpers,
  raw,
  auth,
  post,
  sleep,
  mock,
  check,
  upstream,
  assert,
  eq,
  nonce,
  ask,
} from '../harness.mjs';
import { foldChat, folders, lintChatStream, parseSSE } from '../fold.mjs';
import { CHAT, TOOLS, ARGS1, ARGS2, shape, sse, anthQ } from './shared.mjs';

const G = { gateway: true };
const status = (r) =>
  String(r.headers['x-reflex-status'] ?? '')
    .toLowerCase()
    .replace(/_/g, '-');
check(
  'cache: second call is a hit',
  async () => {
    const q = ask();
    const [a, n1] = await upstream(() => post(CHAT, q)),
      [b, n2] = await upstream(() => post(CHAT, q));
    eq([n1, n2], [1, 0], 'upstream calls');
    eq(status(a), 'miss');
    eq(status(b), 'hit-l1-exact');
    eq(b.json.choices, a.json.choices, 'choices');
    eq(b.json.usage, a.json.usage, 'usage');
    eq(b.json.model, a.json.model, 'model');
    shape(b.json);
  },
  G,
);
check(
  'cache: standard headers',
  async () => {
    const q = ask();
    const a = await post(CHAT, q);
    await sleep(1100);
    const b = await post(CHAT, q);
    assert(
      /reflex/i.test(a.headers['cache-status'] ?? '') && /fwd=(uri-)?miss/.test(a.headers['cache-status']),
      `miss: ${a.headers['cache-status']}`,
    );
    assert(/hit/.test(b.headers['cache-status'] ?? ''), `hit: ${b.headers['cache-status']}`);
    assert(Number(b.headers.age) >= 1, `age ${b.headers.age}`);
    assert(!('age' in a.headers), 'age on a miss');
    assert(!Object.keys(b.headers).some((h) => h.startsWith('x-ratelimit')), 'stale x-ratelimit-* on a hit');
    assert(b.headers['x-request-id'] && b.headers['x-request-id'] !== a.headers['x-request-id'], 'x-request-id');
  },
  G,
);
for (const [d, x] of [
  ['text', {}],
  ['tools2', { tools: TOOLS }],
  ['custom', { tools: [{ type: 'custom', custom: { name: 'code' } }] }],
  ['refusal', {}],
  ['text', { logprobs: true, n: 2 }],
  ['unicode', {}],
  ['reasoning', {}],
  ['annotations', {}],
]) {
  const label = `${d}${x.n ? ' n=2 logprobs' : ''}`;
  check(
    `cache: stored plain answer replays as a faithful stream (${label})`,
    async () => {
      const q = ask(d, x);
      const a = await post(CHAT, q);
      for (const so of [undefined, { include_usage: true }]) {
        const [r, n] = await upstream(() => sse(CHAT, { ...q, ...(so ? { stream_options: so } : {}) }));
        eq(n, 0, 'upstream calls');
        eq(status(r), 'hit-l1-exact');
        eq(lintChatStream(r.text, { includeUsage: !!so }), [], 'lint');
        const f = foldChat(r.text);
        eq(
          f.json.choices.map((c) => ({ ...c, message: { annotations: [], ...c.message } })),
          a.json.choices.map((c) => ({ ...c, message: { annotations: [], ...c.message } })),
          'choices',
        );
        if (so) eq(f.json.usage, a.json.usage, 'usage');
      }
      if (d === 'text' && !x.n) {
        const n = parseSSE((await sse(CHAT, q)).text).events.length;
        assert(n >= 6, `one sentence came as ${n} events`);
      }
    },
    G,
  );
  check(
    `cache: stored stream answers a plain call (${label})`,
    async () => {
      const q = ask(d, x);
      const a = await sse(CHAT, q);
      const want = foldChat(a.text).json;
      const [b, n] = await upstream(() => post(CHAT, q));
      eq(n, 0, 'upstream calls');
      eq(
        b.json.choices.map((c) => ({ ...c, message: { annotations: [], ...c.message } })),
        want.choices.map((c) => ({ ...c, message: { annotations: [], ...c.message } })),
        'choices',
      );
      if (b.json.usage) assert(b.json.usage.total_tokens > 0, 'usage');
    },
    G,
  );
}
check(
  'cache: an answer that carries nothing is not kept',
  async () => {
    const q = ask('empty');
    await post(CHAT, q);
    const [, n] = await upstream(() => post(CHAT, q));
    eq(n, 1, 'an empty answer was served from the cache');
  },
  G,
);
check(
  'cache: an answer cut by a default limit is not kept',
  async () => {
    const q = ask('length');
    await post(CHAT, q);
    const [, n] = await upstream(() => post(CHAT, q));
    eq(n, 1, 'a truncated answer was served from the cache');
  },
  G,
);
check(
  'cache: an answer cut by the limit of the request is kept',
  async () => {
    const q = ask('length', { max_completion_tokens: 64 });
    await post(CHAT, q);
    const [, n] = await upstream(() => post(CHAT, q));
    eq(n, 0, 'upstream calls');
  },
  G,
);
check(
  'cache: usage is there after a stream that did not ask for it',
  async () => {
    const q = ask();
    await sse(CHAT, q);
    const b = await post(CHAT, q);
    const want = (await raw('POST', MOCK + CHAT, { headers: auth(), body: q })).json.usage;
    eq(b.json.usage, want, 'a plain answer always has the real usage: ask the upstream for it and hide the chunk');
  },
  G,
);
check(
  'cache: SDK helper on a hit',
  async () => {
    const q = ask('tools2', { tools: TOOLS });
    await openai().chat.completions.create(q);
    const r = await chatHelpers(openai()).stream(q).finalChatCompletion();
    eq(
      r.choices[0].message.tool_calls.map((t) => t.function.arguments),
      [ARGS1, ARGS2],
    );
  },
  G,
);
check(
  'cache: no-store is neither read nor kept',
  async () => {
    const q = ask();
    await post(CHAT, q, { headers: { ...auth(), 'cache-control': 'no-store' } });
    const [, n] = await upstream(() => post(CHAT, q));
    eq(n, 1, 'a no-store answer was kept');
  },
  G,
);
check(
  'cache: no-cache goes upstream and refreshes',
  async () => {
    const q = ask();
    await post(CHAT, q);
    const [a, n] = await upstream(() => post(CHAT, q, { headers: { ...auth(), 'cache-control': 'no-cache' } }));
    eq(n, 1, 'upstream calls');
    assert(a.json.choices[0].message.content.startsWith('answer#2'));
    const [b, m] = await upstream(() => post(CHAT, q));
    eq(m, 0);
    assert(b.json.choices[0].message.content.startsWith('answer#2'), 'not refreshed');
  },
  G,
);
check(
  'cache: only-if-cached',
  async () => {
    const q = ask();
    const [a, n] = await upstream(() => post(CHAT, q, { headers: { ...auth(), 'cache-control': 'only-if-cached' } }));
    eq(n, 0, 'upstream calls');
    eq(a.status, 504);
    assert(a.json?.error?.message, 'envelope');
    eq(a.headers['x-should-retry'], 'false', 'x-should-retry (SDKs retry 5xx)');
    await post(CHAT, q);
    const b = await post(CHAT, q, { headers: { ...auth(), 'cache-control': 'only-if-cached' } });
    eq(b.status, 200);
  },
  G,
);
check(
  'cache: max-age bounds the age',
  async () => {
    const q = ask();
    await post(CHAT, q);
    await sleep(2100);
    const [, n] = await upstream(() => post(CHAT, q, { headers: { ...auth(), 'cache-control': 'max-age=1' } }));
    eq(n, 1, 'a 2 s old answer was served under max-age=1');
  },
  G,
);
check(
  'cache: tenants are apart',
  async () => {
    const q = ask();
    await post(CHAT, q);
    const [, n] = await upstream(() => post(CHAT, q, { headers: auth(`${KEY}-other`) }));
    eq(n, 1, "another key got the first key's answer");
  },
  G,
);
for (const d of ['error400', 'error429', 'error500', 'destroy'])
  check(
    `cache: ${d} is not kept`,
    async () => {
      const q = ask(d);
      await post(CHAT, q).catch(() => {});
      const [, n] = await upstream(() => post(CHAT, q).catch(() => {}));
      assert(n >= 1, 'served from the cache');
    },
    G,
  );
for (const d of ['midstream', 'truncate', 'filter'])
  check(
    `cache: ${d} stream is not kept`,
    async () => {
      const q = ask(d);
      await sse(CHAT, q).catch(() => {});
      const [, n] = await upstream(() => post(CHAT, q).catch(() => {}));
      assert(n >= 1, 'served from the cache');
    },
    G,
  );
check(
  'cache: a stream the client left is not served in half',
  async () => {
    await mock.latency({ chunk_ms: 5 });
    const q = ask('long');
    let k = 0;
    for await (const _ of await openai().chat.completions.create({ ...q, stream: true })) if (++k === 5) break;
    await mock.latency({});
    const r = await openai().chat.completions.create(q);
    assert(r.choices[0].message.content.endsWith('w1999'), 'half an answer');
  },
  { gateway: true, timeout: 40000 },
);
check(
  'cache: 20 equal calls at once make at most one upstream call [should]',
  async () => {
    await mock.latency({ first_byte_ms: 200 });
    const q = ask();
    const [rs, n] = await upstream(() => Promise.all(Array.from({ length: 20 }, () => post(CHAT, q))));
    rs.forEach((r) => eq(r.status, 200));
    eq(new Set(rs.map((r) => r.json.choices[0].message.content)).size, 1, 'different answers');
    eq(n, 1, 'upstream calls');
  },
  G,
);
check(
  "cache: a waiting call survives the leader's abort",
  async () => {
    await mock.latency({ first_byte_ms: 1000 });
    const q = ask();
    const ac = new AbortController();
    const a = openai()
      .chat.completions.create(q, { signal: ac.signal })
      .catch(() => 'aborted');
    await sleep(200);
    const b = openai().chat.completions.create(q);
    await sleep(200);
    ac.abort();
    shape(await b);
    eq(await a, 'aborted');
  },
  G,
);
check(
  'cache: content is never Tauq unless asked for',
  async () => {
    const q = ask();
    await post(CHAT, q);
    const b = await post(CHAT, q);
    assert(b.json.choices[0].message.content.startsWith('answer#1 ['), 'content was re-encoded');
  },
  G,
);
check(
  'cache: anthropic hit, plain and stream',
  async () => {
    const h = { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' };
    const q = anthQ('tool', { tools: [{ name: 'get_weather', input_schema: { type: 'object', properties: {} } }] });
    const a = await post('/v1/messages', q, { headers: h });
    const [b, n] = await upstream(() => sse('/v1/messages', q, { headers: h }));
    eq(n, 0, 'upstream calls');
    const f = folders.anthropic(b.text);
    eq(f.outcome, 'complete');
    eq(f.json.content, a.json.content, 'content');
    eq(f.json.stop_reason, 'tool_use');
  },
  { gateway: true, feature: 'anthropic' },
);
check(
  'cache: responses with store:false',
  async () => {
    const q = { model: 'mock-large', input: 'q ' + nonce(), store: false };
    const a = await post('/v1/responses', q);
    const [b, n] = await upstream(() => sse('/v1/responses', q));
    eq(n, 0, 'upstream calls');
    const f = folders.responses(b.text);
    eq(f.outcome, 'complete');
    assert(f.ordered, 'sequence_number');
    eq(f.json.output, a.json.output, 'output');
  },
  { gateway: true, feature: 'responses' },
);
check(
  'cache: embeddings',
  async () => {
    const q = { model: 'text-embedding-mock', input: nonce(), encoding_format: 'float' };
    const a = await post('/v1/embeddings', q);
    const [b, n] = await upstream(() => post('/v1/embeddings', q), '/embeddings');
    eq(n, 0, 'upstream calls');
    eq(b.json.data, a.json.data);
  },
  { gateway: true, feature: 'embeddings' },
);
