// What the mock says: a plan from the request, the whole answer, its chunks.
import { sha, canon, state } from './state.mjs';

export function textOf(content) {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map((p) => p.text ?? p.input_text ?? '').join('');
  return '';
}
export function lastUser(body) {
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
export function plan(body, endpoint) {
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
export const ARGS1 = '{ "city": "Zürich",  "unit":"c" }'; // spacing on purpose: it must survive byte for byte
export const ARGS2 = '{"q":"a\\"b\\\\c","n":[1,2.50,1e3]}';
export function toolNames(body) {
  const t = (body.tools ?? []).map((x) => x.function?.name ?? x.custom?.name ?? x.name).filter(Boolean);
  return [t[0] ?? 'get_weather', t[1] ?? t[0] ?? 'search'];
}
export const usageOf = (body, text) => {
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
export const lp = (tok) => ({
  token: tok,
  logprob: -0.25,
  bytes: [...Buffer.from(tok)],
  top_logprobs: [{ token: tok, logprob: -0.25, bytes: [...Buffer.from(tok)] }],
});
export const p5 = (s) => (s.length > 50000 ? /[\s\S]{1,70000}/gu : /[\s\S]{1,5}/gu);
export const pieces = (s) => s.match(/\s*\S+|\s+/g) ?? [];

export function chatAnswer(body) {
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
export function chatChunks(json, body) {
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
