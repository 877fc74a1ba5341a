"""Channel daemons as child processes, and the chains that they are on; for the durability tests."""

import argparse
import http.client
import http.server
import os
import re
import subprocess
import sys
import threading
import time

from node import ANVIL, VARVE, Client, Node, Server, free_port

# The first keys of the development mnemonic.
KEYS = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
]
ETHER = 10**18
GONE = (OSError, http.client.HTTPException, ValueError)


def until(question, seconds, what):
    """Asks again until it is answered with something true."""
    deadline = time.monotonic() + seconds
    while not (found := question()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come within {seconds} seconds")
        time.sleep(0.005)
    return found


def options(about, **more):
    """The command line: --chain, and what else there is, by name with what it is unless given."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--chain", choices=CHAINS, default="l1")
    for name, value in more.items():
        parser.add_argument(name, nargs="?", type=type(value), default=value)
    wanted = parser.parse_args()
    if wanted.chain == "anvil" and not os.path.exists(ANVIL):
        print(f"skip {os.path.basename(sys.argv[0])} on anvil: foundry comes for linux on x86-64 only")
        sys.exit()
    return wanted


class Chain:
    """What daemons are on. A block comes with each transaction, and when it is told to."""

    def __init__(self, server, port):
        self.server, self.port, self.url = server, port, f"http://127.0.0.1:{port}"

    def client(self, *call):
        return Client(self.port)(*call)

    def mine(self, count=1):
        for _ in range(count):
            self.client("evm_mine")

    def height(self):
        return int(self.client("eth_blockNumber"), 16)

    def move_clock(self, seconds):
        self.client("evm_increaseTime", seconds)
        self.mine()

    def stop(self):
        self.server.stop()


class Child(Chain):
    """A layer 2 on varve's L1: its blocks come with transactions alone, and its clock follows its parent's."""

    def __init__(self, server, port):
        super().__init__(server, port)
        self.beater = server.accounts[-1]
        until(self.is_there, 60, "the layer 2 with its users' ether")

    def is_there(self):
        try:
            return int(self.client("eth_getBalance", self.beater, "latest"), 16) > 0
        except GONE:
            return False

    def parent(self, *call):
        return Client(self.server.port)(*call)

    def mine(self, count=1):
        for _ in range(count):
            sent = self.client("eth_sendTransaction", {"from": self.beater, "to": self.beater, "value": "0x0"})
            time.sleep(0.02)  # about as long as there is between two blocks
            until(lambda sent=sent: self.client("eth_getTransactionReceipt", sent), 30, "a block")

    def move_clock(self, seconds):
        def time_s():
            return int(self.client("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

        then = time_s() + seconds
        self.parent("evm_increaseTime", seconds)
        self.parent("evm_mine")
        until(lambda: (self.mine(), time_s() >= then)[1], 30, "the child's time")


def start_l1(folder):
    node = Node(folder)
    return Chain(node, node.port)


def start_l2(folder):
    port = free_port()
    return Child(Node(folder, "--l2", "1", "--l2.port", str(port)), port)


def start_anvil(folder):
    port = free_port()
    return Chain(Server([ANVIL, "--port", str(port), "--chain-id", "900"], port, folder + ".log"), port)


CHAINS = {"l1": start_l1, "l2": start_l2, "anvil": start_anvil}


def start_chain(folder, kind="l1"):
    chain = CHAINS[kind](folder)
    subprocess.run([VARVE, "channel", "deploy", "--chain", chain.url, "--key", KEYS[0]], check=True,
                   stdout=subprocess.DEVNULL)
    return chain


class SlowChain:
    """The same chain through a server that takes its time over logs."""

    def __init__(self, chain, seconds):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if b"eth_getLogs" in body:
                    time.sleep(seconds)
                connection = http.client.HTTPConnection("127.0.0.1", chain.port, timeout=20)
                connection.request("POST", "/", body, {"content-type": "application/json"})
                answer = connection.getresponse().read()
                try:
                    self.send_response(200)
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # whoever asked is gone

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Daemon:
    """Its journal is written anew all the time."""

    def __init__(self, folder, key, chain, *flags, log=None, wrapper=()):
        self.folder, self.key, self.chain, self.flags = folder, key, chain, flags
        self.port, self.log = free_port(), log or folder + ".log"
        os.makedirs(folder, exist_ok=True)
        self.start(wrapper)

    def start(self, wrapper=()):
        """Afterwards it answers; raises RuntimeError with its last words where it ends instead."""
        begun = time.monotonic()
        with open(self.log, "ab") as output:
            from_here = output.tell()
            self.process = subprocess.Popen(
                [*wrapper, VARVE, "channel", "node", "--chain", self.chain.url, "--key", self.key, "--datadir",
                 self.folder, "--port", str(self.port), "--http.port", "0", "--confirmations", "1", "--poll", "50",
                 "--challenge", "600", "--journal", "1", *self.flags], stdout=output, stderr=output)

        def words():
            with open(self.log, encoding="utf-8") as log:
                log.seek(from_here)
                text = log.read()
            if self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.process.returncode}: {text[-500:]}")
            return text if "\nData " in text else None

        text = until(words, 20, "the daemon")
        self.name = re.search(r"^Node +(\S+)$", text, re.MULTILINE)[1]
        self.http = int(re.search(r"^JSON-RPC .*:(\d+)$", text, re.MULTILINE)[1])
        self.seconds_to_start = time.monotonic() - begun

    def ask(self, method, **params):
        return Client(self.http)(f"channel_{method}", params)

    def ask_and_lose(self, method, **params):
        """Whatever comes of it: the daemon may end meanwhile."""
        try:
            self.ask(method, **params)
        except GONE + (RuntimeError,):
            pass

    def channel(self, channel):
        return next(each for each in self.ask("list") if each["channel"] == channel)

    def balance(self, channel):
        return int(self.channel(channel)["balance"], 16)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=30)


def open_channel(opener, acceptor):
    """With an ether of each."""
    channel = opener.ask("open", peer=acceptor.name, amount=hex(ETHER))["channel"]
    acceptor.ask("topup", channel=channel, amount=hex(ETHER))
    until(lambda: acceptor.channel(channel)["spendable"] != "0x0", 10, "the acceptor's deposit")
    return channel


def are_quiet(first, second, channel):
    """Both are together, and count the same; all payments were of one wei."""
    a, b = first.channel(channel), second.channel(channel)
    moved = a["sent"] - b["sent"]
    return (a["state"] == b["state"] == "open" and a["sent"] == b["received"] and b["sent"] == a["received"]
            and int(a["balance"], 16) == ETHER - moved and int(b["balance"], 16) == ETHER + moved and (a, b))
