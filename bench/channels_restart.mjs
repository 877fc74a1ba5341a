#!/usr/bin/env node
// A daemon with many channels: what each takes of memory, and how long a restart takes until it answers and until
// its peers have met it again; and what a block costs it while they stand still:
//   bench/channels_restart.mjs [--channels 10000] [--peers 4]
import { deploy, hex, startDaemon } from '../tests/clients/channels.mjs';
import { ether, startNode, until } from '../tests/clients/node.mjs';
import { cpuSeconds, memory, option } from './lib.mjs';

const channels = Number(option('channels', 10000));
const peerCount = Number(option('peers', 4));
const WIDTH = 12; // opened at a time with each peer

const chain = await startNode({ quiet: true });
await deploy(chain.url);
// So many deposits cost more than the usual day's; the journal as it is without the tests' options.
const args = ['--log.level', 'error', '--limit.gas', '0', '--journal', '16384'];
let alice = await startDaemon({ urls: [chain.url], key: 'test:1', args });
const peers = [];
for (let i = 0; i < peerCount; i++) peers.push(await startDaemon({ urls: [chain.url], key: `test:${i + 2}`, args }));
const empty = memory(alice.pid).now;

const started = performance.now();
let left = channels;
await Promise.all(peers.flatMap((peer) => Array.from({ length: WIDTH }, async () => {
  while (left-- > 0) await alice.rpc('channel_open', { peer: peer.node, amount: hex(ether / 1000n), timeoutMs: 300_000 });
})));
const opened = (performance.now() - started) / 1000;
const full = memory(alice.pid).now;
console.log(`${channels} channels opened and funded in ${opened.toFixed(0)} s; memory ${empty.toFixed(1)} MiB without, ${full.toFixed(1)} MiB with: ${((full - empty) * 1024 / channels).toFixed(2)} KiB a channel`);

await alice.kill('SIGKILL');
const killed = performance.now();
alice = await alice.again();
const answers = performance.now();
const list = await alice.rpc('channel_list');
const listed = performance.now();
await until(async () => (await alice.rpc('channel_list')).every(({ state }) => state === 'open'), 60_000, 'the reunion');
const met = performance.now();
const s = (ms) => (ms / 1000).toFixed(2);
console.log(`after SIGKILL: answers in ${s(answers - killed)} s (3 wanted), lists ${list.length} in ${s(listed - answers)} s more, all channels usable after ${s(met - killed)} s; memory ${memory(alice.pid).now.toFixed(1)} MiB`);

// What peers tell of the network after a restart is judged once more: until that is over, it costs time of its own.
const judged = cpuSeconds(alice.pid);
for (let before; before === undefined || cpuSeconds(alice.pid) - before > 0.1;) {
  before = cpuSeconds(alice.pid);
  await new Promise((done) => setTimeout(done, 1000));
}
console.log(`what peers tell again takes ${(cpuSeconds(alice.pid) - judged).toFixed(2)} s of processor time`);

const BLOCKS = 200;
const busy = async (mines) => {
  const before = cpuSeconds(alice.pid);
  for (let i = 0; i < BLOCKS; i++) {
    if (mines) await chain.rpc('evm_mine');
    await new Promise((done) => setTimeout(done, 100)); // two looks at the chain
  }
  return cpuSeconds(alice.pid) - before;
};
const still = await busy(false), blocks = await busy(true);
console.log(`channels that stand still: a block takes ${((blocks - still) * 1000 / BLOCKS).toFixed(2)} ms of processor time, a look at the chain without one ${(still * 500 / BLOCKS).toFixed(2)}`);
for (const each of [alice, ...peers, chain]) await each.stop();
