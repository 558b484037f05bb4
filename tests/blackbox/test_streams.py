"""Live streams, and one upstream call for many equal requests."""
import json
import threading

from harness import CHAT, ReflexTest, chunk, completion, event, events_of, stream_events, text_of, until


class Gate:
    """A provider's answer that goes on when the test says so."""

    def __init__(self, up, stream=True, text="one two three four"):
        self.steps, self.call, self.usage = threading.Semaphore(0), None, False
        self.stream, self.text = stream, text
        up.answer = self.answer

    def answer(self, up, call):
        body = call.request.json()
        self.call = call
        if body.get("stream"):
            call.begin_stream()
            for one in stream_events(self.text, bool((body.get("stream_options") or {}).get("include_usage"))):
                self.steps.acquire()
                call.piece(one)
            call.end_stream()
        else:
            self.steps.acquire()
            call.reply(completion(self.text))

    def let(self, count=100):
        self.steps.release(count)


class Live(ReflexTest):
    def test_each_event_leaves_at_once(self):
        gate = Gate(self.up)
        wire = self.reflex.open_stream("live")
        for i in range(6):
            gate.let(1)
            if i == 0:
                first, headers = wire.head()
                self.assertIn(" 200 ", first)
                self.assertTrue(dict((n.lower(), v) for n, v in headers)["content-type"].startswith("text/event-stream"))
            self.assertTrue(wire.chunk().startswith(b"data: "))
        gate.let()
        wire.sock.close()

    def test_events_pass_unchanged_but_for_the_usage_only_reflex_asked_for(self):
        comment = b": keep-alive\n\n"
        vendor = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"x_vendor":[1.50]}]}\r\n\r\n'
        finish = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
        usage = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n\n'
        self.up.answer = lambda up, call: call.stream([comment, vendor, finish, usage, b"data: [DONE]\n\n"])
        self.assertEqual(self.reflex.chat("x", stream=True).body, comment + vendor + finish + b"data: [DONE]\n\n")
        self.assertEqual(self.up.calls[0].json()["stream_options"], {"include_usage": True})
        asked = self.reflex.chat("y", stream=True, stream_options={"include_usage": True})
        self.assertEqual(asked.body, comment + vendor + finish + usage + b"data: [DONE]\n\n")

    def test_the_usage_chunk_goes_with_all_it_carries(self):
        finish = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
        usage = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1},"timings":{"predicted_ms":1.5}}\n\n'
        self.up.answer = lambda up, call: call.stream([finish, usage, b"data: [DONE]\n\n"])
        self.assertEqual(self.reflex.chat("x", stream=True).body, finish + b"data: [DONE]\n\n")

    def test_a_relayed_stream_ends_with_no_half_event(self):
        begin = event(chunk({"content": "a"}))
        self.up.answer = lambda up, call: call.stream([begin, b'data: {"id":"c","obj'])
        reply = self.reflex.chat("x", headers=[("Cache-Control", "no-store")], stream=True)
        self.assertTrue(reply.complete)
        self.assertTrue(reply.body.startswith(begin))
        self.assertEqual(json.loads(events_of(reply.body)[1])["error"]["code"], "upstream_truncated")

    def test_a_provider_that_refuses_stream_options_is_asked_without(self):
        def answer(up, call):
            if "stream_options" in call.request.json():
                call.reply({"error": {"message": "Unknown parameter: stream_options", "type": "invalid_request_error", "param": "stream_options",
                                      "code": "unknown_parameter"}}, 400)
            else:
                call.stream(stream_events("fine", False))
        self.up.answer = answer
        self.assertEqual(text_of(self.reflex.chat("a", stream=True).body), "fine ")
        self.assertEqual(text_of(self.reflex.chat("b", stream=True).body), "fine ")
        self.assertEqual(["stream_options" in c.json() for c in self.up.calls], [True, False, False])
        own = self.reflex.chat("c", stream=True, stream_options={"include_usage": True})
        self.assertStatus(own, 400, "miss")

    def test_an_error_event_passes_and_nothing_is_kept(self):
        failure = event({"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": None}})
        self.up.answer = lambda up, call: call.stream(stream_events("a b")[:2] + [failure])
        reply = self.reflex.chat("x", stream=True)
        self.assertTrue(reply.complete)
        self.assertIn(failure, reply.body)
        self.assertNotIn(b"[DONE]", reply.body)
        self.assertNotIn(b'"finish_reason": "stop"', reply.body)
        self.up.answer = type(self.up).default
        self.assertStatus(self.reflex.chat("x"), 200, "miss")

    def test_a_cut_at_each_event(self):
        events = stream_events("a b c")
        for count in range(len(events) - 3):
            def answer(up, call, count=count):
                call.begin_stream()
                for one in events[:count]:
                    call.piece(one)
                call.cut()
            self.up.answer = answer
            reply = self.reflex.chat(f"cut{count}", stream=True)
            if reply.status == 200:
                last = json.loads(events_of(reply.body)[-1])
                self.assertEqual(last["error"]["code"], "upstream_truncated", reply.body)
                self.assertNotIn(b'"finish_reason": "stop"', reply.body)
            else:
                self.assertStatus(reply, 502, "error")
            self.up.answer = type(self.up).default
            self.assertStatus(self.reflex.chat(f"cut{count}"), 200, "miss")


class OneCallForMany(ReflexTest):
    def ask_all(self, count, text, **fields):
        replies, threads = [None] * count, []
        for i in range(count):
            kind = {} if i % 2 else {"stream": True}
            threads.append(threading.Thread(target=lambda i=i, kind=kind: replies.__setitem__(i, self.reflex.chat(text, **kind, **fields))))
            threads[-1].start()
        return replies, threads

    def joined(self, count):
        until(lambda: self.reflex.metric("reflex_joined_requests_total") >= count, f"{count} joined calls")

    def test_plain_and_streaming_callers_share_a_stream(self):
        gate = Gate(self.up)
        leader = self.reflex.open_stream("shared")
        gate.let(2)
        leader.head()
        replies, threads = self.ask_all(20, "shared")
        self.joined(20)
        gate.let()
        [t.join() for t in threads]
        self.assertEqual(len(self.up.calls), 1)
        for i, reply in enumerate(replies):
            self.assertStatus(reply, 200, "miss", "joined")
            self.assertIn("collapsed", reply.header("cache-status"))
            text = reply.json()["choices"][0]["message"]["content"] if i % 2 else text_of(reply.body)
            self.assertEqual(text, "one two three four ")
        self.assertEqual(len({r.header("x-request-id") for r in replies}), 20)

    def test_plain_and_streaming_callers_share_a_plain_call(self):
        gate = Gate(self.up)
        first = []
        leader = threading.Thread(target=lambda: first.append(self.reflex.chat("shared")))
        leader.start()
        until(lambda: gate.call, "the call")
        replies, threads = self.ask_all(20, "shared")
        self.joined(20)
        gate.let()
        [t.join() for t in threads + [leader]]
        self.assertEqual(len(self.up.calls), 1)
        for i, reply in enumerate(replies):
            text = reply.json()["choices"][0]["message"]["content"] if i % 2 else text_of(reply.body)
            self.assertEqual(text, "one two three four")

    def test_a_late_caller_gets_the_prefix_at_once(self):
        gate = Gate(self.up)
        leader = self.reflex.open_stream("late")
        gate.let(3)
        leader.head()
        seen = b""
        while seen.count(b"data: ") < 3:
            seen += leader.chunk()
        late = self.reflex.open_stream("late")
        late.head()
        seen = b""
        while seen.count(b"data: ") < 3:
            seen += late.chunk()
        gate.let()
        while piece := late.chunk():
            seen += piece
        self.assertEqual(text_of(seen), "one two three four ")

    def test_waiters_survive_the_leader(self):
        gate = Gate(self.up, stream=False)
        leader = self.reflex.connect()
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "lead"}]}).encode()
        leader.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k1\r\nContent-Length: %d\r\n\r\n%s" % (CHAT.encode(), len(body), body))
        until(lambda: gate.call, "the call")
        replies, threads = self.ask_all(2, "lead")
        self.joined(2)
        leader.close()
        gate.let()
        [t.join() for t in threads]
        self.assertEqual([r.status for r in replies], [200, 200])
        self.assertEqual(len(self.up.calls), 1)

    def test_the_call_ends_when_the_last_caller_left(self):
        gate = Gate(self.up)
        wires = [self.reflex.open_stream("gone") for _ in range(3)]
        gate.let(2)
        [w.head() for w in wires]
        [w.sock.close() for w in wires]
        until(lambda: gate.call.left(), "the provider's connection to close")
        gate.let()
        self.assertEqual(len(self.up.calls), 1)
        self.up.answer = type(self.up).default
        self.assertStatus(self.reflex.chat("gone"), 200, "miss")

    def test_an_error_goes_to_all_and_nobody_asks_again(self):
        step = threading.Event()

        def answer(up, call):
            step.wait(20)
            call.reply({"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}, 429,
                       [("retry-after", "7")])
        self.up.answer = answer
        replies, threads = self.ask_all(6, "err")
        self.joined(5)
        step.set()
        [t.join() for t in threads]
        for reply in replies:
            self.assertStatus(reply, 429, "miss")
            self.assertEqual(reply.header("retry-after"), "7")
            self.assertEqual(reply.json()["error"]["message"], "slow down")
        self.assertEqual(len(self.up.calls), 1)

    def test_a_refusal_of_another_body_is_not_handed_on(self):
        step = threading.Event()

        def answer(up, call):
            if call.request.json().get("stream"):
                step.wait(20)
                call.reply({"error": {"message": "your organization must be verified to stream", "param": "stream"}}, 400)
            else:
                call.reply(completion("plain"))
        self.up.answer = answer
        replies = {}

        def ask(name, **fields):
            thread = threading.Thread(target=lambda: replies.update({name: self.reflex.chat("verify", **fields)}))
            thread.start()
            return thread
        threads = [ask("starter", stream=True)]
        until(lambda: self.up.calls, "the call")
        threads.append(ask("plain"))
        self.joined(1)
        step.set()
        [t.join() for t in threads]
        self.assertStatus(replies["starter"], 400, "miss")
        self.assertStatus(replies["plain"], 200, "miss", "failed")

    def test_what_is_never_joined(self):
        gate = Gate(self.up)
        first = threading.Thread(target=lambda: self.reflex.chat("j"))
        first.start()
        until(lambda: gate.call, "the call")
        variants = [dict(headers=[("Cache-Control", "no-cache")]), dict(headers=[("Cache-Control", "max-age=0")]),
                    dict(headers=[("Cache-Control", "no-store")]), dict(store=True), dict(service_tier="flex"), dict(key="k2")]
        threads = [threading.Thread(target=lambda v=v: self.reflex.chat("j", **v)) for v in variants]
        [t.start() for t in threads]
        until(lambda: len(self.up.calls) == 1 + len(variants), "a call of its own for each")
        gate.let()
        [t.join() for t in threads + [first]]

    def test_a_purge_during_a_flight_keeps_its_answer_out(self):
        gate = Gate(self.up)
        replies = []
        first = threading.Thread(target=lambda: replies.append(self.reflex.chat("p")))
        first.start()
        until(lambda: gate.call, "the call")
        self.assertStatus(self.reflex.admin("POST", "/v1/reflex/purge", {"all": True}), 200)
        gate.let()
        first.join()
        self.assertStatus(replies[0], 200, "miss")
        self.assertStatus(self.reflex.chat("p"), 200, "miss")

    def test_a_slow_reader_slows_nobody(self):
        text = " ".join(["word" * 20] * 20000)
        gate = Gate(self.up, text=text)
        slow = self.reflex.open_stream("slow")
        gate.let(1)
        until(lambda: gate.call, "the call")
        fast = []
        thread = threading.Thread(target=lambda: fast.append(self.reflex.chat("slow", stream=True)))
        thread.start()
        self.joined(1)
        gate.let(30000)
        thread.join()
        self.assertEqual(text_of(fast[0].body).split(), text.split())
        reply = slow.message(True)
        self.assertEqual(text_of(reply.body).split(), text.split())

    def test_the_answer_is_there_before_its_last_byte(self):
        for i in range(30):
            reply = self.reflex.chat(f"r{i}", stream=bool(i % 2))
            self.assertStatus(reply, 200, "miss")
            self.assertStatus(self.reflex.chat(f"r{i}"), 200, "hit-l1-exact")


class Large(ReflexTest):
    SETTINGS = {"cache_reply_bytes_max": "64KiB"}

    def test_a_large_stream_is_relayed_whole_and_not_kept(self):
        text = " ".join(f"w{i}" for i in range(20000))
        self.up.answer = lambda up, call: call.stream(stream_events(text))
        reply = self.reflex.chat("big", stream=True)
        self.assertEqual(text_of(reply.body).split(), text.split())
        self.reflex.chat("big", stream=True)
        self.assertEqual(len(self.up.calls), 2)

    def test_a_large_plain_answer_is_relayed_whole_and_not_kept(self):
        value = completion("y" * 3_000_000)
        self.up.answer = lambda up, call: call.reply(value)
        for _ in range(2):
            self.assertEqual(self.reflex.chat("big").json()["choices"], value["choices"])
        self.assertEqual(len(self.up.calls), 2)


if __name__ == "__main__":
    import unittest
    unittest.main()
