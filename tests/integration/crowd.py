#!/usr/bin/env python3
"""Many clients of the embedded broker, started where a process may have few descriptors unless it
asks for more: one more is served.

usage: crowd.py BIN
"""
import resource
import signal
import socket
import subprocess
import sys

CROWD = 60
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(CROWD + 100, 1024), hard))


def few():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))


broker = subprocess.Popen([sys.argv[1] + "/quadrille-embedded-broker"], stdout=subprocess.PIPE,
                          text=True, preexec_fn=few)
try:
    address = broker.stdout.readline().split()[-1]
    host, port = address.rsplit(":", 1)
    crowd = [socket.create_connection((host, int(port))) for _ in range(CROWD)]
    listed = subprocess.run(["kcat", "-L", "-b", address, "-m", "20"], capture_output=True,
                            text=True)
    if listed.returncode != 0 or "orders.commands" not in listed.stdout:
        sys.exit(f"crowd: one more is not served: {listed.stderr}")
finally:
    broker.send_signal(signal.SIGTERM)
    broker.wait(30)
