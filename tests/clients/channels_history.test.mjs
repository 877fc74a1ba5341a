// The history: what was paid, received and forwarded, and channels; also when a journal has been written anew, and
// when a daemon was killed right after.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { command, deploy, hex, startDaemon } from './channels.mjs';
import { ether, startNode, until } from './node.mjs';

describe('the history of three daemons', () => {
  let chain, alice, bob, carol, toBob, toCarol;
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    [alice, bob, carol] = await Promise.all([1, 2, 3].map((i) => startDaemon({ urls: [chain.url], key: `test:${i}`, args: ['--margin', '10'] })));
    toBob = (await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) })).channel;
    toCarol = (await bob.rpc('channel_open', { peer: carol.node, amount: hex(ether) })).channel;
  });
  after(async () => {
    for (const daemon of [alice, bob, carol]) await daemon?.stop();
    await chain?.stop();
  });
  const point = (daemon) => `0x${daemon.node.slice(0, 66)}`;
  const history = async (daemon, params = {}) => (await daemon.rpc('channel_history', params)).entries;
  /** The entry of a payment, once it is there, which may be when the next messages have come. */
  const entry = (daemon, payment, state) => until(async () => (await history(daemon, { payment, state }))[0], 10_000, 'the entry');
  const pay = async (amount) => {
    const { invoice, hash } = await carol.rpc('channel_invoice', { amount: hex(amount) });
    const paid = await alice.rpc('channel_pay', { invoice, via: [point(bob)] });
    return { ...paid, invoice, hash };
  };
  /** Until its journal is another file. */
  const untilAnew = async (daemon) => {
    const file = () => statSync(join(daemon.datadir, 'channels.log')).ino;
    const was = file();
    await until(async () => {
      for (let i = 0; i < 20; i++) await daemon.rpc('channel_invoice', { amount: '0x5' });
      return file() !== was;
    }, 30_000, 'a journal written anew');
  };

  test('a payment over a mediator: sent, forwarded and received, with amounts, fee, receipt and times', async () => {
    const from = Math.floor(Date.now() / 1000) - 1;
    const { hash, preimage, fee } = await pay(ether / 10n);
    const sent = await entry(alice, hash, 'paid');
    assert.deepEqual([sent.kind, BigInt(sent.amount), sent.fee, sent.preimage, sent.node], ['sent', ether / 10n, fee, preimage, point(carol)]);
    const passed = await entry(bob, hash, 'paid');
    assert.deepEqual([passed.kind, BigInt(passed.amount), passed.fee, passed.preimage, passed.channel, passed.out], ['forwarded', ether / 10n, fee, preimage, toBob, toCarol]);
    const received = await entry(carol, hash, 'paid');
    assert.deepEqual([received.kind, BigInt(received.amount), received.preimage], ['received', ether / 10n, preimage]);
    for (const each of [sent, passed, received]) assert.ok(each.begun >= from && each.ended >= each.begun && each.ended <= Date.now() / 1000 + 1, JSON.stringify(each));
  });

  test('what failed, what nobody has paid, gifts, and payments in one channel', async () => {
    const { invoice, hash } = await carol.rpc('channel_invoice', { amount: hex(3n * ether) });
    assert.equal((await entry(carol, hash)).state, 'pending');
    assert.ok((await alice.ask('channel_pay', { invoice, via: [point(bob)] })).error);
    assert.deepEqual((await entry(alice, hash, 'failed')).kind, 'sent');
    const gift = await alice.rpc('channel_pay', { node: point(carol), amount: '0x3e8', via: [point(bob)] });
    const given = await entry(carol, gift.payment, 'paid');
    assert.deepEqual([given.kind, BigInt(given.amount), given.preimage], ['received', 1000n, gift.preimage]);
    const { payment } = await alice.rpc('channel_keysend', { channel: toBob, amount: '0x7', count: 30 });
    const alike = async (daemon, kind) => (await history(daemon, { payment, kind, channel: toBob })).reduce((sum, each) => sum + each.count * Number(each.amount), 0);
    await until(async () => await alike(alice, 'sent') === 210 && await alike(bob, 'received') === 210, 10_000, 'both sides\' entries');
  });

  test('what an invoice was for, on both sides, and an offer, at who paid', async () => {
    const text = 'tea, and "more" of it: čaj';
    const { invoice, hash } = await carol.rpc('channel_invoice', { amount: '0x3e9', description: text });
    assert.equal((await entry(carol, hash)).description, text);
    await alice.rpc('channel_pay', { invoice, via: [point(bob)] });
    for (const daemon of [alice, carol]) assert.equal((await entry(daemon, hash, 'paid')).description, text);
    const { offer } = await carol.rpc('channel_offer', { amount: '0x3ea', description: 'a cake' });
    const paid = await until(async () => (await alice.ask('channel_pay', { invoice: offer })).result, 30_000, 'the offer to be paid');
    assert.equal((await entry(alice, paid.payment, 'paid')).description, 'a cake');
    assert.equal((await history(alice)).find((each) => each.payment !== hash && each.payment !== paid.payment)?.description, undefined);
  });

  test('pages and filters', async () => {
    const all = await history(alice);
    const paged = [];
    for (let page = { limit: 1 }, older; page; page = older && { limit: 1, older }) {
      const answer = await alice.rpc('channel_history', page);
      paged.push(...answer.entries);
      older = answer.older;
    }
    assert.deepEqual(paged, all);
    assert.ok(all.every((each, i) => i === 0 || all[i - 1].begun >= each.begun), 'the newest first');
    assert.deepEqual(await history(alice, { kind: 'sent', state: 'paid' }), all.filter((each) => each.kind === 'sent' && each.state === 'paid'));
    const { begun } = all.at(-1);
    assert.deepEqual(await history(alice, { since: begun + 1, until: begun + 1000 }), all.filter((each) => each.begun > begun));
    assert.deepEqual(await history(alice, { until: begun - 1 }), []);
    for (const [params, name] of [[{ kind: 'stolen' }, 'kind'], [{ state: 'half' }, 'state'], [{ older: '0x54' }, 'older'], [{ older: 'x' }, 'older'], [{ limit: 1001 }, 'limit'], [{ channel: '0x5' }, 'channel']])
      assert.match((await alice.ask('channel_history', params)).error.message, new RegExp(`^${name}: `), name);
    const shown = await command('history', '--kind', 'sent', '--daemon', alice.url);
    assert.equal(shown.code, 0, shown.err);
    assert.match(shown.out, /Z +sent +paid +0x[0-9a-f]{16} +0\.1 +fee 0\.0001/);
    const raw = await command('history', '--json', '--limit', '2', '--daemon', alice.url);
    assert.deepEqual(JSON.parse(raw.out).entries, all.slice(0, 2), raw.err);
    assert.equal(JSON.parse((await command('list', '--json', '--daemon', alice.url)).out).length, 1);
  });

  test('is the same after journals were written anew, and kills; nothing is paid twice', async () => {
    const { invoice, hash } = await pay(ether / 50n);
    await entry(bob, hash, 'paid');
    await Promise.all([alice, carol].map((daemon) => untilAnew(daemon)));
    await Promise.all([alice, carol].map((daemon) => untilAnew(daemon))); // this one began after the payment's end
    const kinds = async (daemon) => (await history(daemon, { limit: 1000 })).filter((each) => each.state !== 'pending');
    const before = [await kinds(alice), await kinds(carol)];
    await Promise.all([alice, carol].map((daemon) => daemon.kill()));
    [alice, carol] = await Promise.all([alice, carol].map((daemon) => daemon.again()));
    assert.deepEqual([await kinds(alice), await kinds(carol)], before);
    assert.deepEqual(await carol.rpc('channel_invoiceStatus', { hash }), { state: 'paid', received: hex(ether / 50n) });
    await until(async () => (await alice.channel(toBob)).state === 'open' && (await carol.channel(toCarol)).state === 'open', 20_000, 'the reunion');
    await assert.rejects(alice.rpc('channel_pay', { invoice, via: [point(bob)] }), /was paid/);
  });

  test('what was paid right before a kill is there', async () => {
    const { hash, preimage } = await pay(ether / 100n);
    const { payment } = await alice.rpc('channel_keysend', { channel: toBob, amount: '0x9' });
    await Promise.all([alice, carol].map((daemon) => daemon.kill()));
    [alice, carol] = await Promise.all([alice, carol].map((daemon) => daemon.again()));
    assert.equal((await entry(alice, hash, 'paid')).preimage, preimage);
    assert.equal((await entry(carol, hash, 'paid')).preimage, preimage);
    assert.equal((await entry(alice, payment, 'paid')).amount, '0x9');
  });

  test('a channel\'s beginning and end', async () => {
    const [open] = await history(alice, { kind: 'channel' });
    assert.deepEqual([open.state, open.channel], ['open', toBob]);
    await until(async () => (await alice.channel(toBob)).state === 'open', 20_000, 'the reunion');
    const { balance } = await alice.rpc('channel_close', { channel: toBob });
    const [closed] = await history(alice, { kind: 'channel' });
    assert.deepEqual([closed.state, closed.channel, closed.amount, closed.begun], ['closed', toBob, balance, open.begun]);
    assert.ok(closed.ended >= closed.begun);
  });
});
