"""Starts and stops the servers that are measured, and reads what the kernel knows about them."""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
BUILT = pathlib.Path(os.environ.get("REFLEX_BUILD", ROOT / "build" / "release"))
DRIVERS = BUILT / "bench"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(cpus):
    """A command prefix that keeps a process on some cores; nothing on a machine with one core."""
    return ["taskset", "-c", str(cpus)] if cpus is not None and (os.cpu_count() or 1) > 1 else []


def with_children(pid):
    found = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                for child in children.read().split():
                    found += with_children(int(child))
    except FileNotFoundError:
        pass
    return found


def cpu_times(pids):
    """(nanoseconds on a core, user ticks, system ticks) of all threads of some processes."""
    nanoseconds = user = system = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                    nanoseconds += int(stat.read().split()[0])
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            user += int(fields[11])
            system += int(fields[12])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return nanoseconds, user, system


def memory_bytes(pids, field="VmRSS"):
    """VmRSS, RssAnon or another size from /proc/PID/status, summed."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status") as status:
                total += next((int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":")), 0)
        except FileNotFoundError:
            pass
    return total


def machine_busy_s():
    with open("/proc/stat") as stat:
        values = [int(value) for value in stat.readline().split()[1:9]]
    return (values[0] + values[1] + values[2] + values[5] + values[6] + values[7]) / os.sysconf("SC_CLK_TCK")


def own_busy_s(pids):
    """Seconds used by the measured processes, this one and its finished children (the load generators)."""
    usages = [resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)]
    _, user, system = cpu_times(pids)
    return sum(u.ru_utime + u.ru_stime for u in usages) + (user + system) / os.sysconf("SC_CLK_TCK")


def machine():
    """One line about where a figure was measured."""
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown processor")
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}, commit {commit or 'unknown'}"


def environment_with(settings):
    """This process's environment without settings of Reflex and proxies, and these."""
    return {**{name: value for name, value in os.environ.items()
               if not name.startswith("REFLEX_") and not name.lower().endswith("_proxy")}, **settings}


class Server:
    """One running server. `spec` is a server of a plan: name, kind (reflex, nginx or cmd), env, vars, cpus.

    @PORT@, @UPSTREAM@, @RUN@ (a folder of its own, gone with it) and @ROOT@ are filled in everywhere.
    """

    def __init__(self, spec, upstream_port=0, run_folder=None):
        self.name = spec["name"]
        self.kind = spec["kind"]
        self.port = free_port()
        parent = run_folder or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.run = tempfile.mkdtemp(prefix="reflex-bench-", dir=parent)
        os.chmod(self.run, 0o755)
        self.fill = {"PORT": self.port, "UPSTREAM": upstream_port, "RUN": self.run, "ROOT": ROOT, "DRIVERS": DRIVERS}
        command, environment = self.command_of(spec)
        self.log_path = pathlib.Path(self.run) / "stderr"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(pinned(spec.get("cpus")) + command, env=environment_with(environment), cwd=self.run,
                                            stdout=subprocess.DEVNULL, stderr=log)
        self.wait_until_open(spec.get("start_s", 60))
        self.pids = with_children(self.process.pid)

    def filled(self, text):
        for name, value in self.fill.items():
            text = text.replace(f"@{name}@", str(value))
        return text

    def command_of(self, spec):
        environment = {name: self.filled(str(value)) for name, value in spec.get("env", {}).items()}
        if spec["kind"] == "nginx":
            self.fill.update({"WORKERS": 1, "BODY": "x" * spec.get("body", 1536), "BUFFERING": "on", "SENDFILE": "off", "BUF": "8k"})
            self.fill.update(spec.get("vars", {}))
            configuration = pathlib.Path(self.run) / "nginx.conf"
            configuration.write_text(self.filled((BENCH / spec["conf"]).read_text()))
            return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", self.run, "-c", str(configuration)], environment
        if spec["kind"] == "reflex":
            base = {"REFLEX_PORT": str(self.port), "REFLEX_BIND_ADDR": "127.0.0.1", "REFLEX_IO_THREADS": "1", "REFLEX_TIERS": "l1",
                    "REFLEX_STORAGE_PATH": f"{self.run}/data", "REFLEX_LOG_REQUESTS": "false"}
            if self.fill["UPSTREAM"]:
                base["REFLEX_UPSTREAM"] = f"http://127.0.0.1:{self.fill['UPSTREAM']}/v1"
            return [str(BUILT / "reflex"), "serve"], {**base, **environment}
        return [self.filled(part) for part in spec["cmd"]], environment

    def wait_until_open(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended at once:\n{self.log_path.read_text()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.3).close()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"{self.name} did not open its port in {seconds} s:\n{self.log_path.read_text()}")

    def metrics(self):
        """Counters of a Reflex as {name: value}, labels summed up."""
        if self.kind != "reflex":
            return {}
        totals = {}
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as reply:
            for line in reply.read().decode().splitlines():
                if line and not line.startswith("#"):
                    name, _, value = line.rpartition(" ")
                    name = name.partition("{")[0]
                    totals[name] = totals.get(name, 0) + float(value)
        return totals

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.run, ignore_errors=True)


def start_upstream(spec, run_folder=None):
    """The provider without a model; spec: cpus, threads, args."""
    command = [str(DRIVERS / "mock_upstream"), "--port", "@PORT@", "--threads", str(spec.get("threads", 1)),
               *map(str, spec.get("args", []))]
    return Server({"name": "upstream", "kind": "cmd", "cmd": command, "cpus": spec.get("cpus")}, run_folder=run_folder)


def upstream_requests(upstream):
    if upstream is None:
        return 0
    with urllib.request.urlopen(f"http://127.0.0.1:{upstream.port}/stats", timeout=5) as reply:
        return json.load(reply)["requests"]


def filled_store(name, *shape):
    """A storage folder that fill_store made with ENTRIES, BYTES_EACH and perhaps VECTOR_BYTES; made once and kept in build/bench."""
    folder = ROOT / "build" / "bench" / name
    if not (folder / "filled").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"filling {folder} with {shape[0]} entries", flush=True)
        subprocess.run([str(DRIVERS / "fill_store"), str(folder), *map(str, shape)], check=True)
        (folder / "filled").touch()
    return folder


def may_go_first():
    return shutil.which("chrt") is not None and subprocess.run(["chrt", "-f", "1", "true"], stderr=subprocess.DEVNULL).returncode == 0


def ask_loop(kind, port, cpus=None, first=False, **options):
    """What ask_loop measured; options are its flags. `first`: it never waits for a core that others use, as on a machine of its own
    (may_go_first)."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    order = ["chrt", "-f", "1"] if first else []
    done = subprocess.run(order + pinned(cpus) + [str(DRIVERS / "ask_loop"), kind, "--port", str(port), *words],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
