// Disputes: closes by one side, cheats with old states, and locks that are under way when a peer falls silent.
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { encodeFunctionData, parseAbi, toFunctionSelector, toHex } from 'viem';
import { chains, startCensor, startChain } from './chains.mjs';
import { copyLive, hex, startDaemon } from './channels.mjs';
import { ether, freeze, until } from './node.mjs';

const margin = 15; // seconds of a busy machine, where the chain has a clock of its own
const life = 3600 + 4 * margin; // of a lock
const sha256 = (bytes) => `0x${createHash('sha256').update(bytes).digest('hex')}`;
const point = (node) => `0x${node.node.slice(0, 66)}`;

const changed = 'StateChanged(bytes32,uint256,(int256,uint128,uint128,bytes32,uint128,uint128,bytes32))';
const noted = 'Noted(bytes32,uint8,uint64,uint64,uint128,uint128,bytes32)';

/** A chain, its daemons, each behind a censor of its own where they are `censored`, and what tests ask of all. */
async function world(name, count, { challenge = 60, censored = false } = {}) {
  const args = ['--margin', String(margin), '--challenge', String(challenge)];
  const chain = await startChain(name);
  const nodes = [], censors = [];
  for (let i = 0; i < count; i++) {
    if (censored) censors.push(await startCensor(chain.url));
    nodes.push(await startDaemon({ urls: [censors[i]?.url ?? chain.url], key: `test:${i + 1}`, args }));
  }
  const self = {
    ...chain, nodes, censors, challenge,
    open: (from, to, amount = ether) => nodes[from].rpc('channel_open', { peer: nodes[to].node, amount: hex(amount) }).then(({ channel }) => channel),
    /** What the settlement has paid out at once, in any order of sides. */
    settled: async (channel) => (await chain.words('Settled(bytes32,uint128,uint128)', channel)).at(-1)?.sort((a, b) => Number(a - b)),
    /** What locks have paid: [to payees, to payers]. */
    unlocked: async (channel) => (await chain.words('Unlocked(bytes32,uint8,uint8,uint128,uint128)', channel))
      .reduce(([payee, payer], each) => [payee + each.at(-2), payer + each.at(-1)], [0n, 0n]),
    disputes: async (channel) => (await chain.logs(changed, channel)).length,
    notes: async (channel) => (await chain.logs(noted, channel)).length,
    /** Bonds that were paid out, to this side. */
    bonds: async (channel, side) => (await chain.words('BondPaid(bytes32,uint8,uint256)', channel)).filter(([to]) => to === BigInt(side)).length,
    state: async (i, channel) => (await nodes[i].channel(channel)).state,
    /** Until a channel is closed in the eyes of node `i`; blocks come meanwhile. */
    closed: (i, channel) => until(async () => {
      await chain.pass(1);
      return await self.state(i, channel) === 'closed';
    }, 40_000, 'the close'),
    stop: async () => {
      for (const node of nodes) await node.stop();
      for (const censor of censors) await censor.stop();
      await chain.stop();
    },
  };
  return self;
}

/** The first node of a way pays the last one, which is stopped and so does not answer. Gives the invoice's hash. */
async function lockUp(on, way, channel, amount) {
  const [payer, last] = [on.nodes[way[0]], on.nodes[way.at(-1)]];
  const { invoice, hash } = await last.rpc('channel_invoice', { amount: hex(amount) });
  const before = BigInt((await on.nodes[way.at(-2)].channel(channel)).spendable);
  await freeze(last.pid);
  payer.rpc('channel_pay', { invoice, via: way.slice(1, -1).map((i) => point(on.nodes[i])) }).catch(() => {});
  const from = on.nodes[way.at(-2)];
  await until(async () => BigInt((await from.channel(channel)).spendable) < before, 60_000, 'the lock');
  await from.rpc('channel_invoice', { amount: '0x1' }); // answered when that is on the disk, and the lock has left before it
  return hash;
}

for (const name of chains) {
  describe(`disputes on ${name}`, () => {
    let on;
    before(async () => { on = await world(name, 2); });
    after(() => on?.stop());

    for (const closer of [0, 1])
      test(`side ${closer} closes without the other, and the money goes as agreed`, async () => {
        const channel = await on.open(0, 1);
        await on.nodes[0].rpc('channel_keysend', { channel, amount: hex(ether / 4n) });
        await on.nodes[1].rpc('channel_keysend', { channel, amount: hex(ether / 16n) });
        await on.nodes[0].rpc('channel_keysend', { channel, amount: '0x1' });
        await on.nodes[closer].rpc('channel_close', { channel, force: true, timeoutMs: 1 }).catch(() => {});
        await until(async () => await on.state(1 - closer, channel) === 'dispute', 60_000, 'the dispute');
        await on.pass(on.challenge);
        for (const i of [0, 1]) await on.closed(i, channel);
        const paid = 3n * ether / 16n + 1n;
        assert.deepEqual(await on.settled(channel), [paid, ether - paid]);
        assert.equal(await on.bonds(channel, closer), 1, 'who told the truth has its bond back');
      });

    test('a cheat that closes with any of ten old states gets what the newest says', async () => {
      const rounds = 10;
      const channels = [], old = [];
      for (let i = 0; i < rounds; i++) channels.push(await on.open(0, 1, 1000n));
      const cheat = on.nodes[0];
      const scratch = mkdtempSync(`${tmpdir()}/varve-cheat-`);
      for (let i = 0; i < rounds; i++) {
        old.push(`${scratch}/${i}`);
        copyLive(cheat, old[i]);
        for (const channel of channels) {
          await cheat.rpc('channel_keysend', { channel, amount: '0xa' });
          if (i % 3 === 1) await on.nodes[1].rpc('channel_keysend', { channel, amount: '0x1' });
        }
      }
      await cheat.kill();
      for (let i = 0; i < rounds; i++) {
        await freeze(on.nodes[1].pid); // else it would tell the cheat that its copy is old
        const again = await cheat.again({ datadir: old[i], port: 0 });
        await again.rpc('channel_close', { channel: channels[i], force: true, timeoutMs: 1 }).catch(() => {});
        await until(async () => await on.disputes(channels[i]) === 1, 60_000, `the cheat with state ${i}`);
        await again.kill();
        process.kill(on.nodes[1].pid, 'SIGCONT');
        await until(async () => await on.disputes(channels[i]) === 2, 60_000, `the answer to state ${i}`);
        // Of the newest answer the cheat has signed nothing: it cannot be held to that.
        if (i < rounds - 1) await until(async () => await on.bonds(channels[i], 1) === 1, 60_000, `the bond on state ${i}`);
      }
      await on.pass(on.challenge);
      for (const channel of channels) {
        await on.closed(1, channel);
        assert.deepEqual(await on.settled(channel), [97n, 903n]);
      }
      on.nodes[0] = await cheat.again();
      for (const channel of channels) await on.closed(0, channel);
      rmSync(scratch, { recursive: true });
    });

    test('who was away for the whole dispute goes on where it is', async () => {
      const channel = await on.open(0, 1);
      await on.nodes[0].rpc('channel_keysend', { channel, amount: '0x5' });
      await on.nodes[1].kill();
      await on.nodes[0].rpc('channel_close', { channel, force: true, timeoutMs: 1 }).catch(() => {});
      await until(async () => await on.state(0, channel) === 'dispute', 60_000, 'the dispute');
      on.nodes[0] = await on.nodes[0].kill().then(() => on.nodes[0].again());
      await on.pass(on.challenge);
      await on.closed(0, channel);
      on.nodes[1] = await on.nodes[1].again();
      await on.closed(1, channel);
      assert.deepEqual(await on.settled(channel), [5n, ether - 5n]);
    });
  });
}

for (const name of chains) {
  describe(`locks in disputes on ${name}`, () => {
    let on;
    before(async () => { on = await world(name, 3); });
    after(() => on?.stop());
    const amount = ether / 8n;
    const force = async (i, channel) => {
      await on.nodes[i].rpc('channel_close', { channel, force: true, timeoutMs: 1 }).catch(() => {});
      await until(async () => await on.state(i, channel) === 'dispute', 60_000, 'the dispute');
    };
    const isPaid = async (i, hash) => (await on.nodes[i].rpc('channel_invoiceStatus', { hash })).state === 'paid';
    const shown = async () => (await on.logs('Revealed(bytes32,bytes32)')).length;
    /** Blocks a margin before the locks' end until somebody has shown a secret, at most a few seconds later. */
    const untilShown = async () => {
      const before = await shown();
      await on.pass(life - margin);
      await until(async () => await shown() > before, 60_000, 'the secret');
    };

    /** The secret of an invoice of node `i`'s, out of its journal. */
    const secretOf = (i, hash) => {
      const journal = readFileSync(`${on.nodes[i].datadir}/channels.log`);
      let at = 0;
      while (sha256(journal.subarray(at, at + 32)) !== hash) at++;
      return `0x${journal.subarray(at, at + 32).toString('hex')}`;
    };
    const toRegistry = async (channel, call) => {
      const [{ address }] = await on.logs(null, channel);
      const registry = `0x${(await on.rpc('eth_call', { to: address, data: toFunctionSelector('registry()') }, 'latest')).slice(-40)}`;
      const hash = await on.send(registry, encodeFunctionData({ abi: parseAbi(['function reveal(bytes32)', 'function revealBatch(bytes32[])']), ...call }));
      await until(() => on.rpc('eth_getTransactionReceipt', hash), 60_000, 'the receipt of what is shown');
    };
    const showAlone = (secret, channel) => toRegistry(channel, { functionName: 'reveal', args: [secret] });
    const showBatch = (secret, channel) => toRegistry(channel, { functionName: 'revealBatch', args: [[toHex(1, { size: 32 }), secret, toHex(2, { size: 32 })]] });

    test('a payee that never answers: the lock comes back after its time', async () => {
      const channel = await on.open(0, 2);
      await lockUp(on, [0, 2], channel, amount);
      await on.nodes[2].kill();
      await force(0, channel);
      await on.pass(on.challenge);
      await on.pass(life + 2 * on.challenge);
      await on.closed(0, channel);
      const [zero, rest] = await on.settled(channel);
      const [payee, payer] = await on.unlocked(channel);
      assert.equal(zero + payee, 0n);
      assert.equal(rest + payer, ether);
      on.nodes[2] = await on.nodes[2].again();
      await on.closed(2, channel);
    });

    test('a payer that is silent after the secret: the payee shows it, closes, and the chain pays the lock', async () => {
      const channel = await on.open(0, 2);
      const hash = await lockUp(on, [0, 2], channel, amount);
      await freeze(on.nodes[0].pid);
      process.kill(on.nodes[2].pid, 'SIGCONT');
      await until(() => isPaid(2, hash), 60_000, 'the receipt');
      await on.nodes[0].kill();
      await untilShown();
      await on.pass(3 * margin);
      await until(async () => await on.state(2, channel) === 'dispute', 60_000, 'the dispute');
      on.nodes[2] = await on.nodes[2].kill().then(() => on.nodes[2].again());
      await on.pass(on.challenge);
      await on.closed(2, channel);
      assert.deepEqual(await on.unlocked(channel), [amount, 0n]);
      on.nodes[0] = await on.nodes[0].again();
      await on.closed(0, channel);
    });

    test('a mediator that is killed between the secret and telling it loses nothing to a silent payer', async () => {
      const channels = [await on.open(0, 1), await on.open(1, 2)];
      await lockUp(on, [0, 1, 2], channels[1], amount);
      await freeze(on.nodes[0].pid);
      process.kill(on.nodes[2].pid, 'SIGCONT');
      await until(async () => BigInt((await on.nodes[2].channel(channels[1])).balance) === amount, 60_000, 'the payment downstream');
      await on.nodes[1].kill();
      await on.nodes[0].kill();
      on.nodes[1] = await on.nodes[1].again();
      await untilShown();
      await on.pass(3 * margin);
      await until(async () => await on.state(1, channels[0]) === 'dispute', 60_000, 'the dispute');
      await on.pass(on.challenge);
      await on.closed(1, channels[0]);
      const [payee, payer] = await on.unlocked(channels[0]);
      assert.ok(payee > amount, 'with its fee');
      assert.equal(payer, 0n);
      on.nodes[0] = await on.nodes[0].again();
      await on.closed(0, channels[0]);
    });

    test('a mediator that was away while its payee claimed on chain claims upstream', async () => {
      const channels = [await on.open(0, 1), await on.open(1, 2)];
      const hash = await lockUp(on, [0, 1, 2], channels[1], amount);
      await freeze(on.nodes[1].pid);
      process.kill(on.nodes[2].pid, 'SIGCONT');
      await until(() => isPaid(2, hash), 60_000, 'the receipt');
      await on.nodes[1].kill(); // it has not heard the secret
      await untilShown();
      await on.nodes[2].kill();
      on.nodes[1] = await on.nodes[1].again();
      await until(async () => BigInt((await on.nodes[1].channel(channels[0])).balance) > amount, 60_000, 'the payment upstream');
      on.nodes[2] = await on.nodes[2].again();
    });

    test('after a close downstream a mediator that gets no secret gives the lock upstream back', async () => {
      const channels = [await on.open(0, 1), await on.open(1, 2)];
      await lockUp(on, [0, 1, 2], channels[1], amount);
      await on.nodes[2].kill();
      await force(1, channels[1]);
      await on.pass(on.challenge);
      await on.pass(life + 2 * on.challenge);
      await on.closed(1, channels[1]);
      assert.equal((await on.unlocked(channels[1]))[0], 0n);
      await until(async () => {
        await on.pass(1);
        return BigInt((await on.nodes[0].channel(channels[0])).spendable) === ether;
      }, 60_000, 'the lock upstream');
      on.nodes[2] = await on.nodes[2].again();
      await on.closed(2, channels[1]);
    });

    test('a secret that came in a batch is claimed upstream, and shown to the adjudicator', async () => {
      const channels = [await on.open(0, 1), await on.open(1, 2)];
      const hash = await lockUp(on, [0, 1, 2], channels[1], amount);
      await freeze(on.nodes[1].pid);
      process.kill(on.nodes[2].pid, 'SIGCONT');
      await until(() => isPaid(2, hash), 60_000, 'the receipt');
      await on.nodes[1].kill();
      await force(2, channels[1]);
      await on.nodes[2].kill();
      await showBatch(secretOf(2, hash), channels[1]);
      on.nodes[1] = await on.nodes[1].again();
      await until(async () => BigInt((await on.nodes[1].channel(channels[0])).balance) > amount, 60_000, 'the payment upstream');
      on.nodes[1] = await on.nodes[1].kill().then(() => on.nodes[1].again());
      await on.pass(on.challenge);
      await on.closed(1, channels[1]);
      assert.deepEqual(await on.unlocked(channels[1]), [amount, 0n]);
      on.nodes[2] = await on.nodes[2].again();
      await on.closed(2, channels[1]);
    });

    test('a secret that is public already: nobody forwards its lock, nobody makes one', async () => {
      const args = ['--margin', String(margin), '--challenge', String(on.challenge)];
      const channel = await on.open(1, 2);
      const seen = async (node) => until(async () => {
        const head = BigInt(await on.rpc('eth_blockNumber'));
        return BigInt((await node.rpc('channel_nodeInfo')).chains[0].block) >= head;
      }, 60_000, 'the newest block');
      const invoices = [];
      for (const show of [showAlone, showBatch]) {
        const invoice = await on.nodes[2].rpc('channel_invoice', { amount: hex(amount) });
        await show(secretOf(2, invoice.hash), channel);
        invoices.push(invoice.invoice);
      }
      await seen(on.nodes[0]);
      for (const invoice of invoices) await assert.rejects(on.nodes[0].rpc('channel_pay', { invoice, via: [point(on.nodes[1])] }), /public/);
      // A mediator knows it still when it has long been final and it is started again; a payer that is new does not.
      for (let i = 0; i < 70; i++) await on.mine();
      await seen(on.nodes[1]);
      on.nodes[1] = await on.nodes[1].kill('SIGTERM').then(() => on.nodes[1].again());
      const payer = await startDaemon({ urls: [on.url], key: 'test:5', args });
      const first = (await payer.rpc('channel_open', { peer: on.nodes[1].node, amount: hex(ether) })).channel;
      await until(async () => (await on.nodes[1].channel(channel)).state === 'open', 60_000, 'the reunion');
      try {
        for (const invoice of invoices) await assert.rejects(payer.rpc('channel_pay', { invoice, via: [point(on.nodes[1])] }), /hop 0|hop 1/);
        await until(async () => BigInt((await payer.channel(first)).spendable) === ether, 60_000, 'the locks\' end');
        const { invoice } = await on.nodes[2].rpc('channel_invoice', { amount: hex(amount) });
        assert.equal((await payer.rpc('channel_pay', { invoice, via: [point(on.nodes[1])] })).state, 'paid');
      } finally {
        await payer.stop();
      }
    });

    test('a secret in a batch is recorded in time where another lock keeps its chunk waiting', async () => {
      const channels = [await on.open(0, 1), await on.open(1, 2)];
      const invoices = [];
      for (let i = 0; i < 2; i++) invoices.push(await on.nodes[2].rpc('channel_invoice', { amount: hex(amount) }));
      await freeze(on.nodes[2].pid);
      const begun = await on.time();
      for (const { invoice } of invoices) on.nodes[0].rpc('channel_pay', { invoice, via: [point(on.nodes[1])] }).catch(() => {});
      await until(async () => BigInt((await on.nodes[1].channel(channels[1])).spendable) <= ether - 2n * amount, 60_000, 'the locks');
      const expiry = (begun + await on.time()) / 2 + life; // about
      await freeze(on.nodes[1].pid);
      process.kill(on.nodes[2].pid, 'SIGCONT');
      for (const { hash } of invoices) await until(() => isPaid(2, hash), 60_000, 'the receipt');
      await on.nodes[1].kill();
      await on.nodes[2].kill();
      await force(0, channels[0]);
      await on.pass(on.challenge);
      await until(async () => (await on.pass(1), await on.settled(channels[0])), 60_000, 'the settlement');
      await showBatch(secretOf(2, invoices[0].hash), channels[0]);
      on.nodes[1] = await on.nodes[1].again();
      const before = await shown();
      await on.pass(Math.round(expiry + 0.75 * on.challenge - (await on.time())));
      await until(async () => await shown() > before, 60_000, 'the record');
      await on.pass(on.challenge);
      for (const i of [0, 1]) await on.closed(i, channels[0]);
      const [payee, payer] = await on.unlocked(channels[0]);
      assert.ok(payee > amount, 'with its fee');
      assert.equal(payer, payee);
      on.nodes[2] = await on.nodes[2].again();
    });

    test('an old state with locks that nobody answered is unlocked by who has signed newer ones', async () => {
      const channel = await on.open(0, 2);
      const scratch = mkdtempSync(`${tmpdir()}/varve-cheat-`);
      const hash = await lockUp(on, [0, 2], channel, amount);
      await freeze(on.nodes[0].pid); // the state in which the lock is acknowledged is in the payee's journal
      process.kill(on.nodes[2].pid, 'SIGCONT');
      await until(() => isPaid(2, hash), 60_000, 'the lock at the payee');
      await on.nodes[2].kill('SIGTERM'); // the disk has it then
      cpSync(on.nodes[2].datadir, `${scratch}/old`, { recursive: true });
      on.nodes[2] = await on.nodes[2].again();
      process.kill(on.nodes[0].pid, 'SIGCONT');
      await until(async () => BigInt((await on.nodes[2].channel(channel)).balance) === amount, 60_000, 'the payment');
      await on.nodes[0].rpc('channel_keysend', { channel, amount: '0x7' });
      await on.nodes[0].kill();
      await on.nodes[2].kill();
      const cheat = await on.nodes[2].again({ datadir: `${scratch}/old`, port: 0 });
      await cheat.rpc('channel_close', { channel, force: true, timeoutMs: 1 }).catch(() => {});
      await until(async () => await on.disputes(channel) === 1, 60_000, 'the dispute');
      await on.pass(on.challenge);
      await until(async () => (await on.pass(1), await on.settled(channel)), 60_000, 'the settlement');
      await cheat.kill();
      on.nodes[0] = await on.nodes[0].again();
      await on.pass(life + 2 * on.challenge);
      await on.closed(0, channel);
      const [payee, payer] = await on.unlocked(channel);
      assert.equal(payee + payer, amount, 'the lock, that is in no newer state, is paid out');
      on.nodes[2] = await on.nodes[2].again();
      await on.closed(2, channel);
      rmSync(scratch, { recursive: true });
    });
  });
}

for (const name of chains) {
  describe(`an answer on ${name}, which makes it hard,`, () => {
    let on, scratch;
    // Blocks are late by as much as the machine is busy, and a dispute that is over refuses everything.
    before(async () => { on = await world(name, 2, { challenge: 3600, censored: true }); });
    after(() => on?.stop());
    beforeEach(() => { scratch = mkdtempSync(`${tmpdir()}/varve-cheat-`); });
    afterEach(() => rmSync(scratch, { recursive: true }));
    const closeAlone = (node, channel) => node.rpc('channel_close', { channel, force: true, timeoutMs: 1 }).catch(() => {});
    /** The first node as it was closes alone, while the second one is stopped: else it would tell it that its copy is old. */
    const cheat = async (channel) => {
      await on.nodes[0].kill();
      await freeze(on.nodes[1].pid);
      const old = await on.nodes[0].again({ datadir: `${scratch}/0`, port: 0 });
      await closeAlone(old, channel);
      await until(async () => await on.disputes(channel) === 1, 60_000, 'the cheat');
      await old.kill();
    };
    /** Until node `i` has sent something, which its censor keeps. */
    const held = (i) => until(() => on.censors[i].held[0], 60_000, `what node ${i} sends`);
    const hold = (i) => Object.assign(on.censors[i], { holds: true, held: [] });

    test('gets through when the first one is thrown away and the base fee is ten times as high', async () => {
      const channel = await on.open(0, 1);
      await on.nodes[0].rpc('channel_keysend', { channel, amount: '0x1' });
      copyLive(on.nodes[0], `${scratch}/0`);
      await on.nodes[0].rpc('channel_keysend', { channel, amount: '0x63' });
      await cheat(channel);
      hold(1);
      process.kill(on.nodes[1].pid, 'SIGCONT');
      await held(1);
      await on.setBaseFee(10n * await on.baseFee());
      assert.equal(await on.disputes(channel), 1);
      on.censors[1].holds = false;
      await until(async () => {
        await on.mine();
        return await on.disputes(channel) === 2;
      }, 90_000, 'the answer');
      await on.pass(on.challenge);
      await on.closed(1, channel);
      assert.deepEqual(await on.settled(channel), [100n, ether - 100n]);
      on.nodes[0] = await on.nodes[0].again();
      await on.closed(0, channel);
    });

    test('gets through when the cheat changes the state just before it, by a note', async () => {
      const channel = await on.open(0, 1);
      for (const i of [0, 1]) {
        await on.nodes[0].rpc('channel_keysend', { channel, amount: '0x1' });
        copyLive(on.nodes[0], `${scratch}/${i}`);
      }
      await on.nodes[0].rpc('channel_keysend', { channel, amount: '0x62' });
      await cheat(channel);
      for (const i of [0, 1]) hold(i);
      process.kill(on.nodes[1].pid, 'SIGCONT');
      await held(1);
      await freeze(on.nodes[1].pid);
      const older = await on.nodes[0].again({ datadir: `${scratch}/1`, port: 0 });
      await held(0);
      await older.kill();
      await on.censors[0].release(on.censors[0].held[0]);
      assert.equal(await on.disputes(channel), 2);
      for (const raw of on.censors[1].held) await on.censors[1].release(raw);
      assert.equal(await on.disputes(channel), 2, 'what was sent last came first, and the others to nothing');
      for (const censor of on.censors) censor.holds = false;
      process.kill(on.nodes[1].pid, 'SIGCONT');
      await until(async () => (await on.mine(), await on.notes(channel)) > 0, 60_000, 'the note'); // of one side or both
      assert.equal(await on.disputes(channel), 2);
      // It may come after the note, and once the dispute's time is over it would be reverted.
      await until(async () => (await on.mine(), await on.bonds(channel, 1)) === 1, 60_000, 'the cheat\'s bond');
      await on.pass(on.challenge);
      await on.closed(1, channel);
      assert.deepEqual(await on.settled(channel), [100n, ether - 100n]);
      on.nodes[0] = await on.nodes[0].again();
      await on.closed(0, channel);
    });

    test('a close by both that comes after one by force leaves its bond to whoever staked it', async () => {
      const channel = await on.open(0, 1);
      await on.nodes[0].rpc('channel_keysend', { channel, amount: '0x7' });
      hold(0);
      on.nodes[0].rpc('channel_close', { channel, timeoutMs: 1 }).catch(() => {});
      const close = await held(0);
      await closeAlone(on.nodes[1], channel);
      await until(async () => await on.state(1, channel) === 'dispute', 60_000, 'the dispute');
      await on.censors[0].release(close);
      on.censors[0].holds = false;
      for (const i of [0, 1]) await on.closed(i, channel);
      assert.equal(await on.settled(channel), undefined);
      assert.equal(await on.bonds(channel, 1), 1);
    });
  });
}
