// cast, `forge create` and `forge script --broadcast`, offline: the compiler is tools/solc.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { addresses, artifact, chainId, ether, foundry, keys, predeploys, root, startNode } from './node.mjs';

const run = promisify(execFile);
const env = { ...process.env, NO_COLOR: '1', FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' };
const cwd = fileURLToPath(root);
let node, token;

const cast = async (word, ...args) =>
  (await run(foundry('cast'), [word, '--rpc-url', node.url, ...args], { env, cwd })).stdout.trim();
const send = async (...args) => JSON.parse(await cast('send', '--json', '--private-key', keys[0], ...args));
const forge = async (...args) => (await run(foundry('forge'), args, { env, cwd, maxBuffer: 1 << 24 })).stdout;

const absent = !existsSync(foundry('forge')) && 'foundry comes for linux on x86-64 only';

before(async () => {
  if (absent) return;
  node = await startNode();
  const { contractAddress } = await send('--create', artifact('Token').bytecode + (1_000n * ether).toString(16).padStart(64, '0'));
  token = contractAddress;
});
after(() => node?.stop());

describe('cast', { skip: absent }, () => {
  test('reads the chain', async () => {
    assert.equal(await cast('chain-id'), String(chainId));
    assert.equal(BigInt(await cast('balance', addresses[5 % 4])) > 9_000n * ether, true);
    assert.equal(await cast('block-number'), '1');
    assert.equal(await cast('nonce', addresses[0]), '1');
    assert.equal(JSON.parse(await cast('block', '1', '--json')).transactions.length, 1);
    assert.match(await cast('client'), /\w/);
    assert.ok(BigInt(await cast('gas-price')) > 0n);
  });

  test('reads a predeployed contract\'s code', async () => {
    const { multicall3 } = predeploys();
    assert.equal(await cast('code', multicall3.address), multicall3.code);
    assert.equal(await cast('codehash', multicall3.address), multicall3.keccak256);
  });

  for (const [type, flags] of [[0, ['--legacy']], [1, ['--legacy', '--access-list', '[]']], [2, []]]) {
    test(`sends a transaction of type ${type}`, async () => {
      const receipt = await send(addresses[1], '--value', '1gwei', ...flags);
      assert.equal(receipt.status, '0x1');
      assert.equal(Number(receipt.type), type);
      assert.equal(JSON.parse(await cast('tx', receipt.transactionHash, '--json')).hash, receipt.transactionHash);
    });
  }

  test('sends an authorization (type 4)', async () => {
    const receipt = await send(addresses[1], '--auth', token);
    assert.equal(Number(receipt.type), 4);
    assert.equal(receipt.status, '0x1');
    assert.equal((await cast('code', addresses[0])).toLowerCase(), `0xef0100${token.slice(2).toLowerCase()}`);
    await send(addresses[1], '--auth', '0x0000000000000000000000000000000000000000');
    assert.equal(await cast('code', addresses[0]), '0x');
  });

  test('writes to a token and reads it', async () => {
    const receipt = await send(token, 'transfer(address,uint256)', addresses[2], '1000');
    assert.equal(receipt.logs.length, 1);
    assert.equal(await cast('call', token, 'balanceOf(address)(uint256)', addresses[2]), '1000');
    assert.ok(Number(await cast('estimate', '--from', addresses[0], token, 'transfer(address,uint256)', addresses[2], '5')) > 30_000);
    const logs = JSON.parse(await cast('logs', '--json', '--from-block', receipt.blockNumber, '--address', token, 'Transfer(address,address,uint256)'));
    assert.equal(logs.length, 1);
    assert.equal(logs[0].transactionHash, receipt.transactionHash);
  });

  test('reads storage and a proof of it', async () => {
    const slot = await run(foundry('cast'), ['index', 'address', addresses[0], '0'], { env });
    const value = await cast('storage', token, slot.stdout.trim());
    assert.ok(BigInt(value) > 0n);
    const proof = JSON.parse(await cast('proof', token, slot.stdout.trim()));
    assert.equal(BigInt(proof.storageProof[0].value), BigInt(value));
  });

  test('shows the error of a refused call', async () => {
    await assert.rejects(cast('call', '--from', addresses[3], token, 'transfer(address,uint256)', addresses[0], '1'), /0xe450d38c|ERC20InsufficientBalance/);
  });
});

describe('forge', { skip: absent }, () => {
  test('create deploys a contract with its arguments', async () => {
    const out = JSON.parse((await forge('create', 'contracts/sample/Token.sol:Token', '--rpc-url', node.url, '--private-key', keys[1],
      '--broadcast', '--json', '--constructor-args', '12345')).match(/\{[^{}]*"deployedTo"[^{}]*\}/)[0]);
    assert.match(await cast('call', out.deployedTo, 'totalSupply()(uint256)'), /^12345\b/);
    assert.match(await cast('call', out.deployedTo, 'balanceOf(address)(uint256)', addresses[1]), /^12345\b/);
  });

  test('script --broadcast deploys and uses a token and a collection', async () => {
    const before = Number(await cast('nonce', addresses[2]));
    await forge('script', 'contracts/script/Deploy.s.sol:Deploy', '--rpc-url', node.url, '--private-key', keys[2],
      '--broadcast', '--slow', '--sig', 'run(address)', addresses[3]);
    assert.equal(Number(await cast('nonce', addresses[2])), before + 4);
    const [made, nft] = await Promise.all([before, before + 1].map(async (nonce) =>
      (await run(foundry('cast'), ['compute-address', addresses[2], '--nonce', String(nonce)], { env })).stdout.match(/0x\w+/)[0]));
    assert.equal(BigInt((await cast('call', made, 'balanceOf(address)(uint256)', addresses[3])).split(' ')[0]), 25n * ether);
    assert.equal(await cast('call', nft, 'ownerOf(uint256)(address)', '1'), addresses[3]);
  });
});
