// Chat completions, completions and embeddings.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { sleep, canon, state } from './state.mjs';
import { plan, usageOf, pieces, chatAnswer, chatChunks } from './answers.mjs';
import { HEAD, sendJson, oaiErr, ERR, sse, D } from './transport.mjs';

export async function chat(req, res, call, body) {
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
export async function completions(req, res, call, body) {
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
export function embed(body) {
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
