#!/usr/bin/env node
// Payments between two channel daemons over TCP, both durable (fdatasync before anything leaves):
//   bench/channels.mjs [--rates 1000,10000,50000,100000] [--seconds 5] [--sockets 8]
//
// Open loop: calls go out when they are due, however late answers are. A call asks for as many payments as fall into
// its slot of time, and is answered when the peer has acknowledged all of them; latency counts from the time when the
// call was due. Beside it, in the same minute, what a core does of libsecp256k1's verifications.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
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
  const latencies = [];
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
          const took = performance.now() - at;
          paid += answer.result.count;
          for (let i = 0; i < answer.result.count; i++) latencies.push(took);
        }));
      }
      if (due < end) setImmediate(tick); else done();
    };
    tick();
  });
  await Promise.all(pending);
  const took = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  return { rate, paid: Math.round(paid / took), p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), p999: percentile(latencies, 0.999), errors };
}

const chain = await startNode();
await deploy(chain.url);
const quiet = ['--log.level', 'error'];
const alice = await startDaemon({ urls: [chain.url], key: keys[1], args: quiet });
const bob = await startDaemon({ urls: [chain.url], key: keys[2], args: quiet });
const { channel } = await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) });
const wire = await connect(alice.url, sockets);
await offer(wire, channel, 1000);

console.log(execFileSync(fileURLToPath(new URL('build/bench_channel', root)), { encoding: 'utf8' }));
console.log('offered/s   paid/s   p50 ms   p99 ms   p99.9 ms   CPU of payer, payee, chain (share of a core)');
for (const rate of rates) {
  const before = [alice, bob, chain].map(({ pid }) => cpuSeconds(pid));
  const at = performance.now();
  const { paid, p50, p99, p999, errors } = await offer(wire, channel, rate);
  const share = [alice, bob, chain].map(({ pid }, i) => (cpuSeconds(pid) - before[i]) / (performance.now() - at) * 1000);
  console.log([String(rate).padStart(9), String(paid).padStart(8), ...[p50, p99, p999].map((ms) => ms.toFixed(2).padStart(8)), '  ', share.map((x) => x.toFixed(2)).join(', ')].join(' '));
  for (const [text, count] of Object.entries(errors)) console.log(`          ${count} calls: ${text}`);
}
console.log('memory, MiB: payer, payee', memory(alice.pid), memory(bob.pid));
wire.close();
await alice.stop();
await bob.stop();
await chain.stop();
