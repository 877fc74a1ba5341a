"""A varve node as a child process, spoken to over JSON-RPC; for the durability tests."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import time

VARVE = os.environ.get("VARVE", "build/varve")
ANVIL = "tests/clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"


def free_port():
    """Below those that the system gives to whoever connects: among them, one that is free now may be the near end of
    some connection by the time that it is listened on."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def freeze(pid):
    """Stops a process, all of it: the signal is for one thread to act on, and on a busy machine the others go on until
    that has."""
    os.kill(pid, signal.SIGSTOP)
    for _ in range(3000):
        states = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", encoding="latin-1") as stat:
                states.append(stat.read().rpartition(") ")[2][0])
        if all(state == "T" for state in states):
            return
        time.sleep(0.01)
    raise TimeoutError("the process does not stop")


class Client:
    """One connection, one thread. Raises OSError or HTTPException when the node is gone."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.id = 0

    def __call__(self, method, *params):
        self.id += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
        self.connection.request("POST", "/", body, {"content-type": "application/json"})
        answer = json.loads(self.connection.getresponse().read())
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]


class Server:
    """A program that answers JSON-RPC at `port`."""

    def __init__(self, words, port, log):
        self.port = port
        self.output = open(log, "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(words, stdout=self.output, stderr=self.output)
        self.accounts = self.first_answer()
        self.seconds_to_answer = time.monotonic() - self.started

    def first_answer(self):
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"the node ended with status {self.process.returncode}")
            if time.monotonic() - self.started > 60:
                raise RuntimeError("the node does not answer")
            try:
                return Client(self.port)("eth_accounts")
            except (OSError, http.client.HTTPException):
                time.sleep(0.002)

    def client(self):
        return Client(self.port)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=30)


class Node(Server):
    def __init__(self, folder, *flags, wrapper=()):
        port = free_port()
        if "--l2" not in flags:
            flags = ("--l2", "0", *flags)
        super().__init__([*wrapper, VARVE, "up", "--datadir", folder, "--http.port", str(port), *flags], port,
                         folder + ".log")
