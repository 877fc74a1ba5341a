#!/usr/bin/env node
// The interpreter on the cases of ../shared/evm_cases.json (one frame each; output and gas checked):
//   bench/evm.mjs [--shared ../shared] [--only GROUP] [--time no]
//
// Judge: instructions of the second execution of each case, code analysis inside, counted by
// callgrind and set beside evmone's counts in research/performance.md. Wall time comes after it.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { option, programs } from './lib.mjs';

const run = promisify(execFile);
const shared = option('shared', fileURLToPath(new URL('../../shared', import.meta.url)));
const cases = `${shared}/evm_cases.json`;
if (!existsSync(cases)) {
  console.log(`skipped: ${cases} is not there`);
  process.exit(0);
}

/** evmone's instruction counts by case, from the table that follows its heading. */
function reference() {
  const text = readFileSync(`${shared}/research/performance.md`, 'utf8').split('### Instruction counts')[1].split('\n## ')[0];
  return new Map([...text.matchAll(/^\| (\S+\/\S+) \| ([\d,]+) \|/gm)].map(([, name, n]) => [name, Number(n.replaceAll(',', ''))]));
}

async function instructions(name, runs) {
  const { stderr } = await run('valgrind', ['--tool=callgrind', '--callgrind-out-file=/dev/null', programs.varve,
    'bench', 'evm', cases, '--case', name, '--once', '--runs', String(runs)], { maxBuffer: 1 << 24 });
  return Number(stderr.match(/Collected : (\d+)/)[1]);
}

const geomean = (values) => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

const theirs = reference();
const only = option('only', '');
const names = JSON.parse(readFileSync(cases, 'utf8')).map((c) => c.name).filter((name) => name.startsWith(only));
const ratios = new Map();
const queue = [...names];
const counted = new Map();
await Promise.all(cpus().map(async () => {
  for (let name = queue.shift(); name; name = queue.shift()) {
    counted.set(name, await instructions(name, 2) - await instructions(name, 1));
  }
}));
console.log(`${'instructions'.padEnd(40)} ${'varve'.padStart(13)} ${'evmone'.padStart(13)}   ratio`);
for (const name of names) {
  ratios.set(name, counted.get(name) / theirs.get(name));
  console.log(`${name.padEnd(40)} ${String(counted.get(name)).padStart(13)} ${String(theirs.get(name) ?? '–').padStart(13)} ${ratios.get(name).toFixed(2).padStart(7)}`);
}
for (const group of new Set(names.map((name) => name.split('/')[0]))) {
  const of = [...ratios].filter(([name]) => name.startsWith(`${group}/`));
  const [worst, ratio] = of.reduce((a, b) => (a[1] > b[1] ? a : b));
  console.log(`geometric mean ${group}/*: ${geomean(of.map(([, r]) => r)).toFixed(3)} of evmone's; worst ${worst} ${ratio.toFixed(2)}`);
}
if (option('time', 'yes') === 'yes') {
  console.log('\nwall time');
  process.stdout.write(execFileSync(programs.varve, ['bench', 'evm', cases], { maxBuffer: 1 << 24 }));
}
