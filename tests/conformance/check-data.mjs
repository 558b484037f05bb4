#!/usr/bin/env node
// Self-check of the data files, without any server:
//   - every transcript folds (fold.mjs) to the JSON beside it, also when the bytes come one at a time;
//   - the official SDKs, fed the same bytes, end with the same message (chat and Anthropic);
//   - cases.jsonl is well formed.
// Usage: node check-data.mjs [dir ...]   (default: this folder)
import path from 'node:path';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OpenAI, Anthropic, chatHelpers, readJsonl, readTranscripts, eq, assert } from './harness.mjs';
import { folders, pythonAccumulate } from './fold.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
let pass = 0,
  fail = 0;
const t = async (name, fn) => {
  try {
    await fn();
    pass++;
  } catch (e) {
    fail++;
    console.log(`not ok - ${name}: ${e.message}`);
  }
};
const fetchOf = (bytes, step) => async () => {
  let i = 0;
  const body = new ReadableStream({
    pull(c) {
      if (i >= bytes.length) return c.close();
      c.enqueue(bytes.subarray(i, i + step));
      i += step;
    },
  });
  return new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' } });
};
for (const dir of process.argv.length > 2 ? process.argv.slice(2) : [here]) {
  for (const x of readTranscripts(path.join(dir, 'sse'))) {
    const bytes = Buffer.from(x.sse);
    await t(`${x.name}: fold`, () => {
      const f = folders[x.api](x.sse);
      for (const k of ['outcome', 'cacheable', 'done', 'error', 'json']) eq(f[k], x.want[k], k);
      if ('ordered' in x.want) eq(f.ordered, x.want.ordered);
    });
    if (x.api === 'chat')
      for (const step of [1, 17, 1e6])
        await t(`${x.name}: openai SDK, ${step} byte steps`, async () => {
          const c = new OpenAI({ apiKey: 'x', baseURL: 'http://x/v1', maxRetries: 0, fetch: fetchOf(bytes, step) });
          const raw = (async () => {
            const l = [];
            for await (const y of await c.chat.completions.create({ model: 'm', messages: [], stream: true })) l.push(y);
            return l;
          })();
          if (x.want.outcome === 'error') {
            let e;
            try {
              await raw;
            } catch (y) {
              e = y;
            }
            assert(e instanceof OpenAI.APIError && e.message === x.want.error.message, `SDK raised ${e}`);
            return;
          }
          if (x.want.outcome === 'truncated')
            return void (await raw.catch((e) => assert(e instanceof SyntaxError, `SDK raised ${e}`))); // SDK 6 ends quietly, SDK 7.57 reports the half event
          await raw;
          if (x.want.outcome !== 'complete' || /custom-tool|index-missing|azure/.test(x.name)) return; // SDK 6 can not assemble these
          const r = await chatHelpers(c).stream({ model: 'm', messages: [] }).finalChatCompletion();
          r.choices.forEach((ch, i) => {
            const w = x.want.json.choices[i];
            eq(ch.message.content || null, w.message.content || null, 'content');
            eq(ch.message.refusal ?? null, w.message.refusal, 'refusal');
            eq(
              (ch.message.tool_calls ?? []).map(({ id, function: f }) => ({ id, name: f.name, arguments: f.arguments })),
              (w.message.tool_calls ?? []).map(({ id, function: f }) => ({ id, name: f.name, arguments: f.arguments })),
              'tool_calls',
            );
            eq(ch.finish_reason, w.finish_reason);
            if (w.logprobs) eq(ch.logprobs.content, w.logprobs.content);
          });
          pythonAccumulate(x.sse).forEach((p, i) =>
            eq(p.message.content || null, x.want.json.choices[i].message.content || null, 'python content'),
          );
        });
    if (x.api === 'anthropic' && Anthropic)
      await t(`${x.name}: anthropic SDK`, async () => {
        const c = new Anthropic({ apiKey: 'x', baseURL: 'http://x', maxRetries: 0, logLevel: 'off', fetch: fetchOf(bytes, 13) });
        let r, e;
        try {
          r = await c.messages.stream({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }).finalMessage();
        } catch (y) {
          e = y;
        }
        if (x.want.outcome === 'error') return assert(e && /overloaded/i.test(e.message), `SDK raised ${e}`);
        if (e) throw e;
        eq(
          JSON.parse(JSON.stringify(r.content)).map(({ parsed_output, ...b }) => b),
          x.want.json.content,
          'content',
        );
        eq(r.stop_reason, x.want.json.stop_reason);
        eq(r.usage.output_tokens, x.want.json.usage.output_tokens, 'usage');
      });
    if (x.api === 'responses')
      await t(`${x.name}: openai SDK responses`, async () => {
        const c = new OpenAI({ apiKey: 'x', baseURL: 'http://x/v1', maxRetries: 0, fetch: fetchOf(bytes, 29) });
        const r = await c.responses.stream({ model: 'm', input: 'x' }).finalResponse();
        eq(r.id, x.want.json.id);
        eq(r.output.length, x.want.json.output.length);
      });
  }
  const f = path.join(dir, 'cases.jsonl');
  if (fs.existsSync(f)) {
    const rows = readJsonl(f),
      ids = new Set(),
      bases = new Map(rows.filter((r) => r.kind === 'base').map((r) => [r.id, r]));
    for (const r of rows)
      await t(`case ${r.id}`, () => {
        assert(!ids.has(r.id), 'duplicate id');
        ids.add(r.id);
        assert(r.endpoint.startsWith('/v1/'));
        if (r.raw) JSON.parse(r.raw);
        else assert(r.request && typeof r.request === 'object', 'no request');
        assert(JSON.stringify(r).includes('{{nonce}}'), 'no {{nonce}}: would meet older entries');
        if (r.kind === 'case') {
          const b = bases.get(r.base);
          assert(b && b.endpoint === r.endpoint, 'base');
          assert(
            ['same', 'different'].includes(r.expect) &&
              ['S', 'P', 'T', 'tenant'].includes(r.class) &&
              ['must', 'should', 'info'].includes(r.strength) &&
              ['l1', 'all'].includes(r.tier) &&
              r.why.length > 5,
            'fields',
          );
          assert((r.class === 'T') === (r.expect === 'same'), 'class T means same');
          assert(r.raw || r.headers || JSON.stringify(r.request) !== JSON.stringify(b.request), 'case equals its base');
        }
      });
  }
}
console.log(`${pass} passed, ${fail} failed`);
process.exit(fail ? 1 : 0);
