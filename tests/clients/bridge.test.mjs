// The commands for people with money on a layer 2: deploy, bridge, exit, as they are typed.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createPublicClient, createWalletClient, defineChain, erc20Abi, http } from 'viem';
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts';
import { artifact, bin, chainId, ether, foundry, freePort, keys, startNode, until } from './node.mjs';

const scratch = mkdtempSync(`${tmpdir()}/varve-bridge-`);
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** Starts `varve ARGS`. `killWhen`: once its output matches, it is killed. */
function varve(args, { env, killWhen, ms = 120_000 } = {}) {
  return new Promise((done) => {
    const child = spawn(bin, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: scratch, env: { ...process.env, ...env } });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      out.stdout += data;
      if (killWhen?.test(out.stdout)) child.kill('SIGKILL');
    });
    child.stderr.on('data', (data) => { out.stderr += data; });
    const clock = setTimeout(() => child.kill('SIGKILL'), ms);
    child.once('exit', (code, signal) => { clearTimeout(clock); done({ code, signal, ...out }); });
  });
}

async function succeeds(...args) {
  const { code, signal, stdout, stderr } = await varve(args);
  assert.equal(code, 0, `varve ${args.join(' ')}: ${signal}\n${stdout}\n${stderr}`);
  return stdout;
}

/** One sentence that says `what`, and a status that says failure. */
async function refuses(what, ...args) {
  const { code, signal, stderr } = await varve(args, { ms: 20_000 });
  assert.equal(signal, null, `${args.join(' ')} ended by ${signal}`);
  assert.notEqual(code, 0, `${args.join(' ')} was accepted`);
  const said = stderr.trim().split('\n').filter((line) => line.startsWith('varve: '));
  assert.equal(said.length, 1, `wanted one sentence, got: ${stderr}`);
  assert.match(said[0], what);
}

const client = (id, url) => createPublicClient({
  chain: defineChain({ id, name: 'chain', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [url] } } }),
  transport: http(), pollingInterval: 50, cacheTime: 0,
});
const balanceOf = (on, token, who) => on.readContract({ address: token, abi: erc20Abi, functionName: 'balanceOf', args: [who] });

/** A parent and a layer 2 on it, with what the commands want to be told. */
async function startStack(parentProgram) {
  // Withdrawals wait for the parent's clock, which moves with its blocks.
  const parent = parentProgram && await startNode({ program: parentProgram, args: ['--block-time', '1', '--mixed-mining'] });
  const l2Port = await freePort();
  const node = await startNode({ args: parent ? ['--parent', parent.url] : [], l2Port });
  const parentUrl = (parent ?? node).url;
  const childUrl = `http://127.0.0.1:${l2Port}`;
  return {
    node, parent, parentUrl, childUrl,
    rollupFile: `${node.datadir}/901/rollup.json`,
    chains: ['--parent', parentUrl, '--child', childUrl],
    l1: client(chainId, parentUrl), l2: client(901, childUrl),
    stop: async () => { await node.stop(); await parent?.stop(); },
  };
}

/** An account that nobody else uses, with ETH on the parent. */
async function newAccount({ l1, parentUrl }, wei = 10n * ether) {
  const key = generatePrivateKey();
  const account = privateKeyToAccount(key);
  const rich = createWalletClient({ account: privateKeyToAccount(keys[3]), chain: l1.chain, transport: http(parentUrl) });
  await l1.waitForTransactionReceipt({ hash: await rich.sendTransaction({ to: account.address, value: wei }) });
  return { key, address: account.address, wallet: createWalletClient({ account, chain: l1.chain, transport: http(parentUrl) }) };
}

/** An ERC-20 on the parent, all of it the account's. */
async function newToken({ l1 }, { wallet }, supply = 1_000n * ether) {
  const { abi, bytecode } = artifact('Token');
  const { contractAddress } = await l1.waitForTransactionReceipt({ hash: await wallet.deployContract({ abi, bytecode, args: [supply] }) });
  return contractAddress;
}

const imageIn = (text) => text.match(/its image on the child: (0x[0-9a-f]{40})/)?.[1];
const withdrawalIn = (text) => text.match(/withdrawal (0x[0-9a-f]{64})/)[1];

describe('varve bridge', () => {
  let stack;
  before(async () => { stack = await startStack(); });
  after(() => stack?.stop());

  test('ETH goes there and comes home', { timeout: 120_000 }, async () => {
    const { key, address } = await newAccount(stack);
    const told = await succeeds('bridge', 'deposit', '2.5', ...stack.chains, '--key', key);
    assert.match(told, /2\.5 ETH/);
    assert.equal(await stack.l2.getBalance({ address }), 25n * ether / 10n);
    const to = privateKeyToAccount(generatePrivateKey()).address;
    const back = await succeeds('bridge', 'withdraw', '1.25', '--to', to, ...stack.chains, '--key', key);
    assert.match(back, /1\/4[^]*2\/4[^]*3\/4[^]*s left[^]*4\/4[^]*Done: 1\.25 ETH/);
    assert.equal(await stack.l1.getBalance({ address: to }), 125n * ether / 100n);
    assert.match(await succeeds('bridge', 'status', withdrawalIn(back), ...stack.chains), /is paid/);
  });

  test('an ERC-20 goes there, gets its image made on the way, and comes home', { timeout: 120_000 }, async () => {
    const user = await newAccount(stack);
    const token = await newToken(stack, user);
    await succeeds('bridge', 'deposit', '1', ...stack.chains, '--key', user.key); // for gas on the child
    const image = imageIn(await succeeds('bridge', 'deposit', '100.5', '--token', token, ...stack.chains, '--key', user.key));
    assert.equal(await balanceOf(stack.l2, image, user.address), 1005n * ether / 10n);
    const again = await succeeds('bridge', 'deposit', '0.5', '--token', token, ...stack.chains, '--key', user.key);
    assert.equal(imageIn(again), undefined);
    // by its address on either side
    const [first, second] = await Promise.all([
      succeeds('bridge', 'withdraw', '40', '--token', token, '--begin-only', ...stack.chains, '--key', user.key),
      until(async () => await balanceOf(stack.l2, image, user.address) === 61n * ether)
        .then(() => succeeds('bridge', 'withdraw', '1', '--token', image, ...stack.chains, '--key', user.key)),
    ]);
    assert.match(second, /Done: 1 /);
    const list = await succeeds('bridge', 'list', '--of', user.address, ...stack.chains);
    assert.match(list, new RegExp(`${withdrawalIn(first)}  40 .*\n.*\n  next: varve bridge withdraw --resume ${withdrawalIn(first)}`));
    assert.match(list, new RegExp(`${withdrawalIn(second)}  1 .*\n  is paid`));
    await succeeds('bridge', 'withdraw', '--resume', withdrawalIn(first), ...stack.chains, '--key', user.key);
    assert.equal(await balanceOf(stack.l1, token, user.address), (1000n - 101n + 41n) * ether);
  });

  for (const [where, pattern] of [['before its claim', /1\/4/], ['while it proves', /2\/4/], ['while it waits', /3\/4/], ['while it is paid', /4\/4/]]) {
    test(`a withdrawal that is killed ${where} is gone on with`, { timeout: 120_000 }, async () => {
      const { key, address } = await newAccount(stack);
      await succeeds('bridge', 'deposit', '1', ...stack.chains, '--key', key);
      const to = privateKeyToAccount(generatePrivateKey()).address;
      const { stdout, signal } = await varve(['bridge', 'withdraw', '0.5', '--to', to, ...stack.chains, '--key', key], { killWhen: pattern });
      assert.equal(signal, 'SIGKILL');
      await succeeds('bridge', 'withdraw', '--resume', withdrawalIn(stdout), ...stack.chains, '--key', key);
      assert.equal(await stack.l1.getBalance({ address: to }), ether / 2n);
      assert.match(await succeeds('bridge', 'list', '--of', address, ...stack.chains), /is paid/);
    });
  }

  test('somebody else may have a withdrawal paid', { timeout: 120_000 }, async () => {
    const [owner, helper] = [await newAccount(stack), await newAccount(stack)];
    await succeeds('bridge', 'deposit', '1', ...stack.chains, '--key', owner.key);
    const before = await stack.l1.getBalance({ address: owner.address });
    const begun = await succeeds('bridge', 'withdraw', '0.5', '--begin-only', ...stack.chains, '--key', owner.key);
    await succeeds('bridge', 'withdraw', '--resume', withdrawalIn(begun), ...stack.chains, '--key', helper.key);
    assert.equal(await stack.l1.getBalance({ address: owner.address }), before + ether / 2n);
  });

  test('a forced transaction runs on the child, and its deadline is said', { timeout: 60_000 }, async () => {
    const { key } = await newAccount(stack);
    await succeeds('bridge', 'deposit', '1', ...stack.chains, '--key', key);
    const to = privateKeyToAccount(generatePrivateKey()).address;
    const told = await succeeds('bridge', 'force', '--to', to, '--value', '0.25', ...stack.chains, '--key', key);
    assert.match(told, /must take it by \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC[^]*Done\./);
    assert.equal(await stack.l2.getBalance({ address: to }), ether / 4n);
  });

  test('bad input is refused with one sentence', { timeout: 120_000 }, async () => {
    const { key } = await newAccount(stack);
    const on = [...stack.chains, '--key', key];
    await refuses(/no amount/, 'bridge', 'deposit', 'much', ...on);
    await refuses(/18 digits/, 'bridge', 'deposit', '0.0000000000000000001', ...on);
    await refuses(/has \S+ ETH on chain 900/, 'bridge', 'deposit', '100000', ...on);
    await refuses(/has 0 ETH on chain 901/, 'bridge', 'withdraw', '1', ...on);
    await refuses(/no token is at that address/, 'bridge', 'deposit', '1', '--token', `0x${'12'.repeat(20)}`, ...on);
    await refuses(/wants an address/, 'bridge', 'deposit', '1', '--to', 'me', ...on);
    await refuses(/no hash/, 'bridge', 'status', '0x12', ...stack.chains);
    await refuses(/neither|no withdrawal/, 'bridge', 'status', `0x${'12'.repeat(32)}`, ...stack.chains);
    await refuses(/--key/, 'bridge', 'deposit', '1', ...stack.chains);
    await refuses(/--to ADDRESS/, 'bridge', 'force', ...on);
    await refuses(/--of ADDRESS/, 'bridge', 'list', ...stack.chains);
    await refuses(/chain 901, and the parent/, 'bridge', 'deposit', '1', '--parent', stack.childUrl, '--child', stack.childUrl, '--key', key);
    await refuses(/no layer 2 answers/, 'bridge', 'deposit', '1', '--child', stack.parentUrl, '--key', key);
    await refuses(/--rollup FILE/, 'bridge', 'deposit', '1', '--child', 'http://192.0.2.1:9545', '--key', key);
  });
});

describe('varve exit', () => {
  let stack;
  const rollupFile = `${scratch}/rollup.json`;
  const users = {};
  const poor = generatePrivateKey(); // has ETH on the child alone
  let token;

  async function bringOver(user, ...amounts) {
    for (const amount of amounts) await succeeds('bridge', 'deposit', ...amount, ...stack.chains, '--key', user.key);
  }

  before(async () => {
    stack = await startStack(foundry('anvil'));
    writeFileSync(rollupFile, readFileSync(stack.rollupFile));
    for (const name of ['whole', 'withdrawing']) users[name] = await newAccount(stack);
    token = await newToken(stack, users.whole);
    await bringOver(users.whole, ['2'], ['100', '--token', token]);
    await bringOver(users.withdrawing, ['4'], ['1', '--to', privateKeyToAccount(poor).address]);
    await succeeds('bridge', 'withdraw', '1', '--begin-only', ...stack.chains, '--key', users.withdrawing.key);
    const begun = await stack.l2.getBlockNumber();
    await until(async () => (await stack.l2.getBlock({ blockTag: 'safe' })).number >= begun, 30_000, 'the batch');
    await stack.node.kill('SIGKILL'); // the operator, with the only node that there was
  });
  after(() => stack?.stop());

  const exit = (user, ...more) => ['exit', '--rollup', rollupFile, '--parent', stack.parentUrl, '--key', user.key, ...more];

  test('ETH and an ERC-20 come home from a chain whose operator is dead', { timeout: 300_000 }, async () => {
    const { address } = users.whole;
    const before = await stack.l1.getBalance({ address });
    const told = await succeeds(...exit(users.whole, '--token', token));
    assert.match(told, /forced: 100 [^]*forced: 1\.99\d* ETH[^]*read:[^]*claimed:[^]*proven:[^]*paid:[^]*Done/);
    assert.equal(await balanceOf(stack.l1, token, address), 1_000n * ether);
    const gained = await stack.l1.getBalance({ address }) - before;
    assert.ok(gained > 2n * ether - ether / 20n && gained < 2n * ether, `gained ${gained}`);
    assert.match(await succeeds(...exit(users.whole, '--token', token)), /Done/); // nothing is left to do
  });

  test('it goes on after having been killed at any step, and brings home what was begun before', { timeout: 300_000 }, async () => {
    const { address } = users.withdrawing;
    const before = await stack.l1.getBalance({ address });
    for (const step of [/forced:/, /read:|claimed:/, /proven:/]) {
      const { signal, stdout } = await varve(exit(users.withdrawing, '--datadir', `${scratch}/exit`), { killWhen: step });
      assert.ok(signal === 'SIGKILL', stdout);
    }
    await succeeds(...exit(users.withdrawing, '--datadir', `${scratch}/exit`));
    const gained = await stack.l1.getBalance({ address }) - before;
    assert.ok(gained > 4n * ether - ether / 20n && gained < 4n * ether, `gained ${gained}`);
  });

  test('bad input is refused with one sentence', async () => {
    await refuses(/--rollup FILE/, 'exit', '--key', poor);
    await refuses(/absent\.json/, 'exit', '--rollup', `${scratch}/absent.json`, '--key', poor);
    await refuses(/--key/, ...exit({ key: '' }));
    await refuses(/wants an address/, ...exit(users.whole, '--token', 'USDC'));
    await refuses(/has 0 ETH on chain 900/, ...exit({ key: poor }));
  });
});
