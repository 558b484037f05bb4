// Chat completions as a stream.
import {
  MOCK,
  OpenAI,
  openai,
  chatHelpers,
  raw,
  auth,
  post,
  mock,
  check,
  assert,
  eq,
  rejects,
  ask,
  sdk,
  Skip,
} from '../harness.mjs';
import { foldChat, lintChatStream, pythonAccumulate } from '../fold.mjs';
import { CHAT, TOOLS, ARGS1, ARGS2, sse } from './shared.mjs';

for (const [d, x] of [
  ['text', {}],
  ['unicode', {}],
  ['empty', {}],
  ['tool', { tools: TOOLS }],
  ['tools2', { tools: TOOLS }],
  ['tooltext', { tools: TOOLS }],
  ['custom', { tools: [{ type: 'custom', custom: { name: 'code' } }] }],
  ['refusal', {}],
  ['length', {}],
  ['reasoning', {}],
  ['annotations', {}],
  ['text', { n: 3 }],
  ['text', { logprobs: true }],
  ['keepalive', {}],
  ['crlf', {}],
  ['bytes', {}],
]) {
  const label = `${d}${Object.keys(x)
    .filter((k) => k !== 'tools')
    .map((k) => ` ${k}=${x[k]}`)
    .join('')}`;
  check(
    `stream ${label}: well formed and equal to the plain answer`,
    async () => {
      const q = ask(d, x);
      const want = (await raw('POST', `${MOCK}${CHAT}`, { headers: auth(), body: q })).json; // straight from the mock: answer#1
      await mock.reset(); // same counters again, so that the gateway's own call is answer#1 as well
      const r = await sse(CHAT, q);
      eq(r.status, 200, 'status');
      assert(/^text\/event-stream/.test(r.headers['content-type']), r.headers['content-type']);
      eq(lintChatStream(r.text), [], 'lint');
      const f = foldChat(r.text);
      eq(f.outcome, 'complete', 'outcome');
      eq(
        f.json.choices.map((c) => ({ ...c, message: { annotations: [], ...c.message } })),
        want.choices.map((c) => ({ ...c, message: { annotations: [], ...c.message } })),
        'choices',
      );
      const py = pythonAccumulate(r.text); // openai-python's way of adding up must give the same
      py.forEach((c, i) => {
        eq(c.message.role, 'assistant', 'python role');
        eq(c.message.content || '', want.choices[i].message.content || '', 'python content');
        eq(
          (c.message.tool_calls ?? []).map((t) => t.function ?? t.custom),
          (want.choices[i].message.tool_calls ?? []).map((t) => t.function ?? t.custom),
          'python tools',
        );
        eq(
          (c.message.tool_calls ?? []).map((t) => t.id),
          (want.choices[i].message.tool_calls ?? []).map((t) => t.id),
          'python tool ids',
        );
      });
    },
    { timeout: 30000 },
  );
}
check('stream: include_usage', async () => {
  const q = ask('text', { stream_options: { include_usage: true } });
  const r = await sse(CHAT, q);
  eq(lintChatStream(r.text, { includeUsage: true }), [], 'lint');
  const u = foldChat(r.text).json.usage;
  eq(u.prompt_tokens + u.completion_tokens, u.total_tokens);
});
check('stream: SDK for await', async () => {
  let s = '',
    fin,
    n = 0;
  for await (const c of await openai().chat.completions.create({ ...ask('long'), stream: true })) {
    s += c.choices[0]?.delta?.content ?? '';
    fin = c.choices[0]?.finish_reason ?? fin;
    n++;
  }
  assert(s.endsWith('w1999') && fin === 'stop', 'text or finish');
  assert(n > 20, `only ${n} chunks for 2000 words`);
});
check('stream: SDK .stream() final completion', async () => {
  const s = chatHelpers(openai()).stream({ ...ask('text'), stream_options: { include_usage: true } });
  let deltas = 0;
  s.on('content', () => deltas++);
  const r = await s.finalChatCompletion();
  assert(r.choices[0].message.content.startsWith('answer#1'), r.choices[0].message.content);
  eq(r.object, 'chat.completion');
  assert(r.usage.total_tokens > 0, 'usage');
  assert(deltas > 1, 'deltas');
});
check('stream: SDK .stream() tool events', async () => {
  const s = chatHelpers(openai()).stream(ask('tools2', { tools: TOOLS }));
  const done = [];
  s.on('tool_calls.function.arguments.done', (e) => done.push([e.name, e.arguments]));
  const r = await s.finalChatCompletion();
  eq(
    r.choices[0].message.tool_calls.map((t) => t.function.arguments),
    [ARGS1, ARGS2],
  );
  if (done.length)
    eq(done, [
      ['get_weather', ARGS1],
      ['search', ARGS2],
    ]);
});
check('stream: SDK .stream() refusal event', async () => {
  const s = chatHelpers(openai()).stream(ask('refusal'));
  const r = await s.finalChatCompletion();
  assert(r.choices[0].message.refusal.includes('can not'));
});
check('stream: SDK .stream() parsed structured output', async () => {
  const z = sdk('zod', true),
    h = sdk('openai/helpers/zod', true);
  if (!z || !h) throw new Skip('zod not installed');
  const F = z.z.object({ answer: z.z.string(), score: z.z.number(), tags: z.z.array(z.z.string()) });
  const r = await chatHelpers(openai())
    .stream(ask('text', { response_format: h.zodResponseFormat(F, 'f') }))
    .finalChatCompletion();
  eq(r.choices[0].message.parsed.score, 1);
});
check('stream: SDK tee', async () => {
  const s = await openai().chat.completions.create({ ...ask(), stream: true });
  const [a, b] = s.tee();
  const all = async (x) => {
    let t = '';
    for await (const c of x) t += c.choices[0]?.delta?.content ?? '';
    return t;
  };
  const [x, y] = await Promise.all([all(a), all(b)]);
  eq(x, y);
  assert(x.length > 5);
});
check('stream: chunks arrive while the upstream still talks', async () => {
  await mock.latency({ chunk_ms: 60 });
  const t0 = Date.now();
  let first = 0;
  const r = await sse(CHAT, ask(), {
    onData: () => {
      first ||= Date.now() - t0;
    },
  });
  const total = Date.now() - t0;
  assert(foldChat(r.text).outcome === 'complete');
  assert(first < total / 2, `first byte after ${first} of ${total} ms`);
});
check('stream: error after output began reaches the SDK', async () => {
  const q = ask('midstream');
  await rejects(
    (async () => {
      for await (const _ of await openai().chat.completions.create({ ...q, stream: true }));
    })(),
    (e) => e instanceof OpenAI.APIError && /server had an error/.test(e.message),
  );
  const r = await sse(CHAT, ask('midstream'));
  eq(foldChat(r.text).outcome, 'error');
  assert(!/"finish_reason":"/.test(r.text), 'finish_reason was made up');
});
check('stream: truncated upstream is not dressed up as complete', async () => {
  const r = await sse(CHAT, ask('truncate'));
  const f = foldChat(r.text);
  assert(f.outcome !== 'complete', 'a cut-off answer was given a finish_reason');
  await rejects(chatHelpers(openai()).stream(ask('truncate')).finalChatCompletion(), () => true);
});
check('stream: error before output is a plain HTTP error', async () => {
  const r = await sse(CHAT, ask('error400'));
  eq(r.status, 400);
  assert(/^application\/json/.test(r.headers['content-type']), 'content-type');
  eq(r.json.error.code, 'unsupported_value');
});
check('stream: Accept header does not decide', async () => {
  const r = await post(CHAT, ask(), { headers: { ...auth(), accept: 'text/event-stream' } });
  assert(/json/.test(r.headers['content-type']), 'stream:false must give JSON');
  const s = await sse(CHAT, ask(), { headers: { ...auth(), accept: 'application/json' } });
  assert(/event-stream/.test(s.headers['content-type']), 'stream:true must give SSE');
});
