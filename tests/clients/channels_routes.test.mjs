// Payments over several hops: invoices, unasked ones, refusals, and a mediator that is killed on the way.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { deploy, hex, startDaemon } from './channels.mjs';
import { ether, keys, startNode, until } from './node.mjs';

describe('a route of three channels', () => {
  let chain;
  const nodes = [];
  const channels = []; // channels[i] is between node i and i + 1
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    for (let i = 0; i < 4; i++) nodes.push(await startDaemon({ urls: [chain.url], key: `test:${i + 1}`, args: ['--margin', '10'] }));
    for (let i = 0; i < 3; i++)
      channels.push((await nodes[i].rpc('channel_open', { peer: nodes[i + 1].node, amount: hex(ether) })).channel);
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    await chain?.stop();
  });
  const point = (node) => `0x${node.node.slice(0, 66)}`;
  const via = (from, to) => nodes.slice(from + 1, to).map(point);
  const balance = async (i, j) => BigInt((await nodes[i].channel(channels[j])).balance);
  const fee = (amount) => (amount * 1000n + 999_999n) / 1_000_000n;

  test('an invoice is paid over two mediators, who earn their fees, and its preimage is the receipt', async () => {
    const amount = ether / 10n;
    const { invoice, hash } = await nodes[3].rpc('channel_invoice', { amount: hex(amount), description: 'tea' });
    assert.match(invoice, /^lnv1/);
    const paid = await nodes[0].rpc('channel_pay', { invoice, via: via(0, 3) });
    assert.equal(paid.state, 'paid');
    const { createHash } = await import('node:crypto');
    assert.equal('0x' + createHash('sha256').update(Buffer.from(paid.preimage.slice(2), 'hex')).digest('hex'), hash);
    assert.deepEqual(await nodes[3].rpc('channel_invoiceStatus', { hash }), { state: 'paid', received: hex(amount) });
    const toTwo = amount + fee(amount);
    const toOne = toTwo + fee(toTwo);
    await until(async () => await balance(3, 2) === amount && await balance(2, 1) === toTwo && await balance(1, 0) === toOne, 5000, 'the last updates');
    assert.equal(await balance(0, 0), ether - toOne);
    await assert.rejects(nodes[0].rpc('channel_pay', { invoice, via: via(0, 3) }), /was paid/);
  });

  test('a payment that nobody asked for goes the same way, in both directions', async () => {
    const before = await balance(3, 2);
    await nodes[0].rpc('channel_pay', { node: point(nodes[3]), amount: '0x3e8', via: via(0, 3) });
    await until(async () => await balance(3, 2) === before + 1000n, 5000, 'the payment');
    await nodes[3].rpc('channel_pay', { node: point(nodes[0]), amount: '0x64', via: [point(nodes[2]), point(nodes[1])] });
  });

  test('payments along a named way that find the next update full wait for the one after it', async () => {
    const before = await balance(3, 2);
    const count = 300;
    const states = await Promise.all(Array.from({ length: count }, () => nodes[0].rpc('channel_pay', { node: point(nodes[3]), amount: '0x1', via: via(0, 3), timeoutMs: 60_000 }).then(({ state }) => state, (error) => error.message)));
    assert.deepEqual(states.filter((state) => state !== 'paid'), []);
    await until(async () => await balance(3, 2) === before + BigInt(count), 30_000, 'the payments');
  });

  test('what a hop refuses comes back to the payer, who learns from whom and why', async () => {
    const { invoice } = await nodes[2].rpc('channel_invoice', { amount: '0x64' });
    const sums = await Promise.all([balance(0, 0), balance(1, 0), balance(1, 1), balance(2, 1)]);
    // Node 1 has no channel to node 3.
    await assert.rejects(nodes[0].rpc('channel_pay', { invoice, via: [point(nodes[1]), point(nodes[3])] }), /hop 1: .*no channel to the next/);
    await assert.rejects(nodes[0].rpc('channel_pay', { node: point(nodes[3]), amount: hex(ether * 2n), via: via(0, 3) }), /not so much|no open channel/);
    await until(async () => JSON.stringify((await Promise.all([balance(0, 0), balance(1, 0), balance(1, 1), balance(2, 1)])).map(String)) === JSON.stringify(sums.map(String)), 5000, 'the locks\' end');
  });

  test('a mediator that comes back answers new locks with their own secrets, not with those that were in their slots', async () => {
    await nodes[0].rpc('channel_pay', { node: point(nodes[3]), amount: '0x64', via: via(0, 3) });
    await nodes[1].kill();
    nodes[1] = await nodes[1].again();
    const isOpen = async (i, j) => (await nodes[i].channel(channels[j])).state === 'open';
    await until(async () => await isOpen(0, 0) && await isOpen(1, 0) && await isOpen(1, 1) && await isOpen(2, 1), 10_000, 'the channels to be open again');
    await nodes[0].rpc('channel_pay', { node: point(nodes[3]), amount: '0x64', via: via(0, 3), timeoutMs: 10_000 });
  });

  test('a mediator that is killed under load loses nothing, and payments that had begun end', async () => {
    const total = async () => {
      let sum = 0n;
      for (let j = 0; j < 3; j++) sum += await balance(j, j) + await balance(j + 1, j);
      return sum;
    };
    const results = [];
    const load = (async () => {
      for (let i = 0; i < 60; i++) {
        results.push(nodes[0].rpc('channel_pay', { node: point(nodes[3]), amount: '0x64', via: via(0, 3), timeoutMs: 20_000 }).then(() => 'paid', (error) => error.message));
        await new Promise((done) => setTimeout(done, 20));
      }
    })();
    for (const victim of [1, 2]) {
      await new Promise((done) => setTimeout(done, 400));
      await nodes[victim].kill();
      nodes[victim] = await nodes[victim].again();
    }
    await load;
    const ends = await Promise.all(results);
    assert.ok(ends.filter((end) => end === 'paid').length > 0, ends.join('\n'));
    assert.ok(ends.every((end) => end === 'paid' || /failed at hop|no open channel/.test(end)), ends.filter((end) => end !== 'paid').join('\n'));
    await until(async () => await total() === 3n * ether, 20_000, 'what is paid to arrive'); // a payment may be on its way
    for (let j = 0; j < 3; j++)
      await until(async () => await balance(j, j) === await ether - await balance(j + 1, j), 5000, 'both sides of a channel to agree');
  });
});
