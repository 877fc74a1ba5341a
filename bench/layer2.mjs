#!/usr/bin/env node
// A layer 2 beside its own L1 (both in one `varve up`, durable) and beside anvil (in memory):
//   bench/layer2.mjs [--pairs 5] [--count 10000] [--parts throughput,latency,batches,blobs,build,start,demand,congestion]
//
// One table: a column each for the layer 2, varve's L1 and anvil, measured in the same run and in turn, medians.
//
// throughput   Transfers signed beforehand by 100 accounts, each to a recipient of its own, sent over 8 connections in
//              batches of 100, until the last of every account has its receipt: on the layer 2 that is the soft
//              confirmation, a block that is on disk. The L1 makes blocks as transactions come; anvil gets what it is
//              best at, one block on demand when all are there. `ratio` compares pair by pair. CPU is that of the whole
//              process (L1 and batcher too), and the share of recovery is what the chain's /metrics say that recovering
//              senders took of a processor (varve_recover_nanoseconds_total), divided by it.
// latency      From sending to the first sight of the receipt, asked for all the time: one transaction at a time with
//              pauses, and at 500 a second, sent at fixed times whether or not answers come.
// batches      20,000 transfers to fresh recipients, then 20,000 to 50 known ones, as the batcher puts them on the
//              parent. Bytes and gas are those of appends that are full (100 KiB of data at least: a block more would not fit): the data in the
//              transaction's input, and gasUsed of its receipt, divided by the transfers that the batcher counts in it.
//              Then a follower without data derives the whole chain from the parent; the clock runs from exec until its
//              safe block is the sequencer's, by hash.
// blobs        The same transfers, on a chain whose batches go into blobs: gasUsed, and 131,072 for each blob, of
//              appends with five blobs at least (six are the most, and the last one is seldom full).
// build        bench_child, bench_batch (C): full blocks of the child alone with senders known, 20 and 200 of them, by the
//              clock and by the processor time of the thread that makes them, which other programs do not spoil; and
//              batches of random transfers beside their envelopes through zlib -9.
// start        exec to the receipt of a first transfer on the layer 2, contracts and all, on an empty folder; memory of
//              the process when it has been idle for 2 s, and after the throughput run.
// demand       The same wave of users, 1,400 transfers a second for 15 s, on an L1 with blocks of 30 M gas a second, and
//              then on the layer 2 above it: how the price of gas moves in each.
// congestion   What others do to the L1: its blocks full of gas until the base fee has risen tenfold and more. The layer
//              2's price is that of its data there, and follows.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chainId, ether, freePort, keys, startNode, until } from '../tests/clients/node.mjs';
import { ACCOUNTS, CONNECTIONS, count, ethers, receipts, rich, senders, submit } from './load.mjs';
import { Connection, cpuSeconds, median, memory, option, programs } from './lib.mjs';

const rounds = option('pairs', 5);
const total = option('count', 10_000);
const parts = option('parts', 'throughput,latency,batches,blobs,build,start,demand,congestion').split(',');
const l2ChainId = 901;
const gwei = 10n ** 9n;
const cache = fileURLToPath(new URL('../.cache/bench/', import.meta.url)); // on disk, where /tmp may not be
mkdirSync(cache, { recursive: true });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const say = (text) => process.stderr.write(`${text}\n`);

// --- The table.

const rows = [];
const shown = (value) => (typeof value === 'string' ? value : value === Infinity ? 'never' : !Number.isFinite(value) ? '–'
  : Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3));

/** A figure; `least` or `most` is what it has to reach. */
function row(name, { l2, l1, anvil, least, most }) {
  const target = least !== undefined ? `>= ${shown(least)}` : most !== undefined ? `<= ${shown(most)}` : '';
  const met = target === '' ? '' : (least !== undefined ? l2 >= least : l2 <= most) ? 'yes' : 'NO';
  rows.push([name, shown(l2), shown(l1), shown(anvil), target, met]);
  say(`  ${rows.at(-1).join('  ')}`);
}

function print() {
  const all = [['', 'layer 2', 'varve L1', 'anvil', 'target', 'met'], ...rows];
  const widths = all[0].map((_, i) => Math.max(...all.map((r) => r[i].length)));
  console.log(`\nlayer 2, ${rounds} pairs of ${total.toLocaleString('en')} transfers`);
  for (const r of all) console.log(r.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ').trimEnd());
}

// --- Transactions, kept between runs: signing takes longer than what is measured.

async function kept(name, make) {
  const path = `${cache}signed-${name}.json`;
  if (!existsSync(path)) {
    say(`signing ${name}`);
    writeFileSync(path, JSON.stringify(await make()));
  }
  return JSON.parse(readFileSync(path, 'utf8'));
}

const hashOf = (text) => ethers.keccak256(ethers.toUtf8Bytes(text));
const addressOf = (text) => ethers.getAddress(hashOf(text).slice(0, 42));

/** `size` transfers, round robin over the senders from nonce `first / ACCOUNTS` on: amounts of up to five digits, three tips. */
const transfers = (chain, first, size, known) => kept(`${chain}-${first}-${size}-${known}`, async () => {
  const list = [];
  for (let i = first; i < first + size; i++) {
    const seed = BigInt(hashOf(`${chain} ${i}`));
    const raw = await senders[i % ACCOUNTS].signTransaction({
      type: 2, chainId: chain, nonce: Math.floor(i / ACCOUNTS), gasLimit: 21_000,
      to: addressOf(known ? `known ${seed % BigInt(known)}` : `fresh ${i}`), value: (1n + seed % 99_999n) * 10n ** 9n,
      maxPriorityFeePerGas: gwei * (1n + (seed >> 32n) % 3n), maxFeePerGas: 2000n * gwei,
    });
    list.push({ raw, hash: ethers.keccak256(raw) });
  }
  return list;
});

// --- Chains.

const temporary = () => mkdtempSync(`${cache}run-`);

/** varve with a layer 2, or anvil, with money for the senders; figures come from `chains`. */
async function start(side, inBlobs = false) {
  const datadir = temporary();
  const l2Port = side === 'varve' ? await freePort() : undefined;
  const node = await startNode({ program: programs[side], datadir, l2Port, quiet: side !== 'varve', args: side === 'anvil' ? ['--gas-limit', '1000000000'] : inBlobs ? ['--blob-archive', `http://127.0.0.1:${l2Port}`] : [] });
  const chain = (url, id) => ({ url, id, connections: Array.from({ length: CONNECTIONS }, () => new Connection(url)), get main() { return this.connections[0]; } });
  const chains = side === 'anvil' ? { anvil: chain(node.url, chainId) }
    : { l2: chain(`http://127.0.0.1:${l2Port}`, l2ChainId), l1: chain(node.url, chainId) };
  const stop = async () => {
    for (const { connections } of Object.values(chains)) connections.forEach((c) => c.close());
    await node.kill('SIGKILL');
    rmSync(datadir, { recursive: true, force: true });
  };
  try {
    for (const each of Object.values(chains)) await fund(each);
  } catch (error) { await stop(); throw error; }
  return { node, chains, stop, rollup: `${datadir}/901/rollup.json` };
}

/** A transaction of the rich account, and its receipt. */
async function send({ main, id }, fields) {
  const nonce = fields.nonce ?? Number(await main.call('eth_getTransactionCount', rich.address, 'pending'));
  const raw = await rich.signTransaction({ type: 2, chainId: id, maxFeePerGas: 2000n * gwei, maxPriorityFeePerGas: gwei, gasLimit: 21_000, ...fields, nonce });
  return main.call('eth_sendRawTransaction', raw);
}

const receipt = ({ main }, hash) => until(() => main.call('eth_getTransactionReceipt', hash), 30_000, `the receipt of ${hash}`);

async function fund(chain) {
  await until(async () => BigInt(await chain.main.call('eth_getBalance', rich.address, 'latest')) > 900n * ether, 15_000, 'money');
  const nonce = Number(await chain.main.call('eth_getTransactionCount', rich.address, 'latest'));
  let last;
  for (let i = 0; i < ACCOUNTS; i++) last = await send(chain, { to: senders[i].address, value: 8n * ether, nonce: nonce + i });
  await receipt(chain, last);
}

const status = async ({ main }) => main.call('varve_status');

/** Until all of the layer 2 is on the parent, and the batcher rests. */
const settle = (l2, ms = 120_000) => until(async () => {
  const { safe, unsafe } = await status(l2);
  return safe.number === unsafe.number;
}, ms, 'the last batch');

async function metric({ url }, name) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(text.match(new RegExp(`^${name} (\\d+)`, 'm'))[1]);
}

// --- Throughput.

async function throughput(node, chain, list, onDemand) {
  if (onDemand) await chain.main.call('evm_setAutomine', false);
  const from = Number(await chain.main.call('eth_blockNumber'));
  const recovery = async () => (onDemand ? 0 : metric(chain, 'varve_recover_nanoseconds_total'));
  const [cpu, recovered] = [cpuSeconds(node.pid), await recovery()];
  const begin = performance.now();
  await submit(chain.connections, list);
  const submitted = performance.now();
  if (onDemand) await chain.main.call('evm_mine');
  await receipts(chain.main, list, 60_000);
  const ms = performance.now() - begin;
  const used = cpuSeconds(node.pid) - cpu;
  const share = (await recovery() - recovered) / 1e9 / used;
  if (onDemand) { // anvil takes minutes for the receipts of a block of 10,000
    const found = Number(await chain.main.call('eth_getBlockTransactionCountByNumber', 'latest'));
    if (found !== list.length) throw new Error(`${list.length - found} transactions are not in the block`);
  } else {
    await count(chain.main, from, list);
  }
  if (onDemand) await chain.main.call('evm_setAutomine', true);
  return { rate: list.length / ms * 1e3, submit: list.length / (submitted - begin) * 1e3, cpu: used / list.length * 1e6, share: share * 100 };
}

async function partThroughput() {
  const lists = { l2: await transfers(l2ChainId, 0, total, 0), l1: await transfers(chainId, 0, total, 0) };
  const seen = [];
  for (let i = 0; i < rounds; i++) {
    const round = {};
    for (const side of i % 2 ? ['anvil', 'varve'] : ['varve', 'anvil']) {
      const { node, chains, stop } = await start(side);
      try {
        if (side === 'varve') {
          await settle(chains.l2);
          await sleep(2_000);
          round.idle = memory(node.pid).now;
          round.l2 = await throughput(node, chains.l2, lists.l2, false);
          const begin = performance.now();
          await settle(chains.l2);
          round.settled = (performance.now() - begin) / 1e3;
          round.l1 = await throughput(node, chains.l1, lists.l1, false);
          round.memory = memory(node.pid);
        } else {
          round.anvil = await throughput(node, chains.anvil, lists.l1, true);
        }
      } finally { await stop(); }
    }
    say(`  pair ${i + 1}: ${shown(round.l2.rate)} ${shown(round.l1.rate)} ${shown(round.anvil.rate)}`);
    seen.push(round);
  }
  const of = (pick) => median(seen.map(pick).filter(Number.isFinite));
  const three = (key) => ({ l2: of((r) => r.l2[key]), l1: of((r) => r.l1[key]), anvil: key === 'share' ? NaN : of((r) => r.anvil[key]) });
  row('transfers to receipt, /s', three('rate'));
  row('  beside anvil, pair by pair', { l2: of((r) => r.l2.rate / r.anvil.rate), l1: of((r) => r.l1.rate / r.anvil.rate), anvil: 1, least: 3 });
  row('  CPU of the process, µs each', three('cpu'));
  row('  of which recovery of senders, %', three('share'));
  row('  then until all is on the parent, s', { l2: of((r) => r.settled) });
  row('memory of up, idle, MiB', { l2: of((r) => r.idle), most: 120 });
  row('  after both loads, MiB', { l2: of((r) => r.memory.now), most: 120 });
  row('  at its peak, MiB', { l2: of((r) => r.memory.peak) });
}

// --- Latency.

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))];

async function oneAtATime(chain, list) {
  const seen = [];
  for (const { raw, hash } of list) {
    const begin = performance.now();
    await chain.main.call('eth_sendRawTransaction', raw);
    while (await chain.main.call('eth_getTransactionReceipt', hash) === null) { /* ask again */ }
    seen.push(performance.now() - begin);
    await sleep(30 + Math.random() * 30);
  }
  return seen;
}

/** Groups of five, each at its time; one loop asks for all receipts that are missing. */
async function offered(chain, list, perSecond) {
  const [lanes, asker] = [chain.connections.slice(0, 4), chain.connections[4]];
  const group = 5;
  const waiting = new Map();
  const seen = [];
  let sending = true;
  const sender = (async () => {
    const begin = performance.now();
    const posts = [];
    for (let at = 0; at < list.length; at += group) {
      const wait = begin + at / perSecond * 1e3 - performance.now();
      if (wait > 0) await sleep(wait);
      const some = list.slice(at, at + group);
      const now = performance.now();
      for (const { hash } of some) waiting.set(hash, now);
      posts.push(lanes[at / group % lanes.length].batch(some.map(({ raw }) => ['eth_sendRawTransaction', [raw]])));
    }
    await Promise.all(posts);
    sending = false;
  })();
  const deadline = Date.now() + 30_000;
  while (sending || waiting.size) {
    const asked = [...waiting.keys()].slice(0, 200); // the oldest
    const answers = asked.length ? await asker.batch(asked.map((hash) => ['eth_getTransactionReceipt', [hash]])) : [];
    const now = performance.now();
    asked.forEach((hash, i) => {
      if (answers[i] === null) return;
      seen.push(now - waiting.get(hash));
      waiting.delete(hash);
    });
    if (Date.now() > deadline) return [...seen, ...[...waiting].map(() => Infinity)]; // it does not keep up
    await sleep(1);
  }
  await sender;
  return seen;
}

async function partLatency() {
  const seen = {};
  const gather = (name, key, values) => { ((seen[name] ??= {})[key] ??= []).push(...values); };
  for (let i = 0; i < Math.min(rounds, 3); i++) {
    for (const side of i % 2 ? ['anvil', 'varve'] : ['varve', 'anvil']) {
      const { chains, stop } = await start(side);
      try {
        for (const [name, chain] of Object.entries(chains)) {
          const list = await transfers(chain.id, 0, total, 0);
          gather(name, 'alone', await oneAtATime(chain, list.slice(0, 100)));
          gather(name, 'loaded', await offered(chain, list.slice(100, 4_100), 500));
        }
      } finally { await stop(); }
    }
  }
  const three = (key, q) => Object.fromEntries(Object.entries(seen).map(([name, by]) => [name, quantile(by[key], q)]));
  row('soft confirmation, one at a time, p50 ms', three('alone', 0.5));
  row('  p99 ms', three('alone', 0.99));
  row('soft confirmation at 500/s, p50 ms', three('loaded', 0.5));
  row('  p99 ms', three('loaded', 0.99));
}

// --- Batches, and deriving from them.

const FULL = 100 * 1024; // a whole block more would not fit
const BLOB_GAS = 131_072;
const FULL_BLOBS = 5;

/** What the batcher said of its batches, with what the parent says of them. */
async function appends(node, l1, inbox) {
  const made = [...node.output().matchAll(/batch made\s+first=(\d+) blocks=(\d+) transactions=(\d+) bytes=(\d+) blobs=(\d+)/g)]
    .map(([, first, blocks, txs, bytes, blobs]) => ({ first: +first, blocks: +blocks, txs: +txs, bytes: +bytes, blobs: +blobs }));
  const topic = ethers.id('BatchAppended(uint64,uint8,bytes32,bytes32,uint64,bytes32,uint64,bytes32,uint64)');
  const logs = await l1.main.call('eth_getLogs', { address: inbox, topics: [topic], fromBlock: '0x0', toBlock: 'latest' });
  const found = [];
  for (const { transactionHash } of logs) {
    const { input, blobVersionedHashes = [] } = await l1.main.call('eth_getTransactionByHash', transactionHash);
    const { gasUsed } = await l1.main.call('eth_getTransactionReceipt', transactionHash);
    const bytes = Number(`0x${input.slice(10 + 64 * 6, 10 + 64 * 7)}`);
    const blobs = blobVersionedHashes.length; // then the data is not in the input
    const at = made.findIndex((m) => m.blobs === blobs && (blobs > 0 || m.bytes === bytes));
    if (at < 0) continue;
    found.push({ ...made[at], gas: Number(gasUsed) + blobs * BLOB_GAS, input: (input.length - 2) / 2 });
    made.splice(at, 1);
  }
  return found;
}

async function derive(node, l2, rollup, ...args) {
  const want = (await status(l2)).safe;
  const [datadir, port] = [temporary(), await freePort()];
  const begin = performance.now();
  const follower = spawn(programs.varve, ['node', '--rollup', rollup, '--parent', node.url, '--datadir', datadir, '--http.port', String(port), '--log.level', 'warn', ...args], { stdio: 'ignore' });
  const connection = new Connection(`http://127.0.0.1:${port}`);
  try {
    const cpu = () => cpuSeconds(follower.pid);
    await until(async () => {
      try { return (await connection.call('varve_status')).safe.hash === want.hash; } catch { return false; }
    }, 120_000, 'the whole chain');
    const seconds = (performance.now() - begin) / 1e3;
    const block = await connection.call('eth_getBlockByNumber', ethers.toQuantity(want.number), false);
    if (block.hash !== want.hash) throw new Error('the follower has another chain');
    return { seconds, cpu: cpu(), blocks: want.number, gas: await metric({ url: `http://127.0.0.1:${port}` }, 'varve_gas_total') };
  } finally {
    connection.close();
    follower.kill('SIGKILL');
    await new Promise((done) => follower.once('exit', done));
    rmSync(datadir, { recursive: true, force: true });
  }
}

/** Sends transfers to fresh recipients and to known ones: bytes and gas of each, of the appends that are full. */
async function phasesOf({ node, chains: { l1, l2 }, rollup }, size, isFull) {
  const fresh = await transfers(l2ChainId, 0, size, 0);
  const known = await transfers(l2ChainId, size, size, 50);
  await settle(l2);
  const inbox = JSON.parse(readFileSync(rollup)).parent.inbox;
  const phases = {};
  for (const [name, list] of [['fresh', fresh], ['known', known]]) {
    const before = (await appends(node, l1, inbox)).length;
    const begin = performance.now();
    await submit(l2.connections, list);
    await receipts(l2.main, list);
    await settle(l2);
    const seconds = (performance.now() - begin) / 1e3;
    const all = (await appends(node, l1, inbox)).slice(before);
    const full = all.filter(isFull);
    const sum = (key) => full.reduce((s, a) => s + a[key], 0);
    phases[name] = { count: full.length, bytes: sum('bytes') / sum('txs'), gas: sum('gas') / sum('txs'), rate: list.length / seconds, txs: sum('txs') / full.length, all };
    say(`  ${name}: ${JSON.stringify({ ...phases[name], all: all.map((a) => `${a.blocks}b ${a.txs}t ${a.bytes}`) })}`);
  }
  return phases;
}

async function partBlobs() {
  const chain = await start('varve', true);
  try {
    const { fresh: f, known: k } = await phasesOf(chain, 3 * total, (a) => a.blobs >= FULL_BLOBS);
    row('batches of five and six blobs seen', { l2: `${f.count} + ${k.count}` });
    row('parent gas of a transfer in blobs, fresh', { l2: f.gas, l1: 21_000, anvil: 21_000, most: 210 });
    row('  known', { l2: k.gas, l1: 21_000, anvil: 21_000, most: 210 });
    const { node, chains: { l2 }, rollup } = chain;
    const { blocks, seconds } = await derive(node, l2, rollup, '--blob-archive', l2.url);
    row('derivation from blobs, blocks/s', { l2: blocks / seconds });
  } finally { await chain.stop(); }
}

async function partBatches() {
  const chain = await start('varve');
  const { node, chains: { l2 }, stop, rollup } = chain;
  try {
    const { fresh: f, known: k } = await phasesOf(chain, 2 * total, (a) => a.bytes >= FULL);
    row(`full batches seen, fresh and known`, { l2: `${f.count} + ${k.count}` });
    row('bytes of a transfer, fresh recipients', { l2: f.bytes, most: 95 });
    row('bytes of a transfer, known recipients', { l2: k.bytes, most: 80 });
    row('parent gas of a transfer in calldata, fresh', { l2: f.gas, l1: 21_000, anvil: 21_000, most: 21_000 / 5 });
    row('  known', { l2: k.gas, l1: 21_000, anvil: 21_000, most: 21_000 / 5 });
    row('transfers until all is on the parent, /s', { l2: Math.max(f.rate, k.rate) });
    const times = [];
    for (let i = 0; i < Math.min(rounds, 3); i++) times.push(await derive(node, l2, rollup));
    row('derivation from nothing, blocks/s', { l2: median(times.map((t) => t.blocks / t.seconds)) });
    row('  Mgas/s', { l2: median(times.map((t) => t.gas / t.seconds / 1e6)) });
    row('  seconds, from exec', { l2: median(times.map((t) => t.seconds)) });
    row('  CPU seconds', { l2: median(times.map((t) => t.cpu)) });
  } finally { await stop(); }
}

// --- Parts in C.

function partBuild() {
  const build = fileURLToPath(new URL('../build', import.meta.url));
  execFileSync('ninja', ['--quiet', '-C', build, 'bench_child', 'bench_batch'], { stdio: 'inherit' });
  for (const [name, blocks, recipients] of [['young chain', 20, 200_000], ['20,000 accounts', 200, 20_000], ['200,000 accounts', 200, 200_000]]) {
    const [wall, cpu] = [[], []];
    for (let i = 0; i < rounds; i++) {
      const folder = temporary();
      try {
        const text = execFileSync(`${build}/bench_child`, [folder, String(blocks), String(recipients)], { encoding: 'utf8' });
        say(text.trimEnd());
        const found = text.match(/([\d.]+) tx\/s, ([\d.]+) tx\/s of processor time/);
        wall.push(Number(found[1]));
        cpu.push(Number(found[2]));
      } finally { rmSync(folder, { recursive: true, force: true }); }
    }
    row(`block building alone, ${name}, /s`, { l2: median(wall), least: 50_000 });
    row('  by processor time', { l2: median(cpu) });
  }
  const batch = execFileSync(`${build}/bench_batch`, ['1500'], { encoding: 'utf8' });
  say(batch.trimEnd());
  for (const kind of ['fresh recipients', 'known recipients']) {
    const [, bytes, plain] = batch.match(new RegExp(`^${kind} +([\\d.]+) bytes each .*plain +([\\d.]+)\\)`, 'm'));
    row(`bytes beside zlib -9 alone, ${kind}`, { l2: `${bytes} / ${plain}` });
  }
}

// --- Start.

async function partStart() {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const [datadir, port, l2Port] = [temporary(), await freePort(), await freePort()];
    const wallet = new ethers.Wallet(keys[1]);
    const raw = await wallet.signTransaction({
      type: 2, chainId: l2ChainId, nonce: 1, to: rich.address, value: 1n, gasLimit: 21_000, maxFeePerGas: 200n * gwei, maxPriorityFeePerGas: gwei,
    });
    const begin = performance.now();
    const child = spawn(programs.varve, ['up', '--datadir', datadir, '--http.port', String(port), '--l2.port', String(l2Port)], { stdio: 'ignore' });
    const connection = new Connection(`http://127.0.0.1:${l2Port}`);
    let sent = false;
    const hash = ethers.keccak256(raw);
    for (;;) {
      try {
        if (!sent) { await connection.call('eth_sendRawTransaction', raw); sent = true; }
        if (await connection.call('eth_getTransactionReceipt', hash)) break;
      } catch { await sleep(2); } // nobody listens yet, or there is no money (the deposit of it has used nonce 0)
      if (performance.now() - begin > 30_000) throw new Error('no receipt');
    }
    times.push((performance.now() - begin) / 1e3);
    connection.close();
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    rmSync(datadir, { recursive: true, force: true });
  }
  row('exec to the first receipt on the layer 2, s', { l2: median(times), most: 3 });
}

// --- Congestion.

async function partCongestion() {
  const { chains: { l1, l2 }, stop } = await start('varve');
  try {
    const fee = async (chain) => BigInt((await chain.main.call('eth_getBlockByNumber', 'latest', false)).baseFeePerGas);
    const prices = async () => {
      await receipt(l2, await send(l2, { to: senders[0].address, value: 1n }));
      return { l1: await fee(l1), l2: await fee(l2) };
    };
    await l1.main.call('anvil_setNextBlockBaseFeePerGas', ethers.toQuantity(gwei)); // an idle chain's falls to nothing
    await l1.main.call('evm_mine');
    for (let i = 0; i < 20; i++) await prices(); // until the layer 2's is where it wants to be
    await l1.main.call('anvil_setNextBlockBaseFeePerGas', ethers.toQuantity(gwei));
    await l1.main.call('evm_mine');
    await sleep(100);
    const first = await prices();
    const trace = [first];
    // A contract that loops until its gas is gone: four of them fill a block.
    await l1.main.call('evm_setAutomine', false);
    let nonce = Number(await l1.main.call('eth_getTransactionCount', rich.address, 'latest'));
    for (let block = 0; block < 40 && trace.at(-1).l1 < 12n * first.l1; block++) {
      for (let i = 0; i < 4; i++) await send(l1, { data: '0x5b600056', gasLimit: 14_000_000, nonce: nonce++, to: null });
      await l1.main.call('evm_mine');
      await sleep(60);
      trace.push(await prices());
    }
    await l1.main.call('evm_setAutomine', true);
    const worst = trace.at(-1);
    say(trace.map((t) => `  ${t.l1} ${t.l2}`).join('\n'));
    const cost = (price) => Number(price * 21_000n) / 1e9;
    row('a transfer at rest, gwei', { l2: cost(first.l2), l1: cost(first.l1) });
    row(`  ${trace.length - 1} full blocks of the L1 later`, { l2: cost(worst.l2), l1: cost(worst.l1) });
    row('  times', { l2: Number(worst.l2) / Number(first.l2), l1: Number(worst.l1) / Number(first.l1) });
    await settle(l2);
  } finally { await stop(); }
}

async function partDemand() {
  const [rate, seconds] = [1_400, 15];
  const datadirs = [temporary(), temporary()];
  const l2Port = await freePort();
  const link = (url, id) => ({ url, id, connections: Array.from({ length: CONNECTIONS }, () => new Connection(url)), get main() { return this.connections[0]; } });
  const lower = await startNode({ program: programs.varve, datadir: datadirs[0], blockTime: 1_000, args: ['--gas-limit', '30000000'] });
  const upper = await startNode({ program: programs.varve, datadir: datadirs[1], l2Port, args: ['--parent', lower.url] });
  const chains = { l1: link(lower.url, chainId), l2: link(`http://127.0.0.1:${l2Port}`, l2ChainId) };
  try {
    const times = {};
    for (const name of ['l2', 'l1']) {
      const chain = chains[name];
      const list = await transfers(chain.id, 0, rate * seconds, 0);
      await fund(chain);
      await chains.l1.main.call('anvil_setNextBlockBaseFeePerGas', ethers.toQuantity(gwei)); // an idle chain's falls to nothing
      await sleep(2_500);
      await receipt(chain, await send(chain, { to: senders[0].address, value: 1n }));
      const fee = async () => Number((await chain.main.call('eth_getBlockByNumber', 'latest', false)).baseFeePerGas);
      const trace = [await fee()];
      for (let second = 0; second < seconds; second++) {
        const begin = performance.now();
        await submit(chain.connections, list.slice(second * rate, (second + 1) * rate));
        await sleep(Math.max(0, 1_000 - (performance.now() - begin)));
        trace.push(await fee());
      }
      await receipts(chain.main, list);
      say(`  ${name}: ${trace.join(' ')}`);
      times[name] = Math.max(...trace) / trace[0];
    }
    row(`price after ${seconds} s of ${rate.toLocaleString('en')} transfers a second, times`, { ...times, most: 1.1 });
  } finally {
    for (const { connections } of Object.values(chains)) connections.forEach((c) => c.close());
    for (const node of [upper, lower]) await node.kill('SIGKILL');
    for (const datadir of datadirs) rmSync(datadir, { recursive: true, force: true });
  }
}

const all = { throughput: partThroughput, latency: partLatency, batches: partBatches, blobs: partBlobs, build: partBuild, start: partStart, demand: partDemand, congestion: partCongestion };
for (const part of parts) {
  say(part);
  await all[part]();
}
print();
