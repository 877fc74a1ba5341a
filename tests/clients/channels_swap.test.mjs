// A payment from one chain to another through a hub that has channels on both: the payer has nothing on the payee's chain.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { command, deploy, hex, startDaemon } from './channels.mjs';
import { ether, keys, until } from './node.mjs';
import { startStack } from './stack.mjs';

describe('from varve\'s L1 to its layer 2', () => {
  let stack, alice, hub, bob, first, second;
  before(async () => {
    stack = await startStack();
    await deploy(stack.url);
    const args = ['--margin', '10'];
    alice = await startDaemon({ urls: [stack.node.url], key: keys[1], args });
    hub = await startDaemon({ urls: [stack.node.url, stack.url], key: keys[2], args: [...args, '--swap'] });
    bob = await startDaemon({ urls: [stack.url], key: keys[3], args });
    first = (await alice.rpc('channel_open', { peer: hub.node, amount: hex(ether) })).channel;
    second = (await hub.rpc('channel_open', { peer: bob.node, amount: hex(ether / 2n), chainId: hex(901) })).channel;
  });
  after(async () => {
    for (const each of [alice, hub, bob, stack]) await each?.stop();
  });
  const point = (node) => `0x${node.node.slice(0, 66)}`;
  const sums = async () => (await Promise.all([[alice, first], [hub, first], [hub, second], [bob, second]].map(async ([node, id]) => BigInt((await node.channel(id)).balance))));
  // Nothing is locked or under way: each can pay all that it has.
  const isQuiet = async () => {
    for (const [node, id] of [[alice, first], [hub, first], [hub, second], [bob, second]]) {
      const { state, balance, spendable } = await node.channel(id);
      if (state !== 'open' || balance !== spendable) return false;
    }
    return true;
  };
  const pay = async (invoice) => alice.rpc('channel_pay', { invoice, via: [point(hub)], fromChainId: hex(900), timeoutMs: 30_000 });
  const fee = (amount) => (amount * 1000n + 999_999n) / 1_000_000n;

  test('both or neither: paid, the hub is even but for its fee', async () => {
    const amount = ether / 100n;
    const { invoice } = await bob.rpc('channel_invoice', { amount: hex(amount) });
    assert.equal((await pay(invoice)).state, 'paid');
    await until(async () => {
      const [a, h1, h2, b] = await sums();
      return b === amount && h2 === ether / 2n - amount && h1 === amount + fee(amount) && a === ether - h1;
    }, 10_000, 'both channels');
  });

  test('a hub that has not so much there refuses, and nothing moves', async () => {
    const before = await sums();
    const { invoice } = await bob.rpc('channel_invoice', { amount: hex(ether * 6n / 10n) });
    await assert.rejects(pay(invoice), /hop 1/);
    await until(async () => String(await sums()) === String(before), 10_000, 'the locks\' end');
  });

  test('a payer who names no hub gets the only one', async () => {
    const [a, , , b] = await sums();
    const { invoice } = await bob.rpc('channel_invoice', { amount: hex(ether / 100n) });
    const paid = await command('pay', invoice, '--from', '900', '--daemon', alice.url);
    assert.equal(paid.code, 0, paid.err);
    assert.match(paid.out, /State +paid/);
    await until(async () => {
      const now = await sums();
      return now[3] === b + ether / 100n && now[0] === a - ether / 100n - fee(ether / 100n);
    }, 20_000, 'both channels');
    await until(isQuiet, 20_000, 'all to be acknowledged');
  });

  test('swap: one\'s own money goes over; what cannot be says why', async () => {
    const carol = await startDaemon({ urls: [stack.node.url, stack.url], key: keys[0], args: ['--margin', '10'] });
    try {
      const from = (await carol.rpc('channel_open', { peer: hub.node, amount: hex(ether) })).channel;
      const swap = (amount, ...words) => command('swap', amount, '--daemon', carol.url, ...words);
      const over = ['--from', '900', '--to', '901'];
      const nobody = await swap('0.01', ...over);
      assert.equal(nobody.code, 1);
      assert.match(nobody.err, /no peer that can be paid so much on chain 900 is known to have a channel with the payee on chain 901/);
      const to = (await hub.rpc('channel_open', { peer: carol.node, amount: hex(ether / 10n), chainId: hex(901) })).channel;
      await until(async () => BigInt((await carol.channel(to))?.receivable ?? 0) === ether / 10n && (await carol.channel(to)).state === 'open', 20_000, 'the channel at carol');
      const moved = await swap('0.01', ...over);
      assert.equal(moved.code, 0, moved.err);
      assert.match(moved.out, /State +paid\nAmount +0\.01\nFee +0\.00001\n/);
      await until(async () => BigInt((await carol.channel(to)).balance) === ether / 100n
        && BigInt((await carol.channel(from)).balance) === ether - ether / 100n - fee(ether / 100n), 20_000, 'carol\'s two channels');
      const back = await swap('0.001', '--from', '901', '--to', '900', '--via', hub.node);
      assert.equal(back.code, 0, back.err);
      for (const [words, why] of [
        [['0.2', ...over], /no peer that can be paid/], // the hub has not so much there
        [['0.001', '--from', '900', '--to', '900'], /two chains/],
        [['0.001', '--from', '12345', '--to', '901'], /fromChainId: not a chain of this daemon's/],
        [['0.001', '--from', '900', '--to', '12345'], /chainId: not a chain of this daemon's/],
        [['0.001', ...over, '--via', '02abcd'], /--via is not a node's key/],
        [['0.001', ...over, '--max-fee', '0'], /asks more than the limit/],
      ]) {
        const { code, err } = await swap(...words);
        assert.equal(code, 1, err);
        assert.match(err, why);
      }
      // A second peer of alice's that she could pay: she has to say which is the hub.
      await alice.rpc('channel_open', { peer: carol.node, amount: hex(ether / 10n) });
      const { invoice } = await bob.rpc('channel_invoice', { amount: hex(1000n) });
      const either = await command('pay', invoice, '--from', '900', '--daemon', alice.url);
      assert.match(either.err, /2 peers could be the hub/);
      const named = await command('pay', invoice, '--from', '900', '--via', hub.node, '--daemon', alice.url);
      assert.equal(named.code, 0, named.err);
      await until(isQuiet, 20_000, 'all to be acknowledged');
    } finally {
      await carol.stop();
    }
  });

  for (const victim of ['hub', 'bob', 'alice']) {
    test(`${victim} killed at any time on the way: both or neither`, async () => {
      for (let delay = 0; delay < 40; delay += 8) {
        const before = await sums();
        const { invoice, hash } = await bob.rpc('channel_invoice', { amount: '0x3e8' });
        const paying = pay(invoice).then(() => 'paid', (error) => error.message);
        await new Promise((done) => setTimeout(done, delay));
        const kill = { hub: async () => { await hub.kill(); hub = await hub.again(); }, bob: async () => { await bob.kill(); bob = await bob.again(); }, alice: async () => { await alice.kill(); alice = await alice.again(); } }[victim];
        await kill();
        await paying;
        const moved = await until(async () => {
          if (!await isQuiet().catch(() => false)) return null;
          const after = await sums().catch(() => null);
          if (!after) return null;
          const [a, h1, h2, b] = after.map((x, i) => x - before[i]);
          const neither = a === 0n && h1 === 0n && h2 === 0n && b === 0n;
          const both = b === 1000n && h2 === -1000n && h1 === 1000n + fee(1000n) && a === -h1;
          return (neither || both) && { both };
        }, 15_000, `both or neither after ${delay} ms`);
        const { state } = await bob.rpc('channel_invoiceStatus', { hash });
        assert.equal(state === 'paid', moved.both, `delay ${delay}`);
      }
    });
  }
});
