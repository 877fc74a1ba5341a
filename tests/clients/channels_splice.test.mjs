// An open channel changes: money is taken out, a new base takes the place of what was signed; payments go on meanwhile.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { chains, startChain } from './chains.mjs';
import { command, hex, startDaemon } from './channels.mjs';
import { addresses, ether, keys, until } from './node.mjs';

for (const name of chains) {
  describe(`an open channel on ${name}`, () => {
    let chain, alice, bob;
    before(async () => {
      chain = await startChain(name);
      alice = await startDaemon({ urls: [chain.url], key: keys[1] });
      bob = await startDaemon({ urls: [chain.url], key: keys[2] });
    });
    after(async () => {
      await alice?.stop();
      await bob?.stop();
      await chain?.stop();
    });
    const open = async () => (await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) })).channel;
    const agree = (channel, epoch) => until(async () => {
      const [a, b] = await Promise.all([alice.channel(channel), bob.channel(channel)]);
      return a.state === 'open' && b.state === 'open' && a.epoch === b.epoch && a.epoch >= epoch && [a, b];
    }, 15_000, `both in epoch ${epoch}`);

    test('money is taken out while payments flow, and the rest is paid out at the close', async () => {
      const channel = await open();
      await alice.rpc('channel_keysend', { channel, amount: hex(ether / 2n) });
      let flowing = true, paid = 0n;
      const flow = (async () => {
        for (; flowing; paid += 10n) await alice.rpc('channel_keysend', { channel, amount: '0x1', count: 10 });
      })();
      const before = await chain.balance(addresses[2]);
      const out = await command('splice-out', channel, '0.25', '--daemon', bob.url);
      assert.equal(out.code, 0, out.err);
      flowing = false;
      await flow;
      assert.ok(paid > 0n);
      const spent = before + ether / 4n - await chain.balance(addresses[2]); // gas
      assert.ok(spent >= 0n && spent < ether / 100n);
      assert.equal(BigInt((await bob.channel(channel)).balance), ether / 4n + paid);
      const all = await command('splice-out', channel, '0.3', '--daemon', bob.url);
      assert.equal(all.code, 1);
      assert.match(all.err, /not so much/);
      await alice.rpc('channel_withdraw', { channel, amount: hex(ether / 8n) });
      const rest = await chain.balance(addresses[2]);
      await alice.rpc('channel_close', { channel });
      assert.equal(await chain.balance(addresses[2]), rest + ether / 4n + paid);
    });

    test('payments go on over new bases', async () => {
      const channel = await open();
      let flowing = true, paid = 0n;
      const flow = (async () => {
        for (; flowing; paid += 10n) await alice.rpc('channel_keysend', { channel, amount: '0x1', count: 10 });
      })();
      for (let epoch = 1; epoch <= 5; epoch++) {
        await (epoch % 2 ? alice : bob).rpc('channel_rebase', { channel });
        await agree(channel, epoch);
      }
      flowing = false;
      await flow;
      assert.ok(paid > 0n);
      assert.equal(BigInt((await bob.channel(channel)).balance), paid);
      assert.equal(BigInt((await bob.channel(channel)).spendable), paid);
      await bob.rpc('channel_close', { channel });
    });

    test('a close by one on a base that both signed pays out what it says', async () => {
      const channel = await open();
      await alice.rpc('channel_keysend', { channel, amount: hex(ether / 2n) });
      await bob.rpc('channel_withdraw', { channel, amount: hex(ether / 8n) });
      await bob.rpc('channel_rebase', { channel });
      await agree(channel, 1);
      await alice.rpc('channel_keysend', { channel, amount: '0x7' });
      const before = await chain.balance(addresses[2]);
      const closing = alice.rpc('channel_close', { channel, force: true });
      await until(async () => (await alice.channel(channel)).state === 'dispute', 10_000, 'the dispute');
      await chain.pass(61);
      assert.equal((await closing).state, 'closed');
      const gas = before + 3n * ether / 8n + 7n - await chain.balance(addresses[2]);
      assert.ok(gas >= 0n && gas < ether / 100n); // bob settles, or alice does
    });

    test('a new base is there, or is made, after either or both are killed', async () => {
      const channel = await open();
      let epoch = 0;
      for (const who of ['alice', 'bob', 'both', 'alice', 'bob', 'both']) {
        await alice.rpc('channel_keysend', { channel, amount: '0x1' });
        await bob.rpc('channel_rebase', { channel });
        await new Promise((done) => { setTimeout(done, epoch % 3); });
        if (who !== 'bob') await alice.kill();
        if (who !== 'alice') await bob.kill();
        if (who !== 'alice') bob = await bob.again();
        if (who !== 'bob') alice = await alice.again();
        const [now] = await agree(channel, 0);
        await alice.rpc('channel_rebase', { channel });
        await agree(channel, now.epoch + 1);
        epoch++;
      }
      assert.equal(BigInt((await bob.channel(channel)).balance), 6n);
      const before = await chain.balance(addresses[2]);
      await alice.rpc('channel_close', { channel });
      assert.equal(await chain.balance(addresses[2]), before + 6n);
    });

    test('a withdrawal that both signed is executed after a kill', async () => {
      const channel = await open();
      const waiting = alice.ask('channel_withdraw', { channel, amount: hex(ether / 4n) }).catch(() => {});
      await until(async () => BigInt((await alice.channel(channel)).spendable) < ether, 5_000, 'the signature');
      await Promise.all([alice.kill(), bob.kill()]);
      await waiting;
      bob = await bob.again();
      alice = await alice.again();
      await until(async () => BigInt((await bob.channel(channel)).receivable) === 3n * ether / 4n
        && BigInt((await bob.channel(channel)).balance) === 0n
        && BigInt((await alice.channel(channel)).balance) === 3n * ether / 4n, 15_000, 'the withdrawal');
      await alice.rpc('channel_close', { channel });
    });
  });
}
