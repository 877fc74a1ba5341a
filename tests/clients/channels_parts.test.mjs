// Invoices that are paid in parts, of which one cannot be claimed at once; and invoices that somebody pays twice.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { deploy, hex, startDaemon } from './channels.mjs';
import { ether, startNode, until } from './node.mjs';

describe('a payee between two mediators', () => {
  let chain, payer, left, right, payee;
  const channels = {};
  const start = (i) => startDaemon({ urls: [chain.url], key: `test:${i}`, args: ['--margin', '10'] });
  const open = async (name, from, to) => {
    channels[name] = (await from.rpc('channel_open', { peer: to.node, amount: hex(ether) })).channel;
  };
  const balance = async (name) => BigInt((await payee.channel(channels[name])).balance);
  const received = async () => await balance('left-payee') + await balance('right-payee');
  const point = (node) => `0x${node.node.slice(0, 66)}`;
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    [payer, left, right, payee] = [await start(1), await start(2), await start(3), await start(4)];
    await open('payer-left', payer, left);
    await open('payer-right', payer, right);
    await open('left-payee', left, payee);
    await open('right-payee', right, payee);
    await until(async () => (await payer.rpc('channel_graph')).channels.filter((each) => each.public && each.policies.every((policy) => policy?.enabled)).length === 4, 20_000, 'the payer to know the network');
  });
  after(async () => {
    for (const node of [payer, left, right, payee]) await node?.stop();
    await chain?.stop();
  });

  test('claims the part of a mediator that was away when it came back, although both crashed and the invoice is over', async () => {
    const amount = ether * 14n / 10n; // more than either way carries
    const { invoice, hash } = await payee.rpc('channel_invoice', { amount: hex(amount), expirySeconds: 30 });
    process.kill(right.pid, 'SIGSTOP');
    const paid = payer.rpc('channel_pay', { invoice, maxFee: hex(ether / 100n) });
    const receivable = async () => BigInt((await payee.channel(channels['left-payee'])).receivable);
    await until(async () => await receivable() < ether / 2n, 10_000, 'the left part to be held');
    await left.kill();
    await until(async () => (await payee.channel(channels['left-payee'])).state === 'offline', 10_000, 'the left mediator to be missed');
    process.kill(right.pid, 'SIGCONT');
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
    for (const name of ['left-payee', 'right-payee'])
      await until(async () => (await payee.channel(channels[name])).state === 'open', 10_000, 'the mediators to be there');
    const before = await received();
    await payer.rpc('channel_pay', { invoice, via: [point(right)] });
    await until(async () => await received() === before + 100n, 5000, 'the payment');
    await assert.rejects(right.rpc('channel_pay', { invoice, via: [] }), /hop 1: .*no such payment/);
    assert.deepEqual(await payee.rpc('channel_invoiceStatus', { hash }), { state: 'paid', received: '0x64' });
    assert.equal(await received(), before + 100n);
  });
});
