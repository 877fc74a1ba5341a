// The test methods that anvil and hardhat users know, through viem's test client and plain JSON-RPC.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { createPublicClient, createTestClient, createWalletClient, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { addresses, chainId, ether, keys, startNode } from './node.mjs';

const chain = { id: chainId, name: 'varve', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [] } } };
let node, client, wallet, lab;

before(async () => {
  node = await startNode();
  const transport = http(node.url);
  client = createPublicClient({ chain, transport, pollingInterval: 25, cacheTime: 0 });
  wallet = createWalletClient({ chain, transport, account: privateKeyToAccount(keys[0]) });
  lab = createTestClient({ chain, transport, mode: 'anvil' });
});
after(() => node?.stop());

const transfer = async (value = 1n) =>
  client.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: addresses[3], value }) });

describe('dev methods', () => {
  test('evm_mine makes an empty block', async () => {
    const before = await client.getBlockNumber();
    await lab.mine({ blocks: 1 });
    await node.rpc('evm_mine');
    assert.equal(await client.getBlockNumber(), before + 2n);
  });

  test('evm_revert returns to the snapshot: head, balances and nonces', async () => {
    const id = await lab.snapshot();
    const [number, balance] = [await client.getBlockNumber(), await client.getBalance({ address: addresses[3] })];
    const nonce = await client.getTransactionCount({ address: addresses[0] });
    const { transactionHash } = await transfer(ether);
    assert.equal(await client.getBalance({ address: addresses[3] }), balance + ether);
    await lab.revert({ id });
    assert.equal(await client.getBlockNumber(), number);
    assert.equal(await client.getBalance({ address: addresses[3] }), balance);
    assert.equal(await client.getTransactionCount({ address: addresses[0] }), nonce);
    assert.equal(await node.rpc('eth_getTransactionReceipt', transactionHash), null);
    assert.equal((await transfer()).status, 'success');
  });

  test('evm_increaseTime and evm_setNextBlockTimestamp move the next block', async () => {
    const { timestamp } = await client.getBlock();
    await lab.increaseTime({ seconds: 3_600 });
    await lab.mine({ blocks: 1 });
    const later = (await client.getBlock()).timestamp;
    assert.ok(later >= timestamp + 3_600n && later < timestamp + 3_700n);
    await lab.setNextBlockTimestamp({ timestamp: later + 500n });
    await lab.mine({ blocks: 1 });
    assert.equal((await client.getBlock()).timestamp, later + 500n);
  });

  test('anvil_setBalance sets a balance that can be spent and proved', async () => {
    await lab.setBalance({ address: addresses[2], value: 77n * ether });
    assert.equal(await client.getBalance({ address: addresses[2] }), 77n * ether);
    const spender = createWalletClient({ chain, transport: http(node.url), account: privateKeyToAccount(keys[2]) });
    const hash = await spender.sendTransaction({ to: addresses[3], value: 70n * ether });
    assert.equal((await client.waitForTransactionReceipt({ hash })).status, 'success');
    assert.equal(BigInt((await node.rpc('eth_getProof', addresses[2], [], 'latest')).balance),
      await client.getBalance({ address: addresses[2] }));
  });

  test('an unknown method is answered with code -32601 under HTTP 200', async () => {
    const answer = await node.post('{"jsonrpc":"2.0","id":1,"method":"eth_noSuchThing","params":[]}');
    assert.equal(answer.status, 200);
    const { error, id } = await answer.json();
    assert.equal(error.code, -32601);
    assert.equal(id, 1);
  });

  test('a batch is answered as a batch, each item by its id', async () => {
    const answer = await node.post(JSON.stringify([
      { jsonrpc: '2.0', id: 'a', method: 'eth_chainId', params: [] },
      { jsonrpc: '2.0', id: 2, method: 'eth_noSuchThing', params: [] },
      { jsonrpc: '2.0', id: 3, method: 'eth_blockNumber' },
    ]));
    const byId = Object.fromEntries((await answer.json()).map((item) => [item.id, item]));
    assert.equal(byId.a.result, `0x${chainId.toString(16)}`);
    assert.equal(byId[2].error.code, -32601);
    assert.match(byId[3].result, /^0x/);
  });
});

describe('interval mining', () => {
  test('blocks come by themselves, and a burst lands in one of them', async () => {
    const timed = await startNode({ blockTime: 1_000 });
    try {
      const reader = createPublicClient({ chain, transport: http(timed.url), pollingInterval: 50, cacheTime: 0 });
      const sender = createWalletClient({ chain, transport: http(timed.url), account: privateKeyToAccount(keys[0]) });
      const hashes = [];
      for (let nonce = 0; nonce < 20; nonce++) {
        hashes.push(await sender.sendTransaction({ to: addresses[1], value: 1n, nonce, gas: 21_000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n }));
      }
      const receipts = await Promise.all(hashes.map((hash) => reader.waitForTransactionReceipt({ hash })));
      assert.ok(new Set(receipts.map((r) => r.blockNumber)).size <= 3);
      const [a, b] = [receipts[19].blockNumber, receipts[19].blockNumber + 1n];
      await new Promise((done) => setTimeout(done, 1_200));
      const times = await Promise.all([a, b].map(async (blockNumber) => (await reader.getBlock({ blockNumber })).timestamp));
      assert.ok(times[1] > times[0]);
    } finally {
      await timed.stop();
    }
  });
});
