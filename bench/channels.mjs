#!/usr/bin/env node
// Payments between two channel daemons over TCP, both durable (fdatasync before anything leaves):
//   bench/channels.mjs [--rates 1000,10000,50000,100000] [--seconds 5] [--sockets 8] [--routed 5000] [--widths 60,120,240]
//
// Open loop: calls go out when they are due, however late answers are. A call asks for as many payments as fall into
// its slot of time, and is answered when the peer has acknowledged all of them; latency counts from the time when the
// call was due; this program's own timers are up to a millisecond late, so the median from when it was really sent stands
// beside it. Then a mediator that has no time left, asked by a peer that keeps no journal (bench_mediator); and whole
// payments over one mediator and over two, closed loop, so many at a time as --widths says.
// Beside it, in the same minute, what a core does of libsecp256k1's verifications, and what the disk takes for a sync: a
// payment waits for two of them, the payer's before it leaves and the payee's before it is acknowledged.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { deploy, hex, startDaemon } from '../tests/clients/channels.mjs';
import { ether, keys, root, startNode } from '../tests/clients/node.mjs';
import { cpuSeconds, memory, option } from './lib.mjs';

const require = createRequire(new URL('tests/clients/package.json', root));
const { WebSocket } = require('ws');

const rates = option('rates', '1000,10000,50000,100000').split(',').map(Number);
const seconds = Number(option('seconds', 5));
const sockets = Number(option('sockets', 8));
const SLOT_MS = 1;

/** WebSockets to a daemon; `call` gives a promise of the answer. */
async function connect(url, count) {
  const waiting = new Map();
  let next = 0;
  const list = await Promise.all(Array.from({ length: count }, () => new Promise((done, refused) => {
    const socket = new WebSocket(url.replace('http', 'ws'));
    socket.once('open', () => done(socket));
    socket.once('error', refused);
    socket.on('message', (data) => {
      const answer = JSON.parse(data);
      waiting.get(answer.id)(answer);
      waiting.delete(answer.id);
    });
  })));
  return {
    call: (method, params) => new Promise((done) => {
      const id = ++next;
      waiting.set(id, done);
      list[id % count].send(JSON.stringify({ jsonrpc: '2.0', id, method, params: [params] }));
    }),
    close: () => list.forEach((socket) => socket.close()),
  };
}

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];

/** Offers `rate` payments a second; gives what was reached. */
async function offer(wire, channel, rate) {
  const latencies = [], fromSent = [];
  const errors = {};
  let paid = 0, sent = 0;
  const pending = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  let due = start;
  await new Promise((done) => {
    const tick = () => {
      const now = performance.now();
      for (; due <= now && due < end; due += SLOT_MS) {
        const count = Math.min(1000, Math.round((due - start + SLOT_MS) * rate / 1000) - sent);
        if (count <= 0) continue;
        sent += count;
        const at = due;
        pending.push(wire.call('channel_keysend', { channel, amount: '0x1', count }).then((answer) => {
          if (answer.error) { errors[answer.error.message] = (errors[answer.error.message] ?? 0) + 1; return; }
          const done = performance.now(), took = done - at;
          paid += answer.result.count;
          for (let i = 0; i < answer.result.count; i++) { latencies.push(took); fromSent.push(done - now); }
        }));
      }
      if (due < end) setTimeout(tick, SLOT_MS); else done();
    };
    tick();
  });
  await Promise.all(pending);
  const took = (performance.now() - start) / 1000;
  for (const list of [latencies, fromSent]) list.sort((a, b) => a - b);
  return { rate, paid: Math.round(paid / took), sent50: percentile(fromSent, 0.5), p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), p999: percentile(latencies, 0.999), errors };
}

const chain = await startNode();
await deploy(chain.url);
const quiet = ['--log.level', 'error', '--journal', '16384', '--poll', '1000']; // as users have it, not as tests do
const alice = await startDaemon({ urls: [chain.url], key: keys[1], args: quiet });
const bob = await startDaemon({ urls: [chain.url], key: keys[2], args: quiet });
const { channel } = await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) });
const wire = await connect(alice.url, sockets);
await offer(wire, channel, 1000);

/** One payment after the other: what each takes, in ms. */
async function alone(wire, channel, count) {
  const took = [];
  for (let i = 0; i < count; i++) {
    const at = performance.now();
    await wire.call('channel_keysend', { channel, amount: '0x1' });
    took.push(performance.now() - at);
  }
  return took.sort((a, b) => a - b);
}

const build = fileURLToPath(new URL('build', root));
execFileSync('ninja', ['--quiet', '-C', build, 'bench_channel', 'tests/durability/bench_mediator'], { stdio: 'inherit' });
console.log(execFileSync(`${build}/bench_channel`, [tmpdir()], { encoding: 'utf8' }));
console.log('offered/s   paid/s   p50 ms   p99 ms   p99.9 ms   from when it was sent, p50 ms   CPU of payer, payee, chain (share of a core)');
for (const rate of rates) {
  const before = [alice, bob, chain].map(({ pid }) => cpuSeconds(pid));
  const at = performance.now();
  const { paid, sent50, p50, p99, p999, errors } = await offer(wire, channel, rate);
  const share = [alice, bob, chain].map(({ pid }, i) => (cpuSeconds(pid) - before[i]) / (performance.now() - at) * 1000);
  console.log([String(rate).padStart(9), String(paid).padStart(8), ...[p50, p99, p999, sent50].map((ms) => ms.toFixed(2).padStart(8)), ' '.repeat(22), share.map((x) => x.toFixed(2)).join(', ')].join(' '));
  for (const [text, count] of Object.entries(errors)) console.log(`          ${count} calls: ${text}`);
}
const one = await alone(wire, channel, 1000);
console.log(`one at a time: p50 ${percentile(one, 0.5).toFixed(2)} ms, p99 ${percentile(one, 0.99).toFixed(2)} ms`);
console.log('memory, MiB: payer, payee', memory(alice.pid), memory(bob.pid));
wire.close();

const folder = mkdtempSync(`${tmpdir()}/varve-mediator-`);
console.log('\nlocks through one mediator (5,000 per core-second wanted)');
console.log(execFileSync(`${build}/tests/durability/bench_mediator`, [folder], { encoding: 'utf8' }));
rmSync(folder, { recursive: true });

// Routed, each payment a lock and an onion per hop: alice -> bob -> carol, and on to dave.
const payments = Number(option('routed', 5000));
const widths = option('widths', '60,120,240').split(',').map(Number); // at a time
const carol = await startDaemon({ urls: [chain.url], key: keys[3], args: quiet });
const dave = await startDaemon({ urls: [chain.url], key: 'test:4', args: quiet });
await bob.rpc('channel_open', { peer: carol.node, amount: hex(ether) });
await carol.rpc('channel_open', { peer: dave.node, amount: hex(ether) });
const way = [alice, bob, carol, dave];
const point = ({ node }) => `0x${node.slice(0, 66)}`;
const routed = await connect(alice.url, sockets);
const failures = {};
const pay = async (hops, count, width) => {
  const wanted = { node: point(way[hops]), amount: '0x3e8', via: way.slice(1, hops).map(point) };
  let left = count, paid = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (left-- > 0) {
      const answer = await routed.call('channel_pay', wanted);
      if (answer.error) failures[answer.error.message] = (failures[answer.error.message] ?? 0) + 1; else paid++;
    }
  }));
  return paid;
};
console.log('\nhops   at a time   paid/s   locks forwarded per core-second, by each mediator (5,000 wanted)   CPU us a payment: payer, mediators, payee');
for (const hops of [2, 3]) {
  for (const width of widths) {
    await pay(hops, 200, width);
    const nodes = way.slice(0, hops + 1);
    const used = nodes.map(({ pid }) => cpuSeconds(pid));
    const from = performance.now();
    const paid = await pay(hops, payments, width);
    const took = (performance.now() - from) / 1000;
    const cost = nodes.map(({ pid }, i) => cpuSeconds(pid) - used[i]);
    const perCore = cost.slice(1, -1).map((each) => Math.round(paid / each)).join(', ');
    console.log(`${String(hops).padStart(4)} ${String(width).padStart(11)} ${String(Math.round(paid / took)).padStart(8)}   ${perCore.padEnd(67)}${cost.map((each) => Math.round(each / paid * 1e6)).join(', ')}`);
  }
}
for (const [text, count] of Object.entries(failures)) console.log(`${count} payments: ${text}`);
routed.close();
for (const node of [...way, chain]) await node.stop();
