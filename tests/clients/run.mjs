// Runs the files of tests here: the longest first, so that none of them is left alone at the end; three at a time,
// because they wait more than they work.
import { readdirSync } from 'node:fs';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import report from './reporter.mjs';

// More than a minute each; the rest in the order of the alphabet.
const longest = ['layer2_life', 'channels_apps', 'bridge', 'layer2', 'layer2_bad', 'channels_disputes', 'foundry', 'channels_cheats', 'layer2_unsafe', 'layer2_relay']
  .map((name) => `${name}.test.mjs`);

const all = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.test.mjs')).sort();
const files = [...longest.filter((file) => all.includes(file)), ...all.filter((file) => !longest.includes(file))]
  .map((file) => fileURLToPath(new URL(file, import.meta.url)));
run({ files, concurrency: 3 })
  .on('test:fail', () => { process.exitCode = 1; })
  .compose(report)
  .pipe(process.stdout);
