// How the mock sends: JSON, errors, event streams.
import { sleep, state } from './state.mjs';

export const HEAD = () => ({
  'x-request-id': `req_mock${String(state.seq).padStart(6, '0')}`,
  'openai-version': '2020-10-01',
  'openai-processing-ms': '7',
  'openai-organization': 'org-mock',
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': String(9999 - (state.seq % 9000)),
  'x-ratelimit-reset-requests': '6ms',
  'x-ratelimit-limit-tokens': '2000000',
  'x-ratelimit-remaining-tokens': '1999000',
  'x-ratelimit-reset-tokens': '1ms',
});
export function sendJson(res, status, obj, headers = {}) {
  const b = Buffer.from(JSON.stringify(obj));
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': b.length, ...HEAD(), ...headers });
  res.end(b);
}
export const oaiErr = (message, type, code = null, param = null) => ({ error: { message, type, param, code } });
export const ERR = {
  error400: [400, oaiErr("Unsupported value: 'x'.", 'invalid_request_error', 'unsupported_value', 'messages')],
  error401: [401, oaiErr('Incorrect API key provided: bad-key.', 'invalid_request_error', 'invalid_api_key')],
  error403: [
    403,
    oaiErr('Country, region, or territory not supported', 'request_forbidden', 'unsupported_country_region_territory'),
  ],
  error404: [
    404,
    oaiErr('The model `nope` does not exist or you do not have access to it.', 'invalid_request_error', 'model_not_found'),
  ],
  error409: [409, oaiErr('Conflict, try again.', 'conflict_error', 'conflict'), { 'x-should-retry': 'false' }],
  error422: [422, oaiErr('Unprocessable.', 'invalid_request_error', null)],
  error429: [
    429,
    oaiErr('Rate limit reached for requests', 'requests', 'rate_limit_exceeded'),
    { 'retry-after-ms': '20', 'retry-after': '1' },
  ],
  error500: [500, oaiErr('The server had an error while processing your request. Sorry about that!', 'server_error', null)],
  error503: [503, oaiErr('The engine is currently overloaded, please try again later', 'server_error', 'overloaded')],
};
export async function sse(req, res, call, parts, { crlf = false, bytes = false, destroyAt = -1 } = {}) {
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...HEAD() });
  await sleep(state.latency.first_byte_ms);
  for (let i = 0; i < parts.length; i++) {
    if (call.aborted || res.destroyed) return;
    if (i === destroyAt) {
      await sleep(20);
      res.destroy();
      return;
    }
    let s = parts[i];
    if (crlf) s = s.replace(/\n/g, '\r\n');
    if (bytes)
      for (const byte of Buffer.from(s)) {
        res.write(Buffer.from([byte]));
        await sleep(0);
      } // worst-case fragmentation
    else res.write(s);
    await sleep(state.latency.chunk_ms);
  }
  res.end();
}
export const D = (o) => `data: ${typeof o === 'string' ? o : JSON.stringify(o)}\n\n`;
export const E = (o) => `event: ${o.type}\ndata: ${JSON.stringify(o)}\n\n`;
