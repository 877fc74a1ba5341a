#!/usr/bin/env python3
"""Traces the system calls of a channel daemon that pays and is paid. No update may be on the wire, and no payment
named in an answer, before the sync has returned that covers its record in the journal. And the history, which is a view
of the journal, gathers: it syncs seldom.

Messages travel sealed, so they are counted: each is longer by 34 bytes on the wire than in its record.

    channel_trace.py [payments, 400 unless given]
"""

import os
import re
import shutil
import sys
import tempfile
import threading

from daemons import KEYS, Client, Daemon, open_channel, start_chain, until

LINE = re.compile(r"^(\d+) +(\w+)\(\d+<((?:->|[^>])*)>(.*)$")
SYNC_DONE = re.compile(r"^(\d+) +<\.\.\. fdatasync resumed>.*= 0")
HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
PAYMENT = re.compile(rb'"payment":"0x([0-9a-f]{64})"')
# channel/records.c; a record's header in the journal, and the index before the message in it.
RECORD_SENT, HEADER, INDEX, SEALED = 2, 12, 4, 34


def unescape(text):
    """strace -xx writes every string as \\x2f\\x74..., names of files too."""
    return b"".join(bytes.fromhex(part.replace("\\x", "")) for part in HEX.findall(text))


def records_of(written):
    """The journal's records that one write has; none, where it makes room."""
    while size := int.from_bytes(written[:4], "little"):
        yield written[:HEADER + size]
        written = written[-(-(HEADER + size) // 8) * 8:]


class Judge:
    """Follows the journal's writes and syncs, and what goes out to the peer and to callers."""

    def __init__(self, peer_port):
        self.peer = f":{peer_port}]"
        self.written, self.synced = 0, 0  # bytes of the messages in it, as they travel
        self.records = []  # of messages that are not synced
        self.begun = {}  # thread -> records when its sync began
        self.known = b""  # all records that are synced
        self.sent = self.answers = self.syncs = self.views = 0  # views: syncs of the history
        self.counting = False
        self.wrong = []

    def line(self, line):
        done = SYNC_DONE.match(line)
        if done and done[1] in self.begun:
            self.cover(self.begun.pop(done[1]))
        found = LINE.match(line)
        if not found:
            return
        thread, call, name, rest = found.groups()
        if name.startswith("TCP") and call in ("sendto", "sendmsg", "write", "writev"):
            self.goes_out(name, call, rest)
        elif unescape(name).endswith(b"/channels.log"):
            self.journal(thread, call, rest)
        elif unescape(name).endswith(b"/channels.past") and call == "fdatasync":
            self.views += 1

    def journal(self, thread, call, rest):
        if call == "pwrite64":
            written = unescape(rest)
            if written[:8] != b"varvelog":
                self.records += records_of(written)
        elif "unfinished" in rest:
            self.begun[thread] = len(self.records)
        elif rest.endswith("= 0"):
            self.cover(len(self.records))

    def cover(self, count):
        covered, self.records = self.records[:count], self.records[count:]
        # Other syncs that are under way have begun with as many fewer.
        self.begun = {thread: begun - count for thread, begun in self.begun.items()}
        self.syncs += 1
        for record in covered:
            self.known += record
            if record[4] == RECORD_SENT:
                self.synced += int.from_bytes(record[:4], "little") - INDEX + SEALED

    def goes_out(self, name, call, rest):
        if self.peer in name:
            if self.counting and call == "sendto":
                self.sent += len(unescape(rest))
                if self.sent > self.synced:
                    self.wrong.append(f"{self.sent} bytes are sent, {self.synced} synced")
            return
        for reference in PAYMENT.findall(unescape(rest)):
            self.answers += 1
            if bytes.fromhex(reference.decode()) not in self.known:
                self.wrong.append(f"payment {reference.decode()} is answered before its sync")

    def start_counting(self):
        """Everything has gone out that is no update: what opens connections and channels."""
        self.counting, self.sent, self.synced = True, 0, 0


def has_told_its_policy(payer, payee):
    """The last that it says of a private channel while nobody pays."""
    node = "0x" + payer.name.split("@")[0].removeprefix("0x")
    return any(policy for channel in payee.ask("graph")["channels"]
               for side, policy in zip(channel["nodes"], channel["policies"]) if side == node)


def load(daemon, channel, count):
    client = Client(daemon.http)
    for _ in range(count):
        client("channel_keysend", {"channel": channel, "amount": "0x1"})


def lines_of(trace, process):
    """All of them, once the process has ended."""
    ended = re.compile(rf"^{process} +\+\+\+ exited", re.MULTILINE)

    def text():
        with open(trace, encoding="ascii") as file:
            return ended.search(text := file.read()) and text

    return until(text, 30, "the end of the trace").splitlines()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    if shutil.which("strace") is None:
        print("skip the trace of a channel daemon's system calls: there is no strace")
        return 0
    top = tempfile.mkdtemp(prefix="varve-channel-trace-")
    trace = os.path.join(top, "trace")
    chain = start_chain(os.path.join(top, "chain"))
    payee = Daemon(os.path.join(top, "b"), KEYS[2], chain, "--private")
    # -ff would lose the order between threads; -yy names sockets and files; -D leaves the daemon our own child.
    payer = Daemon(os.path.join(top, "a"), KEYS[1], chain, "--private", wrapper=(
        "strace", "-D", "-f", "-yy", "-xx", "-s", "70000", "-o", trace, "-e",
        "trace=pwrite64,fdatasync,sendto,sendmsg,write,writev"))
    channel = open_channel(payer, payee)
    until(lambda: has_told_its_policy(payer, payee), 30, "what the payer asks for forwarding")
    with open(trace, encoding="ascii") as file:
        before = len(file.read().splitlines())
    threads = [threading.Thread(target=load, args=(daemon, channel, count // 4))
               for daemon in (payer, payee) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    payer.stop()
    judge = Judge(payee.port)
    for number, line in enumerate(lines_of(trace, payer.process.pid)):
        if number == before:
            judge.start_counting()
        judge.line(line)
    if judge.answers < count // 2 or judge.sent != judge.synced:
        judge.wrong.append(f"the trace shows {judge.answers} answers, {judge.sent} bytes sent and {judge.synced} in "
                           "records")
    if judge.views * 4 > judge.syncs:
        judge.wrong.append(f"the history is synced {judge.views} times, the journal {judge.syncs} times")
    for line in judge.wrong[:5]:
        print(f"FAIL {line}")
    print(f"{judge.syncs} syncs and {judge.views} of the history, {judge.sent} bytes to the peer and {judge.answers} payments answered, each after its "
          f"sync: {'no' if judge.wrong else 'yes'}")
    print(f"{int(not judge.wrong)} passed, {int(bool(judge.wrong))} failed")
    payee.stop()
    chain.stop()
    shutil.rmtree(top)
    return bool(judge.wrong)


sys.exit(main())
