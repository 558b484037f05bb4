// Models, embeddings, legacy completions, Responses and Messages.
import { KEY, Anthropic, openai, anthropic, auth, post, mock, check, assert, eq, rejects, nonce, Skip } from '../harness.mjs';
import { folders, parseSSE } from '../fold.mjs';
import { ARGS1, sse, anthQ } from './shared.mjs';

check(
  'models: list and retrieve',
  async () => {
    const l = [];
    for await (const m of openai().models.list()) l.push(m.id);
    assert(l.includes('mock-large'), l.join());
    const m = await openai().models.retrieve('mock-large');
    eq(m.object, 'model');
    await rejects(openai().models.retrieve('nope'), (e) => e.status === 404);
  },
  { feature: 'models' },
);
check(
  'embeddings: SDK default (base64 on the wire)',
  async () => {
    const r = await openai().embeddings.create({ model: 'text-embedding-mock', input: ['a ' + nonce(), 'b'] });
    eq(
      r.data.map((d) => d.index),
      [0, 1],
    );
    assert(
      r.data.every((d) => d.embedding.length === 8 && d.embedding.every(Number.isFinite)),
      'vectors',
    );
    assert(Math.abs(Math.hypot(...r.data[0].embedding) - 1) < 1e-3, 'norm');
  },
  { feature: 'embeddings' },
);
check(
  'embeddings: float and base64 agree',
  async () => {
    const q = { model: 'text-embedding-mock', input: 'z ' + nonce() };
    const f = await post('/v1/embeddings', { ...q, encoding_format: 'float' }),
      b = await post('/v1/embeddings', { ...q, encoding_format: 'base64' });
    assert(Array.isArray(f.json.data[0].embedding), 'float must be an array');
    assert(typeof b.json.data[0].embedding === 'string', 'base64 must be a string');
    const buf = Buffer.from(b.json.data[0].embedding, 'base64');
    f.json.data[0].embedding.forEach((x, i) => assert(Math.abs(x - buf.readFloatLE(4 * i)) < 1e-6, `component ${i}`));
  },
  { feature: 'embeddings' },
);
check(
  'embeddings: dimensions',
  async () => {
    const r = await openai().embeddings.create({
      model: 'text-embedding-mock',
      input: nonce(),
      dimensions: 3,
      encoding_format: 'float',
    });
    eq(r.data[0].embedding.length, 3);
  },
  { feature: 'embeddings' },
);
check(
  'completions: plain',
  async () => {
    const r = await openai().completions.create({ model: 'mock-large', prompt: 'p ' + nonce(), n: 2 });
    eq(r.object, 'text_completion');
    eq(r.choices.length, 2);
  },
  { feature: 'completions' },
);
check(
  'completions: stream',
  async () => {
    let s = '';
    for await (const c of await openai().completions.create({ model: 'mock-large', prompt: 'p ' + nonce(), stream: true })) {
      eq(c.object, 'text_completion');
      s += c.choices[0]?.text ?? '';
    }
    assert(s.startsWith('answer#1'), s);
  },
  { feature: 'completions' },
);
check(
  'responses: plain',
  async () => {
    const r = await openai().responses.create({ model: 'mock-large', input: 'q ' + nonce(), store: false });
    eq(r.object, 'response');
    eq(r.status, 'completed');
    assert(r.output_text.startsWith('answer#1'), r.output_text);
  },
  { feature: 'responses' },
);
check(
  'responses: stream helper',
  async () => {
    const s = openai().responses.stream({ model: 'mock-large', input: 'q ' + nonce(), store: false });
    const types = [];
    s.on('event', (e) => types.push(e.type));
    const r = await s.finalResponse();
    assert(r.output[0].content[0].text.startsWith('answer#1')); // output_text is absent here in SDK 4 and 5
    eq(types[0], 'response.created');
    eq(types.at(-1), 'response.completed');
  },
  { feature: 'responses' },
);
check(
  'responses: event order and names on the wire',
  async () => {
    const r = await sse('/v1/responses', { model: 'mock-large', input: 'q ' + nonce(), store: false });
    const f = folders.responses(r.text);
    eq(f.outcome, 'complete');
    assert(f.ordered, 'sequence_number');
    for (const e of parseSSE(r.text).events) if (e.data !== '[DONE]') eq(e.event, JSON.parse(e.data).type, 'event name');
    assert(!r.text.includes('[DONE]'), 'Responses streams have no [DONE]');
  },
  { feature: 'responses' },
);
check(
  'responses: function call',
  async () => {
    const r = await openai().responses.create({
      model: 'mock-large',
      input: `[[mock:tool]] ${nonce()}`,
      store: false,
      tools: [{ type: 'function', name: 'get_weather', parameters: { type: 'object', properties: {} }, strict: false }],
    });
    eq(r.output[0].type, 'function_call');
    eq(r.output[0].arguments, ARGS1);
  },
  { feature: 'responses' },
);
const A = { feature: 'anthropic' };
check(
  'anthropic: message',
  async () => {
    if (!Anthropic) throw new Skip('SDK not installed');
    const r = await anthropic().messages.create(anthQ());
    eq(r.type, 'message');
    eq(r.stop_reason, 'end_turn');
    assert(r.content[0].text.startsWith('answer#1'));
    assert(r.usage.output_tokens > 0);
    assert(r._request_id, 'request-id header');
  },
  A,
);
check(
  'anthropic: stream helper',
  async () => {
    if (!Anthropic) throw new Skip('SDK not installed');
    const s = anthropic().messages.stream(anthQ());
    let t = '';
    s.on('text', (d) => (t += d));
    const r = await s.finalMessage();
    eq(r.content[0].text, t);
    eq(r.stop_reason, 'end_turn');
  },
  A,
);
check(
  'anthropic: wire order',
  async () => {
    const r = await sse('/v1/messages', anthQ(), { headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' } });
    const ev = parseSSE(r.text).events;
    eq(ev[0].event, 'message_start');
    eq(ev.at(-1).event, 'message_stop');
    eq(ev.at(-2).event, 'message_delta');
    ev.forEach((e) => eq(e.event, JSON.parse(e.data).type, 'event name'));
    eq(folders.anthropic(r.text).outcome, 'complete');
  },
  A,
);
check(
  'anthropic: tool use in a stream',
  async () => {
    if (!Anthropic) throw new Skip('SDK not installed');
    const r = await anthropic()
      .messages.stream(anthQ('tool', { tools: [{ name: 'get_weather', input_schema: { type: 'object', properties: {} } }] }))
      .finalMessage();
    eq(r.content[0].input, { city: 'Zürich', n: [1, 2.5] });
    eq(r.stop_reason, 'tool_use');
  },
  A,
);
check(
  'anthropic: thinking blocks',
  async () => {
    if (!Anthropic) throw new Skip('SDK not installed');
    const r = await anthropic()
      .messages.stream(anthQ('', { max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 } }))
      .finalMessage();
    eq(
      r.content.map((b) => b.type),
      ['thinking', 'text'],
    );
    eq(r.content[0].signature, 'c2ln');
  },
  A,
);
check(
  'anthropic: count_tokens',
  async () => {
    const r = await post(
      '/v1/messages/count_tokens',
      { model: 'claude-mock', messages: [{ role: 'user', content: 'hi' }] },
      { headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' } },
    );
    eq(r.status, 200);
    assert(r.json.input_tokens > 0);
  },
  A,
);
check(
  'anthropic: x-api-key and Bearer both work',
  async () => {
    const a = await post('/v1/messages', anthQ(), {
      headers: { authorization: undefined, 'x-api-key': KEY, 'anthropic-version': '2023-06-01' },
    }).catch((e) => e);
    const b = await post('/v1/messages', anthQ(), { headers: { ...auth(), 'anthropic-version': '2026-10-21' } });
    eq([a.status, b.status], [200, 200]);
  },
  A,
);
check(
  'anthropic: version and beta headers reach the upstream',
  async () => {
    const s = await mock.seq();
    await post('/v1/messages', anthQ(), {
      headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01', 'anthropic-beta': 'a-1,b-2' },
    });
    const c = (await mock.calls(s, '/messages'))[0];
    eq([c.headers['anthropic-version'], c.headers['anthropic-beta']], ['2023-06-01', 'a-1,b-2']);
  },
  A,
);
check(
  'anthropic: errors keep Anthropic shape',
  async () => {
    const r = await post('/v1/messages', anthQ('error429'), { headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' } });
    eq(r.status, 429);
    eq([r.json.type, r.json.error.type], ['error', 'rate_limit_error']);
    const o = await post('/v1/messages', anthQ('error503'), { headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' } });
    eq([o.status, o.json.error.type], [529, 'overloaded_error']);
  },
  A,
);
check(
  'anthropic: error event in a stream',
  async () => {
    if (!Anthropic) throw new Skip('SDK not installed');
    await rejects(anthropic().messages.stream(anthQ('midstream')).finalMessage(), (e) => /overloaded/i.test(e.message));
  },
  A,
);
