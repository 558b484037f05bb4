// Replays recorded SSE bytes through the gateway and compares what the client and the cache make of them.
import { KEY, auth, post, mock, isDirect, check, upstream, assert, eq, nonce, ask, readTranscripts } from './harness.mjs';
import { folders } from './fold.mjs';

const CHAT = '/v1/chat/completions';
const anthQ = () => ({
  model: 'claude-mock',
  max_tokens: 64,
  system: `s ${nonce()}`,
  messages: [{ role: 'user', content: 'Hello' }],
});

// Transcripts: the mock replays the recorded bytes, then the same request comes again without stream.
export function transcriptChecks(dir) {
  for (const t of readTranscripts(dir)) {
    const p = { chat: CHAT, anthropic: '/v1/messages', responses: '/v1/responses' }[t.api];
    if (!p) continue;
    check(
      `transcript ${t.name}`,
      async () => {
        const q =
          t.api === 'chat'
            ? ask('', t.want.json?.choices?.length > 1 ? { n: 2, max_completion_tokens: 64 } : {})
            : t.api === 'anthropic'
              ? anthQ()
              : { model: 'mock-large', input: 'q ' + nonce(), store: t.want.json?.store === true ? undefined : false };
        const h = t.api === 'anthropic' ? { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' } : {};
        await mock.queue({ path: p, sse: t.sse, truncate: t.want.outcome === 'truncated' && !t.want.done });
        const r = await post(p, { ...q, stream: true }, { headers: { ...auth(), ...h } });
        const f = folders[t.api](r.text);
        // a gateway may turn a lost upstream into an error chunk, never into a finished answer
        if (!(t.want.outcome === 'truncated' && f.outcome === 'error')) eq(f.outcome, t.want.outcome, 'outcome at the client');
        if (t.want.outcome === 'complete') eq(pick(f.json), pick(t.want.json), 'answer at the client');
        if (t.want.outcome === 'error') eq(f.error, t.want.error, 'error at the client');
        if (await isDirect()) return;
        const [b, n] = await upstream(() => post(p, q, { headers: { ...auth(), ...h } }));
        if (t.want.cacheable) {
          eq(n, 0, 'upstream calls (must be a hit)');
          eq(pick(b.json), pick(t.want.json), 'stored answer');
        } else assert(n >= 1, 'must not be kept');
      },
      { feature: t.api },
    );
  }
  const pick = (j) =>
    j &&
    (j.choices
      ? j.choices.map((c) => ({
          index: c.index,
          message: { annotations: [], ...c.message },
          logprobs: c.logprobs ?? null,
          finish_reason: c.finish_reason,
        }))
      : j.content
        ? { content: j.content, stop_reason: j.stop_reason }
        : { output: j.output, status: j.status });
}
