#!/usr/bin/env python3
"""slow_peers.py — what thousands of slow clients cost the others, and in memory.

Opens slow-header connections (one byte of a head per second) and slow readers (1 MiB responses read in
sips) against one lb at once, while one ordinary client asks for small replies all the time. Prints the
ordinary client's latencies before and during, and lb's resident memory; fails (status 1) when p99 rises
to twice or more (above a floor of one scheduling quantum) or memory passes the limit. Bounded: about a
minute, all on the loopback interface. Needs build/lb and build/bench/origin (make -C bench).

    bench/slow_peers.py [--headers 5000] [--readers 5000] [--seconds 10] [--memory-limit 256]
"""
import argparse
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FLOOR_MS = 4.0  # on few cores the driver itself keeps lb from the CPU for as long


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port):
    for _ in range(500):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"nobody listens on port {port}")


def rss_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS"))


def ask_for(port, seconds, pause=0.001):
    """Latencies in ms of one keep-alive client, from a process of its own."""
    code = f"""
import socket, time
s = socket.create_connection(("127.0.0.1", {port})); s.settimeout(30)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    t = time.perf_counter(); s.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    got = s.recv(65536)
    if not got.startswith(b"HTTP/1.1 200"): print("bad", got[:60]); break
    print((time.perf_counter() - t) * 1000); time.sleep({pause})
"""
    out = tempfile.TemporaryFile("w+")  # a pipe would fill up while nobody reads it
    process = subprocess.Popen([sys.executable, "-c", code], stdout=out)
    process.lines = out
    return process


def latencies(process, what):
    process.wait()
    process.lines.seek(0)
    lines = process.lines.read().split("\n")[:-1]
    if not lines or any(line.startswith("bad") for line in lines):
        sys.exit(f"the ordinary client failed {what}: {lines[-1:]}")
    ms = sorted(map(float, lines))
    at = lambda q: ms[min(len(ms) - 1, int(q * len(ms)))]
    print(f"{what:8} {len(ms):6} requests  p50 {at(.5):.2f} ms  p99 {at(.99):.2f} ms  max {ms[-1]:.2f} ms")
    return at(.99)


class Slow:
    """Many slow clients, moved on together."""

    def __init__(self, port, headers, readers):
        self.heads, self.readers, self.lost = [], [], 0
        for i in range(headers + readers):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", port))
            s.setblocking(False)
            if i < headers:
                s.send(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                self.heads.append(s)
            else:
                s.send(b"GET /bytes/1048576 HTTP/1.1\r\nHost: x\r\n\r\n")
                self.readers.append(s)

    def turn(self):
        """A byte of each head, a sip of each response."""
        for s in list(self.heads):
            self.step(self.heads, s, lambda s: s.send(b"x") > 0)
        for s in list(self.readers):
            self.step(self.readers, s, lambda s: len(s.recv(512)) > 0)

    def hold(self, client, pid, peak):
        """Goes on until the ordinary client has ended; the most memory seen."""
        while client.poll() is None:
            began = time.monotonic()
            self.turn()
            peak = max(peak, rss_mib(pid))
            time.sleep(max(0.0, 1 - (time.monotonic() - began)))
        return peak

    def step(self, where, s, act):
        try:
            alive = act(s)
        except BlockingIOError:
            return
        except OSError:
            alive = False
        if not alive:
            where.remove(s)
            s.close()
            self.lost += 1


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--headers", type=int, default=5000)
    ap.add_argument("--readers", type=int, default=5000)
    ap.add_argument("--seconds", type=int, default=10)
    ap.add_argument("--memory-limit", type=int, default=256, help="MiB")
    a = ap.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < a.headers + 2 * a.readers + 200:
        sys.exit(f"RLIMIT_NOFILE of {hard} is too small")
    port, small, large = free_port(), free_port(), free_port()
    origin = subprocess.Popen([f"{ROOT}/build/bench/origin", "--http", str(small), "1",
                               "--http", str(large), "1"], stdout=subprocess.DEVNULL)
    conf = tempfile.NamedTemporaryFile("w", suffix=".conf")
    conf.write(f"""
global {{ threads 1; memory-limit {a.memory_limit}m }}
defaults {{ timeout header 60s; timeout client 60s; timeout server 60s }}
frontend web {{ bind 127.0.0.1:{port}; route path /bytes/* -> large; route -> small }}
backend small {{ server s 127.0.0.1:{small} }}
backend large {{ server s 127.0.0.1:{large} }}
""")
    conf.flush()
    lb = subprocess.Popen([os.environ.get("LB", f"{ROOT}/build/lb"), "run", "-c", conf.name],
                          stderr=subprocess.DEVNULL)
    try:
        wait_port(port)
        bare = rss_mib(lb.pid)
        before = latencies(ask_for(port, a.seconds), "before")
        opening = ask_for(port, a.seconds)
        slow, peak = Slow(port, a.headers, a.readers), bare
        peak = slow.hold(opening, lb.pid, peak)
        latencies(opening, "opening")  # gigabytes begin to flow at once: told, not judged
        client = ask_for(port, a.seconds)
        peak = slow.hold(client, lb.pid, peak)
        during = latencies(client, "during")
        print(f"slow     {len(slow.heads)} heads and {len(slow.readers)} readers held, {slow.lost} closed by lb")
        print(f"memory   {bare:.0f} MiB before, at most {peak:.0f} MiB; limit {a.memory_limit} MiB")
    finally:
        lb.send_signal(signal.SIGKILL)
        origin.send_signal(signal.SIGKILL)
    if during >= max(2 * before, FLOOR_MS) or peak > a.memory_limit or slow.lost:
        sys.exit("slow_peers: FAILED")


main()
