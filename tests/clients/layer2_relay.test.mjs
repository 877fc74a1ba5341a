// The relayer: users begin withdrawals and do nothing else, and their money comes home.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { erc20Abi, parseAbi, parseAbiItem } from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { getL2TransactionHashes } from 'viem/op-stack';
import { artifact, ether, foundry, keys, startNode, until } from './node.mjs';
import { deposit, settled, startParent, startStack } from './stack.mjs';

const bridgeAbi = parseAbi([
  'function bridgeERC20To(address local, address remote, address to, uint256 amount, uint32 minGasLimit, bytes extraData)',
]);
const factoryAbi = parseAbi(['function createOptimismMintableERC20(address remoteToken, string name, string symbol) returns (address)']);
const messengerAbi = parseAbi(['function sendMessage(address target, bytes message, uint32 minGasLimit) payable']);
const proven = parseAbiItem('event WithdrawalProvenExtension1(bytes32 indexed withdrawalHash, address indexed proofSubmitter)');
const finalized = parseAbiItem('event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success)');
const failedRelay = parseAbiItem('event FailedRelayedMessage(bytes32 indexed msgHash)');
const relayed = parseAbiItem('event RelayedMessage(bytes32 indexed msgHash)');
const standardBridge = '0x4200000000000000000000000000000000000010';
const tokenFactory = '0x4200000000000000000000000000000000000012';
const childMessenger = '0x4200000000000000000000000000000000000007';

// Refuses calls with data until it was called without any; counts them from then on in slot 1.
const gate = '0x601e600a5f39601e5ff336156018575f54600d575f5ffd5b600154600101600155005b60015f5500';

const count = async ({ l1, rollup }, event, who = rollup.parent.portal) => (await l1.getLogs({ address: who, event, fromBlock: 0n })).length;

async function withdrawEther({ l1, l2, user }, to, value) {
  const request = await l1.buildInitiateWithdrawal({ account: user.address, to, value });
  return l2.waitForTransactionReceipt({ hash: await user.l2.initiateWithdrawal(request) });
}

/** A token of the L1 with its image on the child, where the user has ten of it. */
async function bridgedToken({ l1, l2, user, rollup }) {
  const { abi, bytecode } = artifact('Token');
  const bridge = rollup.parent.standardBridge;
  const onL1 = async (hash) => l1.waitForTransactionReceipt({ hash });
  const remote = (await onL1(await user.l1.deployContract({ abi, bytecode, args: [1_000n * ether] }))).contractAddress;
  const create = { address: tokenFactory, abi: factoryAbi, functionName: 'createOptimismMintableERC20', args: [remote, 'Token', 'TOK'], account: user.l2.account };
  const { result: local } = await l2.simulateContract(create);
  await l2.waitForTransactionReceipt({ hash: await user.l2.writeContract(create) });
  await onL1(await user.l1.writeContract({ address: remote, abi: erc20Abi, functionName: 'approve', args: [bridge, 10n * ether] }));
  const over = await onL1(await user.l1.writeContract({ address: bridge, abi: bridgeAbi, functionName: 'bridgeERC20To', args: [remote, local, user.address, 10n * ether, 200_000, '0x'] }));
  const [l2Hash] = getL2TransactionHashes(over);
  assert.equal((await l2.waitForTransactionReceipt({ hash: l2Hash })).status, 'success');
  return { local, remote };
}

describe('a relayer', () => {
  test('brings ETH and tokens home, and leaves what its gas does not suffice for', { timeout: 180_000 }, async () => {
    const stack = await startStack({ args: ['--relay', '--relay.gas', '1500000'] });
    try {
      const { l1, l2, user } = stack;
      const to = stack.wallets(generatePrivateKey()).address;
      await deposit(stack, user.address, 2n * ether);
      const { local, remote } = await bridgedToken(stack);
      const costly = await l1.buildInitiateWithdrawal({ account: user.address, to, value: 1n });
      await l2.waitForTransactionReceipt({ hash: await user.l2.initiateWithdrawal({ ...costly, request: { ...costly.request, gas: 2_000_000n } }) });
      await withdrawEther(stack, to, ether);
      await l2.waitForTransactionReceipt({
        hash: await user.l2.writeContract({ address: standardBridge, abi: bridgeAbi, functionName: 'bridgeERC20To', args: [local, remote, to, 4n * ether, 200_000, '0x'] }),
      });
      const tokens = () => l1.readContract({ address: remote, abi: erc20Abi, functionName: 'balanceOf', args: [to] });
      await until(async () => await l1.getBalance({ address: to }) > 0n && await tokens() > 0n, 90_000, 'the money');
      assert.equal(await l1.getBalance({ address: to }), ether);
      assert.equal(await tokens(), 4n * ether);
      await until(() => stack.node.output().match(/left to its owner.*--relay.gas/), 10_000, 'a word about the costly one');
      assert.deepEqual([await count(stack, proven), await count(stack, finalized)], [2, 2]);
    } finally { await stack.stop(); }
  });

  test('killed when it proves and when it has it paid, it does both once', { timeout: 180_000 }, async () => {
    const parent = await startParent(foundry('anvil'), ['--slots-in-an-epoch', '1']);
    const stack = await startStack({ parent });
    const datadir = mkdtempSync(`${tmpdir()}/varve-relayer-`);
    let relayer;
    const start = async () => startNode({
      word: 'node', datadir,
      args: ['--rollup', `${stack.node.datadir}/901/rollup.json`, '--parent', parent.url, '--role', 'relayer', '--key', keys[3]],
    });
    try {
      const to = stack.wallets(generatePrivateKey()).address;
      await settled(stack.url);
      await deposit(stack, stack.user.address, 2n * ether);
      await withdrawEther(stack, to, ether);
      for (const moment of [/proves a withdrawal/, /has a withdrawal paid out/]) {
        relayer = await start();
        await until(() => moment.test(relayer.output()), 90_000, moment);
        await relayer.kill('SIGKILL');
      }
      relayer = await start();
      await until(async () => await stack.l1.getBalance({ address: to }) === ether, 60_000, 'the money');
      await until(() => /a withdrawal is paid/.test(relayer.output()), 30_000, 'the end of it');
      assert.deepEqual([await count(stack, proven), await count(stack, finalized)], [1, 1]);
    } finally {
      await relayer?.stop();
      await stack.stop();
      await parent.stop();
      rmSync(datadir, { recursive: true, force: true });
    }
  });

  test('what fails on the L1 is not lost: a message is replayed, a plain call waits, until it can succeed', { timeout: 180_000 }, async () => {
    const stack = await startStack({ args: ['--relay'] });
    try {
      const { l1, l2, user, rollup } = stack;
      const messenger = rollup.parent.crossDomainMessenger;
      await deposit(stack, user.address, 2n * ether);
      const { contractAddress: target } = await l1.waitForTransactionReceipt({ hash: await user.l1.sendTransaction({ data: gate }) });
      const calls = async () => BigInt(await l1.getStorageAt({ address: target, slot: '0x1' }));
      const message = { address: childMessenger, abi: messengerAbi, functionName: 'sendMessage', args: [target, '0x01', 100_000] };
      await l2.waitForTransactionReceipt({ hash: await user.l2.writeContract(message) });
      const plain = await l1.buildInitiateWithdrawal({ account: user.address, to: target, value: 0n, data: '0x01', gas: 100_000n });
      await l2.waitForTransactionReceipt({ hash: await user.l2.initiateWithdrawal(plain) });
      await until(() => count(stack, failedRelay, messenger), 90_000, 'the failure');
      await new Promise((done) => setTimeout(done, 5_000));
      assert.equal(await count(stack, failedRelay, messenger), 1, 'a replay that would fail is not sent');
      assert.equal(await count(stack, finalized), 1, 'nor a payment');
      await l1.waitForTransactionReceipt({ hash: await user.l1.sendTransaction({ to: target, gas: 100_000n }) });
      await until(async () => await calls() === 2n, 60_000, 'both calls');
      assert.deepEqual([await count(stack, failedRelay, messenger), await count(stack, relayed, messenger)], [1, 1]);
    } finally { await stack.stop(); }
  });
});
