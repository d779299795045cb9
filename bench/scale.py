#!/usr/bin/env python3
"""How lb scales: threads, idle connections, configuration size, slow transfers, and time (soak).

    scale.py threads [--most 4]          rate and CPU per request, 1, 2, 4 … threads
    scale.py idle    [--count 15000]     bytes per idle connection, and what a million would need
    scale.py start   [--backends 1000]   start-up with that many backends of 10 servers each
    scale.py slow    [--count 10000]     readers that take 512 bytes each 100 ms, all at a time
    scale.py soak    [--minutes 10 --load 50]   steady load: memory, descriptors, counters

Everything is bounded in time and count. LB names the program (default: build/lb), BENCH_PORT the
first port. soak ends with status 1 when something grew or does not add up.
"""

import argparse
import http.client
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import Failed, cpu_seconds, machine, port_of, stop, wait_for_port
from proxies import BUILD, HERE
from scenarios import (ECHO_COUNT, ECHO_PORT, FIRST_PORT, HTTP_COUNT, HTTP_PORT, PROXY, SOURCE_PORT,
                       spare_backends)

LB = os.environ.get("LB") or str(HERE.parent / "build" / "lb")
ADMIN, TCP, TOLD = (f"127.0.0.1:{FIRST_PORT + i}" for i in (1, 2, 3))
SMALL = ["--expect", "128"]


def raise_file_limit():
    """The most this process may have; everything started here inherits it."""
    for limit in (1 << 20, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Rig:
    """The origin for as long as the script runs, and one lb at a time."""

    def __init__(self, directory):
        self.dir = Path(directory)
        self.lb = None
        self.origin = subprocess.Popen(
            [BUILD / "origin", "--http", str(HTTP_PORT), str(HTTP_COUNT), "--echo", str(ECHO_PORT),
             str(ECHO_COUNT), "--source", str(SOURCE_PORT)], stdout=subprocess.PIPE, text=True)
        if self.origin.stdout.readline() != "ready\n":
            raise SystemExit("the origin did not start: is another bench running? (BENCH_PORT)")

    def close(self):
        self.stop()
        stop(self.origin)

    def config(self, threads=1, spare=None, generation=1):
        lines = [f"global {{ threads {threads}; max-connections 1000000; log stderr text }}",
                 f"admin {{ http {ADMIN} }}",
                 "defaults { timeout client 600s; timeout server 600s; timeout tunnel 600s }",
                 f"frontend web {{ bind {PROXY}; route -> app }}",
                 f'frontend told {{ bind {TOLD}; route -> redirect 302 "/{generation}" }}',
                 f"frontend raw {{ mode tcp; bind {TCP}; route -> echo }}",
                 "backend app {", *(f"    server s{i} 127.0.0.1:{HTTP_PORT + i}" for i in range(4)), "}",
                 "backend echo {", "    mode tcp", f"    server e 127.0.0.1:{ECHO_PORT}", "}"]
        for name, servers in (spare or {}).items():
            lines += [f"backend {name} {{", *(f"    server s{i} {s}" for i, s in enumerate(servers)), "}"]
        path = self.dir / "lb.conf"
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(self, **how):
        log = self.dir / "lb.log"
        path = self.config(**how)
        self.lb = subprocess.Popen([LB, "run", "-c", str(path)], stdin=subprocess.DEVNULL,
                                   stdout=log.open("w"), stderr=subprocess.STDOUT)
        for endpoint in (PROXY, ADMIN):
            wait_for_port(endpoint, self.lb, log)

    def stop(self):
        if self.lb:
            stop(self.lb)
            self.lb = None

    def own_bytes(self):
        """Anonymous memory: program text, whose share depends on who else runs it, is left out."""
        text = Path(f"/proc/{self.lb.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Anonymous:\s+(\d+)", text, re.M)[1]) * 1024

    def status(self, key):
        return int(re.search(rf"^{key}:\s+(\d+)", Path(f"/proc/{self.lb.pid}/status").read_text(), re.M)[1])

    def open_files(self):
        return len(os.listdir(f"/proc/{self.lb.pid}/fd"))

    def cpu(self):
        return sum(cpu_seconds([self.lb.pid]))

    def metrics(self):
        """{"name{labels}": value} as /metrics has them."""
        connection = http.client.HTTPConnection(*port_of(ADMIN), timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {m[1]: float(m[2]) for m in re.finditer(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}

    def generation(self):
        """What frontend `told` says of the configuration in force."""
        connection = http.client.HTTPConnection(*port_of(TOLD), timeout=10)
        connection.request("GET", "/")
        location = connection.getresponse().headers["Location"]
        connection.close()
        return int(location.rpartition("/")[2])

    def busy_files(self):
        """Open descriptors without the idle connections kept for reuse."""
        return self.open_files() - int(sum(value for key, value in self.metrics().items()
                                           if key.startswith("lb_server_idle_connections")))

    @staticmethod
    def begin_load(options, seconds, to=PROXY):
        return subprocess.Popen([BUILD / "load", "--to", to, "--seconds", str(seconds), *map(str, options)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def end_load(process):
        out = process.communicate("")[0]
        if process.returncode or not out:
            raise Failed("the load failed")
        return json.loads(out.splitlines()[-1])

    def load(self, options, seconds, to=PROXY):
        return self.end_load(self.begin_load(options, seconds, to))


def errors_of(result):
    return sum(result["errors"].values()) + result["unsent"]


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(*cells):
    row(*cells)
    print("|" + "---|" * len(cells))


def mib(value):
    return f"{value / (1 << 20):.1f}"


# --- threads -------------------------------------------------------------------

def threads(rig, arguments):
    counts = [1 << i for i in range(20) if 1 << i <= arguments.most]
    found = {n: [] for n in counts}
    for _ in range(arguments.rounds):
        for n in counts:
            rig.start(threads=n)
            loads = [rig.begin_load([*SMALL, "--conns", 32], 0.3) for _ in range(2)]
            [rig.end_load(load) for load in loads]
            before, began = rig.cpu(), time.monotonic()
            loads = [rig.begin_load([*SMALL, "--conns", 32], arguments.seconds) for _ in range(2)]
            results = [rig.end_load(load) for load in loads]
            used, wall = rig.cpu() - before, time.monotonic() - began
            done = sum(result["requests"] for result in results)
            found[n].append((done / wall, used / done * 1e6, used / wall * 100, rig.own_bytes(),
                             sum(errors_of(result) for result in results)))
            rig.stop()
    print(f"{os.cpu_count()} CPUs shared by lb, two loads of 32 connections and the origin; "
          f"medians of {arguments.rounds} rounds\n")
    head("threads", "requests/s", "CPU us/request", "lb's CPU %", "own MiB", "errors")
    for n, samples in found.items():
        rate, cost, busy, own, errors = (statistics.median(column) for column in zip(*samples))
        row(n, f"{rate:,.0f}", f"{cost:.1f}", f"{busy:.0f}", mib(own), int(errors))


# --- idle ----------------------------------------------------------------------

def kernel_bytes():
    """Slab of the kernel: both ends of each connection are in it."""
    return int(re.search(r"^Slab:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)[1]) * 1024


def idle(rig, arguments):
    rig.start()
    rig.load(["--conns", 200, "--close", *SMALL], 0.3)
    before, kernel = rig.own_bytes(), kernel_bytes()
    holder = rig.begin_load(["--hold", *SMALL, "--sources", 8, "--conns", arguments.count], 60)
    said = holder.stdout.readline().split()
    time.sleep(1)
    during, kernel = rig.own_bytes(), kernel_bytes() - kernel
    cpu = rig.cpu()
    time.sleep(2)
    cpu = rig.cpu() - cpu
    result = rig.end_load(holder)
    held = int(said[1]) if len(said) == 2 else 0
    if not held:
        raise Failed(f"no connection was held: {result['errors']}")
    each = (during - before) / held
    head("held", "alive", "bytes each", "kernel bytes each, both ends", "CPU ms in 2 s", "errors")
    row(held, result["alive"], f"{each:.0f}", f"{kernel / held:,.0f}", f"{cpu * 1e3:.0f}",
        errors_of(result) + arguments.count - held)
    million = before + 1e6 * each
    print(f"\nA million: {mib(before)} MiB + 1,000,000 x {each:.0f} B = {mib(million)} MiB of lb's own; "
          f"kernel about {kernel / held / 2 * 1e6 / (1 << 30):.1f} GiB (half of both ends)")


# --- start ---------------------------------------------------------------------

def start(rig, arguments):
    spare = spare_backends(arguments.backends)
    found = []
    for _ in range(arguments.rounds):
        path = rig.config(spare=spare)
        began = time.monotonic()
        subprocess.run([LB, "check", "-c", str(path)], check=True, capture_output=True)
        check_ms = (time.monotonic() - began) * 1e3
        began = time.monotonic()
        rig.start(spare=spare)
        start_ms = (time.monotonic() - began) * 1e3
        own = rig.own_bytes()
        rig.config(spare=spare, generation=2)
        began = time.monotonic()
        rig.lb.send_signal(signal.SIGHUP)
        while rig.generation() != 2:
            if time.monotonic() - began > 10:
                raise Failed("the reload did not come into force")
        reload_ms = (time.monotonic() - began) * 1e3
        time.sleep(0.3)
        found.append((start_ms, check_ms, reload_ms, own, rig.own_bytes(), rig.status("VmHWM") * 1024))
        rig.stop()
    head("backends x servers", "start ms", "check ms", "reload ms", "own MiB", "after reload", "peak RSS MiB")
    middle = [statistics.median(column) for column in zip(*found)]
    row(f"{arguments.backends} x 10", *(f"{ms:.0f}" for ms in middle[:3]), *(mib(value) for value in middle[3:]))


# --- slow ----------------------------------------------------------------------

def slow(rig, arguments):
    rig.start()
    rig.load([*SMALL, "--conns", 64], 0.3)
    before, cpu = rig.own_bytes(), rig.cpu()
    began = time.monotonic()
    load = rig.begin_load(["--slow", 512, "--path", f"/bytes/{arguments.bytes}", "--conns", arguments.count,
                           "--sources", 8], arguments.seconds)
    time.sleep(arguments.seconds * 0.6)
    during, files = rig.own_bytes(), rig.open_files()
    quick = rig.load([*SMALL, "--conns", 8, "--rate", 500], min(2, arguments.seconds * 0.2))
    result = rig.end_load(load)
    used, wall = rig.cpu() - cpu, time.monotonic() - began
    time.sleep(2)
    after, left = rig.own_bytes(), rig.open_files()
    head("transfers", "in progress at the end", "KiB/s each", "own bytes each", "own MiB", "after", "lb's CPU %",
         "others' p50 us", "p99", "unsent", "descriptors", "after", "errors")
    row(arguments.count, result["alive"], f"{result['received'] / wall / arguments.count / 1024:.2f}",
        f"{(during - before) / arguments.count:,.0f}", mib(during), mib(after), f"{used / wall * 100:.0f}",
        f"{quick['latency_us']['p50']:,.0f}", f"{quick['latency_us']['p99']:,.0f}", quick["unsent"], files, left,
        errors_of(result) + sum(quick["errors"].values()))


# --- soak ----------------------------------------------------------------------

class Sums:
    """Counters that must fit together once nothing is under way."""

    def __init__(self, metrics):
        self.metrics = metrics
        self.wrong = []

    def sum(self, name, label=""):
        return sum(value for key, value in self.metrics.items()
                   if key.partition("{")[0] == name and label in key)

    def same(self, what, one, other):
        if one != other:
            self.wrong.append(f"{what}: {one:,.0f} and {other:,.0f}")

    def check(self, done, tcp_done, in_flight):
        for name in ("web", "raw"):
            label = f'frontend="{name}"'
            self.same(f"{name}: requests and those finished",
                      self.sum("lb_frontend_requests_total", label),
                      self.sum("lb_frontend_requests_finished_total", label))
            self.same(f"{name}: requests finished and reasons",
                      self.sum("lb_frontend_requests_finished_total", label),
                      self.sum("lb_frontend_exchanges_ended_total", label))
            self.same(f"{name}: connections and those closed",
                      self.sum("lb_frontend_connections_total", label),
                      self.sum("lb_frontend_connections_closed_total", label))
        self.same("exchanges at servers and those finished", self.sum("lb_server_requests_total"),
                  self.sum("lb_server_requests_finished_total"))
        self.same("exchanges in flight", self.sum("lb_server_inflight"), 0)
        for name, answered in (("web", done), ("raw", tcp_done)):
            counted = self.sum("lb_frontend_requests_finished_total", f'frontend="{name}"')
            if not answered <= counted <= answered + in_flight:
                self.wrong.append(f"{name}: {counted:,.0f} requests, but the load had {answered:,.0f} answers")
        return self.wrong


def soak_round(rig, rate, seconds, samples):
    """One stretch of mixed load; requests answered, TCP exchanges, errors."""
    kinds = [([*SMALL, "--conns", 64, "--rate", round(rate * 0.8)], PROXY),
             ([*SMALL, "--conns", 32, "--close", "--sources", 16, "--rate", max(1, round(rate * 0.06))], PROXY),
             (["--path", "/chunked/65536", "--expect", 65536, "--conns", 8, "--rate",
               max(1, round(rate * 0.02))], PROXY),
             (["--raw", 64, "--close", "--conns", 32, "--sources", 16, "--rate", max(1, round(rate * 0.06))], TCP)]
    loads = [rig.begin_load(options, seconds, to) for options, to in kinds]
    while any(load.poll() is None for load in loads):
        samples.append((rig.status("VmRSS"), rig.open_files()))
        time.sleep(1)
    results = [rig.end_load(load) for load in loads]
    return (sum(result["requests"] for result in results[:3]), results[3]["requests"],
            sum(sum(result["errors"].values()) for result in results), sum(result["unsent"] for result in results))


def soak(rig, arguments):
    rig.start(threads=arguments.threads)
    most = rig.load([*SMALL, "--conns", 64], 2)
    rate = most["requests"] / most["seconds"] * arguments.load / 100
    print(f"{rate:,.0f} requests/s, {arguments.load} % of what a closed loop got, for {arguments.minutes:g} min")
    time.sleep(1)
    files, seconds = rig.busy_files(), arguments.minutes * 60
    done, tcp_done, errors, unsent, rounds = most["requests"], 0, errors_of(most), 0, 1
    samples, end, reloads = [], time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) > 1:
        answers = soak_round(rig, rate, min(60, left), samples)
        done, tcp_done = done + answers[0], tcp_done + answers[1]
        errors, unsent, rounds = errors + answers[2], unsent + answers[3], rounds + 1
        if arguments.reload:
            rig.lb.send_signal(signal.SIGHUP)
            reloads += 1
    time.sleep(3)
    quarter = max(1, len(samples) // 4)
    early = statistics.median(sample[0] for sample in samples[quarter:2 * quarter] or samples)
    late = statistics.median(sample[0] for sample in samples[-quarter:])
    wrong = Sums(rig.metrics()).check(done, tcp_done, rounds * 200)
    if late > early * 1.02 + 256:
        wrong.append(f"resident memory grew from {early:,.0f} to {late:,.0f} KiB")
    files_after = rig.busy_files()
    if files_after > files + 2:
        wrong.append(f"descriptors not in an idle pool: {files} before, {files_after} after")
    if errors:
        wrong.append(f"{errors} errors at the clients")
    head("answers", "TCP exchanges", "unsent", "reloads", "RSS KiB, 2nd quarter", "last quarter", "descriptors",
         "most", "after")
    row(f"{done:,}", f"{tcp_done:,}", unsent, reloads, f"{early:,.0f}", f"{late:,.0f}", files,
        max(sample[1] for sample in samples), files_after)
    for line in wrong:
        print("WRONG:", line)
    return 1 if wrong else 0


# --- command line --------------------------------------------------------------

def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    options = {
        threads: [("--most", int, 4), ("--rounds", int, 3), ("--seconds", float, 2)],
        idle: [("--count", int, 15000)],
        start: [("--backends", int, 1000), ("--rounds", int, 3)],
        slow: [("--count", int, 10000), ("--seconds", float, 10), ("--bytes", int, 65536)],
        soak: [("--minutes", float, 10), ("--load", float, 50), ("--threads", int, 1), ("--reload", int, 0)],
    }
    for run, known in options.items():
        command = commands.add_parser(run.__name__)
        command.set_defaults(run=run)
        for name, kind, value in known:
            command.add_argument(name, type=kind, default=value, help=f"default {value}")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    subprocess.run(["make", "-s", "-C", str(HERE), f"BUILD={BUILD}"], check=True)
    limit = raise_file_limit()
    sockets = 2 if arguments.what == "slow" else 1      # of lb, for each of the count
    if "count" in arguments and arguments.count * sockets + 1000 > limit:
        arguments.count = (limit - 1000) // sockets
        print(f"held to {arguments.count} by the limit of {limit} open files")
    told = machine()
    print(f"{told['cpu']}, {told['cpus']} CPUs, Linux {told['kernel']}\n")
    with tempfile.TemporaryDirectory(prefix="lb-scale-") as directory:
        rig = Rig(directory)
        try:
            return arguments.run(rig, arguments) or 0
        except Failed as problem:
            print(f"failed: {problem}")
            return 1
        finally:
            rig.close()


if __name__ == "__main__":
    sys.exit(main())
