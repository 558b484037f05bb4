#!/usr/bin/env node
// Starts the mock provider and a Reflex in front of it, runs run.mjs and compares the outcome with known-failures.txt.
//   node judge.mjs PROGRAM        TIER=all: with the semantic tiers on, as they are by default
//                                 GATEWAYS=4: four Reflex on one redis-server, each new connection to the next of them
// A check that fails and is not listed is a failure; a listed one that passes is one too, so that the list only ever shrinks.
// Reflex gets a fresh storage folder and a free port. Last line: `N passed, N failed`; exit status 1 if anything failed.
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startFront } from './front.mjs';
import { startMock } from './mock-upstream.mjs';
import { startRedis } from './shared-store.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const program = process.argv[2] && path.resolve(process.argv[2]);
const TIER = process.env.TIER ?? 'l1';
const GATEWAYS = Number(process.env.GATEWAYS ?? 1);
const FEATURES = 'chat,models,embeddings,completions,responses,anthropic';

function stop(message) {
  console.log(`not ok - conformance: ${message}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}

const freePort = () =>
  new Promise((ok) => {
    const s = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => ok(port));
    });
  });

async function answers(url, child) {
  for (let i = 0; i < 300 && child.exitCode === null; i++) {
    try {
      if ((await fetch(url)).ok) return true;
    } catch {
      // not listening yet
    }
    await new Promise((r) => setTimeout(r, 50));
  }
  return false;
}

function startReflex(port, mockUrl, storage, shared) {
  fs.mkdirSync(storage, { recursive: true });
  const log = fs.openSync(path.join(storage, 'reflex.log'), 'w');
  const env = { PATH: process.env.PATH, HOME: process.env.HOME ?? '/' };
  Object.assign(env, {
    REFLEX_PORT: String(port),
    REFLEX_BIND_ADDR: '127.0.0.1',
    REFLEX_STORAGE_PATH: path.join(storage, 'data'),
    REFLEX_TIERS: TIER === 'all' ? 'l1,l2,l3' : 'l1',
    REFLEX_UPSTREAM: `${mockUrl}/v1`,
    REFLEX_ANTHROPIC_UPSTREAM: mockUrl,
    REFLEX_GEMINI_UPSTREAM: mockUrl,
    ...(shared ? { REFLEX_STORE_URL: shared.url, REFLEX_STORE_LOOKUP_TIMEOUT: '2s' } : {}),
  });
  return spawn(program, ['serve'], { env, cwd: storage, stdio: ['ignore', log, log] });
}

// The gateways, one or several behind a front on one store: the port to ask, those that ended, and how to end the others.
async function startGateways(mockUrl, storage) {
  const shared = GATEWAYS > 1 ? await startRedis(await freePort()) : null;
  const gateways = [];
  for (let i = 0; i < GATEWAYS; i++) {
    const folder = path.join(storage, String(i));
    const port = await freePort();
    const child = startReflex(port, mockUrl, folder, shared);
    child.on('error', (e) => stop(`${program} could not be started: ${e.message}`));
    const tail = () => fs.readFileSync(path.join(folder, 'reflex.log'), 'utf8').split('\n').slice(-15).join('\n');
    gateways.push({ child, port, tail });
  }
  for (const { child, port, tail } of gateways) {
    if (await answers(`http://127.0.0.1:${port}/healthz`, child)) continue;
    const said = tail();
    for (const g of gateways) g.child.kill('SIGKILL');
    shared?.stop();
    fs.rmSync(storage, { recursive: true });
    stop(`${program} did not answer on /healthz\n${said}`);
  }
  const front = GATEWAYS > 1 ? await startFront(gateways.map((g) => g.port)) : null;
  return { gateways, front, shared, port: front?.port ?? gateways[0].port };
}

// Ends a gateway; returns what is wrong with its end, or nothing.
async function end({ child, tail }) {
  if (child.exitCode !== null || child.signalCode !== null) return `the program ended during the run\n${tail()}`;
  const ended = new Promise((ok) => child.once('exit', (c) => ok(c)));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 40000);
  const status = await ended;
  clearTimeout(timer);
  return status === 0 ? null : `the program ended with status ${status} after SIGTERM\n${tail()}`;
}

// Runs the kit and returns what it said of each check.
function runKit(port, mockUrl) {
  const env = { ...process.env, BASE_URL: `http://127.0.0.1:${port}`, MOCK_URL: mockUrl, FEATURES, TIER, VERBOSE: '1' };
  const kit = spawn(process.execPath, [path.join(here, 'run.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  kit.stdout.on('data', (d) => (text += d));
  return new Promise((ok) => kit.on('close', (code) => ok({ code, lines: text.split('\n') })));
}

function readList() {
  const text = fs.readFileSync(path.join(here, 'known-failures.txt'), 'utf8');
  return new Set(text.split('\n').filter((l) => l && !l.startsWith('#')));
}

function judge(lines, known) {
  // Cases that only the exact tier must tell apart are left out where the semantic tiers are on, also known failures among them.
  const left = lines.filter((l) => TIER === 'all' && l.startsWith('skip - ')).map((l) => l.slice('skip - '.length));
  const wasLeftOut = (name) => left.some((l) => l.startsWith(`${name} (`));
  let passed = 0;
  const failed = [];
  const outcome = new Map();
  lines.forEach((line, i) => {
    const m = /^(ok|not ok) - (.*)$/.exec(line);
    if (m) outcome.set(m[2], { ok: m[1] === 'ok', detail: lines.slice(i + 1, i + 3).filter((l) => l.startsWith('    ')) });
  });
  for (const [name, { ok, detail }] of outcome) {
    if (ok && known.has(name)) failed.push(`${name}\n    passes now: take it out of known-failures.txt`);
    else if (ok || known.has(name)) passed++;
    else failed.push([name, ...detail].join('\n'));
  }
  if (!process.env.ONLY) {
    for (const name of known) if (!outcome.has(name) && !wasLeftOut(name)) failed.push(`${name}\n    is in known-failures.txt but was not run`);
  }
  return { passed, failed, run: outcome.size, expected: [...outcome].filter(([n, o]) => !o.ok && known.has(n)).length };
}

if (!['l1', 'all'].includes(TIER)) stop(`TIER=${TIER} is not allowed; allowed: l1, all`);
if (!program || !fs.existsSync(program)) stop(`the program ${program ?? ''} does not exist; build it with ./dev build release`);
if (![1, 2, 3, 4, 5, 6, 7, 8].includes(GATEWAYS)) stop(`GATEWAYS=${process.env.GATEWAYS} is not allowed; allowed: 1 to 8`);
const { server, url: mockUrl } = await startMock({ port: 0 });
const storage = fs.mkdtempSync(path.join(os.tmpdir(), 'reflex-conformance-'));
const started = await startGateways(mockUrl, storage).catch((e) => stop(e.message));
const { code, lines } = await runKit(started.port, mockUrl);
const ends = await Promise.all(started.gateways.map(end));
started.front?.server.close();
started.shared?.stop();
server.close();
server.closeAllConnections?.();
fs.rmSync(storage, { recursive: true });

console.log(lines.find((l) => l.startsWith('# gateway')) ?? '');
const result = judge(lines, readList());
if (code > 1 || result.run === 0) result.failed.push(`the kit itself ended with status ${code}`);
result.failed.push(...ends.filter((e) => e !== null));
if (!process.env.ONLY && started.front?.given.some((n) => n === 0)) result.failed.push(`a gateway was given no connection: ${started.front.given}`);
for (const f of result.failed) console.log(`not ok - ${f}`);
if (started.front) console.log(`# connections each gateway was given: ${started.front.given.join(' ')}`);
console.log(`# ${result.expected} known failures, ${lines.filter((l) => l.startsWith('skip')).length} skipped`);
console.log(`${result.passed} passed, ${result.failed.length} failed`);
process.exit(result.failed.length ? 1 : 0);
