// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Predeploys} from "./Predeploys.sol";

/// What the child knows of its parent: the origin of the current block, the position up to which it
/// has read the parent's Inbox, and the configuration that the parent's SystemConfig has set.
///
/// Slots 0 to 7 have OP's layout, which its tools read from the state directly (OP specification,
/// l1-attributes.md, Ecotone). Slot 8 is left zero: there OP keeps its operator fee, and we have none.
/// Each value of ours has a slot to itself, so that genesis writes it as it is.
/// @custom:predeploy 0x4200000000000000000000000000000000000015
contract L1Block {
    /// The identifiers that `setConfig` knows.
    uint256 internal constant CONFIG_GAS_LIMIT = 0;
    uint256 internal constant CONFIG_BASE_FEE_SCALAR = 1;
    uint256 internal constant CONFIG_BLOB_BASE_FEE_SCALAR = 2;
    uint256 internal constant CONFIG_SEQUENCER = 3;
    uint256 internal constant CONFIG_PROTOCOL_VERSION = 4;

    /// What OP calls ether where a token's address is expected (EIP-7528).
    address internal constant ETHER = 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE;

    /// Slot 0: number and time of the origin.
    uint64 public number;
    uint64 public timestamp;
    /// Slot 1: base fee of the origin, in wei.
    uint256 public basefee;
    /// Slot 2: hash of the origin.
    bytes32 public hash;
    /// Slot 3: blocks since the origin changed, and the two scalars (parts per million).
    uint64 public sequenceNumber;
    uint32 public blobBaseFeeScalar;
    uint32 public baseFeeScalar;
    /// Slot 4: who sequences, as OP's clients know it.
    bytes32 public batcherHash;
    /// Slots 5 and 6: fees before Ecotone, always zero here.
    uint256 public l1FeeOverhead;
    uint256 public l1FeeScalar;
    /// Slot 7: blob base fee of the origin, in wei; zero if the parent has no blobs.
    uint256 public blobBaseFee;
    /// Slot 8: kept zero, see above.
    uint256 private operatorFee;
    /// Slot 9: how many items of the parent's Inbox have been read, those of this block included.
    uint256 public inboxPosition;
    /// Slot 10: the gas limit of blocks. Genesis sets it.
    uint256 public gasLimit;
    /// Slot 11: whose signature makes a block a promise, and who may append batches. Genesis sets it.
    address public sequencer;
    /// Slot 12: the rules by which blocks are derived and executed. Genesis sets it.
    uint256 public protocolVersion;

    event ConfigUpdated(uint256 indexed id, uint256 value);

    error NotDepositor();
    error UnknownConfig(uint256 id);
    error ConfigOutOfRange(uint256 id, uint256 value);

    /// The attributes of a block. The arguments are packed behind the selector, as in OP's Ecotone,
    /// followed by our position:
    ///
    ///   4 baseFeeScalar:4   8 blobBaseFeeScalar:4   12 sequenceNumber:8   20 timestamp:8   28 number:8
    ///   36 basefee:32   68 blobBaseFee:32   100 hash:32   132 batcherHash:32   164 inboxPosition:8
    function setL1BlockValuesEcotone() external {
        if (msg.sender != Predeploys.DEPOSITOR_ACCOUNT) revert NotDepositor();
        bytes calldata data = msg.data; // a slice beyond its end reverts
        baseFeeScalar = uint32(bytes4(data[4:8]));
        blobBaseFeeScalar = uint32(bytes4(data[8:12]));
        sequenceNumber = uint64(bytes8(data[12:20]));
        timestamp = uint64(bytes8(data[20:28]));
        number = uint64(bytes8(data[28:36]));
        basefee = uint256(bytes32(data[36:68]));
        blobBaseFee = uint256(bytes32(data[68:100]));
        hash = bytes32(data[100:132]);
        batcherHash = bytes32(data[132:164]);
        inboxPosition = uint64(bytes8(data[164:172]));
    }

    /// A change of configuration, made of an item of the parent's Inbox. What this version does not
    /// know reverts and changes nothing, and the transaction stays in its block as a failed one.
    function setConfig(uint256 id, uint256 value) external {
        if (msg.sender != Predeploys.CONFIG_ACCOUNT) revert NotDepositor();
        if (id == CONFIG_GAS_LIMIT) gasLimit = _bounded(id, value, type(uint64).max);
        else if (id == CONFIG_BASE_FEE_SCALAR) baseFeeScalar = uint32(_bounded(id, value, type(uint32).max));
        else if (id == CONFIG_BLOB_BASE_FEE_SCALAR) blobBaseFeeScalar = uint32(_bounded(id, value, type(uint32).max));
        else if (id == CONFIG_SEQUENCER) sequencer = address(uint160(_bounded(id, value, type(uint160).max)));
        else if (id == CONFIG_PROTOCOL_VERSION) protocolVersion = _bounded(id, value, type(uint64).max);
        else revert UnknownConfig(id);
        emit ConfigUpdated(id, value);
    }

    function version() external pure returns (string memory) {
        return "1.5.0+varve.1";
    }

    function DEPOSITOR_ACCOUNT() external pure returns (address addr_) {
        return Predeploys.DEPOSITOR_ACCOUNT;
    }

    /// Gas is paid in ether, always.
    function gasPayingToken() external pure returns (address addr_, uint8 decimals_) {
        return (ETHER, 18);
    }

    function gasPayingTokenName() external pure returns (string memory name_) {
        return "Ether";
    }

    function gasPayingTokenSymbol() external pure returns (string memory symbol_) {
        return "ETH";
    }

    function isCustomGasToken() external pure returns (bool) {
        return false;
    }

    function operatorFeeScalar() external pure returns (uint32) {
        return 0;
    }

    function operatorFeeConstant() external pure returns (uint64) {
        return 0;
    }

    function _bounded(uint256 id, uint256 value, uint256 max) private pure returns (uint256) {
        if (value > max) revert ConfigOutOfRange(id, value);
        return value;
    }
}
