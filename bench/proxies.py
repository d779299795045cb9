"""One adapter per proxy: writes its configuration for a setup and says how to start it.

Every adapter is tuned the way its experts would for one worker on one core: no
logs, pooled upstream keep-alive, limits out of the way.  Binaries come from the
environment (HAPROXY, NGINX, LB), else from PATH.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("BENCH_BUILD") or HERE.parent / "build" / "bench")


@dataclass
class Setup:
    """What a proxy is to be configured for."""
    mode: str                   # "http" or "tcp"
    listen: str                 # ADDRESS:PORT
    servers: list               # of ADDRESS:PORT, taken in turn
    dir: Path                   # for the configuration and whatever the proxy writes
    tls: str = ""               # certificate and key in one PEM file
    h2: bool = False
    bulk: bool = False          # large bodies: splice, or buffers for throughput
    chunked: bool = False       # large chunked bodies: buffers that hold one whole
    connections: int = 4096     # client and upstream connections together
    spare_backends: dict = field(default_factory=dict)  # name -> servers; never asked
    floor: list = None          # relay_floor's options; None when it cannot stand in


class Proxy:
    name = binary_variable = program = ""
    config_name = "proxy.conf"
    version_arguments = ["-v"]

    @property
    def binary(self):
        return shutil.which(os.environ.get(self.binary_variable, self.program))

    def version(self):
        ran = subprocess.run([self.binary, *self.version_arguments], capture_output=True, text=True)
        lines = (ran.stdout + ran.stderr).strip().splitlines()
        return lines[0] if lines else "unknown"

    def supports(self, setup):
        return True

    def config(self, setup):
        raise NotImplementedError

    def write(self, setup):
        path = setup.dir / self.config_name
        path.write_text(self.config(setup))
        return path

    def start_command(self, path):
        raise NotImplementedError

    def check_command(self, path):
        return None


class Haproxy(Proxy):
    name, binary_variable, program = "haproxy", "HAPROXY", "haproxy"

    def config(self, setup):
        bind = f"bind {setup.listen} backlog 4096"
        if setup.tls:
            bind += f" ssl crt {setup.tls} ssl-min-ver TLSv1.3 alpn {'h2,http/1.1' if setup.h2 else 'http/1.1'}"
        lines = ["global", "  nbthread 1", f"  maxconn {setup.connections}", "  no strict-limits"]
        if setup.tls:
            lines += ["  tune.ssl.cachesize 0"]     # tickets do; nginx has no session cache by default either
        if setup.bulk:
            size = 131072 if setup.chunked else 32768 if setup.tls else 65536
            lines += ["  tune.pipesize 1048576", f"  tune.bufsize {size}"]
        lines += [
            "defaults", f"  mode {setup.mode}",
            "  timeout connect 5s", "  timeout client 600s", "  timeout server 600s",
            f"  maxconn {setup.connections}", "  balance roundrobin",
        ]
        if setup.mode == "http":
            lines += ["  http-reuse always", "  timeout http-keep-alive 600s"]
        if setup.bulk and not setup.tls:
            lines += ["  option splice-auto", "  option splice-request", "  option splice-response"]
        lines += ["frontend web", f"  {bind}", "  default_backend app"]
        for name, servers in {"app": setup.servers, **setup.spare_backends}.items():
            lines.append(f"backend {name}")
            lines += [f"  server s{i} {server}" for i, server in enumerate(servers, 1)]
        return "\n".join(lines) + "\n"

    def start_command(self, path):
        return [self.binary, "-db", "-q", "-f", str(path)]

    def check_command(self, path):
        return [self.binary, "-c", "-q", "-f", str(path)]


class Nginx(Proxy):
    name, binary_variable, program = "nginx", "NGINX", "nginx"

    def upstream(self, setup, name, servers):
        lines = [f"  upstream {name} {{", *(f"    server {server} max_fails=0;" for server in servers)]
        if setup.mode == "http":
            lines += [f"    keepalive {max(256, 2 * len(servers))};",
                      "    keepalive_requests 1000000000;", "    keepalive_timeout 600s;"]
        return lines + ["  }"]

    def release(self):
        """(1, 25, 1) and what it was configured with; nginx -V says both."""
        said = subprocess.run([self.binary, "-V"], capture_output=True, text=True).stderr
        numbers = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
        return tuple(int(n) for n in numbers.groups()) if numbers else (0, 0, 0), said

    def load_stream_module(self, said):
        """Debian builds the stream module as a file of its own (libnginx-mod-stream)."""
        if "--with-stream=dynamic" not in said:
            return []
        at = re.search(r"--modules-path=(\S+)", said)
        return [f"load_module {at[1] if at else 'modules'}/ngx_stream_module.so;"]

    def config(self, setup):
        release, said = self.release()
        h2_word = " http2" if setup.h2 and release < (1, 25, 1) else ""
        listen = f"listen {setup.listen} backlog=4096" + (" ssl" if setup.tls else "") + h2_word + ";"
        body = []
        for name, servers in {"app": setup.servers, **setup.spare_backends}.items():
            body += self.upstream(setup, name, servers)
        tls = [f"    ssl_certificate {setup.tls};", f"    ssl_certificate_key {setup.tls};",
               "    ssl_protocols TLSv1.3;", "    ssl_session_tickets on;"] if setup.tls else []
        if setup.mode == "tcp":
            block = ["stream {", *body, "  server {", f"    {listen}", "    proxy_pass app;", "    tcp_nodelay on;",
                     f"    proxy_buffer_size {'256k' if setup.bulk else '16k'};", *tls, "  }", "}"]
        else:
            block = [
                "http {", "  access_log off;", "  tcp_nodelay on;",
                "  keepalive_timeout 600s;", "  keepalive_requests 1000000000;",
                "  client_max_body_size 0;",
                *(f"  {kind}_temp_path {setup.dir}/{kind};"
                  for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
                "  proxy_http_version 1.1;", '  proxy_set_header Connection "";',
                "  proxy_max_temp_file_size 0;",
                *(self.bulk_tuning(setup) if setup.bulk else []),
                *body, "  server {", f"    {listen}", *tls,
                *(["    http2 on;"] if setup.h2 and not h2_word else []),
                "    location / { proxy_pass http://app; }", "  }", "}"]
        files = min(setup.connections + 256, FILE_LIMIT)
        modules = self.load_stream_module(said) if setup.mode == "tcp" else []
        return "\n".join([
            *modules, "daemon off;", "worker_processes 1;", "user root;" if os.geteuid() == 0 else "",
            f"pid {setup.dir}/nginx.pid;", f"error_log {setup.dir}/error.log crit;", f"worker_rlimit_nofile {files};",
            f"events {{ use epoll; worker_connections {files}; multi_accept on; }}", *block]) + "\n"

    def bulk_tuning(self, setup):
        buffers = (["proxy_buffering off;", "proxy_buffer_size 128k;", "proxy_buffers 4 128k;",
                    "proxy_busy_buffers_size 256k;"] if setup.chunked else
                   ["proxy_buffer_size 16k;", "proxy_buffers 4 16k;", "proxy_busy_buffers_size 32k;"])
        return [f"  {line}" for line in ["proxy_request_buffering off;", "client_body_buffer_size 256k;", *buffers]]

    def start_command(self, path):
        return [self.binary, "-p", str(path.parent), "-e", str(path.parent / "early.log"), "-c", str(path)]

    def check_command(self, path):
        return [*self.start_command(path), "-t", "-q"]


class Lb(Proxy):
    """Our own proxy."""
    name, binary_variable, program = "lb", "LB", "lb"
    version_arguments = ["version"]

    def config(self, setup):
        tls = f'    tls {{ cert "{setup.tls}"; alpn h2, http/1.1 }}' if setup.tls else ""
        bind = f"    bind {setup.listen}" + (" { tls }" if setup.tls else "")
        lines = ["global { threads 1 }",
                 "frontend web {", f"    mode {setup.mode}", bind, tls, "    route -> app", "}"]
        for name, servers in {"app": setup.servers, **setup.spare_backends}.items():
            lines += [f"backend {name} {{", f"    mode {setup.mode}", "    balance round-robin",
                      *(f"    server s{i} {server}" for i, server in enumerate(servers, 1)), "}"]
        return "\n".join(lines) + "\n"

    def start_command(self, path):
        return [self.binary, "run", "-c", str(path)]

    def check_command(self, path):
        return [self.binary, "check", "-c", str(path)]


class Floor(Proxy):
    """relay_floor, the limit of a userspace epoll proxy; it has options, not a configuration."""
    name = "floor"
    extra = []

    @property
    def binary(self):
        path = BUILD / "relay_floor"
        return str(path) if path.exists() else None

    def version(self):
        return "relay_floor"

    def supports(self, setup):
        return setup.floor is not None

    def write(self, setup):
        self.options = ["--listen", setup.listen, "--to", f"{setup.servers[0]}x{len(setup.servers)}",
                        *setup.floor, *self.extra]
        if setup.tls:
            self.options += ["--tls", setup.tls]
        return setup.dir / self.config_name

    def start_command(self, path):
        return [self.binary, *self.options]


class FloorSplice(Floor):
    """relay_floor moving the bytes through pipes: the limit for bulk transfers without TLS."""
    name = "floor-splice"
    extra = ["--splice"]

    def supports(self, setup):
        return setup.floor is not None and setup.bulk and not setup.tls and "--pooled" not in setup.floor


def file_limit():
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1048576 if hard == resource.RLIM_INFINITY else hard


FILE_LIMIT = file_limit()
ANCHORS = ["haproxy", "nginx"]
FLOORS = ["floor", "floor-splice"]
PROXIES = {adapter.name: adapter for adapter in (Haproxy(), Nginx(), Lb(), Floor(), FloorSplice())}
