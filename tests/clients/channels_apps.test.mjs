// Apps between daemons: games with stakes, settled off chain or by the court, and who cheats at them.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { encodeAbiParameters, keccak256, parseAbiParameters, zeroAddress } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { chains, startChain } from './chains.mjs';
import { command, hex, startDaemon, startTower } from './channels.mjs';
import { ether, freeze, until } from './node.mjs';

const margin = 15;
const moveSeconds = 600;
const args = ['--margin', String(margin)];
const stake = ether / 10n, otherStake = ether / 20n;

const [L1] = chains;

/** By which the holder gives a ticket that was sold so often to the next, or shows it at the door. */
const signTicket = (show, seat, sales, holder, next = zeroAddress) => holder.sign({
  hash: keccak256(encodeAbiParameters(parseAbiParameters('bytes32, uint256, uint64, address'), [show, BigInt(seat), BigInt(sales), next])),
});
/** Tickets of a show, which the second sells and the first organises. */
async function beginShow(on, channel, price, seats) {
  const { app, params } = await on.nodes[0].rpc('channel_appPropose', { channel, app: 'tickets', price: hex(price), seats, moveSeconds, expirySeconds: 30_000 });
  await on.is(1, app, { state: 'asked', stake: hex(BigInt(seats) * price), otherStake: '0x0' });
  await on.nodes[1].rpc('channel_appAccept', { app });
  await on.is(0, app, { turn: 'ours', version: 1 });
  let version = 1;
  const move = async (words) => {
    await until(async () => { // one that has just started has to see its chain's first block
      const { result, error } = await on.nodes[0].ask('channel_appMove', { app, move: words });
      if (error && !/nothing is signed now/.test(error.message)) throw new Error(error.message);
      return result;
    }, 30_000, words);
    await on.is(0, app, { version: ++version });
  };
  return { app, show: params.slice(0, 66), move, refused: (words, why) => assert.rejects(on.nodes[0].rpc('channel_appMove', { app, move: words }), why) };
}

/** A chain and daemons on it, the first of which has a channel of an ether with the second. Those in `guarded` have a watchtower. */
async function world(name, count = 2, more = [], guarded = []) {
  const chain = await startChain(name);
  const nodes = [];
  const tower = guarded.length ? await startTower({ urls: [chain.url], key: 'test:8' }) : undefined;
  const of = (i) => [...args, ...guarded.includes(i) ? ['--tower', tower.name] : [], ...more[i] ?? []];
  for (let i = 0; i < count; i++) nodes.push(await startDaemon({ urls: [chain.url], key: `test:${i + 1}`, args: of(i) }));
  const self = {
    chain, nodes, tower, url: chain.url, pass: chain.pass,
    /** A channel with money on both sides. */
    open: async (from = 0, to = 1) => {
      const { channel } = await nodes[from].rpc('channel_open', { peer: nodes[to].node, amount: hex(ether) });
      await nodes[from].rpc('channel_keysend', { channel, amount: hex(ether / 2n) });
      return channel;
    },
    app: async (i, id) => (await nodes[i].rpc('channel_appList')).find(({ app }) => app === id),
    /** So much later, once a node has seen what there is, and has had time to answer it. */
    later: async (i, seconds) => {
      await until(async () => BigInt((await nodes[i].rpc('channel_nodeInfo')).chains[0].block) >= BigInt(await chain.rpc('eth_blockNumber')), 30_000, 'the newest block');
      await new Promise((done) => setTimeout(done, 250));
      await self.pass(seconds);
    },
    /** Until what a node says of an app is so; `busy`: time passes meanwhile. */
    is: (i, id, wanted, ms = 30_000, busy = 0) => until(async () => {
      if (busy) await self.later(i, busy);
      const app = await self.app(i, id);
      return app && Object.entries(wanted).every(([key, value]) => app[key] === value) && app;
    }, ms, `${JSON.stringify(wanted)} of the app at node ${i}`),
    balances: async (channel, both = [0, 1]) => Promise.all(both.map(async (i) => BigInt((await nodes[i].channel(channel)).balance))),
    /** Nothing is locked, and both know it. */
    settled: (channel, both = [0, 1]) => until(async () => (await Promise.all(both.map((i) => nodes[i].channel(channel))))
      .every(({ state, balance, spendable }) => state === 'open' && balance === spendable), 30_000, 'the locks\' end'),
    /** A game that both have begun. */
    begin: async (channel, more = {}) => {
      const { app } = await nodes[0].rpc('channel_appPropose', {
        channel, app: 'tictactoe', stake: hex(stake), otherStake: hex(otherStake), moveSeconds, expirySeconds: 30_000, ...more,
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
        await until(async () => { // one that has just started has to see its chain's first block
          const { result, error } = await nodes[who].ask('channel_appMove', { app, move: String(cell) });
          if (error && !/nothing is signed now/.test(error.message)) throw new Error(error.message);
          return result;
        }, 30_000, `the move ${cell}`);
      }
    },
    /** Events of the court about an app, or of the adjudicator about a channel. */
    events: async (id, event) => (await chain.logs(event, id)).length,
    stop: async () => {
      for (const node of nodes) { try { process.kill(node.pid, 'SIGCONT'); } catch { /* it has ended */ } }
      for (const node of nodes) await node.stop();
      await self.tower?.stop();
      await chain.stop();
    },
  };
  return self;
}

describe('apps that two agree about', () => {
  let on, channel;
  before(async () => { on = await world(L1); channel = await on.open(); });
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
    const propose = (more) => alice.rpc('channel_appPropose', { channel, app: 'tictactoe', stake: hex(stake), expirySeconds: 30_000, moveSeconds, ...more });
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
    for (const i of [0, 1]) await on.is(i, dear, { state: 'done' });
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
    const proposed = await run(0, 'propose', channel, 'tictactoe', '0.1', '--other-stake', '0.05', '--expiry', '30000', '--move-time', '600');
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

const shown = 'AppStateChanged(bytes32,uint40,uint40,(uint64,uint8,uint128,uint128,bytes))';
const decided = 'AppDecided(bytes32,uint128,uint128)';
const disputed = 'DisputeOpened(bytes32,bytes32)';
const unlockedEvent = 'Unlocked(bytes32,uint8,uint8,uint128,uint128)';

for (const name of chains) {
  describe(`apps that two do not agree about, on ${name}`, () => {
    let on, channel;
    before(async () => { on = await world(name); channel = await on.open(); });
    after(() => on?.stop());

    test('who stops moving loses its stake, and pays it when it is back; the channel stays open', async () => {
      const before = await on.balances(channel);
      const app = await on.begin(channel);
      await on.play(app, [0, 3, 1]);
      await on.is(0, app, { version: 4, turn: 'theirs' });
      await freeze(on.nodes[1].pid);
      await on.is(0, app, { state: 'court', gets: hex(otherStake) }, 90_000, 60);
      process.kill(on.nodes[1].pid, 'SIGCONT');
      for (const i of [0, 1]) await on.is(i, app, { state: 'done', gets: i ? '0x0' : hex(otherStake), pays: i ? hex(otherStake) : '0x0' }, 60_000, 1);
      assert.equal(await on.events(app, decided), 1);
      await on.settled(channel);
      assert.deepEqual(await on.balances(channel), [before[0] + otherStake, before[1] - otherStake]);
      assert.equal(await on.events(channel, disputed), 0, 'no dispute of the channel');
    });

    test('a move that the loser does not sign is made in court', async () => {
      const before = await on.balances(channel);
      const app = await on.begin(channel);
      await on.play(app, [0, 3, 1, 4]);
      await on.is(0, app, { version: 5, turn: 'ours' });
      await freeze(on.nodes[1].pid);
      await on.nodes[0].rpc('channel_appMove', { app, move: '2' });
      await on.is(0, app, { state: 'court', gets: hex(otherStake) }, 90_000, 60);
      assert.equal(await on.events(app, shown), 2, 'the state that both signed, and the move');
      process.kill(on.nodes[1].pid, 'SIGCONT');
      for (const i of [0, 1]) await on.is(i, app, { state: 'done' }, 60_000, 1);
      await on.settled(channel);
      assert.deepEqual(await on.balances(channel), [before[0] + otherStake, before[1] - otherStake]);
    });

    test('a game goes on in court where one wants to, and ends there', async () => {
      const before = await on.balances(channel);
      const app = await on.begin(channel);
      await on.play(app, [0, 3, 1]);
      await on.is(1, app, { turn: 'ours', version: 4 });
      await on.nodes[0].rpc('channel_appSettle', { app, force: true });
      for (const i of [0, 1]) await on.is(i, app, { state: 'court' });
      await on.pass(moveSeconds + 1);
      await on.nodes[1].rpc('channel_appMove', { app, move: '2' });
      await on.is(0, app, { turn: 'ours', version: 5 }, 60_000, 1);
      await on.nodes[0].rpc('channel_appMove', { app, move: '4' });
      await on.is(1, app, { turn: 'ours', version: 6 }, 60_000, 1);
      await on.nodes[1].kill(); // what it moves now is told by the chain alone, and by its journal
      on.nodes[1] = await on.nodes[1].again();
      await on.is(1, app, { turn: 'ours', version: 6 }, 60_000, 1);
      await on.nodes[1].rpc('channel_appMove', { app, move: '8' });
      await on.is(0, app, { turn: 'ours', version: 7 }, 60_000, 1);
      await on.nodes[0].rpc('channel_appMove', { app, move: '7' }); // 1, 4, 7
      for (const i of [0, 1]) await on.is(i, app, { state: 'done' }, 60_000, 1);
      await on.settled(channel);
      assert.deepEqual(await on.balances(channel), [before[0] + otherStake, before[1] - otherStake]);
    });

    test('who shows an old state is answered with the newest, and pays', async () => {
      const before = await on.balances(channel);
      const app = await on.begin(channel);
      await on.play(app, [0, 3]);
      for (const i of [0, 1]) await on.is(i, app, { version: 3 });
      const scratch = mkdtempSync(`${tmpdir()}/varve-app-`);
      const cheat = on.nodes[1];
      await cheat.kill();
      cpSync(cheat.datadir, `${scratch}/old`, { recursive: true });
      on.nodes[1] = await cheat.again();
      await on.play(app, [1, 4]);
      for (const i of [0, 1]) await on.is(i, app, { version: 5 });
      await on.nodes[1].kill();
      await freeze(on.nodes[0].pid); // else it would tell the cheat that its copy is old
      const old = await cheat.again({ datadir: `${scratch}/old`, port: 0 });
      await until(async () => (await old.ask('channel_appSettle', { app, force: true })).result, 20_000, 'the cheat\'s journal');
      await until(async () => await on.events(app, shown) === 1, 60_000, 'the old state in court');
      await old.kill();
      process.kill(on.nodes[0].pid, 'SIGCONT');
      await until(async () => { await on.pass(1); return await on.events(app, shown) === 2; }, 30_000, 'the newest one');
      await on.pass(moveSeconds);
      await on.is(0, app, { turn: 'ours', state: 'court', version: 5 }, 60_000, 1);
      await on.nodes[0].rpc('channel_appMove', { app, move: '2' });
      on.nodes[1] = await on.nodes[1].again();
      for (const i of [0, 1]) await on.is(i, app, { state: 'done', gets: i ? '0x0' : hex(otherStake) }, 60_000, 1);
      await on.settled(channel);
      assert.deepEqual(await on.balances(channel), [before[0] + otherStake, before[1] - otherStake]);
      rmSync(scratch, { recursive: true, force: true });
    });

    /** What came since is gone; some of it comes again at once. */
    const reorg = async (back) => {
      const block = async () => BigInt(await on.chain.rpc('eth_blockNumber'));
      const tip = await block();
      await back();
      while (await block() <= tip) await on.chain.mine(); // a shorter chain may be one that lags
    };

    test('a reorg takes back what was shown and moved: it comes again, also where a move comes before what it answers', async () => {
      const before = await on.balances(channel);
      const app = await on.begin(channel);
      await on.play(app, [0, 3, 1]);
      for (const i of [0, 1]) await on.is(i, app, { version: 4 });
      const back = await on.chain.fork();
      await on.nodes[0].rpc('channel_appSettle', { app, force: true });
      for (const i of [0, 1]) await on.is(i, app, { state: 'court' });
      await on.pass(moveSeconds + 1);
      await on.nodes[1].rpc('channel_appMove', { app, move: '2' });
      await on.is(0, app, { turn: 'ours', version: 5 }, 60_000, 1);
      if (on.chain.putsBack) await reorg(back); // in their order: no move comes before the dispute
      else {
        await freeze(on.nodes[0].pid); // so that the dispute does not come first
        const known = on.nodes[1].output().length;
        await reorg(back);
        await until(() => /a reorg took a transaction out/.test(on.nodes[1].output().slice(known)), 60_000, 'the move, in vain');
        await on.pass(1);
        process.kill(on.nodes[0].pid, 'SIGCONT');
      }
      await until(async () => { await on.pass(1); return await on.events(app, shown) === 1; }, 60_000, 'the dispute again');
      await on.pass(moveSeconds + 1);
      await on.is(0, app, { turn: 'ours', version: 5 }, 60_000, 1);
      for (const [i, cell] of [4, 8, 7].entries()) { // 1, 4, 7
        await on.is(i % 2, app, { turn: 'ours', version: 5 + i }, 60_000, 1);
        await on.nodes[i % 2].rpc('channel_appMove', { app, move: String(cell) });
      }
      for (const i of [0, 1]) await on.is(i, app, { state: 'done' }, 60_000, 1);
      await on.settled(channel);
      assert.deepEqual(await on.balances(channel), [before[0] + otherStake, before[1] - otherStake]);
    });

    test('a reorg takes back that somebody was too late: the game goes on, and who had won may lose', async () => {
      const before = await on.balances(channel);
      const app = await on.begin(channel);
      await on.play(app, [0, 3, 1]);
      for (const i of [0, 1]) await on.is(i, app, { version: 4 });
      await freeze(on.nodes[1].pid);
      const back = await on.chain.fork();
      await on.is(0, app, { state: 'court', gets: hex(otherStake) }, 90_000, 60);
      assert.equal(await on.events(app, decided), 1);
      await reorg(back);
      await on.is(0, app, { state: 'court', gets: '0x0' }, 60_000);
      process.kill(on.nodes[1].pid, 'SIGCONT');
      await until(async () => { await on.pass(1); return await on.events(app, shown) === 1; }, 60_000, 'the dispute again');
      await on.is(1, app, { turn: 'ours', version: 4, state: 'court' }, 60_000, 1);
      await on.nodes[1].rpc('channel_appMove', { app, move: '4' });
      await on.pass(moveSeconds + 1);
      for (const [i, cell] of [8, 5].entries()) { // 3, 4, 5
        await on.is(i % 2, app, { turn: 'ours', version: 5 + i }, 60_000, 1);
        await on.nodes[i % 2].rpc('channel_appMove', { app, move: String(cell) });
      }
      for (const i of [0, 1]) await on.is(i, app, { state: 'done', gets: i ? hex(stake) : '0x0' }, 60_000, 1);
      await on.settled(channel);
      assert.deepEqual(await on.balances(channel), [before[0] - stake, before[1] + stake]);
    });

    test('who never comes back is taken to court in time; the adjudicator pays by the court\'s word', async () => {
      const app = await on.begin(channel);
      await on.play(app, [0, 3, 1, 4]);
      await on.is(0, app, { version: 5, turn: 'ours' });
      const before = BigInt((await on.nodes[0].channel(channel)).balance);
      await on.nodes[1].kill();
      await on.nodes[0].rpc('channel_appMove', { app, move: '2' });
      await on.is(0, app, { state: 'court', gets: hex(otherStake) }, 90_000, 60);
      const closed = () => on.nodes[0].channel(channel).then(({ state }) => state === 'closed');
      await until(async () => { await on.later(0, 600); return closed(); }, 120_000, 'the close');
      const [free] = await on.chain.words('Settled(bytes32,uint128,uint128)', channel);
      const unlocked = await on.chain.words(unlockedEvent, channel);
      // The first's stake all to its payer, the second's all to its payee: both to the first.
      const locks = unlocked.map(([side, , toPayee, toPayer]) => [side, toPayee, toPayer]);
      const sums = locks.reduce(([payee, payer], [, a, b]) => [payee + a, payer + b], [0n, 0n]);
      assert.deepEqual(sums, [otherStake, stake]);
      assert.ok(free.includes(before - stake), `${free} with ${before - stake}`);
    });
  });
}

for (const name of chains) {
  describe(`a watchtower of one who plays, on ${name}`, () => {
    let on, channel;
    before(async () => { on = await world(name, 2, [], [0]); });
    beforeEach(async () => { channel = await on.open(); });
    after(() => on?.stop());

    const sums = async () => (await on.chain.words(unlockedEvent, channel))
      .reduce(([payee, payer], [, , toPayee, toPayer]) => [payee + toPayee, payer + toPayer], [0n, 0n]);
    /** Until the tower has called; time goes on a little. */
    const called = (what, seconds = 1) => until(async () => { await on.pass(seconds); return what(); }, 60_000, 'the tower')
      .catch((error) => { throw new Error(`${error.message}: ${what}\n${on.tower.output().slice(-3000)}`); });
    /** A game that the first wins with its next move, which only it and its tower know of; both are gone. Gives the second's folder before its last moves. */
    const won = async () => {
      const app = await on.begin(channel);
      await on.play(app, [0, 3]);
      for (const i of [0, 1]) await on.is(i, app, { version: 3 });
      const scratch = mkdtempSync(`${tmpdir()}/varve-app-`);
      await on.nodes[1].kill();
      cpSync(on.nodes[1].datadir, `${scratch}/old`, { recursive: true });
      on.nodes[1] = await on.nodes[1].again();
      await on.play(app, [1, 4]);
      for (const i of [0, 1]) await on.is(i, app, { version: 5 });
      await on.nodes[1].kill();
      await until(async () => (await on.nodes[0].ask('channel_appMove', { app, move: '2' })).result, 30_000, 'the move');
      await on.is(0, app, { turn: 'theirs', guarded: true });
      await on.nodes[0].kill();
      return { app, scratch };
    };

    test('an old state that is shown in court while its player is away is answered; the tower moves, and has it decided', async () => {
      const before = await on.balances(channel);
      const { app, scratch } = await won();
      const old = await on.nodes[1].again({ datadir: `${scratch}/old`, port: 0 });
      await until(async () => (await old.ask('channel_appSettle', { app, force: true })).result, 30_000, 'the cheat\'s journal');
      await called(async () => await on.events(app, shown) >= 2); // the old state, and the newest that both signed
      await old.kill();
      await on.pass(moveSeconds);
      await called(async () => await on.events(app, shown) === 3); // and the move
      await called(async () => await on.events(app, decided) === 1);
      assert.deepEqual(await on.chain.words(decided, app), [[stake, 0n]]);
      for (const i of [0, 1]) on.nodes[i] = await on.nodes[i].again();
      for (const i of [0, 1]) await on.is(i, app, { state: 'done', gets: i ? '0x0' : hex(otherStake) }, 60_000, 1);
      await on.settled(channel);
      assert.deepEqual(await on.balances(channel), [before[0] + otherStake, before[1] - otherStake]);
      assert.equal(await on.events(channel, disputed), 0, 'no dispute of the channel');
      rmSync(scratch, { recursive: true, force: true });
    });

    test('the same by a tower that was not there meanwhile, and whose answer a reorg takes back', async () => {
      const { app, scratch } = await won();
      await on.tower.kill();
      const old = await on.nodes[1].again({ datadir: `${scratch}/old`, port: 0 });
      await until(async () => (await old.ask('channel_appSettle', { app, force: true })).result, 30_000, 'the cheat\'s journal');
      await until(async () => await on.events(app, shown) === 1, 60_000, 'the old state in court');
      await old.kill();
      const back = await on.chain.fork();
      on.tower = await on.tower.again();
      await called(async () => await on.events(app, shown) === 2);
      await back(); // what came since is gone, and may come again at once
      for (let i = 0; i < 4; i++) await on.pass(1);
      await called(async () => await on.events(app, shown) === 2);
      await on.pass(moveSeconds);
      await called(async () => await on.events(app, decided) === 1);
      for (const i of [0, 1]) on.nodes[i] = await on.nodes[i].again();
      for (const i of [0, 1]) await on.is(i, app, { state: 'done', gets: i ? '0x0' : hex(otherStake) }, 60_000, 1);
      await on.settled(channel);
      rmSync(scratch, { recursive: true, force: true });
    });

    test('a show with all seats resold, the largest state that there is: the tower shows it whole, and ends it', async () => {
      const before = await on.balances(channel), price = ether / 1000n, seats = 32, used = 3;
      const { app, show, move } = await beginShow(on, channel, price, seats);
      const [ann, ben] = [0, 0].map(() => privateKeyToAccount(generatePrivateKey()));
      for (let seat = 0; seat < seats; seat++) await move(`issue ${seat} ${ann.address}`);
      for (let seat = 0; seat < seats; seat++) await move(`resell ${seat} ${ben.address} ${await signTicket(show, seat, 0, ann, ben.address)}`);
      const version = 1 + 2 * seats;
      await on.is(1, app, { version });
      const scratch = mkdtempSync(`${tmpdir()}/varve-app-`);
      await on.nodes[1].kill();
      cpSync(on.nodes[1].datadir, `${scratch}/old`, { recursive: true });
      on.nodes[1] = await on.nodes[1].again();
      for (let seat = 0; seat < used; seat++) await move(`admit ${seat} ${await signTicket(show, seat, 1, ben)}`);
      await on.is(1, app, { version: version + used });
      await on.nodes[1].kill();
      await until(async () => (await on.nodes[0].ask('channel_appMove', { app, move: 'end' })).result, 30_000, 'the end');
      await on.is(0, app, { turn: 'theirs', guarded: true });
      await on.nodes[0].kill();
      const old = await on.nodes[1].again({ datadir: `${scratch}/old`, port: 0 });
      await until(async () => (await old.ask('channel_appSettle', { app, force: true })).result, 30_000, 'the cheat\'s journal');
      await called(async () => await on.events(app, shown) >= 2);
      await old.kill();
      await on.pass(moveSeconds);
      await called(async () => await on.events(app, decided) === 1);
      assert.deepEqual(await on.chain.words(decided, app), [[0n, BigInt(seats - used) * price]]);
      for (const i of [0, 1]) on.nodes[i] = await on.nodes[i].again();
      for (const i of [0, 1]) await on.is(i, app, { state: 'done' }, 60_000, 1);
      await on.settled(channel);
      assert.deepEqual(await on.balances(channel), [before[0] + BigInt(used) * price, before[1] - BigInt(used) * price]);
      rmSync(scratch, { recursive: true, force: true });
    });

    test('a channel that is closed by force while its player is away: the tower goes to court, and that decides the locks', async () => {
      const { app, scratch } = await won();
      on.nodes[1] = await on.nodes[1].again();
      await until(async () => { // which has to see its chain's first block
        await on.nodes[1].ask('channel_close', { channel, force: true, timeoutMs: 1 });
        return await on.events(channel, disputed) === 1;
      }, 60_000, 'the dispute');
      await on.nodes[1].kill();
      await called(async () => await on.events(app, shown) >= 1);
      await on.pass(moveSeconds);
      await called(async () => await on.events(app, shown) === 2);
      await called(async () => await on.events(app, decided) === 1);
      await called(async () => await on.events(channel, 'Settled(bytes32,uint128,uint128)') === 1, 30);
      await called(async () => await on.events(channel, unlockedEvent) === 2);
      assert.deepEqual(await sums(), [otherStake, stake]); // to payees, to payers: all to the first
      for (const i of [0, 1]) on.nodes[i] = await on.nodes[i].again();
      for (const i of [0, 1]) await until(async () => { await on.later(i, 1); return (await on.nodes[i].channel(channel)).state === 'closed'; }, 60_000, 'the end');
      rmSync(scratch, { recursive: true, force: true });
    });
  });
}

describe('tickets', () => {
  let on, channel;
  before(async () => { on = await world(L1); channel = await on.open(); });
  after(() => on?.stop());

  const price = ether / 100n, sign = signTicket;
  const [ann, ben, eve] = [0, 0, 0].map(() => privateKeyToAccount(generatePrivateKey()));
  const begin = () => beginShow(on, channel, price, 4);

  test('issued, resold off chain, admitted once each, and settled once', async () => {
    const before = await on.balances(channel), block = await on.chain.rpc('eth_blockNumber');
    const { app, show, move, refused } = await begin();
    for (const seat of [0, 1, 2]) await move(`issue ${seat} ${ann.address}`);
    await refused(`issue 0 ${eve.address}`, /rules/); // it is ann's
    await refused(`resell 0 ${eve.address} ${await sign(show, 0, 0, eve, eve.address)}`, /rules/); // a thief
    await move(`resell 0 ${ben.address} ${await sign(show, 0, 0, ann, ben.address)}`);
    await refused(`resell 0 ${eve.address} ${await sign(show, 0, 0, ann, eve.address)}`, /rules/); // sold twice
    await refused(`admit 0 ${await sign(show, 0, 0, ann)}`, /rules/); // and used by who sold it
    await move(`admit 0 ${await sign(show, 0, 1, ben)}`);
    await refused(`admit 0 ${await sign(show, 0, 1, ben)}`, /rules/); // a second time
    await move(`admit 1 ${await sign(show, 1, 0, ann)}`);
    await on.is(1, app, { pays: hex(2n * price) });
    await move('end');
    for (const i of [0, 1]) await on.is(i, app, { state: 'done' });
    await on.settled(channel);
    assert.deepEqual(await on.balances(channel), [before[0] + 2n * price, before[1] - 2n * price]);
    assert.equal(await on.chain.rpc('eth_blockNumber'), block);
  });

  test('a seller that is gone: the organiser ends it in court by itself, in time', async () => {
    const before = await on.balances(channel);
    const { app, show, move } = await begin();
    await move(`issue 0 ${ann.address}`);
    await move(`admit 0 ${await sign(show, 0, 0, ann)}`);
    await freeze(on.nodes[1].pid);
    await on.is(0, app, { state: 'court', gets: hex(price) }, 120_000, 200);
    await until(async () => { await on.later(0, 60); return await on.events(app, decided) === 1; }, 60_000, 'the decision');
    process.kill(on.nodes[1].pid, 'SIGCONT');
    for (const i of [0, 1]) await on.is(i, app, { state: 'done' }, 60_000, 1);
    await on.settled(channel);
    assert.deepEqual(await on.balances(channel), [before[0] + price, before[1] - price]);
  });
});

describe('a virtual channel through a hub', () => {
  let on, left, right;
  const [alice, hub, bob] = [0, 1, 2];
  before(async () => {
    on = await world(L1, 3, [[], ['--apps.join'], ['--tower.risk', '0.01']], [bob]);
    left = await on.open(alice, hub);
    right = await on.open(hub, bob);
  });
  after(() => on?.stop());

  const expirySeconds = 30_000;
  const propose = (more) => on.nodes[alice].rpc('channel_appPropose', {
    channel: left, app: 'payments', stake: hex(stake), moveSeconds, expirySeconds, with: on.nodes[bob].node, ...more,
  });
  let fee; // of the newest
  /** A hub's by its policy, for so long and a little. */
  const asked = (ppm) => {
    assert.equal(fee, (stake * ppm * BigInt(expirySeconds + 120) + 86_400_000_000n - 1n) / 86_400_000_000n);
  };
  const begin = async (more) => {
    const proposed = await propose(more);
    const { app } = proposed;
    fee = BigInt(proposed.fee);
    await on.is(bob, app, { state: 'asked', role: 'second', otherStake: hex(stake), fee: '0x0' });
    await on.nodes[bob].rpc('channel_appAccept', { app });
    for (const i of [alice, bob]) await on.is(i, app, { state: 'live' });
    return app;
  };
  const sums = async () => [...await on.balances(left, [alice, hub]), ...await on.balances(right, [hub, bob])];
  const settled = async () => { await on.settled(left, [alice, hub]); await on.settled(right, [hub, bob]); };
  const check = async (before, paid, hubs = fee) => {
    await settled();
    assert.deepEqual(await sums(), [before[0] - paid - hubs, before[1] + paid + hubs, before[2] - paid, before[3] + paid]);
  };
  const pay = async (app, from, amount, gone) => {
    await on.nodes[from].rpc('channel_appMove', { app, move: String(amount) });
    for (const i of [alice, bob]) await on.is(i, app, i === alice ? { pays: hex(gone) } : { gets: hex(gone) });
  };

  test('paid both ways without the hub knowing, then settled through it', async () => {
    const before = await sums();
    const app = await begin();
    await pay(app, alice, 1000n, 1000n);
    await pay(app, alice, 500n, 1500n);
    await pay(app, bob, 200n, 1300n);
    await pay(app, alice, 1n, 1301n);
    await assert.rejects(on.nodes[alice].rpc('channel_appMove', { app, move: String(stake) }), /not so much/);
    asked(1000n);
    await on.is(hub, app, { role: 'hub', kind: 'joined', version: 0, stake: hex(stake), fee: hex(fee) });
    assert.equal(await sums().then(String), String(before));
    await on.nodes[bob].rpc('channel_appSettle', { app });
    for (const i of [alice, hub, bob]) await on.is(i, app, { state: 'done' });
    await check(before, 1301n);
  });

  test('who is paid says that it signed only while little rests on what its tower does not have', async () => {
    const before = await sums();
    const app = await begin();
    const some = ether / 200n, much = ether / 50n;
    await pay(app, alice, some, some);
    await on.is(bob, app, { guarded: true });
    await on.tower.kill();
    await pay(app, alice, some, 2n * some);
    await on.nodes[alice].rpc('channel_appMove', { app, move: String(much) });
    await on.is(bob, app, { gets: hex(2n * some + much), guarded: false }); // which it has signed, and nobody knows
    await new Promise((done) => setTimeout(done, 1500));
    await on.is(alice, app, { pays: hex(2n * some) });
    on.tower = await on.tower.again();
    await on.is(alice, app, { pays: hex(2n * some + much) });
    await on.is(bob, app, { guarded: true });
    await on.nodes[bob].rpc('channel_appSettle', { app });
    for (const i of [alice, hub, bob]) await on.is(i, app, { state: 'done' });
    await check(before, 2n * some + much);
  });

  test('the hub goes away once the legs are locked: the two pay on, the court decides for both legs', async () => {
    const before = await sums();
    const app = await begin();
    await pay(app, alice, 1000n, 1000n);
    await on.nodes[hub].kill();
    await pay(app, alice, 700n, 1700n);
    await on.nodes[bob].rpc('channel_appSettle', { app });
    await until(async () => { await on.later(bob, 60); return await on.events(app, decided) === 1; }, 120_000, 'the decision');
    on.nodes[hub] = await on.nodes[hub].again();
    for (const i of [alice, hub, bob]) await on.is(i, app, { state: 'done' }, 60_000, 1);
    await check(before, 1700n);
    for (const id of [left, right]) assert.equal(await on.events(id, disputed), 0);
  });

  test('one of which no use is made is paid for all the same, once', async () => {
    const before = await sums();
    const app = await begin();
    await on.is(hub, app, { state: 'ending' });
    for (const i of [alice, hub]) {
      await on.nodes[i].kill();
      on.nodes[i] = await on.nodes[i].again();
    }
    await on.nodes[bob].rpc('channel_appSettle', { app });
    for (const i of [alice, hub, bob]) await on.is(i, app, { state: 'done' });
    await check(before, 0n);
  });

  test('a hub that is dear is told of in advance; one that was cheaper when it was asked gives the lock back', async () => {
    const dear = 50_000n;
    const before = await sums();
    await on.nodes[hub].kill('SIGTERM'); // it remembers when it told its price last
    const { app } = await propose(); // at the old price
    await on.is(bob, app, { state: 'asked' });
    await on.nodes[bob].rpc('channel_appAccept', { app });
    on.nodes[hub] = await on.nodes[hub].again({ args: [...args, '--apps.join', '--fee.ppm', String(dear)] });
    for (const i of [alice, bob]) await on.is(i, app, { state: 'done' });
    await check(before, 0n, 0n);
    await until(async () => (await on.nodes[alice].rpc('channel_graph')).channels
      .some(({ channel, policies }) => channel === left && policies.some((policy) => policy?.feePpm === Number(dear))), 30_000, 'the new policy');
    await assert.rejects(propose(), /more than maxFee/); // which is a hundredth
    const played = await begin({ maxFee: hex(stake / 10n) });
    asked(dear);
    await pay(played, alice, 5n, 5n);
    await on.nodes[bob].rpc('channel_appSettle', { app: played });
    for (const i of [alice, hub, bob]) await on.is(i, played, { state: 'done' });
    await check(before, 5n);
  });

  test('one who does not join, or cannot, locks nothing; what was locked for it comes back', async () => {
    const before = await sums();
    await on.nodes[hub].kill();
    on.nodes[hub] = await on.nodes[hub].again({ args });
    const { app } = await propose({ maxFee: hex(stake / 10n) });
    await on.is(bob, app, { state: 'asked' });
    await on.nodes[bob].rpc('channel_appAccept', { app });
    for (const i of [alice, bob]) await on.is(i, app, { state: 'done' });
    await check(before, 0n, 0n);
  });

  test('the hub stays away past the expiry: each side closes its channel, and the court\'s word holds in both', async () => {
    await on.nodes[hub].kill();
    on.nodes[hub] = await on.nodes[hub].again({ args: [...args, '--apps.join'] });
    await settled();
    const before = await sums();
    const app = await begin();
    await pay(app, alice, 1000n, 1000n);
    await on.nodes[hub].kill();
    await pay(app, alice, 700n, 1700n);
    await on.nodes[bob].rpc('channel_appSettle', { app });
    await until(async () => { await on.later(bob, 60); return await on.events(app, decided) === 1; }, 120_000, 'the decision');
    await on.pass(30_000);
    const state = async (i, id) => (await on.nodes[i].channel(id)).state;
    await until(async () => {
      await on.later(alice, 600);
      return await state(alice, left) === 'closed' && await state(bob, right) === 'closed';
    }, 180_000, 'the closes');
    on.nodes[hub] = await on.nodes[hub].again();
    for (const id of [left, right]) await until(async () => { await on.later(hub, 60); return await state(hub, id) === 'closed'; }, 60_000, 'the hub to see it');
    const words = async (id, event) => (await on.chain.words(event, id)).flat();
    for (const [id, more] of [[left, fee], [right, 0n]]) assert.deepEqual((await words(id, unlockedEvent)).slice(2), [1700n + more, stake - 1700n]);
    // What is free of it; of the first side's the lock is taken.
    const free = { [left]: [before[0] - stake - fee, before[1]], [right]: [before[2] - stake, before[3]] };
    for (const id of [left, right]) for (const sum of free[id]) assert.ok((await words(id, 'Settled(bytes32,uint128,uint128)')).includes(sum), `${sum}`);
  });
});
