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
import { pathToFileURL } from 'node:url';
import { sha, sleep, state, reset } from './mock/state.mjs';
import { usageOf } from './mock/answers.mjs';
import { HEAD, sendJson, oaiErr, ERR } from './mock/transport.mjs';
import { chat, completions, embed } from './mock/openai.mjs';
import { responses } from './mock/responses.mjs';
import { anthropic, gemini, rerank, MODELS } from './mock/others.mjs';

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
