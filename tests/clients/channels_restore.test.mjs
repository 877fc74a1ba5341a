// A daemon whose journal was put back from an old copy: it takes the newest states from its peer, and pays on in the
// same channel. And one that has nothing left but its key and its watchtower.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { chains, startChain } from './chains.mjs';
import { command, hex, startDaemon, startTower } from './channels.mjs';
import { ether, keys, until } from './node.mjs';

const PATIENCE = 60_000;

for (const name of chains) {
  describe(`a restore on ${name}`, () => {
    let chain, tower, alice, bob, scratch;
    before(async () => {
      chain = await startChain(name, 250);
      scratch = mkdtempSync(`${tmpdir()}/varve-restore-`);
      tower = await startTower({ urls: [chain.url], key: keys[3] });
      alice = await startDaemon({ urls: [chain.url], key: keys[1] });
      bob = await startDaemon({ urls: [chain.url], key: keys[2] });
    });
    after(async () => {
      await alice?.stop();
      await bob?.stop();
      await tower?.stop();
      await chain?.stop();
      rmSync(scratch, { recursive: true, force: true });
    });
    const pay = (from, channel, amount) => from.rpc('channel_keysend', { channel, amount: hex(amount) });
    const state = async (daemon, channel) => (await daemon.channel(channel))?.state;
    const balance = async (daemon, channel) => BigInt((await daemon.channel(channel)).balance);
    const met = (channel) => until(async () => (await state(alice, channel)) === 'open' && (await state(bob, channel)) === 'open', PATIENCE, 'the reunion')
      .catch(async (error) => {
        throw new Error(`${error.message}: ${await state(alice, channel)}, ${await state(bob, channel)}\n${alice.output().slice(-1500)}\n${bob.output().slice(-1500)}`);
      });
    /** All that the lost states may have been signed for has run out. */
    const pass = () => chain.pass(7300);

    for (const [side, told] of [['opener', false], ['acceptor', false], ['opener', true], ['acceptor', true]]) {
      test(`the ${side} goes back to an old copy, ${told ? 'says so' : 'finds out'}, and pays on`, async () => {
        const channel = (await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) })).channel;
        await pay(alice, channel, ether / 4n);
        const get = () => (side === 'opener' ? alice : bob);
        const set = (daemon) => { if (side === 'opener') alice = daemon; else bob = daemon; };
        await get().kill('SIGTERM');
        const copy = `${scratch}/${side}-${told}`;
        cpSync(get().datadir, copy, { recursive: true });
        set(await get().again());
        await met(channel);
        await pay(alice, channel, ether / 8n);
        await pay(bob, channel, ether / 16n);
        const due = { alice: await balance(alice, channel), bob: await balance(bob, channel) };
        await get().kill();
        set(await get().again({ datadir: copy, more: told ? ['--restored'] : [] }));
        await until(async () => (await state(get(), channel)) === 'restoring', PATIENCE, 'the discovery');
        // Nothing is paid before that; a restart changes nothing.
        const early = await get().ask('channel_keysend', { channel, amount: '0x1', timeoutMs: 300 });
        assert.ok(early.error);
        await get().kill();
        set(await get().again({ datadir: copy }));
        assert.equal(await state(get(), channel), 'restoring');
        await pass();
        await met(channel);
        assert.deepEqual({ alice: await balance(alice, channel), bob: await balance(bob, channel) }, due);
        await pay(alice, channel, ether / 32n);
        await pay(bob, channel, ether / 64n);
        await get().kill();
        set(await get().again({ datadir: copy }));
        await met(channel);
        await pay(bob, channel, ether / 128n);
        assert.equal(await balance(bob, channel), due.bob + ether / 32n - ether / 64n - ether / 128n);
        await alice.rpc('channel_close', { channel, timeoutMs: PATIENCE });
        await until(async () => (await state(bob, channel)) === 'closed', PATIENCE, 'the close');
      });
    }

    test('a daemon that has lost all but its key gets its channels from the watchtower, and pays on', async () => {
      const args = ['--tower', tower.name];
      await bob.kill('SIGTERM');
      bob = await bob.again({ args });
      const opened = (await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) })).channel; // the salt is alice's
      const own = (await bob.rpc('channel_open', { peer: alice.node, amount: hex(ether) })).channel;
      await pay(alice, opened, ether / 4n);
      await pay(bob, opened, ether / 16n);
      await pay(bob, own, ether / 8n);
      const channels = [opened, own];
      for (const channel of channels) {
        await until(async () => BigInt((await bob.channel(channel)).unguarded) === 0n, PATIENCE, 'the receipt');
      }
      await pay(alice, opened, ether / 512n); // the tower may not have this, alice does
      const due = {};
      for (const channel of channels) due[channel] = await balance(bob, channel);
      const { offer } = await bob.rpc('channel_offer', { amount: '0x3e8', description: 'printed on paper' });
      await bob.kill();
      const refused = await command('restore', '--chain', chain.url, '--key', keys[2], '--tower', tower.name, '--datadir', bob.datadir, '--port', '0', '--http.port', '0');
      assert.match(refused.err, /is there/);
      const nobody = await command('restore', '--chain', chain.url, '--key', keys[1], '--tower', tower.name, '--datadir', `${scratch}/nobody`, '--port', '0', '--http.port', '0');
      assert.match(nobody.err, /keeps no channel/);
      bob = await bob.again({ datadir: `${scratch}/empty`, args, word: 'restore' });
      assert.match(bob.output(), /2 from the watchtower/);
      for (const channel of channels) assert.equal(await state(bob, channel), 'restoring');
      await bob.kill();
      bob = await bob.again({ datadir: `${scratch}/empty`, args });
      await pass();
      for (const channel of channels) await met(channel);
      for (const channel of channels) {
        assert.equal(await balance(bob, channel), due[channel]);
        await pay(bob, channel, ether / 64n);
        await pay(alice, channel, ether / 128n);
      }
      // Bob's key is all that an offer of before needs.
      const all = async () => (await Promise.all(channels.map((channel) => balance(bob, channel)))).reduce((sum, each) => sum + each);
      const before = await all();
      await until(async () => (await alice.ask('channel_pay', { invoice: offer })).result, PATIENCE, 'the offer to be paid');
      await until(async () => await all() >= before + 1000n, PATIENCE, 'the payment');
      for (const channel of channels) await alice.rpc('channel_close', { channel, timeoutMs: PATIENCE });
    });
  });
}
