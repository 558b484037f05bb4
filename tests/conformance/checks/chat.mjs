// Chat completions without a stream.
import { openai, chatHelpers, post, mock, check, upstream, assert, eq, ask, sdk, Skip } from '../harness.mjs';
import { CHAT, TOOLS, ARGS1, ARGS2, shape } from './shared.mjs';

check('chat: response shape', async () => {
  const r = await openai().chat.completions.create(ask('text'));
  shape(r);
  assert(r.choices[0].message.content.startsWith('answer#1'), r.choices[0].message.content);
  eq(r.service_tier, 'default');
  eq(r.system_fingerprint, 'fp_mock00001');
  assert(r.usage.completion_tokens_details, 'usage details');
});
check('chat: x-request-id, unique per response', async () => {
  const c = openai();
  const a = await c.chat.completions.create(ask()),
    b = await c.chat.completions.create(ask());
  assert(a._request_id && b._request_id, 'no x-request-id');
  assert(a._request_id !== b._request_id, 'same x-request-id twice');
});
check('chat: content-type is JSON', async () => {
  const r = await post(CHAT, ask());
  assert(/^application\/json/.test(r.headers['content-type']), r.headers['content-type']);
});
check('chat: Unicode survives', async () => {
  const q = ask('unicode');
  q.messages[1].content += ' ñ 漢字 🇨🇭 \u0000 \u2028 "x" \\';
  const r = await openai().chat.completions.create(q);
  assert(r.choices[0].message.content.includes('日本語 👩‍👩‍👧 \u2028 "quoted" \\ tab\t'), 'text changed');
  assert(r.choices[0].message.content.endsWith('Hello ñ 漢字 🇨🇭 \u0000 \u2028 "x" \\'), 'echo changed');
});
check('chat: n=2', async () => {
  const r = await openai().chat.completions.create(ask('text', { n: 2 }));
  shape(r);
  eq(r.choices.length, 2);
});
check('chat: logprobs', async () => {
  const r = await openai().chat.completions.create(ask('text', { logprobs: true, top_logprobs: 1 }));
  eq(r.choices[0].logprobs.content.map((t) => t.token).join(''), r.choices[0].message.content);
  eq(r.choices[0].logprobs.refusal, null);
});
check('chat: refusal', async () => {
  const r = await openai().chat.completions.create(ask('refusal'));
  eq(r.choices[0].message.content, null);
  assert(r.choices[0].message.refusal.includes('can not help'));
});
check('chat: tool call, arguments byte for byte', async () => {
  const r = await openai().chat.completions.create(ask('tool', { tools: TOOLS }));
  const t = r.choices[0].message.tool_calls;
  eq(r.choices[0].finish_reason, 'tool_calls');
  eq(r.choices[0].message.content, null);
  eq(t[0].function, { name: 'get_weather', arguments: ARGS1 });
});
check('chat: parallel tool calls', async () => {
  const r = await openai().chat.completions.create(ask('tools2', { tools: TOOLS }));
  eq(
    r.choices[0].message.tool_calls.map((t) => t.function),
    [
      { name: 'get_weather', arguments: ARGS1 },
      { name: 'search', arguments: ARGS2 },
    ],
  );
});
check('chat: custom tool call', async () => {
  const r = await openai().chat.completions.create(ask('custom', { tools: [{ type: 'custom', custom: { name: 'code' } }] }));
  eq(r.choices[0].message.tool_calls[0].custom, { name: 'code', input: 'print("hi")\n' });
});
check('chat: text beside a tool call', async () => {
  const r = await openai().chat.completions.create(ask('tooltext', { tools: TOOLS }));
  assert(r.choices[0].message.content.startsWith('answer#'));
  eq(r.choices[0].message.tool_calls.length, 1);
});
check('chat: structured output through .parse()', async () => {
  const z = sdk('zod', true),
    h = sdk('openai/helpers/zod', true);
  if (!z || !h) throw new Skip('zod not installed');
  const F = z.z.object({ answer: z.z.string(), score: z.z.number(), tags: z.z.array(z.z.string()) });
  const r = await chatHelpers(openai()).parse(ask('text', { response_format: h.zodResponseFormat(F, 'f') }));
  eq(r.choices[0].message.parsed, { answer: 'answer#1', score: 1, tags: ['a', 'b'] });
});
check('chat: request is forwarded unchanged', async () => {
  const q = ask('text', {
    temperature: 0.25,
    top_p: 0.5,
    seed: 5,
    stop: ['§'],
    max_completion_tokens: 99,
    user: 'u',
    metadata: { a: 'b' },
    reasoning_effort: 'low',
    verbosity: 'low',
    prediction: { type: 'content', content: 'x' },
    logit_bias: { 50256: -100 },
    top_k: 40,
    vendor: { deep: [1, null, 2.5] },
    response_format: {
      type: 'json_schema',
      json_schema: {
        name: 's',
        strict: true,
        schema: {
          type: 'object',
          properties: { b: { type: 'string' }, a: { type: 'number' } },
          required: ['b', 'a'],
          additionalProperties: false,
        },
      },
    },
  });
  q.messages.push({
    role: 'user',
    content: [
      { type: 'text', text: '[[mock:text]] look' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'high' } },
      { type: 'input_audio', input_audio: { data: 'UklG', format: 'wav' } },
      { type: 'file', file: { file_id: 'file-1' } },
    ],
  });
  q.messages.unshift({ role: 'developer', content: 'dev', name: 'boss' });
  const s = await mock.seq();
  await openai().chat.completions.create(q);
  const got = (await mock.calls(s, CHAT))[0].body;
  const { stream: _s, stream_options: _o, ...rest } = got; // a gateway may stream upstream on its own
  eq(rest, q, 'upstream body');
});
check('chat: legacy functions are accepted', async () => {
  const r = await openai().chat.completions.create(
    ask('text', { functions: [{ name: 'pick', parameters: { type: 'object', properties: {} } }], function_call: 'auto' }),
  );
  eq(r.choices[0].finish_reason, 'function_call');
  eq(r.choices[0].message.function_call, { name: 'pick', arguments: ARGS1 });
});
check('chat: history with tool and function roles is accepted', async () => {
  const q = ask();
  q.messages.splice(
    1,
    0,
    { role: 'user', content: 'x' },
    { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'c', content: [{ type: 'text', text: '1' }] },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
    { role: 'function', name: 'g', content: '2' },
  );
  shape(await openai().chat.completions.create(q));
});
check('chat: vendor fields in the answer survive', async () => {
  const r = await openai().chat.completions.create(ask('reasoning'));
  eq(r.choices[0].message.reasoning_content, 'because 1');
});
check(
  'chat: 2 MB prompt',
  async () => {
    const q = ask();
    q.messages[0].content += 'x'.repeat(2e6);
    shape(await openai().chat.completions.create(q));
  },
  { timeout: 60000 },
);
check('chat: 2000-word answer', async () => {
  const r = await openai().chat.completions.create(ask('long'));
  assert(r.choices[0].message.content.endsWith('w1999'));
});
