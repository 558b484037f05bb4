"""10,000 idle connections and 1,000 slow streams at once: what is dropped, and how much memory a connection takes.

usage: many.py, or run.py many. The clients come from several addresses of the loopback network, since one address has too few
ports. Memory is RssAnon: the program's own pages, without the files it maps.
"""
import json
import os
import resource
import select
import socket
import time

from servers import Server, memory_bytes, start_upstream

IDLE = int(os.environ.get("IDLE", 10_000))
STREAMS = int(os.environ.get("STREAMS", 1_000))
EVENTS = int(os.environ.get("EVENTS", 40))
EVENT_US = int(os.environ.get("EVENT_US", 500_000))
BATCH = 200  # Connections opened before their replies are awaited.
WAIT_S = 60  # Beyond the time the streams take.


def raise_descriptor_limit(needed):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(f"many.py: {needed} descriptors are needed and {hard} are allowed; raise the limit or set IDLE and STREAMS")


def connect(port, number):
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.bind((f"127.0.1.{1 + number % 8}", 0))
    client.connect(("127.0.0.1", port))
    return client


def request(prompt, stream):
    body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}], **({"stream": True} if stream else {})})
    return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer sk-bench-0\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def read_reply(client):
    """One reply with a Content-Length; its status."""
    client.settimeout(30)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return 0
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        piece = client.recv(65536)
        if not piece:
            return 0
        body += piece
    return int(head.split()[1])


def open_idle(port, count):
    """Connections that have had one answer each, a hit, and wait for their next request."""
    clients = []
    for first in range(0, count, BATCH):
        batch = [connect(port, number) for number in range(first, min(first + BATCH, count))]
        for client in batch:
            client.sendall(request("idle", stream=False))
        if any(read_reply(client) != 200 for client in batch):
            raise SystemExit("many.py: an idle connection got no 200 at its start")
        clients += batch
    return clients


def open_streams(port, count):
    clients = [connect(port, number) for number in range(count)]
    for number, client in enumerate(clients):
        client.sendall(request(f"stream {number} {time.monotonic_ns()}", stream=True))
        client.setblocking(False)
    return clients


def read_streams(clients, seconds, at_half):
    """Reads all streams to their end; returns how many ended well. `at_half` is called once, when all of them are running."""
    poll = select.epoll()
    open_by_fd = {client.fileno(): client for client in clients}
    tails = {fd: b"" for fd in open_by_fd}
    for fd in open_by_fd:
        poll.register(fd, select.EPOLLIN)
    deadline, half = time.monotonic() + seconds + WAIT_S, time.monotonic() + seconds / 2
    done = 0
    while open_by_fd and time.monotonic() < deadline:
        for fd, _ in poll.poll(0.1):
            try:
                piece = open_by_fd[fd].recv(65536)
            except ConnectionError:
                piece = b""
            tails[fd] = (tails[fd] + piece)[-64:]
            ended = b"[DONE]" in tails[fd] and tails[fd].endswith(b"0\r\n\r\n")
            if ended or not piece:
                done += ended
                poll.unregister(fd)
                del open_by_fd[fd]
        if at_half and time.monotonic() > half:
            at_half()
            at_half = None
    return done


def run():
    raise_descriptor_limit(IDLE + 2 * STREAMS + 200)
    upstream = start_upstream({"args": ["--events", EVENTS, "--event-us", EVENT_US]})
    server = Server({"name": "reflex", "kind": "reflex", "env": {"REFLEX_SERVER_CONNECTIONS_MAX": str(IDLE + STREAMS + 100),
                                                                 "REFLEX_SERVER_KEEP_ALIVE_TIMEOUT": "600s"}}, upstream.port)
    anonymous = lambda: memory_bytes(server.pids, "RssAnon")  # noqa: E731
    try:
        warm = open_idle(server.port, 8)
        base = anonymous()
        idle = open_idle(server.port, IDLE)
        with_idle = anonymous()
        streams = open_streams(server.port, STREAMS)
        with_streams = []
        done = read_streams(streams, EVENTS * EVENT_US / 1e6, lambda: with_streams.append(anonymous()))
        for client in idle:
            client.sendall(request("idle", stream=False))
        alive = sum(read_reply(client) == 200 for client in idle)
        for client in warm + idle + streams:
            client.close()
    finally:
        server.stop()
        upstream.stop()
    idle_kib = (with_idle - base) / max(1, IDLE) / 1024
    stream_kib = (with_streams[0] - with_idle) / max(1, STREAMS) / 1024 if with_streams else float("nan")
    all_kib = (with_streams[0] - base) / max(1, IDLE + STREAMS) / 1024 if with_streams else float("nan")
    print(f"idle connections answered again: {alive} of {IDLE}; streams ended well: {done} of {STREAMS}")
    print(f"RssAnon: {base / 1e6:.1f} MB before, {idle_kib:.1f} KiB an idle connection, {stream_kib:.1f} KiB a stream "
          f"(the reply it folds included), {all_kib:.1f} KiB a connection over all")
    return {"alive": alive, "idle": IDLE, "done": done, "streams": STREAMS, "base_bytes": base, "idle_kib": idle_kib,
            "stream_kib": stream_kib, "all_kib": all_kib}


if __name__ == "__main__":
    run()
