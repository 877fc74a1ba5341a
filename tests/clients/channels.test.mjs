// Two daemons on a chain: they open a channel, pay, are killed, close; and the chain pays out what they agreed on.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { chains, startChain } from './chains.mjs';
import { command, hex, startDaemon } from './channels.mjs';
import { addresses, ether, freePort, freeze, keys, startNode, until } from './node.mjs';
import { ask } from './stack.mjs';

describe('varve up --channels', () => {
  test('daemons and a funded mesh are there, also after a restart', async () => {
    const datadir = mkdtempSync(`${tmpdir()}/varve-mesh-`);
    const port = await freePort();
    for (const life of [1, 2]) {
      const node = await startNode({ datadir, args: ['--channels', '2', '--channels.port', String(port)] });
      const url = `http://127.0.0.1:${port}`;
      const [channel] = await until(async () => {
        const list = await ask(url, 'channel_list').catch(() => []);
        return list.length === 1 && list[0].state === 'open' && BigInt(list[0].receivable) > 0n && list;
      }, 15_000, `the channel, life ${life}`);
      const paid = await ask(url, 'channel_keysend', { channel: channel.channel, amount: hex(ether) });
      assert.equal(paid.state, 'paid');
      assert.equal(BigInt((await ask(url, 'channel_list'))[0].balance), (100n - BigInt(life)) * ether);
      await node.stop();
    }
    rmSync(datadir, { recursive: true });
  });
});

for (const name of chains) {
  describe(`a channel on ${name}`, () => {
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
    const open = (amount) => alice.rpc('channel_open', { peer: bob.node, amount: hex(amount) });

    test('a peer that has moved is found where somebody said, also after a restart', async () => {
      const { channel } = await open(ether);
      const met = (what) => until(async () => (await alice.channel(channel)).state === 'open', 15_000, what);
      await bob.kill();
      bob = await bob.again({ port: 0 });
      await alice.rpc('channel_connect', { peer: bob.node });
      await met('the reunion');
      await alice.kill();
      alice = await alice.again();
      await met('the reunion after a restart');
    });

    test('opens, pays both ways, closes by both, and the chain pays out the balances', async () => {
      const { channel, spendable } = await open(ether);
      assert.equal(BigInt(spendable), ether);
      await alice.rpc('channel_keysend', { channel, amount: hex(ether / 4n) });
      await bob.rpc('channel_keysend', { channel, amount: hex(ether / 8n) });
      assert.equal(BigInt((await alice.channel(channel)).balance), ether - ether / 8n);
      assert.equal(BigInt((await bob.channel(channel)).balance), ether / 8n);
      const before = await chain.balance(addresses[2]);
      const closed = await alice.rpc('channel_close', { channel });
      assert.equal(closed.state, 'closed');
      assert.equal(await chain.balance(addresses[2]), before + ether / 8n);
    });

    test('any number of payments waits for a peer that is silent, and other calls do not wait for them', async () => {
      const { channel } = await open(ether);
      await freeze(bob.pid);
      const payments = Array.from({ length: 200 }, () => alice.rpc('channel_keysend', { channel, amount: hex(3) }));
      assert.equal((await alice.channel(channel)).channel, channel); // they came before this
      process.kill(bob.pid, 'SIGCONT');
      await Promise.all(payments);
      await until(async () => BigInt((await bob.channel(channel)).balance) === 600n, 30_000, 'all of them');
    });

    test('what was paid is there after both are killed', async () => {
      const { channel } = await open(ether);
      await alice.rpc('channel_keysend', { channel, amount: '0x1', count: 500 });
      await Promise.all([alice.kill(), bob.kill()]);
      bob = await bob.again();
      alice = await alice.again();
      await until(async () => (await alice.channel(channel)).state === 'open', 10_000, 'the reunion');
      assert.equal(BigInt((await bob.channel(channel)).balance), 500n);
      await bob.rpc('channel_keysend', { channel, amount: hex(500n) });
      assert.equal(BigInt((await alice.channel(channel)).balance), ether);
    });

    test('the commands say what they do', async () => {
      const opened = await command('open', bob.node, '0.5', '--daemon', alice.url);
      assert.equal(opened.code, 0, opened.err);
      assert.match(opened.out, /State +open/);
      assert.match(opened.out, /Can pay +0\.5/);
      const [, channel] = opened.out.match(/Channel +(0x[0-9a-f]{64})/);
      const sent = await command('keysend', channel, '0.125', '--daemon', alice.url);
      assert.match(sent.out, /State +paid/, sent.err);
      const more = await command('topup', channel, '1', '--daemon', alice.url);
      assert.equal(more.code, 0, more.err);
      await until(async () => BigInt((await alice.channel(channel)).spendable) === ether + 3n * ether / 8n, 10_000, 'the top-up');
      const list = await command('list', '--daemon', bob.url);
      assert.match(list.out, /Can pay +0\.125/);
      const closed = await command('close', channel, '--daemon', bob.url);
      assert.match(closed.out, /State +closed/, closed.err);
      const poor = await command('keysend', channel, '1', '--daemon', alice.url);
      assert.equal(poor.code, 1);
      assert.match(poor.err, /closing|not so much/);
    });
  });
}
