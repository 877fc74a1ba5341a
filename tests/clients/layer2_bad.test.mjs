// A layer 2 whose parent misbehaves: down, overloaded, garbled, lying, then sane again. A proxy stands between the
// child's node and the parent. The node takes over nothing false, says what is wrong once, and goes on by itself.
// Then rubbish in the Inbox, appended with the sequencer's own key, and clocks that jump.
import { test, describe, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { concatHex, createWalletClient, getContract, http, parseAbi, toHex } from 'viem';
import { generatePrivateKey, mnemonicToAccount } from 'viem/accounts';
import { addresses, ether, foundry, keys, mnemonic, startNode, until } from './node.mjs';
import { ask, clients, deposit, sendDeposit, settled, startFollower, startParent, startStack } from './stack.mjs';

const vaults = ['0x4200000000000000000000000000000000000011', '0x4200000000000000000000000000000000000019'];
const users = Array.from({ length: 10 }, (_, i) => mnemonicToAccount(mnemonic, { addressIndex: i }).address);
const operator = mnemonicToAccount(mnemonic, { addressIndex: 10 }); // whose key the roles of `up` have
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Hands requests on to `target`, unless `proxy.instead` does something else with them: it gets the calls, a function
 * that asks the parent and gives its answers, and the response to write.
 */
async function startProxy(target) {
  const proxy = { instead: null, requests: 0 };
  const forward = (body) => new Promise((done, failed) => {
    const onward = request(target, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': body.length } }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => done(Buffer.concat(parts)));
    });
    onward.on('error', failed);
    onward.end(body);
  });
  const server = createServer(async (req, res) => {
    const parts = [];
    for await (const part of req) parts.push(part);
    const body = Buffer.concat(parts);
    proxy.requests++;
    try {
      const calls = [JSON.parse(body)].flat();
      const answers = async () => [JSON.parse(await forward(body))].flat();
      const write = (list, status = 200, headers = {}) => {
        const text = JSON.stringify(Array.isArray(JSON.parse(body)) ? list : list[0]);
        res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
      };
      if (proxy.instead) await proxy.instead({ calls, answers, write, res });
      else res.writeHead(200, { 'content-type': 'application/json' }).end(await forward(body));
    } catch { res.destroy(); }
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.stop = () => { server.closeAllConnections(); return new Promise((done) => server.close(done)); };
  return proxy;
}

/** Changes the results of a method: `change(result)` gives the false one. */
const lie = (method, change) => async ({ calls, answers, write }) => {
  const list = await answers();
  write(list.map((answer) => {
    const call = calls.find(({ id }) => id === answer.id);
    return call?.method === method && answer.result != null ? { ...answer, result: change(answer.result, call) } : answer;
  }));
};
const raw = (text, status = 200, headers = {}) => ({ res }) => res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
const refuse = (code, message, status = 200, headers) => ({ calls, write }) =>
  write(calls.map(({ id }) => ({ jsonrpc: '2.0', id, error: { code, message } })), status, headers);
const count = (text, what) => text.split(what).length - 1;
const flip = (hex) => hex.slice(0, -1) + (hex.endsWith('1') ? '2' : '1');

/** What the portal holds is what the users, `others` and the vaults have on the child. */
async function assertConserved(stack, others = []) {
  const escrow = await stack.l1.getBalance({ address: stack.rollup.parent.portal });
  let supply = 0n;
  for (const address of [...users, ...vaults, ...others]) supply += await stack.l2.getBalance({ address });
  assert.equal(supply, escrow);
}

const usersHaveEther = ({ url }) =>
  until(async () => (await ask(url, 'varve_status')).itemsRead === users.length, 20_000, "the users' deposits");

async function assertFollowerAgrees(stack, parentUrl) {
  const { number, hash } = await settled(stack.url);
  const follower = await startFollower(stack, parentUrl);
  try {
    assert.equal((await ask(follower.url, 'eth_getBlockByNumber', toHex(number), false)).hash, hash);
  } finally { await follower.stop(); }
}

/** Transactions of the operator on the parent that were reverted, and what a call says now of each. */
async function reverted({ l1 }) {
  const found = [];
  for (let number = await l1.getBlockNumber(); number > 0n; number--) {
    const { transactions } = await l1.getBlock({ blockNumber: number, includeTransactions: true });
    for (const { from, to, input, gas, nonce, hash } of transactions) {
      if (from.toLowerCase() !== operator.address.toLowerCase() || (await l1.getTransactionReceipt({ hash })).status === 'success') continue;
      const why = await l1.call({ account: from, to, data: input, gas, blockNumber: number - 1n }).then(() => 'before, it would not be', (error) => error.details ?? error.message);
      found.push(`${why}: block ${number}, nonce ${nonce}, gas ${gas}, to ${to}, ${input.slice(0, 330)}`);
    }
  }
  return found;
}

describe('a parent that misbehaves', () => {
  let parent, proxy, stack, to, expected = 0n;
  before(async () => {
    parent = await startNode({ blockTime: 300 }); // several deposits in a block
    proxy = await startProxy(parent.url);
    stack = await startStack({ parent: proxy });
    stack = { ...stack, ...clients(stack.rollup, parent.url, stack.url) }; // the tests' own way to the parent
    to = stack.wallets(generatePrivateKey()).address;
    await usersHaveEther(stack);
    await settled(stack.url);
  });
  after(async () => {
    await stack?.node.stop();
    await proxy?.stop();
    await parent?.stop();
  });

  /** Two deposits in one block of the parent, past the proxy. */
  async function depositTwice() {
    const hashes = await Promise.all(keys.slice(0, 2).map((key) => sendDeposit(stack, stack.wallets(key), to, 1n)));
    for (const hash of hashes) assert.equal((await stack.l1.waitForTransactionReceipt({ hash })).status, 'success');
    expected += 2n;
  }

  /** A transfer on the child. */
  async function transfer() {
    await ask(stack.url, 'eth_sendTransaction', { from: addresses[2], to, value: '0x1' });
    expected += 1n;
  }

  async function load() {
    await depositTwice();
    await transfer();
  }

  /** A while (`ms`, and until the node has said that) of misbehaviour under load; what the node said meanwhile. */
  async function survives(instead, ms = 700, says = /^/) {
    const before = stack.node.output().length;
    const { items } = await ask(stack.url, 'varve_status');
    proxy.instead = instead;
    proxy.requests = 0;
    await load();
    await sleep(ms);
    await until(() => says.test(stack.node.output().slice(before)), 30_000, `what it should say, ${says}, among\n${stack.node.output().slice(before)}`);
    const requests = proxy.requests;
    const during = await ask(stack.url, 'varve_status');
    assert.ok(during.itemsRead <= items + 2 && during.items <= items + 2, 'nothing that is not there');
    proxy.instead = null;
    await until(async () => (await ask(stack.url, 'varve_status')).itemsRead === items + 2, 20_000, 'the deposits, when the parent is sane again');
    const safe = await settled(stack.url);
    assert.equal(await stack.l2.getBalance({ address: to }), expected, 'each deposit and each transfer once');
    const said = stack.node.output().slice(before);
    assert.ok(count(said, 'cannot be followed now') <= 1, `it is said once:\n${said}`);
    return { said, requests, during, safe };
  }

  for (const [what, instead, says] of [
    ['no JSON', raw('<html>It works!</html>')],
    ['an empty answer', raw('')],
    ['half an answer', async ({ answers, res }) => {
      const text = JSON.stringify(await answers());
      res.writeHead(200, { 'content-length': text.length });
      res.write(text.slice(0, text.length / 2));
      setTimeout(() => res.destroy(), 20);
    }],
    ['JSON of another shape', raw('[[[{"jsonrpc":1}]],null,5]')],
    ['answers to other calls', ({ calls, write }) => write(calls.map(({ id }) => ({ jsonrpc: '2.0', id: id + 1, result: '0x1' })))],
    ['null as every result', ({ calls, write }) => write(calls.map(({ id }) => ({ jsonrpc: '2.0', id, result: null }))), true],
    ['numbers as every result', ({ calls, write }) => write(calls.map(({ id }) => ({ jsonrpc: '2.0', id, result: 7 }))), true],
    ['a word as every result', ({ calls, write }) => write(calls.map(({ id }) => ({ jsonrpc: '2.0', id, result: '0xzz' }))), true],
    ['a refusal of everything', refuse(-32601, 'no such method'), true],
    ['status 500', raw('oh', 500)],
    ['status 403', raw('no', 403), true],
  ])
    test(what, { timeout: 60_000 }, async () => {
      await survives(instead, 700, says && /cannot be followed now/);
    });

  test('another content type is no reason to stop', { timeout: 60_000 }, async () => {
    const { during } = await survives(async ({ answers, write }) => write(await answers(), 200, { 'content-type': 'text/plain' }));
    assert.ok(during.itemsRead > 0);
  });

  test('an answer that does not end', { timeout: 60_000 }, async () => {
    await survives(({ res }) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      const part = Buffer.alloc(1 << 20, 0x20);
      const more = () => { while (!res.destroyed && res.write(part)); };
      res.on('drain', more);
      more();
    }, 700, /cannot be followed now.*larger than 67108864 bytes/);
  });

  for (const [what, method, change, says, ms] of [
    ['a header that is not what its hash says', 'eth_getBlockByNumber', (block) => ({ ...block, stateRoot: flip(block.stateRoot) }), /does not hash to its name/],
    ['a header with another number', 'eth_getBlockByNumber', (block) => ({ ...block, number: toHex(BigInt(block.number) + 1n) }), /does not hash to its name|another block/],
    ['logs in the wrong order', 'eth_getLogs', (logs) => [...logs].reverse(), /logs/],
    ['logs twice', 'eth_getLogs', (logs) => [...logs, ...logs], /logs/],
    ['logs left out', 'eth_getLogs', () => [], /not those of the Inbox: after block \d+ it has \d+ items, and the logs tell of \d+"/],
    ['the first of the logs left out', 'eth_getLogs', (logs) => logs.slice(1), /not those of the Inbox|where \d+ is due/],
    ['logs with another content', 'eth_getLogs', (logs) => logs.map((log) => ({ ...log, data: log.data.replace(/01(?=0{64})/, '02').replace(/0001/, '0002') })), /not those of the Inbox.* others/],
    ['logs of another block', 'eth_getLogs', (logs) => logs.map((log) => ({ ...log, blockHash: flip(log.blockHash) })), /logs/],
    ['a batch with other data', 'eth_getTransactionByHash', (tx) => ({ ...tx, input: flip(tx.input.slice(0, 480)) + tx.input.slice(480) }), /what the parent gives as batch \d+ is not what was appended/, 3_000],
  ])
    test(what, { timeout: 60_000 }, () => survives(lie(method, change), ms ?? 1_200, says));

  test('items that cannot be read until they are overdue: no append is sent that leaves them out', { timeout: 90_000 }, async () => {
    const before = stack.node.output().length;
    const now = async () => (await stack.l1.getBlock()).timestamp;
    proxy.instead = lie('eth_getLogs', () => []);
    await depositTwice();
    const due = await now() + BigInt(stack.rollup.windows.forcedRead);
    await until(async () => await now() > due, 60_000, 'the time'); // the parent's clock is ahead, by a second with each block
    await transfer();
    await until(() => /batcher .*made anew why="it could not be sent in time"/.test(stack.node.output().slice(before)), 30_000, 'the append');
    proxy.instead = null;
    await until(async () => { const { items, itemsRead } = await ask(stack.url, 'varve_status'); return Number(itemsRead) === Number(items) && await stack.l2.getBalance({ address: to }) === expected; }, 20_000, 'the items');
    await settled(stack.url);
  });

  for (const [what, instead] of [
    ['status 429', raw('slow down', 429)],
    ['status 429 with Retry-After', raw('slow down', 429, { 'retry-after': '2' })],
    ['error -32005', refuse(-32005, 'daily request count exceeded')],
    ['status 429 with error -32005', refuse(-32005, 'limit exceeded', 429)],
  ])
    test(`${what}: it backs off and goes on`, { timeout: 60_000 }, async () => {
      const { requests } = await survives(instead, 2_500);
      assert.ok(requests < 30, `${requests} requests while it was told to slow down`);
    });

  test('down for 12 seconds: said once, and once that it is back', { timeout: 90_000 }, async () => {
    const { said, during } = await survives(({ res }) => res.destroy(), 12_000);
    assert.equal(during.parent.reached, false);
    assert.equal(count(said, 'cannot be followed now'), 1);
    assert.equal(count(said, 'the parent is reached'), 1);
  });

  test('answers to what was sent are lost: nothing is sent twice', { timeout: 60_000 }, async () => {
    await survives(async ({ calls, answers, write, res }) => {
      const list = await answers();
      if (calls.some(({ method }) => method === 'eth_sendRawTransaction')) res.destroy();
      else write(list);
    }, 3_000);
  });

  test('a claim that is refused once comes all the same, on an idle chain', { timeout: 60_000 }, async () => {
    proxy.instead = ({ calls, answers, write }) => (calls[0].method === 'eth_estimateGas'
      ? refuse(3, 'execution reverted')({ calls, write }) : answers().then(write));
    await load();
    const { number } = await settled(stack.url);
    await sleep(4_000); // a claim is made after 2 s
    proxy.instead = null;
    const abi = parseAbi(['function latestClaim() view returns (uint256 id, (uint256 chainId, bytes32 parentClaim, bytes32 output, uint64 number, uint64 batchCount, bytes32 batchAcc, uint64 inboxPos, bytes32 inboxAcc, bytes32 programHash, uint64 version) claim, bytes32 hash, uint64 createdAt, uint8 status)']);
    await until(async () => {
      const [, claim] = await stack.l1.readContract({ address: stack.rollup.parent.settlement, abi, functionName: 'latestClaim' });
      return Number(claim.number) >= number;
    }, 20_000, 'the claim');
  });

  test('after all of that: a follower agrees, ether is conserved, no append was reverted', { timeout: 60_000 }, async () => {
    await assertFollowerAgrees(stack, parent.url);
    await assertConserved(stack, [to]);
    assert.deepEqual(await reverted(stack), []);
    assert.equal((await ask(stack.url, 'varve_status')).lostTransactions, 0);
    const again = await stack.node.stop();
    assert.equal(again.code, 0);
  });
});

/** LEB128, as src/core/derive/batch.h has it. */
function varint(value) {
  let rest = BigInt(value);
  const out = [];
  do {
    out.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return toHex(Uint8Array.from(out));
}

/** Data of a batch with one block; `txs` are its transactions' columns, of one transaction or none. */
const oneBlock = ({ number, prefix = `0x${'00'.repeat(20)}`, time, origin, items = 0, txs }) =>
  concatHex(['0x0100', varint(number), prefix, varint(1), varint(time), varint(origin), varint(items), txs ? concatHex(['0x01', txs]) : '0x00']);

/** A transfer of nothing for nothing with a signature of somebody's who has nothing. */
const unpayable = concatHex(['0x02', '0x0000', '0x0852', '0x000000', '0x0000', '0x00', '0x000000', '0x00', `0x${'aa'.repeat(20)}`, ...Array(2).fill(`0x${'00'.repeat(31)}01`)]);

const inboxAbi = parseAbi([
  'function append(bytes32 prevBatchAcc, uint64 inboxPos, bytes32 inboxAcc, uint64 originNumber, bytes32 originHash, bytes data)',
  'function batchCount() view returns (uint64)', 'function batchAccAt(uint64) view returns (bytes32)',
  'function itemCount() view returns (uint64)', 'function inboxAccAt(uint64) view returns (bytes32)',
]);

test('rubbish appended with the sequencer\'s key: it is skipped, items run once, the sequencer goes on', { timeout: 180_000 }, async () => {
  const stack = await startStack();
  try {
    await usersHaveEther(stack);
    const to = stack.wallets(generatePrivateKey()).address;
    const wallet = createWalletClient({ account: operator, chain: stack.l1Chain, transport: http() });
    const inbox = getContract({ address: stack.rollup.parent.inbox, abi: inboxAbi, client: { public: stack.l1, wallet } });
    let expected = 0n;
    for (const [what, make, why, reads] of [
      ['nothing', () => '0x', /0 bytes/],
      ['noise', () => '0x00112233445566778899aabbccddeeff', /no version 0/],
      ['another version', (b) => '0x02' + oneBlock(b).slice(4), /no version 2/],
      ['another codec', (b) => '0x0107' + oneBlock(b).slice(6), /no codec 7/],
      ['noise to inflate', () => '0x0101ffffffffffffffff', /inflate: no such type of block/],
      ['half a batch', (b) => oneBlock(b).slice(0, -6), /bad origin/],
      ['a byte too many', (b) => oneBlock(b) + '00', /1 bytes too many/],
      ['a number that is not next', (b) => oneBlock({ ...b, number: b.number + 5n }), /it begins with block \d+ after block \d+/],
      ['another parent', (b) => oneBlock({ ...b, prefix: `0x${'ff'.repeat(20)}` }), /it builds on another block/],
      ['an origin beyond its own', (b) => oneBlock({ ...b, origin: b.origin + 1_000n }), /has origin \d+, the batch \d+/],
      ['an origin before the last', (b) => oneBlock({ ...b, origin: 0n }), /has origin 0 after/],
      ['a time too late', (b) => oneBlock({ ...b, time: b.time + 3_600n }), /has time \d+, the latest is/],
      ['a time too early', (b) => oneBlock({ ...b, time: 1n }), /has time 1 after/],
      ['more items than there are', (b) => oneBlock({ ...b, items: 9 }), /reads 9 items, the batch has \d+ left/],
      ['a transaction that cannot be executed', (b) => oneBlock({ ...b, txs: unpayable }), /transaction 1: max fee per gas less than block base fee/],
      ['a block that is good, in place of the sequencer\'s', (b) => oneBlock(b), null],
    ]) {
      await settled(stack.url);
      const before = stack.node.output().length;
      await stack.l1.waitForTransactionReceipt({ hash: await sendDeposit(stack, stack.user, to, 1n) });
      // Until it is the newest: the batcher may be first.
      for (let tries = 0; ; tries++) {
        const { safe } = await ask(stack.url, 'varve_status');
        const l1 = await stack.l1.getBlock();
        const data = make({ number: BigInt(safe.number) + 1n, time: l1.timestamp + 5n, origin: l1.number });
        const [batches, items] = [await inbox.read.batchCount(), await inbox.read.itemCount()];
        const args = [await inbox.read.batchAccAt([batches]), items, await inbox.read.inboxAccAt([items]), l1.number, l1.hash, data];
        const hash = await inbox.write.append(args, { gas: 1_000_000n, nonce: await stack.l1.getTransactionCount({ address: operator.address, blockTag: 'pending' }) }).catch(() => null);
        if (hash && (await stack.l1.waitForTransactionReceipt({ hash })).status === 'success') break;
        assert.ok(tries < 20, `${what} could not be appended`);
      }
      expected += 2n;
      const sent = await ask(stack.url, 'eth_sendTransaction', { from: addresses[1], to, value: '0x1' });
      await until(() => ask(stack.url, 'eth_getTransactionReceipt', sent), 20_000, `a block after ${what}`);
      // Derived blocks may take the place of the one that the transfer was in: it comes back in a later one.
      await until(async () => {
        await settled(stack.url);
        return await stack.l2.getBalance({ address: to }) === expected;
      }, 20_000, `each deposit and each transfer once, with ${what}`);
      const said = stack.node.output().slice(before).split('\n').filter((line) => line.includes('not taken whole')).join('\n');
      if (why) assert.match(said, why, what);
    }
    assert.equal(await stack.l2.getBalance({ address: to }), expected);
    const { items, itemsRead, lostTransactions } = await ask(stack.url, 'varve_status');
    assert.deepEqual([itemsRead, lostTransactions], [items, 0]);
    await assertConserved(stack, [to]);
    await assertFollowerAgrees(stack, stack.node.url);
  } finally { await stack.stop(); }
});

test('a key that runs out of ETH: it is said once what is missing, and with ETH it goes on', { timeout: 120_000 }, async () => {
  const stack = await startStack();
  try {
    await usersHaveEther(stack);
    await settled(stack.url);
    await stack.node.rpc('anvil_setBalance', operator.address, '0x0');
    const hash = await ask(stack.url, 'eth_sendTransaction', { from: addresses[1], to: addresses[2], value: '0x1' });
    await until(() => /batcher +what is to be sent waits why="[^"]*insufficient funds/.test(stack.node.output()), 20_000, 'the reason');
    await sleep(4_000); // it is tried again every 3 s
    assert.equal(stack.node.output().match(/batcher +what is to be sent waits/g).length, 1);
    await stack.node.rpc('anvil_setBalance', operator.address, toHex(100n * ether));
    await settled(stack.url);
    assert.ok(await ask(stack.url, 'eth_getTransactionReceipt', hash));
    assert.equal((await ask(stack.url, 'varve_status')).lostTransactions, 0);
  } finally { await stack.stop(); }
});

test("a parent's clock an hour behind, then an hour ahead: no batch breaks the rules of time, and the chain goes on", { timeout: 180_000 }, async () => {
  const hour = 3_600;
  const parent = await startParent(foundry('anvil'), ['--timestamp', String(Math.floor(Date.now() / 1000) - hour)]);
  const stack = await startStack({ parent });
  try {
    await usersHaveEther(stack);
    const to = stack.wallets(generatePrivateKey()).address;
    let expected = 0n;
    const goOn = async () => {
      for (let i = 0; i < 5; i++) {
        const hash = await ask(stack.url, 'eth_sendTransaction', { from: addresses[1], to, value: '0x1' });
        await until(() => ask(stack.url, 'eth_getTransactionReceipt', hash), 10_000, 'a block');
      }
      await deposit(stack, to, 1n);
      expected += 6n;
      await settled(stack.url);
      const { timestamp } = await stack.l2.getBlock(), { timestamp: now } = await stack.l1.getBlock();
      assert.ok(timestamp <= now + 600n && timestamp + 60n > now, `the child's time ${timestamp} goes with the parent's ${now}`);
    };
    await goOn();
    await parent.rpc('evm_increaseTime', 2 * hour);
    await goOn();
    await goOn();
    assert.equal(await stack.l2.getBalance({ address: to }), expected);
    assert.doesNotMatch(stack.node.output(), /not taken whole/);
    assert.equal((await ask(stack.url, 'varve_status')).lostTransactions, 0);
    await assertConserved(stack, [to]);
    await assertFollowerAgrees(stack, parent.url);
  } finally {
    await stack.stop();
    await parent.stop();
  }
});
