// eth_getProof, checked by ethereumjs's trie: nothing of ours takes part in the judgement.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { verifyMerkleProof } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { createPublicClient, createWalletClient, http, hexToBytes, keccak256, toHex, encodeAbiParameters } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { addresses, artifact, chainId, ether, keys, startNode, until } from './node.mjs';

const chain = { id: chainId, name: 'varve', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [] } } };
let node, client, wallet, token, deployed;

/** Asked for again and again: viem's own wait may miss the one block that there is, where answers are slow. */
const receiptOf = (hash) => until(() => client.getTransactionReceipt({ hash }).catch(() => null), 60_000, 'the receipt');

/** The value under `key`'s hash in the trie `root`, as the proof shows it; null where it shows absence. */
async function proven(root, key, proof) {
  return verifyMerkleProof(hexToBytes(key), proof.map((item) => hexToBytes(item)), { root: hexToBytes(root), useKeyHashing: true });
}

before(async () => {
  node = await startNode();
  const transport = http(node.url);
  client = createPublicClient({ chain, transport, pollingInterval: 25, cacheTime: 0 });
  wallet = createWalletClient({ chain, transport, account: privateKeyToAccount(keys[0]) });
  const hash = await wallet.deployContract({ ...artifact('Token'), args: [1_000n * ether] });
  deployed = await receiptOf(hash);
  token = deployed.contractAddress;
});
after(() => node?.stop());

/** Asks for a proof at a block and checks the account's part of it against that block's state root. */
async function accountProof(address, slots, blockNumber) {
  const { stateRoot } = await client.getBlock({ blockNumber });
  const answer = await client.getProof({ address, storageKeys: slots, blockNumber });
  const leaf = await proven(stateRoot, address, answer.accountProof);
  return { answer, leaf };
}

describe('eth_getProof', () => {
  test('proves an account', async () => {
    const { answer, leaf } = await accountProof(addresses[0], [], deployed.blockNumber);
    const [nonce, balance, storage, code] = RLP.decode(leaf).map((item) => toHex(item));
    assert.equal(BigInt(nonce), BigInt(answer.nonce));
    assert.equal(BigInt(balance), answer.balance);
    assert.equal(storage, answer.storageHash);
    assert.equal(code, answer.codeHash);
    assert.equal(answer.balance, await client.getBalance({ address: addresses[0], blockNumber: deployed.blockNumber }));
  });

  test('proves a contract\'s storage and the absence of a slot', async () => {
    // balanceOf(deployer): OpenZeppelin's ERC20 keeps _balances in slot 0
    const slot = keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [addresses[0], 0n]));
    const empty = toHex(12345, { size: 32 });
    const { answer, leaf } = await accountProof(token, [slot, empty], deployed.blockNumber);
    assert.equal(keccak256(await client.getCode({ address: token })), answer.codeHash);
    assert.equal(toHex(RLP.decode(leaf)[2]), answer.storageHash);
    const value = await proven(answer.storageHash, slot, answer.storageProof[0].proof);
    assert.equal(BigInt(toHex(RLP.decode(value))), 1_000n * ether);
    assert.equal(answer.storageProof[0].value, 1_000n * ether);
    assert.equal(await proven(answer.storageHash, empty, answer.storageProof[1].proof), null);
    assert.equal(answer.storageProof[1].value, 0n);
  });

  test('proves that an account is not there', async () => {
    const { answer, leaf } = await accountProof('0x00000000000000000000000000000000deadbeef', [], deployed.blockNumber);
    assert.equal(leaf, null);
    assert.equal(answer.balance, 0n);
  });

  test('proves an older block after newer ones changed the state', async () => {
    const before = await client.getBalance({ address: addresses[3], blockNumber: deployed.blockNumber });
    for (let i = 0; i < 5; i++) {
      await receiptOf(await wallet.sendTransaction({ to: addresses[3], value: ether }));
    }
    const { answer, leaf } = await accountProof(addresses[3], [], deployed.blockNumber);
    assert.equal(answer.balance, before);
    assert.equal(BigInt(toHex(RLP.decode(leaf)[1])), before);
  });
});
