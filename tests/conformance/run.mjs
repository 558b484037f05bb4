#!/usr/bin/env node
// Conformance checks for an OpenAI-compatible caching gateway, driven through the official SDKs.
//
//   node mock-upstream.mjs --port 9099 &
//   BASE_URL=http://127.0.0.1:8080 MOCK_URL=http://127.0.0.1:9099 node run.mjs      # gateway in front of the mock
//   BASE_URL=http://127.0.0.1:9099 node run.mjs                                     # the mock alone (self test)
//
// The gateway must be configured with the mock as upstream for OpenAI (MOCK/v1), Anthropic (MOCK) and
// embeddings, exact caching on, semantic tier off unless TIER=all. Env: API_KEY, FEATURES, ONLY (regex),
// VERBOSE=1, SDK_DIR, TIER, SKIP_CASES=1, SETTLE_MS. Last line: "N passed, N failed"; exit 1 when anything failed.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { main, registerCases } from './harness.mjs';
import { transcriptChecks } from './transcripts.mjs';
import './checks/chat.mjs';
import './checks/stream.mjs';
import './checks/errors.mjs';
import './checks/dialects.mjs';
import './checks/cache.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
transcriptChecks(path.join(here, 'sse'));
if (!process.env.SKIP_CASES) registerCases(path.join(here, 'cases.jsonl'));
await main();
