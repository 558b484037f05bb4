#!/usr/bin/env python3
"""Shows Reflex without an account: starts the example provider and Reflex, asks a handful of questions, prints where each answer
came from, how fast, and how many tokens were not paid for again. usage: demo.py PROGRAM
"""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

import provider

QUESTION = "What is the capital of France?"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reflex:
    """The program on fresh storage in a folder that goes away with it."""

    def __init__(self, program, upstream_port):
        self.folder = tempfile.TemporaryDirectory(prefix="reflex-demo-")
        self.port = free_port()
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("REFLEX_") and not name.lower().endswith("_proxy")}
        environment.update(REFLEX_PORT=str(self.port), REFLEX_BIND_ADDR="127.0.0.1",
                           REFLEX_STORAGE_PATH=str(pathlib.Path(self.folder.name) / "data"),
                           REFLEX_UPSTREAM=f"http://127.0.0.1:{upstream_port}/v1")
        self.command = [program, "serve"]
        self.environment = environment
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.01)
        self.log.seek(0)
        sys.exit(f"demo.py: Reflex did not start:\n{self.log.read()}")

    def restart(self):
        self.process.terminate()
        self.process.wait(40)
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(40)
        self.log.close()
        self.folder.cleanup()


def chat(question, stream=False, **fields):
    body = {"model": provider.MODEL, "messages": [{"role": "user", "content": question}], "temperature": 0.2, **fields}
    if stream:
        body["stream"] = True
    return json.dumps(body)


def reworded():
    """The same request as other bytes: key order, spaces, escapes and the spelling of a number differ."""
    text = QUESTION.replace("F", "\\u0046")
    return ('{ "temperature": 2e-1,\n  "messages": [ { "content": "' + text + '", "role": "user" } ],\n  "model": "' + provider.MODEL + '" }')


def ask(port, body, key):
    """Sends one request; returns the reply's headers, its body and the milliseconds to the first and to the last byte."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    began = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    response = connection.getresponse()
    first = response.read(1)
    first_ms = (time.perf_counter() - began) * 1000
    text = first + response.read()
    total_ms = (time.perf_counter() - began) * 1000
    connection.close()
    if response.status != 200:
        sys.exit(f"demo.py: status {response.status}: {text.decode(errors='replace')}")
    return response.headers, text.decode(), first_ms, total_ms


def words_of(text):
    """The answer as a person reads it, whether it came whole or as a stream."""
    if text.startswith("data:"):
        chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    return json.loads(text)["choices"][0]["message"]["content"]


def tokens_saved(headers):
    """X-Reflex-Saved-Tokens is `in=12;out=34` on a hit."""
    pairs = (pair.partition("=") for pair in headers.get("X-Reflex-Saved-Tokens", "").split(";") if pair)
    return sum(int(value) for _, _, value in pairs)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    upstream = provider.start()
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    reflex = Reflex(sys.argv[1], upstream.server_address[1])
    print(f"\nThe example provider writes like a model, word by word. Reflex stands before it on http://127.0.0.1:{reflex.port}/v1\n")
    print(f"{'request':44} {'served from':14} {'first byte':>11} {'whole':>10} {'tokens saved':>13}")
    saved, answers = 0, set()
    steps = [("a question", chat(QUESTION), "sk-alice"), ("the same again", chat(QUESTION), "sk-alice"),
             ("the same as a stream", chat(QUESTION, stream=True), "sk-alice"),
             ("the same in other words of JSON", reworded(), "sk-alice"), ("the same with another key", chat(QUESTION), "sk-bob"),
             ("another question, as a stream", chat("What is a write-ahead log?", stream=True), "sk-alice"),
             ("the same, whole", chat("What is a write-ahead log?"), "sk-alice"), (None, None, None),
             ("the first question after a restart", chat(QUESTION), "sk-alice")]
    try:
        for label, body, key in steps:
            if label is None:
                reflex.restart()
                continue
            headers, text, first_ms, total_ms = ask(reflex.port, body, key)
            saved += tokens_saved(headers)
            answers.add(words_of(text))
            print(f"{label:44} {headers.get('X-Reflex-Status', '-'):14} {first_ms:8.1f} ms {total_ms:7.1f} ms {tokens_saved(headers) or '':>13}",
                  flush=True)
    finally:
        reflex.stop()
        upstream.shutdown()
    if len(answers) != 2:
        sys.exit("demo.py: equal questions got different answers")
    print(f"\n{saved} tokens saved. Another key is another tenant: it never gets somebody else's answer.")
    print("Next: ./dev run, and OPENAI_BASE_URL=http://127.0.0.1:8080/v1 for your application.")


if __name__ == "__main__":
    main()
