#!/usr/bin/env python3
"""Kills channel daemons under payments, one of them or both, again and again. What a caller was told must
be there after, both must count the same, and no money may come or go.

    channel_kills.py [--chain l1|l2|anvil] [rounds, 100 unless given]
"""

import os
import random
import shutil
import sys
import tempfile
import threading
import time

from daemons import GONE, KEYS, Client, Daemon, are_quiet, open_channel, options, start_chain, until

THREADS = 3


class Load:
    """Pays one wei at a time from one side, until it is told to stop or the daemon is gone."""

    def __init__(self, daemon, channel, tally, stopping):
        self.client, self.channel = Client(daemon.http), channel
        self.tally, self.stopping = tally, stopping
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        chance = random.Random()
        while not self.stopping.is_set():
            count = chance.randrange(1, 30)
            self.tally.begin(count)
            try:
                self.client("channel_keysend", {"channel": self.channel, "amount": "0x1", "count": count})
                self.tally.told(count)
            except GONE:
                return


class Tally:
    """Payments of a side: as many as these are there at least, and at most."""

    def __init__(self):
        self.lock, self.least, self.most = threading.Lock(), 0, 0

    def begin(self, count):
        with self.lock:
            self.most += count

    def told(self, count):
        with self.lock:
            self.least += count


def faults(daemons, channel, tallies):
    try:
        seen = until(lambda: are_quiet(*daemons, channel), 15, "agreement")
    except RuntimeError as error:
        return [f"{error}: {[daemon.channel(channel) for daemon in daemons]}"]
    wrong = []
    for name, tally, own in zip("ab", tallies, seen):
        if not tally.least <= own["sent"] <= tally.most:
            wrong.append(f"{name} has paid {own['sent']} times, told were {tally.least}, asked {tally.most}")
    return wrong


def main():
    wanted = options(__doc__, rounds=100)
    chance = random.Random(1)
    top = tempfile.mkdtemp(prefix="varve-channel-kills-")
    chain = start_chain(os.path.join(top, "chain"), wanted.chain)
    daemons = [Daemon(os.path.join(top, name), key, chain) for name, key in zip("ab", KEYS[1:])]
    channel = open_channel(*daemons)
    tallies = [Tally(), Tally()]
    passed = failed = 0
    slowest = slowest_meeting = 0.0
    for number in range(wanted.rounds):
        stopping = threading.Event()
        loads = [Load(daemon, channel, tally, stopping)
                 for daemon, tally in zip(daemons, tallies) for _ in range(THREADS)]
        time.sleep(chance.uniform(0.02, 0.2))
        killed = chance.choice([daemons[:1], daemons[1:], daemons])
        for daemon in killed:
            daemon.kill()
        stopping.set()
        begun = time.monotonic()
        for daemon in killed:
            daemon.start()
            slowest = max(slowest, daemon.seconds_to_start)
        for load in loads:
            load.thread.join()
        wrong = faults(daemons, channel, tallies)
        slowest_meeting = max(slowest_meeting, time.monotonic() - begun)
        for line in wrong[:5]:
            print(f"FAIL round {number}: {line}")
        failed += bool(wrong)
        passed += not wrong
    closed = daemons[1].ask("close", channel=channel)
    failed += closed["state"] != "closed"
    passed += closed["state"] == "closed"
    size = os.path.getsize(os.path.join(daemons[0].folder, "channels.log"))
    print(f"{sum(tally.least for tally in tallies)} payments told over {wanted.rounds} rounds on {wanted.chain}; "
          f"slowest start {slowest * 1e3:.0f} ms, slowest agreement {slowest_meeting * 1e3:.0f} ms, "
          f"journal {size >> 10} KiB")
    print(f"{passed} passed, {failed} failed")
    for daemon in daemons:
        daemon.stop()
    chain.stop()
    shutil.rmtree(top)
    return failed != 0


sys.exit(main())
