"""What the black-box tests stand on: the built program as a process, a scripted provider, and a raw HTTP client.

Only sockets and files: nothing here knows how Reflex is built. REFLEX_BIN names the program (default build/release/reflex).
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("REFLEX_BIN", str(ROOT / "build/release/reflex"))
CHAT = "/v1/chat/completions"
WAIT_S = float(os.environ.get("REFLEX_TEST_WAIT_S", "20"))


def until(condition, what, limit_s=WAIT_S):
    """Waits for a condition to become true; fails with `what` when it does not."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit_s} s for: {what}")
        time.sleep(0.01)


# ---------------------------------------------------------------- HTTP, by hand

class Message:
    """A request or a reply as it came over the wire."""

    def __init__(self, first_line, headers, body, complete):
        self.first_line, self.headers, self.body, self.complete = first_line, headers, body, complete

    @property
    def status(self):
        return int(self.first_line.split()[1])

    @property
    def method(self):
        return self.first_line.split()[0]

    @property
    def target(self):
        return self.first_line.split()[1]

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def json(self):
        return json.loads(self.body)


class Wire:
    """A socket and what was read ahead on it."""

    def __init__(self, sock):
        self.sock, self.ahead = sock, b""

    def more(self):
        piece = self.sock.recv(65536)
        self.ahead += piece
        return bool(piece)

    def line(self):
        while b"\r\n" not in self.ahead:
            if not self.more():
                return None
        line, self.ahead = self.ahead.split(b"\r\n", 1)
        return line.decode("latin-1")

    def take(self, size):
        while len(self.ahead) < size:
            if not self.more():
                return None
        taken, self.ahead = self.ahead[:size], self.ahead[size:]
        return taken

    def head(self):
        first = self.line()
        if first is None:
            return None
        headers = []
        while True:
            line = self.line()
            if line is None:
                return None
            if not line:
                return first, headers
            name, value = line.split(":", 1)
            headers.append((name, value.strip()))

    def chunk(self):
        """The next chunk's bytes, b"" at the proper end, None when cut off."""
        size = self.line()
        if size is None:
            return None
        size = int(size.split(";")[0], 16)
        if size == 0:
            while True:
                line = self.line()
                if line is None:
                    return None
                if not line:
                    return b""
        piece = self.take(size)
        return piece if piece is not None and self.take(2) == b"\r\n" else None

    def message(self, is_reply, to_head=False):
        head = self.head()
        if head is None:
            return None
        first, headers = head
        lower = {n.lower(): v for n, v in headers}
        if is_reply and first.split()[1].startswith("1") and first.split()[1] != "101":
            return self.message(is_reply, to_head)
        if to_head or (is_reply and first.split()[1] in ("101", "204", "304")):
            return Message(first, headers, b"", True)
        if lower.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                piece = self.chunk()
                if not piece:
                    return Message(first, headers, body, piece is not None)
                body += piece
        if "content-length" in lower:
            size = int(lower["content-length"])
            body = self.take(size)
            return Message(first, headers, body if body is not None else self.ahead, body is not None)
        if is_reply:
            while self.more():
                pass
            body, self.ahead = self.ahead, b""
            return Message(first, headers, body, True)
        return Message(first, headers, b"", True)


# ---------------------------------------------------------------- the provider

def completion(text, **more):
    return {"id": "chatcmpl-up", "object": "chat.completion", "created": 1700000000, "model": "m-1", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}, **more}


def chunk(delta, finish=None, **more):
    return {"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1700000000, "model": "m-1",
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], **more}


def event(value):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def stream_events(text, usage=True):
    """The events of a streamed answer, word by word, as a provider that was asked for usage sends them."""
    null = {"usage": None} if usage else {}
    events = [event(chunk({"role": "assistant", "content": "", "refusal": None}, **null))]
    events += [event(chunk({"content": word + " "}, **null)) for word in text.split()]
    events.append(event(chunk({}, "stop", **null)))
    if usage:
        events.append(event({**chunk({}), "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}))
    return events + [event(b"[DONE]")]


class Upstream:
    """A provider whose `answer(request, call)` a test replaces. Each call is kept in `calls`."""

    def __init__(self):
        self.calls, self.answer, self.lock = [], Upstream.default, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        wire = Wire(sock)
        try:
            while True:
                request = wire.message(False)
                if request is None:
                    return
                with self.lock:
                    self.calls.append(request)
                call = Call(sock, wire, request)
                self.answer(self, call)
                if call.closed:
                    return
        except OSError:
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def default(self, call):
        if call.request.target.split("?")[0].endswith("/chat/completions"):
            body = call.request.json()
            text = f"answer {len(self.calls)} to {body['messages'][-1]['content']}"
            if body.get("stream"):
                call.stream(stream_events(text, bool((body.get("stream_options") or {}).get("include_usage"))))
            else:
                call.reply(completion(text))
        else:
            call.reply({"path": call.request.target})

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # Else the kernel keeps it for the thread that waits in accept.
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            for sock in self.open:
                sock.close()


class Call:
    """One request at the provider and the means to answer it."""

    def __init__(self, sock, wire, request):
        self.sock, self.wire, self.request, self.closed = sock, wire, request, False

    def send(self, data):
        self.sock.sendall(data)

    def head(self, status=200, headers=(), reason="OK"):
        lines = [f"HTTP/1.1 {status} {reason}"] + [f"{n}: {v}" for n, v in headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def reply(self, value, status=200, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        base = [("Content-Type", "application/json"), ("Content-Length", len(body)), ("x-request-id", "req-up"),
                ("x-ratelimit-remaining-requests", "41")]
        names = {n.lower() for n, _ in headers}
        lines = [f"HTTP/1.1 {status} X"] + [f"{n}: {v}" for n, v in [h for h in base if h[0].lower() not in names] + list(headers)]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def begin_stream(self, headers=()):
        self.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"), *headers])

    def piece(self, data):
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end_stream(self):
        self.send(b"0\r\n\r\n")

    def stream(self, events):
        self.begin_stream()
        for one in events:
            self.piece(one)
        self.end_stream()

    def cut(self):
        self.closed = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def left(self):
        """True once the gateway closed this connection."""
        try:
            self.sock.settimeout(0.01)
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


# ---------------------------------------------------------------- the program

class Reflex:
    """A running Reflex with its own storage, in front of an Upstream."""

    def __init__(self, upstream_port, folder=None, arguments=(), **settings):
        self.folder = folder or tempfile.mkdtemp(prefix="reflex-test-")
        self.own_folder = folder is None
        environment = {k: v for k, v in os.environ.items() if not k.upper().startswith("REFLEX_") and not k.lower().endswith("_proxy")}
        base = f"http://127.0.0.1:{upstream_port}"
        environment |= {"REFLEX_PORT": "0", "REFLEX_STORAGE_PATH": f"{self.folder}/data", "REFLEX_UPSTREAM": f"{base}/v1",
                        "REFLEX_ANTHROPIC_UPSTREAM": base, "REFLEX_GEMINI_UPSTREAM": base, "REFLEX_TIERS": "l1"}
        if "server_listen" in settings:
            del environment["REFLEX_PORT"]
        environment |= {f"REFLEX_{k.upper()}": str(v) for k, v in settings.items()}
        self.log_path = f"{self.folder}/log-{time.monotonic_ns()}"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([PROGRAM, "serve", *arguments], env=environment, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.folder)
        self.port = until(self._find_port, "the startup line")

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def _find_port(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Reflex ended with {self.process.returncode}: {self.log()}")
        found = re.search(r"(?:127\.0\.0\.1|\[::1?\]|0\.0\.0\.0):(\d+)", self.log())
        return int(found.group(1)) if found else None

    def connect(self, timeout=WAIT_S):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def raw(self, data, timeout=WAIT_S):
        """Sends bytes, reads replies until the server closes. Returns the replies and whether it did close."""
        with self.connect(timeout) as sock:
            sock.sendall(data)
            wire, replies = Wire(sock), []
            try:
                while (reply := wire.message(True)) is not None:
                    replies.append(reply)
                return replies, True
            except TimeoutError:
                return replies, False

    def request(self, method, target, body=None, headers=(), wire=None):
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {n.lower() for n, _ in headers}
        lines = [f"{method} {target} HTTP/1.1"]
        if "host" not in names:
            lines.append(f"Host: 127.0.0.1:{self.port}")
        lines += [f"{n}: {v}" for n, v in headers]
        if body is not None:
            lines += [f"Content-Length: {len(data)}"] + ([] if "content-type" in names else ["Content-Type: application/json"])
        payload = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + data
        if wire is not None:
            wire.sock.sendall(payload)
            return wire.message(True, method == "HEAD")
        with self.connect() as sock:
            sock.sendall(payload)
            return Wire(sock).message(True, method == "HEAD")

    def chat(self, text, key="k1", headers=(), wire=None, **fields):
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
        return self.request("POST", CHAT, body, [("Authorization", f"Bearer {key}"), *headers], wire)

    def open_stream(self, text, key="k1", headers=(), **fields):
        """Starts a streamed chat; returns the wire after the reply's head, and the head."""
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], "stream": True, **fields}).encode()
        sock = self.connect()
        lines = [f"POST {CHAT} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}", f"Content-Length: {len(body)}",
                 *(f"{n}: {v}" for n, v in headers)]
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return Wire(sock)

    def admin_token(self):
        return pathlib.Path(self.folder, "data", "admin.token").read_text().strip()

    def admin(self, method, target, body=None):
        return self.request(method, target, body, [("Authorization", f"Bearer {self.admin_token()}")])

    def metric(self, name):
        """The sum over a metric's rows."""
        text = self.request("GET", "/metrics").body.decode()
        return sum(float(row.rsplit(" ", 1)[1]) for row in text.splitlines() if re.match(rf"{re.escape(name)}(\{{|\s)", row))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit_s=WAIT_S):
        return self.process.wait(limit_s)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("Reflex did not stop on SIGTERM: " + self.log()[-2000:])
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class ReflexTest(unittest.TestCase):
    """A fresh provider and a fresh Reflex for each test; SETTINGS are the class's settings."""

    SETTINGS = {}

    def setUp(self):
        self.up = Upstream()
        self.addCleanup(self.up.close)
        self.reflex = self.start(**self.SETTINGS)

    def start(self, **settings):
        reflex = Reflex(self.up.port, **settings)
        self.addCleanup(reflex.stop)
        return reflex

    def assertStatus(self, reply, status, outcome=None, reason=None):
        self.assertIsNotNone(reply, "no reply")
        self.assertEqual(reply.status, status, reply.body[:500])
        if outcome is not None:
            self.assertEqual(reply.header("x-reflex-status"), outcome, reply.headers)
        if reason is not None:
            self.assertEqual(reply.header("x-reflex-reason"), reason)


def events_of(body):
    """The data of each event of a stream's body."""
    return [block[len(b"data: "):] for block in body.split(b"\n\n") if block.startswith(b"data: ")]


def text_of(body):
    """The text a streamed answer adds up to."""
    parts = [json.loads(data) for data in events_of(body) if data != b"[DONE]"]
    return "".join(c["delta"].get("content") or "" for p in parts for c in p.get("choices", []))
