// What a layer 2 lives through: followers from nothing, kills, reorgs of its parent, a layer 3 on top. Ether
// is counted throughout: what the portal holds is what there is on the child.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { generatePrivateKey, mnemonicToAccount } from 'viem/accounts';
import { addresses, ether, foundry, mnemonic, startNode, until } from './node.mjs';
import { ask, bringHome, clients, deposit, hashes, settled, startFollower, startParent, startStack } from './stack.mjs';

const vaults = ['0x4200000000000000000000000000000000000011', '0x4200000000000000000000000000000000000019'];
const users = Array.from({ length: 10 }, (_, i) => mnemonicToAccount(mnemonic, { addressIndex: i }).address);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const kills = Number(process.env.VARVE_KILLS ?? 5);

/** Transfers of 1 wei to `to`, one after the other, until `stop.now`: all that were sent, and those with a receipt. */
async function transfer(url, to, stop, from = addresses[0]) {
  const sent = [], confirmed = [];
  while (!stop.now) {
    try {
      const hash = await ask(url, 'eth_sendTransaction', { from, to, value: '0x1' });
      sent.push(hash);
      await until(() => ask(url, 'eth_getTransactionReceipt', hash), 5_000);
      confirmed.push(hash);
    } catch { await sleep(50); } // killed, or not up yet
  }
  return { sent, confirmed };
}

/** What the portal holds is what the users, `others` and the vaults have on the child. */
async function assertConserved(stack, others = []) {
  const escrow = await stack.l1.getBalance({ address: stack.rollup.parent.portal });
  let supply = 0n;
  for (const address of [...users, ...vaults, ...others]) supply += await stack.l2.getBalance({ address });
  assert.equal(supply, escrow);
}

async function assertFollowerAgrees(stack, parentUrl) {
  const { number } = await settled(stack.url);
  const follower = await startFollower(stack, parentUrl);
  try { assert.deepEqual(await hashes(follower.url, number), await hashes(stack.url, number)); } finally { await follower.stop(); }
}

describe('the life of a layer 2', () => {
  test('a node that has nothing but the parent makes the same blocks', { timeout: 120_000 }, async () => {
    const stack = await startStack();
    try {
      const to = stack.wallets(generatePrivateKey()).address;
      for (let i = 0; i < 30; i++) await ask(stack.url, 'eth_sendTransaction', { from: addresses[i % 4], to, value: '0x1' });
      await deposit(stack, to, ether);
      await assertFollowerAgrees(stack, stack.node.url);
      await assertConserved(stack, [to]);
    } finally { await stack.stop(); }
  });

  test(`killed ${kills} times under load, it keeps what it confirmed and posts nothing twice`, { timeout: 300_000 }, async () => {
    const datadir = mkdtempSync(`${tmpdir()}/varve-kills-`);
    const parent = await startParent(foundry('anvil'), ['--slots-in-an-epoch', '1']); // final after two blocks
    let stack = await startStack({ parent, datadir });
    let stop = {};
    try {
      const to = stack.wallets(generatePrivateKey()).address;
      const confirmed = [];
      for (let round = 0; round < kills; round++) {
        stop = { now: false };
        const load = transfer(stack.url, to, stop);
        const request = await stack.l2.buildDepositTransaction({ account: stack.user.l1.account, mint: 1n, to });
        await stack.user.l1.depositTransaction(request);
        await sleep(300 + Math.random() * 3_000);
        await stack.node.kill('SIGKILL');
        stop.now = true;
        confirmed.push(...(await load).confirmed);
        stack = await startStack({ parent, datadir });
        for (const hash of confirmed) assert.ok(await ask(stack.url, 'eth_getTransactionReceipt', hash), `${hash} was confirmed and is gone`);
      }
      const last = await ask(stack.url, 'eth_sendTransaction', { from: addresses[0], to, value: '0x1' });
      await until(() => ask(stack.url, 'eth_getTransactionReceipt', last), 30_000, 'a block after all kills');
      await settled(stack.url);
      const { items, itemsRead } = await ask(stack.url, 'varve_status');
      assert.equal(itemsRead, items);
      assert.equal(items, 10 + kills, 'each deposit once');
      assert.ok(existsSync(`${datadir}/901/derived`), 'it went on from a checkpoint');
      await assertConserved(stack, [to]);
      await assertFollowerAgrees(stack, parent.url);
    } finally {
      stop.now = true;
      await stack.stop();
      await parent.stop();
      rmSync(datadir, { recursive: true, force: true });
    }
  });

  const parents = [
    ['anvil', () => startParent(foundry('anvil')), async (parent, during) => {
      await sleep(11_000);
      await during();
      await parent.rpc('anvil_reorg', 10, []);
    }],
    ["varve's L1", () => startNode({ args: ['--heartbeat', '1000'] }), async (parent, during) => {
      await sleep(3_000);
      const mark = await parent.rpc('evm_snapshot');
      const first = Number(await parent.rpc('eth_blockNumber'));
      await during();
      await until(async () => Number(await parent.rpc('eth_blockNumber')) >= first + 10, 30_000, 'ten blocks');
      await parent.rpc('evm_revert', mark);
    }],
  ];
  for (const [name, start, reorganise] of parents)
    test(`a parent (${name}) that reorganises 10 blocks under load takes blocks back, and nothing runs twice`, { timeout: 180_000 }, async () => {
      const parent = await start();
      const stack = await startStack({ parent });
      const stop = { now: false };
      try {
        const to = stack.wallets(generatePrivateKey()).address;
        // A deposit uses up a nonce of its sender's: what the first account sends after it cannot do without it.
        const loads = [0, 1].map((i) => transfer(stack.url, to, stop, addresses[i]));
        let before;
        await reorganise(parent, async () => {
          await deposit(stack, to, ether); // goes with the reorg
          before = await ask(stack.url, 'varve_status');
        });
        await until(async () => (await ask(stack.url, 'varve_status')).items < before.items, 10_000, 'the loss of the deposit');
        await sleep(3_000);
        stop.now = true;
        const [depositor, other] = await Promise.all(loads);
        await settled(stack.url);
        const kept = async (list) => (await Promise.all(list.map((hash) => ask(stack.url, 'eth_getTransactionReceipt', hash)))).filter((receipt) => receipt).length;
        assert.equal(await kept(other.confirmed), other.confirmed.length, 'who has no deposits loses nothing');
        const lost = async (list) => list.length - await kept(list);
        const { lostTransactions: said } = await ask(stack.url, 'varve_status'); // one may be in a block that its sender has not seen yet
        assert.ok(said >= await lost(depositor.confirmed) && said <= await lost(depositor.sent), `${said} lost transactions are said`);
        assert.equal(await stack.l2.getBalance({ address: to }), BigInt(await kept([...depositor.sent, ...other.sent])), 'each once, and no deposit');
        await assertConserved(stack, [to]);
        await assertFollowerAgrees(stack, parent.url);
      } finally {
        stop.now = true;
        await stack.stop();
        await parent.stop();
      }
    });

  test("varve's own L1 taken back: deposits come in another order, and the blocks with them", { timeout: 120_000 }, async () => {
    const stack = await startStack();
    try {
      const [first, second] = [generatePrivateKey(), generatePrivateKey()].map((key) => stack.wallets(key).address);
      await settled(stack.url);
      const mark = await stack.node.rpc('evm_snapshot');
      await deposit(stack, first, 1n);
      await deposit(stack, second, 2n);
      const before = await stack.l2.getBlock();
      await stack.node.rpc('evm_revert', mark);
      await deposit(stack, second, 2n);
      await deposit(stack, first, 1n);
      await settled(stack.url);
      assert.deepEqual(await Promise.all([first, second].map((address) => stack.l2.getBalance({ address }))), [1n, 2n]);
      assert.notEqual((await stack.l2.getBlock({ blockNumber: before.number })).hash, before.hash);
      await assertConserved(stack, [first, second]);
      await assertFollowerAgrees(stack, stack.node.url);
    } finally { await stack.stop(); }
  });

  test('ether goes from the L1 through the layer 2 to a layer 3, and home again', { timeout: 180_000 }, async () => {
    const stack = await startStack({ args: ['--l3'] });
    try {
      const l3Url = `http://127.0.0.1:${Number(new URL(stack.url).port) + 1}`;
      await until(() => ask(l3Url, 'eth_chainId').catch(() => null), 60_000, 'the layer 3');
      const rollup = JSON.parse(readFileSync(`${stack.node.datadir}/902/rollup.json`, 'utf8'));
      const upper = clients(rollup, stack.url, l3Url);
      const [onL3, home] = [generatePrivateKey(), generatePrivateKey()].map((key) => stack.wallets(key).address);
      await deposit(stack, stack.user.address, 2n * ether);
      await deposit(upper, onL3, ether);
      assert.equal(await upper.l2.getBalance({ address: onL3 }), ether);
      const withdraw = async ({ l1, l2, user }, to) => {
        const request = await l1.buildInitiateWithdrawal({ account: user.address, to, value: ether });
        return l2.waitForTransactionReceipt({ hash: await user.l2.initiateWithdrawal(request) });
      };
      await deposit(upper, upper.user.address, 2n * ether);
      await bringHome(upper, await withdraw(upper, home));
      assert.equal(await stack.l2.getBalance({ address: home }), ether);
      await bringHome(stack, await withdraw(stack, home));
      assert.equal(await stack.l1.getBalance({ address: home }), ether);
    } finally { await stack.stop(); }
  });
});
