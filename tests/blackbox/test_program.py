"""The program around it: access, settings, signals, secrets."""
import hashlib
import os
import pathlib
import signal
import socket
import stat
import subprocess
import tempfile
import threading

from harness import CHAT, PROGRAM, Reflex, ReflexTest, Wire, completion, until


class Access(ReflexTest):
    def keys_file(self, *lines):
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.unlink, path)
        os.write(handle, "\n".join(lines).encode())
        os.close(handle)
        return path

    def digest(self, token):
        return hashlib.sha256(token.encode()).hexdigest()

    def test_client_keys_and_groups(self):
        path = self.keys_file("# team", f"{self.digest('a')} team", f"{self.digest('b')} team", self.digest("c"))
        reflex = self.start(client_keys_file=path, upstream_key="sk-operator")
        self.assertStatus(reflex.chat("q", key="nobody"), 401, "error", "client-key")
        self.assertStatus(reflex.chat("q", key="a"), 200, "miss")
        self.assertStatus(reflex.chat("q", key="b"), 200, "hit-l1-exact")
        self.assertStatus(reflex.chat("q", key="c"), 200, "miss")
        self.assertEqual({c.header("authorization") for c in self.up.calls}, {"Bearer sk-operator"})
        with open(path, "a") as file:
            file.write(f"\n{self.digest('d')} team\n")
        reflex.signal(signal.SIGHUP)
        until(lambda: reflex.chat("q", key="d").status == 200, "the keys to be read again")

    def test_an_upstream_key_opens_the_listed_calls_only(self):
        reflex = self.start(upstream_key="sk-operator")
        for method, target in (("GET", "/v1/models"), ("GET", "/v1/models/m"), ("POST", "/v1/embeddings"), ("POST", "/v1/completions"),
                               ("POST", "/v1/moderations"), ("POST", "/v1/responses"), ("POST", CHAT)):
            body = {"model": "m", "messages": [{"role": "user", "content": "x"}]} if method == "POST" else None
            self.assertStatus(reflex.request(method, target, body), 200)
        for method, target in (("GET", "/v1/files"), ("DELETE", "/v1/models/m"), ("POST", "/v1/fine_tuning/jobs"), ("GET", CHAT),
                               ("POST", "/v1/embeddings/../files"), ("POST", "/v1//embeddings"), ("GET", "/v1/models/../files"),
                               ("GET", "/v1/models/%2e%2e/files")):
            self.assertStatus(reflex.request(method, target, {} if method == "POST" else None), 403, "error", "forbidden-path")
        everything = self.start(upstream_key="sk-operator", upstream_key_opens="all")
        self.assertStatus(everything.request("GET", "/v1/files"), 200)

    def test_foreign_hosts_and_origins(self):
        evil = [("Host", "evil.example")]
        self.assertStatus(self.reflex.request("GET", "/metrics", headers=evil), 403, "error", "forbidden-host")
        self.assertStatus(self.reflex.chat("h", headers=evil), 200, "miss")
        keyed = self.start(upstream_key="k", server_hosts="reflex.internal", server_cors_origins="https://app.example")
        self.assertStatus(keyed.chat("h", headers=evil), 403, "error", "forbidden-host")
        self.assertStatus(keyed.chat("h", headers=[("Host", "reflex.internal:8080")]), 200)
        self.assertStatus(keyed.chat("h", headers=[("Origin", "https://evil.example")]), 403, "error", "forbidden-origin")
        reply = keyed.chat("h", headers=[("Origin", "https://app.example")])
        self.assertStatus(reply, 200)
        self.assertEqual(reply.header("access-control-allow-origin"), "https://app.example")
        self.assertIn("x-reflex-status", reply.header("access-control-expose-headers").lower())
        preflight = keyed.request("OPTIONS", CHAT, headers=[("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST"),
                                                            ("Access-Control-Request-Headers", "authorization,content-type")])
        self.assertIn(preflight.status, (200, 204))
        self.assertIn("authorization", preflight.header("access-control-allow-headers").lower())

    def test_admin_listener(self):
        reflex = self.start(server_admin_address="127.0.0.1:0")
        self.assertEqual(reflex.request("GET", "/metrics").status, 404)
        self.assertEqual(reflex.request("GET", "/healthz").status, 200)
        self.assertEqual(self.up.calls, [])

    def test_open_with_an_upstream_key_does_not_start(self):
        with self.assertRaises(AssertionError) as failed:
            Reflex(self.up.port, bind_addr="0.0.0.0", upstream_key="k")
        self.assertIn("allow_open", str(failed.exception))


class Secrets(ReflexTest):
    def test_modes(self):
        data = pathlib.Path(self.reflex.folder, "data")
        self.reflex.chat("x")
        self.assertEqual(stat.S_IMODE(data.stat().st_mode), 0o700)
        # The store removes its mark behind; a file that goes while the folder is listed has no mode.
        until(lambda: data.joinpath("data.mdb").exists() and not data.joinpath("opening").exists(), "the store to be open")
        files = {p.name: stat.S_IMODE(p.stat().st_mode) for p in data.iterdir()}
        self.assertIn("tenant.key", files)
        self.assertIn("admin.token", files)
        self.assertEqual(set(files.values()), {0o600}, files)
        self.assertEqual(len(data.joinpath("tenant.key").read_bytes()), 32)

    def test_two_processes_cannot_share_a_store(self):
        with self.assertRaises(AssertionError) as failed:
            Reflex(self.up.port, folder=self.reflex.folder)
        self.assertIn("ended with 1", str(failed.exception))
        self.assertStatus(self.reflex.chat("x"), 200)


class Signals(ReflexTest):
    def slow_call(self):
        gate = threading.Event()

        def answer(up, call):
            gate.wait(20)
            call.reply(completion("late"))
        self.up.answer = answer
        replies = []
        thread = threading.Thread(target=lambda: replies.append(self.reflex.chat("slow")))
        thread.start()
        until(lambda: self.up.calls, "the call")
        return gate, thread, replies

    def test_sigterm_finishes_what_runs(self):
        gate, thread, replies = self.slow_call()
        self.reflex.signal(signal.SIGTERM)

        def refused():
            try:
                self.reflex.connect(1).close()
                return False
            except OSError:
                return True
        until(refused, "the listener to close")
        gate.set()
        thread.join()
        self.assertStatus(replies[0], 200, "miss")
        self.assertEqual(self.reflex.wait(), 0)

    def test_a_second_signal_ends_at_once(self):
        gate, thread, _ = self.slow_call()
        self.reflex.signal(signal.SIGTERM)
        until(lambda: "drain" in self.reflex.log().lower() or "stop" in self.reflex.log().lower(), "the first signal to be taken")
        self.reflex.signal(signal.SIGTERM)
        self.assertEqual(self.reflex.wait(5), 1)
        gate.set()
        thread.join()

    def test_sigint_and_idle_connections(self):
        sock = self.reflex.connect()
        wire = Wire(sock)
        self.reflex.chat("x", wire=wire)
        self.reflex.signal(signal.SIGINT)
        self.assertEqual(self.reflex.wait(10), 0)
        sock.close()


class Settings(ReflexTest):
    def run_program(self, *arguments, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("REFLEX_")}
        return subprocess.run([PROGRAM, *arguments], env=clean | environment, capture_output=True, text=True, timeout=20, cwd=self.reflex.folder)

    def test_bad_values_stop_the_start(self):
        for name, value in (("REFLEX_PORT", "http"), ("REFLEX_PORT", "70000"), ("REFLEX_L1_CAPACITY", "-1"), ("REFLEX_L1_CAPACITY", "1e99"),
                            ("REFLEX_TIERS", "l9"), ("REFLEX_UPSTREAM", "ftp://x"), ("REFLEX_IO_THREADS", "many")):
            done = self.run_program("serve", **{name: value})
            self.assertNotEqual(done.returncode, 0, name)
            self.assertIn(name, done.stderr)
            self.assertIn(value, done.stderr)
        self.assertNotEqual(self.run_program("serve", "--no-such-flag").returncode, 0)
        path = os.path.join(self.reflex.folder, "bad.toml")
        pathlib.Path(path).write_text("[server]\nprot = 1\n")
        done = self.run_program("serve", "--config", path)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("prot", done.stderr)

    def test_sources_and_secrets(self):
        path = os.path.join(self.reflex.folder, "good.toml")
        pathlib.Path(path).write_text('[server]\nport = 1111\n[memory]\nbytes = "32MiB"\n')
        done = self.run_program("config", "--config", path, REFLEX_PORT="2222", REFLEX_UPSTREAM_KEY="sk-hidden")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2222", done.stdout)
        self.assertNotIn("1111", done.stdout)
        self.assertNotIn("sk-hidden", done.stdout + done.stderr)

    def test_orchestrator_variables_are_ignored(self):
        done = self.run_program("config", REFLEX_PORT="tcp://10.0.0.1:80", REFLEX_PORT_80_TCP="x", REFLEX_SERVICE_HOST="x")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.run_program("config", REFLEX_NO_SUCH="1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("REFLEX_NO_SUCH", done.stderr)

    def test_health_and_version(self):
        self.assertEqual(self.run_program("health", REFLEX_PORT=str(self.reflex.port)).returncode, 0)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.assertNotEqual(self.run_program("health", REFLEX_PORT=str(port)).returncode, 0)
        self.assertRegex(self.run_program("version").stdout, r"\d+\.\d+\.\d+")
        self.assertIn("serve", self.run_program("--help").stdout)


class Tls(ReflexTest):
    def test_certificate_is_read_again(self):
        import ssl
        folder = self.reflex.folder
        def make(name):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}", "-keyout",
                            f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
        make("one")
        reflex = self.start(server_tls_certificate=f"{folder}/cert.pem", server_tls_key=f"{folder}/key.pem")

        def subject():
            context = ssl.create_default_context(cafile=f"{folder}/cert.pem")
            context.check_hostname = False
            try:
                with context.wrap_socket(reflex.connect()) as sock:
                    sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    self.assertStatus(Wire(sock).message(True), 200)
                    return dict(x[0] for x in sock.getpeercert()["subject"])["commonName"]
            except ssl.SSLError:
                return None
        self.assertEqual(subject(), "one")
        make("two")
        reflex.signal(signal.SIGHUP)
        until(lambda: subject() == "two", "the new certificate")


if __name__ == "__main__":
    import unittest
    unittest.main()
