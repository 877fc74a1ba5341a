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

/** Runs `varve ARGS`. It is killed once its output matches `killWhen`, or when `killOn` is settled. */
function varve(args, { killWhen, killOn, ms = 120_000 } = {}) {
  return new Promise((done) => {
    const child = spawn(bin, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: scratch });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      out.stdout += data;
      if (killWhen?.test(out.stdout)) child.kill('SIGKILL');
    });
    child.stderr.on('data', (data) => { out.stderr += data; });
    killOn?.then(() => child.kill('SIGKILL'));
    const clock = setTimeout(() => child.kill('SIGKILL'), ms);
    child.once('close', (code, signal) => { clearTimeout(clock); done({ code, signal, ...out }); });
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
let paid = Promise.resolve(); // one after the other, because of the payer's nonce
async function newAccount({ l1, parentUrl }, wei = 10n * ether) {
  const key = generatePrivateKey();
  const account = privateKeyToAccount(key);
  const rich = createWalletClient({ account: privateKeyToAccount(keys[3]), chain: l1.chain, transport: http(parentUrl) });
  paid = paid.then(async () => l1.waitForTransactionReceipt({ hash: await rich.sendTransaction({ to: account.address, value: wei }) }));
  await paid;
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

describe('varve bridge', { concurrency: true }, () => { // they wait for windows most of the time
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
    assert.match(told, /forced: 100 [^]*forced: 1\.99\d* ETH[^]*proven:[^]*paid:[^]*Done/);
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

describe('varve deploy, and a process for each role', () => {
  const rollupFile = `${scratch}/deployed.json`;
  let parent;
  const running = [];
  const on = (...args) => ['--parent', parent.url, ...args];
  const run = async (...args) => {
    const node = await startNode({ word: 'node', args: ['--rollup', rollupFile, ...on(...args)] });
    running.push(node);
    return node;
  };

  before(async () => { parent = await startNode({ blockTime: 1_000 }); });
  after(async () => { for (const node of [...running, parent]) await node?.stop(); });

  test('a deployment that is killed goes on, and gives what it would have given', { timeout: 60_000 }, async () => {
    const args = ['deploy', ...on('--out', rollupFile, '--preset', 'dev', '--key', keys[0])];
    const { signal } = await varve(args, { killOn: until(() => existsSync(`${rollupFile}.part`)) });
    assert.equal(signal, 'SIGKILL');
    assert.ok(!existsSync(rollupFile));
    await refuses(/begun with another key/, ...args.slice(0, -1), 'test:1');
    const told = await succeeds(...args);
    assert.match(told, /contracts of Shanghai +yes[^]*1\/9 BlobInbox[^]*9\/9 OptimisticSettlement[^]*varve node --rollup/);
    const rollup = JSON.parse(readFileSync(rollupFile, 'utf8'));
    assert.ok(told.includes(rollup.parent.portal));
    assert.ok(!existsSync(`${rollupFile}.part`));
    assert.equal(rollup.child.chainId, 901);
    await refuses(/is there already/, ...args);
  });

  test('an external signer deploys, and the contracts are as they were asked for', { timeout: 60_000 }, async () => {
    const out = `${scratch}/signed.json`;
    const sequencer = privateKeyToAccount(keys[1]).address;
    await succeeds('deploy', ...on('--out', out, '--chain-id', '955', '--owner', 'none', '--sequencer', sequencer,
      '--gas-limit', '30000000', '--key', parent.url, '--from', privateKeyToAccount(keys[2]).address));
    const { parent: contracts, child, windows } = JSON.parse(readFileSync(out, 'utf8'));
    const read = (name, type) => client(chainId, parent.url).readContract({
      address: contracts.systemConfig, functionName: name,
      abi: [{ type: 'function', name, inputs: [], outputs: [{ type }], stateMutability: 'view' }],
    });
    assert.equal(BigInt(await read('owner', 'address')), 0n);
    assert.equal(await read('sequencer', 'address'), sequencer);
    assert.equal(await read('gasLimit', 'uint64'), 30_000_000n);
    assert.equal(child.chainId, 955);
    assert.equal(windows.challenge, 604_800);
  });

  test('sequencer, proposer and follower are processes of their own, and money goes round', { timeout: 180_000 }, async () => {
    const sequencer = await run('--role', 'sequencer,batcher', '--key', keys[0]);
    const proposer = await run('--role', 'proposer', '--key', keys[1]);
    const follower = await run();
    const stack = { l1: client(chainId, parent.url), parentUrl: parent.url };
    const { key, address } = await newAccount(stack);
    const chains = ['--rollup', rollupFile, ...on('--child', sequencer.url)];
    await succeeds('bridge', 'deposit', '2', ...chains, '--key', key);
    await until(async () => await client(901, follower.url).getBalance({ address }) === 2n * ether, 60_000, 'the deposit');
    await succeeds('bridge', 'withdraw', '1', ...chains, '--key', key);
    // a follower that has derived it knows as much
    assert.match(await succeeds('bridge', 'list', '--of', address, '--rollup', rollupFile, ...on('--child', follower.url)), /is paid/);
    assert.match(proposer.output(), /proposer +done/);
  });

  test('what cannot work is said at once', { timeout: 60_000 }, async () => {
    let folders = 0;
    const node = (...args) => ['node', '--datadir', `${scratch}/refused-${folders++}`, '--http.port', '0', ...args];
    const child = (...args) => node('--rollup', rollupFile, ...on(...args));
    const other = `${scratch}/other.json`;
    const text = JSON.parse(readFileSync(rollupFile, 'utf8'));
    await refuses(/no role/, ...child('--role', 'king'));
    await refuses(/--key/, ...child('--role', 'proposer'));
    await refuses(/for nodes that follow/, ...child('--role', 'sequencer', '--sequencer', 'http://127.0.0.1:1'));
    await refuses(/needs the role of the sequencer/, ...child('--role', 'batcher', '--key', 'test:0'));
    await refuses(/has no ETH/, ...child('--role', 'proposer', '--key', generatePrivateKey()));
    await refuses(/--parent/, ...node('--rollup', rollupFile));
    await refuses(/--rollup/, ...node('--role', 'proposer'));
    await refuses(/refused/, ...node('--rollup', rollupFile, '--parent', 'http://127.0.0.1:1'));
    writeFileSync(other, JSON.stringify({ ...text, parent: { ...text.parent, chainId: 5 } }));
    await refuses(/is chain 900/, ...node('--rollup', other, ...on()));
    writeFileSync(other, JSON.stringify({ ...text, parent: { ...text.parent, portal: `0x${'12'.repeat(20)}` } }));
    await refuses(/contracts of rollup\.json are not on the parent/, ...node('--rollup', other, ...on()));
    const deploy = (...args) => ['deploy', ...on('--out', `${scratch}/none.json`, ...args)];
    await refuses(/has 0 ETH on the parent, and deploying takes/, ...deploy('--key', generatePrivateKey()));
    await refuses(/--preset/, ...deploy('--key', 'test:0', '--preset', 'fast'));
    await refuses(/--owner wants an address/, ...deploy('--key', 'test:0', '--owner', 'me'));
    await refuses(/parent's chain id/, ...deploy('--key', 'test:0', '--chain-id', '900'));
    await refuses(/64 digits/, ...deploy('--key', '0x12'));
    await refuses(/--from/, ...deploy('--key', parent.url));
  });
});
