// The life of a channel, again and again, on a chain: two daemons open it, top it up, pay both ways, sign a new base
// and close it. One of them ends at one of its writes, syncs, sends or receives, and is started again. They must meet;
// what a caller was told must hold; both must count the same; and the chain must pay out just that.
//
// tests/durability/channel_points.c does that at every such moment, on a chain without a server. VARVE_POINTS_EVERY=1:
// here as well.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { chains, startChain } from './chains.mjs';
import { hex, startDaemon, startPoints } from './channels.mjs';
import { keys, until } from './node.mjs';

const every = Number(process.env.VARVE_POINTS_EVERY ?? 40);
const hows = ['before', 'halfway through', 'after'];
const DEPOSIT = 1_000_000_000n, PATIENCE = 60_000;

const within = (ms, promise) => Promise.race([promise, new Promise((_, failed) => { setTimeout(failed, ms, new Error('nobody answers')).unref(); })]);

/**
 * What was asked to be paid: powers of three, so that any sum says which of them were made. `state`: paid, refused, or
 * not known.
 */
function startPayments() {
  const list = [];
  return {
    add: (side) => list[list.push({ side, amount: 3n ** BigInt(list.length), state: 'not known' }) - 1],
    /** Whether the first can have lost so much: in balanced ternary each digit is a payment. */
    explain: (net) => {
      for (const { side, state } of list) {
        const digit = ((net % 3n) + 4n) % 3n - 1n;
        net = (net - digit) / 3n;
        const made = digit === (side === 0 ? 1n : -1n);
        if ((digit !== 0n && !made) || (made && state === 'refused') || (!made && state === 'paid')) return false;
      }
      return net === 0n;
    },
  };
}

for (const name of chains) {
  describe(`a channel's life on ${name}`, () => {
    let chain;
    const nodes = [], points = [];
    let ended = null; // the one that came to its moment, until it runs again
    before(async () => {
      chain = await startChain(name);
      for (const i of [0, 1]) {
        points.push(startPoints());
        nodes.push(await startDaemon({ urls: [chain.url], key: keys[1 + i], env: points[i].env }));
      }
    });
    after(async () => {
      for (const node of nodes) await node.stop();
      for (const each of points) each.close();
      await chain?.stop();
    });

    /** What a node answers; null: it has ended meanwhile, or does not run yet. */
    const ask = async (i, method, params) => {
      for (let tries = 0; ; tries++) {
        const answer = await nodes[i].ask(method, params).catch(() => null);
        if (answer || tries === 1) return answer;
        await within(PATIENCE, ended); // it may not have run at all
        if (method !== 'channel_list') return null;
      }
    };
    const look = async (i, channel) => (await ask(i, 'channel_list'))?.result?.find((each) => each.channel === channel);
    const deposits = async (channel) => {
      const sums = [0n, 0n];
      for (const [side, total] of await chain.words('Deposited(bytes32,uint8,uint128)', channel)) sums[Number(side)] = total;
      return sums;
    };
    /** Both are together again, count the same, and count what they may. */
    const meet = (channel, payments) => until(async () => {
      const [a, b] = [await look(0, channel), await look(1, channel)];
      const [own, others] = await deposits(channel);
      return a?.state === 'open' && b?.state === 'open' && BigInt(a.balance) + BigInt(b.balance) === own + others
        && payments.explain(own - BigInt(a.balance));
    }, PATIENCE, 'the same count').catch(async (error) => {
      throw new Error(`${error.message}: ${JSON.stringify([await look(0, channel), await look(1, channel), String(await deposits(channel))])}`);
    });

    const open = async () => {
      const known = new Set(((await ask(0, 'channel_list')).result).map(({ channel }) => channel));
      for (let tries = 0; tries < 4; tries++) {
        const told = await ask(0, 'channel_open', { peer: nodes[1].node, amount: hex(DEPOSIT), timeoutMs: 6_000 });
        // One that was begun when somebody ended may have no money, which nobody was promised.
        const found = await until(async () => (await ask(0, 'channel_list'))?.result?.find((each) => !known.has(each.channel) && BigInt(each.balance) > 0n), 2_000, 'it').catch(() => null);
        if (found) return found.channel;
        assert.ok(!told?.result, 'an opened channel is there');
      }
      throw new Error('no channel comes about');
    };
    const topUp = async (i, channel) => {
      const before = (await deposits(channel))[i];
      const told = await ask(i, 'channel_topup', { channel, amount: '0x64' });
      assert.ok(!told?.error, told?.error?.message);
      if (told) await until(async () => (await deposits(channel))[i] >= before + 100n, PATIENCE, 'a top-up that was promised');
    };
    const pay = async (i, channel, payments) => {
      const payment = payments.add(i);
      const told = await ask(i, 'channel_keysend', { channel, amount: hex(payment.amount), timeoutMs: 8_000 });
      if (told?.result) payment.state = 'paid';
      else if (/not so much/.test(told?.error?.message)) payment.state = 'refused';
      else if (told) assert.match(told.error.message, /not acknowledged/);
    };
    const payBothWays = (channel, payments) => Promise.all([pay(0, channel, payments), pay(1, channel, payments)]);
    /** Asked for until it is there: who was asked may have ended before it came to it. */
    const rebase = (channel) => until(async () => {
      const epochs = [(await look(0, channel))?.epoch, (await look(1, channel))?.epoch];
      if (epochs.every((each) => each > 0)) return true;
      if (epochs.every((each) => each === 0)) await ask(1, 'channel_rebase', { channel });
      return false;
    }, PATIENCE, 'a new base');
    const close = (i, channel) => until(async () => {
      await ask(i, 'channel_close', { channel, timeoutMs: 6_000 });
      return (await look(0, channel))?.state === 'closed' && (await look(1, channel))?.state === 'closed';
    }, PATIENCE, 'the close');

    const live = async (closer) => {
      const payments = startPayments();
      const channel = await open();
      await meet(channel, payments);
      await topUp(1, channel);
      await pay(0, channel, payments);
      await payBothWays(channel, payments);
      await rebase(channel);
      await payBothWays(channel, payments);
      await meet(channel, payments);
      await topUp(0, channel);
      await payBothWays(channel, payments);
      await meet(channel, payments);
      await close(closer, channel);
      const [own, others] = await deposits(channel);
      const [[toA, toB]] = await chain.words('CoopClosed(bytes32,uint128,uint128)', channel);
      assert.equal(toA + toB, own + others, 'money came or went');
      assert.ok(payments.explain(own - toA), `the chain pays out ${toA} of ${own}, and something else was paid`);
    };

    /** One with an end. False: there are fewer such moments. */
    const run = async (who, at, how) => {
      const victim = nodes[who];
      let lives = true;
      ended = victim.exit.then(async ({ code }) => {
        if (!lives) return;
        assert.equal(code, startPoints.ended);
        nodes[who] = await victim.again();
      });
      points[who].choose(at, how);
      let reached;
      try {
        await live(at % 2 ? who : 1 - who);
      } finally {
        reached = points[who].stop() === 0;
        if (reached) await ended;
        lives = false;
      }
      return reached;
    };

    for (const who of [0, 1])
      test(`side ${who} ends at ${every === 1 ? 'each of its moments' : `one moment of ${every}`}`, async () => {
        let reached = true, count = 0, came = 0;
        for (let at = 1 + (23 * who) % every; reached; at += every)
          for (const how of every === 1 ? hows.keys() : [count % hows.length]) {
            reached = await run(who, at, how).catch((error) => { throw new Error(`${hows[how]} moment ${at}: ${error.message}`); });
            count++;
            came += reached;
          }
        assert.ok(came > 1, `it comes to moments: ${came} of ${count}`);
      });
  });
}
