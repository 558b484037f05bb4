// Anthropic Messages, Gemini, rerank and the list of models.
import { state } from './state.mjs';
import { plan, toolNames, pieces } from './answers.mjs';
import { sendJson, sse, D, E } from './transport.mjs';

export const aErr = (type, message) => ({ type: 'error', error: { type, message }, request_id: `req_mock${state.seq}` });
export async function anthropic(req, res, call, body) {
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
export async function gemini(req, res, call, body, model, verb) {
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
export function rerank(body) {
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
export const MODELS = ['mock-large', 'mock-small', 'text-embedding-mock'].map((id) => ({
  id,
  object: 'model',
  created: 1700000000,
  owned_by: 'mock',
}));
