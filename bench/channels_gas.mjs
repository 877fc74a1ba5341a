#!/usr/bin/env node
// What each call of the channels' contracts costs as a whole transaction, on the committed artifacts, beside what
// peers published of theirs:
//   bench/channels_gas.mjs
//
// Ours is measured here by forge, in `contracts/test/channel/{Gas,Swap}.t.sol`, which also hold the limits. The peers'
// are constants, out of the files below; where a peer needs several calls for ours, they are added.
//   Nitro   statechannels/go-nitro 05d7229, packages/nitro-protocol/gas-benchmarks/gasResults.json
//   Raiden  raiden-network/raiden-contracts 0414fc5, raiden_contracts/data/gas.json (tokens only)
//   Athanor AthanorLabs/atomic-swap, ethereum/consts.go ("the highest value we ever see in a test"): swaps
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { foundry, root } from '../tests/clients/node.mjs';

const peers = ['Nitro', 'Raiden', 'Athanor'];
const published = {
  'fund 1st, ether': { Nitro: 46_496 },
  'fund 2nd, ether': { Nitro: 29_408 },
  'fund 1st, token': { Nitro: 69_866, Raiden: 104_256 + 57_368 }, // openChannel, setTotalDeposit
  'fund 2nd, token': { Nitro: 52_778, Raiden: 57_368 },
  'withdraw 1st': { Raiden: 108_824 },
  'coop close, ether': { Nitro: 111_514 },
  'coop close, tokens': { Nitro: 112_690 },
  'force close': { Nitro: 113_146, Raiden: 122_682 },
  "tower's challenge: half and endorser": { Nitro: 73_562, Raiden: 219_711 }, // checkpoint; MonitoringService.monitor
  "tower's challenge: both halves": { Nitro: 96_482, Raiden: 91_696 }, // by the party: respond; updateNonClosingBalanceProof
  'settle, no locks': { Nitro: 82_026, Raiden: 116_222 },
  'reveal 1': { Raiden: 45_597 },
  'reveal 32 batched': { Raiden: 46_059 + 31 * 24_060 }, // of 1, and what each more costs
  'unlock 1': { Raiden: 38_589 },
  'unlock 6': { Raiden: 63_070 },
  'swap: lock ether': { Athanor: 50_589 },
  'swap: lock tokens': { Athanor: 86_218 },
  'swap: claim ether': { Athanor: 43_349 },
  'swap: claim tokens': { Athanor: 47_522 },
  'swap: refund ether': { Athanor: 43_120 },
  'swap: refund tokens': { Athanor: 47_282 },
};

const text = execFileSync(foundry('forge'), ['test', '--match-path', 'contracts/test/channel/{Gas,Swap}*', '-vv'],
  { cwd: fileURLToPath(root), encoding: 'utf8', env: { ...process.env, NO_COLOR: '1', FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' } });
const ours = new Map([...text.matchAll(/^ +(.+): (\d+) of (\d+)$/gm)].map(([, name, gas, limit]) => [name, { gas: Number(gas), limit: Number(limit) }]));
for (const name of Object.keys(published)) if (!ours.has(name)) throw new Error(`forge measured no "${name}"`);

const cell = (value) => (value === undefined ? '–' : value.toLocaleString('en')).padStart(9);
const width = Math.max(...[...ours.keys()].map((name) => name.length));
console.log([''.padEnd(width), '    varve', '    limit', ...peers.map((p) => p.padStart(9)), 'best peer / varve'].join('  '));
const ratios = [];
for (const [name, { gas, limit }] of ours) {
  const theirs = published[name] ?? {};
  const best = Math.min(...Object.values(theirs)) / gas;
  if (Number.isFinite(best)) ratios.push(best);
  console.log([name.padEnd(width), cell(gas), cell(limit), ...peers.map((p) => cell(theirs[p])), Number.isFinite(best) ? best.toFixed(2).padStart(9) : ''].join('  ').trimEnd());
}
const mean = Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / ratios.length);
console.log(`\n${ours.size} calls; of the ${ratios.length} that a peer has published too, its gas is ${mean.toFixed(2)} times ours (geometric mean; the cheapest peer of each)`);

// A channel's life, with both parties' transactions.
const sum = (...names) => names.reduce((all, name) => all + ours.get(name).gas, 0);
const lives = [
  ['fund by both and close together, ether', sum('fund 1st, ether', 'fund 2nd, ether', 'coop close, ether'), { Nitro: 46_496 + 29_408 + 111_514 }],
  ['close alone: force close and settle', sum('force close', 'settle, no locks'), { Nitro: 195_172, Raiden: 122_682 + 116_222 }],
  ['a virtual channel whose hub is gone, all on chain', sum('app: show a state', 'app: decide', 'force close', 'settle, locks', "unlock an app's lock"), { Nitro: 470_327 }],
];
for (const [name, gas, theirs] of lives) {
  console.log(`${name}: ${gas.toLocaleString('en')}; ${Object.entries(theirs).map(([p, g]) => `${p} ${g.toLocaleString('en')}, ${(g / gas).toFixed(2)} times`).join('; ')}`);
}
