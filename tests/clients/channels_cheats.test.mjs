// A cheat closes with every old state in turn, its peer is away, and a watchtower wins each time; also where the chain
// makes it hard, and there the peer by itself as well. Each time begins from the same chain with the same tower, or
// peer (a copy of its folder).
//
// VARVE_CHEAT_EVERY=1: with every state, else with every fourth, on a layer 2 with every eighth.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { chains, startCensor, startChain } from './chains.mjs';
import { copyLive, hex, startDaemon, startTower } from './channels.mjs';
import { addresses, ether, freeze, keys, until } from './node.mjs';

const payments = 40;
const challenge = 20_000; // of a chain's time, where each block is a second later at least
const gwei = 10n ** 9n;

/** Who answers, begun with a folder; and what of its own money it may have spent on that, which `due` then lacks. */
const guards = {
  'a watchtower': { start: (url, datadir) => startTower({ urls: [url], key: keys[3], datadir }), gas: 0n },
  'the peer itself': { start: (url, datadir) => startDaemon({ urls: [url], key: keys[2], datadir, args: ['--challenge', String(challenge)] }), gas: ether / 20n },
};

const folderOf = (scratch, who) => `${scratch}/${who.replaceAll(' ', '-')}`;

for (const name of chains) {
  describe(`cheats on ${name}`, () => {
    const every = Number(process.env.VARVE_CHEAT_EVERY ?? (name.endsWith('L2') ? 8 : 4));
    let chain, censor, tower, alice, bob, scratch, channel, due;
    const args = ['--challenge', String(challenge)];
    const logs = async () => (await chain.logs(null, channel)).length;
    const mine = async () => {
      await chain.mine();
      await new Promise((done) => setTimeout(done, 100));
    };

    before(async () => {
      chain = await startChain(name);
      censor = await startCensor(chain.url);
      scratch = mkdtempSync(`${tmpdir()}/varve-cheats-`);
      tower = await startTower({ urls: [chain.url], key: keys[3], datadir: folderOf(scratch, 'a watchtower') });
      alice = await startDaemon({ urls: [chain.url], key: keys[1], args });
      bob = await startDaemon({ urls: [chain.url], key: keys[2], args: [...args, '--tower', tower.name, '--tower.risk', '1'] });
      channel = (await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) })).channel;
      for (let i = 0; i < payments; i++) {
        copyLive(alice, `${scratch}/${i}`);
        await alice.rpc('channel_keysend', { channel, amount: hex(ether / 50n) });
        if (i % 3 === 1) await bob.rpc('channel_keysend', { channel, amount: hex(ether / 200n) });
      }
      await until(async () => BigInt((await bob.channel(channel)).unguarded) === 0n, 20_000, 'the receipt');
      due = BigInt((await bob.channel(channel)).balance);
      assert.equal(due, BigInt(payments) * (ether / 50n) - 13n * (ether / 200n));
      await bob.kill('SIGTERM');
      cpSync(bob.datadir, folderOf(scratch, 'the peer itself'), { recursive: true });
      await alice.kill();
      await tower.stop();
    });
    after(async () => {
      await censor?.stop();
      await tower?.stop();
      await alice?.stop();
      await bob?.stop();
      await chain?.stop();
      rmSync(scratch, { recursive: true, force: true });
    });

    /** Alice as she was before payment `i` closes alone. */
    const publish = async (i) => {
      const folder = `${scratch}/cheat`;
      cpSync(`${scratch}/${i}`, folder, { recursive: true });
      const cheat = await startDaemon({ urls: [chain.url], key: keys[1], datadir: folder, args });
      try {
        cheat.ask('channel_close', { channel, force: true, timeoutMs: 60_000 }).catch(() => {});
        const before = await logs();
        await until(async () => await logs() > before, 60_000, `the cheat with state ${i}`)
          .catch((error) => { throw new Error(`${error.message}\n${cheat.output().slice(-2000)}`); });
      } finally {
        await cheat.kill();
        rmSync(folder, { recursive: true });
      }
    };
    /** `work` with a guard as it was before the cheat; on a chain that is put back, where the cheat has published state `i`. */
    const guarded = (who, i, work, from = () => chain.url) => chain.again(async () => {
      const had = await chain.balance(addresses[2]);
      await publish(i);
      const known = await logs();
      const folder = `${scratch}/guard`;
      const url = await from();
      cpSync(folderOf(scratch, who), folder, { recursive: true });
      const guard = await guards[who].start(url, folder);
      try {
        await work({ guard, had, known }).catch((error) => { throw new Error(`state ${i}: ${error.message}\n${guard.output().slice(-2000)}`); });
      } finally {
        await guard.stop();
        rmSync(folder, { recursive: true });
      }
    });
    /** Where the dispute has been answered: until the money is where it should be. */
    const paid = async (who, had) => {
      await chain.pass(challenge);
      const gained = await until(async () => {
        await mine();
        const more = await chain.balance(addresses[2]) - had;
        return more > due / 2n && more;
      }, 30_000, 'the money');
      const bonds = (await chain.words('BondPaid(bytes32,uint8,uint256)')).reduce((sum, [side, amount]) => sum + (side === 1n ? amount : 0n), 0n);
      const all = due + bonds;
      assert.ok(gained <= all && gained >= all - guards[who].gas, `${gained} of ${all}`);
    };
    /** Until it has been answered, however many calls that takes, and paid. */
    const wins = async (who, { had, known }) => {
      await until(async () => { await mine(); return await logs() > known; }, 60_000, 'the answer');
      await paid(who, had);
    };
    /** The guard's own way to the chain, which holds what it sends. */
    const holding = () => Object.assign(censor, { holds: true, held: [] }).url;

    test(`with every ${every === 1 ? '' : `${every}th `}old state of ${payments} payments`, async () => {
      for (let i = 0; i < payments; i += every) await guarded('a watchtower', i, (at) => wins('a watchtower', at));
    });

    for (const who of Object.keys(guards)) {
      test(`when the first answers of ${who} are thrown away, for three blocks, and said to be taken`, () => guarded(who, 7, async (at) => {
        await until(() => censor.held.length > 0, 20_000, 'the first answer');
        for (let i = 0; i < 3; i++) await mine();
        assert.equal(await logs(), at.known);
        censor.holds = false;
        await wins(who, at);
      }, holding));

      let back;
      test(`when a reorg takes the answer of ${who} back`, () => guarded(who, 11, async (at) => {
        await until(async () => await logs() > at.known, 20_000, 'the first answer');
        await back(); // what came since is gone, and may come again at once
        for (let i = 0; i < 4; i++) await mine();
        await wins(who, at);
      }, async () => { back = await chain.fork(); return chain.url; }));

      // What is lost is a quarter of an ether; what there is of demand keeps the fee where it is.
      test(`when the base fee doubles again and again while the first answer of ${who} is thrown away: it pays what is at stake, not ten times its first offer`, () => guarded(who, 26, async ({ guard, had, known }) => {
        const slowly = async (fee) => { await chain.setBaseFee(fee); await new Promise((done) => setTimeout(done, 100)); };
        await until(() => censor.held.length > 0, 30_000, 'an answer');
        await freeze(guard.pid); // the fee is there before it looks again
        for (const factor of [4n, 16n, 50n]) await chain.setBaseFee(factor * gwei);
        censor.holds = false;
        process.kill(guard.pid, 'SIGCONT');
        for (let i = 0; i < 20; i++) await slowly(50n * gwei);
        assert.equal(await logs(), known, 'so early it does not pay that: the fee may fall again');
        await chain.pass(challenge / 4);
        for (let i = 0; i < 4; i++) await slowly(50n * gwei);
        await until(async () => { await slowly(100n * gwei); return await logs() > known; }, 60_000, 'the answer');
        await paid(who, had);
      }, async () => {
        await chain.setBaseFee(gwei);
        return holding();
      }));
    }
  });
}
