// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {AddressAlias} from "../../bridge/AddressAlias.sol";
import {CrossDomainMessenger} from "../../bridge/CrossDomainMessenger.sol";
import {L1CrossDomainMessenger} from "../../bridge/L1CrossDomainMessenger.sol";
import {L1ERC1155Bridge} from "../../bridge/L1ERC1155Bridge.sol";
import {L1ERC721Bridge} from "../../bridge/L1ERC721Bridge.sol";
import {L1OptimismMintableERC1155Factory} from "../../bridge/L1OptimismMintableERC1155Factory.sol";
import {L1OptimismMintableERC20Factory} from "../../bridge/L1OptimismMintableERC20Factory.sol";
import {L1OptimismMintableERC721Factory} from "../../bridge/L1OptimismMintableERC721Factory.sol";
import {L1StandardBridge} from "../../bridge/L1StandardBridge.sol";
import {SafeCall} from "../../bridge/SafeCall.sol";
import {BaseFeeVault} from "../../l2/BaseFeeVault.sol";
import {GasPriceOracle} from "../../l2/GasPriceOracle.sol";
import {L1Block} from "../../l2/L1Block.sol";
import {L1FeeVault} from "../../l2/L1FeeVault.sol";
import {L2CrossDomainMessenger} from "../../l2/L2CrossDomainMessenger.sol";
import {L2ERC1155Bridge} from "../../l2/L2ERC1155Bridge.sol";
import {L2ERC721Bridge} from "../../l2/L2ERC721Bridge.sol";
import {L2StandardBridge} from "../../l2/L2StandardBridge.sol";
import {L2ToL1MessagePasser} from "../../l2/L2ToL1MessagePasser.sol";
import {OptimismMintableERC1155Factory} from "../../l2/OptimismMintableERC1155Factory.sol";
import {OptimismMintableERC20Factory} from "../../l2/OptimismMintableERC20Factory.sol";
import {OptimismMintableERC721Factory} from "../../l2/OptimismMintableERC721Factory.sol";
import {IPortal} from "../../interfaces/IPortal.sol";
import {Predeploys} from "../../l2/Predeploys.sol";
import {SequencerFeeVault} from "../../l2/SequencerFeeVault.sol";
import {WETH} from "../../l2/WETH.sol";
import {Vm} from "forge-std/Vm.sol";

/// What the portal does for the messenger: keeps the parent's ether, lists deposits, makes the calls
/// of withdrawals (whose proofs are the portal's own business) once each, success or not, as OP's does.
contract MockPortal {
    struct Deposit {
        address from;
        address to;
        uint256 value;
        uint64 gasLimit;
        bytes data;
    }

    struct Withdrawal {
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }

    address internal constant NOBODY = 0x000000000000000000000000000000000000dEaD;

    address public l2Sender = NOBODY;
    mapping(bytes32 => bool) public finalized;
    Deposit[] public deposits;

    function depositTransaction(address _to, uint256 _value, uint64 _gasLimit, bool, bytes memory _data)
        external
        payable
    {
        require(msg.value == _value, "MockPortal: deposits mint what they send");
        address from = msg.sender == tx.origin ? msg.sender : AddressAlias.apply_(msg.sender);
        deposits.push(Deposit(from, _to, _value, _gasLimit, _data));
    }

    function depositAt(uint256 index) external view returns (Deposit memory) {
        return deposits[index];
    }

    function depositCount() external view returns (uint256) {
        return deposits.length;
    }

    function finalize(Withdrawal calldata w) external returns (bool success) {
        require(l2Sender == NOBODY, "MockPortal: reentered");
        bytes32 hash = keccak256(abi.encode(w.nonce, w.sender, w.target, w.value, w.gasLimit, w.data));
        require(!finalized[hash], "MockPortal: finalized");
        finalized[hash] = true;
        l2Sender = w.sender;
        bytes memory data = w.data;
        require(SafeCall.hasMinGas(w.gasLimit, 0), "SafeCall: Not enough gas");
        success = SafeCall.call(w.target, gasleft(), w.value, data);
        l2Sender = NOBODY;
    }
}

/// A parent and a child in one process. They share accounts, so each test uses an account on one of
/// the two only; nothing moves between them but deposits, run by `runDeposit`, and withdrawals,
/// finalised by `finalize`.
abstract contract World {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// Any message, as its SentMessage events tell.
    struct Message {
        bool up; // from the child to the parent
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 minGasLimit;
        bytes data;
        bytes32 hash;
    }

    MockPortal internal portal;
    L1CrossDomainMessenger internal messenger1;
    L1StandardBridge internal bridge1;
    L1ERC721Bridge internal nftBridge1;
    L1ERC1155Bridge internal multiBridge1;
    L1OptimismMintableERC20Factory internal factory1;
    L1OptimismMintableERC721Factory internal nftFactory1;
    L1OptimismMintableERC1155Factory internal multiFactory1;

    L1Block internal constant l1Block = L1Block(Predeploys.L1_BLOCK_ATTRIBUTES);
    GasPriceOracle internal constant oracle = GasPriceOracle(Predeploys.GAS_PRICE_ORACLE);
    L2ToL1MessagePasser internal constant passer = L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER));
    L2CrossDomainMessenger internal constant messenger2 = L2CrossDomainMessenger(Predeploys.L2_CROSS_DOMAIN_MESSENGER);
    L2StandardBridge internal constant bridge2 = L2StandardBridge(payable(Predeploys.L2_STANDARD_BRIDGE));
    OptimismMintableERC20Factory internal constant factory2 =
        OptimismMintableERC20Factory(Predeploys.OPTIMISM_MINTABLE_ERC20_FACTORY);
    L2ERC721Bridge internal constant nftBridge2 = L2ERC721Bridge(Predeploys.L2_ERC721_BRIDGE);
    OptimismMintableERC721Factory internal constant nftFactory2 =
        OptimismMintableERC721Factory(Predeploys.OPTIMISM_MINTABLE_ERC721_FACTORY);
    L2ERC1155Bridge internal constant multiBridge2 = L2ERC1155Bridge(Predeploys.L2_ERC1155_BRIDGE);
    OptimismMintableERC1155Factory internal constant multiFactory2 =
        OptimismMintableERC1155Factory(Predeploys.OPTIMISM_MINTABLE_ERC1155_FACTORY);
    SequencerFeeVault internal constant tipVault = SequencerFeeVault(payable(Predeploys.SEQUENCER_FEE_VAULT));
    BaseFeeVault internal constant baseVault = BaseFeeVault(payable(Predeploys.BASE_FEE_VAULT));
    L1FeeVault internal constant l1Vault = L1FeeVault(payable(Predeploys.L1_FEE_VAULT));
    WETH internal constant weth = WETH(payable(Predeploys.WETH));

    uint256 internal constant PARENT_ID = 1;
    uint256 internal constant CHILD_ID = 901;
    address internal constant FEE_RECIPIENT = address(0xfee);
    uint256 internal constant MIN_FEE_WITHDRAWAL = 1 ether;

    /// How many deposits have run.
    uint256 internal depositsRun;
    MockPortal.Withdrawal[] internal withdrawals;
    Message[] internal messages;

    function setUp() public virtual {
        _deployParent();
        _writeGenesis();
        vm.recordLogs();
    }

    function _deployParent() internal virtual {
        portal = new MockPortal();
        messenger1 = new L1CrossDomainMessenger(IPortal(address(portal)));
        bridge1 = new L1StandardBridge(messenger1);
        nftBridge1 = new L1ERC721Bridge(messenger1);
        multiBridge1 = new L1ERC1155Bridge(messenger1);
        factory1 = new L1OptimismMintableERC20Factory(address(bridge1));
        nftFactory1 = new L1OptimismMintableERC721Factory(address(nftBridge1), CHILD_ID);
        multiFactory1 = new L1OptimismMintableERC1155Factory(address(multiBridge1), CHILD_ID);
    }

    /// As the node does: code and slots, and nothing that a constructor would have done.
    function _writeGenesis() internal virtual {
        vm.etch(address(l1Block), address(new L1Block()).code);
        vm.etch(address(oracle), address(new GasPriceOracle()).code);
        vm.etch(address(passer), address(new L2ToL1MessagePasser()).code);
        vm.etch(address(messenger2), address(new L2CrossDomainMessenger()).code);
        vm.etch(address(bridge2), address(new L2StandardBridge()).code);
        vm.etch(address(factory2), address(new OptimismMintableERC20Factory()).code);
        vm.etch(address(nftBridge2), address(new L2ERC721Bridge()).code);
        vm.etch(address(nftFactory2), address(new OptimismMintableERC721Factory()).code);
        vm.etch(address(multiBridge2), address(new L2ERC1155Bridge()).code);
        vm.etch(address(multiFactory2), address(new OptimismMintableERC1155Factory()).code);
        vm.etch(address(tipVault), address(new SequencerFeeVault()).code);
        vm.etch(address(baseVault), address(new BaseFeeVault()).code);
        vm.etch(address(l1Vault), address(new L1FeeVault()).code);
        vm.etch(address(weth), address(new WETH()).code);
        _set(address(messenger2), 4, uint160(address(messenger1)));
        _set(address(bridge2), 2, uint160(address(bridge1)));
        _set(address(nftBridge2), 2, uint160(address(nftBridge1)));
        _set(address(multiBridge2), 2, uint160(address(multiBridge1)));
        _set(address(nftFactory2), 1, PARENT_ID);
        _set(address(multiFactory2), 1, PARENT_ID);
        address[3] memory vaults = [address(tipVault), address(baseVault), address(l1Vault)];
        for (uint256 i = 0; i < vaults.length; i++) {
            _set(vaults[i], 1, uint160(FEE_RECIPIENT));
            _set(vaults[i], 2, MIN_FEE_WITHDRAWAL);
            _set(vaults[i], 3, 0);
        }
    }

    function _set(address account, uint256 slot, uint256 value) internal {
        vm.store(account, bytes32(slot), bytes32(value));
    }

    /// Makes `who` the sender of the next call, as an account with a key.
    function _as(address who) internal {
        vm.prank(who, who);
    }

    function _bound(uint256 x, uint256 min, uint256 max) internal pure returns (uint256) {
        return min + x % (max - min + 1);
    }

    // --- Time passes on both chains

    /// Reads what has been sent since last time.
    function _collect() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            Vm.Log memory log = logs[i];
            if (log.topics.length == 0) continue;
            bytes32 kind = log.topics[0];
            if (log.emitter == address(passer) && kind == L2ToL1MessagePasser.MessagePassed.selector) {
                (uint256 value, uint256 gasLimit, bytes memory data,) =
                    abi.decode(log.data, (uint256, uint256, bytes, bytes32));
                withdrawals.push(
                    MockPortal.Withdrawal(
                        uint256(log.topics[1]),
                        address(uint160(uint256(log.topics[2]))),
                        address(uint160(uint256(log.topics[3]))),
                        value,
                        gasLimit,
                        data
                    )
                );
            } else if (log.emitter == address(messenger1) || log.emitter == address(messenger2)) {
                if (kind == CrossDomainMessenger.SentMessage.selector) {
                    Message storage m = messages.push();
                    m.up = log.emitter == address(messenger2);
                    m.target = address(uint160(uint256(log.topics[1])));
                    (m.sender, m.data, m.nonce, m.minGasLimit) =
                        abi.decode(log.data, (address, bytes, uint256, uint256));
                } else if (kind == CrossDomainMessenger.SentMessageExtension1.selector) {
                    Message storage m = messages[messages.length - 1];
                    m.value = abi.decode(log.data, (uint256));
                    m.hash = _hash(m);
                }
            }
        }
    }

    /// Runs the next deposit on the child, with the gas that it bought.
    function _runDeposit() internal returns (bool success) {
        MockPortal.Deposit memory d = portal.depositAt(depositsRun++);
        vm.deal(d.from, d.from.balance + d.value);
        uint256 intrinsic = 21_000;
        uint256 floor = 21_000; // EIP-7623
        for (uint256 i = 0; i < d.data.length; i++) {
            intrinsic += d.data[i] == 0 ? 4 : 16;
            floor += d.data[i] == 0 ? 10 : 40;
        }
        require(d.gasLimit >= intrinsic && d.gasLimit >= floor, "MockPortal: too little gas for its data");
        vm.prank(d.from, d.from);
        (success,) = d.to.call{gas: d.gasLimit - intrinsic, value: d.value}(d.data);
        _collect();
    }

    function _runDeposits() internal {
        while (depositsRun < portal.depositCount()) require(_runDeposit(), "a deposit failed");
    }

    function _finalize(uint256 index) internal returns (bool success) {
        success = portal.finalize(withdrawals[index]);
        _collect();
    }

    /// Finalises the newest withdrawal.
    function _finalizeLast() internal returns (bool success) {
        _collect();
        return _finalize(withdrawals.length - 1);
    }

    // --- Messages

    function _encode(Message memory m) internal pure returns (bytes memory) {
        return abi.encodeCall(
            CrossDomainMessenger.relayMessage, (m.nonce, m.sender, m.target, m.value, m.minGasLimit, m.data)
        );
    }

    function _hash(Message memory m) internal pure returns (bytes32) {
        return keccak256(_encode(m));
    }

    function _receiver(Message memory m) internal view returns (CrossDomainMessenger) {
        return m.up ? CrossDomainMessenger(messenger1) : CrossDomainMessenger(messenger2);
    }

    function _succeeded(Message memory m) internal view returns (bool) {
        return _receiver(m).successfulMessages(m.hash);
    }

    function _failed(Message memory m) internal view returns (bool) {
        return _receiver(m).failedMessages(m.hash) && !_receiver(m).successfulMessages(m.hash);
    }

    function _lastMessage() internal returns (Message memory) {
        _collect();
        return messages[messages.length - 1];
    }

    /// Replays a failed message; whether it succeeded shows in the receiver's mappings.
    function _replay(Message memory m) internal returns (bool success) {
        (success,) = address(_receiver(m)).call(_encode(m));
        _collect();
    }
}
