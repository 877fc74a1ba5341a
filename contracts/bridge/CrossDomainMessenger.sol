// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {SafeCall} from "./SafeCall.sol";

/// Messages to a contract of the other chain that can be tried again. One of these stands on the
/// parent and one on the child; each takes orders from the other only.
///
/// A message has one of three fates where it arrives, and keeps to the last two for ever:
///
///     unknown --relay, the call succeeds--> successful
///        |                                     ^
///        +--relay, the call fails--> failed ---+ replay, by anyone, as often as it takes
///
/// Its ether waits here while it is failed, so the ether held is at least that of the failed messages.
///
/// Everything rests upon a first delivery never being lost, that is, never running out of gas before
/// the message is at least marked as failed. `baseGas` asks the other chain for that much, and
/// `relayMessage` keeps enough back from the call that it makes.
/// Source: OP specification, messengers.md.
abstract contract CrossDomainMessenger {
    /// The structure of a message: goes in the two upper bytes of its nonce.
    uint16 public constant MESSAGE_VERSION = 1;

    /// Gas of `relayMessage` apart from its call: a wide margin over what it takes.
    uint64 public constant RELAY_CONSTANT_OVERHEAD = 200_000;

    /// For the 64th part of the gas that a caller cannot hand over (EIP-150).
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR = 64;
    uint64 public constant MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR = 63;

    /// Gas for each byte of a message: to bring it, copy it and hash it.
    uint64 public constant MIN_GAS_CALLDATA_OVERHEAD = 16;

    /// Gas that the call itself can cost.
    uint64 public constant RELAY_CALL_OVERHEAD = 40_000;

    /// Gas kept back to record how the call went: a new slot (20,000), a dirty one (100), an event.
    uint64 public constant RELAY_RESERVED_GAS = 40_000;

    /// Gas between the check that there is enough and the call: the slot that names the sender
    /// (20,000, since it is zero at rest; OP's is never zero and its figure is 5,000) and a few steps.
    uint64 public constant RELAY_GAS_CHECK_BUFFER = 25_000;

    /// What surrounds a message of n bytes in the calldata of `relayMessage`: selector, six words, the
    /// length, and padding.
    uint64 public constant ENCODING_OVERHEAD = 260;

    /// Gas of a transaction that does nothing.
    uint64 public constant TX_BASE_GAS = 21_000;

    /// OP's clients estimate gas from this address: a relay that fails then reverts, so that they find
    /// the gas with which it succeeds.
    address internal constant ESTIMATION_ADDRESS = address(1);

    /// Slot 0: by hash, the messages whose call has succeeded. They are done with.
    mapping(bytes32 => bool) public successfulMessages;

    /// Slot 1: who sent the message being relayed; zero while none is. It also is the lock: a message
    /// relayed within another is marked as failed, so whom a callee sees here is never in doubt.
    address internal xDomainMsgSender;

    /// Slot 2: how many messages have been sent.
    uint240 internal msgNonce;

    /// Slot 3: by hash, the messages whose call has failed at least once.
    mapping(bytes32 => bool) public failedMessages;

    event SentMessage(address indexed target, address sender, bytes message, uint256 messageNonce, uint256 gasLimit);
    event SentMessageExtension1(address indexed sender, uint256 value);
    event RelayedMessage(bytes32 indexed msgHash);
    event FailedRelayedMessage(bytes32 indexed msgHash);

    error UnsupportedVersion(uint16 version);
    error UnsafeTarget(address target);

    /// Sends `_message` and the attached ether to `_target` on the other chain, where the call gets at
    /// least `_minGasLimit`. A call that fails can be replayed there; one that can never succeed keeps
    /// its ether locked.
    function sendMessage(address _target, bytes calldata _message, uint32 _minGasLimit) external payable {
        // It would be refused there, and its ether lost: refuse it here.
        if (_isUnsafeRemoteTarget(_target)) revert UnsafeTarget(_target);

        uint256 nonce = messageNonce();
        unchecked {
            ++msgNonce; // 2^240 messages will not be sent
        }
        _sendMessage({
            _to: otherMessenger(),
            _gasLimit: baseGas(_message, _minGasLimit),
            _value: msg.value,
            _data: abi.encodeCall(this.relayMessage, (nonce, msg.sender, _target, msg.value, _minGasLimit, _message))
        });
        emit SentMessage(_target, msg.sender, _message, nonce, _minGasLimit);
        emit SentMessageExtension1(msg.sender, msg.value);
    }

    /// Delivers a message of the other messenger; then, if its call failed, anyone may try again.
    function relayMessage(
        uint256 _nonce,
        address _sender,
        address _target,
        uint256 _value,
        uint256 _minGasLimit,
        bytes calldata _message
    ) external payable {
        if (_nonce >> 240 != MESSAGE_VERSION) revert UnsupportedVersion(uint16(_nonce >> 240));

        // OP's "version 1 hash" of a message, which clients compute too.
        bytes32 versionedHash =
            keccak256(abi.encodeCall(this.relayMessage, (_nonce, _sender, _target, _value, _minGasLimit, _message)));

        if (_isOtherMessenger()) {
            // Holds for whatever the other messenger sends: each nonce is used once, with its value.
            assert(msg.value == _value);
            assert(!failedMessages[versionedHash]);
        } else {
            require(msg.value == 0, "CrossDomainMessenger: value must be zero unless message is from a system address");
            require(failedMessages[versionedHash], "CrossDomainMessenger: message cannot be replayed");
        }
        require(!_isUnsafeTarget(_target), "CrossDomainMessenger: cannot send message to blocked system address");
        require(!successfulMessages[versionedHash], "CrossDomainMessenger: message has already been relayed");

        bytes memory message = _message; // copied before the gas is counted
        if (
            xDomainMsgSender != address(0)
                || !SafeCall.hasMinGas(_minGasLimit, RELAY_RESERVED_GAS + RELAY_GAS_CHECK_BUFFER)
        ) {
            _markFailed(versionedHash);
            return;
        }

        xDomainMsgSender = _sender;
        bool success = SafeCall.call(_target, gasleft() - RELAY_RESERVED_GAS, _value, message);
        xDomainMsgSender = address(0);

        if (success) {
            // Relays within the call were refused, so nothing can have marked it meanwhile.
            assert(!successfulMessages[versionedHash]);
            successfulMessages[versionedHash] = true;
            emit RelayedMessage(versionedHash);
        } else {
            _markFailed(versionedHash);
        }
    }

    /// Who sent, on the other chain, the message being relayed. Reverts outside of a relay.
    function xDomainMessageSender() external view returns (address) {
        require(xDomainMsgSender != address(0), "CrossDomainMessenger: xDomainMessageSender is not set");
        return xDomainMsgSender;
    }

    /// The messenger on the other chain.
    function otherMessenger() public view virtual returns (address);

    function OTHER_MESSENGER() external view returns (address) {
        return otherMessenger();
    }

    /// Nothing here can be paused.
    function paused() external pure returns (bool) {
        return false;
    }

    /// The nonce of the next message.
    function messageNonce() public view returns (uint256) {
        return uint256(MESSAGE_VERSION) << 240 | msgNonce;
    }

    /// The gas with which `relayMessage` on the other chain, for this message, gets as far as its call
    /// and hands `_minGasLimit` to it.
    function baseGas(bytes calldata _message, uint32 _minGasLimit) public pure virtual returns (uint64) {
        uint64 fixed_ = TX_BASE_GAS + RELAY_CONSTANT_OVERHEAD + RELAY_CALL_OVERHEAD + RELAY_RESERVED_GAS;
        uint64 data = (uint64(_message.length) + ENCODING_OVERHEAD) * MIN_GAS_CALLDATA_OVERHEAD;
        uint64 call = uint64(_minGasLimit) * MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR / MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR;
        return fixed_ + RELAY_GAS_CHECK_BUFFER + data + call;
    }

    /// Sends a call with `_gasLimit` gas and `_value` wei to `_to` on the other chain.
    function _sendMessage(address _to, uint64 _gasLimit, uint256 _value, bytes memory _data) internal virtual;

    /// Whether the other messenger is calling.
    function _isOtherMessenger() internal view virtual returns (bool);

    /// Whether this messenger must not call `_target`: contracts that would take such a call for the
    /// messenger's own will.
    function _isUnsafeTarget(address _target) internal view virtual returns (bool);

    /// The same for the other messenger, as far as it is known here.
    function _isUnsafeRemoteTarget(address _target) internal view virtual returns (bool);

    function _markFailed(bytes32 versionedHash) private {
        failedMessages[versionedHash] = true;
        emit FailedRelayedMessage(versionedHash);
        if (tx.origin == ESTIMATION_ADDRESS) revert("CrossDomainMessenger: failed to relay message");
    }
}
