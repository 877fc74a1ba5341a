// Batches in blobs: the chain is made again from them through a beacon node, and when that has them no longer, from
// the archive that every node of the child keeps.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { generatePrivateKey } from 'viem/accounts';
import { addresses, bin, ether, foundry, startNode, until } from './node.mjs';
import { ask, deposit, hashes, settled, startFollower, startParent, startStack } from './stack.mjs';

/** A beacon node, as far as blobs go: slots are seconds, and it has what `find(slot)` gives, while `has` is true. */
async function startBeacon() {
  const beacon = { has: true, find: async () => [], asked: 0 };
  const server = createServer(async (request, response) => {
    const reply = (data, status = 200) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(data));
    const slot = /^\/eth\/v1\/beacon\/blobs\/(\d+)/.exec(request.url)?.[1];
    if (request.url === '/eth/v1/beacon/genesis') return reply({ data: { genesis_time: '0' } });
    if (request.url === '/eth/v1/config/spec') return reply({ data: { SECONDS_PER_SLOT: '1' } });
    if (!slot || !beacon.has) return reply({ code: 404, message: 'not found' }, 404);
    beacon.asked++;
    return reply({ data: await beacon.find(Number(slot)) });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  beacon.url = `http://127.0.0.1:${server.address().port}`;
  beacon.stop = () => new Promise((done) => { server.close(done); server.closeAllConnections(); });
  return beacon;
}

/** Blob transactions of a chain. */
async function blobTransactions(url) {
  const found = [];
  const newest = Number(await ask(url, 'eth_blockNumber'));
  for (let number = newest; number > 0; number--) {
    const block = await ask(url, 'eth_getBlockByNumber', `0x${number.toString(16)}`, true);
    for (const tx of block.transactions)
      if (tx.type === '0x3') found.push({ time: Number(block.timestamp), hash: tx.hash, to: tx.to, hashes: tx.blobVersionedHashes });
  }
  return found;
}

async function derivedAgain(stack, parentUrl, args) {
  const { number } = await settled(stack.url);
  const follower = await startFollower(stack, parentUrl, args);
  try { assert.deepEqual(await hashes(follower.url, number), await hashes(stack.url, number)); } finally { await follower.stop(); }
}

const parents = [
  ["varve's L1", async () => startNode({ args: ['--heartbeat', '1000'] })],
  ['anvil', () => startParent(foundry('anvil'))],
];

describe('batches in blobs', () => {
  for (const [name, start] of parents)
    test(`go to ${name}, and the chain is made again from a beacon node, or an archive when it has them no longer`, { timeout: 180_000 }, async () => {
      const beacon = await startBeacon();
      const parent = await start();
      const stack = await startStack({ parent, args: ['--parent-beacon', beacon.url] });
      // What a beacon node has is what the parent's transactions brought: here, what the sequencer kept.
      beacon.find = async (slot) => {
        const wanted = (await blobTransactions(parent.url)).filter(({ time }) => time === slot).flatMap((tx) => tx.hashes);
        return Promise.all(wanted.map((hash) => ask(stack.url, 'varve_getBlob', hash)));
      };
      try {
        assert.ok(stack.rollup.parent.blobUpdateFraction > 0);
        const to = stack.wallets(generatePrivateKey()).address;
        await deposit(stack, to, ether);
        for (let i = 0; i < 40; i++) await ask(stack.url, 'eth_sendTransaction', { from: addresses[i % 4], to, value: '0x1' });
        await settled(stack.url);
        const appends = (await blobTransactions(parent.url)).filter((tx) => tx.to.toLowerCase() === stack.rollup.parent.inbox.toLowerCase());
        assert.ok(appends.length > 0, 'a batch is in blobs');
        assert.equal(Number(await ask(parent.url, 'eth_getTransactionReceipt', appends[0].hash).then((r) => r.status)), 1);
        await derivedAgain(stack, parent.url, ['--parent-beacon', beacon.url]);
        assert.ok(beacon.asked > 0);
        beacon.has = false; // 18 days later
        await derivedAgain(stack, parent.url, ['--parent-beacon', beacon.url, '--blob-archive', stack.url]);
        await derivedAgain(stack, parent.url, ['--blob-archive', stack.url]);
        const home = await promisify(execFile)(bin, ['exit', '--rollup', `${stack.node.datadir}/901/rollup.json`, '--parent', parent.url,
          '--key', generatePrivateKey(), '--blob-archive', stack.url], { timeout: 60_000 });
        assert.match(home.stdout, /Done: nothing/); // of an account that has nothing: but the chain was derived for it
        const lost = await startNode({ word: 'node', args: ['--rollup', `${stack.node.datadir}/901/rollup.json`, '--parent', parent.url] });
        try {
          await until(() => lost.output().includes('--parent-beacon or --blob-archive'), 10_000, 'a sentence about blobs');
          assert.equal((await ask(lost.url, 'varve_status')).safe.number, 0);
        } finally { await lost.stop(); }
        await assert.rejects(ask(stack.url, 'varve_getBlob', `0x01${'00'.repeat(31)}`), /has the blob/);
      } finally {
        await stack.stop();
        await parent.stop();
        await beacon.stop();
      }
    });
});
