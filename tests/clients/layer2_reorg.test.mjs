// Appends and reorgs of the parent: what was sent, and names what is gone.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { parseAbi, serializeTransaction } from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { getL2TransactionHashes } from 'viem/op-stack';
import { addresses, foundry, keys, startNode, until } from './node.mjs';
import { ask, settled, startFollower, startParent, startStack } from './stack.mjs';

const portalAbi = parseAbi(['function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes data) payable']);
const vaults = ['0x4200000000000000000000000000000000000011', '0x4200000000000000000000000000000000000019'];
const hex = (number) => `0x${number.toString(16)}`;

/** A transaction of the parent as it was signed. */
async function raw(l1, hash) {
  const { r, s, yParity, type, chainId, nonce, to, value, input, gas, maxFeePerGas, maxPriorityFeePerGas } = await l1.getTransaction({ hash });
  return serializeTransaction({ type, chainId, nonce, to, value, data: input, gas, maxFeePerGas, maxPriorityFeePerGas }, { r, s, yParity });
}

/** Receipts of all transactions to the Inbox in these blocks of the parent. */
async function appends({ l1, rollup }, from, to) {
  const list = [];
  for (let blockNumber = from; blockNumber <= to; blockNumber++) {
    const { transactions } = await l1.getBlock({ blockNumber, includeTransactions: true });
    for (const { to: target, hash } of transactions)
      if (target === rollup.parent.inbox.toLowerCase()) list.push(await l1.getTransactionReceipt({ hash }));
  }
  return list;
}

describe('appends and reorgs of the parent', () => {
  test('deposits come back in another order with the append after them: it reverts, and each counts once', { timeout: 120_000 }, async () => {
    const parent = await startParent(foundry('anvil'));
    const stack = await startStack({ parent });
    try {
      const { l1, l2, rollup } = stack;
      const to = [1, 2].map(() => stack.wallets(generatePrivateKey()).address);
      await settled(stack.url);
      const { batches } = await ask(stack.url, 'varve_status');
      const first = await l1.getBlockNumber() + 1n;
      const receipts = [];
      for (const i of [0, 1]) { // each its own sender's, so that they may come in any order
        const call = { address: rollup.parent.portal, abi: portalAbi, functionName: 'depositTransaction', args: [to[i], BigInt(i + 1), 21_000n, false, '0x'] };
        const hash = await stack.wallets(keys[i]).l1.writeContract({ ...call, value: BigInt(i + 1), gas: 600_000n });
        receipts.push(await l1.waitForTransactionReceipt({ hash }));
      }
      for (const receipt of receipts) await l2.waitForTransactionReceipt({ hash: getL2TransactionHashes(receipt)[0] });
      await settled(stack.url);
      const last = await l1.getBlockNumber();
      const [append] = (await appends(stack, receipts[1].blockNumber, last)).filter(({ status }) => status === 'success');
      assert.ok(append && (await ask(stack.url, 'varve_status')).batches > batches);
      const order = await Promise.all([receipts[1].transactionHash, receipts[0].transactionHash, append.transactionHash].map((hash) => raw(l1, hash)));
      const depth = Number(await l1.getBlockNumber() - first + 1n);
      await parent.rpc('anvil_reorg', depth, order.map((tx) => [tx, 0]));
      await until(() => /the parent has taken blocks back/.test(stack.node.output()), 20_000, 'the reorg');
      const again = await l1.getTransactionReceipt({ hash: append.transactionHash });
      assert.equal(again.status, 'reverted', 'its items are others now');
      for (const [i, { transactionHash: hash }] of receipts.entries()) { // under other names, of other blocks
        const [name] = getL2TransactionHashes(await l1.getTransactionReceipt({ hash }));
        await until(() => ask(stack.url, 'eth_getTransactionReceipt', name), 30_000, `deposit ${i}`);
      }
      await settled(stack.url);
      for (const [i, address] of to.entries()) assert.equal(await l2.getBalance({ address }), BigInt(i + 1));
      const { items, itemsRead } = await ask(stack.url, 'varve_status');
      assert.deepEqual([items, itemsRead], [12, 12], 'ten of up, and two');
      let supply = 0n;
      for (const address of [...to, ...vaults, ...await ask(stack.url, 'eth_accounts')])
        supply += await l2.getBalance({ address });
      assert.equal(supply, await l1.getBalance({ address: rollup.parent.portal }));
      const follower = await startFollower(stack, parent.url);
      try {
        const { number, hash } = await settled(stack.url);
        assert.equal((await ask(follower.url, 'eth_getBlockByNumber', hex(number), false)).hash, hash);
      } finally { await follower.stop(); }
    } finally { await stack.stop(); await parent.stop(); }
  });

  test('an append that can only revert is withdrawn before it costs its data', { timeout: 120_000 }, async () => {
    const parent = await startNode({ program: foundry('anvil'), args: ['--no-mining'] });
    let paused = false, ended = false;
    const miner = (async () => {
      while (!ended) {
        if (!paused) await parent.rpc('evm_mine');
        await new Promise((done) => setTimeout(done, 300));
      }
    })();
    const stack = await startStack({ parent });
    try {
      const { l1, l2 } = stack;
      const to = stack.wallets(generatePrivateKey()).address;
      await settled(stack.url);
      const before = await l1.getBlockNumber();
      const count = 20;
      for (let i = 0; i < count; i++) await ask(stack.url, 'eth_sendTransaction', { from: addresses[i % 4], to, value: '0x1' });
      const { safe } = await until(async () => {
        const status = await ask(stack.url, 'varve_status');
        return status.safe.number === status.unsafe.number && await l2.getBalance({ address: to }) === BigInt(count) && status;
      }, 30_000, 'the append');
      paused = true;
      await new Promise((done) => setTimeout(done, 500));
      const depth = Number(await l1.getBlockNumber() - before);
      await parent.rpc('anvil_reorg', depth, []); // the append is gone, and so is the block that is its origin
      await until(() => /an append is withdrawn/.test(stack.node.output()), 20_000, 'the withdrawal');
      await until(async () => (await parent.rpc('txpool_status')).pending !== '0x0', 10_000, 'what takes its nonce');
      await new Promise((done) => setTimeout(done, 500));
      const resumed = await l1.getBlockNumber() + 1n;
      paused = false;
      await until(async () => {
        const status = await ask(stack.url, 'varve_status');
        return status.safe.number >= safe.number && status.safe.number === status.unsafe.number;
      }, 40_000, 'the append made anew');
      assert.equal(await l2.getBalance({ address: to }), BigInt(count), 'each once');
      const made = await appends(stack, resumed, await l1.getBlockNumber());
      assert.ok(made.length > 0);
      assert.deepEqual(made.filter(({ status }) => status !== 'success'), [], 'none was reverted');
    } finally { ended = true; await miner; await stack.stop(); await parent.stop(); }
  });
});
