// What the mock remembers, and small helpers.
import { createHash } from 'node:crypto';

export const sha = (s, n = 8) => createHash('sha256').update(s).digest('hex').slice(0, n);
export const sleep = (ms) => (ms > 0 ? new Promise((r) => setTimeout(r, ms)) : Promise.resolve());
export const canon = (v) =>
  Array.isArray(v)
    ? `[${v.map(canon).join(',')}]`
    : v && typeof v === 'object'
      ? `{${Object.keys(v)
          .sort()
          .map((k) => JSON.stringify(k) + ':' + canon(v[k]))
          .join(',')}}`
      : JSON.stringify(v);

export const state = { seq: 0, log: [], counts: new Map(), queue: [], latency: { first_byte_ms: 0, chunk_ms: 0 } };
export function reset() {
  state.seq = 0;
  state.log.length = 0;
  state.counts.clear();
  state.queue.length = 0;
  state.latency = { first_byte_ms: 0, chunk_ms: 0 };
}
