// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// The only door from the child to its parent. A withdrawal is a hash in `sentMessages`; the storage
/// root of this account is part of every claimed output, so the parent's portal checks a withdrawal
/// with one short proof.
/// Ether that leaves stays here, out of circulation, until anyone burns it: the parent's portal holds
/// its counterpart. Source: OP specification, withdrawals.md, "The L2ToL1MessagePasser Contract".
/// @custom:predeploy 0x4200000000000000000000000000000000000016
contract L2ToL1MessagePasser {
    /// The structure of a message: goes in the two upper bytes of its nonce.
    uint16 public constant MESSAGE_VERSION = 1;

    string public constant version = "1.1.1";

    /// Enough on the parent for a transfer to an account or to a wallet contract.
    uint256 internal constant RECEIVE_DEFAULT_GAS_LIMIT = 100_000;

    /// Slot 0, which clients and the portal rely upon: the storage key of a withdrawal is
    /// keccak256(withdrawalHash . 0).
    mapping(bytes32 => bool) public sentMessages;

    /// Slot 1. How many messages have been sent.
    uint240 internal msgNonce;

    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );

    event WithdrawerBalanceBurnt(uint256 indexed amount);

    /// Ether sent here goes to the sender's own address on the parent.
    receive() external payable {
        initiateWithdrawal(msg.sender, RECEIVE_DEFAULT_GAS_LIMIT, "");
    }

    /// Sends `_data` and the attached ether to `_target` on the parent, where the call gets at least
    /// `_gasLimit`. The call is made once: who needs a second try sends through the messenger.
    function initiateWithdrawal(address _target, uint256 _gasLimit, bytes memory _data) public payable {
        uint256 nonce = messageNonce();
        bytes32 withdrawalHash = keccak256(abi.encode(nonce, msg.sender, _target, msg.value, _gasLimit, _data));
        sentMessages[withdrawalHash] = true;
        unchecked {
            ++msgNonce; // 2^240 messages will not be sent
        }
        emit MessagePassed(nonce, msg.sender, _target, msg.value, _gasLimit, _data, withdrawalHash);
    }

    /// Destroys the ether held here, so that the child's supply shows what really circulates. The only
    /// way to destroy ether is a contract that names itself its heir in the transaction that creates it
    /// (EIP-6780 keeps that case); two bytes of code do: ADDRESS SELFDESTRUCT.
    function burn() external {
        uint256 amount = address(this).balance;
        address burner;
        assembly {
            mstore(0, shl(240, 0x30ff))
            burner := create(amount, 0, 2)
        }
        assert(burner != address(0));
        emit WithdrawerBalanceBurnt(amount);
    }

    /// The nonce of the next message.
    function messageNonce() public view returns (uint256) {
        return uint256(MESSAGE_VERSION) << 240 | msgNonce;
    }
}
