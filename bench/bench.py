#!/usr/bin/env python3
"""Compares load balancers side by side on this machine; README.md says how to read it."""

import argparse
import http.client
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from proxies import ANCHORS, BUILD, FILE_LIMIT, FLOORS, HERE, PROXIES, Setup
from scenarios import (ECHO_COUNT, ECHO_PORT, HTTP_COUNT, HTTP_PORT, PROXY, SCENARIOS, SOURCE_PORT,
                       spare_backends)

PROXY_CPU, LOAD_CPU = 0, 1
QUIET = 5                       # percent of a CPU that strangers may use in a run
ATTEMPTS = 3                    # runs made when they use more
TICK = os.sysconf("SC_CLK_TCK")
GIB = 1 << 30
BROWSER_HEADERS = [
    "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "accept-language: en-US,en;q=0.9",
    "accept-encoding: gzip, deflate, br",
    "referer: http://www.example.com/catalogue/index.html",
    "cookie: session=4b2f6d0c9a8e41f7b5c3d2e1f0a9b8c7; theme=light",
    "cache-control: max-age=0",
]


class Failed(Exception):
    """A run that gave no number; the message says why."""


# --- processes ---------------------------------------------------------------

def pinned(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


def family(pid):
    """The process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pids):
    user = system = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        user, system = user + int(fields[11]), system + int(fields[12])
    return user / TICK, system / TICK


def memory_kib(pids):
    """PSS now and the peak RSS, summed over the processes."""
    pss = peak = 0
    for pid in pids:
        pss += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
        peak += int(re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])
    return pss, peak


def cpu_busy_seconds(cpu):
    """Time the whole CPU was not idle, softirqs included."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{cpu} "):
            ticks = [int(t) for t in line.split()[1:9]]
            return (sum(ticks) - ticks[3] - ticks[4] - ticks[7]) / TICK     # not idle, iowait, steal
    return 0.0


def softirq_thread(cpu):
    """The kernel thread that takes over a CPU's network work under load; it is no stranger."""
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == f"ksoftirqd/{cpu}":
                return [int(comm.parent.name)]
        except OSError:                     # ended meanwhile
            continue
    return []


def children_cpu_seconds():
    """CPU time of the ended children: of the load, within a run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def wait_until_quiet(limit=10):
    """Another program on the machine spoils a run: give it some time to end."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        before = [cpu_busy_seconds(cpu) for cpu in (PROXY_CPU, LOAD_CPU)]
        time.sleep(0.2)
        if all(cpu_busy_seconds(cpu) - was < 0.03 for cpu, was in zip((PROXY_CPU, LOAD_CPU), before)):
            return


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in family(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.wait()


def port_of(endpoint):
    address, _, port = endpoint.rpartition(":")
    return address, int(port)


def wait_for_port(endpoint, process, log, limit=10):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"ended at start: {log.read_text()[-300:].strip()}")
        try:
            socket.create_connection(port_of(endpoint), 1).close()
            return
        except OSError:
            time.sleep(0.002)
    raise Failed(f"did not listen within {limit} s")


def make_certificate(directory, pem):
    """A P-256 leaf and the authority that signed it, as a site would serve them, with the leaf's key."""
    for name, signer in (("authority", []), ("leaf", ["-CA", "authority.crt", "-CAkey", "authority.key"])):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", "-subj", f"/CN={name}.example.com", "-keyout", f"{name}.key",
                        "-out", f"{name}.crt", *signer], check=True, capture_output=True, cwd=directory)
    pem.write_text("".join((directory / name).read_text() for name in ("leaf.crt", "authority.crt", "leaf.key")))


# --- one run -----------------------------------------------------------------

class Bench:
    def __init__(self, arguments, directory):
        self.arguments = arguments
        self.dir = directory
        self.latency_rate = arguments.rate
        self.pem = directory / "cert.pem"
        self.softirq = [softirq_thread(cpu) for cpu in (PROXY_CPU, LOAD_CPU)]
        make_certificate(directory, self.pem)
        self.origin = subprocess.Popen(
            [BUILD / "origin", "--http", str(HTTP_PORT), str(HTTP_COUNT),
             "--echo", str(ECHO_PORT), str(ECHO_COUNT), "--source", str(SOURCE_PORT)],
            stdout=subprocess.PIPE, text=True, preexec_fn=pinned(LOAD_CPU))
        if self.origin.stdout.readline() != "ready\n":
            raise SystemExit("the origin did not start")

    def close(self):
        stop(self.origin)

    def origin_counters(self):
        """The origin's counters since the last call."""
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=5)
        connection.request("GET", "/stats")
        counters = json.loads(connection.getresponse().read())
        connection.close()
        return counters

    def setup(self, scenario, directory, connections=None):
        return Setup(
            mode=scenario.mode, listen=PROXY, dir=directory, tls=str(self.pem) if scenario.tls else "",
            servers=[f"127.0.0.1:{scenario.first_port + i}" for i in range(scenario.servers)],
            h2=scenario.h2, bulk=scenario.bulk, chunked=scenario.chunked, floor=scenario.floor,
            connections=connections or scenario.connections,
            spare_backends=spare_backends() if scenario.kind == "startup" else {})

    def start(self, proxy, setup):
        path = proxy.write(setup)
        log = setup.dir / "output"
        process = subprocess.Popen(proxy.start_command(path), stdin=subprocess.DEVNULL, stdout=log.open("w"),
                                   stderr=subprocess.STDOUT, preexec_fn=pinned(PROXY_CPU))
        try:
            wait_for_port(PROXY, process, log)
        except Failed:
            stop(process)
            raise
        return process

    def load(self, options, seconds):
        command = [BUILD / "load", "--to", PROXY, "--seconds", str(seconds), *options]
        ran = subprocess.run(command, capture_output=True, text=True, preexec_fn=pinned(LOAD_CPU),
                             timeout=seconds + 60)
        if ran.returncode:
            raise Failed(f"load: {ran.stderr.strip() or ran.returncode}")
        return json.loads(ran.stdout.splitlines()[-1])

    def h2load(self, seconds):
        headers = [part for header in BROWSER_HEADERS for part in ("-H", header)]
        ran = subprocess.run(["h2load", "-D", str(max(1, round(seconds))), "-c", "16", "-m", "10", "-t", "1", *headers,
                              f"https://{PROXY}/"], capture_output=True, text=True, preexec_fn=pinned(LOAD_CPU),
                             timeout=seconds + 60)
        counts = re.search(r"requests: .* done, (\d+) succeeded, (\d+) failed", ran.stdout)
        rate = re.search(r"finished in ([\d.]+)s, ([\d.]+) req/s", ran.stdout)
        times = re.search(r"time for request:\s+(\S+)\s+(\S+)\s+(\S+)", ran.stdout)
        if not counts or not rate or not times or "h2" not in ran.stdout:
            raise Failed(f"h2load: {(ran.stderr or ran.stdout)[-200:]}")
        done = int(counts[1])
        scale = {"us": 1, "ms": 1e3, "s": 1e6}
        def microseconds(text):
            value, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()
            return float(value) * scale[unit]
        return {"requests": done, "seconds": done / float(rate[2]), "received": 0, "reconnects": 0, "unsent": 0,
                "handshakes": 0, "errors": {"failed": int(counts[2])},
                "latency_us": {"mean": microseconds(times[3]), "max": microseconds(times[2])}}

    def measure(self, proxy, scenario):
        """The least disturbed of a few runs; one when it was not disturbed."""
        runs = []
        while len(runs) < ATTEMPTS and (not runs or runs[-1].get("strangers", 0) > QUIET):
            wait_until_quiet()
            runs.append(self.measure_once(proxy, scenario))
        return min(runs, key=lambda numbers: numbers.get("strangers", 0))

    def measure_once(self, proxy, scenario):
        with tempfile.TemporaryDirectory(dir=self.dir) as directory:
            run = {"idle": self.measure_idle, "startup": self.measure_startup}.get(scenario.kind, self.measure_load)
            return run(proxy, scenario, Path(directory))

    def measure_load(self, proxy, scenario, directory, seconds=None, options=()):
        seconds = seconds or self.arguments.seconds
        options = [*scenario.load, *options]
        if scenario.kind == "latency" and self.latency_rate and not options.count("--rate"):
            options += ["--rate", str(self.latency_rate)]
        process = self.start(proxy, self.setup(scenario, directory))
        try:
            run = self.h2load if scenario.kind == "h2load" else lambda s: self.load(options, s)
            run(0.4)
            pids = family(process.pid)
            self.origin_counters()
            cpus = [cpu_busy_seconds(cpu) for cpu in (PROXY_CPU, LOAD_CPU)]
            softirq = [sum(cpu_seconds(thread)) for thread in self.softirq]
            load_before = children_cpu_seconds() + sum(cpu_seconds([self.origin.pid]))
            before, began = cpu_seconds(pids), time.monotonic()
            result = run(seconds)
            after, wall = cpu_seconds(pids), time.monotonic() - began
            load_cpu = children_cpu_seconds() + sum(cpu_seconds([self.origin.pid])) - load_before
            cpus = [cpu_busy_seconds(cpu) - was for cpu, was in zip((PROXY_CPU, LOAD_CPU), cpus)]
            softirq = [sum(cpu_seconds(thread)) - was for thread, was in zip(self.softirq, softirq)]
            origin = self.origin_counters()
            pss, peak = memory_kib(pids)
        finally:
            stop(process)
        user, system = after[0] - before[0], after[1] - before[1]
        units = result["requests"]
        if scenario.unit == "GiB":
            units = (units * scenario.size if scenario.size else result["received"]) / GIB
        if not units:
            raise Failed(f"nothing came through: {result['errors']}")
        scale = 1e3 if scenario.unit == "GiB" else 1e6     # ms per GiB, else microseconds
        errors = sum(result["errors"].values()) + result["unsent"] + origin["bad"]
        if result["handshakes"]:        # all were to be resumed, or none
            errors += abs(result["resumed"] - result["handshakes"] * ("--resume" in options))
        numbers = {
            "rate": units / result["seconds"],
            "cost": (user + system) / units * scale,
            "cost_user": user / units * scale, "cost_system": system / units * scale,
            "busy": (user + system) / wall * 100, "load_cpu_busy": cpus[1] / wall * 100,
            "strangers": max(0, cpus[0] - user - system - softirq[0], cpus[1] - load_cpu - softirq[1]) / wall * 100,
            "pss_mib": pss / 1024, "peak_rss_mib": peak / 1024,
            "errors": errors, "reconnects": result["reconnects"],
            "upstream_connections": origin["accepted"], "upstream_requests": origin["requests"],
            "servers": origin["servers"], "most_to_least": origin["most"] / max(1, origin["least"]),
        }
        if units != 0 and result["latency_us"].get("max"):
            numbers |= {f"latency_{key}": value for key, value in result["latency_us"].items()}
        return numbers

    def measure_idle(self, proxy, scenario, directory):
        count = self.arguments.idle_tls if scenario.tls else self.arguments.idle
        count = min(count, FILE_LIMIT - 1200)
        process = self.start(proxy, self.setup(scenario, directory, connections=count + 1000))
        try:
            pids = family(process.pid)
            self.load(["--conns", "8", "--close", *(["--tls"] if scenario.tls else [])], 0.2)
            before, _ = memory_kib(pids)
            options = [*scenario.load, "--conns", str(count), "--seconds", "60"]
            with subprocess.Popen([BUILD / "load", "--to", PROXY, *options], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  preexec_fn=pinned(LOAD_CPU)) as holder:
                said = holder.stdout.readline().split()
                time.sleep(1.5)
                during, peak = memory_kib(pids)
                result = json.loads(holder.communicate("")[0].splitlines()[-1])
        finally:
            stop(process)
        held = int(said[1]) if len(said) == 2 else 0
        if not held:
            raise Failed(f"no connection was held: {result['errors']}")
        return {"held": held, "alive": result["alive"], "errors": sum(result["errors"].values()) + count - held,
                "bytes_per_connection": (during - before) * 1024 / held,
                "total_per_connection": during * 1024 / held,
                "base_mib": before / 1024, "pss_mib": during / 1024, "peak_rss_mib": peak / 1024}

    def measure_startup(self, proxy, scenario, directory):
        setup = self.setup(scenario, directory)
        path = proxy.write(setup)
        check = proxy.check_command(path)
        numbers = {}
        if check:
            began = time.monotonic()
            ran = subprocess.run(check, capture_output=True, text=True, preexec_fn=pinned(PROXY_CPU))
            numbers["check_ms"] = (time.monotonic() - began) * 1e3
            if ran.returncode:
                raise Failed(f"the check failed: {(ran.stderr + ran.stdout)[-200:].strip()}")
        began = time.monotonic()
        process = self.start(proxy, setup)
        try:
            self.request_once()
            numbers["start_ms"] = (time.monotonic() - began) * 1e3
            pids = family(process.pid)
            pss, peak = memory_kib(pids)
            user, system = cpu_seconds(pids)
        finally:
            stop(process)
        return numbers | {"start_cpu_ms": (user + system) * 1e3, "pss_mib": pss / 1024, "peak_rss_mib": peak / 1024,
                          "errors": 0}

    def request_once(self):
        connection = http.client.HTTPConnection(*port_of(PROXY), timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200 or len(body) != 128:
            raise Failed(f"a request gave status {answer.status} and {len(body)} bytes")

    def choose_latency_rate(self, proxies):
        """Half of what the slowest anchor (or else proxy) manages."""
        chosen = [p for p in proxies if p.name in ANCHORS] or proxies
        rates = []
        for proxy in chosen:
            with tempfile.TemporaryDirectory(dir=self.dir) as directory:
                rates.append(self.measure_load(proxy, SCENARIOS["h1-small"], Path(directory), seconds=1)["rate"])
        self.latency_rate = round(min(rates) / 2, -2)


# --- what comes out ------------------------------------------------------------

def summarize(samples):
    keys = dict.fromkeys(key for sample in samples for key in sample)
    summary = {}
    for key in keys:
        values = [sample[key] for sample in samples if key in sample]
        summary[key] = {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": values}
    return summary


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(summary, key):
    if key not in summary:
        return "-"
    s = summary[key]
    return f"{number(s['median'])} ({number(s['min'])}–{number(s['max'])})"


def plain(summary, key):
    return number(summary[key]["median"]) if key in summary else "-"


def ratio(results, name, key, others, better):
    """This proxy's number over the best of the others': the median over rounds of the ratio within a round."""
    others = [other for other in others if key in results.get(other, {})]
    if not others or key not in results[name]:
        return "-"
    best = better(others, key=lambda other: results[other][key]["median"])
    ratios = [mine / its for mine, its in zip(results[name][key]["rounds"], results[best][key]["rounds"]) if its]
    return f"{statistics.median(ratios):.2f}" if ratios else "-"


def columns(scenario):
    """Title, and how to fill the cell from (results, proxy name)."""
    def show(key, how=plain):
        return lambda results, name: how(results[name], key)

    def against(key, others, better):
        return lambda results, name: ratio(results, name, key, others, better)

    if scenario.kind == "idle":
        return [("bytes/connection", show("bytes_per_connection", spread)),
                ("x best anchor", against("bytes_per_connection", ANCHORS, min)),
                ("x floor", against("bytes_per_connection", FLOORS, min)),
                ("held", show("held")), ("alive", show("alive")), ("base MiB", show("base_mib")),
                ("PSS MiB", show("pss_mib")), ("all PSS/connection", show("total_per_connection")),
                ("errors", show("errors"))]
    if scenario.kind == "startup":
        return [("start ms", show("start_ms", spread)), ("x best anchor", against("start_ms", ANCHORS, min)),
                ("check ms", show("check_ms", spread)), ("CPU ms", show("start_cpu_ms")),
                ("PSS MiB", show("pss_mib", spread)), ("peak RSS MiB", show("peak_rss_mib"))]
    cost = "ms" if scenario.unit == "GiB" else "us"
    chosen = [(f"{scenario.unit}/s", show("rate", spread)), ("x best anchor", against("rate", ANCHORS, max)),
              (f"CPU {cost}/{scenario.unit}", show("cost", spread)),
              ("user", show("cost_user")), ("sys", show("cost_system")),
              ("x best anchor", against("cost", ANCHORS, min)),
              ("x floor", against("cost", FLOORS, min)),
              ("busy %", show("busy")), ("load CPU %", show("load_cpu_busy"))]
    if scenario.kind == "latency":
        chosen += [("p50 us", show("latency_p50", spread)), ("p99", show("latency_p99", spread)),
                   ("p99.9", show("latency_p999", spread)), ("max", show("latency_max"))]
    elif scenario.kind == "h2load":
        chosen += [("mean us", show("latency_mean")), ("max", show("latency_max"))]
    elif scenario.size or scenario.unit != "GiB":
        chosen += [("p50 us", show("latency_p50")), ("p99", show("latency_p99")), ("p99.9", show("latency_p999"))]
    return chosen + [("PSS MiB", show("pss_mib")), ("peak RSS", show("peak_rss_mib")),
                     ("up conns", show("upstream_connections")), ("strangers %", show("strangers")),
                     ("errors", show("errors"))]


def print_table(scenario, results, note=""):
    print(f"\n### {scenario.name}: {scenario.about}{note}\n")
    wanted = columns(scenario)
    rows = [["proxy", *(title for title, _ in wanted)]]
    rows += [[name, *(cell(results, name) for _, cell in wanted)] for name in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for at, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if at == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for name, result in results.items():
        if "busy" in result and result["busy"]["median"] < 90 and scenario.kind != "latency":
            print(f"{name}: only {result['busy']['median']:.0f} % busy, so its rate is bound by the load's CPU; "
                  "compare the CPU cost")
    sys.stdout.flush()


def machine():
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return {"cpu": model[1] if model else "?", "cpus": os.cpu_count(), "kernel": platform.release(),
            "memory_kib": int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]),
            "openssl": subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.strip()}


def chosen_from(text, known, what):
    names = list(known) if text == "all" else [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"unknown {what}: {', '.join(unknown)}; known: {', '.join(known)}")
    return [known[name] for name in names]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proxies", default="all", help=f"of {','.join(PROXIES)} (default: all there are)")
    parser.add_argument("--scenarios", default="all", help=f"of {','.join(SCENARIOS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of load per run")
    parser.add_argument("--rate", type=float, default=0, help="requests/s of the latency scenario")
    parser.add_argument("--idle", type=int, default=15000, help="connections idle-mem holds")
    parser.add_argument("--idle-tls", type=int, default=5000, help="connections idle-mem-tls holds")
    parser.add_argument("--json", help="also write everything here")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    scenarios = chosen_from(arguments.scenarios, SCENARIOS, "scenario")
    subprocess.run(["make", "-s", "-C", str(HERE), f"BUILD={BUILD}"], check=True)
    proxies = []
    for proxy in chosen_from(arguments.proxies, PROXIES, "proxy"):
        if proxy.binary:
            proxies.append(proxy)
        else:
            print(f"skipped {proxy.name}: no binary (put it on PATH, or set {proxy.binary_variable})")
    if not proxies:
        raise SystemExit("nothing to measure")
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("two CPUs are needed: one for the proxy, one for the load")
    os.sched_setaffinity(0, {LOAD_CPU})
    for number in (signal.SIGTERM, signal.SIGINT):      # ends what was started, also when in the background
        signal.signal(number, signal.default_int_handler)
    report = {"machine": machine(), "arguments": vars(arguments),
              "versions": {proxy.name: proxy.version() for proxy in proxies}, "results": {}}
    for name, version in report["versions"].items():
        print(f"{name}: {version}")
    if any(s.kind == "idle" for s in scenarios) and arguments.idle > FILE_LIMIT - 1200:
        print(f"idle-mem is held to {FILE_LIMIT - 1200} connections by the limit of {FILE_LIMIT} open files")
    with tempfile.TemporaryDirectory(prefix="lb-bench-") as directory:
        bench = Bench(arguments, Path(directory))
        try:
            for scenario in scenarios:
                report["results"][scenario.name] = run_scenario(bench, scenario, proxies)
        except KeyboardInterrupt:
            print("stopped")
        finally:
            bench.close()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(report, indent=1) + "\n")


def run_scenario(bench, scenario, proxies):
    able = []
    for proxy in proxies:
        if scenario.kind == "h2load" and not shutil.which("h2load"):
            print("skipped h2-small: no h2load")
            break
        if proxy.supports(bench.setup(scenario, bench.dir)):
            able.append(proxy)
    note = ""
    if scenario.kind == "latency" and able:
        if not bench.latency_rate:
            bench.choose_latency_rate(able)
        note = f" ({bench.latency_rate:,.0f} requests/s)"
    samples, failures = {}, {}
    for _ in range(bench.arguments.rounds):
        for proxy in able:
            if proxy.name in failures:
                continue
            try:
                samples.setdefault(proxy.name, []).append(bench.measure(proxy, scenario))
            except (Failed, OSError, http.client.HTTPException, subprocess.SubprocessError) as problem:
                failures[proxy.name] = str(problem)
    results = {name: summarize(samples[name]) for name in samples if samples[name]}
    if results:
        print_table(scenario, results, note)
    for name, problem in failures.items():
        print(f"{name} failed in {scenario.name}: {problem}")
    return {"proxies": results, "failures": failures, "note": note.strip()}


if __name__ == "__main__":
    main()
