// A hub whose journal was put back from an old copy, or is gone, with payments under way that it does not know; and one
// that was not there when a payment's secret was shown: what it pays on, it gets back.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { encodeFunctionData, parseAbi, toEventSelector, toFunctionSelector, toHex } from 'viem';
import { deploy, hex, startDaemon, startTower } from './channels.mjs';
import { addresses, ether, freeze, startNode, until } from './node.mjs';

const PATIENCE = 60_000;
const RESTORE_S = 7300; // all that the lost states may have been signed for has run out
const amount = ether / 10n;
const fee = (amount * 1000n + 999_999n) / 1_000_000n;
const point = (node) => `0x${node.node.slice(0, 66)}`;

describe('a hub that was restored', () => {
  let chain, scratch;
  const running = [];
  const stop = async () => {
    for (const each of running.splice(0).reverse()) await each.stop(); // the chain at last
  };
  before(() => { scratch = mkdtempSync(`${tmpdir()}/varve-restore-`); });
  after(async () => {
    await stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  /** A payer, a hub and a payee, `pairs` channels of each two, and a copy of what the hub has before they pay anything. */
  async function world(margin, { pairs = 1, guarded = false, before = () => {} } = {}) {
    await stop();
    chain = await startNode({ blockTime: 250 });
    running.push(chain);
    await deploy(chain.url);
    const start = async (key, ...args) => {
      const daemon = await startDaemon({ urls: [chain.url], key, args: ['--margin', String(margin), ...args] });
      running.push(daemon);
      return daemon;
    };
    const tower = guarded ? await startTower({ urls: [chain.url], key: 'test:4' }) : null;
    if (tower) running.push(tower);
    const self = { payee: await start('test:3'), copy: mkdtempSync(`${scratch}/copy-`) };
    await before(self);
    self.payer = await start('test:1');
    self.hub = await start('test:2', ...(tower ? ['--tower', tower.name] : []));
    const open = async (from, to) => (await self[from].rpc('channel_open', { peer: self[to].node, amount: hex(ether) })).channel;
    self.in = [];
    self.out = [];
    for (let i = 0; i < pairs; i++) {
      self.in.push(await open('payer', 'hub'));
      self.out.push(await open('hub', 'payee'));
    }
    [self.first] = self.in;
    [self.second] = self.out;
    self.again = async (name, changes) => {
      self[name] = await self[name].again(changes);
      running.push(self[name]);
    };
    self.state = async (name, channel) => (await self[name].channel(channel))?.state;
    self.is = (channel, state, ...names) => until(async () => {
      for (const name of names) if (await self.state(name, channel) !== state) return false;
      return true;
    }, PATIENCE, `${state} of ${names.join(' and ')}`);
    self.balance = async (name, ...channels) => {
      const list = await self[name].rpc('channel_list');
      return channels.reduce((sum, channel) => sum + BigInt(list.find((each) => each.channel === channel).balance), 0n);
    };
    self.has = (name, channels, sum, what) => until(async () => await self.balance(name, ...[channels].flat()) === sum, PATIENCE, what)
      .catch(async (error) => { throw new Error(`${error.message}: ${await self.balance(name, ...[channels].flat())} instead of ${sum}\n${self.hub.output().slice(-3000)}`); });
    self.allOpen = async () => {
      for (const channel of self.in) await self.is(channel, 'open', 'payer', 'hub');
      for (const channel of self.out) await self.is(channel, 'open', 'hub', 'payee');
    };
    await self.allOpen();
    await self.hub.kill('SIGTERM');
    cpSync(self.hub.datadir, self.copy, { recursive: true });
    await self.again('hub');
    await self.allOpen();
    return self;
  }

  /** Of one that may just have started. */
  const ask = (payee, sum) => until(() => payee.rpc('channel_invoice', { amount: hex(sum), expirySeconds: 86_400 }).catch((error) => {
    if (!/no block/.test(error.message)) throw error;
  }), 20_000, 'a first block');

  /** The payment's locks are in both channels, and the payee, which is frozen, will find its own when it wakes. */
  async function lock(self, sum = amount, way = { via: [point(self.hub)] }, asked = ask(self.payee, sum)) {
    const { invoice, hash } = await asked;
    const spendable = async () => (await self.hub.rpc('channel_list')).filter(({ channel }) => self.out.includes(channel)).reduce((all, each) => all + BigInt(each.spendable), 0n);
    const before = await spendable();
    await freeze(self.payee.pid);
    const paid = self.payer.rpc('channel_pay', { invoice, ...way, timeoutMs: 600_000 });
    paid.catch(() => {}); // of a payer that is killed
    await until(async () => await spendable() <= before - sum, PATIENCE, 'the hub\'s locks');
    // What it answers to this, it says when the lock has left.
    await self.payer.rpc('channel_keysend', { channel: self.first, amount: '0x1' });
    return { paid, hash };
  }

  const pass = (seconds) => chain.rpc('evm_increaseTime', seconds);
  const reveals = async () => (await chain.rpc('eth_getLogs', { fromBlock: '0x0', topics: [toEventSelector('Revealed(bytes32,bytes32)')] })).length;

  test('claims with a secret that comes after the restore, and has the two locks as one payment', async () => {
    const self = await world(3600);
    const { paid, hash } = await lock(self);
    await self.hub.kill();
    await self.again('hub', { datadir: self.copy });
    await self.is(self.first, 'restoring', 'hub');
    await pass(RESTORE_S);
    await self.is(self.first, 'open', 'payer', 'hub');
    process.kill(self.payee.pid, 'SIGCONT');
    assert.equal((await paid).state, 'paid');
    await self.has('payee', self.second, amount, 'the payee\'s money');
    await self.has('hub', self.first, amount + fee + 1n, 'the hub\'s money');
    await self.has('hub', self.second, ether - amount, 'what the hub has left');
    const forwarded = async () => (await self.hub.rpc('channel_history', { kind: 'forwarded' })).entries;
    await until(async () => (await forwarded()).length > 0, PATIENCE, 'the history');
    assert.deepEqual((await forwarded()).map((each) => [each.payment, BigInt(each.amount), BigInt(each.fee)]), [[hash, amount, fee]]);
    await self.payer.rpc('channel_pay', { node: point(self.payee), amount: '0x64', via: [point(self.hub)], timeoutMs: PATIENCE });
  });

  test('keeps a secret for a channel that recovers later, over its own end too', async () => {
    const self = await world(3600);
    await lock(self);
    await self.payer.kill();
    await self.hub.kill();
    await self.again('hub', { datadir: self.copy });
    process.kill(self.payee.pid, 'SIGCONT');
    await self.is(self.second, 'restoring', 'hub');
    await pass(RESTORE_S);
    await self.has('payee', self.second, amount, 'the payee\'s money');
    await self.hub.kill();
    await self.again('hub', { datadir: self.copy });
    assert.equal(await self.state('hub', self.first), 'restoring');
    await self.again('payer');
    await self.is(self.first, 'open', 'payer', 'hub');
    await self.has('hub', self.first, amount + fee + 1n, 'the hub\'s money');
  });

  test('pays and is paid for what was shown in the registry while it was away', async () => {
    const margin = 4000; // after the lock's time the payee does not close as long
    const self = await world(margin);
    const { paid, hash } = await lock(self);
    const before = await reveals();
    await freeze(self.hub.pid);
    process.kill(self.payee.pid, 'SIGCONT');
    await until(async () => (await self.payee.rpc('channel_invoiceStatus', { hash })).state === 'paid', PATIENCE, 'the payee to tell its secret');
    await self.hub.kill();
    await pass(3600 + 3 * margin + 100); // of the lock's time, less a margin
    await until(async () => await reveals() > before, PATIENCE, 'the secret in the registry');
    await self.again('hub', { datadir: self.copy });
    await self.is(self.first, 'restoring', 'hub');
    await self.is(self.second, 'restoring', 'hub');
    await pass(RESTORE_S);
    assert.equal((await paid).state, 'paid');
    await self.has('payee', self.second, amount, 'the payee\'s money');
    await self.has('hub', self.first, amount + fee + 1n, 'the hub\'s money');
    await self.has('hub', self.second, ether - amount, 'what the hub has left');
  });

  test('pays and is paid for what the registry was shown before it came back with its key alone', async () => {
    const margin = 4000;
    const self = await world(margin, { guarded: true });
    for (const name of ['hub', 'payee']) await self[name].rpc('channel_keysend', { channel: self.second, amount: '0x1' }); // else the tower has nothing of it
    const { paid, hash } = await lock(self);
    await until(async () => (await self.hub.rpc('channel_list')).every((each) => BigInt(each.unguarded) === 0n), PATIENCE, 'the tower\'s receipts');
    const before = await reveals();
    await freeze(self.hub.pid);
    process.kill(self.payee.pid, 'SIGCONT');
    await until(async () => (await self.payee.rpc('channel_invoiceStatus', { hash })).state === 'paid', PATIENCE, 'the payee to tell its secret');
    await self.hub.kill();
    await pass(3600 + 3 * margin + 100);
    await until(async () => await reveals() > before, PATIENCE, 'the secret in the registry');
    await chain.rpc('evm_mine'); // what comes after that is all that the hub will be told unasked
    await self.again('hub', { datadir: `${scratch}/none`, word: 'restore' });
    for (const channel of [self.first, self.second]) await self.is(channel, 'restoring', 'hub');
    await pass(RESTORE_S);
    assert.equal((await paid).state, 'paid');
    await self.has('payee', self.second, amount, 'the payee\'s money');
    await self.has('hub', self.first, amount + fee + 1n, 'the hub\'s money');
    await self.has('hub', self.second, ether - amount, 'what the hub has left');
  });

  /** The secret of an invoice, out of its payee's journal. */
  const secretOf = ({ datadir }, hash) => {
    const journal = readFileSync(`${datadir}/channels.log`);
    let at = 0;
    while (`0x${createHash('sha256').update(journal.subarray(at, at + 32)).digest('hex')}` !== hash) {
      if (++at > journal.length) throw new Error('the journal has no such secret');
    }
    return `0x${journal.subarray(at, at + 32).toString('hex')}`;
  };

  for (const [what, functionName, args] of [
    ['alone', 'reveal', (secret) => [secret]],
    ['in a batch', 'revealBatch', (secret) => [[toHex(1, { size: 32 }), secret]]],
  ]) {
    test(`a mediator is paid for a secret that was shown ${what} before its first channel, and by nobody to it`, async () => {
      const margin = 3600;
      let asked;
      const self = await world(margin, {
        before: async ({ payee }) => {
          asked = ask(payee, amount);
          const { hash } = await asked;
          const [{ adjudicator: address }] = (await payee.rpc('channel_nodeInfo')).chains;
          const registry = `0x${(await chain.rpc('eth_call', { to: address, data: toFunctionSelector('registry()') }, 'latest')).slice(-40)}`;
          const data = encodeFunctionData({ abi: parseAbi(['function reveal(bytes32)', 'function revealBatch(bytes32[])']), functionName, args: args(secretOf(payee, hash)) });
          const sent = await chain.rpc('eth_sendTransaction', { from: addresses[0], to: registry, data });
          await until(() => chain.rpc('eth_getTransactionReceipt', sent), PATIENCE, 'the secret in the registry');
          for (let i = 0; i < 70; i++) await chain.rpc('evm_mine'); // a daemon looks at some blocks again when it begins
        },
      });
      const { paid } = await lock(self, amount, { via: [point(self.hub)] }, asked);
      await self.payee.kill();
      await pass(3600 + 4 * margin + 200);
      assert.equal((await paid).state, 'paid');
      await self.has('hub', self.first, amount + fee + 1n, 'the hub\'s money');
      await self.again('payee');
      await self.has('payee', self.second, amount, 'the payee\'s money');
      await self.has('hub', self.second, ether - amount, 'what the hub has left');
    });
  }

  test('a payment of one\'s own that the copy does not know is in the history when it is paid', async () => {
    const self = await world(3600);
    const { invoice, hash } = await ask(self.payee, amount);
    await freeze(self.payee.pid);
    self.hub.rpc('channel_pay', { invoice, via: [], timeoutMs: 600_000 }).catch(() => {}); // it is killed
    await until(async () => BigInt((await self.hub.channel(self.second)).spendable) <= ether - amount, PATIENCE, 'the lock');
    await self.payer.rpc('channel_keysend', { channel: self.first, amount: '0x1' }); // answered when the lock has left
    await self.hub.kill();
    await self.again('hub', { datadir: self.copy });
    process.kill(self.payee.pid, 'SIGCONT');
    for (const channel of [self.first, self.second]) await self.is(channel, 'restoring', 'hub');
    await pass(RESTORE_S);
    await self.has('payee', self.second, amount, 'the payee\'s money');
    const rows = async () => (await self.hub.rpc('channel_history', { payment: hash })).entries;
    const told = (each) => [each.kind, each.state, each.channel, BigInt(each.amount), each.found, each.preimage !== undefined];
    await until(async () => (await rows()).length > 0, PATIENCE, 'the history');
    assert.deepEqual((await rows()).map(told), [['sent', 'paid', self.second, amount, true, true]]);
    await self.hub.kill();
    await self.again('hub', { datadir: self.copy });
    assert.deepEqual((await rows()).map(told), [['sent', 'paid', self.second, amount, true, true]]);
    await self.has('hub', self.second, ether - amount, 'what the hub has left');
  });

  test('claims all parts of a payment, although nobody knows which lock is for which', async () => {
    const self = await world(3600, { pairs: 2 });
    const sum = ether * 14n / 10n; // more than a channel has
    await until(async () => {
      const { channels } = await self.payer.rpc('channel_graph');
      return self.out.every((id) => channels.some((each) => each.channel === id && each.public && each.policies.every((policy) => policy?.enabled)));
    }, PATIENCE, 'the payer to know the channels');
    const { paid, hash } = await lock(self, sum, { maxFee: hex(sum / 10n) });
    await self.hub.kill();
    await self.again('hub', { datadir: self.copy });
    process.kill(self.payee.pid, 'SIGCONT');
    for (const channel of [...self.in, ...self.out]) await self.is(channel, 'restoring', 'hub');
    await pass(RESTORE_S);
    const { fee: fees } = await paid;
    assert.ok(BigInt(fees) > 0n);
    await self.has('payee', self.out, sum, 'the payee\'s money');
    await self.has('hub', self.in, sum + BigInt(fees) + 1n, 'the hub\'s money');
    await self.has('hub', self.out, 2n * ether - sum, 'what the hub has left');
    const { entries } = await self.hub.rpc('channel_history', { payment: hash });
    const come = { sent: (each) => -BigInt(each.amount), received: (each) => BigInt(each.amount), forwarded: (each) => BigInt(each.fee) };
    assert.equal(entries.reduce((all, each) => all + come[each.kind](each), 0n), BigInt(fees), JSON.stringify(entries));
  });
});
