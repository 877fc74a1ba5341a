#!/usr/bin/env node
// Reads over JSON-RPC, varve beside anvil:  bench/reads.mjs [--pairs 5] [--seconds 5]
// wrk, 1 thread, 32 keep-alive connections, no batches; then batches of 50 over 8 connections, where
// wrk is not what limits. wrk and the server share the machine.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { artifact, addresses, startNode } from '../tests/clients/node.mjs';
import { option, pairs, programs, table } from './lib.mjs';

const rounds = option('pairs', 5);
const seconds = option('seconds', 5);
const scratch = mkdtempSync(`${tmpdir()}/varve-bench-`);

/** Requests a second and the 99th percentile, in ms. */
async function wrk(url, calls, connections) {
  const items = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }));
  const body = JSON.stringify(items.length === 1 ? items[0] : items);
  writeFileSync(`${scratch}/post.lua`, `wrk.method = "POST"\nwrk.body = [==[${body}]==]\nwrk.headers["Content-Type"] = "application/json"\n`);
  const { stdout: out } = await promisify(execFile)('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', `${scratch}/post.lua`, url]);
  const [, p99, unit] = out.match(/99%\s+([\d.]+)(us|ms|s)/);
  if (/Non-2xx/.test(out)) throw new Error(out);
  return {
    rate: Number(out.match(/Requests\/sec:\s+([\d.]+)/)[1]) * calls.length,
    p99: Number(p99) * { us: 1e-3, ms: 1, s: 1e3 }[unit],
  };
}

const figures = await pairs(rounds, 'anvil', async (side) => {
  const node = await startNode({ program: programs[side], quiet: true });
  try {
    const data = artifact('Token').bytecode + (10n ** 21n).toString(16).padStart(64, '0');
    const hash = await node.rpc('eth_sendTransaction', { from: addresses[0], data, gas: '0x2dc6c0' });
    let receipt = null;
    while (!receipt) receipt = await node.rpc('eth_getTransactionReceipt', hash);
    const balanceOf = `0x70a08231${addresses[0].slice(2).toLowerCase().padStart(64, '0')}`;
    const calls = {
      eth_blockNumber: ['eth_blockNumber', []],
      eth_getBalance: ['eth_getBalance', [addresses[0], 'latest']],
      'eth_call balanceOf': ['eth_call', [{ to: receipt.contractAddress, data: balanceOf }, 'latest']],
    };
    const out = {};
    for (const [name, call] of Object.entries(calls)) {
      const single = await wrk(node.url, [call], 32);
      out[`${name}, req/s`] = single.rate;
      out[`${name}, p99 ms`] = single.p99;
      out[`${name}, calls/s in batches of 50`] = (await wrk(node.url, Array(50).fill(call), 8)).rate;
    }
    return out;
  } finally {
    await node.stop();
  }
});
rmSync(scratch, { recursive: true });
table(`reads, ${seconds} s each, ${rounds} pairs`, 'anvil', Object.entries(figures));
