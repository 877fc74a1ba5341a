// A layer 2's node that is given something wrong: one clear sentence, a non-zero exit.
import { test, describe, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { bin, startNode } from '../clients/node.mjs';

const scratch = mkdtempSync(`${tmpdir()}/varve-cli-layer2-`);
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const file = `${scratch}/rollup.json`;
let parent, other, stranger, count = 0;

/** A chain on which `deploy` puts a child's contracts where every fresh chain has them. */
async function deployed(out, args = []) {
  const node = await startNode({ args });
  execFileSync(bin, ['deploy', '--parent', node.url, '--key', 'test:0', '--preset', 'dev', '--out', out], { stdio: 'ignore' });
  return node;
}

before(async () => {
  parent = await deployed(file);
  other = await startNode({ args: ['--heartbeat', '1000'] }); // the same chain id, without contracts
  stranger = await startNode({ args: ['--chain-id', '1234'] });
});
after(async () => { for (const node of [parent, other, stranger]) await node?.stop(); });

/** Runs a child's node in a folder of its own (or `datadir`) until it ends, at most 15 s. */
function run(url, args, rollup = file, datadir = `${scratch}/data-${count++}`) {
  return new Promise((done) => {
    const child = spawn(bin, ['node', '--rollup', rollup, '--parent', url, '--datadir', datadir, '--http.port', '0', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (data) => { stderr += data; });
    const clock = setTimeout(() => child.kill('SIGKILL'), 15_000);
    child.once('exit', (code, signal) => { clearTimeout(clock); done({ code, signal, stderr }); });
  });
}

/** Ends by itself, with a status that says failure, and one sentence that says `what`. */
async function refuses(what, ...how) {
  const { code, signal, stderr } = await run(...how);
  assert.equal(signal, null, `ended by ${signal}: ${stderr}`);
  assert.notEqual(code, 0, 'it was accepted');
  const said = stderr.trim().split('\n').filter((line) => line.startsWith('varve: '));
  assert.equal(said.length, 1, `wanted one sentence, got: ${stderr}`);
  assert.match(said[0], what);
}

describe("a child's node refuses", () => {
  test('a parent with another chain id', () => refuses(/is chain 1234, and the parent in rollup.json is chain 900/, stranger.url, []));
  test('a parent without the contracts', () => refuses(/the contracts of rollup.json are not on the parent/, other.url, []));
  test('another chain with the same id and the same contracts', async () => {
    const twin = await deployed(`${scratch}/twin.json`, ['--balance', '9999']);
    try { await refuses(/is not the one that rollup.json begins after: that is another chain with the same id/, twin.url, []); } finally { await twin.stop(); }
  });
  test('a parent that is not there', () => refuses(/Connection refused/, 'http://127.0.0.1:9', []));
  test('a parent that is a web page', async () => {
    const page = createServer((_, res) => res.end('<html>hello</html>')).listen(0, '127.0.0.1');
    await new Promise((done) => page.once('listening', done));
    try { await refuses(/its answer is no JSON/, `http://127.0.0.1:${page.address().port}`, []); } finally { page.closeAllConnections(); page.close(); }
  });
  test('a key that has no ETH on the parent', () =>
    refuses(/0x[0-9a-f]{40}, the key of the roles proposer, has no ETH on the parent/, parent.url, ['--role', 'proposer', '--key', `0x${'11'.repeat(32)}`]));
  test('roles without a key', () => refuses(/--key/, parent.url, ['--role', 'proposer']));
  test('a role that is none', () => refuses(/"miner" is no role/, parent.url, ['--role', 'miner', '--key', 'test:1']));
  test('a batcher without the sequencer', () => refuses(/the batcher puts this node's own blocks on the parent/, parent.url, ['--role', 'batcher', '--key', 'test:1']));
  test('the dev orderer beside the sequencer', () => refuses(/say --role sequencer instead/, parent.url, ['--orderer', 'dev']));
  test('a rollup.json of which something is missing or wrong', async () => {
    const good = JSON.parse(readFileSync(file, 'utf8'));
    for (const [what, text] of [
      [/is no JSON object/, 'varve'],
      [/format 99, this program knows format/, JSON.stringify({ ...good, format: 99 })],
      [/parent.inbox is missing or malformed/, JSON.stringify({ ...good, parent: { ...good.parent, inbox: '0x12' } })],
      [/child.chainId is missing or malformed/, JSON.stringify({ ...good, child: { ...good.child, chainId: 'many' } })],
    ]) {
      writeFileSync(`${scratch}/bad.json`, text);
      await refuses(what, parent.url, [], `${scratch}/bad.json`);
    }
  });
  test('the journal of another key', async () => {
    const datadir = `${scratch}/keys`;
    const args = (key) => ['--role', 'proposer', '--key', key];
    const node = await startNode({ word: 'node', datadir, args: ['--rollup', file, '--parent', parent.url, ...args('test:1')] });
    await node.stop();
    await refuses(/is the journal of 0x7099.* on chain 900, not of 0x3c44.* on chain 900/, parent.url, args('test:2'), file, datadir);
  });
  test('a folder that another process has', async () => {
    const datadir = `${scratch}/locked`;
    const node = await startNode({ word: 'node', datadir, args: ['--rollup', file, '--parent', parent.url] });
    try { await refuses(/another process/, parent.url, [], file, datadir); } finally { await node.stop(); }
  });
});

test('an interrupt ends `up` that waits for its parent', { timeout: 30_000 }, async () => {
  let asked;
  const waits = new Promise((done) => { asked = done; });
  const silent = createServer(() => asked()).listen(0, '127.0.0.1');
  await new Promise((done) => silent.once('listening', done));
  const child = spawn(bin, ['up', '--parent', `http://127.0.0.1:${silent.address().port}`, '--l2.port', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data) => { stderr += data; });
  const end = new Promise((done) => child.once('exit', (code) => done(code)));
  await waits;
  const start = Date.now();
  child.kill('SIGINT');
  assert.notEqual(await end, 0);
  assert.ok(Date.now() - start < 10_000, 'it went on waiting');
  assert.match(stderr, /^varve: stopped while it was starting$/m);
  silent.closeAllConnections();
  silent.close();
});
