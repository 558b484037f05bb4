#!/usr/bin/env python3
"""An example provider: a small OpenAI-compatible server that needs no account. usage: provider.py [--port 9099] [--words-per-second 40]

It answers POST /v1/chat/completions, plain and as a stream, as slowly as a model writes, and GET /v1/models. The answers are fixed
sentences; what matters is their shape and their time. Every call has a bearer token, as with a real provider.
"""
import argparse
import http.server
import json
import time
import uuid

MODEL = "example-model"
ANSWERS = {
    "capital": "Paris is the capital of France. It lies on the Seine and has been the seat of government for most of the time since 987.",
    "log": "A write-ahead log records each change before it touches the data. After a crash the log is read again, finished changes are "
           "repeated and unfinished ones are dropped, so that the data is as if every commit had happened whole or not at all.",
}
DEFAULT = "This is the example provider. It has two subjects, capitals and write-ahead logs, and this sentence for everything else."


def answer_to(question):
    return next((text for word, text in ANSWERS.items() if word in question.lower()), DEFAULT)


def question_of(body):
    """The text of the last user message, whether given as a string or as parts."""
    for message in reversed(body["messages"]):
        if message.get("role") == "user":
            content = message.get("content") or ""
            return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
    return ""


def usage_of(body, text):
    prompt = sum(len(json.dumps(message)) for message in body["messages"]) // 4 + 3
    completion = len(text.split()) * 4 // 3
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    words_per_second = 40.0
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/v1/models":
            self.reply(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1700000000, "owned_by": "example"}]})
        else:
            self.refuse(404, "invalid_request_error", "unknown_url", f"Unknown request URL: GET {self.path}.")

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            return self.refuse(401, "invalid_request_error", "invalid_api_key", "You didn't provide an API key.")
        if self.path != "/v1/chat/completions":
            return self.refuse(404, "invalid_request_error", "unknown_url", f"Unknown request URL: POST {self.path}.")
        try:
            body = json.loads(raw)
            question = question_of(body)
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.refuse(400, "invalid_request_error", None, "The body is not a chat completion request.")
        text = answer_to(question)
        head = {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "created": int(time.time()), "model": body.get("model", MODEL)}
        if body.get("stream"):
            self.stream(body, head, text)
        else:
            self.plain(body, head, text)

    def plain(self, body, head, text):
        time.sleep(len(text.split()) / self.words_per_second)
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        self.reply(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage_of(body, text)})

    def stream(self, body, head, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("x-request-id", f"req_{uuid.uuid4().hex}")
        self.end_headers()
        with_usage = (body.get("stream_options") or {}).get("include_usage")
        chunk = {**head, "object": "chat.completion.chunk", **({"usage": None} if with_usage else {})}

        def event(delta, finish=None):
            self.piece({**chunk, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})

        event({"role": "assistant", "content": "", "refusal": None})
        for number, word in enumerate(text.split(" ")):
            time.sleep(1 / self.words_per_second)
            event({"content": (" " if number else "") + word})
        event({}, "stop")
        if with_usage:
            self.piece({**chunk, "choices": [], "usage": usage_of(body, text)})
        self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def piece(self, value):
        self.chunk(b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def reply(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-request-id", f"req_{uuid.uuid4().hex}")
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status, kind, code, message):
        self.reply(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})

    def log_message(self, *_):
        pass


def start(port=0, words_per_second=40.0):
    """A listening server on loopback; its port is server_address[1]. Call serve_forever() on it."""
    handler = type("Provider", (Handler,), {"words_per_second": words_per_second})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    return server


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--port", type=int, default=9099)
    arguments.add_argument("--words-per-second", type=float, default=40.0)
    options = arguments.parse_args()
    server = start(options.port, options.words_per_second)
    print(f"example provider on http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
