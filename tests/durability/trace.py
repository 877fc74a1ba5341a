#!/usr/bin/env python3
"""Traces a node's system calls while it is used: no answer may name a block before the sync that
covers the block's record in the log has returned.

    trace.py [transactions, 200 unless given]
"""

import os
import re
import shutil
import sys
import tempfile
import threading
import time

from node import Node

LINE = re.compile(r"^(\d+) +(\w+)\(\d+<([^>]*)>(.*)$")
SYNC_DONE = re.compile(r"^(\d+) +<\.\.\. fdatasync resumed>.*= 0")
HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
NAMED = re.compile(rb'"(?:blockNumber|number)":"0x([0-9a-f]+)"')
RECORD_BLOCK = 2


def unescape(text):
    """strace -xx writes every string as \\x2f\\x74..., names of files too."""
    return b"".join(bytes.fromhex(part.replace("\\x", "")) for part in HEX.findall(text))


class Judge:
    """Follows the log's writes and syncs, and every block number in what goes out to sockets."""

    def __init__(self):
        self.written = self.synced = -1  # block numbers; the first record is the genesis block's
        self.begun = {}  # thread -> what was written when its sync began
        self.answers = 0
        self.wrong = []

    def line(self, line):
        done = SYNC_DONE.match(line)
        if done and done[1] in self.begun:
            self.synced = max(self.synced, self.begun.pop(done[1]))
        found = LINE.match(line)
        if found:
            thread, call, name, rest = found.groups()
            if name.startswith(("TCP", "socket")):
                self.answer(unescape(rest))
            elif unescape(name).endswith(b"/blocks"):
                self.log_call(thread, call, rest)

    def log_call(self, thread, call, rest):
        if call == "pwrite64":
            record = unescape(rest)
            # The file's own header is no record; a record's kind is its fifth byte.
            self.written += record[:8] != b"varvelog" and record[4] == RECORD_BLOCK
        elif "unfinished" in rest:
            self.begun[thread] = self.written
        elif rest.endswith("= 0"):
            self.synced = self.written

    def answer(self, text):
        for number in NAMED.findall(text):
            self.answers += 1
            if int(number, 16) > self.synced:
                self.wrong.append(
                    f"an answer names block {int(number, 16)}, synced is {self.synced}")


def load(node, index, count):
    client = node.client()
    for _ in range(count):
        sent = client("eth_sendTransaction", {
            "from": node.accounts[index], "to": node.accounts[index + 1], "value": "0x1"})
        while client("eth_getTransactionReceipt", sent) is None:
            client("eth_getBlockByNumber", "latest", False)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    if shutil.which("strace") is None:
        print("skip the trace of system calls: there is no strace")
        return 0
    top = tempfile.mkdtemp(prefix="varve-trace-")
    trace = os.path.join(top, "trace")
    # -ff would lose the order between threads; -yy names sockets and files; -D leaves the node our
    # own child.
    node = Node(os.path.join(top, "data"), wrapper=(
        "strace", "-D", "-f", "-yy", "-xx", "-s", "65536", "-o", trace, "-e",
        "trace=pwrite64,fdatasync,sendto,sendmsg,write,writev"))
    threads = [threading.Thread(target=load, args=(node, i, count // 4)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    node.stop()
    ended = re.compile(rf"^{node.process.pid} +\+\+\+ exited", re.MULTILINE)
    while not ended.search(open(trace, encoding="ascii").read()):
        time.sleep(0.05)
    judge = Judge()
    for line in open(trace, encoding="ascii"):
        judge.line(line.rstrip())
    wrong = judge.wrong
    if judge.written < 1 or judge.answers < count:
        wrong.append(f"the trace shows {judge.written} blocks and {judge.answers} answers")
    for line in wrong[:5]:
        print(f"FAIL {line}")
    print(f"{judge.written} blocks written, {judge.answers} block numbers answered, each after its "
          f"sync: {'no' if wrong else 'yes'}")
    print(f"{int(not wrong)} passed, {int(bool(wrong))} failed")
    shutil.rmtree(top)
    return bool(wrong)


sys.exit(main())
