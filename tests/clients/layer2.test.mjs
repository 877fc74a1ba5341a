// The layer 2 through viem's own op-stack client, unmodified: money and messages there and back, on varve's
// L1 and on anvil.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { erc20Abi, parseAbi } from 'viem';
import { generatePrivateKey } from 'viem/accounts';
import { getL2TransactionHashes, getWithdrawals } from 'viem/op-stack';
import { artifact, ether, foundry, keys, until } from './node.mjs';
import { bringHome, deposit, sendDeposit, startParent, startStack } from './stack.mjs';

const bridgeAbi = parseAbi([
  'function bridgeERC20To(address local, address remote, address to, uint256 amount, uint32 minGasLimit, bytes extraData)',
]);
const factoryAbi = parseAbi([
  'function createOptimismMintableERC20(address remoteToken, string name, string symbol) returns (address)',
  'event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer)',
]);
const standardBridge = '0x4200000000000000000000000000000000000010';
const tokenFactory = '0x4200000000000000000000000000000000000012';

for (const [name, program] of [["varve's L1", undefined], ['anvil', foundry('anvil')]]) {
  describe(`a layer 2 on ${name}`, () => {
    let parent, stack;
    before(async () => {
      parent = program && await startParent(program);
      stack = await startStack({ parent });
    });
    after(async () => { await stack?.stop(); await parent?.stop(); });

    test('a deposit arrives under the hash that viem computes', async () => {
      const to = stack.wallets(generatePrivateKey()).address;
      const receipt = await deposit(stack, to, ether);
      assert.equal(receipt.status, 'success');
      assert.equal(await stack.l2.getBalance({ address: to }), ether);
    });

    test('what a deposit was estimated to take is enough, whatever others deposit before it', async () => {
      const { l1, l2, user } = stack;
      const to = user.address;
      const others = keys.slice(1, 5).map((key) => stack.wallets(key));
      for (let before = 0; before <= others.length; before++) {
        const request = await l2.buildDepositTransaction({ account: user.l1.account, mint: 1n, to });
        const gas = await l1.estimateDepositTransactionGas({ ...request, account: user.l1.account });
        for (const other of others.slice(0, before)) await sendDeposit(stack, other, to, 1n);
        const { status } = await l1.waitForTransactionReceipt({ hash: await user.l1.depositTransaction({ ...request, gas }) });
        assert.equal(status, 'success', `with ${before} before it`);
      }
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

    test('fees gather in vaults, whose withdrawals are worth a proof', async () => {
      const read = (address, functionName, type) => stack.l2.readContract({
        address, functionName, abi: [{ type: 'function', name: functionName, inputs: [], outputs: [{ type }], stateMutability: 'view' }],
      });
      for (const vault of ['0x4200000000000000000000000000000000000011', '0x4200000000000000000000000000000000000019']) {
        assert.ok(await stack.l2.getBalance({ address: vault }) > 0n);
        assert.equal(await read(vault, 'minWithdrawalAmount', 'uint256'), ether / 1000n);
        assert.equal(BigInt(await read(vault, 'recipient', 'address')), BigInt(stack.rollup.child.feeRecipient));
      }
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
