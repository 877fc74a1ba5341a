// Five daemons in a ring with a chord, none of which is told a way: gossip, routes, parts, and what a restart leaves of it.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { command, deploy, hex, startDaemon } from './channels.mjs';
import { ether, startNode, until } from './node.mjs';

const count = 5;
// Between whom: a ring, and the chord 1 - 3.
const edges = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0], [1, 3]];

describe('five daemons in a ring with a chord', () => {
  let chain;
  const nodes = [];
  const channels = {}; // by 'a-b'
  const point = (node) => `0x${node.node.slice(0, 66)}`;
  const id = (a, b) => channels[`${a}-${b}`] ?? channels[`${b}-${a}`];
  const balance = async (i, a, b) => BigInt((await nodes[i].channel(id(a, b))).balance);
  const open = async (a, b, amount) => {
    channels[`${a}-${b}`] = (await nodes[a].rpc('channel_open', { peer: nodes[b].node, amount: hex(amount) })).channel;
    await nodes[b].rpc('channel_topup', { channel: id(a, b), amount: hex(amount) });
    for (const i of [a, b]) await until(async () => {
      const { spendable, receivable } = await nodes[i].channel(id(a, b));
      return BigInt(spendable) === amount && BigInt(receivable) === amount;
    }, 10_000, 'both deposits');
  };
  const isWhole = (graph, edgeCount = edges.length) => graph.channels.length === edgeCount &&
    graph.channels.every((each) => each.public && each.policies.every((policy) => policy?.enabled)) && graph.nodes.every((each) => each.addresses.length === 1);
  const knowsAll = (i, edgeCount) => until(async () => isWhole(await nodes[i].rpc('channel_graph'), edgeCount), 20_000, `node ${i} to know the network`);
  const pay = async (from, to, amount, more = {}) => {
    const { invoice, hash } = await nodes[to].rpc('channel_invoice', { amount: hex(amount) });
    const paid = await nodes[from].rpc('channel_pay', { invoice, ...more });
    assert.equal((await nodes[to].rpc('channel_invoiceStatus', { hash })).received, hex(amount));
    return paid;
  };
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    for (let i = 0; i < count; i++)
      nodes.push(await startDaemon({ urls: [chain.url], key: `test:${i + 1}`, args: ['--margin', '10', '--alias', `node ${i}`] }));
    for (const [a, b] of edges) await open(a, b, ether);
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    await chain?.stop();
  });

  test('each comes to know all channels, policies and names', async () => {
    for (let i = 0; i < count; i++) await knowsAll(i);
    const graph = await nodes[0].rpc('channel_graph');
    assert.deepEqual(graph.nodes.map((each) => each.alias).sort(), nodes.map((_, i) => `node ${i}`));
    assert.deepEqual(graph.channels.map((each) => each.capacity), edges.map(() => hex(2n * ether)));
    assert.equal(graph.channels.filter((each) => each.own).length, 2);
    const shown = await command('graph', '--daemon', nodes[0].url);
    assert.equal(shown.code, 0, shown.err);
    assert.match(shown.out, /Nodes {7}5/);
    assert.match(shown.out, /Channels {4}6/);
  });

  test('a payment finds its way, and pays no more than its limit of fees', async () => {
    const paid = await pay(0, 2, ether / 10n);
    assert.equal(paid.parts, 1);
    assert.equal(BigInt(paid.fee), ether / 10_000n); // one mediator's thousandth
    await assert.rejects(pay(0, 2, ether / 10n, { maxFee: '0x1' }), /limit of fees/);
  });

  test('the commands make an invoice and pay it', async () => {
    const made = await command('invoice', '0.01', '--description', 'tea', '--daemon', nodes[3].url);
    assert.equal(made.code, 0, made.err);
    const paid = await command('pay', made.out.match(/^Invoice +(\S+)$/m)[1], '--daemon', nodes[0].url);
    assert.equal(paid.code, 0, paid.err);
    assert.match(paid.out, /^State +paid$/m);
    assert.match(paid.out, /^Amount +0\.01$/m);
  });

  test('a channel that has too little is found out and gone around, and the payer learns it', async () => {
    await nodes[1].rpc('channel_keysend', { channel: id(1, 2), amount: hex(await balance(1, 1, 2) - 1000n) });
    const paid = await pay(0, 2, ether / 10n);
    assert.ok(paid.parts >= 1);
    const { parts } = await pay(0, 2, ether / 10n);
    assert.equal(parts, 1);
  });

  test('a payment that no path carries alone goes in parts', async () => {
    const before = await balance(4, 3, 4) + await balance(4, 4, 0);
    const amount = ether * 14n / 10n; // to 4: directly a little less than 1 is left, and by 3
    const paid = await pay(0, 4, amount, { maxFee: hex(ether / 10n) });
    assert.ok(paid.parts >= 2, `${paid.parts} parts`);
    await until(async () => await balance(4, 3, 4) + await balance(4, 4, 0) === before + amount, 5000, 'all parts');
  });

  test('one that is too large for all paths fails at once, and nothing stays locked', async () => {
    await assert.rejects(pay(0, 2, ether * 3n), /no route/);
  });

  test('a daemon that comes back still knows the network, and drops a damaged file', async () => {
    await nodes[0].kill('SIGTERM');
    const others = [1, 4];
    for (const i of others) await nodes[i].kill('SIGTERM');
    nodes[0] = await nodes[0].again();
    assert.ok(isWhole(await nodes[0].rpc('channel_graph')));
    await nodes[0].kill('SIGTERM');
    writeFileSync(`${nodes[0].datadir}/network.graph`, 'varve graph 1, but not this one');
    nodes[0] = await nodes[0].again();
    assert.match(nodes[0].output(), /kept of the network is dropped/);
    for (const i of others) nodes[i] = await nodes[i].again();
    for (const i of [0, ...others]) await knowsAll(i);
  });

  test('a closed channel is gone from all graphs, and payments go around it', async () => {
    await nodes[1].rpc('channel_close', { channel: id(1, 2) });
    for (let i = 0; i < count; i++) await knowsAll(i, edges.length - 1);
    await pay(0, 2, ether / 100n);
  });

  test('a mediator that is away is gone around, by its peers and by those who cannot know', async () => {
    await nodes[1].kill();
    await until(async () => (await nodes[0].channel(id(0, 1))).state === 'offline', 5000, 'node 0 to miss it');
    await pay(0, 3, ether / 100n);
    for (let i = 0; i < 3; i++) await pay(2, 0, ether / 100n);
    nodes[1] = await nodes[1].again();
  });
});

describe('a channel that is private', () => {
  let chain, payer, mediator, payee, hidden;
  const start = (i, ...args) => startDaemon({ urls: [chain.url], key: `test:${i}`, args: ['--margin', '10', ...args] });
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    [payer, mediator, payee] = [await start(1), await start(2), await start(3, '--private')];
    await payer.rpc('channel_open', { peer: mediator.node, amount: hex(ether) });
    hidden = (await mediator.rpc('channel_open', { peer: payee.node, amount: hex(ether) })).channel;
  });
  after(async () => {
    for (const node of [payer, mediator, payee]) await node?.stop();
    await chain?.stop();
  });
  const channelsOf = async (node) => (await node.rpc('channel_graph')).channels;

  test('is known to its two sides alone, and paid over by who has an invoice that names it', async () => {
    await until(async () => (await channelsOf(payee)).find((each) => each.channel === hidden)?.policies.every((policy) => policy?.enabled), 10_000, 'policies of the hidden channel');
    await until(async () => (await channelsOf(payee)).length === 2 && (await channelsOf(payer)).length === 1, 10_000, 'the public channel to be known');
    assert.equal((await channelsOf(payee)).find((each) => each.channel === hidden).public, false);
    const amount = ether / 10n;
    const { invoice, hash } = await payee.rpc('channel_invoice', { amount: hex(amount) });
    const paid = await payer.rpc('channel_pay', { invoice });
    assert.equal(BigInt(paid.fee), amount / 1000n);
    assert.equal((await payee.rpc('channel_invoiceStatus', { hash })).state, 'paid');
    const node = `0x${payee.node.slice(0, 66)}`;
    await assert.rejects(payer.rpc('channel_pay', { node, amount: hex(amount) }), /route/);
    assert.equal((await channelsOf(payer)).length, 1);
  });
});
