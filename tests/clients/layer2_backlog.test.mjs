// A sequencer promises no more than its parent will take in time, and says so.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createPublicClient, createWalletClient, http, parseEther } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { freePort, freeze, keys, startNode, until } from './node.mjs';

test('no transactions are taken while the parent takes no batches for too long', { timeout: 120_000 }, async () => {
  const parent = await startNode({ args: ['--heartbeat', '1000'] });
  const l2Port = await freePort();
  const node = await startNode({ args: ['--parent', parent.url], l2Port });
  const transport = http(`http://127.0.0.1:${l2Port}`, { retryCount: 0 });
  const account = privateKeyToAccount(keys[0]);
  const l2 = createPublicClient({ transport, pollingInterval: 50 });
  const wallet = createWalletClient({ account, transport, chain: { id: 901, name: 'child', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [] } } } });
  const send = () => wallet.sendTransaction({ to: account.address, value: 1n, gas: 21_000n });
  const status = () => l2.request({ method: 'varve_status' });
  try {
    await until(async () => await l2.getBalance({ address: account.address }) > parseEther('1'));
    await freeze(parent.pid);
    const confirmed = await l2.waitForTransactionReceipt({ hash: await send() });
    await until(async () => !(await status()).accepting, 30_000, 'the end of promises'); // half of 30 s, the dev preset's window
    assert.match((await status()).why, /blocks wait for the parent chain, a new one would for 1\d s; the limit is 15 s/);
    await assert.rejects(send(), /no transactions are taken for now: \d+ blocks wait for the parent chain/);
    process.kill(parent.pid, 'SIGCONT');
    await until(async () => (await status()).accepting, 30_000, 'the next promise');
    assert.equal((await l2.waitForTransactionReceipt({ hash: await send() })).status, 'success');
    assert.equal((await l2.getTransactionReceipt({ hash: confirmed.transactionHash })).blockHash, confirmed.blockHash);
    assert.equal((await status()).lostTransactions, 0);
  } finally {
    process.kill(parent.pid, 'SIGCONT');
    await node.stop();
    await parent.stop();
  }
});
