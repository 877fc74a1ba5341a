// What a layer 2's node still knows long after: of before its checkpoint and its last start.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { generatePrivateKey } from 'viem/accounts';
import { getL2TransactionHashes } from 'viem/op-stack';
import { ether, foundry, until } from './node.mjs';
import { ask, settled, startParent, startStack } from './stack.mjs';

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
});
