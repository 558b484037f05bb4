// Requests and expectations that several groups of checks share.
import { post, assert, eq, nonce } from '../harness.mjs';

export const CHAT = '/v1/chat/completions';
export const TOOLS = [
  { type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } },
  { type: 'function', function: { name: 'search', parameters: { type: 'object', properties: { q: { type: 'string' } } } } },
];
export const ARGS1 = '{ "city": "Zürich",  "unit":"c" }';
export const ARGS2 = '{"q":"a\\"b\\\\c","n":[1,2.50,1e3]}';
export const shape = (r) => {
  assert(/^chatcmpl-/.test(r.id), `id ${r.id}`);
  eq(r.object, 'chat.completion', 'object');
  assert(Number.isInteger(r.created) && r.created > 1e9, 'created');
  assert(typeof r.model === 'string', 'model');
  r.choices.forEach((c, i) => {
    eq(c.index, i, 'index');
    eq(c.message.role, 'assistant', 'role');
    assert('logprobs' in c, 'logprobs key');
    assert(c.finish_reason, 'finish_reason');
    assert('refusal' in c.message, 'refusal key');
  });
  eq(r.usage.prompt_tokens + r.usage.completion_tokens, r.usage.total_tokens, 'usage sum');
};
export const sse = (p, body, o) => post(p, { ...body, stream: true }, o);
export const anthQ = (d, x = {}) => ({
  model: 'claude-mock',
  max_tokens: 64,
  system: `s ${nonce()}`,
  messages: [{ role: 'user', content: `${d ? `[[mock:${d}]] ` : ''}Hello` }],
  ...x,
});
