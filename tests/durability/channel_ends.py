#!/usr/bin/env python3
"""How channels and their daemons end, where something comes between: a restart, or a signal.

    channel_ends.py [--chain l1|l2|anvil]
"""

import os
import shutil
import sys
import tempfile
import threading
import time

from daemons import ETHER, KEYS, Client, Daemon, SlowChain, open_channel, options, start_chain, until
from node import freeze


def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def pay(daemon, channel, count):
    try:
        Client(daemon.http)("channel_keysend", {"channel": channel, "amount": "0x1", "count": count})
    except RuntimeError:
        pass  # the close came first


def close_under_payments(first, second):
    """Both sums have to be the same, so the close is by both; a forced one would take ten minutes."""
    channel = open_channel(first, second)
    threads = [in_thread(lambda daemon=daemon: pay(daemon, channel, 1000))
               for daemon in (first, second) for _ in range(8)]
    until(lambda: second.channel(channel)["received"] > 100, 10, "payments")
    closed = second.ask("close", channel=channel, timeoutMs=20000)
    until(lambda: first.channel(channel)["state"] == "closed", 5, "the close on the other side")
    begun = time.monotonic()
    for thread in threads:
        thread.join()
    yield "and every payment that was asked for is answered", time.monotonic() - begun < 5, ""
    other = first.channel(channel)
    yield ("a channel is closed by both in the midst of payments",
           closed["state"] == "closed" and other["sent"] == closed["received"] and closed["sent"] == other["received"],
           (closed, other))


def pay_and_close_alone(first, second):
    """Both wait until the peer is back, and come in their order."""
    channel = open_channel(first, second)
    second.kill()
    until(lambda: first.channel(channel)["state"] == "offline", 5, "the peer's end")
    paying = in_thread(lambda: pay(first, channel, 7))
    until(lambda: int(first.channel(channel)["balance"], 16) == ETHER - 7, 5, "the payments")
    closing = in_thread(lambda: first.ask_and_lose("close", channel=channel, timeoutMs=20000))
    until(lambda: first.channel(channel)["state"] == "closing", 5, "the close")
    second.start()
    paying.join()
    closing.join()
    until(lambda: second.channel(channel)["state"] == "closed", 5, "the close on the other side")
    a, b = first.channel(channel), second.channel(channel)
    yield ("payments from before a close are made when the peer is back",
           a["state"] == "closed" and a["sent"] == b["received"] == 7, (a, b))


def settle_after_restart(chain, first, second):
    """Who was there when the dispute began, and knows it final, is started again much later."""
    channel = open_channel(first, second)
    pay(first, channel, 5)
    closing = in_thread(lambda: first.ask_and_lose("close", channel=channel, force=True, timeoutMs=20000))
    until(lambda: second.channel(channel)["state"] == "dispute", 10, "the dispute")
    first.kill()
    closing.join()
    chain.mine(140)
    head = chain.height()
    until(lambda: int(second.ask("nodeInfo")["chains"][0]["block"], 16) >= head, 10, "the newest block")
    second.kill()
    second.start()
    chain.move_clock(601)
    try:
        until(lambda: second.channel(channel)["state"] == "closed", 15, "the settlement")
    except RuntimeError:
        pass
    seen = second.channel(channel)
    yield "a dispute from before a restart is settled", seen["state"] == "closed", seen
    first.start()
    until(lambda: first.channel(channel)["state"] == "closed", 15, "the settlement on the other side")
    yield "and seen by who was away", int(seen["balance"], 16) == ETHER + 5, seen


def hear_of_what_was_missed(chain, first, second):
    """A close happens while one is away, who is killed again while it still reads what it has missed."""
    channel = open_channel(first, second)
    pay(first, channel, 5)
    second.kill()
    closing = in_thread(lambda: first.ask_and_lose("close", channel=channel, force=True, timeoutMs=5000))
    until(lambda: first.channel(channel)["state"] == "dispute", 10, "the dispute")
    chain.mine(140)
    closing.join()
    first.kill()
    second.chain = slow = SlowChain(chain, 1)
    second.start()
    time.sleep(0.5)
    second.kill()
    slow.stop()
    second.chain = chain
    second.start()
    try:
        until(lambda: second.channel(channel)["state"] == "dispute", 5, "the dispute")
    except RuntimeError:
        pass
    seen = second.channel(channel)
    yield "what happened while a daemon was away is seen at the second start too", seen["state"] == "dispute", seen
    first.start()
    chain.move_clock(601)
    until(lambda: second.channel(channel)["state"] == "closed", 15, "the settlement")


def drop_before_first_block(chain, first, second):
    """A lock's time is over when its payee comes back, and the payer says so before the payee has seen a block."""
    channel = open_channel(first, second)
    invoice = second.ask("invoice", amount="0x64")["invoice"]
    freeze(second.process.pid)
    paying = in_thread(lambda: first.ask_and_lose("pay", invoice=invoice, via=[], timeoutMs=60000))
    until(lambda: int(first.channel(channel)["spendable"], 16) == ETHER - 100, 10, "the lock")
    second.kill()
    chain.move_clock(100000)
    head = chain.height()
    until(lambda: int(first.ask("nodeInfo")["chains"][0]["block"], 16) >= head, 10, "the newest block")
    begun = os.path.getsize(second.log)
    second.chain = slow = SlowChain(chain, 1.5)
    second.start()
    try:
        until(lambda: int(first.channel(channel)["spendable"], 16) == ETHER, 20, "the lock's end")
    except RuntimeError:
        pass
    seen = first.channel(channel)
    yield "a lock whose time is over is dropped when its payee is back", int(seen["spendable"], 16) == ETHER, seen
    with open(second.log, encoding="utf-8") as log:
        log.seek(begun)
        complaints = [line for line in log if "breaks the rules" in line]
    yield "and that is no breach of rules before the payee's first block", not complaints, complaints
    paying.join()
    second.kill()
    slow.stop()
    second.chain = chain
    second.start()


def end_while_waiting(first):
    """Nobody listens there."""
    stranger = first.name.split("@")[0].replace(first.name[2:66], "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959"
                                                                  "f2815b16f81798")
    opening = in_thread(lambda: first.ask_and_lose("open", peer=f"{stranger}@127.0.0.1:1", amount="0x1"))
    time.sleep(0.5)
    begun = time.monotonic()
    try:
        status = first.stop()
    except Exception as error:  # it does not end: TimeoutExpired
        status = error
        first.kill()
    opening.join()
    yield "a signal ends a daemon that waits for a peer", status == 0, status
    yield "within five seconds", time.monotonic() - begun < 5, ""
    first.start()


def main():
    wanted = options(__doc__)
    top = tempfile.mkdtemp(prefix="varve-channel-ends-")
    chain = start_chain(os.path.join(top, "chain"), wanted.chain)
    first, second = (Daemon(os.path.join(top, name), key, chain) for name, key in zip("ab", KEYS[1:]))
    passed = failed = 0
    for facts in (end_while_waiting(first), close_under_payments(first, second),
                  pay_and_close_alone(first, second), pay_and_close_alone(second, first),
                  drop_before_first_block(chain, first, second), settle_after_restart(chain, first, second),
                  hear_of_what_was_missed(chain, first, second)):
        for fact, holds, seen in facts:
            if not holds:
                print(f"FAIL {fact}: {seen}")
            passed += bool(holds)
            failed += not holds
    print(f"{passed} passed, {failed} failed")
    first.stop()
    second.stop()
    chain.stop()
    shutil.rmtree(top)
    return failed != 0


sys.exit(main())
