// viem's OP-stack actions against a child chain's contracts on the parent. The child itself is made up
// here: a claim is taken at its word, and a withdrawal is proven in a trie with nothing else in it.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import {
  concat, createPublicClient, createWalletClient, encodeAbiParameters, encodeEventTopics, getContract, getContractAddress,
  http, keccak256, parseAbi, parseAbiParameters, toHex, zeroAddress, zeroHash,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { extractTransactionDepositedLogs, getWithdrawals, opaqueDataToDepositData, publicActionsL1, walletActionsL1 } from 'viem/op-stack';
import { addresses, artifact, bin, chainId, ether, foundry, keys, startNode } from './node.mjs';

const childId = 901;
const genesisOutput = keccak256('0x01');
const programHash = keccak256('0x02');
const times = { forcedRead: 30n, open: 120n, challenge: 10n, maturity: 10n, airgap: 2n, timelock: 60n };

/** A withdrawal, the output of a child's state that has it, and the proof of it; as viem passes them around. */
function makeExit(nonce, sender, target, value) {
  const message = { nonce: (1n << 240n) | nonce, sender, target, value, gasLimit: 100_000n, data: '0x' };
  const withdrawalHash = keccak256(encodeAbiParameters(
    parseAbiParameters('uint256, address, address, uint256, uint256, bytes'),
    [message.nonce, sender, target, value, message.gasLimit, message.data],
  ));
  const slot = keccak256(encodeAbiParameters(parseAbiParameters('bytes32, uint256'), [withdrawalHash, 0n]));
  const leaf = concat(['0xe3a120', keccak256(slot), '0x01']); // [0x20 ‖ key, 1]: a trie of one leaf
  const outputRootProof = {
    version: zeroHash, stateRoot: keccak256('0x03'), messagePasserStorageRoot: keccak256(leaf), latestBlockhash: keccak256('0x04'),
  };
  const abi = parseAbi(['event MessagePassed(uint256 indexed nonce, address indexed sender, address indexed target, uint256 value, uint256 gasLimit, bytes data, bytes32 withdrawalHash)']);
  const log = {
    address: '0x4200000000000000000000000000000000000016',
    topics: encodeEventTopics({ abi, args: message }),
    data: encodeAbiParameters(parseAbiParameters('uint256, uint256, bytes, bytes32'), [value, message.gasLimit, message.data, withdrawalHash]),
  };
  return { outputRootProof, withdrawalProof: [leaf], output: keccak256(concat(Object.values(outputRootProof))), log };
}

const anvil = foundry('anvil');
const parents = [
  { name: 'the parent is the node', program: bin, inbox: 'BlobInbox' },
  { name: 'the parent is a Shanghai chain', program: anvil, inbox: 'Inbox', args: ['--hardfork', 'shanghai'], skip: !existsSync(anvil) && 'foundry comes for linux on x86-64 only' },
];

for (const parent of parents) {
  describe(parent.name, { skip: parent.skip }, () => {
    let node, client, owner, user, inbox, portal, config, settlement, names;

    const receiptOf = async (hash) => {
      const receipt = await client.waitForTransactionReceipt({ hash });
      assert.equal(receipt.status, 'success');
      return receipt;
    };
    const pass = async (seconds) => {
      await node.rpc('evm_increaseTime', Number(seconds));
      await node.rpc('evm_mine');
    };

    before(async () => {
      node = await startNode({ program: parent.program, args: parent.args });
      const chain = { id: chainId, name: 'parent', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [] } } };
      const transport = http(node.url);
      client = createPublicClient({ chain, transport, pollingInterval: 25, cacheTime: 0 }).extend(publicActionsL1());
      [owner, user] = keys.map((key) => createWalletClient({ chain, transport, account: privateKeyToAccount(key) }).extend(walletActionsL1()));

      // By plain creations, with the addresses predicted (contracts/README.md).
      const first = BigInt(await client.getTransactionCount({ address: owner.account.address }));
      names = Object.fromEntries(['config', 'inbox', 'portal', 'settlement'].map((name, i) =>
        [name, getContractAddress({ from: owner.account.address, nonce: first + BigInt(i) })]));
      const deploy = async (name, args, address) => {
        const { abi, bytecode } = artifact(name);
        const receipt = await receiptOf(await owner.deployContract({ abi, bytecode, args }));
        assert.equal(receipt.contractAddress.toLowerCase(), address.toLowerCase());
        return getContract({ abi, address, client: { public: client, wallet: owner } });
      };
      config = await deploy('SystemConfig', [{
        owner: owner.account.address, sequencer: owner.account.address, gasLimit: 30_000_000n, basefeeScalar: 40_000_000,
        blobbasefeeScalar: 0, timelock: times.timelock, l2ChainId: BigInt(childId), programHash, settlement: names.settlement,
        inbox: names.inbox, optimismPortal: names.portal, l1CrossDomainMessenger: zeroAddress, l1StandardBridge: zeroAddress,
        l1ERC721Bridge: zeroAddress, l1ERC1155Bridge: zeroAddress,
      }], names.config);
      inbox = await deploy(parent.inbox, [names.config, names.portal, BigInt(childId), times.forcedRead, times.open], names.inbox);
      portal = await deploy('Portal', [names.config, names.inbox, times.maturity], names.portal);
      settlement = await deploy('OptimisticSettlement', [names.config, genesisOutput, times.challenge, times.airgap, 0n], names.settlement);
    });
    after(() => node?.stop());

    test('a deposit is what viem reads out of it', async () => {
      const hash = await user.depositTransaction({
        request: { to: addresses[2], mint: 5n * ether, value: 3n * ether, gas: 100_000n, data: '0xc0de' }, portalAddress: names.portal,
      });
      const [log] = extractTransactionDepositedLogs(await receiptOf(hash));
      assert.equal(log.args.from, user.account.address);
      assert.equal(log.args.to, addresses[2]);
      assert.equal(log.args.version, 0n);
      assert.deepEqual(opaqueDataToDepositData(log.args.opaqueData), {
        mint: 5n * ether, value: 3n * ether, gas: 100_000n, isCreation: false, data: '0xc0de',
      });
      assert.equal(await client.getBalance({ address: names.portal }), 5n * ether);
      const [item] = await inbox.getEvents.ItemEnqueued({}, { fromBlock: 0n });
      assert.equal(item.args.mint, 5n * ether);
      assert.equal(item.args.data, '0xc0de');
    });

    test('a batch is appended with what the contract itself says', async () => {
      const [count, items] = await Promise.all([inbox.read.batchCount(), inbox.read.itemCount()]);
      const origin = await client.getBlock();
      await receiptOf(await inbox.write.append([
        await inbox.read.batchAccAt([count]), items, await inbox.read.inboxAccAt([items]), origin.number, origin.hash, '0x0102',
      ], { gas: 500_000n })); // an estimate made in the second of the last batch would leave out a write
      assert.equal(await inbox.read.batchCount(), count + 1n);
      assert.equal(await inbox.read.readCount(), items);
    });

    test('blobs need a parent that has them', () => {
      assert.equal(Boolean(inbox.abi.find(({ name }) => name === 'appendBlobs')), parent.inbox === 'BlobInbox');
    });

    test('a withdrawal goes through every state that viem knows', async () => {
      const exit = makeExit(0n, user.account.address, addresses[3], ether);
      const receipt = { blockNumber: 7n, logs: [exit.log], transactionHash: zeroHash };
      const where = { portalAddress: names.portal, disputeGameFactoryAddress: names.settlement };
      const status = () => client.getWithdrawalStatus({ receipt, ...where });
      const [withdrawal] = getWithdrawals(receipt);

      const claim = async (output, number) => {
        const batchCount = await inbox.read.batchCount();
        const inboxPos = await inbox.read.inboxPosAt([batchCount]);
        const [, , parentClaim] = await settlement.read.latestClaim();
        await receiptOf(await settlement.write.propose([{
          chainId: BigInt(childId), parentClaim, output, number, batchCount, batchAcc: await inbox.read.batchAccAt([batchCount]),
          inboxPos, inboxAcc: await inbox.read.inboxAccAt([inboxPos]), programHash, version: 1n,
        }, '0x']));
      };

      assert.deepEqual(await client.getPortalVersion(where), { major: 3, minor: 0, patch: 0 });
      assert.equal(await status(), 'waiting-to-prove');
      await claim(keccak256('0x05'), 7n); // viem wants a later block than the withdrawal's own
      assert.equal(await status(), 'waiting-to-prove');
      await claim(exit.output, 8n);
      assert.equal(await status(), 'ready-to-prove');
      assert.equal((await client.getGames({ ...where, l2BlockNumber: 7n })).length, 1);
      assert.ok((await client.getTimeToProve({ receipt, ...where })).seconds >= 0);
      const { game } = await client.waitToProve({ receipt, ...where });
      assert.equal(game.l2BlockNumber, 8n);
      assert.equal(game.rootClaim, exit.output);
      assert.equal(game.index, 2n);

      await receiptOf(await user.proveWithdrawal({
        l2OutputIndex: game.index, outputRootProof: exit.outputRootProof, withdrawalProof: exit.withdrawalProof, withdrawal, ...where,
      }));
      assert.equal(await status(), 'waiting-to-finalize');
      const { period } = await client.getTimeToFinalize({ withdrawalHash: withdrawal.withdrawalHash, ...where });
      assert.equal(period, Number(times.maturity));
      await assert.rejects(user.finalizeWithdrawal({ withdrawal, proofSubmitter: user.account.address, ...where }), /OptimismPortal_ProofNotOldEnough/);

      await pass(times.challenge + times.airgap + 1n);
      assert.equal(await status(), 'ready-to-finalize');
      const before = await client.getBalance({ address: addresses[3] });
      await receiptOf(await user.finalizeWithdrawal({ withdrawal, ...where }));
      assert.equal(await client.getBalance({ address: addresses[3] }), before + ether);
      assert.equal(await status(), 'finalized');
      await assert.rejects(user.finalizeWithdrawal({ withdrawal, proofSubmitter: user.account.address, ...where }), /OptimismPortal_AlreadyFinalized/);
    });

    test('a forced transaction that nobody reads is read by anyone', async () => {
      const { abi, address } = inbox;
      await receiptOf(await user.writeContract({ abi, address, functionName: 'enqueue', args: [addresses[2], 1n, 50_000n, false, '0x'] }));
      await assert.rejects(user.writeContract({ abi, address, functionName: 'forceRead' }), /NothingOverdue/);
      await pass(times.forcedRead + 1n);
      await receiptOf(await user.writeContract({ abi, address, functionName: 'forceRead' }));
      assert.equal(await inbox.read.readCount(), await inbox.read.itemCount());
    });

    test('a settlement is replaced, and what was final stays', async () => {
      const { abi, bytecode } = artifact('OptimisticSettlement');
      const { contractAddress } = await receiptOf(await owner.deployContract({
        abi, bytecode, args: [names.config, zeroHash, times.challenge, times.airgap, 0n],
      }));
      await receiptOf(await config.write.scheduleUpgrade([contractAddress, programHash, 1n]));
      await pass(times.timelock);
      await receiptOf(await config.write.executeUpgrade());
      assert.equal((await config.read.settlement()).toLowerCase(), contractAddress.toLowerCase());
      const [, , hash] = await client.readContract({ abi, address: contractAddress, functionName: 'latestClaim' });
      const [, , last] = await settlement.read.latestClaim();
      assert.equal(hash, last);
      assert.equal((await portal.read.disputeGameFactory()).toLowerCase(), contractAddress.toLowerCase());
      assert.equal(toHex(await portal.read.respectedGameType()), '0x76610001');
    });
  });
}
