// OpenAI Responses.
import { plan, ARGS1, toolNames, pieces } from './answers.mjs';
import { sendJson, ERR, sse, E } from './transport.mjs';

export async function responses(req, res, call, body) {
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
