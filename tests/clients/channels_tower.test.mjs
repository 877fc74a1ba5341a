// A watchtower: who is away loses nothing to a cheat, whatever old state it closes with; and who is not pays on while
// little rests on what the tower does not have.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { chains, startChain } from './chains.mjs';
import { command, hex, startDaemon, startTower } from './channels.mjs';
import { addresses, ether, keys, until } from './node.mjs';

const challenge = 20_000; // of the chain's time, which is moved on when all is there that should be
const args = ['--challenge', String(challenge)];
const states = 4;

for (const name of chains) {
  describe(`a watchtower on ${name}`, () => {
    let chain, tower, alice, bob, scratch;
    before(async () => {
      chain = await startChain(name, 250);
      scratch = mkdtempSync(`${tmpdir()}/varve-tower-`);
      alice = await startDaemon({ urls: [chain.url], key: keys[1], args });
      tower = await startTower({ urls: [chain.url], key: keys[3], args: ['--client', alice.node, '--client', alice.node.split('@')[0]] });
      bob = await startDaemon({ urls: [chain.url], key: keys[2], args: [...args, '--tower', tower.name, '--tower.risk', '0.01'] });
    });
    after(async () => {
      await alice?.stop();
      await bob?.stop();
      await tower?.stop();
      await chain?.stop();
      rmSync(scratch, { recursive: true, force: true });
    });
    const open = async () => (await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) })).channel;
    const pay = (from, channel, amount, more = {}) => from.rpc('channel_keysend', { channel, amount: hex(amount), ...more });
    const state = async (daemon, channel) => (await daemon.channel(channel)).state;
    const guarded = (channel) => until(async () => BigInt((await bob.channel(channel)).unguarded) === 0n, 10_000, 'the receipt');
    const met = (channel) => until(async () => (await state(alice, channel)) === 'open' && (await state(bob, channel)) === 'open', 10_000, 'the reunion');

    test('a tower keeps room for nodes alone', async () => {
      for (const client of ['alice', alice.node.slice(1), `${alice.node.slice(0, 66)}0`, `05${alice.node.slice(2)}`]) {
        const { code, err } = await command('tower', '--chain', chain.url, '--key', keys[3], '--datadir', `${scratch}/none`, '--client', client);
        assert.notEqual(code, 0);
        assert.match(err, /names no node/);
      }
    });

    test('payments go on without the tower while little is at risk, then wait until it is back', async () => {
      const channel = await open();
      await pay(alice, channel, ether / 10n);
      await guarded(channel);
      await tower.kill();
      await pay(alice, channel, ether / 200n);
      const late = await alice.ask('channel_keysend', { channel, amount: hex(ether / 50n), timeoutMs: 1500 });
      assert.match(late.error.message, /not acknowledged/);
      assert.equal(BigInt((await bob.channel(channel)).unguarded), ether / 200n + ether / 50n);
      assert.equal((await alice.channel(channel)).sent, 2);
      tower = await tower.again();
      await until(async () => (await alice.channel(channel)).sent === 3, 20_000, 'the acknowledgement');
      await guarded(channel);
    });

    test('a cheat publishes each old state while its peer is away, and the tower wins each time', async () => {
      const channels = [];
      for (let i = 0; i <= states; i++) channels.push(await open());
      const copies = [];
      for (let i = 0; i < states; i++) { // copy i has the states before payment i + 1
        await alice.kill('SIGTERM');
        copies.push(`${scratch}/${i}`);
        cpSync(alice.datadir, copies[i], { recursive: true });
        alice = await alice.again();
        for (const channel of channels) {
          await met(channel);
          await pay(alice, channel, ether / 8n);
          await pay(bob, channel, ether / 64n);
        }
      }
      let due = 0n;
      for (const channel of channels) {
        await guarded(channel);
        due += BigInt((await bob.channel(channel)).balance);
      }
      assert.equal(due, BigInt(states * (states + 1)) * (ether / 8n - ether / 64n));
      await bob.kill();
      await alice.kill();
      const had = await chain.balance(addresses[2]);
      const run = async (copy, channel, work) => {
        const cheat = await startDaemon({ urls: [chain.url], key: keys[1], datadir: copies[copy], args });
        try {
          await until(work.bind(null, cheat, channel), 20_000, `the cheat's copy ${copy}`)
            .catch((error) => { throw new Error(`${error.message}\n${cheat.output().slice(-2000)}`); });
        } finally {
          await cheat.stop();
        }
      };
      const publish = async (cheat, channel) => {
        await cheat.ask('channel_close', { channel, force: true, timeoutMs: 1 });
        return (await state(cheat, channel)) === 'dispute';
      };
      const news = ['StateChanged(bytes32,uint256,(int256,uint128,uint128,bytes32,uint128,uint128,bytes32))', 'Noted(bytes32,uint8,uint64,uint64,uint128,uint128,bytes32)'];
      const logs = async (channel) => (await chain.logs(news, channel)).length;
      for (let i = 0; i < states; i++) await run(i, channels[i], publish);
      // In the last channel one old state after another, begun while the tower is not there.
      await tower.kill();
      await run(0, channels[states], publish);
      for (const copy of [1, 2]) { // which answers what the one before has published
        const known = await logs(channels[states]);
        await run(copy, channels[states], async (cheat, channel) => (await logs(channel)) > known);
      }
      const published = await logs(channels[states]);
      tower = await tower.again();
      const bonds = async () => (await chain.words('BondPaid(bytes32,uint8,uint256)')).filter(([side]) => side === 1n).map(([, amount]) => amount);
      const won = async () => (await bonds()).reduce((sum, amount) => sum + amount, 0n);
      const answered = async () => {
        for (const [i, channel] of channels.entries()) if (await logs(channel) <= (i < states ? 1 : published)) return false;
        return (await bonds()).length >= states; // of those that closed while the tower was there
      };
      await until(answered, 60_000, 'the answers').catch((error) => { throw new Error(`${error.message}\n${tower.output().slice(-3000)}`); });
      await chain.pass(2 * challenge);
      await until(async () => (await chain.balance(addresses[2])) === had + due + (await won()), 60_000, 'the money').catch(async (error) => {
        throw new Error(`${error.message}: ${(await chain.balance(addresses[2])) - had} of ${due} and ${await won()}\n${tower.output().slice(-3000)}`);
      });
      bob = await bob.again();
      for (const channel of channels) await until(async () => (await state(bob, channel)) === 'closed', 20_000, 'the end');
      alice = await alice.again();
    });

    test('who was paid closes alone, and gets what it was paid', async () => {
      const channel = await open();
      await pay(alice, channel, ether / 4n);
      await alice.kill();
      const had = await chain.balance(addresses[2]);
      const closing = bob.rpc('channel_close', { channel, force: true });
      await until(async () => await state(bob, channel) === 'dispute', 20_000, 'the dispute');
      await chain.pass(challenge);
      await closing;
      const gained = (await chain.balance(addresses[2])) - had; // less gas
      assert.ok(gained > ether / 4n - ether / 100n && gained <= ether / 4n, `${gained}`);
      alice = await alice.again();
    });

    test('an old copy of a daemon learns from the tower that it is old, and stands still', async () => {
      const channel = await open();
      await pay(alice, channel, ether / 4n);
      await guarded(channel);
      await bob.kill('SIGTERM');
      cpSync(bob.datadir, `${scratch}/old`, { recursive: true });
      bob = await bob.again();
      await met(channel);
      await pay(alice, channel, ether / 4n);
      await guarded(channel);
      await bob.kill();
      const old = await bob.again({ datadir: `${scratch}/old` });
      await until(() => /old copy of the journal/.test(old.output()), 10_000, 'the refusal');
      await old.stop();
      bob = await bob.again();
      await met(channel);
    });
  });
}
