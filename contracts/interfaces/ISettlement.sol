// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// What somebody says the child's state is after `batchCount` batches.
struct Claim {
    uint256 chainId;
    bytes32 parentClaim; // hash of the claim that this one continues
    bytes32 output; // OP's output root, version 0, of block `number`
    uint64 number; // the child's last block
    uint64 batchCount;
    bytes32 batchAcc; // the Inbox's at `batchCount`
    uint64 inboxPos; // items read by those batches
    bytes32 inboxAcc; // the Inbox's at `inboxPos`
    bytes32 programHash;
    uint64 version; // SystemConfig's protocolVersion
}

/// OP's: how a claim stands.
enum GameStatus {
    IN_PROGRESS,
    CHALLENGER_WINS,
    DEFENDER_WINS
}

/// @title What decides which claims about the child are final
/// @notice One contract a kind (optimistic, validity, …). The portal knows only this interface.
interface ISettlement {
    /// OP's struct of DisputeGameFactory.findLatestGames.
    struct GameSearchResult {
        uint256 index;
        bytes32 metadata;
        uint64 timestamp;
        bytes32 rootClaim;
        bytes extraData;
    }

    event ClaimProposed(
        uint256 indexed id, bytes32 indexed claimHash, bytes32 indexed parentClaim, address proposer, Claim claim
    );
    /// OP's event; `disputeProxy` is the claim's own contract.
    event DisputeGameCreated(address indexed disputeProxy, uint32 indexed gameType, bytes32 indexed rootClaim);

    /// Anyone may propose; `evidence` and the value to send are the kind's affair.
    function propose(Claim calldata claim, bytes calldata evidence) external payable returns (uint256 id);

    /// Called once by SystemConfig, when this settlement takes over from `predecessor`.
    function start(address predecessor) external;

    /// Writes down the decisions on up to `max` more claims in order, so that later reads need not work them out.
    function advance(uint256 max) external;

    /// A GameStatus. In progress means that the claim's own window or proof is still open.
    function status(uint256 id) external view returns (uint8);

    /// Whether the claim is written down as lost: it was refuted, or `advance` has found that it builds on a
    /// refuted one. It looks at no clock and at no other claim, so asking takes the same gas at any time.
    function isLost(uint256 id) external view returns (bool);

    /// The claim's output once it is final, else zero.
    function finalOutput(uint256 id) external view returns (bytes32);

    function claimCount() external view returns (uint256);

    function claimAt(uint256 id)
        external
        view
        returns (Claim memory claim, bytes32 claimHash, uint64 createdAt, uint8 status);

    /// The newest claim, whatever its status: a proposer checks it before building on it.
    function latestClaim()
        external
        view
        returns (uint256 id, Claim memory claim, bytes32 claimHash, uint64 createdAt, uint8 status);

    /// The final claim with the highest block among those written down by `advance` and `propose`.
    function latestFinal() external view returns (uint256 id, Claim memory claim, bytes32 claimHash);

    /// The id of the claim with this hash; reverts if there is none.
    function idOf(bytes32 claimHash) external view returns (uint256 id);

    /// What `propose` wants to be sent.
    function bond() external view returns (uint256);

    // OP's DisputeGameFactory

    function gameCount() external view returns (uint256);

    function gameAtIndex(uint256 index) external view returns (uint32 gameType, uint64 timestamp, address proxy);

    function games(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        view
        returns (address proxy, uint64 timestamp);

    function findLatestGames(uint32 gameType, uint256 start, uint256 n)
        external
        view
        returns (GameSearchResult[] memory);

    // OP's AnchorStateRegistry

    function respectedGameType() external view returns (uint32);

    function isGameRegistered(address game) external view returns (bool);

    function isGameProper(address game) external view returns (bool);

    function isGameRespected(address game) external view returns (bool);

    function isGameRetired(address game) external view returns (bool);

    function isGameResolved(address game) external view returns (bool);

    function isGameFinalized(address game) external view returns (bool);

    function isGameClaimValid(address game) external view returns (bool);

    function getAnchorRoot() external view returns (bytes32 root, uint256 l2SequenceNumber);

    function disputeGameFinalityDelaySeconds() external view returns (uint256);
}
