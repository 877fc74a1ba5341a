#!/usr/bin/env python3
"""Kills a node in mid-load, again and again. Whatever it had answered before must be there after:
every receipt with its block, and the head; and the node must answer again within five seconds.

    kills.py [rounds, 100 unless given]
"""

import http.client
import os
import random
import shutil
import sys
import tempfile
import threading
import time

from node import Node

THREADS = 4
GONE = (OSError, http.client.HTTPException, ValueError)


class Load:
    """Sends transfers from one account and waits for their receipts, until the node is gone."""

    def __init__(self, node, index, seen):
        self.client = node.client()
        self.sender = node.accounts[index]
        self.target = "0x" + os.urandom(20).hex()
        self.seen = seen
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while True:
                sent = self.client("eth_sendTransaction", {
                    "from": self.sender, "to": self.target, "value": "0x1", "gas": "0x5208"})
                receipt = None
                while receipt is None:
                    receipt = self.client("eth_getTransactionReceipt", sent)
                self.seen.append((sent, receipt["blockHash"], int(receipt["blockNumber"], 16)))
        except GONE:
            pass


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    chance = random.Random(1)
    top = tempfile.mkdtemp(prefix="varve-kills-")
    folder = os.path.join(top, "data")
    passed = failed = 0
    seen, slowest = [], 0.0
    for number in range(rounds):
        node = Node(folder)
        slowest = max(slowest, node.seconds_to_answer)
        client = node.client()
        wrong = []
        head = int(client("eth_blockNumber"), 16)
        if seen and head < max(block for _, _, block in seen):
            wrong.append(f"head {head} is below an answered receipt's block")
        # All of the last round, and some of the older ones.
        for sent, block_hash, block in seen[-400:] + chance.sample(seen, min(len(seen), 100)):
            receipt = client("eth_getTransactionReceipt", sent)
            if receipt is None or receipt["blockHash"] != block_hash:
                wrong.append(f"{sent} of block {block} is gone or elsewhere")
        if node.seconds_to_answer > 5:
            wrong.append(f"the first answer took {node.seconds_to_answer:.1f} s")
        for line in wrong[:5]:
            print(f"FAIL round {number}: {line}")
        failed += bool(wrong)
        passed += not wrong
        loads = [Load(node, index, seen) for index in range(THREADS)]
        time.sleep(chance.uniform(0.05, 0.6))
        node.kill()
        for load in loads:
            load.thread.join()
    print(f"{len(seen)} receipts over {rounds} kills; slowest first answer {slowest * 1e3:.0f} ms")
    print(f"{passed} passed, {failed} failed")
    shutil.rmtree(top)
    return failed != 0


sys.exit(main())
