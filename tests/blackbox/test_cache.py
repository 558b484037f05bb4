"""The exact tier: what is equal, what is kept, what the headers say."""
import json
import signal
import time

from harness import CHAT, ReflexTest, Wire, completion, events_of, text_of, until


class Hits(ReflexTest):
    def test_second_call_is_a_hit_with_fresh_identity(self):
        a, b, c = self.reflex.chat("q"), self.reflex.chat("q"), self.reflex.chat("q")
        self.assertStatus(a, 200, "miss", "no-entry")
        self.assertStatus(b, 200, "hit-l1-exact")
        self.assertEqual(len(self.up.calls), 1)
        self.assertEqual(a.json()["choices"], b.json()["choices"])
        self.assertEqual(a.json()["usage"], b.json()["usage"])
        self.assertEqual(len({r.json()["id"] for r in (a, b, c)}), 3)
        self.assertTrue(b.json()["id"].startswith("chatcmpl-"))
        self.assertGreater(b.json()["created"], a.json()["created"])
        self.assertEqual(len({r.header("x-request-id") for r in (a, b, c)}), 3)
        self.assertIsNone(b.header("x-ratelimit-remaining-requests"))
        self.assertEqual(a.header("x-ratelimit-remaining-requests"), "41")
        self.assertRegex(b.header("cache-status"), r"^reflex; hit; ttl=\d+")
        self.assertRegex(a.header("cache-status"), r"^reflex; fwd=miss; fwd-status=200")
        self.assertLessEqual(int(b.header("age")), 60)
        self.assertEqual(b.header("x-reflex-saved-tokens"), "in=7;out=3")
        self.assertEqual(b.header("x-reflex-upstream-request-id"), "req-up")
        self.assertEqual(b.header("content-type").split(";")[0], "application/json")

    def test_body_reaches_the_provider_byte_for_byte(self):
        body = b'{ "messages":[ {"content":"\\u0068i","role":"user"} ],\n "model" : "m", "temperature": 0.20, "x": {"b":1,"a":[1.0e2]} }'
        self.reflex.request("POST", CHAT, body)
        self.assertEqual(self.up.calls[0].body, body)

    def test_same_meaning_other_bytes(self):
        one = b'{"model":"m","messages":[{"role":"user","content":"hi \xc3\xa9"}],"temperature":0.2,"stop":"X"}'
        same = [
            b'{ "messages" : [ { "content":"hi \\u00e9", "role":"user" } ], "temperature":2e-1, "model":"m", "stop":["X"] }',
            b'{"model":"m","messages":[{"role":"user","content":"hi \xc3\xa9"}],"temperature":0.20,"stop":"X","n":1,"seed":null}',
            b'{"model":"m","messages":[{"role":"user","content":"hi \xc3\xa9"}],"temperature":0.2,"stop":"X","user":"u","metadata":{"a":"b"}}',
        ]
        other = [
            b'{"model":"m","messages":[{"role":"user","content":"hi  \xc3\xa9"}],"temperature":0.2,"stop":"X"}',
            b'{"model":"m","messages":[{"role":"user","content":"Hi \xc3\xa9"}],"temperature":0.2,"stop":"X"}',
            b'{"model":"m","messages":[{"role":"user","content":"hi e\xcc\x81"}],"temperature":0.2,"stop":"X"}',
            b'{"model":"m","messages":[{"role":"user","content":"hi \xc3\xa9"}],"temperature":0.20000000000000001,"stop":"X"}',
            b'{"model":"m","messages":[{"role":"user","content":"hi \xc3\xa9"}],"temperature":0.2,"stop":"X","brand_new":0}',
            b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi \xc3\xa9"}]}],"temperature":0.2,"stop":"X"}',
        ]
        self.assertStatus(self.reflex.request("POST", CHAT, one), 200, "miss")
        for body in same:
            self.assertStatus(self.reflex.request("POST", CHAT, body), 200, "hit-l1-exact")
        for body in other:
            self.assertStatus(self.reflex.request("POST", CHAT, body), 200, "miss")
        self.assertEqual(len(self.up.calls), 1 + len(other))

    def test_unreadable_bodies_are_forwarded_and_not_cached(self):
        for body, reason in ((b'{"model":"m","model":"m","messages":[]}', "duplicate-name"), (b"nonsense", "not-json"),
                             (b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}', "bad-text"), (b"[1]", "not-object"),
                             (b'{"model":"m","messages":' + b"[" * 3000 + b"]" * 3000 + b"}", "too-deep")):
            self.up.answer = lambda up, call: call.reply(completion("x"))
            before = len(self.up.calls)
            for _ in range(2):
                self.assertStatus(self.reflex.request("POST", CHAT, body), 200, "bypass", reason)
            self.assertEqual([c.body for c in self.up.calls[before:]], [body, body])

    def test_stream_and_plain_serve_each_other(self):
        stream = self.reflex.chat("one two three", stream=True)
        self.assertStatus(stream, 200, "miss")
        text = text_of(stream.body)
        self.assertNotIn(b"usage", stream.body)
        plain = self.reflex.chat("one two three")
        self.assertStatus(plain, 200, "hit-l1-exact")
        self.assertEqual(plain.json()["choices"][0]["message"]["content"], text)
        self.assertEqual(plain.json()["usage"]["total_tokens"], 10)
        again = self.reflex.chat("one two three", stream=True, stream_options={"include_usage": True})
        self.assertStatus(again, 200, "hit-l1-exact")
        self.assertEqual(text_of(again.body), text)
        self.assertEqual(events_of(again.body)[-1], b"[DONE]")
        self.assertEqual(json.loads(events_of(again.body)[-2])["usage"]["total_tokens"], 10)
        self.assertEqual(len(self.up.calls), 1)

    def test_survives_a_restart_and_a_kill(self):
        folder = self.reflex.folder
        self.reflex.chat("kept")
        self.reflex.own_folder = False
        until(lambda: self.reflex.metric("reflex_store_commits_total") >= 1, "a commit")
        self.reflex.signal(signal.SIGKILL)
        self.reflex.wait()
        again = self.start(folder=folder)
        self.assertStatus(again.chat("kept"), 200, "hit-l1-exact")
        again.stop()
        third = self.start(folder=folder)
        third.own_folder = True
        self.assertStatus(third.chat("kept", stream=True), 200, "hit-l1-exact")
        self.assertEqual(len(self.up.calls), 1)

    def test_without_the_v1_prefix(self):
        body = {"model": "m", "messages": [{"role": "user", "content": "p"}]}
        self.assertStatus(self.reflex.request("POST", "/chat/completions", body), 200, "miss")
        self.assertStatus(self.reflex.request("POST", "/chat/completions", body), 200, "hit-l1-exact")
        self.assertEqual(self.up.calls[0].target, "/v1/chat/completions")


class Repeats(ReflexTest):
    """The same bytes over one connection: answered without being read, under the same rules."""
    SETTINGS = {"io_threads": 1}

    def test_the_same_bytes_obey_erasing_purging_and_expiry(self):
        with self.reflex.connect() as sock:
            wire = Wire(sock)
            ask = lambda **more: self.reflex.chat("r", wire=wire, **more)
            self.assertStatus(ask(), 200, "miss")
            replies = [ask() for _ in range(5)]
            for reply in replies:
                self.assertStatus(reply, 200, "hit-l1-exact")
                self.assertEqual(reply.header("x-reflex-saved-tokens"), "in=7;out=3")
            self.assertEqual(len({r.json()["id"] for r in replies}), 5)
            self.assertEqual(len({r.header("x-request-id") for r in replies}), 5)
            self.assertStatus(ask(key="k2"), 200, "miss")
            self.assertStatus(ask(headers=[("Cache-Control", "no-cache")]), 200, "refresh")
            self.assertEqual(ask().json()["choices"][0]["message"]["content"], "answer 3 to r")
            self.reflex.admin("DELETE", f"/v1/reflex/entries/{replies[0].header('x-reflex-entry')}")
            self.assertStatus(ask(), 200, "miss")
            self.assertStatus(ask(), 200, "hit-l1-exact")
            self.assertStatus(ask(), 200, "hit-l1-exact")
            self.reflex.admin("POST", "/v1/reflex/purge", {"all": True})
            self.assertStatus(ask(), 200, "miss")
            short = dict(headers=[("X-Reflex-TTL", "5")], temperature=0)
            self.assertStatus(ask(**short), 200, "miss")
            self.assertStatus(ask(**short), 200, "hit-l1-exact")
            until(lambda: ask(**short).header("x-reflex-status") == "miss", "expiry")
        counted = self.reflex.metric("reflex_requests_total")
        until(lambda: self.reflex.log().count(" info request ") >= counted, "a log line for each request")


class RequestControl(ReflexTest):
    def test_directives(self):
        chat = self.reflex.chat
        self.assertStatus(chat("a", headers=[("Cache-Control", "no-store")]), 200, "bypass", "no-store")
        self.assertStatus(chat("a"), 200, "miss")
        self.assertStatus(chat("a", headers=[("Cache-Control", "No-Cache")]), 200, "refresh")
        self.assertStatus(chat("a", headers=[("Pragma", "no-cache")]), 200, "refresh")
        self.assertStatus(chat("a", headers=[("Cache-Control", 'foo="a, no-cache", max-age=100')]), 200, "hit-l1-exact")
        self.assertStatus(chat("a", headers=[("Cache-Control", "max-age=0")]), 200, "refresh")
        self.assertEqual(len(self.up.calls), 5)
        reply = chat("b", headers=[("Cache-Control", "only-if-cached")])
        self.assertStatus(reply, 504, "miss", "only-if-cached")
        self.assertEqual(reply.header("x-should-retry"), "false")
        self.assertStatus(chat("a", headers=[("Cache-Control", "only-if-cached")]), 200, "hit-l1-exact")
        self.assertStatus(chat("s", store=True), 200, "bypass", "store-true")
        self.assertStatus(chat("s"), 200, "miss")

    def test_a_web_page_gets_the_providers_own_replies(self):
        self.up.answer = lambda up, call: call.reply(completion("x"), headers=[("Access-Control-Allow-Origin", "*")])
        for _ in range(2):
            reply = self.reflex.chat("page", headers=[("Origin", "https://app.example")])
            self.assertStatus(reply, 200, "bypass", "origin")
            self.assertEqual(reply.header("access-control-allow-origin"), "*")

    def test_ttl_and_staleness(self):
        chat = self.reflex.chat
        self.assertStatus(chat("t", headers=[("X-Reflex-TTL", "1")]), 200, "miss")
        self.assertStatus(chat("t", headers=[("Cache-Control", "min-fresh=30")]), 200, "miss")  # stored anew, for the default time
        self.assertStatus(chat("u", headers=[("X-Reflex-TTL", "1")]), 200, "miss")
        until(lambda: chat("u", headers=[("Cache-Control", "only-if-cached")]).status == 504, "expiry")
        self.assertStatus(chat("u", headers=[("Cache-Control", "only-if-cached, max-stale=60")]), 200, "hit-l1-exact")
        self.assertStatus(chat("u"), 200, "miss", "expired")
        self.assertStatus(chat("v", headers=[("X-Reflex-TTL", "soon")]), 400, "error")

    def test_a_failed_refresh_keeps_the_old_answer(self):
        self.reflex.chat("r")
        self.up.answer = lambda up, call: call.reply({"error": {"message": "m", "type": "t", "param": None, "code": None}}, 500)
        self.assertStatus(self.reflex.chat("r", headers=[("Cache-Control", "no-cache")]), 500)
        self.assertStatus(self.reflex.chat("r"), 200, "hit-l1-exact")

    def test_namespaces_and_credentials_are_apart(self):
        seen = set()
        variants = [[], [("X-Reflex-Namespace", "a")], [("OpenAI-Organization", "o")], [("OpenAI-Project", "o")], [("Cookie", "c=1")],
                    [("api-key", "k")], [("x-api-key", "k")], [("OpenAI-Beta", "b")], [("anthropic-beta", "x")]]
        for headers in variants:
            for key in ("k1", "k2"):
                reply = self.reflex.chat("same", key=key, headers=headers)
                self.assertStatus(reply, 200, "miss")
                seen.add(reply.json()["choices"][0]["message"]["content"])
        self.assertEqual(len(seen), 2 * len(variants))
        self.assertStatus(self.reflex.request("POST", CHAT, {"model": "m", "messages": [{"role": "user", "content": "same"}]}), 200, "miss")
        self.assertEqual([c.header("x-reflex-namespace") for c in self.up.calls], [None] * len(self.up.calls))

    def test_a_key_in_the_query_is_a_credential(self):
        body = {"model": "m", "messages": [{"role": "user", "content": "kq"}]}
        self.assertStatus(self.reflex.request("POST", CHAT + "?key=a", body), 200, "miss")
        self.assertStatus(self.reflex.request("POST", CHAT + "?key=b", body), 200, "miss")
        self.assertStatus(self.reflex.request("POST", CHAT + "?key=a", body), 200, "hit-l1-exact")
        self.assertStatus(self.reflex.request("POST", CHAT + "?key=a&api-version=2", body), 200, "miss")


class NeverStored(ReflexTest):
    def not_kept(self, value, status=200, **fields):
        self.up.answer = lambda up, call: call.reply(value, status)
        before = len(self.up.calls)
        text = f"n{before}"
        self.reflex.chat(text, **fields)
        self.reflex.chat(text, **fields)
        self.assertEqual(len(self.up.calls) - before, 2, value)

    def kept(self, value, **fields):
        self.up.answer = lambda up, call: call.reply(value)
        before = len(self.up.calls)
        self.reflex.chat(f"k{before}", **fields)
        self.assertStatus(self.reflex.chat(f"k{before}", **fields), 200, "hit-l1-exact")

    def finish(self, reason, message=None):
        value = completion("x")
        value["choices"][0]["finish_reason"] = reason
        if message is not None:
            value["choices"][0]["message"] = message
        return value

    def tool(self, arguments):
        return self.finish("tool_calls", {"role": "assistant", "content": None, "refusal": None, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]})

    def test_what_is_not_a_good_answer(self):
        strict = [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}]
        loose = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        for status in (201, 202, 400, 429, 500):
            self.not_kept(completion("x"), status)
        self.not_kept({**completion("x"), "error": {"message": "m"}})
        self.not_kept({**completion("x"), "choices": []})
        self.not_kept(self.finish("content_filter"))
        self.not_kept(self.finish("length"))
        self.kept(self.finish("length"), max_tokens=5)
        self.kept(self.finish("length"), max_completion_tokens=5)
        self.not_kept(self.finish(None))
        self.not_kept(self.finish("stop", {"role": "assistant", "content": "", "refusal": None}))
        self.not_kept(self.finish("stop", {"role": "assistant", "content": None, "refusal": None}))
        self.kept(self.finish("stop", {"role": "assistant", "content": None, "refusal": "no"}))
        self.not_kept(self.tool('{"a":'), tools=strict)
        self.kept(self.tool('{"a":1}'), tools=strict)
        self.kept(self.tool('{"a":'), tools=loose)
        self.not_kept(completion("x"), web_search_options={})
        self.not_kept(b"not json")
        self.not_kept(b'{"id":"x"')


class Admin(ReflexTest):
    def test_erase_and_purge(self):
        self.reflex.chat("e")
        entry = self.reflex.chat("e").header("x-reflex-entry")
        target = f"/v1/reflex/entries/{entry}"
        self.assertStatus(self.reflex.request("DELETE", target), 401, "error", "admin-token")
        self.assertIn(self.reflex.admin("DELETE", target).status, (200, 204))
        self.assertStatus(self.reflex.chat("e"), 200, "miss")
        self.reflex.chat("f")
        self.assertStatus(self.reflex.admin("POST", "/v1/reflex/purge", {"all": True}), 200)
        for text in ("e", "f"):
            self.assertStatus(self.reflex.chat(text), 200, "miss")
        self.assertEqual([c.target for c in self.up.calls], [CHAT] * 5)

    def test_purge_by_model_and_namespace_with_dry_run(self):
        self.reflex.chat("m1", headers=[("X-Reflex-Namespace", "ns")])
        self.reflex.chat("m2")
        self.assertStatus(self.reflex.admin("POST", "/v1/reflex/purge", {"namespace": "ns", "dry_run": True}), 200)
        self.assertStatus(self.reflex.chat("m1", headers=[("X-Reflex-Namespace", "ns")]), 200, "hit-l1-exact")
        self.assertStatus(self.reflex.admin("POST", "/v1/reflex/purge", {"namespace": "ns"}), 200)
        self.assertStatus(self.reflex.chat("m1", headers=[("X-Reflex-Namespace", "ns")]), 200, "miss")
        self.assertStatus(self.reflex.chat("m2"), 200, "hit-l1-exact")

    def test_metrics_and_ready(self):
        self.reflex.chat("m")
        self.reflex.chat("m")
        self.assertEqual(self.reflex.request("GET", "/ready").status, 200)
        # A request is counted when its reply is out, which its client may see first.
        for status in ("hit-l1-exact", "miss"):
            row = f'reflex_requests_total{{status="{status}"}} 1\n'
            until(lambda row=row: row in self.reflex.request("GET", "/metrics").body.decode(), row)

    def test_the_log_has_one_line_a_request_and_no_content(self):
        self.reflex.chat("a secret question", key="sk-very-secret")
        self.reflex.request("GET", "/v1/models?key=sk-query-secret")
        until(lambda: self.reflex.log().count("request ") >= 2, "two request lines")
        log = self.reflex.log()
        for secret in ("a secret question", "answer 1", "sk-very-secret", "sk-query-secret", self.reflex.admin_token()):
            self.assertNotIn(secret, log)


if __name__ == "__main__":
    import unittest
    unittest.main()
