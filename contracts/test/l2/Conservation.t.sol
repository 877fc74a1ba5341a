// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC1155} from "@openzeppelin/contracts-shanghai/token/ERC1155/ERC1155.sol";
import {ERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts-shanghai/token/ERC721/ERC721.sol";
import {AddressAlias} from "../../bridge/AddressAlias.sol";
import {ERC1155Bridge} from "../../bridge/ERC1155Bridge.sol";
import {ERC721Bridge} from "../../bridge/ERC721Bridge.sol";
import {MintableERC1155Factory} from "../../bridge/MintableERC1155Factory.sol";
import {MintableERC20Factory} from "../../bridge/MintableERC20Factory.sol";
import {MintableERC721Factory} from "../../bridge/MintableERC721Factory.sol";
import {OptimismMintableERC1155} from "../../bridge/OptimismMintableERC1155.sol";
import {StandardBridge} from "../../bridge/StandardBridge.sol";
import {FeeVault} from "../../l2/FeeVault.sol";
import {Wallet} from "./StandardBridge.t.sol";
import {MoodyMulti, MoodyNft, MoodyToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// People, relayers and tokens that do as they please, and the sums that hold all the same.
contract Chaos is World {
    enum Kind {
        ERC20,
        ERC721,
        ERC1155
    }

    /// A token or collection, what it is paired with, and where it is at home.
    struct Pair {
        Kind kind;
        bool onChild;
        address token;
        address image;
        address wrong; // what it is also paired with, by mistake
    }

    address internal constant ALICE = address(0xa11ce); // on the parent
    address internal constant CAROL = address(0xca401); // on the child
    address internal constant DAVE = address(0xda7e); // on the child: gets the tips there
    uint256 internal constant START = 1000 ether; // each one's ether
    uint256 internal constant SUPPLY = 1e30; // of each fungible token
    uint256 internal constant IDS = 3; // identifiers of each collection: 0, 1, 2

    Wallet internal wallet1; // a contract on the parent
    Wallet internal wallet2; // a contract on the child
    Pair[] internal pairs;

    uint256 internal withdrawn; // ether that has left the child, ever
    uint256 internal burnt; // thereof, no longer there
    uint256 internal stuck; // withdrawn past the messenger, to a contract that refused it
    mapping(uint256 => bool) internal finalizedAt; // by index of the withdrawal
    uint256 internal finalizedCount;

    /// What a message carries, but for its ether.
    struct Cargo {
        address local; // where it arrives
        address remote;
        uint256 id;
        uint256 amount;
    }

    uint256[] internal open; // the messages that have not succeeded, by index
    uint256 internal noted; // the messages that have been looked at
    mapping(uint256 => Cargo) internal cargo; // by index of the message

    modifier act() {
        vm.recordLogs();
        _;
        _note();
    }

    function _note() internal {
        _collect();
        for (; noted < messages.length; noted++) {
            open.push(noted);
            Message storage m = messages[noted];
            if (m.data.length != 0) cargo[noted] = _unpack(m.data);
        }
        for (uint256 i = 0; i < open.length;) {
            if (_receiver(messages[open[i]]).successfulMessages(messages[open[i]].hash)) {
                open[i] = open[open.length - 1];
                open.pop();
            } else {
                i++;
            }
        }
    }

    function _unpack(bytes memory data) private pure returns (Cargo memory c) {
        bytes4 selector = bytes4(data);
        bytes memory arguments = new bytes(data.length - 4);
        for (uint256 i = 0; i < arguments.length; i++) {
            arguments[i] = data[i + 4];
        }
        (c.local, c.remote) = abi.decode(arguments, (address, address));
        if (selector == StandardBridge.finalizeBridgeERC20.selector) {
            (,,,, c.amount,) = abi.decode(arguments, (address, address, address, address, uint256, bytes));
        } else if (selector == StandardBridge.finalizeReturnERC20.selector) {
            (,,, c.amount) = abi.decode(arguments, (address, address, address, uint256));
        } else if (selector == ERC721Bridge.finalizeBridgeERC721.selector) {
            (,,,, c.id,) = abi.decode(arguments, (address, address, address, address, uint256, bytes));
            c.amount = 1;
        } else if (selector == ERC721Bridge.finalizeReturnERC721.selector) {
            (,,, c.id) = abi.decode(arguments, (address, address, address, uint256));
            c.amount = 1;
        } else {
            uint256[] memory ids;
            uint256[] memory amounts;
            if (selector == ERC1155Bridge.finalizeBridgeERC1155.selector) {
                (,,,, ids, amounts,) =
                    abi.decode(arguments, (address, address, address, address, uint256[], uint256[], bytes));
            } else if (selector == ERC1155Bridge.finalizeReturnERC1155.selector) {
                (,,, ids, amounts) = abi.decode(arguments, (address, address, address, uint256[], uint256[]));
            } else {
                return Cargo(address(0), address(0), 0, 0); // ether
            }
            (c.id, c.amount) = (ids[0], amounts[0]);
        }
    }

    function setUp() public override {
        super.setUp();
        _set(address(tipVault), 1, uint160(DAVE));
        _set(address(tipVault), 3, 1);
        wallet1 = new Wallet();
        wallet2 = new Wallet();
        vm.deal(ALICE, START);
        vm.deal(CAROL, START);
        vm.deal(DAVE, START);
        vm.deal(address(portal), 2 * START); // what there is on the child
        for (uint256 i = 0; i < 6; i++) {
            _makePair(Kind(i % 3), i < 3);
        }
    }

    /// Each token is also paired with an address where no code is.
    function _makePair(Kind kind, bool onChild) private {
        address owner = onChild ? CAROL : ALICE;
        Pair memory p = Pair(kind, onChild, address(0), address(0), address(0x77));
        if (kind == Kind.ERC20) {
            MoodyToken token = new MoodyToken();
            token.mint(owner, SUPPLY);
            p.token = address(token);
            p.image = (onChild ? MintableERC20Factory(factory1) : MintableERC20Factory(factory2))
            .createOptimismMintableERC20(p.token, "I", "I");
        } else if (kind == Kind.ERC721) {
            MoodyNft token = new MoodyNft();
            for (uint256 id = 0; id < IDS; id++) {
                token.mint(owner, id);
            }
            p.token = address(token);
            p.image = (onChild ? MintableERC721Factory(nftFactory1) : MintableERC721Factory(nftFactory2))
            .createOptimismMintableERC721(p.token, "I", "I");
        } else {
            MoodyMulti token = new MoodyMulti();
            for (uint256 id = 0; id < IDS; id++) {
                token.mint(owner, id, SUPPLY);
            }
            p.token = address(token);
            p.image = (onChild ? MintableERC1155Factory(multiFactory1) : MintableERC1155Factory(multiFactory2))
            .createOptimismMintableERC1155(p.token, "I", "I");
        }
        pairs.push(p);
    }

    // --- What may happen

    function sendEther(bool up, bool toContract, uint256 amount, uint32 minGas) external act {
        address from = up ? CAROL : ALICE;
        address to = up ? (toContract ? address(wallet1) : ALICE) : (toContract ? address(wallet2) : CAROL);
        amount = _bound(amount, 0, from.balance);
        _as(from);
        (up ? StandardBridge(bridge2) : StandardBridge(bridge1)).bridgeETHTo{value: amount}(to, minGas % 300_000, "");
    }

    function sendMessage(bool up, uint256 amount, uint32 minGas) external act {
        address from = up ? CAROL : ALICE;
        amount = _bound(amount, 0, from.balance);
        _as(from);
        if (up) messenger2.sendMessage{value: amount}(address(wallet1), "", minGas % 100_000);
        else messenger1.sendMessage{value: amount}(address(wallet2), "", minGas % 100_000);
    }

    /// Past the messenger: no second try.
    function withdrawPlainly(bool toContract, uint256 amount) external act {
        amount = _bound(amount, 0, CAROL.balance);
        _as(CAROL);
        passer.initiateWithdrawal{value: amount}(toContract ? address(wallet1) : ALICE, 50_000, "");
    }

    /// `back` from where the image is; `mistaken` to where there is no image.
    function sendToken(uint256 which, bool back, bool mistaken, uint256 id, uint256 amount, uint32 minGas)
        external
        act
    {
        Pair memory p = pairs[which % pairs.length];
        bool up = p.onChild != back;
        address from = up ? CAROL : ALICE;
        address local = back ? p.image : p.token;
        address remote = back ? p.token : mistaken ? p.wrong : p.image;
        id %= IDS;
        minGas %= 600_000;
        uint256 balance = _balance(p.kind, local, from, id);
        if (balance == 0) return;
        amount = _bound(amount, 1, balance); // no tokens for no pair may fail for ever, and cost nobody anything
        address bridge = _bridge(p.kind, up);
        if (p.kind == Kind.ERC20) {
            _as(from);
            ERC20(local).approve(bridge, amount);
        } else {
            _as(from);
            ERC721(local).setApprovalForAll(bridge, true); // ERC-1155 has it too
        }
        if (!back && MoodyToken(p.token).refuses()) vm.expectRevert();
        _as(from);
        if (p.kind == Kind.ERC20) {
            StandardBridge(payable(bridge)).bridgeERC20(local, remote, amount, minGas, "");
        } else if (p.kind == Kind.ERC721) {
            ERC721Bridge(bridge).bridgeERC721(local, remote, id, minGas, "");
        } else {
            ERC1155Bridge(bridge).bridgeERC1155(local, remote, id, amount, minGas, "");
        }
    }

    function runDeposit() external act {
        if (depositsRun < portal.depositCount()) require(_runDeposit(), "a deposit failed");
    }

    function finalizeWithdrawal(uint256 which) external act {
        if (finalizedCount == withdrawals.length) return;
        which %= withdrawals.length;
        while (finalizedAt[which]) which = (which + 1) % withdrawals.length;
        finalizedAt[which] = true;
        finalizedCount++;
        if (!_finalize(which)) {
            require(withdrawals[which].sender != address(messenger2), "a withdrawal through the messenger failed");
            stuck += withdrawals[which].value;
        }
    }

    /// Anyone, with any gas, also what has succeeded or has not arrived yet.
    function replayMessage(uint256 which, uint256 gas_) external act {
        if (messages.length == 0) return;
        Message memory m = messages[which % messages.length];
        bool before = _succeeded(m);
        bytes memory data = _encode(m);
        address receiver = address(_receiver(m));
        bool mayRun = _failed(m);
        (bool success,) = receiver.call{gas: _bound(gas_, 0, 2_000_000)}(data);
        require(mayRun || !success, "relayed what had not failed");
        require(!before || _succeeded(m), "a success was forgotten");
    }

    function refuseEther(bool up, bool refuses) external {
        (up ? wallet1 : wallet2).setRefuses(refuses);
    }

    function refuseToken(uint256 which, bool refuses) external {
        MoodyToken(pairs[which % pairs.length].token).setRefuses(refuses);
    }

    function payFees(uint256 which, uint256 amount) external {
        amount = _bound(amount, 0, CAROL.balance / 4);
        address vault = [address(tipVault), address(baseVault), address(l1Vault)][which % 3];
        vm.deal(CAROL, CAROL.balance - amount);
        vm.deal(vault, vault.balance + amount); // as the state transition does, without a call
    }

    function withdrawFees(uint256 which) external act {
        address vault = [address(tipVault), address(baseVault), address(l1Vault)][which % 3];
        if (vault.balance >= MIN_FEE_WITHDRAWAL) FeeVault(payable(vault)).withdraw();
    }

    function burn() external act {
        burnt += address(passer).balance;
        passer.burn();
    }

    // --- What always holds

    function checkEther() external view {
        uint256 onChild = CAROL.balance + DAVE.balance + address(wallet2).balance + address(messenger2).balance
            + address(bridge2).balance + AddressAlias.apply_(address(messenger1)).balance;
        uint256 inVaults = address(tipVault).balance + address(baseVault).balance + address(l1Vault).balance;
        uint256 down;
        for (uint256 i = depositsRun; i < portal.depositCount(); i++) {
            down += portal.depositAt(i).value;
        }
        uint256 up;
        uint256 ever;
        for (uint256 i = 0; i < withdrawals.length; i++) {
            ever += withdrawals[i].value;
            if (!finalizedAt[i]) up += withdrawals[i].value;
        }
        vm.assertEq(
            address(portal).balance, onChild + inVaults + down + up + stuck, "escrow = supply + vaults + in flight"
        );
        vm.assertEq(address(passer).balance + burnt, ever, "what has left the child is out of circulation");
        vm.assertEq(
            address(portal).balance + ALICE.balance + address(wallet1).balance + FEE_RECIPIENT.balance
                + address(messenger1).balance + address(bridge1).balance,
            3 * START,
            "no ether comes or goes on the parent"
        );
        (uint256 waiting1, uint256 waiting2) = (0, 0);
        for (uint256 i = 0; i < open.length; i++) {
            Message storage m = messages[open[i]];
            if (!_receiver(m).failedMessages(m.hash)) continue;
            if (m.up) waiting1 += m.value;
            else waiting2 += m.value;
        }
        vm.assertEq(address(messenger1).balance, waiting1, "the parent's messenger holds what has failed");
        vm.assertEq(address(messenger2).balance, waiting2, "the child's messenger holds what has failed");
        vm.assertEq(address(bridge1).balance + address(bridge2).balance, 0, "bridges hold no ether");
        vm.assertEq(AddressAlias.apply_(address(messenger1)).balance, 0, "no deposit was lost on its way");
    }

    function checkTokens() external view {
        for (uint256 i = 0; i < pairs.length; i++) {
            Pair memory p = pairs[i];
            for (uint256 id = 0; id < (p.kind == Kind.ERC20 ? 1 : IDS); id++) {
                (uint256 kept, uint256 astray) = (_kept(p, p.image, id), _kept(p, p.wrong, id));
                vm.assertEq(
                    kept, _supply(p.kind, p.image, id) + _inFlight(p.token, p.image, id), "escrow = supply + in flight"
                );
                vm.assertEq(astray, _inFlight(p.token, p.wrong, id), "what fits no pair is on its way back");
                address bridge = _bridge(p.kind, p.onChild);
                vm.assertEq(_balance(p.kind, p.token, bridge, id), kept + astray, "what is kept is there");
            }
        }
    }

    function _bridge(Kind kind, bool onChild) private view returns (address) {
        if (kind == Kind.ERC20) return onChild ? address(bridge2) : address(bridge1);
        if (kind == Kind.ERC721) return onChild ? address(nftBridge2) : address(nftBridge1);
        return onChild ? address(multiBridge2) : address(multiBridge1);
    }

    function _kept(Pair memory p, address remote, uint256 id) private view returns (uint256) {
        address bridge = _bridge(p.kind, p.onChild);
        if (p.kind == Kind.ERC20) return StandardBridge(payable(bridge)).deposits(p.token, remote);
        if (p.kind == Kind.ERC721) return ERC721Bridge(bridge).deposits(p.token, remote, id) ? 1 : 0;
        return ERC1155Bridge(bridge).deposits(p.token, remote, id);
    }

    function _balance(Kind kind, address token, address who, uint256 id) private view returns (uint256) {
        if (kind == Kind.ERC20) return ERC20(token).balanceOf(who);
        if (kind == Kind.ERC1155) return ERC1155(token).balanceOf(who, id);
        try ERC721(token).ownerOf(id) returns (address owner) {
            return owner == who ? 1 : 0;
        } catch {
            return 0;
        }
    }

    function _supply(Kind kind, address image, uint256 id) private view returns (uint256) {
        if (kind == Kind.ERC20) return ERC20(image).totalSupply();
        if (kind == Kind.ERC1155) return OptimismMintableERC1155(image).totalSupply(id);
        try ERC721(image).ownerOf(id) {
            return 1;
        } catch {
            return 0;
        }
    }

    /// Tokens of a pair in messages that have not succeeded, whichever way they go.
    function _inFlight(address token, address image, uint256 id) private view returns (uint256 sum) {
        for (uint256 i = 0; i < open.length; i++) {
            Cargo storage c = cargo[open[i]];
            if (c.id != id) continue;
            if (c.local == token ? c.remote == image : c.local == image && c.remote == token) sum += c.amount;
        }
    }

    // --- In the end

    /// When all are willing and there is gas, nothing stays on its way.
    function settle() external {
        vm.recordLogs();
        wallet1.setRefuses(false);
        wallet2.setRefuses(false);
        for (uint256 i = 0; i < pairs.length; i++) {
            MoodyToken(pairs[i].token).setRefuses(false);
        }
        for (bool more = true; more; _note()) {
            more = false;
            for (; depositsRun < portal.depositCount(); more = true) {
                require(_runDeposit(), "a deposit failed");
            }
            for (uint256 i = 0; i < withdrawals.length; i++) {
                if (finalizedAt[i]) continue;
                finalizedAt[i] = more = true;
                finalizedCount++;
                require(_finalize(i), "a withdrawal failed");
            }
            for (uint256 i = 0; i < messages.length; i++) {
                if (!_failed(messages[i])) continue;
                _replay(messages[i]);
                require(_succeeded(messages[i]), "a message cannot be replayed");
                more = true;
            }
        }
        require(open.length == 0, "a message is lost");
        for (uint256 i = 0; i < pairs.length; i++) {
            for (uint256 id = 0; id < IDS; id++) {
                require(_kept(pairs[i], pairs[i].wrong, id) == 0, "tokens stay for a pair that does not exist");
            }
        }
    }
}

contract ConservationTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Chaos internal chaos;

    function setUp() public {
        chaos = new Chaos();
        chaos.setUp();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(chaos);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory s = new bytes4[](18);
        s[0] = Chaos.sendEther.selector;
        s[1] = Chaos.sendMessage.selector;
        s[2] = Chaos.withdrawPlainly.selector;
        s[3] = Chaos.sendToken.selector;
        s[4] = Chaos.runDeposit.selector;
        s[5] = Chaos.finalizeWithdrawal.selector;
        s[6] = Chaos.replayMessage.selector;
        s[7] = Chaos.refuseEther.selector;
        s[8] = Chaos.refuseToken.selector;
        s[9] = Chaos.payFees.selector;
        s[10] = Chaos.withdrawFees.selector;
        s[11] = Chaos.burn.selector;
        // Four times as often:
        for (uint256 i = 12; i < 15; i++) {
            s[i] = Chaos.sendToken.selector;
        }
        s[15] = Chaos.runDeposit.selector;
        s[16] = Chaos.finalizeWithdrawal.selector;
        s[17] = Chaos.finalizeWithdrawal.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(chaos), s);
    }

    /// forge-config: default.invariant.runs = 25
    /// forge-config: default.invariant.depth = 120
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_nothingIsMadeOrLost() external view {
        chaos.checkEther();
        chaos.checkTokens();
    }

    function afterInvariant() external {
        chaos.settle();
        chaos.checkEther();
        chaos.checkTokens();
    }
}
