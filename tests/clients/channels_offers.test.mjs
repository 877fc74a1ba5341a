// Offers: a text that names nobody, invoices for it over onion messages, and payments along a blinded path.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { ethers } from 'ethers';
import { command, deploy, hex, startDaemon } from './channels.mjs';
import { artifact, ether, freeze, keys, startNode, until } from './node.mjs';

describe('an offer, four nodes in a row', () => {
  let chain;
  const nodes = [];
  const channels = []; // channels[i] is between node i and i + 1
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    for (let i = 0; i < 4; i++) nodes.push(await startDaemon({ urls: [chain.url], key: `test:${i + 1}`, args: ['--margin', '10'] }));
    for (let i = 0; i < 3; i++)
      channels.push((await nodes[i].rpc('channel_open', { peer: nodes[i + 1].node, amount: hex(ether) })).channel);
    await knowAll();
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    await chain?.stop();
  });
  /** Every node knows every channel, and what both sides ask for forwarding. */
  const knowAll = () => until(async () => {
    for (const node of nodes) {
      const graph = await node.rpc('channel_graph');
      if (graph.channels.length < 3 || !graph.channels.every((each) => each.policies.every(Boolean))) return false;
    }
    return true;
  }, 60_000, 'the network to be known');
  const key = (i) => nodes[i].node.slice(0, 66);
  const balance = async (i, j) => BigInt((await nodes[i].channel(channels[j])).balance);
  const fee = (amount, millionths = 1000n) => (amount * millionths + 999_999n) / 1_000_000n;
  /** What the two nodes of the path ask together, with what they round up. */
  const pathFee = (amount) => 2n + fee(amount, 2001n);
  /** What two hops round up may arrive, too. */
  const comes = (before, amount, what = 'the payment') => until(async () => {
    const more = await balance(3, 2) - before;
    return more >= amount && more <= amount + 2n;
  }, 10_000, what);
  const offerOf = async (i, terms) => (await nodes[i].rpc('channel_offer', terms)).offer;

  test('is paid twice, over two mediators who earn their fees; the payer hears neither the payee\'s name nor its neighbour\'s', async () => {
    const amount = ether / 100n;
    const offer = await offerOf(3, { amount: hex(amount), description: 'tea' });
    assert.match(offer, /^lnvo1/);
    const news = [];
    for (let i = 0; i < 2; i++) {
      const before = await balance(3, 2);
      const paid = await nodes[0].rpc('channel_pay', { invoice: offer });
      assert.equal(paid.state, 'paid');
      assert.equal(BigInt(paid.amount), amount);
      assert.equal(BigInt(paid.fee), pathFee(amount));
      await comes(before, amount);
      const { state, received } = await nodes[3].rpc('channel_invoiceStatus', { hash: paid.payment });
      assert.equal(state, 'paid');
      assert.equal(BigInt(received), await balance(3, 2) - before);
      news.push(paid);
    }
    assert.notEqual(news[0].payment, news[1].payment, 'another payment each time');
    // Their keys are in the offer no more than the payee's is in what the payer's journal keeps of the payments.
    const { readFileSync } = await import('node:fs');
    const journal = readFileSync(`${nodes[0].datadir}/channels.log`).toString('latin1');
    const raw = Buffer.from(key(3), 'hex').toString('latin1');
    assert.ok(!journal.includes(raw), 'the journal names the payee');
    assert.ok(journal.includes(Buffer.from(key(1), 'hex').toString('latin1')), 'it would be found');
    const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
    let bits = '';
    for (const letter of offer.slice(offer.lastIndexOf('1') + 1, -6)) bits += letters.indexOf(letter).toString(2).padStart(5, '0');
    const bytes = Buffer.from(bits.match(/.{8}/g).map((each) => parseInt(each, 2)));
    assert.ok(!bytes.includes(Buffer.from(key(3), 'hex')), 'the offer names the payee');
    assert.ok(!bytes.includes(Buffer.from(key(2), 'hex')), 'the offer names the payee\'s neighbour');
    assert.ok(bytes.includes(Buffer.from(key(1), 'hex')), 'it names the first node of the path');
  });

  test('is paid by both nodes that are on its path, the first of which knows that, and by commands', async () => {
    const amount = ether / 1000n;
    const offer = await offerOf(3, {});
    await assert.rejects(nodes[2].rpc('channel_pay', { invoice: offer }), /amount/);
    for (const payer of [2, 1]) {
      const before = await balance(3, 2);
      const paid = await nodes[payer].rpc('channel_pay', { invoice: offer, amount: hex(amount) });
      // Who is further back on it goes the whole way, and is paid for its own part of it.
      assert.equal(BigInt(paid.fee), payer === 2 ? pathFee(amount) : 1n + fee(amount));
      await comes(before, amount);
    }
    const made = await command('offer', '0.001', '--daemon', nodes[3].url, '--description', 'cake');
    const [, text] = made.out.match(/^Offer\s+(lnvo1\S+)$/m);
    const paid = await command('pay', text, '--daemon', nodes[0].url);
    assert.equal(paid.code, 0, paid.err);
    assert.match(paid.out, /State\s+paid/);
  });

  test('a request that comes again and again is charged once', async () => {
    const offer = await offerOf(3, { amount: '0x3e8' });
    const [before, received] = [await balance(0, 0), await balance(3, 2)];
    await freeze(nodes[2].pid); // on the path: requests gather before it
    const paying = nodes[0].rpc('channel_pay', { invoice: offer, timeoutMs: 60_000 });
    await new Promise((done) => setTimeout(done, 7_000)); // asked again every three seconds
    process.kill(nodes[2].pid, 'SIGCONT');
    const paid = await paying;
    await comes(received, 1000n);
    const between = await balance(3, 2);
    // Whatever else had been asked has been answered by the time that a later request is.
    const later = await nodes[0].rpc('channel_pay', { invoice: await offerOf(3, { amount: '0x1' }) });
    await comes(between, 1n, 'the later payment');
    assert.equal(before - await balance(0, 0), 1001n + BigInt(paid.fee) + BigInt(later.fee));
  });

  test('one that has expired is refused with a sentence, as is what it is not for', async () => {
    const offer = await offerOf(3, { amount: '0x3e8', expirySeconds: 30 });
    await chain.rpc('evm_increaseTime', 40);
    await chain.rpc('evm_mine');
    const refusal = async () => (await nodes[0].ask('channel_pay', { invoice: offer })).error?.message;
    await until(async () => /the offer expired \d+ s ago/.test(await refusal() ?? ''), 30_000, 'the refusal');
    await assert.rejects(nodes[3].rpc('channel_pay', { invoice: await offerOf(3, { amount: '0x1' }) }), /an offer of this daemon's own/);
    await assert.rejects(nodes[0].rpc('channel_pay', { invoice: await offerOf(3, { amount: '0x1' }), via: [`0x${key(1)}`] }), /by a way that is looked for/);
    await assert.rejects(nodes[0].rpc('channel_pay', { invoice: await offerOf(3, { amount: hex(5n * ether) }) }), /the payee says: the payee cannot receive so much/);
    await assert.rejects(nodes[0].rpc('channel_pay', { invoice: await offerOf(3, { amount: hex(ether / 100n) }), maxFee: '0x1' }), /limit of fees|no way|no reason|none/);
  });

  test('a lock that would outlast what the payee allows is refused by the path\'s first node, in the words that stand for all of the path', async () => {
    const restart = async (margin) => {
      await nodes[0].kill('SIGTERM');
      nodes[0] = await nodes[0].again({ args: ['--margin', margin] });
      await until(async () => (await nodes[0].channel(channels[0])).state === 'open', 30_000, 'the channel');
    };
    const offer = await offerOf(3, { amount: '0x3e8' });
    const { invoice } = await nodes[3].rpc('channel_invoice', { amount: '0x3e8' });
    const before = await balance(3, 2);
    await restart('40000'); // its locks last two days; the path is for one
    await assert.rejects(nodes[0].rpc('channel_pay', { invoice: offer }), /failed at hop 1: the blinded path did not work/);
    await nodes[0].rpc('channel_pay', { invoice });
    await until(async () => await balance(3, 2) === before + 1000n, 10_000, 'the invoice\'s payment alone');
    await restart('10');
  });

  test('payee and mediator that are killed under load lose nothing, and nobody is charged for what did not come', async () => {
    const total = async () => {
      let sum = 0n;
      for (let j = 0; j < 3; j++) sum += await balance(j, j) + await balance(j + 1, j);
      return sum;
    };
    const offer = await offerOf(3, { amount: '0x64' });
    const before = await balance(3, 2), results = [];
    const load = (async () => {
      for (let i = 0; i < 40; i++) {
        results.push(nodes[0].rpc('channel_pay', { invoice: offer, timeoutMs: 30_000 }).then((paid) => paid.payment, (error) => error.message));
        await new Promise((done) => setTimeout(done, 30));
      }
    })();
    for (const victim of [3, 2]) {
      await new Promise((done) => setTimeout(done, 300));
      await nodes[victim].kill();
      nodes[victim] = await nodes[victim].again();
    }
    await load;
    const ends = await Promise.all(results), paid = ends.filter((end) => /^0x/.test(end));
    assert.ok(paid.length > 0, ends.join('\n'));
    assert.equal(new Set(paid).size, paid.length, 'each is a payment of its own');
    assert.ok(ends.every((end) => /^0x|failed at hop|no open channel|has not answered|no way|used up|cannot receive|no peer/.test(end)), ends.filter((end) => !/^0x/.test(end)).join('\n'));
    for (const hash of paid) assert.equal((await nodes[3].rpc('channel_invoiceStatus', { hash })).state, 'paid');
    await until(async () => await balance(3, 2) >= before + 100n * BigInt(paid.length), 20_000, 'what was paid');
    await until(async () => await total() === 3n * ether, 20_000, 'both sides of each channel to agree');
  });

  test('outlives restarts of all who are on the way; without them, nothing is paid', async () => {
    const offer = await offerOf(3, { amount: '0x3e8' });
    await nodes[3].kill();
    await assert.rejects(nodes[0].rpc('channel_pay', { invoice: offer, timeoutMs: 1_000 }), /has not answered; nothing is paid/);
    for (let i = 0; i < 3; i++) await nodes[i].kill();
    for (let i = 0; i < 4; i++) nodes[i] = await nodes[i].again();
    await until(async () => (await Promise.all([nodes[0].channel(channels[0]), nodes[2].channel(channels[1]), nodes[3].channel(channels[2])])).every((each) => each.state === 'open'), 30_000, 'the channels');
    await knowAll();
    const before = await balance(3, 2);
    await until(async () => (await nodes[0].ask('channel_pay', { invoice: offer, timeoutMs: 10_000 })).result, 60_000, 'the payment');
    await comes(before, 1000n, 'the money');
  });
});

describe('an offer of a payee between two mediators', () => {
  let chain, payer, first, left, right, payee;
  const channels = {};
  const open = async (name, from, to, amount = ether) => {
    channels[name] = (await from.rpc('channel_open', { peer: to.node, amount: hex(amount) })).channel;
  };
  const receives = async (name) => BigInt((await payee.channel(channels[name])).balance);
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    [payer, first, left, right, payee] = await Promise.all([1, 2, 3, 4, 5].map((i) => startDaemon({
      urls: [chain.url], key: `test:${i}`, args: ['--margin', '10', ...(i === 3 ? ['--fee.ppm', '2000'] : [])], // the left one is dearer
    })));
    await open('first', payer, first, 3n * ether);
    await open('first-left', first, left);
    await open('first-right', first, right);
    await open('left', left, payee);
    await open('right', right, payee);
    await until(async () => {
      for (const node of [payer, payee]) {
        const graph = await node.rpc('channel_graph');
        if (graph.channels.filter((each) => each.public && each.policies.every((policy) => policy?.enabled)).length !== 5) return false;
      }
      return true;
    }, 60_000, 'the network to be known');
  });
  after(async () => {
    for (const node of [payer, first, left, right, payee]) await node?.stop();
    await chain?.stop();
  });

  test('is paid in parts, along two blinded paths, where no way carries it all', async () => {
    const amount = ether * 14n / 10n;
    const { offer } = await payee.rpc('channel_offer', { amount: hex(amount), description: 'x'.repeat(600) });
    const { state, parts } = await payer.rpc('channel_pay', { invoice: offer, maxFee: hex(ether / 100n) });
    assert.deepEqual({ state, parts }, { state: 'paid', parts: 2 });
    await until(async () => await receives('left') + await receives('right') >= amount, 10_000, 'both parts');
    assert.ok(await receives('left') + await receives('right') <= amount + 4n);
    assert.ok(await receives('left') > 0n && await receives('right') > 0n);
    const { offer: more } = await payee.rpc('channel_offer', { amount: hex(amount) });
    await assert.rejects(payer.rpc('channel_pay', { invoice: more }), /the payee says: the payee cannot receive so much/);
  });

  test('is paid along another path where the first, which is cheaper, has no money left', async () => {
    const amount = ether / 1000n;
    const { spendable } = await first.channel(channels['first-right']);
    await first.rpc('channel_keysend', { channel: channels['first-right'], amount: spendable });
    const { offer } = await payee.rpc('channel_offer', { amount: hex(amount) });
    const before = await receives('left');
    const { state, parts } = await payer.rpc('channel_pay', { invoice: offer });
    assert.deepEqual({ state, parts }, { state: 'paid', parts: 2 });
    await until(async () => await receives('left') >= before + amount, 10_000, 'the payment');
  });
});

describe('an offer of a token, on a chain that is not the daemons\' first', () => {
  let chain, other, payer, payee, asset, channel;
  const chainId = hex(902);
  before(async () => {
    chain = await startNode();
    other = await startNode({ args: ['--chain-id', '902'] });
    for (const { url } of [chain, other]) await deploy(url);
    const provider = new ethers.JsonRpcProvider(other.url, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 50 });
    const { abi, bytecode } = artifact('Token');
    const token = await new ethers.ContractFactory(abi, bytecode, new ethers.Wallet(keys[1], provider)).deploy(1_000n * ether);
    asset = (await (await token.waitForDeployment()).getAddress()).toLowerCase();
    provider.destroy();
    [payer, payee] = await Promise.all([1, 2].map((i) => startDaemon({ urls: [chain.url, other.url], key: keys[i], args: ['--margin', '10'] })));
    channel = (await payer.rpc('channel_open', { peer: payee.node, amount: hex(ether), chainId, asset })).channel;
  });
  after(async () => {
    for (const daemon of [payer, payee]) await daemon?.stop();
    for (const node of [chain, other]) await node?.stop();
  });

  test('is paid there, in the token', async () => {
    const amount = ether / 4n;
    const { offer } = await payee.rpc('channel_offer', { amount: hex(amount), chainId, asset });
    const pay = (invoice) => payer.ask('channel_pay', { invoice });
    await until(async () => (await pay(offer)).result, 20_000, 'the payment'); // once both know the channel
    await until(async () => BigInt((await payee.channel(channel)).balance) >= amount, 10_000, 'the token');
    const { offer: ofEther } = await payee.rpc('channel_offer', { amount: hex(amount), chainId });
    assert.match((await pay(ofEther)).error.message, /the payee says: the payee cannot receive so much/);
  });
});
