// What a client of the daemon's JSON-RPC is told: notifications over a WebSocket, and what the methods are.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import meta from '@open-rpc/meta-schema';
import Ajv from 'ajv';
import WebSocket from 'ws';
import { deploy, hex, startDaemon } from './channels.mjs';
import { bin, ether, keys, startNode, until } from './node.mjs';

/** A WebSocket of the daemon's, with all notifications in `news`. */
async function connect(daemon) {
  const socket = new WebSocket(daemon.url.replace('http:', 'ws:'));
  await new Promise((done, failed) => { socket.once('open', done); socket.once('error', failed); });
  const waiting = new Map();
  const client = {
    socket, news: [],
    ask: (method, params = {}) => new Promise((done) => {
      const id = waiting.size + 1;
      waiting.set(id, done);
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params: [params] }));
    }),
    of: (subscription) => client.news.filter((each) => each.subscription === subscription).map((each) => each.result),
    close: () => new Promise((done) => { socket.once('close', done); socket.close(); }),
  };
  socket.on('message', (data) => {
    const message = JSON.parse(data);
    if (message.method === 'channel_subscription') client.news.push(message.params);
    else waiting.get(message.id)(message);
  });
  return client;
}

describe('a daemon\'s clients', () => {
  let chain, alice, bob, channel;
  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    alice = await startDaemon({ urls: [chain.url], key: keys[1], args: ['--margin', '10'] });
    bob = await startDaemon({ urls: [chain.url], key: keys[2], args: ['--margin', '10'] });
    ({ channel } = await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) }));
  });
  after(async () => {
    for (const each of [alice, bob, chain]) await each?.stop();
  });

  test('balances: every change is told, as channel_list has it, and no more than four a second', async () => {
    const client = await connect(bob);
    const { result: balances } = await client.ask('channel_subscribe', { topic: 'balances' });
    const { result: payments } = await client.ask('channel_subscribe', { topic: 'payments' });
    const before = BigInt((await bob.channel(channel)).balance);
    const began = Date.now();
    await alice.rpc('channel_keysend', { channel, amount: '0x1', count: 500 });
    await alice.rpc('channel_keysend', { channel, amount: '0x2', count: 250 });
    const last = await until(() => client.of(balances).find((each) => BigInt(each.balance) === before + 1000n), 10_000, 'the newest balance');
    assert.equal(last.channel, channel);
    const took = Date.now() - began;
    assert.ok(client.of(balances).length <= 2 + took / 250, `${client.of(balances).length} notifications in ${took} ms`);
    // Payments within a channel are added up; nothing is told twice or left out.
    const sum = (key) => client.of(payments).reduce((all, each) => all + BigInt(each[key]), 0n);
    await until(() => sum('count') === 750n, 10_000, 'all payments');
    assert.equal(sum('amount'), 1000n);
    for (const each of client.of(payments)) assert.deepEqual([each.direction, each.state, each.channel], ['in', 'paid', channel]);
    const { spendable, receivable } = await bob.channel(channel);
    await until(() => client.of(balances).some((each) => each.spendable === spendable && each.receivable === receivable), 10_000, 'the channel as it is');
    await client.close();
  });

  test('payments: to an invoice, on both sides; what fails is told too', async () => {
    const payer = await connect(alice), payee = await connect(bob);
    const { result: out } = await payer.ask('channel_subscribe', { topic: 'payments' });
    const { result: into } = await payee.ask('channel_subscribe', { topic: 'payments' });
    const { invoice, hash } = await bob.rpc('channel_invoice', { amount: hex(ether / 10n) });
    await alice.rpc('channel_pay', { invoice });
    const [paid] = await until(() => payer.of(out).length > 0 && payer.of(out), 10_000, 'the payer\'s news');
    const [received] = await until(() => payee.of(into).length > 0 && payee.of(into), 10_000, 'the payee\'s news');
    assert.deepEqual([paid.direction, paid.state, paid.payment, BigInt(paid.amount), BigInt(paid.fee)], ['out', 'paid', hash, ether / 10n, 0n]);
    assert.deepEqual([received.direction, received.state, received.payment, BigInt(received.amount)], ['in', 'paid', hash, ether / 10n]);
    const tooMuch = await bob.rpc('channel_invoice', { amount: hex(5n * ether) });
    assert.ok((await alice.ask('channel_pay', { invoice: tooMuch.invoice })).error);
    const failed = await until(() => payer.of(out).find((each) => each.payment === tooMuch.hash), 10_000, 'the failure');
    assert.equal(failed.state, 'failed');
    await payer.close();
    await payee.close();
  });

  test('channels: a new one, one whose peer is away, a closed one; an ended subscription is silent', async () => {
    const client = await connect(alice);
    const { result: channels } = await client.ask('channel_subscribe', { topic: 'channels' });
    const { result: ended } = await client.ask('channel_subscribe', { topic: 'channels' });
    assert.equal((await client.ask('channel_unsubscribe', { subscription: ended })).result, true);
    assert.equal((await client.ask('channel_unsubscribe', { subscription: ended })).result, false);
    const other = await connect(alice);
    assert.equal((await other.ask('channel_unsubscribe', { subscription: channels })).result, false, 'another client\'s');
    await other.close();
    const states = (id) => client.of(channels).filter((each) => each.channel === id).map((each) => each.state);
    const opened = await alice.rpc('channel_open', { peer: bob.node, amount: hex(ether) });
    await until(() => states(opened.channel).at(-1) === 'open', 10_000, 'the new channel');
    await bob.kill();
    await until(() => states(channel).at(-1) === 'offline', 10_000, 'the peer\'s end');
    bob = await bob.again();
    await until(() => states(opened.channel).at(-1) === 'open', 20_000, 'the peer\'s return');
    await alice.rpc('channel_close', { channel: opened.channel });
    await until(() => states(opened.channel).at(-1) === 'closed', 10_000, 'the close');
    assert.equal(client.of(ended).length, 0);
    await client.close();
  });

  test('what cannot be subscribed to says why; clients that leave take their subscriptions along', async () => {
    assert.match((await alice.ask('channel_subscribe', { topic: 'balances' })).error.message, /WebSocket/);
    const client = await connect(alice);
    assert.match((await client.ask('channel_subscribe', { topic: 'weather' })).error.message, /topic/);
    for (let i = 0; i < 256; i++) assert.ok((await client.ask('channel_subscribe', { topic: 'balances' })).result, `subscription ${i}`);
    assert.match((await client.ask('channel_subscribe', { topic: 'balances' })).error.message, /too many/);
    await client.close();
    const next = await connect(alice);
    await until(async () => (await next.ask('channel_subscribe', { topic: 'balances' })).result, 10_000, 'the places');
    next.socket.terminate();
    await alice.rpc('channel_keysend', { channel, amount: '0x1' });
  });

  test('list --watch tells of each change, until the daemon ends', async () => {
    const watch = spawn(bin, ['channel', 'list', '--watch', '--daemon', bob.url], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '';
    watch.stdout.on('data', (data) => { out += data; });
    watch.stderr.on('data', (data) => { err += data; });
    const exit = new Promise((done) => watch.once('exit', done));
    await until(() => out.includes('Can receive'), 10_000, 'the list');
    const told = () => out.split('\n').filter((line) => /^\d\d:\d\d:\d\d  0x[0-9a-f]{16}  .*balance /.test(line));
    await until(async () => {
      await alice.rpc('channel_keysend', { channel, amount: '0x5' });
      return told().length >= 2;
    }, 20_000, 'changes');
    await bob.kill();
    assert.equal(await exit, 1);
    assert.match(err, /ended/);
    bob = await bob.again();
    await until(async () => (await alice.channel(channel)).state === 'open', 20_000, 'the reunion');
  });

  describe('rpc.discover', () => {
    let document, ajv;
    before(async () => {
      document = await alice.rpc('rpc.discover');
      ajv = new Ajv({ strict: false, allErrors: true });
      ajv.addSchema({ $id: 'daemon', components: document.components });
    });
    const methods = () => new Map(document.methods.map((each) => [each.name, each]));
    const judge = (schema, value, what) => {
      const name = schema.$ref.split('/').at(-1);
      const check = ajv.getSchema(`daemon#/components/schemas/${name}`);
      assert.ok(check(value), `${what}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(value)}`);
    };
    /** Asks as described, and holds what comes back against the description. */
    const ask = async (method, params = {}) => {
      const { params: described, result: { schema } } = methods().get(method);
      for (const [name, value] of Object.entries(params)) judge(described.find((each) => each.name === name).schema, value, `${method} ${name}`);
      const result = await alice.rpc(method, params);
      judge(schema, result, method);
      return result;
    };

    test('is an OpenRPC document, every reference of which leads somewhere', () => {
      // OpenRPC's schema refers to one for JSON schemas, which is not packaged with it: draft 7's, its superset, stands for it.
      const { $schema, ...openrpc } = meta.default ?? meta;
      const { $id, ...draft } = createRequire(import.meta.url)('ajv/dist/refs/json-schema-draft-07.json');
      const definitions = { ...draft.definitions, JSONSchemaObject: { properties: { $ref: { type: 'string' } } } };
      const judges = new Ajv({ strict: false, allErrors: true, validateFormats: false, validateSchema: false });
      for (const id of ['https://meta.json-schema.tools', 'https://meta.json-schema.tools/']) judges.addSchema({ ...draft, definitions, $id: id }, id);
      const judgeDocument = judges.compile(openrpc);
      assert.ok(judgeDocument(document), JSON.stringify(judgeDocument.errors));
      assert.ok(!judgeDocument({ ...document, methods: [{ params: [] }] }), 'a method without a name');
      for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) assert.ok(document.components.schemas[name], name);
    });

    test('results are as described', async () => {
      await ask('channel_nodeInfo');
      await ask('channel_connect', { peer: bob.node });
      const { channel: id } = await ask('channel_open', { peer: bob.node, amount: hex(ether) });
      await ask('channel_list');
      await ask('channel_topup', { channel: id, amount: 5 });
      await ask('channel_keysend', { channel: id, amount: '0x1', count: 2 });
      await ask('channel_rebase', { channel: id });
      const { hash } = await ask('channel_invoice', { amount: '0x5', description: 'tea', expirySeconds: 60 });
      await ask('channel_invoiceStatus', { hash });
      const { invoice } = await bob.rpc('channel_invoice', {});
      await ask('channel_pay', { invoice, amount: '0x64', maxFee: '0x1', timeoutMs: 30_000 });
      await ask('channel_offer', { amount: '0x64', description: 'tea', expirySeconds: 60 });
      await ask('channel_pay', { invoice: (await bob.rpc('channel_offer', {})).offer, amount: '0x64', timeoutMs: 30_000 });
      await ask('channel_pay', { node: `0x${bob.node.slice(0, 66)}`, amount: '0x64', via: [] });
      const graph = await ask('channel_graph');
      assert.ok(graph.channels.length > 0);
      assert.ok((await ask('channel_history', { kind: 'sent', state: 'paid', since: 1, limit: 5 })).entries.length > 0);
      assert.ok((await ask('channel_history', { limit: 1 })).older);
      const { app } = await ask('channel_appPropose', { channel: id, app: 'tictactoe', stake: '0x5', otherStake: '0x5', moveSeconds: 60, expirySeconds: 7200 });
      await until(async () => (await bob.rpc('channel_appList')).some((each) => each.app === app), 20_000, 'the offer');
      await bob.rpc('channel_appAccept', { app });
      await until(async () => (await ask('channel_appList')).find((each) => each.app === app).turn === 'ours', 20_000, 'the first move');
      await ask('channel_appMove', { app, move: '4' });
      for (const [i, cell] of ['0', '3', '1', '5'].entries()) {
        const who = i % 2 ? alice : bob;
        await until(async () => (await who.rpc('channel_appList')).find((each) => each.app === app).turn === 'ours', 20_000, `move ${i}`);
        await who.rpc('channel_appMove', { app, move: cell });
      }
      await until(async () => (await ask('channel_appList')).find((each) => each.app === app).state === 'done', 20_000, 'the game\'s end');
      const offered = (await bob.rpc('channel_appPropose', { channel: id, app: 'tickets', price: '0x1', seats: 2 })).app;
      await until(async () => (await ask('channel_appList')).some((each) => each.app === offered), 20_000, 'an offer');
      await ask('channel_appAccept', { app: offered });
      await until(async () => (await ask('channel_appList')).find((each) => each.app === offered).state === 'live', 20_000, 'the tickets');
      await until(async () => (await bob.rpc('channel_appList')).find((each) => each.app === offered).turn === 'ours', 20_000, 'the organiser');
      await bob.rpc('channel_appMove', { app: offered, move: 'end' });
      await until(async () => (await ask('channel_appList')).find((each) => each.app === offered).state === 'done', 20_000, 'the tickets\' end');
      await ask('channel_appSettle', { app: offered, force: false });
      await ask('channel_withdraw', { channel: id, amount: '0x5' });
      await ask('channel_close', { channel: id, force: false });
      const client = await connect(alice);
      const { result } = await client.ask('channel_subscribe', { topic: 'channels' });
      judge(methods().get('channel_subscribe').result.schema, result, 'channel_subscribe');
      judge(methods().get('channel_unsubscribe').result.schema, (await client.ask('channel_unsubscribe', { subscription: result })).result, 'channel_unsubscribe');
      await client.close();
      const seen = new Set(['rpc.discover', 'channel_subscribe', 'channel_unsubscribe', 'channel_nodeInfo', 'channel_connect', 'channel_open', 'channel_list', 'channel_topup', 'channel_keysend', 'channel_rebase', 'channel_invoice', 'channel_invoiceStatus', 'channel_offer', 'channel_pay', 'channel_graph', 'channel_history', 'channel_withdraw', 'channel_close', 'channel_appPropose', 'channel_appAccept', 'channel_appMove', 'channel_appSettle', 'channel_appList']);
      assert.deepEqual([...methods().keys()].filter((name) => !seen.has(name)), [], 'methods that this test does not try');
    });

    test('arguments are what is described: all that is needed, nothing else, of the right kinds', async () => {
      for (const [name, { params }] of methods()) {
        const refused = async (given, argument, why) => {
          const { error } = await alice.ask(name, given);
          assert.equal(error?.code, -32602, `${name} ${JSON.stringify(given)}: ${JSON.stringify(error)}`);
          assert.match(error.message, new RegExp(`^${argument}: .*${why}`), name);
        };
        await refused({ channels: 1 }, 'channels', 'no such argument');
        for (const each of params) await refused({ [each.name]: { of: 'a kind that none is' } }, each.name, 'kind');
        const [needed] = params.filter((each) => each.required);
        if (needed) await refused({}, needed.name, 'needed');
      }
      for (const params of [[5], ['0x5'], [[{}]]]) {
        const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'channel_list', params });
        const { error } = await (await fetch(alice.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
        assert.equal(error.code, -32602, JSON.stringify(params));
      }
      assert.equal((await alice.ask('channel_nothing')).error.code, -32601);
    });
  });
});
