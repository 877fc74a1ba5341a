// Invoices that are paid in parts, of which one cannot be claimed at once; and invoices that somebody pays twice.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { deploy, hex, startDaemon } from './channels.mjs';
import { ether, freeze, startNode, until } from './node.mjs';

describe('a payee between two mediators', () => {
  let chain, other, payer, left, right, payee;
  const channels = {};
  const start = (i, urls = [chain.url]) => startDaemon({ urls, key: `test:${i}`, args: ['--margin', '10'] });
  const open = async (name, from, to) => {
    channels[name] = (await from.rpc('channel_open', { peer: to.node, amount: hex(ether) })).channel;
  };
  const balance = async (name) => BigInt((await payee.channel(channels[name])).balance);
  const received = async () => await balance('left-payee') + await balance('right-payee');
  /** What is done while the right mediator does nothing. */
  const withoutRight = async (what) => {
    await freeze(right.pid);
    try { await what(); } finally { process.kill(right.pid, 'SIGCONT'); }
  };
  const point = (node) => `0x${node.node.slice(0, 66)}`;
  const allOpen = async () => {
    for (const [name, node] of [['payer-left', payer], ['payer-right', payer], ['left-payee', payee], ['right-payee', payee]])
      await until(async () => (await node.channel(channels[name])).state === 'open', 10_000, `the channel ${name}`);
  };
  before(async () => {
    chain = await startNode();
    other = await startNode({ args: ['--chain-id', '902'] });
    await deploy(chain.url);
    await deploy(other.url);
    [payer, left, right, payee] = [await start(1), await start(2), await start(3), await start(4, [chain.url, other.url])];
    await open('payer-left', payer, left);
    await open('payer-right', payer, right);
    await open('left-payee', left, payee);
    await open('right-payee', right, payee);
    await until(async () => (await payer.rpc('channel_graph')).channels.filter((each) => each.public && each.policies.every((policy) => policy?.enabled)).length === 4, 20_000, 'the payer to know the network');
  });
  after(async () => {
    for (const node of [payer, left, right, payee]) await node?.stop();
    await chain?.stop();
    await other?.stop();
  });

  test('claims the part of a mediator that was away when it came back, although both crashed and the invoice is over', async () => {
    const amount = ether * 14n / 10n; // more than either way carries
    const { invoice, hash } = await payee.rpc('channel_invoice', { amount: hex(amount), expirySeconds: 30 });
    const { receivable } = await payee.channel(channels['left-payee']);
    let paid;
    await withoutRight(async () => {
      paid = payer.rpc('channel_pay', { invoice, maxFee: hex(ether / 100n) });
      await until(async () => (await payee.channel(channels['left-payee'])).receivable !== receivable, 10_000, 'the left part to be held');
      await left.kill();
      await until(async () => (await payee.channel(channels['left-payee'])).state === 'offline', 10_000, 'the left mediator to be missed');
    });
    assert.equal((await paid).state, 'paid');
    assert.equal((await payee.rpc('channel_invoiceStatus', { hash })).state, 'paid');
    await payee.kill();
    await chain.rpc('evm_increaseTime', 60);
    await chain.rpc('evm_mine');
    payee = await payee.again();
    left = await left.again();
    await until(async () => await received() === amount, 20_000, 'both parts');
  });

  test('gives back what is paid for an invoice a second time', async () => {
    const { invoice, hash } = await payee.rpc('channel_invoice', { amount: '0x64' });
    await allOpen();
    const before = await received();
    await payer.rpc('channel_pay', { invoice, via: [point(right)] });
    await until(async () => await received() === before + 100n, 5000, 'the payment');
    await assert.rejects(right.rpc('channel_pay', { invoice, via: [] }), /hop 1: .*no such payment/);
    assert.deepEqual(await payee.rpc('channel_invoiceStatus', { hash }), { state: 'paid', received: '0x64' });
    assert.equal(await received(), before + 100n);
  });

  test('holds a part by the clock of its own chain, not by that of another', async () => {
    await allOpen();
    const [one, two] = await Promise.all(['payer-left', 'payer-right'].map(async (name) => BigInt((await payer.channel(channels[name])).spendable)));
    const amount = one > two ? one + two / 2n : two + one / 2n; // more than either way carries
    const { invoice } = await payee.rpc('channel_invoice', { amount: hex(amount) });
    const before = await received();
    const { receivable } = await payee.channel(channels['left-payee']);
    let paid;
    await withoutRight(async () => {
      paid = payer.rpc('channel_pay', { invoice, maxFee: hex(ether / 100n) });
      await until(async () => (await payee.channel(channels['left-payee'])).receivable !== receivable, 10_000, 'the left part to be held');
      await other.rpc('evm_increaseTime', 3600);
      await other.rpc('evm_mine');
      const block = await other.rpc('eth_blockNumber');
      await until(async () => (await payee.rpc('channel_nodeInfo')).chains[1].block === block, 10_000, 'the other chain to be seen');
    });
    const { state, parts } = await paid;
    assert.deepEqual({ state, parts }, { state: 'paid', parts: 2 });
    await until(async () => await received() === before + amount, 10_000, 'both parts');
  });
});
