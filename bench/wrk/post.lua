-- wrk script: POST chat completions, cycling over K distinct, fixed bodies.
-- Environment (all optional):
--   BODIES=256        number of distinct prompts (distinct cache keys)
--   BODY_BYTES=600    size of each JSON body, exactly
--   HEADERS=sdk|min   sdk: the 13 headers of the OpenAI Python SDK; min: 3 headers
--   STREAM=0|1        1 adds "stream":true (replaces "stream":false)
--   TENANTS=1         number of distinct bearer tokens
--   UNIQUE=0|1        1: every request gets a never-repeated prompt (all misses)
--   ZIPF=0.9          every request picks one of BODIES prompts (up to millions) at random, the k-th as often as 1/k^0.9;
--                     0: one after the other
--   VARY=0|1          1: same meaning, different bytes (key order + spaces change per request)
--   JSON_OUT=file     write one JSON line with the result
local function env(n, d) local v = os.getenv(n); if v == nil or v == "" then return d end; return v end
local MODEL = env("MODEL", "gpt-4o-mini")
local K      = tonumber(env("BODIES", "256"))
local BYTES  = tonumber(env("BODY_BYTES", "600"))
local HDRS   = env("HEADERS", "sdk")
local STREAM = env("STREAM", "0") == "1"
local TEN    = tonumber(env("TENANTS", "1"))
local UNIQUE = env("UNIQUE", "0") == "1"
local ZIPF   = tonumber(os.getenv("ZIPF") or "")
local VARY   = env("VARY", "0") == "1"

local filler = "Explain how a write-ahead log keeps a key-value store consistent after a power cut, " ..
  "which failures it cannot mask, and what fsync really promises on ext4 and xfs. Give a short numbered list, " ..
  "then one paragraph of advice for an operator who runs it on a single NVMe disk. "

local function body(id, variant)
  local head = '{"model":"'..MODEL..'","messages":[{"role":"system","content":"You are a concise assistant. Cite sources when you can."},{"role":"user","content":"['
  local tail = ']}],"temperature":0.2,"top_p":1,"max_tokens":512,"seed":42,"stream":' .. (STREAM and "true " or "false") .. ',"user":"bench-0001"}'
  if variant == 1 then
    head = '{"user": "bench-0001", "messages": [{"content":"You are a concise assistant. Cite sources when you can.","role":"system"},{"role":"user","content":"['
    tail = ']}],"seed":42,"temperature":0.20,"top_p":1,"max_tokens":512,"stream":' .. (STREAM and "true " or "false") .. ',"model":"'..MODEL..'"}'
  end
  local idtxt = string.format("%012d] ", id)
  tail = '"' .. tail
  -- The text's length is set from the frame of variant 0, so that both variants carry the same text.
  local head0 = '{"model":"'..MODEL..'","messages":[{"role":"system","content":"You are a concise assistant. Cite sources when you can."},{"role":"user","content":"['
  local tail0 = '"}],"temperature":0.2,"top_p":1,"max_tokens":512,"seed":42,"stream":false,"user":"bench-0001"}'
  local room = BYTES - #head0 - #tail0 - #idtxt
  if room < 0 then room = 0 end
  local text = string.rep(filler, math.floor(room / #filler) + 1):sub(1, room)
  tail = tail:gsub('^"%]', '"')
  return head .. idtxt .. text .. tail
end

local sdk = {
  ["Accept"] = "application/json", ["Accept-Encoding"] = "gzip, deflate", ["Content-Type"] = "application/json",
  ["User-Agent"] = "OpenAI/Python 1.51.0", ["X-Stainless-Lang"] = "python", ["X-Stainless-Package-Version"] = "1.51.0",
  ["X-Stainless-OS"] = "Linux", ["X-Stainless-Arch"] = "x64", ["X-Stainless-Runtime"] = "CPython",
  ["X-Stainless-Runtime-Version"] = "3.11.2", ["X-Stainless-Retry-Count"] = "0", ["X-Stainless-Async"] = "false",
}
local min = { ["Content-Type"] = "application/json" }

local function headers(t)
  local h = {}
  for k, v in pairs(HDRS == "sdk" and sdk or min) do h[k] = v end
  local ex = os.getenv("EXTRA_HEADERS") or ""
  for k, v in ex:gmatch("([^=;]+)=([^;]+)") do h[k] = v end
  h["Authorization"] = string.format("Bearer sk-bench-%032d", t)
  return h
end

local reqs, n, i, pre, post, uid, step = {}, 0, 0, nil, nil, 0, 1
local tcount = 0
function setup(thread) thread:set("tid", tcount); tcount = tcount + 1 end

-- Which prompt each of the next million requests asks for; then the same again.
local picked = {}
function pick(exponent)
  local sums, sum = {}, 0
  for k = 1, K do sum = sum + 1 / k ^ exponent; sums[k] = sum end
  math.randomseed(tonumber(env("SEED", "1")))
  for n = 1, exponent > 0 and 2 ^ 20 or K do
    local at, low, high = math.random() * sum, 1, K
    while low < high do
      local middle = math.floor((low + high) / 2)
      if sums[middle] < at then low = middle + 1 else high = middle end
    end
    picked[n] = exponent > 0 and low - 1 or n - 1
  end
end

function init(args)
  local path = wrk.path
  if UNIQUE or ZIPF then
    -- same bytes as body(), but the id is spliced in per request
    local b = body(0, 0); local r = wrk.format("POST", path, headers(0), b)
    local p = r:find("[000000000000]", 1, true)
    pre, post = r:sub(1, p), r:sub(p + 13)
    uid = (tid or 0) * 5000000 + (os.time() % 100000) * 10000000
    if ZIPF then pick(ZIPF) end
    return
  end
  for v = 0, (VARY and 1 or 0) do
    for k = 0, K - 1 do reqs[#reqs + 1] = wrk.format("POST", path, headers(k % TEN), body(k, v)) end
  end
  n = #reqs; i = (tid or 0) * 37
end

function request()
  if ZIPF then i = i % #picked + 1; return pre .. string.format("%012d", picked[i]) .. post end
  if UNIQUE then uid = uid + 1; return pre .. string.format("%012d", uid) .. post end
  i = i + 1
  return reqs[i % n + 1]
end

function done(s, lat, r)
  local f = string.format('{"requests":%d,"secs":%.6f,"rps":%.1f,"non2xx":%d,"sock_err":%d,"mean_us":%.1f,"p50_us":%d,"p90_us":%d,"p99_us":%d,"p999_us":%d,"max_us":%d}',
    s.requests, s.duration / 1e6, s.requests / (s.duration / 1e6), s.errors.status,
    s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout,
    lat.mean, lat:percentile(50), lat:percentile(90), lat:percentile(99), lat:percentile(99.9), lat.max)
  local out = os.getenv("JSON_OUT")
  if out and out ~= "" then local h = io.open(out, "w"); h:write(f, "\n"); h:close() else print(f) end
end
