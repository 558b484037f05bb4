// A real redis-server for gateways that share it.
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';

const pong = (port) =>
  new Promise((ok) => {
    const s = net.connect(port, '127.0.0.1', () => s.write('PING\r\n'));
    s.on('data', (d) => {
      s.destroy();
      ok(String(d).startsWith('+PONG'));
    });
    s.on('error', () => ok(false));
  });

// Starts one on this port; returns its URL and stop(), or throws a sentence.
export async function startRedis(port) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'reflex-redis-'));
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn('redis-server', words, { stdio: 'ignore' });
  let failed = null;
  child.on('error', (e) => (failed = e));
  const stop = () => {
    child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  };
  for (let i = 0; i < 200 && !failed && child.exitCode === null; i++) {
    if (await pong(port)) return { url: `redis://127.0.0.1:${port}`, stop };
    await new Promise((r) => setTimeout(r, 25));
  }
  stop();
  throw new Error(`redis-server did not start: ${failed?.message ?? `status ${child.exitCode}`}`);
}
