// The signer's limits: what is above them is refused before anything is said to anybody, with an error that says which
// limit, and what was spent counts over a restart. What is forwarded is not spent.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { encodeDeployData } from 'viem';
import { deploy, hex, startDaemon } from './channels.mjs';
import { addresses, artifact, keys, startNode, until } from './node.mjs';

const LIMIT = -32005; // EIP-1474
const point = ({ node }) => `0x${node.slice(0, 66)}`;

describe('limits of the signer', () => {
  let chain, alice, bob, carol, first, second;
  const limits = ['--decimals', '0', '--limit.payment', '1000', '--limit.hour', '5000', '--limit.day', '6000', '--limit.channel', '100000'];
  const open = async (from, to, amount) => (await from.rpc('channel_open', { peer: to.node, amount: hex(amount) })).channel;
  const refused = async (limit, most, method, params) => {
    const { error } = await alice.ask(method, params);
    assert.ok(error, `${method} was not refused`);
    assert.equal(error.code, LIMIT, error.message);
    assert.match(error.message, /signer's limit/);
    assert.equal(error.data.limit, limit);
    assert.equal(BigInt(error.data.most), most);
    return error.data;
  };
  const spent = async (who = alice) => BigInt((await who.rpc('channel_nodeInfo')).chains[0].spentDay);

  before(async () => {
    chain = await startNode();
    await deploy(chain.url);
    alice = await startDaemon({ urls: [chain.url], key: keys[1], args: limits });
    bob = await startDaemon({ urls: [chain.url], key: keys[2], args: ['--decimals', '0', '--limit.payment', '1', '--limit.day', '1', '--limit.channel', '0'] });
    carol = await startDaemon({ urls: [chain.url], key: keys[3] });
    first = await open(alice, bob, 100_000n);
    second = await open(bob, carol, 50_000n);
    await until(async () => (await carol.channel(second))?.state === 'open', 15_000, 'the second channel');
  });
  after(async () => {
    for (const daemon of [alice, bob, carol]) await daemon?.stop();
    await chain?.stop();
  });

  test('they are told', async () => {
    const { limits, chains: [first] } = await alice.rpc('channel_nodeInfo');
    assert.deepEqual(limits, {
      payment: hex(1000n), hour: hex(5000n), day: hex(6000n), channel: hex(100_000n), gasPrice: hex(2000n * 10n ** 9n), gasDay: hex(10n ** 18n),
    });
    assert.ok(BigInt(first.feesDay) > 0n); // its deposit

    assert.equal((await carol.rpc('channel_nodeInfo')).limits.payment, hex(10n ** 19n)); // by default
  });

  test('a channel takes no more than its limit', async () => {
    assert.equal(BigInt((await refused('channel', 100_000n, 'channel_open', { peer: bob.node, amount: hex(100_001n) })).wanted), 100_001n);
    await refused('channel', 100_000n, 'channel_topup', { channel: first, amount: '0x1' });
  });

  test('a payment above the limit is refused, one below it is paid', async () => {
    await refused('payment', 1000n, 'channel_keysend', { channel: first, amount: hex(1001n) });
    await refused('payment', 1000n, 'channel_pay', { node: point(carol), amount: hex(1001n), via: [point(bob)] });
    await refused('payment', 1000n, 'channel_pay', { node: point(bob), amount: hex(1001n) });
    await alice.rpc('channel_keysend', { channel: first, amount: hex(1000n) });
    assert.equal(await spent(), 1000n);
  });

  test('who forwards does not spend, and who pays spends the fee too', async () => {
    const { fee } = await alice.rpc('channel_pay', { node: point(carol), amount: hex(1000n), via: [point(bob)] });
    await until(async () => await spent() === 2000n + BigInt(fee), 10_000, 'what was not used');
    assert.ok(BigInt(fee) > 0n);
    assert.equal(await spent(bob), 0n);
    assert.equal(BigInt((await carol.channel(second)).balance), 1000n);
  });

  test('a payment that fails is not spent', async () => {
    const before = await spent();
    const { error } = await alice.ask('channel_pay', { node: point(carol), amount: hex(900n), via: [point(carol)] });
    assert.ok(error);
    const unknown = `0x${'02'}${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
    const failed = await alice.ask('channel_pay', { node: unknown, amount: hex(900n), via: [point(bob)] });
    assert.match(failed.error.message, /failed at hop/);
    await until(async () => await spent() === before, 10_000, 'what has failed');
  });

  test('what is at stake in a game is spent until it comes back', async () => {
    const game = async (stake) => (await alice.rpc('channel_appPropose', { channel: first, app: 'tictactoe', stake: hex(stake), otherStake: '0x1' })).app;
    const is = (who, app, state) => until(async () => (await who.rpc('channel_appList')).some((one) => one.app === app && one.state === state), 30_000, `${state} at one of the two`);
    const before = await spent();
    await refused('payment', 1000n, 'channel_appPropose', { channel: first, app: 'tictactoe', stake: hex(1001n), otherStake: '0x1' });
    const dear = (await alice.rpc('channel_appPropose', { channel: first, app: 'tictactoe', stake: hex(500n), otherStake: '0x2' })).app;
    assert.equal(await spent(), before + 500n);
    await is(bob, dear, 'asked');
    const { error } = await bob.ask('channel_appAccept', { app: dear }); // whose limit is 1
    assert.equal(error?.code, LIMIT, error?.message);
    assert.equal(error.data.limit, 'payment');
    await alice.rpc('channel_appSettle', { app: dear }); // withdrawn
    await until(async () => await spent() === before, 10_000, 'the stake of a game that never began');

    const app = await game(500n);
    await is(bob, app, 'asked');
    await bob.rpc('channel_appAccept', { app });
    for (const who of [alice, bob]) await is(who, app, 'live');
    assert.equal(await spent(), before + 500n);
    assert.equal(await spent(bob), 1n);
    for (const [i, cell] of [0, 3, 1, 4, 2].entries()) {
      const who = [alice, bob][i % 2];
      await until(async () => (await who.rpc('channel_appList')).find((one) => one.app === app).turn === 'ours', 30_000, 'its turn');
      await who.rpc('channel_appMove', { app, move: String(cell) });
    }
    for (const who of [alice, bob]) await is(who, app, 'done');
    await until(async () => await spent() === before, 10_000, 'the stake of who has won');
    assert.equal(await spent(bob), 1n); // it is paid
    await until(async () => { const { balance, spendable } = await alice.channel(first); return balance === spendable; }, 10_000, 'the locks\' end');
  });

  test('the limit of an hour is kept, over a restart and a journal that is written anew too', async () => {
    const before = await spent();
    assert.equal((await alice.rpc('channel_keysend', { channel: first, amount: hex(500n), count: 4 })).count, 4);
    assert.equal(await spent(), before + 2000n);
    const data = await refused('hour', 5000n, 'channel_keysend', { channel: first, amount: hex(1000n) });
    assert.equal(BigInt(data.spent), before + 2000n);
    assert.equal(BigInt(data.wanted), 1000n);
    const rewritten = () => alice.output().split('the journal is written anew').length;
    const fees = async () => (await alice.rpc('channel_nodeInfo')).chains[0].feesDay;
    const was = rewritten(), feesBefore = await fees();
    await until(async () => {
      await alice.rpc('channel_keysend', { channel: first, amount: '0x1' });
      return rewritten() > was;
    }, 60_000, 'a journal that is written anew since');
    const sum = await spent();
    assert.ok(sum > before + 2000n && sum < 5000n, `${sum}`);
    await alice.kill();
    alice = await alice.again();
    await until(async () => (await alice.channel(first)).state === 'open', 15_000, 'the channel again');
    assert.equal(await spent(), sum);
    assert.equal(await fees(), feesBefore);
    await refused('hour', 5000n, 'channel_keysend', { channel: first, amount: hex(1000n) });
    await alice.rpc('channel_keysend', { channel: first, amount: '0x1' });
    assert.equal(await spent(), sum + 1n);
  });

  test('a refused payment leaves the channel as it was', async () => {
    const { invoice } = await carol.rpc('channel_invoice', { amount: hex(100n) });
    await alice.rpc('channel_pay', { invoice, via: [point(bob)] });
    await bob.rpc('channel_rebase', { channel: first });
    await until(async () => (await alice.channel(first)).epoch === 1, 15_000, 'a new base');
    await alice.rpc('channel_keysend', { channel: first, amount: '0x1' });
    await alice.rpc('channel_close', { channel: first });
  });

  test('what is asked for waits when the fees of a day are spent, over a restart too', async () => {
    const dave = await startDaemon({ urls: [chain.url], key: 'test:5', args: ['--limit.gas', '0.000001'] });
    let again;
    try {
      const { error } = await dave.ask('channel_open', { peer: bob.node, amount: '0x64', timeoutMs: 3000 });
      assert.match(error.message, /deposit is not final yet/);
      await until(() => dave.output().includes("signer's limit of fees"), 15_000, 'the reason in the log');
      await dave.kill();
      again = await dave.again({ args: ['--limit.gas', '0'] });
      await until(async () => (await again.rpc('channel_list'))[0].state === 'open', 30_000, 'the channel, without the limit');
      const fees = BigInt((await again.rpc('channel_nodeInfo')).chains[0].feesDay);
      assert.ok(fees > 0n);
      await again.kill();
      again = await again.again();
      assert.equal(BigInt((await again.rpc('channel_nodeInfo')).chains[0].feesDay), fees);
    } finally {
      await (again ?? dave).kill();
      await dave.stop();
    }
  });

  test('a token has limits of its own, which say that they are the token\'s, and are kept over a restart', async () => {
    const data = encodeDeployData({ ...artifact('Token'), args: [1_000_000n] });
    const tx = await chain.rpc('eth_sendTransaction', { from: addresses[1], data, gas: hex(3_000_000n) });
    const token = (await until(() => chain.rpc('eth_getTransactionReceipt', tx), 10_000, 'the token')).contractAddress;
    const named = (flag, most) => [`--limit.${flag}`, `${token}=${most}`];
    const args = [...limits, ...named('payment', 300), ...named('day', 500), ...named('channel', 700)];
    await alice.kill();
    alice = await alice.again({ args });
    const info = await alice.rpc('channel_nodeInfo');
    assert.deepEqual(info.limits.tokens, [{ asset: token, payment: hex(300n), day: hex(500n), channel: hex(700n) }]);
    assert.equal(info.limits.payment, hex(1000n));
    const own = await spent();
    const ofToken = async () => BigInt((await alice.rpc('channel_nodeInfo')).chains[0].tokens[0].spentDay);
    const refusedOf = async (limit, most, method, params) => assert.equal((await refused(limit, most, method, params)).asset, token);
    await refusedOf('channel', 700n, 'channel_open', { peer: bob.node, amount: hex(701n), asset: token });
    const channel = (await alice.rpc('channel_open', { peer: bob.node, amount: hex(700n), asset: token })).channel;
    await refusedOf('channel', 700n, 'channel_topup', { channel, amount: '0x1' });
    await refusedOf('payment', 300n, 'channel_keysend', { channel, amount: hex(301n) });
    await alice.rpc('channel_keysend', { channel, amount: hex(300n) });
    await refusedOf('day', 500n, 'channel_keysend', { channel, amount: hex(201n) });
    assert.equal(await ofToken(), 300n);
    await alice.kill();
    alice = await alice.again({ args });
    await until(async () => (await alice.channel(channel)).state === 'open', 15_000, 'the channel again');
    assert.equal(await ofToken(), 300n);
    await refusedOf('day', 500n, 'channel_keysend', { channel, amount: hex(201n) });
    await alice.rpc('channel_keysend', { channel, amount: hex(200n) });
    assert.equal(await spent(), own);
    alice = await alice.kill().then(() => alice.again({ args: [...limits, ...named('day', 0)] }));
    await until(async () => (await alice.channel(channel)).state === 'open', 15_000, 'the channel, without the limit');
    await alice.rpc('channel_keysend', { channel, amount: hex(100n) });
  });

  test('limits that are no amounts are refused', async () => {
    await assert.rejects(startDaemon({ urls: [chain.url], key: keys[4] ?? 'test:4', args: ['--limit.day', 'much'] }), /--limit.day much is no amount/);
    await assert.rejects(startDaemon({ urls: [chain.url], key: keys[4] ?? 'test:4', args: ['--limit.day', `${addresses[0]}=1.5`] }), /--limit.day 1.5 is no amount/);
    await assert.rejects(startDaemon({ urls: [chain.url], key: keys[4] ?? 'test:4', args: ['--limit.day', '0x12=1'] }), /0xTOKEN=UNITS/);
  });
});
