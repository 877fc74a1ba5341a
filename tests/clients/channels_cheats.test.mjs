// A cheat closes with every old state in turn, its peer is away, and a watchtower wins each time; also where the chain
// makes it hard, and there the peer by itself as well. Each time begins from the same chain (evm_snapshot) with the same
// tower, or peer (a copy of its folder).
//
// VARVE_CHEAT_EVERY=1: with every state, else with every fourth.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { keccak256, toEventSelector } from 'viem';
import { copyLive, deploy, hex, startDaemon, startTower } from './channels.mjs';
import { addresses, ether, foundry, freeze, keys, startNode, until } from './node.mjs';

const parents = { 'varve\'s L1': undefined, anvil: foundry('anvil') };
const payments = 40;
const every = Number(process.env.VARVE_CHEAT_EVERY ?? 4);
const challenge = 20_000; // of a chain's time, where each block is a second later at least

/** Who answers, begun with a folder; and what of its own money it may have spent on that, which `due` then lacks. */
const guards = {
  'a watchtower': { start: (url, datadir) => startTower({ urls: [url], key: keys[3], datadir }), gas: 0n },
  'the peer itself': { start: (url, datadir) => startDaemon({ urls: [url], key: keys[2], datadir, args: ['--challenge', String(challenge)] }), gas: ether / 20n },
};

const folderOf = (scratch, who) => `${scratch}/${who.replaceAll(' ', '-')}`;

/** What bonds have come to bob. */
const bonds = async (chain) => (await chain.rpc('eth_getLogs', { fromBlock: '0x0', topics: [toEventSelector('BondPaid(bytes32,uint8,uint256)')] }))
  .map(({ data }) => data.slice(2).match(/.{64}/g).map((word) => BigInt(`0x${word}`)))
  .reduce((sum, [side, amount]) => sum + (side === 1n ? amount : 0n), 0n);

/** A server before the chain which, while `swallows`, says that transactions are taken and throws them away. */
async function startCensor(url) {
  const censor = { swallows: false, swallowed: [] };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const answer = async (one) => {
      if (!censor.swallows || one.method !== 'eth_sendRawTransaction')
        return (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(one) })).json();
      censor.swallowed.push(one.params[0]);
      return { jsonrpc: '2.0', id: one.id, result: keccak256(one.params[0]) };
    };
    try {
      const asked = JSON.parse(body);
      const said = JSON.stringify(Array.isArray(asked) ? await Promise.all(asked.map(answer)) : await answer(asked));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(said) }).end(said);
    } catch {
      response.destroy();
    }
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  censor.url = `http://127.0.0.1:${server.address().port}`;
  censor.stop = () => new Promise((done) => { server.close(done); server.closeAllConnections(); });
  return censor;
}

for (const [name, program] of Object.entries(parents)) {
  describe(`cheats on ${name}`, () => {
    let chain, censor, tower, alice, bob, scratch, channel, due;
    const args = ['--challenge', String(challenge)];
    const balance = async (who) => BigInt(await chain.rpc('eth_getBalance', who, 'latest'));
    const logs = async () => (await chain.rpc('eth_getLogs', { fromBlock: '0x0', topics: [null, channel] })).length;
    const mine = async () => {
      await chain.rpc('evm_mine');
      await new Promise((done) => setTimeout(done, 100));
    };

    before(async () => {
      chain = await startNode({ program });
      censor = await startCensor(chain.url);
      await deploy(chain.url);
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
        await until(async () => await logs() > before, 20_000, `the cheat with state ${i}`);
      } finally {
        await cheat.kill();
        rmSync(folder, { recursive: true });
      }
    };
    /** Runs with a guard as it was before the cheat. */
    const guarded = async (who, url, work) => {
      const folder = `${scratch}/guard`;
      cpSync(folderOf(scratch, who), folder, { recursive: true });
      const guard = await guards[who].start(url, folder);
      try {
        await work().catch((error) => { throw new Error(`${error.message}\n${guard.output().slice(-2000)}`); });
      } finally {
        await guard.stop();
        rmSync(folder, { recursive: true });
      }
    };
    /** Until the dispute has been answered, however many calls that takes, and the money is where it should be. */
    const wins = async (who, had, known) => {
      await until(async () => { await mine(); return await logs() > known; }, 60_000, 'the answer');
      await chain.rpc('evm_increaseTime', hex(challenge));
      const gained = await until(async () => {
        await mine();
        const more = await balance(addresses[2]) - had;
        return more > due / 2n && more;
      }, 30_000, 'the money');
      const all = due + await bonds(chain);
      assert.ok(gained <= all && gained >= all - guards[who].gas, `${gained} of ${all}`);
    };
    /** `work` on a chain that is put back afterwards. */
    const again = async (work) => {
      const point = await chain.rpc('evm_snapshot');
      try {
        await work(await balance(addresses[2]));
      } finally {
        assert.equal(await chain.rpc('evm_revert', point), true);
      }
    };

    test(`with every ${every === 1 ? '' : `${every}th `}old state of ${payments} payments`, async () => {
      for (let i = 0; i < payments; i += every)
        await again(async (had) => {
          await publish(i);
          const known = await logs();
          await guarded('a watchtower', chain.url, () => wins('a watchtower', had, known).catch((error) => { throw new Error(`state ${i}: ${error.message}`); }));
        });
    });

    for (const who of Object.keys(guards)) {
      test(`when the first answers of ${who} are thrown away, for three blocks, and said to be taken`, () => again(async (had) => {
        await publish(7);
        const known = await logs();
        censor.swallows = true;
        censor.swallowed.length = 0;
        await guarded(who, censor.url, async () => {
          await until(() => censor.swallowed.length > 0, 20_000, 'the first answer');
          for (let i = 0; i < 3; i++) await mine();
          assert.equal(await logs(), known);
          censor.swallows = false;
          await wins(who, had, known);
        });
      }));

      test(`when a reorg takes the answer of ${who} back`, () => again(async (had) => {
        await publish(11);
        const known = await logs();
        const fork = await chain.rpc('evm_snapshot');
        await guarded(who, chain.url, async () => {
          await until(async () => await logs() > known, 20_000, 'the first answer');
          assert.equal(await chain.rpc('evm_revert', fork), true); // what came since is gone, and may come again at once
          for (let i = 0; i < 4; i++) await mine();
          await wins(who, had, known);
        });
      }));
    }
  });
}

describe('cheats where fees rise', () => {
  for (const who of Object.keys(guards)) test(`the base fee doubles again and again while the answer of ${who} waits: it pays what is at stake, not ten times its first offer`, async () => {
    const gwei = 10n ** 9n, paid = ether / 4n;
    const chain = await startNode({ program: foundry('anvil') });
    const scratch = mkdtempSync(`${tmpdir()}/varve-cheats-`);
    const args = ['--challenge', String(challenge)];
    await deploy(chain.url);
    const tower = await startTower({ urls: [chain.url], key: keys[3], datadir: folderOf(scratch, 'a watchtower') });
    const alice = await startDaemon({ urls: [chain.url], key: keys[1], args });
    const bob = await startDaemon({ urls: [chain.url], key: keys[2], args: [...args, '--tower', tower.name, '--tower.risk', '1'] });
    const servers = [tower, alice, bob, chain];
    try {
      const { channel } = await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) });
      copyLive(alice, `${scratch}/old`);
      await alice.rpc('channel_keysend', { channel, amount: hex(paid) });
      await until(async () => BigInt((await bob.channel(channel)).unguarded) === 0n, 20_000, 'the receipt');
      await bob.kill('SIGTERM');
      cpSync(bob.datadir, folderOf(scratch, 'the peer itself'), { recursive: true });
      await alice.kill();
      await tower.kill('SIGTERM');
      const had = BigInt(await chain.rpc('eth_getBalance', addresses[2], 'latest'));
      const logs = async () => (await chain.rpc('eth_getLogs', { fromBlock: '0x0', topics: [null, channel] })).length;
      const pending = async () => Number((await chain.rpc('txpool_status')).pending) + Number((await chain.rpc('txpool_status')).queued);
      const mine = async (fee) => { // what there is of demand keeps the fee where it is
        await chain.rpc('anvil_setNextBlockBaseFeePerGas', hex(fee));
        await chain.rpc('evm_mine');
      };
      const slowly = async (fee) => { await mine(fee); await new Promise((done) => setTimeout(done, 100)); };
      await chain.rpc('evm_setAutomine', false);
      const cheat = await startDaemon({ urls: [chain.url], key: keys[1], datadir: `${scratch}/old`, args });
      cheat.ask('channel_close', { channel, force: true, timeoutMs: 60_000 }).catch(() => {});
      await until(async () => await pending() > 0, 20_000, 'the cheat');
      await cheat.kill();
      await mine(gwei);
      const known = await logs();
      const guard = await guards[who].start(chain.url, folderOf(scratch, who));
      servers.unshift(guard);
      await until(async () => await pending() > 0, 30_000, 'an answer');
      await freeze(guard.pid); // the fee is there before it looks again
      for (const factor of [4n, 8n, 16n, 32n, 50n]) for (let i = 0; i < 3; i++) await mine(factor * gwei);
      assert.equal(await logs(), known, 'the first answer pays too little');
      process.kill(guard.pid, 'SIGCONT');
      for (let i = 0; i < 20; i++) await slowly(50n * gwei);
      assert.equal(await logs(), known, 'so early it does not pay that: the fee may fall again');
      await chain.rpc('evm_increaseTime', hex(challenge / 4));
      for (let i = 0; i < 4; i++) await slowly(50n * gwei);
      await until(async () => { await slowly(100n * gwei); return await logs() > known; }, 60_000, 'the answer');
      await chain.rpc('evm_increaseTime', hex(challenge));
      await chain.rpc('evm_setAutomine', true);
      const gained = await until(async () => {
        await chain.rpc('evm_mine');
        const more = BigInt(await chain.rpc('eth_getBalance', addresses[2], 'latest')) - had;
        return more > paid / 2n && more;
      }, 30_000, 'the money');
      const all = paid + await bonds(chain);
      assert.ok(gained <= all && gained >= all - guards[who].gas, `${gained} of ${all}`);
    } finally {
      for (const each of servers) await each.stop();
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});
