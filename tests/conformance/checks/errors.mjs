// Errors, retries, aborts, timeouts, concurrency.
import { BASE, OpenAI, openai, raw, auth, post, mock, isDirect, check, assert, eq, rejects, ask, Skip } from '../harness.mjs';
import { CHAT, shape } from './shared.mjs';

for (const [d, status, cls, code, type] of [
  ['error400', 400, 'BadRequestError', 'unsupported_value', 'invalid_request_error'],
  ['error401', 401, 'AuthenticationError', 'invalid_api_key', 'invalid_request_error'],
  ['error403', 403, 'PermissionDeniedError', 'unsupported_country_region_territory', 'request_forbidden'],
  ['error404', 404, 'NotFoundError', 'model_not_found', 'invalid_request_error'],
  ['error409', 409, 'ConflictError', 'conflict', 'conflict_error'],
  ['error422', 422, 'UnprocessableEntityError', null, 'invalid_request_error'],
  ['error429', 429, 'RateLimitError', 'rate_limit_exceeded', 'requests'],
  ['error500', 500, 'InternalServerError', null, 'server_error'],
  ['error503', 503, 'InternalServerError', 'overloaded', 'server_error'],
])
  check(`error ${status}: SDK class and envelope`, async () => {
    const e = await rejects(openai().chat.completions.create(ask(d)), (e) => e instanceof OpenAI[cls], d);
    eq(e.status, status);
    eq(e.code, code, 'code');
    eq(e.type, type, 'type');
    assert(e.message.length > 10);
    assert('param' in e.error, 'param key');
    if (status === 400) eq(e.param, 'messages');
  });
check('error: retry-after headers pass through', async () => {
  const r = await post(CHAT, ask('error429'));
  eq(r.headers['retry-after'], '1');
  eq(r.headers['retry-after-ms'], '20');
});
check('error: body that is not JSON', async () => {
  const r = await post(CHAT, '{"model": "m", ');
  eq(r.status, 400);
  assert(r.json?.error?.message, 'envelope');
  assert('type' in r.json.error && 'param' in r.json.error && 'code' in r.json.error, 'envelope keys');
});
check('error: messages missing', async () => {
  const r = await post(CHAT, { model: 'm' });
  eq(r.status, 400);
  assert(r.json?.error?.message);
});
check('error: unknown path', async () => {
  const r = await post('/v1/nope', {});
  eq(r.status, 404);
  assert(r.json?.error?.message, 'envelope');
});
check('error: wrong method', async () => {
  const r = await raw('PUT', BASE + CHAT, { headers: auth(), body: {} });
  assert([404, 405].includes(r.status), String(r.status));
  assert(r.json?.error?.message, 'envelope');
});
check('error: upstream drops the connection', async () => {
  if (await isDirect()) throw new Skip('needs a gateway');
  const r = await post(CHAT, ask('destroy'));
  assert([500, 502, 503].includes(r.status), String(r.status));
  assert(r.json?.error?.message, 'envelope');
  assert(!/ECONN|127\.0\.0\.1|stack/i.test(r.text), 'inner details leak');
});
check('error: upstream cuts a plain answer', async () => {
  if (await isDirect()) throw new Skip('needs a gateway');
  const r = await post(CHAT, ask('truncate')).catch(() => ({ status: 502, text: '', json: { error: { message: 'x' } } }));
  assert(r.status >= 500 || !r.complete, `status ${r.status} for half an answer`);
});

// ================================================================ retries, abort, timeout
check('retry: 429 then success', async () => {
  const q = ask();
  await mock.queue({
    path: CHAT,
    status: 429,
    headers: { 'retry-after-ms': '10' },
    body: { error: { message: 'slow down', type: 'requests', param: null, code: 'rate_limit_exceeded' } },
  });
  const s = await mock.seq();
  const r = await openai({ maxRetries: 2 }).chat.completions.create(q);
  shape(r);
  assert((await mock.calls(s, CHAT)).length >= 2, 'calls');
});
check('retry: 500 twice then success', async () => {
  const q = ask();
  await mock.queue({
    path: CHAT,
    times: 2,
    status: 500,
    headers: { 'retry-after-ms': '5' },
    body: { error: { message: 'oops', type: 'server_error', param: null, code: null } },
  });
  shape(await openai({ maxRetries: 2 }).chat.completions.create(q));
});
check('retry: x-should-retry:false is passed on', async () => {
  const s = await mock.seq();
  await rejects(openai({ maxRetries: 2 }).chat.completions.create(ask('error409')), (e) => e.status === 409);
  eq((await mock.calls(s, CHAT)).length, 1, 'upstream calls');
});
check('abort: plain call', async () => {
  await mock.latency({ first_byte_ms: 1500 });
  const ac = new AbortController();
  setTimeout(() => ac.abort(), 150);
  await rejects(openai().chat.completions.create(ask(), { signal: ac.signal }), (e) => e instanceof OpenAI.APIUserAbortError);
  await mock.latency({});
  shape(await openai().chat.completions.create(ask()));
});
check('abort: break out of a stream', async () => {
  await mock.latency({ chunk_ms: 30 });
  let n = 0;
  for await (const _ of await openai().chat.completions.create({ ...ask('long'), stream: true })) if (++n === 3) break;
  await mock.latency({});
  shape(await openai().chat.completions.create(ask()));
});
check('timeout: SDK timeout is an APIConnectionTimeoutError', async () => {
  await mock.latency({ first_byte_ms: 2000 });
  await rejects(openai({ timeout: 200 }).chat.completions.create(ask()), (e) => e instanceof OpenAI.APIConnectionTimeoutError);
});
check('concurrency: 50 different calls at once', async () => {
  const c = openai();
  const rs = await Promise.all(
    Array.from({ length: 50 }, (_, i) => {
      const q = ask();
      q.messages[1].content += ` #${i}.`;
      return c.chat.completions.create(q);
    }),
  );
  rs.forEach((r, i) => assert(r.choices[0].message.content.endsWith(`#${i}.`), `answer ${i} mixed up`));
});
check('concurrency: 20 streams at once', async () => {
  const c = openai();
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const q = ask();
      q.messages[1].content += ` #${i}.`;
      let s = '';
      for await (const x of await c.chat.completions.create({ ...q, stream: true })) s += x.choices[0]?.delta?.content ?? '';
      assert(s.endsWith(`#${i}.`), `stream ${i} mixed up`);
    }),
  );
});
