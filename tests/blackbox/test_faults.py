"""A provider that fails in every way, and a client that leaves."""
import gzip
import json
import zlib

from harness import CHAT, ReflexTest, completion, stream_events, text_of, until


class Provider(ReflexTest):
    SETTINGS = {"io_threads": 1}

    def test_unreachable(self):
        self.up.close()
        reply = self.reflex.chat("x")
        self.assertStatus(reply, 502, "error", "upstream-unreachable")
        self.assertEqual(set(reply.json()["error"]), {"message", "type", "param", "code"})
        self.assertNotIn(str(self.up.port), reply.body.decode())

    def test_status_body_and_headers_reach_the_client(self):
        for status in (400, 401, 403, 404, 409, 422, 429, 500, 503, 529):
            body = b'{"error": {"message":"m%d","type":"t","param":null,"code":"c"}}' % status
            self.up.answer = lambda up, call: call.reply(body, status, [("retry-after-ms", "12"), ("x-should-retry", "true"), ("x-a", "1"), ("x-a", "2")])
            reply = self.reflex.chat(f"s{status}")
            self.assertStatus(reply, status, "miss")
            self.assertEqual(reply.body, body)
            self.assertEqual((reply.header("retry-after-ms"), reply.header("x-should-retry")), ("12", "true"))
            self.assertEqual([v for n, v in reply.headers if n.lower() == "x-a"], ["1", "2"])

    def test_reset_at_each_byte_of_a_plain_reply(self):
        body = json.dumps(completion("x")).encode()
        whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        self.reflex.chat("warm")
        before = self.reflex.descriptors()
        for size in range(0, len(whole), 7):
            def answer(up, call, size=size):
                call.send(whole[:size])
                call.cut()
            self.up.answer = answer
            reply = self.reflex.chat(f"r{size}")
            self.assertTrue(reply is None or not reply.complete or reply.status == 502, (size, reply and reply.status))
        self.up.answer = type(self.up).default
        for size in range(0, len(whole), 49):
            self.assertStatus(self.reflex.chat(f"r{size}"), 200, "miss")
        until(lambda: self.reflex.descriptors() <= before + 4, "descriptors to be closed")

    def test_garbage(self):
        for garbage in (b"\x00\x01\x02\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n"):
            def answer(up, call, garbage=garbage):
                call.send(garbage)
                call.closed = True
            self.up.answer = answer
            reply = self.reflex.chat("g" + garbage.hex()[:20])
            self.assertTrue(reply is None or not reply.complete or reply.status == 502, garbage)

    def test_one_retry_only_after_a_pooled_connection_closed_in_silence(self):
        self.reflex.chat("first")
        hits = []

        def close_once(up, call):
            hits.append(call)
            if len(hits) == 1:
                call.cut()
            else:
                up.default(call)
        self.up.answer = close_once
        self.assertStatus(self.reflex.chat("second"), 200, "miss")
        self.assertEqual(len(hits), 2)

        def always_close(up, call):
            hits.append(call)
            call.cut()
        self.up.answer, hits[:] = always_close, []
        self.assertStatus(self.reflex.chat("third"), 502, "error")
        self.assertLessEqual(len(hits), 2)

    def test_encoded_replies_reach_the_client_as_identity(self):
        value = completion("z" * 5000)
        data = json.dumps(value).encode()
        raw = zlib.compressobj(9, zlib.DEFLATED, -15)
        for name, encoded in (("gzip", gzip.compress(data)), ("deflate", zlib.compress(data)), ("deflate", raw.compress(data) + raw.flush())):
            self.up.answer = lambda up, call: call.reply(encoded, 200, [("Content-Encoding", name)])
            reply = self.reflex.chat(f"enc{len(encoded)}{name}", headers=[("Accept-Encoding", "br, gzip, zstd")])
            self.assertEqual(reply.json()["choices"], value["choices"])
            self.assertIsNone(reply.header("content-encoding"))
            accepted = (self.up.calls[-1].header("accept-encoding") or "").lower()
            self.assertNotIn("br", accepted)
            self.assertNotIn("zstd", accepted)
            self.assertStatus(self.reflex.chat(f"enc{len(encoded)}{name}"), 200, "hit-l1-exact")

    def test_a_broken_encoding_is_no_answer(self):
        data = gzip.compress(json.dumps(completion("z" * 5000)).encode())
        self.up.answer = lambda up, call: call.reply(data[:-20], 200, [("Content-Encoding", "gzip")])
        reply = self.reflex.chat("enc")
        self.assertTrue(reply is None or not reply.complete or reply.status == 502)
        self.up.answer = type(self.up).default
        self.assertStatus(self.reflex.chat("enc"), 200, "miss")

    def test_encoded_streams(self):
        data = gzip.compress(b"".join(stream_events("a b c")))

        def answer(up, call):
            call.begin_stream([("Content-Encoding", "gzip")])
            for i in range(0, len(data), 11):
                call.piece(data[i:i + 11])
            call.end_stream()
        self.up.answer = answer
        reply = self.reflex.chat("gz", stream=True)
        self.assertEqual(text_of(reply.body), "a b c ")
        self.assertIsNone(reply.header("content-encoding"))


class Stalls(ReflexTest):
    SETTINGS = {"upstream_first_byte_timeout": "300ms", "upstream_between_bytes_timeout": "300ms", "server_write_timeout": "1s",
                "server_head_timeout": "400ms", "server_keep_alive_timeout": "400ms"}

    def test_no_first_byte_is_504(self):
        self.up.answer = lambda up, call: until(call.left, "the gateway to give up")
        self.assertStatus(self.reflex.chat("x"), 504, "error", "upstream-timeout")

    def test_a_stream_that_stalls_ends_with_an_error_event(self):
        def answer(up, call):
            call.begin_stream()
            call.piece(stream_events("a")[0])
            until(call.left, "the gateway to give up")
            call.closed = True
        self.up.answer = answer
        reply = self.reflex.chat("x", stream=True)
        self.assertIn(b'"error"', reply.body)
        self.assertNotIn(b"[DONE]", reply.body)

    def test_slow_and_idle_clients_are_closed(self):
        with self.reflex.connect() as sock:
            sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: lo")
            data = b""
            while piece := sock.recv(4096):
                data += piece
            self.assertIn(b" 408 ", data)
        with self.reflex.connect() as sock:
            self.assertEqual(sock.recv(1), b"")

    def test_a_client_that_does_not_read_is_dropped(self):
        events = stream_events("word " * 100_000)  # More than the system's buffers hold.
        self.up.answer = lambda up, call: call.stream(events)
        # The provider is not what is slow here.
        reflex = self.start(**{**self.SETTINGS, "upstream_first_byte_timeout": "20s", "upstream_between_bytes_timeout": "20s"})
        wire = reflex.open_stream("noread")
        self.addCleanup(wire.sock.close)
        self.assertIn(" 200 ", wire.head()[0])
        until(lambda: reflex.metric("reflex_http_connections") <= 1, "the connection to be dropped")


class ClientLeaves(ReflexTest):
    def test_the_upstream_call_is_cancelled(self):
        calls = []

        def answer(up, call):
            calls.append(call)
            until(call.left, "the gateway to leave")
            call.closed = True
        self.up.answer = answer
        before = self.reflex.descriptors()
        for target in (CHAT, "/v1/other"):
            sock = self.reflex.connect()
            count = len(calls)
            body = json.dumps({"model": "m", "messages": [{"role": "user", "content": target}]}).encode()
            sock.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (target.encode(), len(body), body))
            until(lambda: len(calls) > count, "the call")
            sock.close()
            until(lambda: self.reflex.descriptors() <= before, "both connections to close")


class PassThrough(ReflexTest):
    def test_everything_else_passes_untouched(self):
        blob = bytes(range(256)) * 5000
        for method, target in (("POST", "/v1/files?purpose=x&a=%20b"), ("GET", "/v1/models"), ("DELETE", "/v1/files/f-1"), ("PATCH", "/v1/x//y/../z"),
                               ("PUT", "/v1/unknown"), ("POST", "/v1/audio/speech")):
            self.up.answer = lambda up, call: call.reply(blob, 203, [("Content-Type", "application/octet-stream"), ("Content-Encoding", "x-odd")])
            reply = self.reflex.request(method, target, blob if method in ("POST", "PUT", "PATCH") else None,
                                        [("Content-Type", "multipart/form-data; boundary=z"), ("X-Custom", "1"), ("X-Reflex-TTL", "5"), ("Accept-Encoding", "br"),
                                         ("Connection", "X-Hop"), ("X-Hop", "gone")])
            self.assertStatus(reply, 203, "bypass", "path")
            self.assertEqual((reply.body, reply.header("content-encoding")), (blob, "x-odd"))
            call = self.up.calls[-1]
            self.assertEqual((call.method, call.target), (method, target))
            self.assertEqual(call.header("x-custom"), "1")
            self.assertEqual(call.header("accept-encoding"), "br")
            self.assertIsNone(call.header("x-reflex-ttl"))
            self.assertIsNone(call.header("x-hop"))
            if method == "POST":
                self.assertEqual(call.body, blob)

    def test_large_uploads_stream_through(self):
        size = 40_000_000
        reply = self.reflex.request("POST", "/v1/files", b"u" * size)
        self.assertStatus(reply, 200, "bypass")
        self.assertEqual(len(self.up.calls[0].body), size)

    def test_providers_are_kept_apart(self):
        other = type(self.up)()
        self.addCleanup(other.close)
        reflex = self.start(anthropic_upstream=f"http://127.0.0.1:{other.port}", gemini_upstream="")
        reflex.request("POST", "/v1/messages", {"model": "c"}, [("x-api-key", "a")])
        reflex.request("POST", "/v1/other", {"model": "c"}, [("anthropic-version", "2023-06-01")])
        self.assertEqual([c.target for c in other.calls], ["/v1/messages", "/v1/other"])
        for target, headers in (("/v1beta/models/g:generateContent", []), ("/v1/models", [("x-goog-api-key", "g")])):
            reply = reflex.request("POST", target, {"a": 1}, headers)
            self.assertStatus(reply, 404, "error", "no-upstream")
        self.assertEqual(self.up.calls, [])


if __name__ == "__main__":
    import unittest
    unittest.main()
