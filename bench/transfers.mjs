#!/usr/bin/env node
// Transfers over JSON-RPC until their receipts exist, varve (durable) beside anvil (in memory):
//   bench/transfers.mjs [--pairs 5] [--count 10000] [--kinds eth,erc20,swap] [--modes manual,burst,single]
//
// Transactions are signed before the clock starts. 100 accounts, 8 connections, batches of 100.
//   manual  one big block: submit everything, evm_mine, wait for the last receipt of each account
//   burst   automine: submit 1,000 (and 10,000 to varve alone: anvil does not survive it)
//   single  automine: one account, the next transaction is sent when the last has its receipt
// Every transaction is then counted in the blocks, and its status looked at.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startNode, artifact, ether } from '../tests/clients/node.mjs';
import { ACCOUNTS, CONNECTIONS, count, ethers, receipts, rich, senders, sign, submit } from './load.mjs';
import { Connection, cpuSeconds, median, memory, option, pairs, programs, table } from './lib.mjs';

const GAS = { eth: 21_000, erc20: 80_000, swap: 160_000 };

const at = (nonce) => ethers.getCreateAddress({ from: rich.address, nonce });
const [token0, token1, pool] = [0, 1, 2].map(at);
const token = new ethers.Interface(artifact('Token').abi);
const pair = new ethers.Interface(artifact('Pool').abi);

/** What a fresh chain is prepared with: tokens, a pool, money; lists of raw transactions, each list one step. */
async function preparation(kind) {
  let nonce = 0;
  const create = (name, ...args) => {
    const { abi, bytecode } = artifact(name);
    return sign(rich, nonce++, { data: bytecode + new ethers.Interface(abi).encodeDeploy(args).slice(2), gasLimit: 4_000_000 });
  };
  const call = (to, data, gasLimit = 8_000_000) => sign(rich, nonce++, { to, data, gasLimit });
  const first = [];
  if (kind !== 'eth') {
    const names = senders.map((s) => s.address);
    first.push(await create('Token', 10n ** 30n), await create('Token', 10n ** 30n), await create('Pool', token0, token1));
    for (const to of [token0, token1]) {
      first.push(await call(to, token.encodeFunctionData('spread', [names, 10n ** 24n])));
      first.push(await call(to, token.encodeFunctionData('transfer', [pool, 10n ** 27n])));
    }
    first.push(await call(pool, pair.encodeFunctionData('sync')));
  }
  for (const { address } of senders) first.push(await sign(rich, nonce++, { to: address, value: 50n * ether, gasLimit: 21_000 }));
  const second = kind !== 'swap' ? [] : (await Promise.all(senders.flatMap((s) => [token0, token1].map((to, i) =>
    sign(s, i, { to, data: token.encodeFunctionData('approve', [pool, ethers.MaxUint256]), gasLimit: 60_000 })))));
  return [first, second];
}

/** `count` signed transactions of a kind, round robin over the senders. */
async function signed(kind, count) {
  const base = kind === 'swap' ? 2 : 0;
  const list = [];
  for (let i = 0; i < count; i++) {
    const nonce = base + Math.floor(i / ACCOUNTS);
    const recipient = ethers.getAddress(ethers.zeroPadValue(ethers.toBeHex(0x10000000 + i), 20));
    const fields = {
      eth: () => ({ to: recipient, value: 1n }),
      erc20: () => ({ to: token0, data: token.encodeFunctionData('transfer', [recipient, 1n]) }),
      swap: () => ({ to: pool, data: pair.encodeFunctionData('swap', [10n ** 18n, i % 2 === 0]) }),
    }[kind]();
    const raw = await sign(senders[i % ACCOUNTS], nonce, { ...fields, gasLimit: GAS[kind] });
    list.push({ raw, hash: ethers.keccak256(raw) });
  }
  return list;
}

/** One run on a fresh server; gives figures. */
async function run(side, mode, list, [first, second]) {
  const scratch = fileURLToPath(new URL('../.cache/bench/', import.meta.url)); // on disk, where /tmp may not be
  mkdirSync(scratch, { recursive: true });
  const datadir = mkdtempSync(scratch);
  const node = await startNode({ program: programs[side], quiet: true, datadir, args: side === 'anvil' ? ['--gas-limit', '1000000000'] : [] });
  const connections = Array.from({ length: CONNECTIONS }, () => new Connection(node.url));
  const [main] = connections;
  try {
    for (const step of [first, second]) { // one by one: setting up is not what is measured
      for (const raw of step) await main.call('eth_sendRawTransaction', raw);
      if (step.length) await receipts(main, [{ hash: ethers.keccak256(step.at(-1)) }]);
    }
    if (mode === 'manual') {
      await main.call('evm_setAutomine', false);
      if (side === 'varve') await main.call('evm_setBlockGasLimit', '0x3b9aca00');
    }
    const from = Number(await main.call('eth_blockNumber'));
    const cpu = cpuSeconds(node.pid);
    const start = performance.now();
    let submittedAt;
    if (mode === 'single') {
      for (const item of list) {
        await main.call('eth_sendRawTransaction', item.raw);
        while (await main.call('eth_getTransactionReceipt', item.hash) === null) { /* ask again */ }
      }
      submittedAt = performance.now();
    } else {
      await submit(connections, list);
      submittedAt = performance.now();
      if (mode === 'manual') await main.call('evm_mine');
    }
    const built = performance.now();
    await receipts(main, list);
    const end = performance.now();
    const used = cpuSeconds(node.pid) - cpu;
    const { gas, blocks } = await count(main, from, list);
    return {
      'end to end, tx/s': list.length / (end - start) * 1e3,
      'submit, tx/s': list.length / (submittedAt - start) * 1e3,
      'block building, tx/s': mode === 'manual' ? list.length / (built - submittedAt) * 1e3 : NaN,
      'server CPU, µs/tx': used / list.length * 1e6,
      'Mgas/s': gas / (end - start) / 1e3,
      'blocks': blocks,
      'memory after, MiB': memory(node.pid).now,
    };
  } finally {
    connections.forEach((connection) => connection.close());
    await node.kill('SIGKILL');
    rmSync(datadir, { recursive: true, force: true });
  }
}

const rounds = option('pairs', 5);
const total = option('count', 10_000);
const kinds = option('kinds', 'eth,erc20,swap').split(',');
const modes = option('modes', 'manual,burst,single').split(',');

for (const kind of kinds) {
  const list = await signed(kind, total);
  const steps = await preparation(kind);
  const rows = (figures) => Object.entries(figures).filter(([, f]) => Number.isFinite(f.ours));
  if (modes.includes('manual')) {
    const figures = await pairs(rounds, 'anvil', (side) => run(side, 'manual', list, steps));
    table(`${kind}: ${total} transactions, one block on demand, ${rounds} pairs`, 'anvil', rows(figures));
  }
  if (modes.includes('burst')) {
    const few = list.slice(0, 1_000);
    const figures = await pairs(rounds, 'anvil', (side) => run(side, 'burst', few, steps));
    table(`${kind}: automine, burst of 1,000, ${rounds} pairs`, 'anvil', rows(figures));
    const many = [];
    for (let i = 0; i < rounds; i++) many.push((await run('varve', 'burst', list, steps))['end to end, tx/s']);
    const rate = median(many);
    console.log(`automine, burst of ${total}, varve alone: ${Math.round(rate)} tx/s, ` +
      `${(rate / figures['end to end, tx/s'].ours).toFixed(2)} of its own rate for 1,000`);
  }
  if (modes.includes('single') && kind === 'eth') {
    const alone = await Promise.all(Array.from({ length: 500 }, async (_, nonce) => {
      const raw = await sign(senders[0], nonce, { to: senders[1].address, value: 1n, gasLimit: GAS.eth });
      return { raw, hash: ethers.keccak256(raw) };
    }));
    const figures = await pairs(rounds, 'anvil', (side) => run(side, 'single', alone, steps));
    table(`${kind}: automine, one account, one at a time, 500 transactions, ${rounds} pairs`, 'anvil', rows(figures));
  }
}
