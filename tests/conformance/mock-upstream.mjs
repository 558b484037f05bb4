#!/usr/bin/env node
// Deterministic scripted upstream for gateway conformance tests. No dependencies, Node >= 18.
//
//   node mock-upstream.mjs --port 9099 [--host 127.0.0.1]
//
// It speaks: OpenAI chat/completions, completions, embeddings, models, responses; Anthropic messages
// (+count_tokens); Gemini generateContent / streamGenerateContent; TEI/Jina rerank.
//
// Which answer: a directive in the last user text, `[[mock:NAME]]`, or the request's own fields
// (logprobs, n, functions, response_format). NAME is one of
//   text unicode long empty tool tools2 tooltext custom refusal filter length reasoning annotations
//   keepalive crlf bytes gzip big midstream truncate destroy error400 error401 error403 error404 error409 error422 error429 error500 error503
// Every answer carries "answer#K" where K counts how often this very request (minus stream fields) was
// answered since the last reset: a client that sees answer#1 twice was served from a cache.
//
// Control plane (never part of the API under test):
//   GET  /__mock/health            {ok:true}
//   POST /__mock/reset             forget log, counters, queue, latency
//   GET  /__mock/log?since=SEQ     {seq, calls:[{seq,method,path,query,auth,headers,body,raw,status,finished,aborted}]}
//   POST /__mock/latency           {first_byte_ms, chunk_ms}
//   POST /__mock/queue             {path?, times?, status?, headers?, body?, sse?, delay_ms?, destroy?} overrides the next matching call
import http from 'node:http';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pathToFileURL } from 'node:url';

const sha = (s, n = 8) => createHash('sha256').update(s).digest('hex').slice(0, n);
const sleep = (ms) => (ms > 0 ? new Promise((r) => setTimeout(r, ms)) : Promise.resolve());
const canon = (v) =>
  Array.isArray(v)
    ? `[${v.map(canon).join(',')}]`
    : v && typeof v === 'object'
      ? `{${Object.keys(v)
          .sort()
          .map((k) => JSON.stringify(k) + ':' + canon(v[k]))
          .join(',')}}`
      : JSON.stringify(v);

const state = { seq: 0, log: [], counts: new Map(), queue: [], latency: { first_byte_ms: 0, chunk_ms: 0 } };
function reset() {
  state.seq = 0;
  state.log.length = 0;
  state.counts.clear();
  state.queue.length = 0;
  state.latency = { first_byte_ms: 0, chunk_ms: 0 };
}

// ---- what to say -------------------------------------------------------------------------------------
function textOf(content) {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map((p) => p.text ?? p.input_text ?? '').join('');
  return '';
}
function lastUser(body) {
  const list = body.messages ?? (Array.isArray(body.input) ? body.input : null) ?? body.contents;
  if (list) {
    for (let i = list.length - 1; i >= 0; i--) {
      const m = list[i];
      if (m.role === 'user' || m.role === undefined) return textOf(m.content ?? m.parts);
    }
    return '';
  }
  return typeof body.input === 'string'
    ? body.input
    : Array.isArray(body.prompt)
      ? String(body.prompt[0])
      : String(body.prompt ?? '');
}
function plan(body, endpoint) {
  const user = lastUser(body);
  const m = /\[\[mock:([a-z0-9_]+)\]\]/.exec(user);
  let name = m ? m[1] : 'text';
  const echo = user.replace(/\[\[mock:[a-z0-9_]+\]\]/g, '').trim();
  const { stream, stream_options, ...rest } = body;
  const hash = sha(endpoint + canon(rest));
  const k = (state.counts.get(hash) ?? 0) + 1;
  state.counts.set(hash, k);
  let text = `answer#${k} [${hash}] to: ${echo}`;
  if (name === 'unicode') text = `answer#${k} naïve 日本語 👩‍👩‍👧 \u2028 "quoted" \\ tab\t end: ${echo}`;
  if (name === 'long') text = `answer#${k} ` + Array.from({ length: 2000 }, (_, i) => `w${i}`).join(' ');
  if (name === 'empty') text = '';
  const jf = body.response_format?.type ?? body.text?.format?.type;
  if (name === 'text' && (jf === 'json_schema' || jf === 'json_object'))
    text = JSON.stringify({ answer: `answer#${k}`, score: k, tags: ['a', 'b'] });
  return { name, echo, hash, k, text };
}
const ARGS1 = '{ "city": "Zürich",  "unit":"c" }'; // spacing on purpose: it must survive byte for byte
const ARGS2 = '{"q":"a\\"b\\\\c","n":[1,2.50,1e3]}';
function toolNames(body) {
  const t = (body.tools ?? []).map((x) => x.function?.name ?? x.custom?.name ?? x.name).filter(Boolean);
  return [t[0] ?? 'get_weather', t[1] ?? t[0] ?? 'search'];
}
const usageOf = (body, text) => {
  const p = Math.max(1, Math.ceil(JSON.stringify(body.messages ?? body.input ?? body.prompt ?? '').length / 4));
  const c = Math.max(1, text.split(/\s+/).length);
  return {
    prompt_tokens: p,
    completion_tokens: c,
    total_tokens: p + c,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
};
const lp = (tok) => ({
  token: tok,
  logprob: -0.25,
  bytes: [...Buffer.from(tok)],
  top_logprobs: [{ token: tok, logprob: -0.25, bytes: [...Buffer.from(tok)] }],
});
const p5 = (s) => (s.length > 50000 ? /[\s\S]{1,70000}/gu : /[\s\S]{1,5}/gu);
const pieces = (s) => s.match(/\s*\S+|\s+/g) ?? [];

function chatAnswer(body) {
  const p = plan(body, 'chat');
  const base = {
    id: `chatcmpl-mock${p.hash}${p.k}`,
    created: 1700000000 + p.k,
    model: body.model,
    service_tier: 'default',
    system_fingerprint: 'fp_mock00001',
  };
  const n = body.n ?? 1;
  const choices = [];
  const [t1, t2] = toolNames(body);
  for (let i = 0; i < n; i++) {
    const text = n > 1 ? `${p.text} (choice ${i})` : p.text;
    let msg = { role: 'assistant', content: text, refusal: null, annotations: [] };
    let fin = 'stop',
      lpr = null;
    const call = (j, name, args) => ({ id: `call_${p.hash}${p.k}${j}`, type: 'function', function: { name, arguments: args } });
    switch (p.name) {
      case 'tool':
        msg = { role: 'assistant', content: null, refusal: null, annotations: [], tool_calls: [call(0, t1, ARGS1)] };
        fin = 'tool_calls';
        break;
      case 'big':
        msg = {
          role: 'assistant',
          content: null,
          refusal: null,
          annotations: [],
          tool_calls: [call(0, t1, JSON.stringify({ data: 'é'.repeat(150000) }))],
        };
        fin = 'tool_calls';
        break;
      case 'tools2':
        msg = {
          role: 'assistant',
          content: null,
          refusal: null,
          annotations: [],
          tool_calls: [call(0, t1, ARGS1), call(1, t2, ARGS2)],
        };
        fin = 'tool_calls';
        break;
      case 'tooltext':
        msg = { role: 'assistant', content: text, refusal: null, annotations: [], tool_calls: [call(0, t1, '{}')] };
        fin = 'tool_calls';
        break;
      case 'custom':
        msg = {
          role: 'assistant',
          content: null,
          refusal: null,
          annotations: [],
          tool_calls: [{ id: `call_${p.hash}${p.k}0`, type: 'custom', custom: { name: t1, input: 'print("hi")\n' } }],
        };
        fin = 'tool_calls';
        break;
      case 'refusal':
        msg = { role: 'assistant', content: null, refusal: `answer#${p.k} I can not help with that.`, annotations: [] };
        break;
      case 'filter':
        msg.content = `answer#${p.k} partial`;
        fin = 'content_filter';
        break;
      case 'length':
        msg.content = `answer#${p.k} cut`;
        fin = 'length';
        break;
      case 'reasoning':
        msg = { role: 'assistant', content: text, refusal: null, annotations: [], reasoning_content: `because ${p.k}` };
        break;
      case 'annotations':
        msg.annotations = [
          { type: 'url_citation', url_citation: { start_index: 0, end_index: 6, url: 'https://example.com/a', title: 'A' } },
        ];
        break;
    }
    if (body.functions && p.name === 'text') {
      msg = { role: 'assistant', content: null, refusal: null, function_call: { name: body.functions[0].name, arguments: ARGS1 } };
      fin = 'function_call';
    }
    if (body.logprobs) {
      if (msg.content) lpr = { content: pieces(msg.content).map(lp), refusal: null };
      else if (msg.refusal) lpr = { content: null, refusal: pieces(msg.refusal).map(lp) };
    }
    choices.push({ index: i, message: msg, logprobs: lpr, finish_reason: fin });
  }
  const all = choices.map((c) => c.message.content ?? c.message.refusal ?? '').join(' ');
  return {
    p,
    json: {
      id: base.id,
      object: 'chat.completion',
      created: base.created,
      model: base.model,
      choices,
      usage: usageOf(body, all),
      service_tier: base.service_tier,
      system_fingerprint: base.system_fingerprint,
    },
  };
}

// Streamed form of a stored chat answer, in OpenAI's order.
function chatChunks(json, body) {
  const wantUsage = body.stream_options?.include_usage === true;
  const obf = body.stream_options?.include_obfuscation !== false;
  const head = {
    id: json.id,
    object: 'chat.completion.chunk',
    created: json.created,
    model: json.model,
    service_tier: json.service_tier,
    system_fingerprint: json.system_fingerprint,
  };
  const out = [];
  const put = (index, delta, fin = null, lpr = null) =>
    out.push({
      ...head,
      choices: [{ index, delta, logprobs: lpr, finish_reason: fin }],
      ...(wantUsage ? { usage: null } : {}),
      ...(obf ? { obfuscation: sha(String(out.length), (out.length % 7) + 1) } : {}),
    });
  const per = json.choices.map((c) => {
    const m = c.message,
      seq = [];
    seq.push([{ role: 'assistant', content: m.content === null && (m.tool_calls || m.function_call) ? null : '', refusal: null }]);
    if (m.reasoning_content) for (const t of pieces(m.reasoning_content)) seq.push([{ reasoning_content: t }]);
    pieces(m.content ?? '').forEach((t, i) =>
      seq.push([{ content: t }, null, c.logprobs?.content ? { content: [c.logprobs.content[i]], refusal: null } : null]),
    );
    pieces(m.refusal ?? '').forEach((t, i) =>
      seq.push([{ refusal: t }, null, c.logprobs?.refusal ? { content: null, refusal: [c.logprobs.refusal[i]] } : null]),
    );
    if (m.annotations?.length) seq.push([{ annotations: m.annotations }]);
    (m.tool_calls ?? []).forEach((t, i) => {
      const key = t.type === 'custom' ? 'custom' : 'function',
        arg = t.type === 'custom' ? 'input' : 'arguments';
      seq.push([{ tool_calls: [{ index: i, id: t.id, type: t.type, [key]: { name: t[key].name, [arg]: '' } }] }]);
      for (const a of t[key][arg].match(p5(t[key][arg])) ?? []) seq.push([{ tool_calls: [{ index: i, [key]: { [arg]: a } }] }]);
    });
    if (m.function_call) {
      seq.push([{ function_call: { name: m.function_call.name, arguments: '' } }]);
      for (const a of m.function_call.arguments.match(/[\s\S]{1,5}/gu) ?? []) seq.push([{ function_call: { arguments: a } }]);
    }
    seq.push([{}, c.finish_reason]);
    return seq;
  });
  for (let i = 0, more = true; more; i++) {
    more = false;
    per.forEach((seq, idx) => {
      if (i < seq.length) {
        put(idx, ...seq[i]);
        more = true;
      }
    });
  }
  if (wantUsage) out.push({ ...head, choices: [], usage: json.usage, ...(obf ? { obfuscation: 'u' } : {}) });
  return out;
}

// ---- transport helpers -------------------------------------------------------------------------------
const HEAD = () => ({
  'x-request-id': `req_mock${String(state.seq).padStart(6, '0')}`,
  'openai-version': '2020-10-01',
  'openai-processing-ms': '7',
  'openai-organization': 'org-mock',
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': String(9999 - (state.seq % 9000)),
  'x-ratelimit-reset-requests': '6ms',
  'x-ratelimit-limit-tokens': '2000000',
  'x-ratelimit-remaining-tokens': '1999000',
  'x-ratelimit-reset-tokens': '1ms',
});
function sendJson(res, status, obj, headers = {}) {
  const b = Buffer.from(JSON.stringify(obj));
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': b.length, ...HEAD(), ...headers });
  res.end(b);
}
const oaiErr = (message, type, code = null, param = null) => ({ error: { message, type, param, code } });
const ERR = {
  error400: [400, oaiErr("Unsupported value: 'x'.", 'invalid_request_error', 'unsupported_value', 'messages')],
  error401: [401, oaiErr('Incorrect API key provided: bad-key.', 'invalid_request_error', 'invalid_api_key')],
  error403: [
    403,
    oaiErr('Country, region, or territory not supported', 'request_forbidden', 'unsupported_country_region_territory'),
  ],
  error404: [
    404,
    oaiErr('The model `nope` does not exist or you do not have access to it.', 'invalid_request_error', 'model_not_found'),
  ],
  error409: [409, oaiErr('Conflict, try again.', 'conflict_error', 'conflict'), { 'x-should-retry': 'false' }],
  error422: [422, oaiErr('Unprocessable.', 'invalid_request_error', null)],
  error429: [
    429,
    oaiErr('Rate limit reached for requests', 'requests', 'rate_limit_exceeded'),
    { 'retry-after-ms': '20', 'retry-after': '1' },
  ],
  error500: [500, oaiErr('The server had an error while processing your request. Sorry about that!', 'server_error', null)],
  error503: [503, oaiErr('The engine is currently overloaded, please try again later', 'server_error', 'overloaded')],
};
async function sse(req, res, call, parts, { crlf = false, bytes = false, destroyAt = -1 } = {}) {
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...HEAD() });
  await sleep(state.latency.first_byte_ms);
  for (let i = 0; i < parts.length; i++) {
    if (call.aborted || res.destroyed) return;
    if (i === destroyAt) {
      await sleep(20);
      res.destroy();
      return;
    }
    let s = parts[i];
    if (crlf) s = s.replace(/\n/g, '\r\n');
    if (bytes)
      for (const byte of Buffer.from(s)) {
        res.write(Buffer.from([byte]));
        await sleep(0);
      } // worst-case fragmentation
    else res.write(s);
    await sleep(state.latency.chunk_ms);
  }
  res.end();
}
const D = (o) => `data: ${typeof o === 'string' ? o : JSON.stringify(o)}\n\n`;
const E = (o) => `event: ${o.type}\ndata: ${JSON.stringify(o)}\n\n`;

// ---- endpoints ---------------------------------------------------------------------------------------
async function chat(req, res, call, body) {
  if (!body.model) return sendJson(res, 400, oaiErr('you must provide a model parameter', 'invalid_request_error', null, 'model'));
  if (!Array.isArray(body.messages) || !body.messages.length)
    return sendJson(
      res,
      400,
      oaiErr("Missing required parameter: 'messages'.", 'invalid_request_error', 'missing_required_parameter', 'messages'),
    );
  const { p, json } = chatAnswer(body);
  if (ERR[p.name]) return sendJson(res, ...ERR[p.name]);
  if (p.name === 'destroy') {
    await sleep(5);
    return res.destroy();
  }
  if (!body.stream) {
    await sleep(state.latency.first_byte_ms);
    if (p.name === 'truncate') {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': 5000, ...HEAD() });
      res.write(JSON.stringify(json).slice(0, 60));
      await sleep(20);
      return res.destroy();
    }
    if (p.name === 'midstream') return sendJson(res, ...ERR.error500);
    if (p.name === 'gzip' && /\bgzip\b/.test(req.headers['accept-encoding'] ?? '')) {
      const z = gzipSync(JSON.stringify(json));
      res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': z.length, ...HEAD() });
      return res.end(z);
    }
    return sendJson(res, 200, json);
  }
  const parts = chatChunks(json, body).map(D);
  const opt = { crlf: p.name === 'crlf', bytes: p.name === 'bytes' };
  if (p.name === 'midstream') {
    parts.splice(3, Infinity, D(oaiErr('The server had an error while processing your request.', 'server_error', null)));
    return sse(req, res, call, parts, opt);
  }
  if (p.name === 'truncate') return sse(req, res, call, parts, { ...opt, destroyAt: 3 });
  if (p.name === 'keepalive')
    for (let i = parts.length - 1; i > 0; i -= 2) parts.splice(i, 0, i % 4 ? ': keep-alive\n\n' : ':\n\n');
  parts.push(D('[DONE]'));
  return sse(req, res, call, parts, opt);
}
async function completions(req, res, call, body) {
  const p = plan(body, 'completions');
  if (ERR[p.name]) return sendJson(res, ...ERR[p.name]);
  const prompts = Array.isArray(body.prompt) && typeof body.prompt[0] === 'string' ? body.prompt : [body.prompt];
  const n = body.n ?? 1;
  const choices = [];
  prompts.forEach((pr, i) => {
    for (let j = 0; j < n; j++)
      choices.push({ text: `${body.echo ? pr : ''}${p.text}|${i}.${j}`, index: i * n + j, logprobs: null, finish_reason: 'stop' });
  });
  const head = {
    id: `cmpl-mock${p.hash}${p.k}`,
    object: 'text_completion',
    created: 1700000000 + p.k,
    model: body.model,
    system_fingerprint: 'fp_mock00001',
  };
  const u = usageOf(body, choices.map((c) => c.text).join(' '));
  if (!body.stream) return sendJson(res, 200, { ...head, choices, usage: u });
  const parts = [];
  for (const c of choices) {
    for (const t of pieces(c.text)) parts.push(D({ ...head, choices: [{ ...c, text: t, finish_reason: null }] }));
    parts.push(D({ ...head, choices: [{ ...c, text: '' }] }));
  }
  if (body.stream_options?.include_usage) parts.push(D({ ...head, choices: [], usage: u }));
  parts.push(D('[DONE]'));
  return sse(req, res, call, parts);
}
function embed(body) {
  const p = plan(body, 'embeddings');
  const inputs = typeof body.input === 'string' ? [body.input] : typeof body.input?.[0] === 'number' ? [body.input] : body.input;
  const dim = body.dimensions ?? 8;
  const data = inputs.map((x, index) => {
    const f = new Float32Array(dim);
    let h = createHash('sha256').update(canon(x)).digest();
    for (let i = 0; i < dim; i++) {
      if (i && i % 32 === 0) h = createHash('sha256').update(h).digest();
      f[i] = (h[i % 32] - 127.5) / 128;
    }
    const len = Math.hypot(...f);
    for (let i = 0; i < dim; i++) f[i] /= len;
    return {
      object: 'embedding',
      index,
      embedding: body.encoding_format === 'base64' ? Buffer.from(f.buffer).toString('base64') : [...f],
    };
  });
  const t = usageOf({ input: body.input }, '').prompt_tokens;
  return { p, json: { object: 'list', data, model: body.model, usage: { prompt_tokens: t, total_tokens: t } } };
}
async function responses(req, res, call, body) {
  const p = plan(body, 'responses');
  if (ERR[p.name]) return sendJson(res, ...ERR[p.name]);
  const id = `resp_mock${p.hash}${p.k}`;
  const tool = p.name === 'tool';
  const item = tool
    ? {
        id: `fc_${p.hash}${p.k}`,
        type: 'function_call',
        status: 'completed',
        call_id: `call_${p.hash}${p.k}`,
        name: toolNames(body)[0],
        arguments: ARGS1,
      }
    : p.name === 'refusal'
      ? {
          id: `msg_${p.hash}${p.k}`,
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'refusal', refusal: p.text }],
        }
      : {
          id: `msg_${p.hash}${p.k}`,
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: p.text, annotations: [], logprobs: [] }],
        };
  const full = {
    id,
    object: 'response',
    created_at: 1700000000 + p.k,
    status: 'completed',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    model: body.model,
    output: [item],
    parallel_tool_calls: true,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: null,
    reasoning: { effort: null, summary: null },
    safety_identifier: null,
    service_tier: 'default',
    store: body.store ?? true,
    temperature: 1,
    text: { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: 'auto',
    tools: body.tools ?? [],
    top_logprobs: 0,
    top_p: 1,
    truncation: 'disabled',
    usage: {
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 15,
    },
    user: null,
    metadata: body.metadata ?? {},
  };
  if (!body.stream) return sendJson(res, 200, full);
  const ev = [];
  let n = 0;
  const put = (type, o) => ev.push(E({ type, ...o, sequence_number: n++ }));
  const prog = { ...full, status: 'in_progress', output: [], usage: null };
  put('response.created', { response: prog });
  put('response.in_progress', { response: prog });
  if (tool) {
    put('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', arguments: '' } });
    for (const a of ARGS1.match(/[\s\S]{1,5}/gu))
      put('response.function_call_arguments.delta', { item_id: item.id, output_index: 0, delta: a });
    put('response.function_call_arguments.done', { item_id: item.id, output_index: 0, name: item.name, arguments: ARGS1 });
  } else {
    const part = item.content[0],
      ref = part.type === 'refusal',
      t = ref ? part.refusal : part.text;
    put('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', content: [] } });
    put('response.content_part.added', {
      item_id: item.id,
      output_index: 0,
      content_index: 0,
      part: ref ? { type: 'refusal', refusal: '' } : { ...part, text: '' },
    });
    for (const w of pieces(t))
      put(ref ? 'response.refusal.delta' : 'response.output_text.delta', {
        item_id: item.id,
        output_index: 0,
        content_index: 0,
        delta: w,
        ...(ref ? {} : { logprobs: [] }),
      });
    put(ref ? 'response.refusal.done' : 'response.output_text.done', {
      item_id: item.id,
      output_index: 0,
      content_index: 0,
      ...(ref ? { refusal: t } : { text: t, logprobs: [] }),
    });
    put('response.content_part.done', { item_id: item.id, output_index: 0, content_index: 0, part });
  }
  put('response.output_item.done', { output_index: 0, item });
  put('response.completed', { response: full });
  return sse(req, res, call, ev);
}
const aErr = (type, message) => ({ type: 'error', error: { type, message }, request_id: `req_mock${state.seq}` });
async function anthropic(req, res, call, body) {
  const H = { 'request-id': `req_mock${state.seq}`, 'anthropic-organization-id': 'org-mock' };
  if (!body.max_tokens) return sendJson(res, 400, aErr('invalid_request_error', 'max_tokens: Field required'), H);
  const p = plan(body, 'messages');
  if (p.name === 'error429')
    return sendJson(res, 429, aErr('rate_limit_error', 'Number of requests has exceeded your rate limit'), {
      ...H,
      'retry-after': '1',
      'retry-after-ms': '20',
    });
  if (p.name === 'error503') return sendJson(res, 529, aErr('overloaded_error', 'Overloaded'), H);
  if (p.name === 'error400') return sendJson(res, 400, aErr('invalid_request_error', 'messages: bad'), H);
  const content = [];
  if (body.thinking?.type === 'enabled' || body.thinking?.type === 'adaptive')
    content.push({ type: 'thinking', thinking: `because ${p.k}`, signature: 'c2ln' });
  if (p.name === 'tool')
    content.push({
      type: 'tool_use',
      id: `toolu_${p.hash}${p.k}`,
      name: toolNames(body)[0],
      input: { city: 'Zürich', n: [1, 2.5] },
    });
  else content.push({ type: 'text', text: p.text });
  const msg = {
    id: `msg_mock${p.hash}${p.k}`,
    type: 'message',
    role: 'assistant',
    model: body.model,
    content,
    stop_reason: p.name === 'tool' ? 'tool_use' : p.name === 'length' ? 'max_tokens' : 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: 12,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 9,
      service_tier: 'standard',
    },
  };
  if (!body.stream) return sendJson(res, 200, msg, H);
  const ev = [
    E({ type: 'message_start', message: { ...msg, content: [], stop_reason: null, usage: { ...msg.usage, output_tokens: 1 } } }),
  ];
  content.forEach((b, index) => {
    const start =
      b.type === 'text'
        ? { type: 'text', text: '' }
        : b.type === 'thinking'
          ? { type: 'thinking', thinking: '', signature: '' }
          : { ...b, input: {} };
    ev.push(E({ type: 'content_block_start', index, content_block: start }));
    if (index === 0) ev.push(E({ type: 'ping' }));
    if (b.type === 'text')
      for (const t of pieces(b.text)) ev.push(E({ type: 'content_block_delta', index, delta: { type: 'text_delta', text: t } }));
    if (b.type === 'thinking') {
      ev.push(E({ type: 'content_block_delta', index, delta: { type: 'thinking_delta', thinking: b.thinking } }));
      ev.push(E({ type: 'content_block_delta', index, delta: { type: 'signature_delta', signature: b.signature } }));
    }
    if (b.type === 'tool_use') {
      ev.push(E({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: '' } }));
      for (const a of JSON.stringify(b.input).match(/[\s\S]{1,6}/gu))
        ev.push(E({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: a } }));
    }
    ev.push(E({ type: 'content_block_stop', index }));
  });
  if (p.name === 'midstream') {
    ev.splice(4, Infinity, E({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }));
    return sse(req, res, call, ev);
  }
  if (p.name === 'truncate') return sse(req, res, call, ev, { destroyAt: 4 });
  ev.push(
    E({
      type: 'message_delta',
      delta: { stop_reason: msg.stop_reason, stop_sequence: null },
      usage: { output_tokens: msg.usage.output_tokens },
    }),
  );
  ev.push(E({ type: 'message_stop' }));
  return sse(req, res, call, ev);
}
async function gemini(req, res, call, body, model, verb) {
  const p = plan(body, 'gemini');
  if (p.name === 'error429')
    return sendJson(res, 429, { error: { code: 429, message: 'Resource has been exhausted', status: 'RESOURCE_EXHAUSTED' } });
  const part = p.name === 'tool' ? { functionCall: { name: 'get_weather', args: { city: 'Zürich' } } } : { text: p.text };
  const um = {
    promptTokenCount: 7,
    candidatesTokenCount: 5,
    totalTokenCount: 12,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: 7 }],
  };
  const mk = (parts, fin) => ({
    candidates: [{ content: { role: 'model', parts }, index: 0, ...(fin ? { finishReason: fin } : {}) }],
    usageMetadata: um,
    modelVersion: model,
    responseId: `g${p.hash}${p.k}`,
  });
  if (verb === 'generateContent') return sendJson(res, 200, mk([part], 'STOP'));
  const parts = part.text ? pieces(part.text).map((t) => ({ text: t })) : [part];
  return sse(
    req,
    res,
    call,
    parts.map((x, i) => D(mk([x], i === parts.length - 1 ? 'STOP' : null)).replace(/\n/g, '\r\n')),
  );
}
function rerank(body) {
  const docs = body.texts ?? body.documents ?? [];
  const q = new Set(
    String(body.query ?? '')
      .toLowerCase()
      .split(/\W+/),
  );
  const scored = docs
    .map((d, index) => {
      const w = String(d.text ?? d)
        .toLowerCase()
        .split(/\W+/);
      return { index, score: w.filter((x) => q.has(x)).length / Math.max(1, w.length) };
    })
    .sort((a, b) => b.score - a.score || a.index - b.index);
  if (body.texts) return scored.map((s) => ({ ...s, ...(body.return_text ? { text: docs[s.index] } : {}) }));
  return {
    id: 'rerank-mock',
    model: body.model ?? 'mock',
    usage: { total_tokens: 1 },
    results: scored.slice(0, body.top_n ?? docs.length).map((s) => ({ index: s.index, relevance_score: s.score })),
  };
}
const MODELS = ['mock-large', 'mock-small', 'text-embedding-mock'].map((id) => ({
  id,
  object: 'model',
  created: 1700000000,
  owned_by: 'mock',
}));

// ---- server ------------------------------------------------------------------------------------------
async function readBody(req) {
  const b = [];
  for await (const c of req) b.push(c);
  return Buffer.concat(b).toString('utf8');
}
async function control(req, res, url) {
  const raw = await readBody(req);
  const body = raw ? JSON.parse(raw) : {};
  const name = url.pathname.slice('/__mock/'.length);
  if (name === 'health') return sendJson(res, 200, { ok: true });
  if (name === 'reset') {
    reset();
    return sendJson(res, 200, { ok: true });
  }
  if (name === 'latency') {
    Object.assign(state.latency, body);
    return sendJson(res, 200, state.latency);
  }
  if (name === 'queue') {
    state.queue.push({ times: 1, ...body });
    return sendJson(res, 200, { queued: state.queue.length });
  }
  if (name === 'log') {
    const since = Number(url.searchParams.get('since') ?? 0);
    return sendJson(res, 200, { seq: state.seq, calls: state.log.filter((c) => c.seq > since) });
  }
  return sendJson(res, 404, oaiErr('no such control', 'invalid_request_error'));
}
async function api(req, res, url) {
  let raw;
  try {
    raw = await readBody(req);
  } catch {
    return;
  }
  let body = null;
  try {
    body = raw ? JSON.parse(raw) : {};
  } catch {}
  const auth =
    req.headers.authorization ?? req.headers['x-api-key'] ?? req.headers['x-goog-api-key'] ?? url.searchParams.get('key') ?? '';
  const { authorization, 'x-api-key': _k, 'x-goog-api-key': _g, ...headers } = req.headers;
  const call = {
    seq: ++state.seq,
    method: req.method,
    path: url.pathname,
    query: url.search,
    auth: auth ? sha(auth, 12) : null,
    headers,
    body: body ?? raw,
    raw: raw.slice(0, 4096),
    status: null,
    finished: false,
    aborted: false,
  };
  state.log.push(call);
  res.on('close', () => {
    call.status = res.statusCode;
    if (res.writableFinished) call.finished = true;
    else call.aborted = true;
  });
  if (body === null)
    return sendJson(res, 400, oaiErr('We could not parse the JSON body of your request.', 'invalid_request_error'));
  const q = state.queue.find((x) => !x.path || url.pathname.endsWith(x.path));
  if (q) {
    if (--q.times <= 0) state.queue.splice(state.queue.indexOf(q), 1);
    await sleep(q.delay_ms ?? 0);
    if (q.destroy) return res.destroy();
    if (q.sse !== undefined) {
      res.writeHead(q.status ?? 200, { 'content-type': 'text/event-stream; charset=utf-8', ...HEAD(), ...(q.headers ?? {}) });
      if (!q.truncate) return res.end(q.sse);
      return res.write(q.sse, () => setTimeout(() => res.destroy(), 30));
    }
    return sendJson(res, q.status ?? 200, q.body ?? {}, q.headers ?? {});
  }
  if (!auth) return sendJson(res, 401, oaiErr("You didn't provide an API key.", 'invalid_request_error', null));
  if (/\bbad-key$/.test(auth)) return sendJson(res, ...ERR.error401);
  const path = url.pathname.replace(/\/+$/, '');
  if (req.method === 'GET' && path.endsWith('/models')) return sendJson(res, 200, { object: 'list', data: MODELS });
  let m;
  if (req.method === 'GET' && (m = /\/models\/([^/]+)$/.exec(path))) {
    const f = MODELS.find((x) => x.id === decodeURIComponent(m[1]));
    return f ? sendJson(res, 200, f) : sendJson(res, ...ERR.error404);
  }
  if (req.method !== 'POST')
    return sendJson(res, 405, oaiErr(`Not allowed to ${req.method} on ${path}.`, 'invalid_request_error', 'method_not_supported'));
  if (path.endsWith('/chat/completions')) return chat(req, res, call, body);
  if (path.endsWith('/completions')) return completions(req, res, call, body);
  if (path.endsWith('/embeddings')) {
    const { p, json } = embed(body);
    return ERR[p.name] ? sendJson(res, ...ERR[p.name]) : sendJson(res, 200, json);
  }
  if (path.endsWith('/responses')) return responses(req, res, call, body);
  if (path.endsWith('/messages/count_tokens')) return sendJson(res, 200, { input_tokens: usageOf(body, '').prompt_tokens });
  if (path.endsWith('/messages')) return anthropic(req, res, call, body);
  if (path.endsWith('/rerank') || path.endsWith('/reranking')) return sendJson(res, 200, rerank(body));
  if ((m = /\/models\/([^/]+):(generateContent|streamGenerateContent)$/.exec(path)))
    return gemini(req, res, call, body, m[1], m[2]);
  return sendJson(res, 404, oaiErr(`Unknown request URL: ${req.method} ${path}.`, 'invalid_request_error', 'unknown_url'));
}
export function startMock({ port = 0, host = '127.0.0.1' } = {}) {
  const server = http.createServer((req, res) => {
    const url = new URL(req.url, 'http://x');
    (url.pathname.startsWith('/__mock/') ? control(req, res, url) : api(req, res, url)).catch((e) => {
      if (!res.headersSent) sendJson(res, 500, oaiErr(`mock bug: ${e.stack}`, 'mock_bug'));
      else res.destroy();
    });
  });
  server.keepAliveTimeout = 30000;
  return new Promise((ok) => server.listen(port, host, () => ok({ server, url: `http://${host}:${server.address().port}` })));
}
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const arg = (n, d) => {
    const i = process.argv.indexOf(`--${n}`);
    return i > 0 ? process.argv[i + 1] : (process.env[n.toUpperCase()] ?? d);
  };
  const { url } = await startMock({ port: Number(arg('port', 9099)), host: arg('host', '127.0.0.1') });
  console.log(`mock-upstream listening on ${url}`);
}
