// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IInbox} from "../../interfaces/IInbox.sol";
import {IPortal} from "../../interfaces/IPortal.sol";
import {Claim, GameStatus, ISettlement} from "../../interfaces/ISettlement.sol";
import {ISystemConfig} from "../../interfaces/ISystemConfig.sol";
import {Hashes} from "../Hashes.sol";
import {ClaimGame} from "./ClaimGame.sol";

/// @title What all kinds of settlement share
/// @notice A list of claims, each continuing an earlier one, so that they form a tree with claim 0 at its
///         root. A kind says how a single claim is decided (`_verdict`) and what a proposal must bring
///         (`_admit`); here is what follows from that:
///
///             proposed ──> its own verdict and its ancestors' ──> won ── airgap ──> final
///                                                            └──> lost
///
///         A claim is won when it and all its ancestors are, and lost when one of them is. Final ones stay
///         final. When SystemConfig replaces this settlement, what is not final by then never will be.
///
///         The same list answers as OP's DisputeGameFactory and AnchorStateRegistry, so that OP's clients
///         find claims where they expect games. A claim's contract is a clone of ClaimGame.
abstract contract Settlement is ISettlement {
    /// A claim without what the Inbox remembers for ever (it keeps accumulators by count of batches).
    struct Record {
        bytes32 claimHash;
        bytes32 output;
        bytes32 programHash;
        uint64 number;
        uint64 batchCount;
        uint64 version;
        uint64 parentId;
        address proposer;
        uint40 createdAt;
        uint40 decidedAt;
        GameStatus decision; // once won or lost, for good; until then it is worked out
        bool bondPaid;
    }

    /// What a claim's own contract can be asked for and what never changes.
    struct Summary {
        bytes32 output;
        uint64 number;
        uint64 createdAt;
        address proposer;
    }

    ISystemConfig public immutable systemConfig;
    IInbox public immutable inbox;
    uint256 public immutable l2ChainId;
    /// What a proposer leaves and gets back when the claim is final, in wei.
    uint256 public immutable bond;
    /// How long a claim that has won is looked at before it counts, in seconds: time in which a fault of the
    /// game itself can be seen.
    uint256 public immutable disputeGameFinalityDelaySeconds;
    /// The code of the claims' contracts.
    address public immutable gameImplementation;

    Record[] private _records;
    mapping(bytes32 claimHash => uint256) private _idPlusOne;
    /// Claims below this one are decided, and their records say how.
    uint256 public decidedCount;
    /// The final claim with the highest block among those.
    uint256 private _anchor;
    /// Who refuted a claim: the bond is theirs.
    mapping(uint256 id => address) public winnerOf;
    /// The settlement that this one took over from, if any.
    ISettlement public predecessor;
    /// What claim 0 continues: nothing, or a claim of the predecessor's list.
    bytes32 private _anchorParent;

    event BondPaid(uint256 indexed id, address indexed to, uint256 amount);
    event ClaimLost(uint256 indexed id, address indexed winner);

    error Miswired();
    error NotCurrent();
    error AlreadyStarted();
    error WrongBond(uint256 wanted);
    error WrongChain();
    error WrongProgram();
    error NoOutput();
    error UnknownClaim();
    error KnownClaim(uint256 id);
    error ParentLost();
    error BehindParent();
    error NotOfInbox();
    error Undecided();
    error Decided();
    error PaidAlready();
    error PaymentFailed();

    /// @param systemConfig_  Deployed before, as are the Inbox and the portal that it names.
    /// @param genesisOutput  The output of the child's genesis if this is its first settlement, and ignored
    ///                       otherwise: then claim 0 comes with `start`.
    constructor(ISystemConfig systemConfig_, bytes32 genesisOutput, uint64 airgap, uint256 bond_) {
        systemConfig = systemConfig_;
        inbox = IInbox(systemConfig_.inbox());
        l2ChainId = systemConfig_.l2ChainId();
        bond = bond_;
        disputeGameFinalityDelaySeconds = airgap;
        gameImplementation = address(new ClaimGame());

        // The contracts know each other by addresses predicted before any was there. This one comes last and
        // sees whether the predictions were right, so that a wrong deployment fails instead of taking deposits.
        address config = address(systemConfig_);
        address portal = systemConfig_.optimismPortal();
        if (
            address(inbox.systemConfig()) != config || inbox.portal() != portal || inbox.l2ChainId() != l2ChainId
                || address(IPortal(portal).systemConfig()) != config
                || address(IPortal(portal).inbox()) != address(inbox)
        ) revert Miswired();

        if (systemConfig_.settlement() == address(this)) {
            Claim memory genesis;
            genesis.chainId = l2ChainId;
            genesis.output = genesisOutput;
            genesis.batchAcc = inbox.batchAccAt(0);
            genesis.inboxAcc = inbox.inboxAccAt(0);
            genesis.programHash = systemConfig_.programHash();
            genesis.version = systemConfig_.protocolVersion();
            _begin(genesis);
        }
    }

    // What a kind decides

    /// Reverts unless the proposal brings what this kind wants; may note something about the claim, which
    /// is going to have this id. It calls nobody who could propose meanwhile.
    function _admit(uint256 id, Claim calldata claim, bytes calldata evidence) internal virtual;

    /// How the claim stands by itself, its ancestors aside, and since when. Claims marked as lost are not
    /// asked about, and neither is claim 0. A verdict other than in progress never changes again.
    function _verdict(uint256 id) internal view virtual returns (GameStatus status, uint64 decidedAt);

    function respectedGameType() public view virtual returns (uint32);

    // Claims

    /// @inheritdoc ISettlement
    function propose(Claim calldata claim, bytes calldata evidence) external payable returns (uint256 id) {
        if (systemConfig.settlement() != address(this)) revert NotCurrent();
        if (msg.value != bond) revert WrongBond(bond);
        if (claim.chainId != l2ChainId) revert WrongChain();
        if (claim.programHash != systemConfig.programHash() || claim.version != systemConfig.protocolVersion()) {
            revert WrongProgram();
        }
        if (claim.output == 0) revert NoOutput(); // zero stands for "not final"

        uint256 parentId = idOf(claim.parentClaim);
        Record storage parent = _records[parentId];
        if (parent.decision == GameStatus.CHALLENGER_WINS) revert ParentLost();
        if (claim.number < parent.number || claim.batchCount < parent.batchCount) revert BehindParent();

        // The Inbox may have other batches now than when the proposer looked, if the parent was reorganised.
        if (
            claim.batchAcc != inbox.batchAccAt(claim.batchCount)
                || claim.inboxPos != inbox.inboxPosAt(claim.batchCount)
                || claim.inboxAcc != inbox.inboxAccAt(claim.inboxPos)
        ) revert NotOfInbox();

        _admit(_records.length, claim, evidence);
        id = _record(claim, parentId);
        advance(2); // more than one per claim, so that it catches up after a pause
    }

    /// @inheritdoc ISettlement
    function start(address predecessor_) external {
        if (msg.sender != address(systemConfig)) revert NotCurrent();
        if (_records.length != 0) revert AlreadyStarted();
        predecessor = ISettlement(predecessor_);
        predecessor.advance(100);
        (, Claim memory anchor,) = predecessor.latestFinal();
        _begin(anchor);
    }

    /// @inheritdoc ISettlement
    function advance(uint256 max) public {
        uint64 until = _until();
        uint256 id = decidedCount;
        for (; max > 0 && id < _records.length; max--) {
            // The parent has a lower id and so is decided: this looks at two records at most.
            (GameStatus decision, uint64 since) = _decision(id);
            if (decision == GameStatus.IN_PROGRESS) break;
            if (decision == GameStatus.DEFENDER_WINS && _finalFrom(id, since) > until) break;
            Record storage r = _records[id];
            r.decision = decision;
            r.decidedAt = uint40(since);
            if (decision == GameStatus.DEFENDER_WINS && r.number > _records[_anchor].number) _anchor = id;
            id++;
        }
        decidedCount = id;
    }

    /// @notice Pays a claim's bond out: to the winner if it was refuted; else, once it is final, or was
    ///         proposed on top of a refuted one, or can no longer become final, to its proposer.
    function withdrawBond(uint256 id) external {
        Record storage r = _get(id);
        if (r.bondPaid) revert PaidAlready();
        address to = winnerOf[id];
        if (to == address(0)) {
            (GameStatus decision,) = _decision(id);
            if (decision != GameStatus.CHALLENGER_WINS && !_isFinal(id) && !_isRetired(id)) revert Undecided();
            to = r.proposer;
        }
        r.bondPaid = true;
        (bool ok,) = to.call{value: bond}("");
        if (!ok) revert PaymentFailed();
        emit BondPaid(id, to, bond);
    }

    /// Marks a claim as refuted, for the kind's dispute game; everything built on it is lost with it.
    function _lose(uint256 id, address winner) internal {
        Record storage r = _get(id);
        (GameStatus own,) = r.decision == GameStatus.IN_PROGRESS ? _verdict(id) : (r.decision, 0);
        if (own != GameStatus.IN_PROGRESS) revert Decided();
        r.decision = GameStatus.CHALLENGER_WINS;
        r.decidedAt = uint40(block.timestamp);
        winnerOf[id] = winner;
        emit ClaimLost(id, winner);
    }

    /// Claim 0: final at once, with nothing left as a bond.
    function _begin(Claim memory claim) private {
        _anchorParent = claim.parentClaim;
        _record(claim, 0);
        Record storage r = _records[0];
        r.decision = GameStatus.DEFENDER_WINS;
        r.decidedAt = uint40(block.timestamp);
        r.bondPaid = true;
        decidedCount = 1;
    }

    function _record(Claim memory claim, uint256 parentId) private returns (uint256 id) {
        bytes32 claimHash = Hashes.claim(claim);
        if (_idPlusOne[claimHash] != 0) revert KnownClaim(_idPlusOne[claimHash] - 1);
        id = _records.length;
        _idPlusOne[claimHash] = id + 1;
        Record storage r = _records.push();
        r.claimHash = claimHash;
        r.output = claim.output;
        r.programHash = claim.programHash;
        r.number = claim.number;
        r.batchCount = claim.batchCount;
        r.version = claim.version;
        r.parentId = uint64(parentId);
        r.proposer = msg.sender;
        r.createdAt = uint40(block.timestamp);
        address game =
            Clones.cloneDeterministicWithImmutableArgs(gameImplementation, abi.encode(id), bytes32(id));
        emit ClaimProposed(id, claimHash, claim.parentClaim, msg.sender, claim);
        emit DisputeGameCreated(game, respectedGameType(), claim.output);
    }

    // Decisions

    /// The claim's verdict and its ancestors' together. A claim in progress is not looked behind, so that
    /// this is cheap to ask about new claims. Otherwise it goes up to the first recorded decision; those of
    /// claims that came before this one's window ended are usually recorded by the proposals since.
    function _decision(uint256 id) internal view returns (GameStatus decision, uint64 since) {
        while (true) {
            Record storage r = _records[id];
            if (r.decision != GameStatus.IN_PROGRESS) return (r.decision, r.decidedAt > since ? r.decidedAt : since);
            (GameStatus own, uint64 time) = _verdict(id);
            if (own != GameStatus.DEFENDER_WINS) return (own, time);
            if (time > since) since = time;
            id = r.parentId;
        }
    }

    function _finalFrom(uint256 id, uint64 decidedAt) private view returns (uint256) {
        return id == 0 ? decidedAt : decidedAt + disputeGameFinalityDelaySeconds;
    }

    /// Now, or when this settlement was replaced: what is not final by then is void.
    function _until() private view returns (uint64) {
        uint64 retired = systemConfig.retiredAt(address(this));
        return retired == 0 ? uint64(block.timestamp) : retired;
    }

    function _isFinal(uint256 id) internal view returns (bool) {
        (GameStatus decision, uint64 since) = _decision(id);
        return decision == GameStatus.DEFENDER_WINS && _finalFrom(id, since) <= _until();
    }

    function _isRetired(uint256 id) private view returns (bool) {
        return systemConfig.retiredAt(address(this)) != 0 && !_isFinal(id);
    }

    function _get(uint256 id) internal view returns (Record storage) {
        if (id >= _records.length) revert UnknownClaim();
        return _records[id];
    }

    // Views

    /// @inheritdoc ISettlement
    function status(uint256 id) public view returns (uint8) {
        _get(id);
        (GameStatus decision,) = _decision(id);
        return uint8(decision);
    }

    /// @inheritdoc ISettlement
    function isLost(uint256 id) external view returns (bool) {
        return _get(id).decision == GameStatus.CHALLENGER_WINS;
    }

    /// @inheritdoc ISettlement
    function finalOutput(uint256 id) external view returns (bytes32) {
        bytes32 output = _get(id).output;
        return _isFinal(id) ? output : bytes32(0);
    }

    function claimCount() public view returns (uint256) {
        return _records.length;
    }

    /// @inheritdoc ISettlement
    function idOf(bytes32 claimHash) public view returns (uint256) {
        uint256 idPlusOne = _idPlusOne[claimHash];
        if (idPlusOne == 0) revert UnknownClaim();
        return idPlusOne - 1;
    }

    function claimAt(uint256 id)
        public
        view
        returns (Claim memory claim, bytes32 claimHash, uint64 createdAt, uint8 status_)
    {
        Record storage r = _get(id);
        claim.chainId = l2ChainId;
        claim.parentClaim = id == 0 ? _anchorParent : _records[r.parentId].claimHash;
        claim.output = r.output;
        claim.number = r.number;
        claim.batchCount = r.batchCount;
        claim.batchAcc = inbox.batchAccAt(r.batchCount);
        claim.inboxPos = inbox.inboxPosAt(r.batchCount);
        claim.inboxAcc = inbox.inboxAccAt(claim.inboxPos);
        claim.programHash = r.programHash;
        claim.version = r.version;
        return (claim, r.claimHash, r.createdAt, status(id));
    }

    /// @inheritdoc ISettlement
    function latestClaim()
        external
        view
        returns (uint256 id, Claim memory claim, bytes32 claimHash, uint64 createdAt, uint8 status_)
    {
        if (_records.length == 0) revert UnknownClaim();
        id = _records.length - 1;
        (claim, claimHash, createdAt, status_) = claimAt(id);
    }

    /// @inheritdoc ISettlement
    function latestFinal() external view returns (uint256 id, Claim memory claim, bytes32 claimHash) {
        id = _anchor;
        (claim, claimHash,,) = claimAt(id);
    }

    function summaryOf(uint256 id) external view returns (Summary memory) {
        Record storage r = _get(id);
        return Summary(r.output, r.number, r.createdAt, r.proposer);
    }

    /// @notice How claim `id` stands, and since when (0 while it is in progress).
    function decisionOf(uint256 id) external view returns (GameStatus decision, uint64 since) {
        _get(id);
        return _decision(id);
    }

    /// @notice The contract that stands for claim `id`.
    function gameOf(uint256 id) public view returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs(gameImplementation, abi.encode(id), bytes32(id));
    }

    // OP's DisputeGameFactory (OP specs, fault-proof/stage-one/dispute-game-interface.md)

    function gameCount() external view returns (uint256) {
        return _records.length;
    }

    function gameAtIndex(uint256 index) external view returns (uint32 gameType, uint64 timestamp, address proxy) {
        return (respectedGameType(), _get(index).createdAt, gameOf(index));
    }

    /// @notice The oldest claim with this output and block, 0 if there is none. It reads the whole list: made
    ///         for calls from outside.
    function games(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        view
        returns (address proxy, uint64 timestamp)
    {
        if (gameType != respectedGameType() || extraData.length != 32) return (address(0), 0);
        for (uint256 id = 0; id < _records.length; id++) {
            Record storage r = _records[id];
            if (r.output == rootClaim && r.number == uint256(bytes32(extraData))) return (gameOf(id), r.createdAt);
        }
    }

    /// @notice Up to `n` claims from `start_` downwards.
    function findLatestGames(uint32 gameType, uint256 start_, uint256 n)
        external
        view
        returns (GameSearchResult[] memory found)
    {
        if (gameType != respectedGameType() || start_ >= _records.length) return found;
        found = new GameSearchResult[](n <= start_ ? n : start_ + 1);
        for (uint256 i = 0; i < found.length; i++) {
            uint256 id = start_ - i;
            Record storage r = _records[id];
            // OP's GameId: type, time and address, packed
            bytes32 metadata = bytes32(abi.encodePacked(gameType, uint64(r.createdAt), gameOf(id)));
            found[i] = GameSearchResult(id, metadata, r.createdAt, r.output, abi.encode(uint256(r.number)));
        }
    }

    function initBonds(uint32 gameType) external view returns (uint256) {
        return gameType == respectedGameType() ? bond : 0;
    }

    function gameImpls(uint32 gameType) external view returns (address) {
        return gameType == respectedGameType() ? gameImplementation : address(0);
    }

    // OP's AnchorStateRegistry (OP specs, fault-proof/stage-one/anchor-state-registry.md)
    //
    // Of claims in older lists the predecessor knows; so a client that asks here why a withdrawal waits gets
    // its answer after a change of settlement too.

    function isGameRegistered(address game) public view returns (bool) {
        (bool ours,) = _find(game);
        return ours || (_hasPredecessor() && predecessor.isGameRegistered(game));
    }

    /// @notice It is in the list and not void. Nothing is ever blacklisted.
    function isGameProper(address game) external view returns (bool) {
        (bool ours, uint256 id) = _find(game);
        return ours ? !_isRetired(id) : _hasPredecessor() && predecessor.isGameProper(game);
    }

    function isGameRespected(address game) external view returns (bool) {
        return isGameRegistered(game);
    }

    /// @notice This settlement was replaced before the claim was final.
    function isGameRetired(address game) external view returns (bool) {
        (bool ours, uint256 id) = _find(game);
        return ours ? _isRetired(id) : _hasPredecessor() && predecessor.isGameRetired(game);
    }

    function isGameResolved(address game) external view returns (bool) {
        (bool ours, uint256 id) = _find(game);
        return ours ? status(id) != uint8(GameStatus.IN_PROGRESS) : _hasPredecessor() && predecessor.isGameResolved(game);
    }

    /// @notice It has won or lost, and the airgap is over.
    function isGameFinalized(address game) external view returns (bool) {
        (bool ours, uint256 id) = _find(game);
        if (!ours) return _hasPredecessor() && predecessor.isGameFinalized(game);
        (GameStatus decision, uint64 since) = _decision(id);
        return decision != GameStatus.IN_PROGRESS && _finalFrom(id, since) <= _until();
    }

    /// @notice The claim is final: its output is the child's. The portal asks the claim's own settlement.
    function isGameClaimValid(address game) external view returns (bool) {
        (bool ours, uint256 id) = _find(game);
        return ours ? _isFinal(id) : _hasPredecessor() && predecessor.isGameClaimValid(game);
    }

    function isGameBlacklisted(address) external pure returns (bool) {
        return false;
    }

    function getAnchorRoot() external view returns (bytes32 root, uint256 l2SequenceNumber) {
        Record storage r = _get(_anchor);
        return (r.output, r.number);
    }

    function anchorGame() external view returns (address) {
        return gameOf(_anchor);
    }

    function disputeGameFactory() external view returns (address) {
        return address(this);
    }

    function paused() external pure returns (bool) {
        return false;
    }

    function version() external pure returns (string memory) {
        return "3.0.0";
    }

    function _hasPredecessor() private view returns (bool) {
        return address(predecessor) != address(0);
    }

    /// Whether `game` is the contract of one of these claims, and which. What it says itself is not believed
    /// before its address, which follows from its code, fits.
    function _find(address game) private view returns (bool ours, uint256 id) {
        if (game.code.length != 45 + 32) return (false, 0); // EIP-1167 and one word
        id = abi.decode(Clones.fetchCloneArgs(game), (uint256));
        ours = id < _records.length && gameOf(id) == game;
    }
}
