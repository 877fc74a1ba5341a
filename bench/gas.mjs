#!/usr/bin/env node
// Worst-case blocks of execution-spec-tests, one per opcode or precompile (the archive
// gas_benchmarks of ../shared/fixtures), judged and timed by `varve blocktest --time`:
//   bench/gas.mjs [--fixtures ../shared/fixtures] [--gas 60M]
//
// Each block of that much gas runs through stf_block (sender recovery, execution, state root) on
// one thread with its state in memory; the fastest run counts. Prints the median and the ten worst.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { median, option, programs } from './lib.mjs';

const fixtures = option('fixtures', process.env.VARVE_FIXTURES ?? fileURLToPath(new URL('../../shared/fixtures', import.meta.url)));
const archive = `${fixtures}/gas_benchmarks.tar.zst`;
if (!existsSync(archive)) {
  console.log(`skipped: ${archive} is not there`);
  process.exit(0);
}

// FILE.py::test_NAME[fork_F-blockchain_test-PARAMETERS-benchmark-gas-value_60M] becomes NAME PARAMETERS.
const short = (name) => name.replace(/^.*::test_/, '').replace(/"$/, '').replace(/\[fork_\w+-blockchain_test-?/, ' ')
  .replace(/-?benchmark-gas-value_\w+\]$/, '').trim();

const size = option('gas', '60M');
const text = execFileSync(programs.varve, ['blocktest', '--time', '--jobs', '1', '--only', `benchmark-gas-value_${size}]`, archive],
  { encoding: 'utf8', maxBuffer: 1 << 24 });
const cases = [...text.matchAll(/^ *(\d+) gas +(\d+) ns .*Mgas\/s +(.*)$/gm)]
  .map(([, gas, ns, name]) => ({ name: short(name), gas: Number(gas), ns: Number(ns), speed: Number(gas) * 1000 / Number(ns) }))
  .filter((c) => c.gas > 0) // one block is empty
  .sort((a, b) => a.speed - b.speed);
if (cases.length === 0) throw new Error(`no block of ${size} gas in ${archive}`);

console.log(`${cases.length} blocks of ${size} gas; median ${median(cases.map((c) => c.speed)).toFixed(0)} Mgas/s; the ten worst:`);
for (const { name, ns, speed } of cases.slice(0, 10)) {
  console.log(`${speed.toFixed(1).padStart(8)} Mgas/s ${(ns / 1e6).toFixed(1).padStart(8)} ms  ${name}`);
}
