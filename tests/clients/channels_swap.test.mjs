// A payment from one chain to another through a hub that has channels on both: the payer has nothing on the payee's chain.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { command, deploy, hex, startDaemon, startPoints } from './channels.mjs';
import { addresses, ether, keys, startNode, until } from './node.mjs';
import { startStack } from './stack.mjs';

describe('a chain that is behind, or away', () => {
  const each = [];
  after(async () => {
    for (const one of each.reverse()) await one.stop();
  });
  const begin = async (one) => {
    each.push(await one);
    return each.at(-1);
  };

  // A secret would be in time there when the lock on the other chain is over.
  test('a hub swaps nothing to it, and does again once it has caught up; and nothing to one that it does not reach', async () => {
    const left = await begin(startNode({ blockTime: 1000 })), right = await begin(startNode({ blockTime: 1000, args: ['--chain-id', '777'] }));
    const urls = [left.url, right.url], args = ['--margin', '10'];
    for (const url of urls) await deploy(url);
    const alice = await begin(startDaemon({ urls: [left.url], key: keys[1], args }));
    const hub = await begin(startDaemon({ urls, key: keys[2], args: [...args, '--swap'] }));
    const bob = await begin(startDaemon({ urls: [right.url], key: keys[3], args }));
    await alice.rpc('channel_open', { peer: hub.node, amount: hex(ether) });
    await hub.rpc('channel_open', { peer: bob.node, amount: hex(ether), chainId: hex(777) });
    const pay = async () => {
      const { invoice } = await bob.rpc('channel_invoice', { amount: hex(1000n) });
      return alice.rpc('channel_pay', { invoice, via: [`0x${hub.node.slice(0, 66)}`], fromChainId: hex(900), timeoutMs: 30_000 });
    };
    const later = async (node, seconds) => {
      const newest = () => node.rpc('eth_getBlockByNumber', 'latest', false);
      const then = Number((await newest()).timestamp) + seconds;
      await node.rpc('evm_increaseTime', hex(seconds));
      const { number } = await until(async () => { const block = await newest(); return Number(block.timestamp) >= then && block; }, 30_000, 'that time');
      await until(async () => Number((await hub.rpc('channel_nodeInfo')).chains[urls.indexOf(node.url)].block) >= Number(number), 30_000, 'the hub to see it');
    };
    assert.equal((await pay()).state, 'paid');
    await later(left, 1000);
    await assert.rejects(pay(), /hop 1/);
    await later(right, 1000);
    assert.equal((await pay()).state, 'paid');
    await right.kill('SIGTERM'); // a secret could be shown there, and the hub would not see it
    await until(() => pay().then(() => false, ({ message }) => /hop 1/.test(message)), 90_000, 'the hub to refuse');
  });
});

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

  describe('who ends at any of its writes, syncs, sends and receives', () => {
    const hows = ['before it', 'halfway through it', 'after it'];
    const points = {}, third = {};
    const get = { alice: () => alice, hub: () => hub, bob: () => bob };
    const set = { alice: (node) => { alice = node; }, hub: (node) => { hub = node; }, bob: (node) => { bob = node; } };
    const both = () => [stack.node.url, stack.url];
    before(async () => {
      for (const who of ['alice', 'hub', 'bob']) {
        points[who] = startPoints();
        await get[who]().kill('SIGTERM');
        set[who](await get[who]().again({ env: points[who].env, ...(who === 'alice' ? { urls: both() } : {}) }));
      }
      third.id = await until(() => hub.rpc('channel_open', { peer: alice.node, amount: hex(ether / 4n), chainId: hex(901) }).then(({ channel }) => channel, () => null), 30_000, 'the channel back to alice');
      await until(areQuiet, 30_000, 'the channels');
    });
    after(() => { for (const each of Object.values(points)) each.close(); });

    const sides = () => [[alice, first], [hub, first], [hub, second], [bob, second], [hub, third.id], [alice, third.id]];
    const all = async () => Promise.all(sides().map(async ([node, id]) => node.channel(id)));
    const areQuiet = async () => (await all().catch(() => [])).filter((each) => each?.state === 'open' && each.balance === each.spendable).length === 6;
    const balances = async () => (await all()).map(({ balance }) => BigInt(balance));
    /** What each side has more of when it has happened: alice pays bob, or herself on the other chain. */
    const moved = (swaps, amount) => {
      const there = swaps ? [0n, 0n, -amount, amount] : [-amount, amount, 0n, 0n];
      return [-amount - fee(amount), amount + fee(amount), ...there];
    };
    const plus = (one, other) => one.map((each, i) => each + other[i]);

    /** One payment, or swap, with a victim that ends at a point. False: it has fewer of them. */
    const run = async (who, at, how, swaps) => {
      const what = `${swaps ? 'a swap' : 'a payment'} in which ${who} ends ${hows[how]}, ${at}`;
      const had = await balances();
      const amount = 1000n + BigInt(at);
      const payee = swaps ? 'alice' : 'bob';
      const { invoice, hash } = await get[payee]().rpc('channel_invoice', { amount: hex(amount), chainId: hex(901) });
      const victim = get[who]();
      points[who].choose(at, how);
      const paying = pay(invoice).then(({ state }) => state, () => 'not known');
      await Promise.race([paying, victim.exit]);
      await Promise.race([victim.exit, new Promise((done) => setTimeout(done, 100))]); // what follows the answer
      const reached = points[who].stop() === 0;
      if (reached) {
        const { code } = await victim.exit;
        assert.equal(code, startPoints.ended, what);
        set[who](await victim.again());
      }
      const said = await paying;
      const has = await until(async () => {
        if (!await areQuiet()) return null;
        const now = String(await balances().catch(() => []));
        return [had, plus(had, moved(swaps, amount))].findIndex((each) => String(each) === now) + 1;
      }, 60_000, `both or neither: ${what}`).catch(async (error) => {
        throw new Error(`${error.message}: ${JSON.stringify(await all())}, were ${had}\n${victim.output().slice(-1000)}`);
      });
      const happened = has === 2;
      assert.equal((await get[payee]().rpc('channel_invoiceStatus', { hash })).state === 'paid', happened, what);
      if (said === 'paid') assert.ok(happened, `${what}: the payer was told so`);
      if (said === 'failed') assert.ok(!happened, `${what}: the payer was told so`);
      if (!reached) assert.equal(said, 'paid', what);
      return reached;
    };

    // Deeper: VARVE_SWAP_EVERY=1, all points of each.
    const every = Number(process.env.VARVE_SWAP_EVERY ?? 4);
    for (const who of ['alice', 'hub', 'bob'])
      test(`${who}, ${every === 1 ? 'all of them' : `one of ${every}`}: both legs or neither`, async () => {
        for (const how of hows.keys()) {
          let at = 1 + how % every, runs = 0;
          for (; await run(who, at, how, who !== 'bob' && runs % 2 === 1); at += every) runs++;
          assert.ok(at > 4, `it has updates and their syncs to end in: ${at}`);
        }
      });

    test('both chains pay out what the daemons count', async () => {
      const counted = await balances();
      assert.deepEqual([counted[0] + counted[1], counted[2] + counted[3], counted[4] + counted[5]], [ether, ether / 2n, ether / 4n]);
      const balance = async (i, url) => {
        const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBalance', params: [addresses[i], 'latest'] });
        return BigInt((await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json()).result);
      };
      const accounts = [[1, stack.node.url], [3, stack.url], [1, stack.url]]; // alice's, bob's and alice's: the hub pays for all closes
      const had = await Promise.all(accounts.map((each) => balance(...each)));
      for (const channel of [first, second, third.id]) await hub.rpc('channel_close', { channel, timeoutMs: 60_000 });
      const has = await Promise.all(accounts.map((each) => balance(...each)));
      assert.deepEqual(has.map((each, i) => each - had[i]), [counted[0], counted[3], counted[5]]);
    });
  });
});
