// The layer 2 through viem's own op-stack client, unmodified: money and messages there and back, on varve's
// L1 and on anvil.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  createPublicClient, createWalletClient, defineChain, erc20Abi, getContract, http, parseAbi, parseEther,
} from 'viem';
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts';
import {
  chainConfig, getL2TransactionHashes, getWithdrawals, publicActionsL1, publicActionsL2, walletActionsL1, walletActionsL2,
} from 'viem/op-stack';
import { artifact, chainId, ether, foundry, freePort, keys, startNode, until } from './node.mjs';

const bridgeAbi = parseAbi([
  'function bridgeERC20To(address local, address remote, address to, uint256 amount, uint32 minGasLimit, bytes extraData)',
]);
const factoryAbi = parseAbi([
  'function createOptimismMintableERC20(address remoteToken, string name, string symbol) returns (address)',
  'event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer)',
]);
const standardBridge = '0x4200000000000000000000000000000000000010';
const tokenFactory = '0x4200000000000000000000000000000000000012';

/** Starts a parent and a layer 2 on it. */
async function startStack(parentProgram) {
  // Withdrawals wait for the parent's clock, which moves with its blocks.
  const parent = parentProgram && await startNode({ program: parentProgram, args: ['--block-time', '1', '--mixed-mining'] });
  const l2Port = await freePort();
  const node = await startNode({ args: parent ? ['--parent', parent.url] : [], l2Port });
  const rollup = JSON.parse(readFileSync(`${node.datadir}/901/rollup.json`, 'utf8'));
  const l1 = parent ?? node;
  const l1Chain = defineChain({
    id: chainId, name: 'parent', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [l1.url] } },
  });
  const at = (address) => ({ [chainId]: { address } });
  const l2Chain = defineChain({
    ...chainConfig, id: 901, name: 'child', nativeCurrency: l1Chain.nativeCurrency, sourceId: chainId,
    rpcUrls: { default: { http: [`http://127.0.0.1:${l2Port}`] } },
    contracts: {
      ...chainConfig.contracts, portal: at(rollup.parent.portal), disputeGameFactory: at(rollup.parent.settlement),
      l1StandardBridge: at(rollup.parent.standardBridge),
    },
  });
  const options = { pollingInterval: 50, cacheTime: 0 };
  const stack = { rollup, l1Chain, l2Chain };
  stack.l1 = createPublicClient({ chain: l1Chain, transport: http(), ...options }).extend(publicActionsL1());
  stack.l2 = createPublicClient({ chain: l2Chain, transport: http(), ...options }).extend(publicActionsL2());
  stack.wallets = (key) => {
    const account = privateKeyToAccount(key);
    return {
      address: account.address,
      l1: createWalletClient({ account, chain: l1Chain, transport: http(), ...options }).extend(walletActionsL1()),
      l2: createWalletClient({ account, chain: l2Chain, transport: http(), ...options }).extend(walletActionsL2()),
    };
  };
  stack.user = stack.wallets(keys[0]);
  stack.stop = async () => { await node.stop(); await parent?.stop(); };
  return stack;
}

/** Deposits ETH to `to` and waits for its receipt on the child. */
async function deposit({ l1, l2, l2Chain, user }, to, mint) {
  const request = await l2.buildDepositTransaction({ account: user.l1.account, mint, to });
  const hash = await user.l1.depositTransaction(request);
  const { logs, status } = await l1.waitForTransactionReceipt({ hash });
  assert.equal(status, 'success');
  const [l2Hash] = getL2TransactionHashes({ logs });
  return l2.waitForTransactionReceipt({ hash: l2Hash });
}

/** Brings the withdrawal of a receipt home through viem's whole protocol. */
async function bringHome({ l1, l2, l2Chain, user }, receipt) {
  assert.equal(await l1.getWithdrawalStatus({ receipt, targetChain: l2Chain }).catch((e) => e.name), 'waiting-to-prove');
  const { output, withdrawal, game } = await l1.waitToProve({ receipt, targetChain: l2Chain });
  const args = await l2.buildProveWithdrawal({ game, output, withdrawal });
  const proveHash = await user.l1.proveWithdrawal({ ...args, account: user.l1.account, targetChain: l2Chain });
  assert.equal((await l1.waitForTransactionReceipt({ hash: proveHash })).status, 'success');
  assert.equal(await l1.getWithdrawalStatus({ receipt, targetChain: l2Chain }), 'waiting-to-finalize');
  await l1.waitToFinalize({ targetChain: l2Chain, withdrawalHash: withdrawal.withdrawalHash });
  await until(async () => await l1.getWithdrawalStatus({ receipt, targetChain: l2Chain }) === 'ready-to-finalize', 60_000, 'ready-to-finalize');
  const finalizeHash = await user.l1.finalizeWithdrawal({ targetChain: l2Chain, withdrawal, account: user.l1.account });
  assert.equal((await l1.waitForTransactionReceipt({ hash: finalizeHash })).status, 'success');
  assert.equal(await l1.getWithdrawalStatus({ receipt, targetChain: l2Chain }), 'finalized');
}

for (const [name, program] of [["varve's L1", undefined], ['anvil', foundry('anvil')]]) {
  describe(`a layer 2 on ${name}`, () => {
    let stack;
    before(async () => { stack = await startStack(program); });
    after(() => stack?.stop());

    test('a deposit arrives under the hash that viem computes', async () => {
      const to = stack.wallets(generatePrivateKey()).address;
      const receipt = await deposit(stack, to, ether);
      assert.equal(receipt.status, 'success');
      assert.equal(await stack.l2.getBalance({ address: to }), ether);
    });

    test('a transfer costs 21,000 gas, and sending everything leaves nothing', async () => {
      const from = stack.wallets(generatePrivateKey());
      await deposit(stack, from.address, ether);
      const gasPrice = 2n * await stack.l2.getGasPrice();
      const hash = await from.l2.sendTransaction({ to: stack.user.address, value: ether - 21_000n * gasPrice, gasPrice, gas: 21_000n, type: 'legacy' });
      const receipt = await stack.l2.waitForTransactionReceipt({ hash });
      assert.equal(receipt.gasUsed, 21_000n);
      assert.equal(receipt.l1Fee, 0n);
      assert.equal(await stack.l2.getBalance({ address: from.address }), 0n);
    });

    test('the data of a transaction is in its gas price: the fee on top is nothing', async () => {
      const total = await stack.l2.estimateTotalFee({ account: stack.user.l2.account, to: stack.user.address, value: 1n });
      assert.equal(await stack.l2.estimateL1Fee({ account: stack.user.l2.account, to: stack.user.address, value: 1n }), 0n);
      assert.ok(total > 0n);
    });

    test('ETH comes home, on a chain that is idle but for the withdrawal', { timeout: 120_000 }, async () => {
      const to = stack.wallets(generatePrivateKey()).address;
      await deposit(stack, stack.user.address, 2n * ether);
      const request = await stack.l1.buildInitiateWithdrawal({ account: stack.user.address, to, value: ether });
      const hash = await stack.user.l2.initiateWithdrawal(request);
      const receipt = await stack.l2.waitForTransactionReceipt({ hash });
      assert.equal(getWithdrawals({ logs: receipt.logs }).length, 1);
      await bringHome(stack, receipt);
      assert.equal(await stack.l1.getBalance({ address: to }), ether);
    });

    test('an ERC-20 goes over the standard bridge and comes home', { timeout: 120_000 }, async () => {
      const { l1, l2, user, rollup } = stack;
      const { abi, bytecode } = artifact('Token');
      const deployed = await l1.waitForTransactionReceipt({ hash: await user.l1.deployContract({ abi, bytecode, args: [1_000n * ether] }) });
      const remote = deployed.contractAddress;
      const created = await l2.waitForTransactionReceipt({
        hash: await user.l2.writeContract({ address: tokenFactory, abi: factoryAbi, functionName: 'createOptimismMintableERC20', args: [remote, 'Token', 'TOK'] }),
      });
      const local = await until(async () => {
        const [event] = await l2.getContractEvents({ address: tokenFactory, abi: factoryAbi, fromBlock: created.blockNumber, args: { remoteToken: remote } });
        return event?.args.localToken;
      });
      const bridge = rollup.parent.standardBridge;
      await l1.waitForTransactionReceipt({ hash: await user.l1.writeContract({ address: remote, abi: erc20Abi, functionName: 'approve', args: [bridge, 10n * ether] }) });
      const over = await l1.waitForTransactionReceipt({
        hash: await user.l1.writeContract({ address: bridge, abi: bridgeAbi, functionName: 'bridgeERC20To', args: [remote, local, user.address, 10n * ether, 200_000, '0x'] }),
      });
      const [l2Hash] = getL2TransactionHashes(over);
      assert.equal((await l2.waitForTransactionReceipt({ hash: l2Hash })).status, 'success');
      const balance = (client, address) => client.readContract({ address, abi: erc20Abi, functionName: 'balanceOf', args: [user.address] });
      assert.equal(await balance(l2, local), 10n * ether);
      const back = await l2.waitForTransactionReceipt({
        hash: await user.l2.writeContract({ address: standardBridge, abi: bridgeAbi, functionName: 'bridgeERC20To', args: [local, remote, user.address, 4n * ether, 200_000, '0x'] }),
      });
      await bringHome(stack, back);
      assert.equal(await balance(l1, remote), 994n * ether);
      assert.equal(await balance(l2, local), 6n * ether);
    });
  });
}
