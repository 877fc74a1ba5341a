// A follower that was told where its sequencer is: blocks before the parent has them, transactions passed on,
// and what it believes of a sequencer that is silent, garbled, or signs two blocks in one place.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { encodeAbiParameters, fromRlp, keccak256, parseGwei, recoverAddress, stringToHex, toRlp } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { addresses, bin, ether, keys, startNode, until } from './node.mjs';
import { ask, clients, deposit, settled } from './stack.mjs';

const operator = addresses[3]; // the sequencer, key test:3
const scratch = mkdtempSync(`${tmpdir()}/varve-unsafe-`);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** A way to a sequencer that a follower is given instead: `bend(method, answer)` may change what comes back. */
async function startProxy(target) {
  const proxy = { target, bend: (method, answer) => answer };
  const server = createServer(async (request, response) => {
    try {
      let body = '';
      for await (const part of request) body += part;
      const answer = await (await fetch(proxy.target, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
      const bent = proxy.bend(JSON.parse(body).method, answer);
      response.setHeader('content-type', 'application/json');
      response.end(typeof bent === 'string' ? bent : JSON.stringify(bent));
    } catch { response.destroy(); } // the sequencer is not there
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.stop = () => { server.closeAllConnections(); server.close(); };
  return proxy;
}

describe('a follower of a sequencer', () => {
  const rollupFile = `${scratch}/rollup.json`;
  let l1, rollup, sequencer, follower;
  const running = new Set(), proxies = [];

  const run = async (datadir, options, ...args) => {
    const node = await startNode({ word: 'node', datadir: `${scratch}/${datadir}`, args: ['--rollup', rollupFile, '--parent', l1.url, ...args], ...options });
    running.add(node);
    return node;
  };
  const stop = async (node, signal = 'SIGTERM') => { running.delete(node); await node.kill(signal); };
  // Without the role of the batcher nothing comes by way of the parent. One that starts anew has to see first what
  // is there, before it takes transactions.
  const sequence = async (datadir, { batches = false, ...options } = {}) => {
    const node = await run(datadir, options, '--role', batches ? 'sequencer,batcher' : 'sequencer', '--key', 'test:3');
    await until(async () => (await status(node)).accepting, 20_000, 'the sequencer');
    return node;
  };
  const follow = (datadir, url) => run(datadir, {}, ...(url ? ['--sequencer', url] : []));
  const status = (node) => ask(node.url, 'varve_status');
  const receipt = (node, hash) => ask(node.url, 'eth_getTransactionReceipt', hash);
  const at = (node) => clients(rollup, l1.url, node.url);

  const sign = async (node, key = keys[0], fields = {}) => {
    const account = privateKeyToAccount(key);
    const nonce = Number(await ask(node.url, 'eth_getTransactionCount', account.address, 'pending'));
    return account.signTransaction({ chainId: 901, type: 'eip1559', to: addresses[1], value: 1n, gas: 21_000n, nonce, maxFeePerGas: parseGwei('100'), maxPriorityFeePerGas: 1n, ...fields });
  };
  const send = async (node, key) => ask(node.url, 'eth_sendRawTransaction', await sign(node, key));
  /** Sent to `from`, and seen by `by` while the parent does not have it: how long that took. */
  const seen = async (from, by, ms = 10_000) => {
    const hash = await send(from);
    const sent = Date.now();
    const { blockNumber, blockHash } = await until(() => receipt(by, hash), ms, 'the receipt');
    const took = Date.now() - sent;
    assert.ok((await status(by)).safe.number < Number(blockNumber));
    assert.equal((await receipt(sequencer, hash)).blockHash, blockHash);
    return took;
  };

  before(async () => {
    l1 = await startNode({ args: ['--heartbeat', '1000'] });
    running.add(l1);
    await promisify(execFile)(bin, ['deploy', '--parent', l1.url, '--key', 'test:0', '--preset', 'dev', '--out', rollupFile, '--sequencer', operator]);
    rollup = JSON.parse(readFileSync(rollupFile, 'utf8'));
    sequencer = await sequence('sequencer');
    await deposit(at(sequencer), addresses[0], 10n * ether);
    follower = await follow('follower', sequencer.url);
  });
  after(async () => {
    for (const proxy of proxies) proxy.stop();
    for (const node of [...running].reverse()) await node.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('it sees a transfer before any batch, and the block is signed by the sequencer', { timeout: 60_000 }, async () => {
    await seen(sequencer, follower);
    const times = [];
    for (let i = 0; i < 10; i++) times.push(await seen(sequencer, follower));
    times.sort((a, b) => a - b);
    assert.ok(times[5] < 1_000, `half of them within ${times[5]} ms`);
    const { safe, sequencer: told } = await status(follower);
    assert.equal(safe.number, 0);
    assert.deepEqual({ ...told, taken: 0 }, { at: new URL(sequencer.url).host, reached: true, trusted: true, taken: 0, brokenPromises: 0 });
    const [{ block, signature }] = await ask(sequencer.url, 'varve_unsafeBlocks', `0x${told.taken.toString(16)}`);
    const { hash } = await ask(follower.url, 'eth_getBlockByNumber', `0x${told.taken.toString(16)}`, false);
    assert.equal(keccak256(toRlp(fromRlp(block)[0])), hash);
    const digest = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }, { type: 'bytes32' }], [stringToHex('varve.unsafe.1', { size: 32 }), 901n, hash]));
    assert.equal(await recoverAddress({ hash: digest, signature }), operator);
  });

  test('deposits are in such blocks, too', { timeout: 60_000 }, async () => {
    await deposit(at(follower), addresses[2], ether);
    assert.equal(await at(follower).l2.getBalance({ address: addresses[2] }), ether);
    assert.equal((await status(follower)).safe.number, 0);
  });

  test('what it is sent goes to the sequencer, whose answer comes back', { timeout: 60_000 }, async () => {
    await seen(follower, follower);
    const waited = await follower.rpc('eth_sendRawTransactionSync', await sign(follower));
    assert.equal(waited.blockHash, (await receipt(sequencer, waited.transactionHash)).blockHash);
    const used = await sign(follower, keys[0], { nonce: 0, value: 77n });
    const [here, there] = [await follower.ask('eth_sendRawTransaction', used), await sequencer.ask('eth_sendRawTransaction', used)];
    assert.match(there.error.message, /nonce too low/);
    assert.deepEqual(here.error, there.error);
    const poor = await sign(follower, `0x${'11'.repeat(32)}`);
    assert.match((await follower.ask('eth_sendRawTransaction', poor)).error.message, /insufficient funds/);
    assert.match((await follower.ask('eth_sendRawTransaction', '0x02c0')).error.message, /./);
    await assert.rejects(ask(follower.url, 'varve_unsafeBlocks', '0x1'), /this node is no sequencer/);
  });

  test('a node that was told of none takes no transactions, and says so', { timeout: 60_000 }, async () => {
    const plain = await follow('plain');
    await assert.rejects(send(plain), /no sequencer, so it takes no transactions.*--sequencer URL/);
    const { accepting, why, sequencer: told } = await status(plain);
    assert.deepEqual([accepting, why, told], [false, 'this node is no sequencer', undefined]);
    await stop(plain);
  });

  test('a sequencer that is killed is said to be silent; the parent is followed, and then the sequencer again', { timeout: 90_000 }, async () => {
    const { port } = sequencer;
    const { unsafe } = await status(follower);
    await stop(sequencer, 'SIGKILL');
    const { sequencer: told, accepting } = await until(async () => { const s = await status(follower); return !s.sequencer.reached && s; }, 20_000, 'the silence');
    assert.ok(Math.abs(told.silentSince - Date.now() / 1000) < 20);
    assert.ok(!accepting);
    await assert.rejects(send(follower), /the sequencer at 127\.0\.0\.1/);
    assert.deepEqual((await status(follower)).unsafe, unsafe, 'what was promised stays');
    // The same sequencer where the follower does not look: what it puts on the parent comes all the same.
    sequencer = await sequence('sequencer', { batches: true });
    const hash = await send(sequencer);
    const included = await until(() => receipt(follower, hash), 30_000, 'the batch');
    assert.equal(included.blockHash, (await receipt(sequencer, hash)).blockHash);
    assert.equal((await ask(follower.url, 'eth_getBlockByNumber', `0x${unsafe.number.toString(16)}`, false)).hash, unsafe.hash);
    assert.ok((await status(follower)).safe.number >= Number(included.blockNumber));
    assert.equal((await status(follower)).sequencer.reached, false);
    await stop(sequencer);
    sequencer = await sequence('sequencer', { port });
    await until(async () => (await status(follower)).sequencer.reached, 20_000, 'its return');
    await seen(follower, follower, 20_000);
    assert.equal((await status(follower)).sequencer.brokenPromises, 0);
  });

  test('garbled answers are not believed while the parent is followed, and good ones are, when they come', { timeout: 90_000 }, async () => {
    const { port } = sequencer;
    await stop(sequencer);
    sequencer = await sequence('sequencer', { port, batches: true });
    const proxy = await startProxy(sequencer.url);
    proxies.push(proxy);
    const blocks = (change) => (answer) => { answer.result?.forEach?.(change); return answer; };
    const lies = [
      blocks((each) => { each.signature = `0x${'11'.repeat(64)}1b`; }), // another key's
      blocks((each) => { each.block = `0x${each.block.slice(2).replace(/(..)$/, (last) => (last === '00' ? '01' : '00'))}`; }),
      blocks((each) => { each.block = each.block.slice(0, -2); }),
      (answer) => (answer.result?.[0] ? { ...answer, result: Array(1000).fill(answer.result[0]) } : answer),
      () => '{"jsonrpc":"2.0","id":1,"result":',
    ];
    let told = 0, honest = false; // answers with blocks in them: lies in turn
    proxy.bend = (method, answer) => {
      if (method !== 'varve_unsafeBlocks' || honest) return answer;
      if (answer.result.length === 0) return answer;
      return lies[told++ % lies.length](answer);
    };
    const wary = await follow('wary', proxy.url);
    const hash = await send(sequencer);
    await until(() => told >= lies.length, 30_000, 'the last lie');
    await until(() => receipt(wary, hash), 20_000, 'the batch');
    const { unsafe, safe, sequencer: { taken, trusted } } = await status(wary);
    assert.deepEqual([unsafe.hash, taken, trusted], [safe.hash, 0, true]);
    honest = true;
    assert.match(wary.output(), /a block of the sequencer is not taken/);
    await until(async () => { await send(sequencer); return (await status(wary)).sequencer.taken > 0; }, 20_000, 'belief');
    assert.ok((await status(wary)).sequencer.reached);
    await stop(wary);
  });

  test('one that was down while the parent took blocks back goes on with the sequencer', { timeout: 60_000 }, async () => {
    const mark = await l1.rpc('evm_snapshot');
    const gone = await deposit(at(follower), addresses[1], 1n);
    await stop(follower);
    await l1.rpc('evm_revert', mark);
    await deposit(at(sequencer), addresses[1], 2n);
    assert.notEqual((await ask(sequencer.url, 'eth_getBlockByNumber', `0x${gone.blockNumber.toString(16)}`, false)).hash, gone.blockHash);
    follower = await follow('follower', sequencer.url);
    assert.equal((await ask(follower.url, 'eth_getBlockByHash', gone.blockHash, false)).hash, gone.blockHash, 'it has kept that block');
    await seen(sequencer, follower, 20_000);
    assert.match(follower.output(), /blocks rest on parent blocks that are gone/);
  });

  test('two blocks signed in one place end the trust, and what is on the parent is left', { timeout: 120_000 }, async () => {
    const { port } = sequencer;
    await settled(sequencer.url);
    await stop(sequencer);
    sequencer = await sequence('sequencer', { port });
    const proxy = await startProxy(sequencer.url);
    proxies.push(proxy);
    const shaken = await follow('shaken', proxy.url);
    // Another one with the same key, which has only what is on the parent, and goes on otherwise.
    const twin = await sequence('twin');
    const { number } = await until(async () => { const { unsafe } = await status(sequencer); return (await status(twin)).unsafe.hash === unsafe.hash && unsafe; }, 20_000, 'the twin');
    const kept = await send(sequencer);
    const forgetful = await follow('forgetful', sequencer.url);
    for (const node of [shaken, follower, forgetful]) await until(() => receipt(node, kept), 20_000, 'the promise');
    const other = await send(twin, keys[2]);
    await until(async () => (await status(twin)).unsafe.number > number, 20_000, 'the other promise');
    // Who starts anew has no signature of the first one any more: it takes what the sequencer has now.
    await stop(forgetful);
    const again = await follow('forgetful', twin.url);
    await until(() => receipt(again, other), 20_000, 'the other promise');
    assert.ok((await status(again)).sequencer.trusted && !await receipt(again, kept));
    await stop(again);
    proxy.target = twin.url;
    const fallen = await until(async () => { const told = await status(shaken); return !told.sequencer.trusted && told; }, 20_000, 'the end of trust');
    assert.equal(fallen.unsafe.hash, fallen.safe.hash);
    assert.match(fallen.sequencer.why, /two blocks in one place/);
    assert.match(shaken.output(), /has signed two blocks in one place.*first=0x[0-9a-f]{64} firstSignature=0x[0-9a-f]{130} second=0x[0-9a-f]{64} secondSignature=0x[0-9a-f]{130}/);
    proxy.target = sequencer.url; // it is not asked any more
    await sleep(1_000);
    assert.equal((await status(shaken)).unsafe.hash, fallen.unsafe.hash);
    // The twin's blocks come to be on the parent: there the other's promise ends, and who took it says so.
    await stop(twin);
    const batching = await sequence('twin', { batches: true });
    const hash = await send(batching, keys[2]);
    for (const node of [shaken, follower]) await until(() => receipt(node, hash), 30_000, 'the batch');
    assert.deepEqual((await status(shaken)).unsafe, (await status(shaken)).safe);
    const { brokenPromises, trusted } = (await status(follower)).sequencer;
    assert.ok(brokenPromises > 0 && trusted);
    assert.match(follower.output(), /the sequencer signed another block than the parent has/);
  });
});
