// Reference folding of SSE streams into the stored (non-stream) JSON, and the checks a faithful stream must pass.
// No dependencies.

// ---- SSE framing (WHATWG rules: LF, CR or CRLF; ":" comments; one optional space after the colon) ------
export function parseSSE(text) {
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  const events = [];
  let ev = { event: null, data: [], lines: [] };
  const parts = text.split(/\r\n|\n|\r/);
  const tail = parts.pop(); // text after the last line end: an unfinished line is not dispatched
  for (const line of parts) {
    if (line === '') {
      if (ev.data.length || ev.event !== null) events.push({ event: ev.event, data: ev.data.join('\n'), lines: ev.lines });
      ev = { event: null, data: [], lines: [] };
      continue;
    }
    if (line[0] === ':') {
      ev.lines.push(line);
      continue;
    }
    const i = line.indexOf(':');
    const f = i < 0 ? line : line.slice(0, i);
    let v = i < 0 ? '' : line.slice(i + 1);
    if (v[0] === ' ') v = v.slice(1);
    ev.lines.push(line);
    if (f === 'data') ev.data.push(v);
    else if (f === 'event') ev.event = v;
    else (ev.other ??= []).push(f);
  }
  return { events, unterminated: tail !== '' || ev.data.length > 0 };
}

const isObj = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
function addUnknown(into, key, v) {
  if (v === null || v === undefined) {
    if (!(key in into)) into[key] = v ?? null;
    return;
  }
  if (typeof v === 'string' && typeof into[key] === 'string') into[key] += v;
  else if (Array.isArray(v) && Array.isArray(into[key])) into[key].push(...v);
  else into[key] = v;
}

// ---- OpenAI chat.completion.chunk -----------------------------------------------------------------------
// A choice that carries nothing is never stored (an answer cut by a limit is the caller's to judge: it depends on the request).
export const saysSomething = (m) => !!(m?.content || m?.refusal || m?.tool_calls?.length || m?.function_call || m?.audio);

export function foldChat(text) {
  const { events, unterminated } = parseSSE(text);
  let top = null,
    done = false,
    error = null,
    usage;
  const choices = new Map();
  for (const e of events) {
    if (done) break;
    if (e.data === '' && e.event === null) continue;
    if (e.data.startsWith('[DONE]')) {
      done = true;
      break;
    }
    let c;
    try {
      c = JSON.parse(e.data);
    } catch {
      error = { message: 'malformed chunk', type: 'upstream_error', param: null, code: 'malformed_chunk' };
      break;
    }
    if (e.event === 'error' || (isObj(c) && c.error)) {
      error = c.error ?? c;
      break;
    }
    if (!isObj(c) || !Array.isArray(c.choices)) continue;
    const { choices: cs, usage: u, obfuscation, object, id, created, model, ...rest } = c;
    top ??= { id: undefined, object: 'chat.completion', created: undefined, model: undefined, extra: {} };
    if (id && !top.id) {
      top.id = id;
      top.created = created;
      top.model = model;
    }
    if (model && !top.model) top.model = model;
    for (const [k, v] of Object.entries(rest)) if (v !== null && v !== undefined) top.extra[k] = v;
    if (u) usage = u;
    for (const ch of cs) {
      const i = ch.index ?? 0;
      if (!choices.has(i)) choices.set(i, { msg: {}, lp: null, fin: null, extra: {}, tools: new Map(), sawContent: false });
      const s = choices.get(i);
      const { index, delta, logprobs, finish_reason, ...cx } = ch;
      for (const [k, v] of Object.entries(cx)) if (v !== null && v !== undefined) s.extra[k] = v;
      if (finish_reason) s.fin = finish_reason;
      if (logprobs) {
        s.lp ??= { content: null, refusal: null };
        for (const k of ['content', 'refusal']) if (logprobs[k]) (s.lp[k] ??= []).push(...logprobs[k]);
      }
      for (const [k, v] of Object.entries(delta ?? {})) {
        if (v === null || v === undefined) continue;
        if (k === 'role') s.msg.role ??= v;
        else if (k === 'content' || k === 'refusal') {
          s.msg[k] = (s.msg[k] ?? '') + v;
          if (k === 'content') s.sawContent = true;
        } else if (k === 'function_call') {
          s.msg.function_call ??= { name: '', arguments: '' };
          if (v.name) s.msg.function_call.name = v.name;
          if (v.arguments) s.msg.function_call.arguments += v.arguments;
        } else if (k === 'tool_calls') {
          for (const t of v) {
            // Some upstreams leave `index` out: a new id then means a new call.
            const last = s.tools.size - 1;
            const ti = t.index ?? (last >= 0 && (!t.id || s.tools.get(last)?.id === t.id) ? last : last + 1);
            if (!s.tools.has(ti)) s.tools.set(ti, {});
            const o = s.tools.get(ti);
            if (t.id && !o.id) o.id = t.id;
            if (t.type && !o.type) o.type = t.type;
            for (const [body, arg] of [
              ['function', 'arguments'],
              ['custom', 'input'],
            ]) {
              if (!t[body]) continue;
              o[body] ??= { name: '', [arg]: '' };
              if (t[body].name && !o[body].name) o[body].name = t[body].name;
              if (t[body][arg]) o[body][arg] += t[body][arg];
            }
          }
        } else if (k === 'audio') {
          const a = (s.msg.audio ??= {});
          for (const [ak, av] of Object.entries(v)) a[ak] = ak === 'data' || ak === 'transcript' ? (a[ak] ?? '') + av : av;
        } else addUnknown(s.msg, k, v);
      }
    }
  }
  const out = {};
  if (top) {
    Object.assign(out, { id: top.id, object: 'chat.completion', created: top.created, model: top.model });
    out.choices = [...choices.entries()]
      .sort((a, b) => a[0] - b[0])
      .map(([index, s]) => {
        const { role, content, refusal, ...mx } = s.msg;
        const tool_calls = [...s.tools.entries()]
          .sort((a, b) => a[0] - b[0])
          .map(([, t]) => ({
            id: t.id,
            type: t.type ?? (t.custom ? 'custom' : 'function'),
            ...(t.custom ? { custom: t.custom } : { function: t.function }),
          }));
        const c = content || (s.sawContent && !tool_calls.length && !refusal && !mx.function_call && !mx.audio) ? content : null;
        return {
          index,
          message: {
            role: role ?? 'assistant',
            content: c ?? null,
            refusal: refusal || null,
            ...mx,
            ...(tool_calls.length ? { tool_calls } : {}),
          },
          logprobs: s.lp,
          finish_reason: s.fin,
          ...s.extra,
        };
      });
    if (usage) out.usage = usage;
    Object.assign(out, top.extra);
  }
  const finished = top && out.choices.length > 0 && out.choices.every((c) => c.finish_reason);
  const outcome = error ? 'error' : finished ? 'complete' : 'truncated';
  return {
    outcome,
    cacheable: outcome === 'complete' && out.choices.every((c) => c.finish_reason !== 'content_filter' && saysSomething(c.message)),
    done,
    unterminated,
    error,
    json: top ? out : null,
  };
}

// ---- Anthropic Messages ----------------------------------------------------------------------------------
export function foldAnthropic(text) {
  const { events, unterminated } = parseSSE(text);
  let msg = null,
    error = null,
    stopped = false;
  const buf = new Map();
  for (const e of events) {
    if (stopped || error) break;
    let d;
    try {
      d = JSON.parse(e.data);
    } catch {
      error = { type: 'api_error', message: 'malformed event' };
      break;
    }
    switch (d.type) {
      case 'ping':
        break;
      case 'error':
        error = d.error;
        break;
      case 'message_start':
        msg = structuredClone(d.message);
        break;
      case 'content_block_start':
        msg.content[d.index] = structuredClone(d.content_block);
        break;
      case 'content_block_delta': {
        const b = msg.content[d.index],
          x = d.delta;
        if (x.type === 'text_delta') b.text = (b.text ?? '') + x.text;
        else if (x.type === 'thinking_delta') b.thinking = (b.thinking ?? '') + x.thinking;
        else if (x.type === 'signature_delta') b.signature = (b.signature ?? '') + x.signature;
        else if (x.type === 'citations_delta') (b.citations ??= []).push(x.citation);
        else if (x.type === 'input_json_delta') buf.set(d.index, (buf.get(d.index) ?? '') + x.partial_json);
        break;
      }
      case 'content_block_stop':
        if (buf.has(d.index)) {
          const s = buf.get(d.index);
          msg.content[d.index].input = s ? JSON.parse(s) : {};
          buf.delete(d.index);
        }
        break;
      case 'message_delta':
        Object.assign(msg, d.delta);
        msg.usage = { ...msg.usage, ...Object.fromEntries(Object.entries(d.usage ?? {}).filter(([, v]) => v !== null)) };
        break;
      case 'message_stop':
        stopped = true;
        break;
    }
  }
  const outcome = error ? 'error' : stopped ? 'complete' : 'truncated';
  return {
    outcome,
    cacheable: outcome === 'complete' && !['pause_turn', 'refusal'].includes(msg.stop_reason),
    done: stopped,
    unterminated,
    error,
    json: msg,
  };
}

// ---- OpenAI Responses --------------------------------------------------------------------------------------
export function foldResponses(text) {
  const { events, unterminated } = parseSSE(text);
  let json = null,
    error = null,
    fin = null,
    last = -1,
    ordered = true;
  for (const e of events) {
    if (e.data.startsWith('[DONE]')) break;
    let d;
    try {
      d = JSON.parse(e.data);
    } catch {
      error = { code: 'malformed_event', message: 'malformed event' };
      break;
    }
    if (d.type === 'error') {
      error = { code: d.code ?? null, message: d.message, param: d.param ?? null };
      break;
    }
    if (typeof d.sequence_number === 'number') {
      if (d.sequence_number <= last) ordered = false;
      last = d.sequence_number;
    }
    if (d.response) json = d.response;
    if (['response.completed', 'response.incomplete', 'response.failed', 'response.cancelled'].includes(d.type)) {
      fin = d.type;
      break;
    }
  }
  const outcome = error || fin === 'response.failed' ? 'error' : fin ? 'complete' : 'truncated';
  return {
    outcome,
    cacheable: fin === 'response.completed' && json.store === false,
    done: fin !== null,
    unterminated,
    ordered,
    error: error ?? json?.error ?? null,
    json: outcome === 'truncated' ? null : json,
  };
}

// ---- Gemini streamGenerateContent?alt=sse -------------------------------------------------------------------
export function foldGemini(text) {
  const { events, unterminated } = parseSSE(text);
  let json = null,
    error = null;
  for (const e of events) {
    const d = JSON.parse(e.data);
    if (d.error) {
      error = d.error;
      break;
    }
    const { candidates = [], ...rest } = d;
    json ??= { candidates: [] };
    Object.assign(json, rest);
    for (const c of candidates) {
      const i = c.index ?? 0;
      const t = (json.candidates[i] ??= { content: { role: c.content?.role ?? 'model', parts: [] }, index: i });
      for (const p of c.content?.parts ?? []) {
        const prev = t.content.parts.at(-1);
        if (
          typeof p.text === 'string' &&
          prev &&
          typeof prev.text === 'string' &&
          !!prev.thought === !!p.thought &&
          !prev.thoughtSignature
        ) {
          prev.text += p.text;
          if (p.thoughtSignature) prev.thoughtSignature = p.thoughtSignature;
        } else t.content.parts.push(structuredClone(p));
      }
      const { content, index, ...cx } = c;
      Object.assign(t, cx);
    }
  }
  const finished = json?.candidates.length > 0 && json.candidates.every((c) => c.finishReason);
  const outcome = error ? 'error' : finished ? 'complete' : 'truncated';
  return {
    outcome,
    cacheable: outcome === 'complete' && json.candidates.every((c) => ['STOP', 'MAX_TOKENS'].includes(c.finishReason)),
    done: !!finished,
    unterminated,
    error,
    json,
  };
}
export const folders = { chat: foldChat, anthropic: foldAnthropic, responses: foldResponses, gemini: foldGemini };

// ---- What an OpenAI chat stream sent to a client must obey; returns a list of faults -------
export function lintChatStream(text, { includeUsage = false, expectDone = true } = {}) {
  const bad = [];
  const { events, unterminated } = parseSSE(text);
  if (unterminated) bad.push('stream does not end with a blank line');
  if (/^(id|retry)[ :]/m.test(text.replace(/^data:.*$/gm, ''))) bad.push('id: or retry: field present (breaks openai-python)');
  const chunks = [];
  let done = 0,
    after = 0;
  for (const e of events) {
    if (e.event !== null) bad.push(`named event "${e.event}"`);
    if (e.data === '[DONE]') {
      done++;
      continue;
    }
    if (done) after++;
    try {
      chunks.push(JSON.parse(e.data));
    } catch {
      bad.push(`data is not JSON: ${e.data.slice(0, 60)}`);
    }
  }
  if (expectDone && done !== 1) bad.push(`${done} [DONE] lines`);
  if (after) bad.push('data after [DONE]');
  const f = chunks[0];
  if (!f) return [...bad, 'no chunks'];
  const seenRole = new Set(),
    fin = new Set(),
    started = [],
    toolHead = new Map();
  chunks.forEach((c, n) => {
    for (const k of ['id', 'created', 'model']) if (c[k] !== f[k]) bad.push(`${k} changes at chunk ${n}`);
    if (c.object !== 'chat.completion.chunk') bad.push(`object is ${c.object}`);
    if ((c.system_fingerprint ?? null) !== (f.system_fingerprint ?? null)) bad.push(`system_fingerprint changes at chunk ${n}`);
    if (!Array.isArray(c.choices)) {
      bad.push(`chunk ${n} has no choices array`);
      return;
    }
    if (c.choices.length === 0) {
      if (!includeUsage) bad.push(`empty choices at chunk ${n} though usage was not asked for`);
      else if (n !== chunks.length - 1) bad.push('usage chunk is not last');
      else if (!c.usage) bad.push('last chunk has no usage');
    } else if (includeUsage ? c.usage !== null : c.usage)
      bad.push(`usage at chunk ${n} should be ${includeUsage ? 'null' : 'absent'}`);
    for (const ch of c.choices) {
      const i = ch.index;
      if (!Number.isInteger(i)) bad.push(`choice without index at chunk ${n}`);
      if (!isObj(ch.delta)) {
        bad.push(`choice without delta at chunk ${n}`);
        continue;
      }
      if (!('finish_reason' in ch)) bad.push(`finish_reason key missing at chunk ${n}`);
      if (!started.includes(i)) {
        started.push(i);
        if (ch.delta.role !== 'assistant') bad.push(`first delta of choice ${i} has no role`);
        if (i !== started.length - 1) bad.push(`choice ${i} starts out of order`);
      } else if (ch.delta.role) bad.push(`role repeated in choice ${i} at chunk ${n} (openai-python concatenates it)`);
      if (fin.has(i)) bad.push(`delta after finish_reason in choice ${i}`);
      if (ch.finish_reason) fin.add(i);
      for (const t of ch.delta.tool_calls ?? []) {
        const key = `${i}.${t.index}`;
        if (!Number.isInteger(t.index)) bad.push('tool call without index');
        if (!toolHead.has(key)) {
          if (!t.id || !t.type || !(t.function?.name || t.custom?.name))
            bad.push(`tool call ${key} starts without id, type or name`);
          if (t.index !== [...toolHead.keys()].filter((x) => x.startsWith(`${i}.`)).length)
            bad.push(`tool call ${key} starts out of order`);
          toolHead.set(key, true);
        } else {
          if (t.id || t.function?.name || t.custom?.name)
            bad.push(`tool call ${key} repeats id or name (openai-python concatenates them)`);
          for (const [o, k] of [
            [t, 'type'],
            [t.function, 'name'],
          ])
            if (o && k in o && o[k] === null)
              bad.push(`tool call ${key} has ${k}: null in a later delta (openai-node 7 rejects it for strict tools)`);
        }
      }
    }
  });
  for (const i of started) if (!fin.has(i)) bad.push(`choice ${i} has no finish_reason`);
  if (includeUsage && chunks.at(-1).choices?.length) bad.push('no usage chunk');
  return [...new Set(bad)];
}

// openai-python's delta accumulation, in essence: every repeated string is concatenated, numbers add up,
// lists of objects merge by index. What comes out must be the same message.
export function pythonAccumulate(text) {
  const acc = (a, d) => {
    for (const [k, v] of Object.entries(d)) {
      if (!(k in a) || a[k] === null) {
        a[k] = structuredClone(v);
        continue;
      }
      if (k === 'index' || k === 'type') {
        a[k] = v;
        continue;
      }
      if (typeof a[k] === 'string' && typeof v === 'string') a[k] += v;
      else if (typeof a[k] === 'number' && typeof v === 'number') a[k] += v;
      else if (Array.isArray(a[k]) && Array.isArray(v)) {
        for (const x of v) {
          if (!isObj(x)) {
            a[k].push(x);
            continue;
          }
          if (a[k][x.index]) acc(a[k][x.index], x);
          else a[k].splice(x.index, 0, structuredClone(x));
        }
      } else if (isObj(a[k]) && isObj(v)) acc(a[k], v);
    }
    return a;
  };
  const out = [];
  for (const e of parseSSE(text).events) {
    if (e.data.startsWith('[DONE]')) break;
    const c = JSON.parse(e.data);
    if (c.object !== 'chat.completion.chunk') continue;
    for (const ch of c.choices) {
      if (!out[ch.index]) out.push({ message: structuredClone(ch.delta), finish_reason: null });
      else acc(out[ch.index].message, ch.delta);
      if (ch.finish_reason) out[ch.index].finish_reason = ch.finish_reason;
    }
  }
  return out;
}
