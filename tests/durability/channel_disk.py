#!/usr/bin/env python3
"""Fills the disk of a channel daemon that is paid and pays. It must end with a sentence and a status, have all that
it had told when there is room again, and go on.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from daemons import ETHER, GONE, KEYS, Client, Daemon, are_quiet, open_channel, start_chain, until

FULL = re.compile(r"[Nn]o space|full")


def mount(folder):
    os.makedirs(folder)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def fill(daemon, channel):
    """Pays until the daemon refuses or is gone. How often it did, and what it said then."""
    client, paid = Client(daemon.http), 0
    while paid < 100000:
        try:
            client("channel_keysend", {"channel": channel, "amount": "0x1", "count": 20})
        except GONE + (RuntimeError,) as error:
            return paid, str(error)
        paid += 20
    return paid, ""


def check_full(chain, top):
    disk = os.path.join(top, "disk")
    if not mount(disk):
        print("skip a full disk under a channel daemon: no tmpfs can be mounted here")
        return
    try:
        payer = Daemon(os.path.join(disk, "a"), KEYS[1], chain, log=os.path.join(top, "a.log"))
        payee = Daemon(os.path.join(top, "b"), KEYS[2], chain)
        channel = open_channel(payer, payee)
        # A hole would make room: the ballast is what is written.
        with open(os.path.join(disk, "ballast"), "wb") as ballast:
            ballast.write(bytes(500 << 10))
        paid, said = fill(payer, channel)
        status = payer.process.wait(timeout=10)
        with open(payer.log, encoding="utf-8") as log:
            words = log.read()
        yield "a full disk ends the daemon with a status", status == 1, f"{status} after {paid} payments: {said}"
        last = words.strip().splitlines()[-1]
        yield "its last words say so", bool(FULL.search(last)), last
        try:
            payer.start()
            payer.kill()
        except RuntimeError as error:
            yield "without room it starts, or says why not", bool(FULL.search(str(error))), error
        subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
        payer.start()
        seen = until(lambda: are_quiet(payer, payee, channel), 15, "agreement")
        yield "what was told is there when there is room", paid <= seen[0]["sent"] <= paid + 20, seen
        payer.ask("keysend", channel=channel, amount="0x1")
        payee.ask("keysend", channel=channel, amount="0x1")
        yield "it goes on", payee.balance(channel) == ETHER + seen[0]["sent"], payee.channel(channel)
        yield "and closes", payer.ask("close", channel=channel)["state"] == "closed", ""
        payer.stop()
        payee.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def main():
    top = tempfile.mkdtemp(prefix="varve-channel-disk-")
    chain = start_chain(os.path.join(top, "chain"))
    passed = failed = 0
    for fact, holds, seen in check_full(chain, top):
        if not holds:
            print(f"FAIL {fact}: {seen}")
        passed += bool(holds)
        failed += not holds
    print(f"{passed} passed, {failed} failed")
    chain.stop()
    shutil.rmtree(top)
    return failed != 0


sys.exit(main())
