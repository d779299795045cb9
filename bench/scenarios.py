"""What is measured: each scenario is a setup for the proxies and a load."""

import os
from dataclasses import dataclass, field

FIRST_PORT = int(os.environ.get("BENCH_PORT", "18080"))     # of some 3,100 that are used
PROXY = f"127.0.0.1:{FIRST_PORT}"
HTTP_PORT, HTTP_COUNT = FIRST_PORT + 1920, 1000
ECHO_PORT, ECHO_COUNT = HTTP_PORT + 1000, 16
SOURCE_PORT = HTTP_PORT + 1100
MIB = 1 << 20
SOURCES = "64"                  # client addresses where each request is a connection


@dataclass
class Scenario:
    name: str
    about: str
    load: list = field(default_factory=list)    # options of build/load
    kind: str = "load"          # load, h2load, latency, idle or startup
    unit: str = "request"       # what the cost is counted per
    size: int = 0               # bytes per request, where the unit is GiB; 0: as received
    mode: str = "http"
    first_port: int = HTTP_PORT
    servers: int = 4
    tls: bool = False
    h2: bool = False
    bulk: bool = False
    chunked: bool = False
    floor: list = None          # options of relay_floor
    connections: int = 4096


POOLED, OWN, BIG = ["--pooled"], [], ["--buffer", "524288"]
SMALL = ["--expect", "128"]

SCENARIOS = {s.name: s for s in [
    Scenario("h1-small", "keep-alive GET of 128 bytes, browser headers, 64 connections, 4 servers",
             SMALL, floor=POOLED),
    Scenario("h1-many", "h1-small over 1000 servers", SMALL, servers=1000, floor=POOLED),
    Scenario("h1-close", "a client connection per request, upstream pooled",
             [*SMALL, "--close", "--sources", SOURCES], floor=POOLED),
    Scenario("h1-1m", "1 MiB responses, 16 connections",
             ["--path", f"/bytes/{MIB}", "--expect", str(MIB), "--conns", "16"],
             unit="GiB", size=MIB, bulk=True, floor=BIG),
    Scenario("h1-upload", "POST of 1 MiB, 16 connections", ["--body", str(MIB), *SMALL, "--conns", "16"],
             unit="GiB", size=MIB, bulk=True, floor=BIG),
    Scenario("h1-chunked", "64 KiB chunked responses, 16 connections",
             ["--path", "/chunked/65536", "--expect", "65536", "--conns", "16"],
             unit="GiB", size=65536, bulk=True, chunked=True, floor=BIG),
    Scenario("tcp-pingpong", "layer 4, 64-byte messages, 64 connections", ["--raw", "64"], unit="message",
             mode="tcp", first_port=ECHO_PORT, floor=OWN),
    Scenario("tcp-bulk", "layer 4, download without end, 8 connections", ["--bulk", "--conns", "8"], unit="GiB",
             mode="tcp", first_port=SOURCE_PORT, servers=1, bulk=True, floor=BIG),
    Scenario("tcp-conn", "layer 4, connect, one exchange, close",
             ["--raw", "64", "--close", "--sources", SOURCES], unit="connection",
             mode="tcp", first_port=ECHO_PORT, servers=ECHO_COUNT, floor=OWN),
    Scenario("tls-small", "h1-small over TLS 1.3, ECDSA P-256", [*SMALL, "--tls"], tls=True, floor=POOLED),
    Scenario("tls-handshake", "full TLS 1.3 handshakes, ECDSA P-256, X25519",
             ["--handshake", "--sources", SOURCES], unit="handshake", tls=True, floor=POOLED),
    Scenario("tls-resume", "TLS 1.3 handshakes resumed with a ticket",
             ["--handshake", "--resume", "--sources", SOURCES], unit="handshake", tls=True, floor=POOLED),
    Scenario("tls-1m", "1 MiB responses over TLS 1.3, 16 connections",
             ["--path", f"/bytes/{MIB}", "--expect", str(MIB), "--conns", "16", "--tls"],
             unit="GiB", size=MIB, tls=True, bulk=True, floor=["--buffer", "16384"]),
    Scenario("h2-small", "HTTP/2 over TLS to HTTP/1.1 servers, 16 connections x 10 streams", kind="h2load",
             tls=True, h2=True),
    Scenario("latency", "open loop at a fixed rate, 64 connections", SMALL, kind="latency", floor=POOLED),
    Scenario("idle-mem", "memory per idle keep-alive connection", ["--hold", *SMALL, "--sources", "8"],
             kind="idle", unit="connection", floor=POOLED),
    Scenario("idle-mem-tls", "memory per idle keep-alive TLS connection",
             ["--hold", *SMALL, "--sources", "8", "--tls"], kind="idle", unit="connection", tls=True, floor=POOLED),
    Scenario("start-big", "start-up with 1,000 backends of 10 servers", kind="startup", servers=4, unit="start"),
]}


def spare_backends(backends=1000, servers=10):
    """A large configuration: 127.0.B.S addresses nobody listens on."""
    return {f"spare{b}": [f"127.{1 + b // 250}.{b % 250}.{s}:8000" for s in range(1, servers + 1)]
            for b in range(backends)}
