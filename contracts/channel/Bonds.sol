// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Digests} from "./Digests.sol";
import {Payouts} from "./Payouts.sol";
import {Records} from "./Records.sol";
import {Signatures} from "./Signatures.sol";
import {Channel, SignedHalf, SIDE_A, SIDE_B} from "./Types.sol";

/// @title What a closer stakes on having posted the newest that it knew
/// @notice An owner, or its payout address, that opens a dispute with ether stakes it. It gets it back when the channel is settled or
///         closed by both, unless somebody shows before the dispute's end that it knew better, by its own
///         signatures: then the bond is its peer's. Never the sender's: a cheat would prove its own lie first.
abstract contract Bonds is Records, Signatures, Payouts {
    /// The least bond pays for so much gas at the close's base fee: three challenges.
    uint256 public constant BOND_GAS = 200_000;

    /// 64 bits seqB, 64 seqA, 64 epoch as they were posted, 8 the closer's side + 1, 56 the bond in gwei: from
    /// low to high. Apart from the dispute's state, which others change: a proof has to name none.
    mapping(bytes32 id => uint256) private _claims;

    event BondStaked(bytes32 indexed id, uint8 side, uint256 amount);
    /// To the closer, or to its peer.
    event BondPaid(bytes32 indexed id, uint8 side, uint256 amount);

    error BadBond(uint256 least);
    error NotAnOwner();
    error NoBond();
    error NoLie();

    /// Shows that the closer knew more than it posted; anyone may. `own`, signed by the closer in `epoch`, is
    ///   - of a later epoch than was posted: halves are signed only on a base with both signatures; or
    ///   - of the same, with an `ackSeq` above the seq that was posted of the peer's; or
    ///   - of the same, and its `ackHash` is the hash of `acked`, a half of the peer's whose `ackSeq` is above
    ///     the seq that was posted of the closer's own.
    function proveLie(Channel calldata c, uint64 epoch, SignedHalf calldata own, SignedHalf calldata acked) external {
        bytes32 id = Digests.id(Digests.pair(c), c.asset);
        if (block.timestamp >= _time(_disputed(_records[id]))) revert Late();
        uint256 claim = _claims[id];
        if (claim == 0) revert NoBond();
        uint8 side = _side(claim);
        (address closer, address peer) = side == SIDE_A ? (c.a, c.b) : (c.b, c.a);
        if (_checkHalf(id, side, epoch, own, closer) == 0) revert NoLie();
        if (epoch <= uint64(claim >> 128)) {
            if (epoch != uint64(claim >> 128)) revert NoLie();
            (uint64 postedA, uint64 postedB) = (uint64(claim >> 64), uint64(claim));
            (uint64 mine, uint64 theirs) = side == SIDE_A ? (postedA, postedB) : (postedB, postedA);
            if (own.ackSeq <= theirs) {
                bytes32 hash = _checkHalf(id, 1 - side, epoch, acked, peer);
                if (hash == 0 || hash != own.ackHash || acked.ackSeq <= mine) revert NoLie();
            }
        }
        _payBond(id, c, claim, 1 - side);
    }

    /// After a close by both in a dispute; `settle` does it by itself. Anyone may.
    function returnBond(Channel calldata c) external {
        bytes32 id = Digests.id(Digests.pair(c), c.asset);
        if (_records[id].deposits & SETTLED == 0) revert WrongPhase(phaseOf(id));
        if (_claims[id] == 0) revert NoBond();
        _returnBond(id, c);
    }

    /// What is staked and not paid out, by which side, and what it says to be the newest.
    function bondOf(bytes32 id)
        external
        view
        returns (uint8 side, uint256 amount, uint64 epoch, uint64 seqA, uint64 seqB)
    {
        uint256 claim = _claims[id];
        if (claim == 0) return (0, 0, 0, 0, 0);
        return (_side(claim), _amount(claim), uint64(claim >> 128), uint64(claim >> 64), uint64(claim));
    }

    /// Takes the caller's ether as its bond. `word` is the dispute's, as the caller posted it. A channel that
    /// is closed is refused: nothing would return the bond. So is whoever is not a side: a cheat would claim in
    /// its peer's name, and when it is found out be the one whom the bond goes to.
    function _stake(bytes32 id, Channel calldata c, uint256 word) internal {
        if (_records[id].deposits & SETTLED != 0) revert AlreadySettled();
        uint256 least = BOND_GAS * block.basefee;
        if (msg.value < least || msg.value % 1 gwei != 0 || msg.value >> 56 >= 1 gwei) revert BadBond(least);
        uint8 side = msg.sender == c.a || msg.sender == c.payoutA ? SIDE_A : SIDE_B;
        if (side == SIDE_B && msg.sender != c.b && msg.sender != c.payoutB) revert NotAnOwner();
        _claims[id] = uint192(word) | (uint256(side + 1) << 192) | ((msg.value / 1 gwei) << 200);
        emit BondStaked(id, side, msg.value);
    }

    function _returnBond(bytes32 id, Channel calldata c) internal {
        uint256 claim = _claims[id];
        if (claim != 0) _payBond(id, c, claim, _side(claim)); // else it was lost
    }

    function _payBond(bytes32 id, Channel calldata c, uint256 claim, uint8 side) private {
        delete _claims[id];
        emit BondPaid(id, side, _amount(claim));
        _push(address(0), side == SIDE_A ? c.payoutA : c.payoutB, _amount(claim));
    }

    function _side(uint256 claim) private pure returns (uint8) {
        return uint8(claim >> 192) - 1;
    }

    function _amount(uint256 claim) private pure returns (uint256) {
        return (claim >> 200) * 1 gwei;
    }
}
