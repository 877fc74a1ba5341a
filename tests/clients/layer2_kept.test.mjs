// What a layer 2's node still knows long after: of before its checkpoint and its last start.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { RLP } from '@ethereumjs/rlp';
import { verifyMerkleProof } from '@ethereumjs/mpt';
import { hexToBytes, toHex } from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { getL2TransactionHashes } from 'viem/op-stack';
import { addresses, ether, foundry, startNode, until } from './node.mjs';
import { ask, clients, deposit, settled, startParent, startStack } from './stack.mjs';

const passer = '0x4200000000000000000000000000000000000016';
const hex = (number) => `0x${number.toString(16)}`;

/** What `key` has in the trie `root`, as ethereumjs judges the proof. */
const shown = async (root, key, proof) =>
  verifyMerkleProof(hexToBytes(key), proof.map((item) => hexToBytes(item)), { root: hexToBytes(root), useKeyHashing: true });

/** Waits until a block is below the checkpoint, from which a restart goes on. */
async function final(stack, number) {
  await until(async () => (await ask(stack.url, 'varve_status')).finalized.number >= number, 60_000, 'finality');
  await until(() => existsSync(`${stack.node.datadir}/901/derived`), 10_000, 'the checkpoint');
}

describe('what a layer 2 keeps', () => {
  test('a deposit from before the checkpoint is found by the hash that viem computes', { timeout: 120_000 }, async () => {
    const datadir = mkdtempSync(`${tmpdir()}/varve-kept-`);
    const parent = await startParent(foundry('anvil'), ['--slots-in-an-epoch', '1']);
    let stack = await startStack({ parent, datadir });
    try {
      const to = stack.wallets(generatePrivateKey()).address;
      await settled(stack.url);
      const request = await stack.l2.buildDepositTransaction({ account: stack.user.l1.account, mint: ether, to });
      const receipt = await stack.l1.waitForTransactionReceipt({ hash: await stack.user.l1.depositTransaction(request) });
      assert.equal(receipt.status, 'success');
      const [name] = getL2TransactionHashes(receipt);
      const found = await until(() => ask(stack.url, 'eth_getTransactionReceipt', name), 20_000, 'the receipt');
      assert.notEqual(found.transactionHash, name, "the chain's own hash is another");
      await final(stack, Number(found.blockNumber));
      for (const remove of [undefined, `${datadir}/901/deposits`]) { // killed; then with its index gone, which it makes anew
        await stack.node.kill('SIGKILL');
        if (remove) rmSync(remove);
        stack = await startStack({ parent, datadir });
        const again = await until(() => ask(stack.url, 'eth_getTransactionReceipt', name), 20_000, 'the receipt after a restart');
        assert.equal(again.transactionHash, found.transactionHash);
        assert.equal((await ask(stack.url, 'eth_getTransactionByHash', name)).hash, found.transactionHash);
      }
    } finally {
      await stack.stop();
      await parent.stop();
      rmSync(datadir, { recursive: true, force: true });
    }
  });

  test('a claim can be proven against when its block is long beyond the window for proofs', { timeout: 240_000 }, async () => {
    const datadir = mkdtempSync(`${tmpdir()}/varve-kept-`);
    const parent = await startParent(foundry('anvil'), ['--slots-in-an-epoch', '1']);
    const stack = await startStack({ parent });
    // the least that a node keeps; some 200 blocks more are in memory
    const followerArgs = ['--rollup', `${stack.node.datadir}/901/rollup.json`, '--parent', parent.url, '--proofs', '256', '--history', '256'];
    const begin = () => startNode({ word: 'node', datadir, args: followerArgs });
    let follower = await begin();
    const caughtUp = async (number) => until(async () => (await ask(follower.url, 'varve_status')).safe.number >= number, 60_000, 'the follower');
    try {
      const { l1, l2, l2Chain, user } = stack;
      const to = stack.wallets(generatePrivateKey()).address;
      await deposit(stack, user.address, 2n * ether);
      const request = await l1.buildInitiateWithdrawal({ account: user.address, to, value: ether });
      const receipt = await l2.waitForTransactionReceipt({ hash: await user.l2.initiateWithdrawal(request) });
      const { game, output, withdrawal } = await l1.waitToProve({ receipt, targetChain: l2Chain });
      const claimed = Number(game.l2BlockNumber);
      const again = await l1.buildInitiateWithdrawal({ account: user.address, to, value: 1n }); // its trie is another by now
      await l2.waitForTransactionReceipt({ hash: await user.l2.initiateWithdrawal(again) });
      for (let i = 0; await l2.getBlockNumber() < claimed + 700; i++) {
        await ask(stack.url, 'eth_sendTransaction', { from: addresses[1 + i % 3], to, value: '0x1' });
        await new Promise((done) => setTimeout(done, 20));
      }
      await caughtUp((await settled(stack.url)).number);
      let before, provenAt = 0n;
      for (const life of ['first', 'second']) {
        await assert.rejects(ask(follower.url, 'eth_getProof', addresses[0], [], hex(claimed)), /not kept|beyond the window/, life);
        const child = clients(stack.rollup, parent.url, follower.url).l2;
        const args = await child.buildProveWithdrawal({ game, output, withdrawal });
        // a proof in the second of the one before it would store what is there, for less gas than an estimate a second later
        await until(async () => (await l1.getBlock()).timestamp > provenAt, 10_000, 'the next second');
        const { status, blockNumber } = await l1.waitForTransactionReceipt({ hash: await user.l1.proveWithdrawal({ ...args, account: user.l1.account, targetChain: l2Chain }) });
        assert.equal(status, 'success');
        provenAt = (await l1.getBlock({ blockNumber })).timestamp;
        const answer = await ask(follower.url, 'eth_getProof', passer, ['0x0', '0x1'], hex(claimed));
        const { stateRoot } = await ask(follower.url, 'eth_getBlockByNumber', hex(claimed), false);
        const [, , storage] = RLP.decode(await shown(stateRoot, passer, answer.accountProof)).map((item) => toHex(item));
        assert.equal(storage, answer.storageHash);
        assert.deepEqual(answer, await ask(stack.url, 'eth_getProof', passer, ['0x0', '0x1'], hex(claimed)), 'as the archive says');
        assert.deepEqual(answer, before ?? answer);
        before = answer;
        await follower.kill('SIGKILL');
        follower = await begin();
        await caughtUp(claimed + 700);
      }
    } finally {
      await follower.stop();
      await stack.stop();
      await parent.stop();
      rmSync(datadir, { recursive: true, force: true });
    }
  });
});
