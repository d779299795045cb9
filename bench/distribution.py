#!/usr/bin/env python3
"""How each balancing policy spreads requests over three servers.

    bench/distribution.py [--lb build/lb] [--requests 3000]

Starts three small HTTP origins of its own and one lb process per policy (one worker), sends the
requests one after the other over keep-alive connections, each with its own path, from several
loopback addresses, and counts which server answered.  Weights are 5:1:1 where a policy uses them.
"""

import argparse
import http.client
import http.server
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

POLICIES = [  # policy, server options, what to expect
    ("round-robin", ["", "", ""], "equal, exactly"),
    ("random", ["", "", ""], "equal within chance"),
    ("source-hash", ["", "", ""], "by client address (64 of them)"),
    ("source-hash modulo", ["", "", ""], "by client address (64 of them)"),
    ("weighted-round-robin", ["{ weight 5 }", "", ""], "5:1:1, exactly"),
    ("weighted-random", ["{ weight 5 }", "", ""], "5:1:1 within chance"),
    ("least-connections", ["", "", ""], "equal when idle"),
    ("least-connections", ["{ weight 5 }", "", ""], "5:1:1 when idle"),
    ("two-choices", ["", "", ""], "equal within chance"),
    ("least-time", ["", "", ""], "equal servers: no server starves"),
    ("hash uri", ["", "", ""], "by path (3,000 of them)"),
    ("hash uri bounded-load 1.25", ["", "", ""], "by path, none above 1.25 of the mean"),
]


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one write

    def do_GET(self):
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def start_origins():
    origins = []
    for name in ("s1", "s2", "s3"):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
        server.daemon_threads = True
        server.name = name
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origins.append(server)
    return origins


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def measure(lb, folder, policy, options, ports, requests):
    port = free_port()
    servers = "".join(f"    server s{i + 1} 127.0.0.1:{p} {o}\n" for i, (p, o) in enumerate(zip(ports, options)))
    conf = Path(folder) / "lb.conf"
    conf.write_text("global { threads 1; log stderr text error }\n"
                    f"frontend web {{ bind 127.0.0.1:{port}; route -> app }}\n"
                    f"backend app {{\n    balance {policy}\n{servers}}}\n")
    process = subprocess.Popen([lb, "run", "-c", str(conf)])
    try:
        deadline = time.time() + 5
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.time() > deadline:
                    raise
                time.sleep(0.01)
        clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(f"127.0.2.{i + 1}", 0))
                   for i in range(64)]
        seen, order = Counter(), []
        for i in range(requests):
            client = clients[i % len(clients)]
            client.request("GET", f"/item/{i}")
            name = client.getresponse().read().decode()
            seen[name] += 1
            order.append(name[-1])
        for client in clients:
            client.close()
        return seen, "".join(order[:14])
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lb", default="build/lb")
    parser.add_argument("--requests", type=int, default=3000)
    args = parser.parse_args()
    ports = [o.server_address[1] for o in start_origins()]
    print(f"| policy | weights | s1 | s2 | s3 | first 14 picks | expected |\n|{'---|' * 7}")
    with tempfile.TemporaryDirectory() as folder:
        for policy, options, expected in POLICIES:
            seen, order = measure(args.lb, folder, policy, options, ports, args.requests)
            weights = "5:1:1" if any(options) else "1:1:1"
            print(f"| {policy} | {weights} | {seen['s1']} | {seen['s2']} | {seen['s3']} | {order} | {expected} |")


if __name__ == "__main__":
    main()
