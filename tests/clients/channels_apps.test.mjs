// Apps between daemons: games with stakes, settled off chain or by the court, and who cheats at them.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { command, deploy, hex, startDaemon } from './channels.mjs';
import { ether, foundry, keys, startNode, until } from './node.mjs';

const margin = 15;
const moveSeconds = 60;
const args = ['--margin', String(margin)];
const stake = ether / 10n, otherStake = ether / 20n;

const parents = {
  'varve\'s L1': {},
  anvil: { program: foundry('anvil') },
};

/** A chain and daemons on it, the first of which has a channel of an ether with the second. */
async function world(parent, count = 2) {
  const chain = await startNode(parent);
  await deploy(chain.url);
  const nodes = [];
  for (let i = 0; i < count; i++) nodes.push(await startDaemon({ urls: [chain.url], key: `test:${i + 1}`, args }));
  const self = {
    chain, nodes, url: chain.url,
    pass: async (seconds) => {
      await chain.rpc('evm_increaseTime', hex(seconds));
      await chain.rpc('evm_mine');
    },
    /** A channel with money on both sides. */
    open: async (from = 0, to = 1) => {
      const { channel } = await nodes[from].rpc('channel_open', { peer: nodes[to].node, amount: hex(ether) });
      await nodes[from].rpc('channel_keysend', { channel, amount: hex(ether / 2n) });
      return channel;
    },
    app: async (i, id) => (await nodes[i].rpc('channel_appList')).find(({ app }) => app === id),
    /** Until what a node says of an app is so; `busy`: blocks come meanwhile. */
    is: (i, id, wanted, ms = 30_000, busy = 0) => until(async () => {
      if (busy) await self.pass(busy);
      const app = await self.app(i, id);
      return app && Object.entries(wanted).every(([key, value]) => app[key] === value) && app;
    }, ms, `${JSON.stringify(wanted)} of the app at node ${i}`),
    balances: async (channel) => Promise.all([0, 1].map(async (i) => BigInt((await nodes[i].channel(channel)).balance))),
    /** Nothing is locked, and both know it. */
    settled: (channel) => until(async () => (await Promise.all([0, 1].map((i) => nodes[i].channel(channel))))
      .every(({ state, balance, spendable }) => state === 'open' && balance === spendable), 30_000, 'the locks\' end'),
    /** A game that both have begun. */
    begin: async (channel, more = {}) => {
      const { app } = await nodes[0].rpc('channel_appPropose', {
        channel, app: 'tictactoe', stake: hex(stake), otherStake: hex(otherStake), moveSeconds, expirySeconds: 7200, ...more,
      });
      await self.is(1, app, { state: 'asked' });
      await nodes[1].rpc('channel_appAccept', { app });
      for (const i of [0, 1]) await self.is(i, app, { state: 'live', version: 1 });
      return app;
    },
    /** Cells in turn, the first's first. */
    play: async (app, cells, from = 0) => {
      for (const [i, cell] of cells.entries()) {
        const who = (from + i) % 2;
        await self.is(who, app, { turn: 'ours' });
        await nodes[who].rpc('channel_appMove', { app, move: String(cell) });
      }
    },
    stop: async () => {
      for (const node of nodes) await node.stop();
      await chain.stop();
    },
  };
  return self;
}

describe('apps that two agree about', () => {
  let on, channel;
  before(async () => { on = await world({}); channel = await on.open(); });
  after(() => on?.stop());

  test('a game is won, and paid off chain', async () => {
    const block = await on.chain.rpc('eth_blockNumber');
    const app = await on.begin(channel);
    await assert.rejects(on.nodes[1].rpc('channel_appMove', { app, move: '0' }), /other's turn/);
    await assert.rejects(on.nodes[0].rpc('channel_appSettle', { app }), /not over/);
    await on.play(app, [0, 3, 1]);
    await on.is(1, app, { turn: 'ours' });
    await assert.rejects(on.nodes[1].rpc('channel_appMove', { app, move: '3' }), /taken/);
    await assert.rejects(on.nodes[1].rpc('channel_appMove', { app, move: '9' }), /0 to 8/);
    await on.play(app, [4, 2], 1); // 0, 1, 2
    await on.is(0, app, { state: 'done', pays: '0x0', gets: hex(otherStake) });
    await on.is(1, app, { state: 'done', pays: hex(otherStake), gets: '0x0' });
    await on.settled(channel);
    assert.deepEqual(await on.balances(channel), [ether / 2n + otherStake, ether / 2n - otherStake]);
    assert.equal(await on.chain.rpc('eth_blockNumber'), block, 'the chain has seen nothing of it');
  });

  test('a draw moves nothing; both stakes come back', async () => {
    const before = await on.balances(channel);
    const app = await on.begin(channel);
    await on.play(app, [4, 0, 8, 2, 1, 7, 3, 5, 6]);
    for (const i of [0, 1]) await on.is(i, app, { state: 'done', pays: '0x0', gets: '0x0', version: 10 });
    await on.settled(channel);
    assert.deepEqual(await on.balances(channel), before);
  });

  test('killed at any time, a daemon goes on where it was', async () => {
    const before = await on.balances(channel);
    const app = await on.begin(channel);
    for (const [i, cell] of [0, 3, 1, 4, 2].entries()) {
      await on.play(app, [cell], i % 2);
      const victim = (i >> 1) % 2;
      await on.nodes[victim].kill();
      on.nodes[victim] = await on.nodes[victim].again();
    }
    for (const i of [0, 1]) await on.is(i, app, { state: 'done' });
    await on.settled(channel);
    assert.deepEqual(await on.balances(channel), [before[0] + otherStake, before[1] - otherStake]);
  });

  test('an offer that is refused, withdrawn or makes no sense locks nothing', async () => {
    const [alice, bob] = on.nodes;
    const before = await on.balances(channel);
    const propose = (more) => alice.rpc('channel_appPropose', { channel, app: 'tictactoe', stake: hex(stake), expirySeconds: 7200, moveSeconds, ...more });
    const { app } = await propose();
    await on.is(1, app, { state: 'asked', stake: hex(stake), otherStake: hex(stake) });
    await bob.rpc('channel_appSettle', { app });
    await on.is(0, app, { state: 'refused', why: 'refused' });
    const withdrawn = (await propose()).app;
    await on.is(1, withdrawn, { state: 'asked' });
    await alice.rpc('channel_appSettle', { app: withdrawn });
    await bob.rpc('channel_appAccept', { app: withdrawn });
    await on.is(1, withdrawn, { state: 'done' });
    await assert.rejects(propose({ app: 'chess' }), /tictactoe/);
    await assert.rejects(propose({ stake: '0x0' }), /at stake/);
    const dear = (await propose({ stake: hex(9n * ether) })).app; // more than either has
    await on.is(1, dear, { state: 'asked' });
    await bob.rpc('channel_appAccept', { app: dear });
    for (const i of [0, 1]) await on.is(i, dear, { state: 'done' }, 60_000, 30);
    await on.settled(channel);
    assert.deepEqual(await on.balances(channel), before);
  });

  test('the commands do all of it', async () => {
    const run = async (i, ...words) => {
      const { code, out, err } = await command('app', ...words, '--daemon', on.nodes[i].url);
      assert.equal(code, 0, err);
      return out;
    };
    const before = await on.balances(channel);
    const proposed = await run(0, 'propose', channel, 'tictactoe', '0.1', '--other-stake', '0.05', '--expiry', '7200', '--move-time', '60');
    const app = proposed.match(/^App +(0x[0-9a-f]{64})$/m)[1];
    await on.is(1, app, { state: 'asked' });
    assert.match(await run(1, 'list'), /State +asked/);
    await run(1, 'accept', app);
    for (const [i, cell] of [0, 3, 1, 4, 2].entries()) {
      await on.is(i % 2, app, { turn: 'ours', state: 'live' });
      await run(i % 2, 'move', app, String(cell));
    }
    for (const i of [0, 1]) await on.is(i, app, { state: 'done' });
    assert.match(await run(0, 'list'), /We get +0\.05/);
    await on.settled(channel);
    assert.deepEqual(await on.balances(channel), [before[0] + otherStake, before[1] - otherStake]);
  });
});
