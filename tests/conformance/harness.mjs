// Shared plumbing of the conformance checks: configuration, SDK loading, raw HTTP, mock control, tally.
import { createRequire } from 'node:module';
import http from 'node:http';
import https from 'node:https';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const strip = (u) => u.replace(/\/+$/, '').replace(/\/v1$/, '');
export const BASE = strip(process.env.BASE_URL ?? 'http://127.0.0.1:8080'); // gateway (or the mock itself)
export const MOCK = strip(process.env.MOCK_URL ?? BASE); // control plane of the mock upstream
export const KEY = process.env.API_KEY ?? 'sk-conformance';
export const FEATURES = new Set((process.env.FEATURES ?? 'chat,models,embeddings,completions,responses,anthropic').split(','));
export const RUN = process.env.RUN_ID ?? Date.now().toString(36) + Math.random().toString(36).slice(2, 6);
const ONLY = process.env.ONLY ? new RegExp(process.env.ONLY, 'i') : null;
const VERBOSE = !!process.env.VERBOSE;

// SDKs: from SDK_DIR (a folder with node_modules) or from beside this file.
const requireFrom = createRequire(path.resolve(process.env.SDK_DIR ?? here, 'package.json'));
export function sdk(name, optional = false) {
  try {
    return requireFrom(name);
  } catch (e) {
    if (optional) return null;
    throw new Error(`npm package ${name} not found; run "npm install" in ${here} or set SDK_DIR (${e.message})`);
  }
}
const sdkVersion = (n) => {
  try {
    let d = path.dirname(requireFrom.resolve(n));
    for (let i = 0; i < 5; i++, d = path.dirname(d)) {
      const f = path.join(d, 'package.json');
      if (fs.existsSync(f)) {
        const j = JSON.parse(fs.readFileSync(f, 'utf8'));
        if (j.name === n) return j.version;
      }
    }
  } catch {}
  return '?';
};
export const OpenAI = (() => {
  const m = sdk('openai');
  return m.default ?? m;
})();
const anth = sdk('@anthropic-ai/sdk', true);
export const Anthropic = anth ? (anth.default ?? anth.Anthropic ?? anth) : null;
export const openai = (o = {}) => new OpenAI({ apiKey: KEY, baseURL: `${BASE}/v1`, maxRetries: 0, ...o });
export const anthropic = (o = {}) => new Anthropic({ apiKey: KEY, baseURL: BASE, maxRetries: 0, logLevel: 'off', ...o });
export const chatHelpers = (c) => (typeof c.chat.completions.stream === 'function' ? c.chat.completions : c.beta.chat.completions); // openai 4.x keeps them under beta

// ---- raw HTTP (no SDK, no fetch pooling surprises) ---------------------------------------------------------
export function raw(method, url, { headers = {}, body, signal, onData, timeout = 30000 } = {}) {
  return new Promise((ok, fail) => {
    const u = new URL(url);
    const data = body === undefined ? null : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    for (const k of Object.keys(headers))
      if (headers[k] === undefined) {
        headers = { ...headers };
        delete headers[k];
      }
    let started = null; // after the response head arrived, a reset ends the body instead of failing the call
    const req = (u.protocol === 'https:' ? https : http).request(
      u,
      {
        method,
        headers: { ...(data ? { 'content-type': 'application/json', 'content-length': data.length } : {}), ...headers },
        agent: false,
        signal,
      },
      (res) => {
        const bufs = [];
        let once = false;
        res.on('data', (d) => {
          bufs.push(d);
          onData?.(d, res);
        });
        const done = (started = (complete) => {
          if (once) return;
          once = true;
          const text = Buffer.concat(bufs).toString('utf8');
          let json;
          try {
            json = JSON.parse(text);
          } catch {}
          ok({ status: res.statusCode, headers: res.headers, text, json, complete });
        });
        res.on('end', () => done(res.complete));
        res.on('error', () => done(false));
        res.on('aborted', () => done(false));
      },
    );
    req.setTimeout(timeout, () => req.destroy(new Error('timeout')));
    req.on('error', (e) => (started ? started(false) : fail(e)));
    if (data) req.write(data);
    req.end();
  });
}
export const auth = (key = KEY) => ({ authorization: `Bearer ${key}` });
export const post = (p, body, o = {}) => raw('POST', BASE + p, { body, ...o, headers: { ...auth(), ...(o.headers ?? {}) } });
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// ---- mock control --------------------------------------------------------------------------------------------
export const mock = {
  reset: () => raw('POST', `${MOCK}/__mock/reset`, { body: {} }),
  latency: (o) => raw('POST', `${MOCK}/__mock/latency`, { body: { first_byte_ms: 0, chunk_ms: 0, ...o } }),
  queue: (o) => raw('POST', `${MOCK}/__mock/queue`, { body: o }),
  log: async (since = 0) => (await raw('GET', `${MOCK}/__mock/log?since=${since}`)).json,
  seq: async () => (await mock.log(1e12)).seq,
  calls: async (since, pathEnd) => (await mock.log(since)).calls.filter((c) => !pathEnd || c.path.endsWith(pathEnd)),
};
// Runs fn and counts the upstream calls it caused: to one endpoint, or to any but the embedding service (a semantic
// tier may use the mock for that) and health probes.
const SETTLE = Number(process.env.SETTLE_MS ?? 10); // time for a gateway to finish its cache write
export async function upstream(fn, endpoint) {
  await sleep(SETTLE);
  const s = await mock.seq();
  const r = await fn();
  const n = (await mock.calls(s)).filter((c) =>
    endpoint ? c.path.endsWith(endpoint) : c.method === 'POST' && !c.path.endsWith('/embeddings'),
  ).length;
  return [r, n];
}
// Direct mode: BASE_URL is the mock itself, so there is no cache to test.
let direct = null;
export async function isDirect() {
  if (direct !== null) return direct;
  if (process.env.DIRECT) return (direct = process.env.DIRECT === '1');
  if (BASE === MOCK) return (direct = true);
  return (direct = false);
}

// ---- tally ---------------------------------------------------------------------------------------------------
const list = [];
export function check(name, fn, opt = {}) {
  list.push({ name, fn, opt });
}
export class Skip extends Error {}
export function assert(cond, msg) {
  if (!cond) throw new Error(msg ?? 'assertion failed');
}
export function eq(got, want, what = 'value') {
  const a = stable(got),
    b = stable(want);
  if (a !== b) throw new Error(`${what}: got ${clip(a)} want ${clip(b)}`);
}
const clip = (s) => (s && s.length > 600 ? s.slice(0, 600) + '…' : s);
export const stable = (v) =>
  JSON.stringify(v, (k, x) =>
    x && typeof x === 'object' && !Array.isArray(x)
      ? Object.fromEntries(Object.entries(x).sort(([a], [b]) => (a < b ? -1 : 1)))
      : x,
  );
export async function rejects(p, test, what = 'call') {
  try {
    await p;
  } catch (e) {
    const r = await test(e);
    if (r === false) throw new Error(`${what}: wrong error ${e.constructor?.name} ${e.status ?? ''} ${e.message}`);
    return e;
  }
  throw new Error(`${what}: no error`);
}
let nonceN = 0;
export const nonce = () => `${RUN}-${++nonceN}`;
// A chat request that no earlier check has sent.
export const ask = (directive, extra = {}) => ({
  model: 'mock-large',
  messages: [
    { role: 'system', content: `conformance ${nonce()}` },
    { role: 'user', content: `${directive ? `[[mock:${directive}]] ` : ''}Hello` },
  ],
  ...extra,
});

export async function main() {
  const isDir = await isDirect();
  let pass = 0,
    fail = 0,
    skip = 0;
  const failed = [];
  const t0 = Date.now();
  try {
    const h = await raw('GET', `${MOCK}/__mock/health`);
    assert(h.json?.ok, 'bad health');
  } catch (e) {
    console.error(`mock control plane not reachable at ${MOCK}: ${e.message}`);
    process.exit(2);
  }
  console.log(
    `# gateway ${BASE}  mock ${MOCK}  ${isDir ? 'direct (cache checks skipped)' : 'through a gateway'}  openai SDK ${sdkVersion('openai')}, anthropic SDK ${sdkVersion('@anthropic-ai/sdk')}`,
  );
  for (const { name, fn, opt } of list) {
    if (ONLY && !ONLY.test(name)) continue;
    const why =
      opt.gateway && isDir
        ? 'needs a gateway'
        : opt.feature && !FEATURES.has(opt.feature)
          ? `feature ${opt.feature} off`
          : opt.direct && !isDir
            ? 'direct only'
            : null;
    if (why) {
      skip++;
      if (VERBOSE) console.log(`skip - ${name} (${why})`);
      continue;
    }
    let timer;
    try {
      await mock.latency({});
      await Promise.race([
        fn(),
        new Promise((_, r) => {
          timer = setTimeout(() => r(new Error('check timed out')), opt.timeout ?? 20000);
        }),
      ]);
      pass++;
      if (VERBOSE) console.log(`ok - ${name}`);
    } catch (e) {
      if (e instanceof Skip) {
        skip++;
        if (VERBOSE) console.log(`skip - ${name} (${e.message})`);
      } else {
        fail++;
        failed.push(name);
        console.log(
          `not ok - ${name}\n    ${String(e.stack ?? e)
            .split('\n')
            .slice(0, VERBOSE ? 6 : 2)
            .join('\n    ')}`,
        );
      }
    } finally {
      clearTimeout(timer);
    }
  }
  console.log(`# ${((Date.now() - t0) / 1000).toFixed(1)} s, ${skip} skipped`);
  console.log(`${pass} passed, ${fail} failed`);
  process.exit(fail ? 1 : 0);
}

// ---- case files ------------------------------------------------------------------------------------------------
export function readJsonl(file) {
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((l) => JSON.parse(l));
}
export function readTranscripts(dir) {
  return JSON.parse(fs.readFileSync(path.join(dir, 'index.json'), 'utf8')).map((t) => ({
    ...t,
    sse: fs.readFileSync(path.join(dir, `${t.name}.sse`), 'utf8'),
    want: JSON.parse(fs.readFileSync(path.join(dir, `${t.name}.json`), 'utf8')),
  }));
}
const featureOf = (p) =>
  p.includes('/chat/')
    ? 'chat'
    : p.endsWith('/embeddings')
      ? 'embeddings'
      : p.endsWith('/responses')
        ? 'responses'
        : p.endsWith('/messages')
          ? 'anthropic'
          : 'completions';
// Prime the cache with the base request, then send the case: "same" means no further upstream call.
export function registerCases(file) {
  const rows = readJsonl(file);
  const bases = new Map(rows.filter((r) => r.kind === 'base').map((r) => [r.id, r]));
  const tier = process.env.TIER ?? 'l1'; // set TIER=all when the semantic tier is on
  for (const c of rows.filter((r) => r.kind === 'case')) {
    const strength = c.strength === 'must' ? '' : ` [${c.strength}]`;
    check(
      `case ${c.id}: ${c.field} -> ${c.expect}${strength}`,
      async () => {
        if (c.strength === 'info') throw new Skip('informative');
        if (tier === 'all' && c.tier === 'l1' && c.expect === 'different') throw new Skip('exact tier only');
        const n = nonce();
        const fill = (s) => s.replaceAll('{{nonce}}', n).replaceAll('{{otherkey}}', `${KEY}-other`);
        const b = bases.get(c.base);
        const send = async (r) => {
          const x = await post(r.endpoint, fill(r.raw ?? JSON.stringify(r.request)), {
            headers: { ...auth(), ...JSON.parse(fill(JSON.stringify(r.headers ?? {}))) },
          });
          assert(x.status === 200, `status ${x.status}: ${x.text.slice(0, 200)}`);
          return x;
        };
        await send(b);
        const [, again] = await upstream(() => send(b), c.endpoint);
        assert(again === 0, 'the base request itself is not served from the cache the second time');
        const [, calls] = await upstream(() => send(c), c.endpoint);
        const got = calls === 0 ? 'same' : 'different';
        assert(got === c.expect, `got ${got}: ${c.why}`);
      },
      { gateway: true, feature: featureOf(c.endpoint) },
    );
  }
}
