"""The HTTP server as a client sees it: framing, refusals, keep-alive, tunnels."""
import json
import os
import socket
import threading

from harness import CHAT, Reflex, ReflexTest, Wire, completion, until

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()


def head(*lines, method="POST", target=CHAT, host="Host: localhost"):
    return "\r\n".join([f"{method} {target} HTTP/1.1", *([host] if host else []), *lines, "", ""]).encode("latin-1")


class Refusals(ReflexTest):
    def refuse(self, data, status):
        smuggled = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
        replies, closed = self.reflex.raw(data + smuggled)
        self.assertEqual([r.status for r in replies], [status], data)
        self.assertTrue(closed)
        self.assertEqual(set(replies[0].json()["error"]), {"message", "type", "param", "code"})
        self.assertEqual(replies[0].header("x-reflex-status"), "error")
        self.assertEqual([c for c in self.up.calls if "smuggled" in c.target], [])

    def test_content_length_with_transfer_encoding(self):
        self.refuse(head("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400)

    def test_differing_lengths(self):
        self.refuse(head("Content-Length: 5", "Content-Length: 6") + b"hello", 400)
        self.refuse(head("Content-Length: 5, 6") + b"hello", 400)

    def test_bad_lengths(self):
        for value in ("-1", "+5", "5 5", "0x5", "", "99999999999999999999999", "5;"):
            self.refuse(head(f"Content-Length: {value}") + b"hello", 400)

    def test_transfer_encoding_that_is_not_exactly_chunked(self):
        for value in ("gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked;q=1", "\x0bchunked"):
            self.assertIn(self.reflex.raw(head(f"Transfer-Encoding: {value}") + b"0\r\n\r\n")[0][0].status, (400, 501), value)
        self.refuse(head("Transfer-Encoding: gzip") + b"0\r\n\r\n", 501)
        self.refuse(head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 501)

    def test_transfer_encoding_in_http_1_0(self):
        self.refuse(b"POST /v1/x HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)

    def test_obs_fold(self):
        self.refuse(head("X-A: 1\r\n  2", "Content-Length: 0"), 400)

    def test_host_missing_or_repeated(self):
        self.refuse(head("Content-Length: 0", host=None), 400)
        self.refuse(head("Host: other", "Content-Length: 0"), 400)

    def test_space_before_colon(self):
        self.refuse(head("X-A : 1", "Content-Length: 0"), 400)
        self.refuse(head("Content-Length : 0"), 400)

    def test_bad_chunk_sizes(self):
        for size in (b"-1", b"+5", b"0x5", b"", b"5 5", b"g", b"fffffffffffffffff"):
            self.refuse(head("Transfer-Encoding: chunked") + size + b"\r\nhello\r\n0\r\n\r\n", 400)
        self.refuse(head("Transfer-Encoding: chunked") + b"5\r\nhelloX\r\n0\r\n\r\n", 400)

    def test_control_characters(self):
        for line in ("X-A: a\0b", "X-A: a\rb", "X\x01A: b", ": b", "X A: b"):
            self.refuse(head(line, "Content-Length: 0"), 400)
        self.refuse(b"GET /v1/models HTTP/1.1\nHost: localhost\n\n", 400)

    def test_head_too_large(self):
        replies, closed = self.reflex.raw(head("X-A: " + "a" * 70000))
        self.assertEqual([r.status for r in replies], [431])
        self.assertTrue(closed)

    def test_versions(self):
        for line in (b"GET / HTTP/2.0", b"GET / HTTP/1.2", b"PRI * HTTP/2.0", b"GET /", b"GET / HTTP/1.1 x", b"GET  / HTTP/1.1"):
            replies, closed = self.reflex.raw(line + b"\r\nHost: localhost\r\n\r\n")
            self.assertTrue(closed, line)
            self.assertTrue(not replies or replies[0].status in (400, 505) or line == b"GET / HTTP/1.2", line)


class Framing(ReflexTest):
    def test_keep_alive_and_pipelining(self):
        one = head(f"Content-Length: {len(BODY)}", "Authorization: Bearer p") + BODY
        last = head(f"Content-Length: {len(BODY)}", "Authorization: Bearer p", "Connection: close") + BODY
        replies, closed = self.reflex.raw(one + one + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + last)
        self.assertTrue(closed)
        self.assertEqual([r.status for r in replies], [200] * 4)
        self.assertEqual([r.header("x-reflex-status") for r in replies], ["miss", "hit-l1-exact", "healthy", "hit-l1-exact"])

    def test_one_byte_at_a_time(self):
        with self.reflex.connect() as sock:
            for byte in head("Transfer-Encoding: chunked") + b"%x\r\n%s\r\n0\r\nX-T: 1\r\n\r\n" % (len(BODY), BODY):
                sock.sendall(bytes([byte]))
            self.assertStatus(Wire(sock).message(True), 200, "miss")
        self.assertEqual(self.up.calls[0].body, BODY)

    def test_expect_continue(self):
        with self.reflex.connect() as sock:
            sock.sendall(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
            wire = Wire(sock)
            self.assertEqual(wire.head()[0], "HTTP/1.1 100 Continue")
            sock.sendall(BODY)
            self.assertStatus(wire.message(True), 200, "miss")

    def test_body_too_large_is_413(self):
        replies, closed = self.reflex.raw(head("Content-Length: 99999999999", "Expect: 100-continue"))
        self.assertEqual([r.status for r in replies], [413])
        self.assertTrue(closed)

    def test_head_request(self):
        with self.reflex.connect() as sock:
            wire = Wire(sock)
            for _ in range(2):
                reply = self.reflex.request("HEAD", "/healthz", wire=wire)
                self.assertStatus(reply, 200)
                self.assertGreater(int(reply.header("content-length")), 0)

    def test_http_1_0(self):
        replies, closed = self.reflex.raw(b"POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (CHAT.encode(), len(BODY), BODY))
        self.assertTrue(closed)
        self.assertStatus(replies[0], 200, "miss")
        self.assertIsNone(replies[0].header("transfer-encoding"))
        self.assertTrue(replies[0].json()["choices"])

    def test_absolute_form(self):
        replies, _ = self.reflex.raw(b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertStatus(replies[0], 200)

    def test_upgrade_is_tunnelled(self):
        def answer(up, call):
            self.assertEqual(call.request.header("upgrade"), "websocket")
            self.assertIn("upgrade", call.request.header("connection").lower())
            call.head(101, [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "abc")], "Switching Protocols")
            call.send(b"from the provider")
            call.send(call.wire.take(5)[::-1])
            call.closed = True
        self.up.answer = answer
        with self.reflex.connect() as sock:
            sock.sendall(head("Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Key: x", method="GET",
                              target="/v1/realtime?model=x"))
            wire = Wire(sock)
            first, headers = wire.head()
            self.assertIn(" 101 ", first)
            self.assertEqual({n.lower(): v for n, v in headers}["sec-websocket-accept"], "abc")
            self.assertEqual(wire.take(17), b"from the provider")
            sock.sendall(b"hello")
            self.assertEqual(wire.take(5), b"olleh")
            self.assertFalse(wire.more())

    def test_bytes_after_an_upgrade_head_reach_the_provider(self):
        def answer(up, call):
            call.head(101, [("Upgrade", "x"), ("Connection", "Upgrade")], "Switching Protocols")
            call.send(call.wire.take(5))
            call.closed = True
        self.up.answer = answer
        with self.reflex.connect() as sock:
            sock.sendall(head("Upgrade: x", "Connection: Upgrade", method="GET", target="/v1/realtime") + b"early")
            wire = Wire(sock)
            wire.head()
            self.assertEqual(wire.take(5), b"early")

    def test_an_upgrade_the_provider_declines_is_a_plain_reply(self):
        self.up.answer = lambda up, call: call.reply({"no": 1}, 426)
        reply = self.reflex.request("GET", "/v1/realtime", headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")])
        self.assertStatus(reply, 426, "bypass")


class Listening(ReflexTest):
    def test_unix_socket(self):
        path = os.path.join(self.reflex.folder, "s.sock")
        other = self.start(server_listen=f"unix:{path},127.0.0.1:0")
        until(lambda: os.path.exists(path), "the socket file")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertStatus(Wire(sock).message(True), 200)
        other.stop()
        self.assertFalse(os.path.exists(path))

    def test_many_connections_at_once(self):
        failures = []

        def one(i):
            try:
                with self.reflex.connect() as sock:
                    wire = Wire(sock)
                    for j in range(20):
                        reply = self.reflex.chat(f"q{(i + j) % 7}", wire=wire)
                        if reply.status != 200 or f"q{(i + j) % 7}" not in reply.json()["choices"][0]["message"]["content"]:
                            failures.append(reply.body)
            except Exception as error:  # noqa: BLE001 - collected and reported
                failures.append(error)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(32)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.assertEqual(failures, [])


class Bodies(ReflexTest):
    SETTINGS = {"server_body_bytes_max": "1MiB", "server_bodies_bytes_max": "1MiB"}

    def test_beyond_the_budget_of_bodies_is_503(self):
        gate = threading.Event()

        def answer(up, call):
            gate.wait(20)
            call.reply(completion("x"))
        self.up.answer = answer
        replies = []
        first = threading.Thread(target=lambda: replies.append(self.reflex.chat("a" * 700_000)))
        first.start()
        until(lambda: self.up.calls, "the first call")
        second = self.reflex.chat("b" * 700_000)
        gate.set()
        first.join()
        self.assertStatus(second, 503, "error", "busy")
        self.assertIsNotNone(second.header("retry-after"))
        self.assertStatus(replies[0], 200)
        until(lambda: self.reflex.metric("reflex_http_bodies_bytes") == 0, "the first body to be let go of")
        self.assertStatus(self.reflex.chat("c" * 700_000), 200)


if __name__ == "__main__":
    import unittest
    unittest.main()
